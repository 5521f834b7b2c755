"""Streams to a real server, in every face; the receiver's recordings are the judge."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
import streambro
from faces import ASYNCIO, BLOCKING, UVLOOP, each, got, in_each, until
from film import check_recording, said_goodbye, wait_until_published
from specs import film, playlist
from streambro import (
    AlreadyExistsError,
    Append,
    Destination,
    ItemChanged,
    LegChanged,
    LimitReachedError,
    NotFoundError,
    PhaseChanged,
    Times,
    WouldRefuse,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from faces import Face
    from peers import Nginx

pytestmark = in_each(ASYNCIO, UVLOOP, BLOCKING)


async def test_a_film_plays_three_times_and_arrives_whole(face: Face, nginx: Nginx, clip: Path, key: str) -> None:
    async with face.manager() as manager:
        stream = await got(manager.start(film(clip, nginx.url, key, repeat=Times(3))))
        await got(stream.wait_for("live", timeout=20))
        last = await got(stream.ended(timeout=30))
    assert (last.phase, last.reason, last.laps) == ("ended", "finished", 2)
    received = check_recording(nginx.recording(key))
    assert received.video == 180
    assert received.audio == pytest.approx(6 * 48_000 / 1_024, abs=3)
    assert received.seconds == pytest.approx(6, abs=0.15)
    assert said_goodbye(nginx, key)


async def test_three_streams_are_on_the_air_at_once(face: Face, nginx: Nginx, clip: Path, new_key: Callable[[], str]) -> None:
    keys = [new_key(), new_key(), new_key()]
    async with face.manager() as manager:
        streams = [
            await got(manager.start(film(clip, nginx.url, key, id=f"film-{number}", repeat=Times(2))))
            for number, key in enumerate(keys)
        ]
        for stream in streams:
            await got(stream.wait_for("live", timeout=20))
        assert [status.phase for status in manager.list()] == ["live"] * 3
        for stream in streams:
            assert (await got(stream.ended(timeout=30))).reason == "finished"
    for key in keys:
        assert check_recording(nginx.recording(key)).video == 120


async def test_the_end_of_the_block_says_goodbye_for_every_stream(
    face: Face, nginx: Nginx, clip: Path, new_key: Callable[[], str]
) -> None:
    keys = [new_key(), new_key()]
    async with face.manager() as manager:
        for number, key in enumerate(keys):
            stream = await got(manager.start(film(clip, nginx.url, key, id=f"film-{number}")))
            await got(stream.wait_for("live", timeout=20))
    for key in keys:
        check_recording(nginx.recording(key))
        assert said_goodbye(nginx, key)
    assert stream.status().reason == "shut_down"


async def test_a_playlist_grows_while_it_plays(face: Face, nginx: Nginx, clip: Path, key: str) -> None:
    async with face.manager() as manager:
        events = manager.events("list")
        stream = await got(manager.start(playlist([clip], nginx.url, key)))
        await until(events, lambda event: isinstance(event, ItemChanged))
        assert await got(manager.edit("list", [Append(streambro.Item(file=clip))], version=0)) == 1
        assert (await got(stream.ended(timeout=30))).reason == "finished"
        assert [run.end for run in manager.as_run("list")] == ["finished", "finished"]
    received = check_recording(nginx.recording(key))
    assert received.video == 120
    assert received.seconds == pytest.approx(4, abs=0.15)


async def test_destinations_come_and_go_and_the_others_notice_nothing(
    face: Face, nginx: Nginx, clip: Path, new_key: Callable[[], str]
) -> None:
    stays, goes, comes = new_key(), new_key(), new_key()
    async with face.manager() as manager:
        events = manager.events()
        stream = await got(manager.start(film(clip, nginx.url, stays, goes)))
        await got(stream.wait_for("live", timeout=20))
        leg = manager.add_destination("film", Destination(url=nginx.url, key=comes))
        await until(events, lambda event: isinstance(event, LegChanged) and (event.leg, event.phase) == (leg, "live"))
        manager.remove_destination("film", 1)
        gone = nginx.recording(goes)
        wait_until_published(nginx, stays, nginx.recordings(stays)[0].stat().st_size + 20_000)
        assert [leg.leg for leg in stream.status().legs if leg.phase == "live"] == [0, 2]
        assert sum(leg.reconnects for leg in stream.status().legs) == 0
    check_recording(gone)
    assert said_goodbye(nginx, goes)
    for key in (stays, comes):
        check_recording(nginx.recording(key))


async def test_a_wrong_key_is_told_and_a_mended_one_goes_live(face: Face, nginx: Nginx, clip: Path, key: str) -> None:
    async with face.manager() as manager:
        events = manager.events("film")
        stream = await got(manager.start(film(clip, nginx.members_url, key)))
        told = await until(events, lambda event: isinstance(event, LegChanged) and event.phase == "waiting")
        assert told.reason == stream.status().reason == "rejected_early"
        assert told.retry_in_ms > 20_000
        assert "check the key" in told.detail
        assert "wrong key" in (streambro.meaning(told.reason) or "")
        assert "Check the key" in (streambro.remedy(told.reason) or "")

        nginx.allow(key)
        manager.enable_destination("film", 0, on=False)
        await until(events, lambda event: isinstance(event, LegChanged) and event.phase == "disabled")
        manager.enable_destination("film", 0, on=True)
        await got(stream.wait_for("live", timeout=20))
    check_recording(nginx.recording(key))


async def test_an_absent_server_is_told_and_tried_until_it_is_there(face: Face, nginx: Nginx, clip: Path, key: str) -> None:
    nginx.stop()
    async with face.manager() as manager:
        events = manager.events("film")
        stream = await got(manager.start(film(clip, nginx.url, key)))
        told = await until(events, lambda event: isinstance(event, LegChanged) and event.phase == "waiting")
        assert told.reason == "unreachable"
        assert "refused" in told.detail
        assert "Check host and port" in (streambro.remedy(told.reason) or "")
        nginx.restart()
        await got(stream.wait_for("live", timeout=30))
    check_recording(nginx.recording(key))


async def test_events_are_matched(face: Face, nginx: Nginx, clip: Path, key: str) -> None:
    seen: list[str] = []
    async with face.manager() as manager:
        events = manager.events()
        await got(manager.start(film(clip, nginx.url, key, user="alice", repeat="once")))
        async for event in each(events):
            match event:
                case LegChanged(leg=0, phase=phase, reason=None):
                    seen.append(f"leg {phase}")
                case PhaseChanged(stream="film", user="alice", to="ended", reason=reason):
                    seen.append(f"ended: {reason}")
                    break
                case PhaseChanged(from_=before, to=after):
                    seen.append(f"{before} to {after}")
    in_order = ["leg connecting", "leg publishing", "leg live", "starting to live", "ended: finished"]
    assert [word for word in seen if word in in_order] == in_order


async def test_a_plain_dict_means_the_same_as_the_dataclass(face: Face, nowhere: str, clip: Path, key: str) -> None:
    spec = film(clip, nowhere, key, id="lofi", user="alice", repeat=Times(3), priority=2)
    same = {
        "v": 1,
        "id": "lofi",
        "source": {"file": str(clip), "repeat": {"times": 3}},
        "destinations": [{"url": nowhere, "key": key}],
        "user": "alice",
        "priority": 2,
    }
    async with face.manager() as manager:
        stream = await got(manager.start(spec))
        # Who starts just the same gets the stream that runs.
        again = await got(manager.start(same))
        assert again.status().started_unix_ms == stream.status().started_unix_ms
        with pytest.raises(AlreadyExistsError, match="lofi"):
            await got(manager.start({**same, "priority": 3}))


async def test_a_user_sees_and_touches_what_is_theirs(face: Face, nowhere: str, clip: Path, key: str) -> None:
    async with face.manager() as manager:
        alice, bob = manager.as_user("alice"), manager.as_user("bob")
        events, all_of_hers = alice.events(), alice.events()
        # Whomever it names.
        await got(bob.start(film(clip, nowhere, key, id="bobs", user="alice")))
        await got(alice.start(film(clip, nowhere, key, id="hers")))
        assert [status.id for status in alice.list()] == ["hers"]
        assert [(status.id, status.user) for status in bob.list()] == [("bobs", "bob")]
        assert [status.id for status in manager.list()] == ["bobs", "hers"]
        for look in (alice.status, alice.stream, alice.logs, alice.stop):
            with pytest.raises(NotFoundError, match="bobs"):
                look("bobs")
        with pytest.raises(NotFoundError, match="bobs"):
            await got(alice.replace(film(clip, nowhere, key, id="bobs")))
        assert alice.clear_all() == 1
        await until(events, lambda event: isinstance(event, PhaseChanged) and event.to == "ended")
        assert manager.status("bobs").phase == "starting"
    assert {event.stream async for event in each(all_of_hers)} == {"hers"}


async def test_a_user_has_a_limit_that_explain_names_before_start_does(face: Face, nowhere: str, clip: Path, key: str) -> None:
    async with face.manager(max_streams_per_user=1) as manager:
        alice = manager.as_user("alice")
        await got(alice.start(film(clip, nowhere, key, id="first")))
        more = film(clip, nowhere, key, id="more")
        verdict = (await got(alice.explain(more))).verdict
        assert isinstance(verdict, WouldRefuse)
        assert (verdict.limit, verdict.of, verdict.over) == ("streams_per_user", "alice", 1)
        with pytest.raises(LimitReachedError, match="alice") as caught:
            await got(alice.start(more))
        assert caught.value.detail == verdict.detail
        # Others have places of their own.
        await got(manager.start(dataclasses.replace(more, user="bob")))
