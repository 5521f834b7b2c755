"""Schedules, in every face."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
import streambro
from calls import tries
from faces import got, until
from film import check_recording
from specs import film
from streambro import (
    InvalidArgumentError,
    InvalidSpecError,
    NotFoundError,
    Schedule,
    Window,
)

if TYPE_CHECKING:
    from pathlib import Path

    from faces import Face
    from peers import Nginx

NEW_YEAR = datetime(2096, 1, 1, tzinfo=timezone.utc)
NEW_YEAR_MS = 3_976_214_400_000
HOUR_MS = 3_600_000


@tries("UserScope.schedule", "UserScope.reschedule", "UserScope.upcoming", "UserScope.cancel")
async def test_a_stream_is_planned_planned_anew_and_cancelled(
    face: Face, whose: str, nowhere: str, clip: Path, key: str
) -> None:
    async with face.scope(whose) as manager:
        spec = film(clip, nowhere, key, schedule=Schedule(start=NEW_YEAR, for_ms=HOUR_MS))
        airing = await got(manager.schedule(spec))
        assert (airing.start_unix_ms, airing.end_unix_ms) == (NEW_YEAR_MS, NEW_YEAR_MS + HOUR_MS)
        with pytest.raises(InvalidSpecError, match="other"):
            await got(manager.schedule(film(clip, nowhere, key, id="other")))
        assert [coming.id for coming in manager.upcoming()] == ["film"]
        airing = await got(manager.reschedule("film", {"start": "2097-01-01T00:00:00Z"}))
        assert (airing.start_unix_ms, airing.end_unix_ms) == (NEW_YEAR_MS + 366 * 24 * HOUR_MS, None)
        await got(manager.cancel("film"))
        assert manager.upcoming() == ()
        for change in (manager.cancel, lambda name: manager.reschedule(name, Schedule(start=NEW_YEAR))):
            with pytest.raises(NotFoundError, match="film"):
                await got(change("film"))
        # One that is over before it begins is planned by nobody.
        over = Schedule(start="2020-01-01T00:00:00Z", for_ms=HOUR_MS)
        assert await got(manager.schedule(film(clip, nowhere, key, schedule=over))) is None


@tries("UserScope.extend", "UserScope.clear_end")
async def test_an_end_is_moved_and_dropped(face: Face, whose: str, nowhere: str, clip: Path, key: str) -> None:
    async with face.scope(whose) as manager:
        await got(manager.schedule(film(clip, nowhere, key, schedule=Schedule(start=NEW_YEAR, for_ms=HOUR_MS))))
        airing = await got(manager.extend("film", timedelta(minutes=30)))
        assert airing.end_unix_ms == NEW_YEAR_MS + HOUR_MS * 3 // 2
        with pytest.raises(ValueError, match="later"):
            await got(manager.extend("film", timedelta(minutes=-30)))
        assert await got(manager.clear_end("film")) is True
        assert await got(manager.clear_end("film")) is False
        with pytest.raises(InvalidSpecError, match="film"):
            await got(manager.extend("film", timedelta(minutes=30)))
        for change in (manager.clear_end, lambda name: manager.extend(name, timedelta(1))):
            with pytest.raises(NotFoundError, match="nobody"):
                await got(change("nobody"))


@tries("UserScope.schedule")
async def test_a_stream_is_on_the_air_in_its_time(face: Face, nginx: Nginx, clip: Path, key: str) -> None:
    now = datetime.now(timezone.utc)
    async with face.manager() as manager:
        await got(manager.schedule(film(clip, nginx.url, key, schedule=Schedule(start=now, for_ms=3_000))))
        events = manager.events("film")
        ended = await until(events, lambda event: getattr(event, "to", None) == "ended")
        assert ended.reason == "schedule_ended"
    check_recording(nginx.recording(key))


@tries("UserScope.upcoming", "preview")
async def test_what_comes_is_told_ahead(face: Face, whose: str, nowhere: str, clip: Path, key: str) -> None:
    nightly = Schedule(zone="Europe/Berlin", windows=[Window(from_="02:30", for_ms=60_000)])
    async with face.scope(whose) as manager:
        await got(manager.schedule(film(clip, nowhere, key, schedule=nightly)))
        coming = manager.upcoming(3)
        assert [airing.id for airing in coming] == ["film"] * 3
        assert coming[0].airing.start_unix_ms < coming[1].airing.start_unix_ms
        with pytest.raises(InvalidArgumentError, match="10001"):
            manager.upcoming(10_001)
    spring = datetime(2026, 3, 28, 12, tzinfo=timezone.utc)
    first, second = streambro.preview(nightly, spring, 2)
    assert first.start.startswith("2026-03-29T03:30:00+02:00")
    assert "clocks go forward" in (first.note or "")
    assert second.start.startswith("2026-03-30T02:30:00")
    assert second.note is None
    with pytest.raises(ValueError, match="time zone"):
        streambro.preview(nightly, spring.replace(tzinfo=None))
    with pytest.raises(InvalidSpecError, match="Mars"):
        streambro.preview({"zone": "Mars"}, spring)
