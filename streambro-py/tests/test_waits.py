"""Waiting: given up, timed out, ended; and what other threads do meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import math
import statistics
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import streambro
import streambro.blocking
from faces import ASYNCIO, BLOCKING, UVLOOP, each, got, in_each, until
from specs import SMALL, film
from streambro import Encode, LegChanged, TimedOutError
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from faces import Face

in_loops = in_each(ASYNCIO, UVLOOP)
everywhere = in_each(ASYNCIO, UVLOOP, BLOCKING)


# Given up.


@in_loops
def test_a_reader_that_is_cancelled_in_twenty_loops_loses_no_event(face: Face, nowhere: str, clip: Path, key: str) -> None:
    manager = streambro.StreamManager(max_streams=20)
    face.run(manager.open())
    events, witness = manager.events(), manager.events()
    seen: list[int] = []

    async def read() -> None:
        async for event in events:
            seen.append(event.seq)  # noqa: PERF401 - what was read before it is cancelled counts

    async def cancelled_after(turns: int) -> None:
        reader = asyncio.create_task(read())
        await manager.start(film(clip, nowhere, key, id=f"film-{turns}"))
        for _ in range(turns):
            await asyncio.sleep(0)
        reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reader

    async def the_rest() -> list[int]:
        await manager.shutdown()
        await read()
        return [event.seq async for event in witness]

    for turns in range(20):
        face.run(cancelled_after(turns))
    assert seen
    everything = face.run(the_rest())
    assert seen == everything


@in_loops
async def test_a_start_that_is_cancelled_takes_no_place(
    face: Face, nowhere: str, clip: Path, key: str, slow_ffmpeg: Path
) -> None:
    async with face.manager(max_streams=1, ffmpeg=slow_ffmpeg) as manager:
        start = asyncio.create_task(manager.start(film(clip, nowhere, key, video=Encode(**SMALL))))
        await asyncio.to_thread(wait_until, manager.list)
        assert manager.status("film").phase == "preparing"
        start.cancel()
        with pytest.raises(asyncio.CancelledError):
            await start
        wait_until(lambda: not manager.list(), what="nothing is left of it")
        assert (await manager.audit()).places == 0
        await manager.start(film(clip, nowhere, key, id="another"))


@in_loops
async def test_a_start_that_is_done_when_it_is_cancelled_is_known(face: Face, nowhere: str, clip: Path, key: str) -> None:
    async with face.manager() as manager:
        # ffmpeg has to be asked first, so that it is not done at once.
        start = asyncio.create_task(manager.start(film(clip, nowhere, key, video=Encode(**SMALL))))
        await asyncio.sleep(0)
        # The loop stands still, so the task does not see it.
        wait_until(lambda: [status.phase for status in manager.list()] == ["starting"])
        start.cancel()
        with pytest.raises(asyncio.CancelledError):
            await start
        assert manager.stream("film").status().phase == "starting"


@in_loops
async def test_a_wait_is_bounded_as_any_other(face: Face, nowhere: str, clip: Path, key: str) -> None:
    async with face.manager() as manager:
        stream = await manager.start(film(clip, nowhere, key))
        for wait in (stream.wait_for("live"), stream.ended(), manager.events("another").next()):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(wait, 0.05)
        if sys.version_info >= (3, 11):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await stream.wait_for("live")
        # What was given up leaves nothing behind.
        stream.stop()
        assert (await asyncio.wait_for(stream.ended(), 10)).reason == "stopped"


# Timed out.


@everywhere
async def test_a_wait_that_takes_too_long_is_a_timeout_by_two_names(face: Face, nowhere: str, clip: Path, key: str) -> None:
    async with face.manager() as manager:
        stream = await got(manager.start(film(clip, nowhere, key)))
        quiet = manager.events("another")
        for wait in (partial(stream.wait_for, "live"), stream.ended, quiet.next):
            began = time.monotonic()
            with pytest.raises(TimedOutError) as caught:
                await got(wait(timeout=0.05))
            assert isinstance(caught.value, TimeoutError)
            assert 0.04 < time.monotonic() - began < 5


@everywhere
async def test_a_wait_for_a_phase_that_takes_too_long_says_where_the_stream_is(
    face: Face, nowhere: str, clip: Path, key: str
) -> None:
    async with face.manager() as manager:
        events = manager.events("film")
        stream = await got(manager.start(film(clip, nowhere, key)))
        await until(events, lambda event: isinstance(event, LegChanged) and event.phase == "waiting")
        with pytest.raises(TimedOutError, match=r"film: not in time; it is starting: .*refused"):
            await got(stream.wait_for("live", 0))


@everywhere
async def test_any_time_is_a_timeout(face: Face, nowhere: str, clip: Path, key: str) -> None:
    async with face.manager() as manager:
        stream = await got(manager.start(film(clip, nowhere, key)))
        quiet = manager.events("another")
        for nothing in (0, -1, -math.inf):
            with pytest.raises(TimedOutError):
                await got(quiet.next(nothing))
            with pytest.raises(TimedOutError):
                await got(stream.wait_for("live", nothing))
        for wait in (quiet.next, stream.ended):
            with pytest.raises(ValueError, match="nan"):
                await got(wait(math.nan))
        stream.stop()
        assert (await got(stream.ended(math.inf))).phase == "ended"
        later = manager.events()
        await got(manager.start(film(clip, nowhere, key)))
        assert (await got(later.next(math.inf))).stream == "film"


# One reader, and the end.


@in_loops
async def test_a_second_task_cannot_read_the_same_events(face: Face) -> None:
    async with face.manager() as manager:
        events = manager.events()
        reader = asyncio.create_task(events.next())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="each reader"):
            await events.next()
    assert await reader is None


def test_a_second_thread_cannot_read_the_same_events() -> None:
    with streambro.blocking.StreamManager() as manager:
        events = manager.events()
        with in_thread(lambda: list(events)) as read:
            wait_until(lambda: events._is_waiting, what="the other thread waits")  # noqa: SLF001
            with pytest.raises(RuntimeError, match="each reader"):
                events.next()
            manager.shutdown()
    assert read == [[]]


@in_loops
async def test_a_task_that_reads_ends_with_the_manager(face: Face, nowhere: str, clip: Path, key: str) -> None:
    async def read() -> list[Any]:
        return [event async for event in events]

    async with face.manager() as manager:
        events = manager.events()
        reader = asyncio.create_task(read())
        await manager.start(film(clip, nowhere, key))
    assert (await reader)[-1].to == "ended"


@everywhere
async def test_events_that_nobody_had_read_come_before_the_end(face: Face, nowhere: str, clip: Path, key: str) -> None:
    async with face.manager() as manager:
        events = manager.events()
        await got(manager.start(film(clip, nowhere, key)))
    assert [event async for event in each(events)][-1].to == "ended"
    assert [event async for event in each(events)] == []


# Other threads.


def test_another_thread_keeps_its_pace_while_one_waits(nowhere: str, clip: Path, key: str) -> None:
    with streambro.blocking.StreamManager() as manager:
        stream, quiet = manager.start(film(clip, nowhere, key)), manager.events("another")
        waits: dict[str, Callable[[], Any]] = {
            "beside a wait for events": lambda: quiet.next(0.06),
            "beside a wait for a stream": lambda: stream.ended(0.06),
        }
        # Noise may spoil one measurement; who holds the interpreter spoils each.
        for _ in range(3):
            shares = {name: share_of_pace(wait) for name, wait in waits.items()}
            print({name: f"{share:.1%}" for name, share in shares.items()})  # noqa: T201
            if min(shares.values()) >= 0.9:
                return
    pytest.fail("another thread lost more than a tenth of its pace, again and again")


def share_of_pace(wait: Callable[[], Any]) -> float:
    """How much of its pace this thread keeps while another one waits, in half of many rounds."""
    shares = []
    for _ in range(25):
        go = threading.Event()
        with in_thread(partial(after, go, wait)):
            alone = pace(lambda: None)
            # Within what is measured: who holds the interpreter lets nobody begin to measure.
            shares.append(pace(go.set) / alone)
    return statistics.median(shares)


def after(go: threading.Event, wait: Callable[[], Any]) -> None:
    """Waits when it is told to."""
    go.wait()
    wait()


def pace(begin: Callable[[], None]) -> float:
    """Steps of this thread per second, for a twentieth of it. Time that other processes had is not counted."""
    steps, began, stood = 0, time.monotonic(), seconds_stood()
    begin()
    while (now := time.monotonic()) < began + 0.05:
        steps += 1
    return steps / (now - began - (seconds_stood() - stood))


def seconds_stood() -> float:
    """How long this thread has waited for a processor, where the kernel tells."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except FileNotFoundError:
        return 0


@contextlib.contextmanager
def in_thread(work: Callable[[], Any]) -> Iterator[list[Any]]:
    """Does something in another thread during the block. Gives a list that has its result in the end."""
    results: list[Any] = []

    def run() -> None:
        with contextlib.suppress(TimedOutError):
            results.append(work())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield results
    finally:
        thread.join(30)
    assert not thread.is_alive()
