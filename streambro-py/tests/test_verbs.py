"""What a manager and its scopes of users do with streams, called as their docstrings say, in every face."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

import pytest
from calls import TRIED, public_names, tries
from faces import each, got, until
from specs import film, playlist
from streambro import (
    AlreadyExistsError,
    Append,
    Band,
    ConflictError,
    CustomPlatform,
    Destination,
    EndedError,
    InvalidSpecError,
    Item,
    LegChanged,
    Missed,
    NotFoundError,
    PlatformProfile,
    Remove,
    Schedule,
    Source,
    SourceUnreadableError,
    TimedOutError,
    Unavailable,
    WouldStart,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from faces import Face
    from peers import Nginx

NEW_YEAR = datetime(2096, 1, 1, tzinfo=timezone.utc)


@tries("UserScope.start", "UserScope.stop", "Stream.stop", "Stream.ended", "Stream.wait_for", "Stream.id", "Stream.status")
async def test_a_stream_is_wanted_until_it_is_stopped(face: Face, whose: str, nowhere: str, clip: Path, key: str) -> None:
    async with face.scope(whose) as manager:
        stream = await got(manager.start(film(clip, nowhere, key)))
        assert stream.id == "film"
        assert repr(stream) == "<Stream 'film'>"
        await got(stream.wait_for("starting", timeout=10))
        status = stream.status()
        assert (status.id, status.phase, status.user) == ("film", "starting", "alice" if whose == "user" else None)
        stream.stop()
        assert (await got(stream.ended(timeout=10))).reason == "stopped"
        with pytest.raises(EndedError, match="film"):
            await got(stream.wait_for("live", timeout=10))
        # Stopping one that has ended is fine, in either way.
        manager.stop("film")
        stream.stop()

        again = await got(manager.start(film(clip, nowhere, key)))
        manager.stop("film")
        assert (await got(again.ended(timeout=10))).reason == "stopped"
        assert stream.status().started_unix_ms < again.status().started_unix_ms


@tries("UserScope.start", "UserScope.replace")
async def test_a_spec_takes_the_place_of_another(face: Face, whose: str, nowhere: str, clip: Path, key: str) -> None:
    async with face.scope(whose) as manager:
        before = await got(manager.start(film(clip, nowhere, key)))
        with pytest.raises(AlreadyExistsError, match="film"):
            await got(manager.start(film(clip, nowhere, key, priority=1)))
        with pytest.raises(SourceUnreadableError):
            await got(manager.replace(film(clip.with_name("no.mp4"), nowhere, key)))
        assert before.status().phase == "starting"
        after = await got(manager.replace(film(clip, nowhere, key, priority=1)))
        assert (await got(before.ended(timeout=10))).reason == "stopped"
        assert after.status().phase in {"preparing", "starting"}
        with pytest.raises(NotFoundError, match="nobody"):
            await got(manager.replace(film(clip, nowhere, key, id="nobody")))


@tries("UserScope.clear_all", "UserScope.list")
async def test_everything_is_ended_and_forgotten(face: Face, whose: str, nowhere: str, clip: Path, key: str) -> None:
    async with face.scope(whose) as manager:
        streams = [await got(manager.start(film(clip, nowhere, key, id=name))) for name in ("a", "b")]
        await got(manager.schedule(film(clip, nowhere + "2", key, id="later", schedule=Schedule(start=NEW_YEAR))))
        assert [status.id for status in manager.list()] == ["a", "b", "later"]
        assert manager.clear_all() == 3
        for stream in streams:
            assert (await got(stream.ended(timeout=10))).reason == "stopped"
        assert [(status.id, status.phase) for status in manager.list()] == [("a", "ended"), ("b", "ended")]
        assert manager.upcoming() == ()
        assert manager.clear_all() == 0


@tries("UserScope.stream", "UserScope.status", "UserScope.logs", "UserScope.history", "Stream.status", "Stream.logs")
async def test_a_stream_is_looked_at(face: Face, whose: str, nowhere: str, clip: Path, key: str) -> None:
    async with face.scope(whose) as manager:
        events = manager.events("film")
        started = await got(manager.start(film(clip, nowhere, key)))
        await until(events, lambda event: isinstance(event, LegChanged) and event.phase == "waiting")
        stream = manager.stream("film")
        assert manager.status("film").legs[0].reason == stream.status().legs[0].reason == "unreachable"
        lines = manager.logs("film")
        assert stream.logs()[: len(lines)] == lines
        assert lines[0].message == "destination 0: connecting"
        assert {line.level for line in lines} == {"info", "warn"}
        assert manager.history() == ()
        stream.stop()
        await got(started.ended(timeout=10))
        record = manager.history()[-1]
        assert (record.id, record.reason, record.bytes) == ("film", "stopped", 0)
        assert record.started_unix_ms <= record.ended_unix_ms
        for look in (manager.stream, manager.status, manager.logs, manager.stop):
            with pytest.raises(NotFoundError, match="nobody"):
                look("nobody")


@tries("UserScope.status", "UserScope.stream", "UserScope.logs")
async def test_what_waits_for_its_time_has_a_status_but_no_run(
    face: Face, whose: str, nowhere: str, clip: Path, key: str
) -> None:
    async with face.scope(whose) as manager:
        await got(manager.schedule(film(clip, nowhere, key, schedule=Schedule(start=NEW_YEAR))))
        assert manager.status("film").phase == "scheduled"
        for look in (manager.stream, manager.logs):
            with pytest.raises(NotFoundError, match="film"):
                look("film")


@tries("UserScope.events", "Events.next")
async def test_events_come_in_order_and_end_with_the_manager(
    face: Face, whose: str, nowhere: str, clip: Path, key: str
) -> None:
    async with face.scope(whose) as manager:
        events, others = manager.events(), manager.events("another")
        with pytest.raises(TimedOutError):
            await got(events.next(timeout=0.05))
        await got(manager.start(film(clip, nowhere, key)))
        first = await got(events.next(timeout=10))
        assert (first.stream, first.phase) == ("film", "connecting")
        with pytest.raises(InvalidSpecError, match="id"):
            manager.events("a/b")
    rest = [event async for event in each(events)]
    numbers = [first.seq, *(event.seq for event in rest)]
    assert numbers == sorted(set(numbers))
    assert rest[-1].to == "ended"
    assert await got(events.next()) is None
    assert [event async for event in each(others)] == []


@tries("UserScope.events")
async def test_a_slow_reader_loses_the_oldest_and_is_told_how_many(
    face: Face, whose: str, nowhere: str, clip: Path, key: str
) -> None:
    async with face.scope(whose) as manager:
        slow, quick = manager.events(capacity=2), manager.events()
        await got(manager.start(film(clip, nowhere, key)))
        await until(quick, lambda event: isinstance(event, LegChanged) and event.phase == "waiting")
    all_of_them = [event.seq async for event in each(quick)]
    told, *kept = [event async for event in each(slow)]
    assert isinstance(told, Missed)
    assert [event.seq for event in kept] == all_of_them[-2:]
    assert told.count == kept[0].seq
    assert told.seq == kept[0].seq - 1


@tries("UserScope.explain")
async def test_a_start_is_explained_and_nothing_starts(face: Face, whose: str, nowhere: str, clip: Path, key: str) -> None:
    async with face.scope(whose) as manager:
        explanation = await got(manager.explain(film(clip, nowhere, key)))
        assert explanation.plan == "copy"
        assert explanation.verdict == WouldStart()
        assert explanation.cost.bits_per_second > 300_000
        assert "streams" in {use.limit for use in explanation.limits}
        assert manager.list() == ()
        with pytest.raises(SourceUnreadableError):
            await got(manager.explain(film(clip.with_name("no.mp4"), nowhere, key)))


@tries("UserScope.analyze", "UserScope.analyze_for")
async def test_a_source_is_judged_by_what_a_platform_asks_for(face: Face, whose: str, clip: Path) -> None:
    async with face.scope(whose) as manager:
        analysis = await got(manager.analyze(Source(file=clip), "rtmps://a.rtmps.youtube.com/live2"))
        assert (analysis.platform, analysis.plan) == ("youtube", "copy")
        assert await got(manager.analyze_for({"file": str(clip)}, "youtube")) == analysis
        small = CustomPlatform(PlatformProfile(name="mine", max_lines=90, bands=(Band(lines=90, fps=30, max=100_000),)))
        analysis = await got(manager.analyze_for(Source(file=clip), small))
        assert analysis.platform == small
        assert "large_picture" in {finding.kind for finding in analysis.findings}
        assert analysis.suggestion.size.height == 90
        with pytest.raises(InvalidSpecError):
            await got(manager.analyze_for(Source(file=clip), "mars"))
        with pytest.raises(InvalidSpecError, match="url"):
            await got(manager.analyze(Source(file=clip), "https://example.com"))


@tries("UserScope.encoders")
async def test_encoders_say_whether_they_work_here(face: Face, whose: str) -> None:
    async with face.scope(whose) as manager:
        reports = {report.encoder: report.availability for report in await got(manager.encoders())}
    assert reports["x264"] == "available"
    # No machine has Apple's and NVIDIA's.
    without = [report for report in reports.values() if isinstance(report, Unavailable)]
    assert without
    assert all(report.why for report in without)


@tries("UserScope.playlist", "UserScope.as_run", "UserScope.edit")
async def test_a_playlist_is_changed_all_or_nothing(face: Face, whose: str, nowhere: str, clip: Path, key: str) -> None:
    async with face.scope(whose) as manager:
        await got(manager.start(playlist([clip, clip], nowhere, key)))
        status = manager.playlist("list")
        assert (status.version, status.now, [item.id for item in status.items]) == (0, None, [0, 1])
        assert await got(manager.edit("list", [Append(Item(file=clip)), {"remove": 0}], version=0)) == 1
        with pytest.raises(ConflictError):
            await got(manager.edit("list", ["skip"], version=0))
        with pytest.raises(NotFoundError):
            await got(manager.edit("list", [Remove(1), Remove(77)]))
        with pytest.raises(SourceUnreadableError):
            await got(manager.edit("list", [Remove(1), Append(Item(file=clip.with_name("no.mp4")))]))
        assert [item.id for item in manager.playlist("list", "main").items] == [1, 2]
        assert manager.as_run("list") == ()
        await got(manager.start(film(clip, nowhere, key)))
        for look in (manager.playlist, manager.as_run):
            with pytest.raises(InvalidSpecError):
                look("film")
            with pytest.raises(InvalidSpecError):
                look("list", "sound")


@tries(
    "UserScope.add_destination",
    "UserScope.remove_destination",
    "UserScope.enable_destination",
    "UserScope.rotate_destination",
)
async def test_destinations_are_told_apart_by_number(face: Face, nginx: Nginx, clip: Path, new_key: Callable[[], str]) -> None:
    first, second = new_key(), new_key()

    async def told(leg: int, phase: str) -> LegChanged:
        event: LegChanged = await until(
            events, lambda event: isinstance(event, LegChanged) and (event.leg, event.phase) == (leg, phase)
        )
        return event

    async with face.scope("user") as manager:
        events = manager.events("film")
        await got(manager.start(film(clip, nginx.url, first)))
        await told(0, "live")
        assert manager.add_destination("film", {"url": nginx.url, "key": second}) == 1
        with pytest.raises(InvalidSpecError):
            manager.add_destination("film", Destination(url=nginx.url, key=second))
        await told(1, "live")
        manager.rotate_destination("film", 1)
        assert (await told(1, "connecting")).reason == "rotated"
        await told(1, "live")
        manager.enable_destination("film", 0, on=False)
        await told(0, "disabled")
        manager.enable_destination("film", 0, on=True)
        await told(0, "live")
        manager.remove_destination("film", 0)
        with pytest.raises(InvalidSpecError, match="last"):
            manager.remove_destination("film", 1)
        for change in (manager.remove_destination, partial(manager.enable_destination, on=True), manager.rotate_destination):
            for name, leg in (("film", 7), ("nobody", 0)):
                with pytest.raises(NotFoundError):
                    change(name, leg)
        with pytest.raises(NotFoundError):
            manager.add_destination("nobody", Destination(url=nginx.url, key=second))


def test_every_public_name_is_tried() -> None:
    # Where only this file is run, the others say here what they try.
    import_module("test_plans")
    import_module("test_manager")
    assert public_names() == TRIED
