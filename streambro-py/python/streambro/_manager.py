"""The manager and its streams, for asyncio. `streambro.blocking` is made of this text, and has the same names."""

from __future__ import annotations

import contextlib
import math
import warnings
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from streambro import _open
from streambro._asyncio import done, event
from streambro._errors import ClosedError, ForkedError
from streambro._input import Destination, Edit, Platform, Schedule, SettingsDict, Source, StreamSpec, Video
from streambro._native import Manager as NativeManager
from streambro._output import (
    Airing,
    Analysis,
    AnyEvent,
    AsRun,
    Audit,
    Capacity,
    Diagnosis,
    EncoderReport,
    Explanation,
    LogLine,
    Phase,
    PlaylistStatus,
    PrepareOutcome,
    PrepareProgress,
    RenditionUsage,
    RunRecord,
    StreamStatus,
    Upcoming,
    Usage,
)
from streambro._wire import from_json, text, to_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from streambro import _native

__all__ = [
    "Events",
    "Preparation",
    "Stream",
    "StreamManager",
    "UserScope",
]

Json: TypeAlias = "Mapping[str, Any]"
"""The JSON of a form of `docs/schema`, as a dict."""

Which: TypeAlias = Literal["main", "sound"]
"""Which of a stream's playlists: what is seen, or what is heard where that is a list of its own."""


class UserScope:
    """The streams of one user, as `StreamManager.as_user` makes it: those of others are not found.

    Streams are named by their ids. What returns at once is a plain method.
    What takes time is awaited, and given up when it is cancelled.
    Errors are `StreambroError` and its children; every method may raise `ForkedError`.
    """

    def __init__(self, native: _native.Manager) -> None:
        """Is made by `StreamManager.as_user`."""
        self._manager: _native.Manager | None = native

    @property
    def _native(self) -> _native.Manager:
        if self._manager is None:
            raise ClosedError("manager", "it is not open: use it in `async with`, or `open` it first")
        return self._manager

    async def start(self, spec: StreamSpec | Json) -> Stream:
        """Puts a stream on the air, and keeps it there until it is stopped or ends by itself.

        Waits until its source is open and understood, not until it is live: `Stream.wait_for` does that. Done also when just
        this stream runs already. Given up before that, it takes no place; if it was done just then, the stream is known.

        Raises `InvalidSpecError`, `AlreadyExistsError` when a stream of this id runs with another spec, `NotAllowedError`,
        `SourceUnreadableError`, `SourceInvalidError`, `SourceUnsupportedError`, `EncoderUnavailableError`, `LimitReachedError`,
        `OverlapError`, `TimedOutError`, `HostError`, `ClosedError`; `EndedError` when a `replace` took its place meanwhile.
        """
        return Stream(await done(self._native.start(to_json(spec, StreamSpec))))

    async def replace(self, spec: StreamSpec | Json) -> Stream:
        """Puts a spec in the place of the one that a stream has.

        The new source is opened first: if that fails, the stream goes on as it is. Waits until the old connections have said
        goodbye, for some seconds at most.

        Raises `NotFoundError` when no stream has this id; else as `start`, but for `AlreadyExistsError`.
        """
        return Stream(await done(self._native.replace(to_json(spec, StreamSpec))))

    def stop(self, id: str) -> None:
        """Ends a stream, with a goodbye, and does not wait for it.

        Stopping one that has ended is fine. Of a stream with a schedule this is the end of the time it is in, not of those to
        come.

        Raises `NotFoundError`.
        """
        self._native.stop(id)

    def clear_all(self) -> int:
        """Ends every stream and forgets every plan; returns how many streams there were. Does not wait for their goodbyes."""
        return self._native.clear_all()

    def stream(self, id: str) -> Stream:
        """Returns a handle on the stream that has this id now.

        Raises `NotFoundError`, also for one that only waits for its time.
        """
        return Stream(self._native.stream(id))

    def status(self, id: str) -> StreamStatus:
        """Returns what is known of a stream now, also while it waits for its time.

        Raises `NotFoundError`, also when it has ended and is forgotten, a minute later.
        """
        return from_json(self._native.status(id), StreamStatus)

    def list(self) -> tuple[StreamStatus, ...]:
        """Returns the status of every stream, by id; those that have ended included, until they are forgotten."""
        return from_json(self._native.list(), tuple[StreamStatus, ...])

    def logs(self, id: str) -> tuple[LogLine, ...]:
        """Returns the latest lines of a stream's log, oldest first.

        Raises `NotFoundError`, also for one that only waits for its time.
        """
        return from_json(self._native.logs(id), tuple[LogLine, ...])

    def history(self) -> tuple[RunRecord, ...]:
        """Returns the latest runs that have ended, oldest first."""
        return from_json(self._native.history(), tuple[RunRecord, ...])

    def events(self, stream: str | None = None, *, capacity: int = 1_024) -> Events:
        """Subscribes to what happens from now on: to the stream of this id, which need not run yet, or to all.

        At most `capacity` events wait to be read; of a slow reader the oldest are lost, and it is told by `Missed`.

        Raises `InvalidSpecError` for an id that cannot be one.
        """
        return Events(self._native.subscribe(stream, capacity))

    async def explain(self, spec: StreamSpec | Json) -> Explanation:
        """Says what `start` would do with a spec, what it would cost and which limit would be in the way. Starts nothing.

        Raises what `start` would raise for the spec and its source.
        """
        return from_json(await done(self._native.explain(to_json(spec, StreamSpec))), Explanation)

    async def analyze(self, source: Source | Json, url: str) -> Analysis:
        """Says how a source would be sent, what the platform of this URL would say to it, and how to mend that.

        Raises `InvalidSpecError`, `NotAllowedError`, `SourceUnreadableError`, `SourceInvalidError`, `SourceUnsupportedError`,
        `TimedOutError`, `HostError`, `ClosedError`.
        """
        return from_json(await done(self._native.analyze(to_json(source, Source), text(url, "url"))), Analysis)

    async def analyze_for(self, source: Source | Json, platform: Platform | Json) -> Analysis:
        """Says the same for a platform: `"youtube"`, `"twitch"`, `"facebook"`, `"kick"`, or bands of your own.

        Raises what `analyze` raises.
        """
        pending = self._native.analyze_for(to_json(source, Source), to_json(platform, Platform, "platform"))
        return from_json(await done(pending), Analysis)

    async def encoders(self) -> tuple[EncoderReport, ...]:
        """Tries every encoder once; says which of them work here, and why the others do not. Takes some seconds the first time.

        Raises `EncoderUnavailableError` when there is no ffmpeg, `HostError`.
        """
        return from_json(await done(self._native.encoders()), tuple[EncoderReport, ...])

    def playlist(self, id: str, which: Which = "main") -> PlaylistStatus:
        """Returns one of a stream's playlists: its version, its items with their ids, what plays and what comes next.

        Raises `NotFoundError`; `InvalidSpecError` when the stream plays a single file, or has no such list.
        """
        return from_json(self._native.playlist(id, to_json(which, Which, "which")), PlaylistStatus)

    def as_run(self, id: str, which: Which = "main") -> tuple[AsRun, ...]:
        """Returns what became of the latest 256 items of a playlist, oldest first; the last one may be playing.

        Raises what `playlist` raises.
        """
        return from_json(self._native.as_run(id, to_json(which, Which, "which")), tuple[AsRun, ...])

    async def edit(self, id: str, edits: Sequence[Edit | Json], *, which: Which = "main", version: int | None = None) -> int:
        """Changes a playlist while it plays, all or nothing, and returns its new version; no connection notices.

        With a `version` the change is made only if the list is at that version. Waits until items that are added are open.

        Raises `ConflictError` when the list is at another version; `NotFoundError` for a stream or an item; `InvalidSpecError`,
        `EndedError`; for an item that is added what `start` raises for a source.
        """
        edits_json = to_json(edits, Edits, "edits")
        return await done(self._native.edit(id, to_json(which, Which, "which"), version, edits_json))

    def add_destination(self, id: str, destination: Destination | Json) -> int:
        """Adds a destination to a stream that runs, and returns the number by which it is named from now on.

        It joins at the next keyframe; the others notice nothing. Does not wait for it.

        Raises `NotFoundError`; `InvalidSpecError`, also for one that the stream has already and beyond 32; `NotAllowedError`,
        `LimitReachedError`, `OverlapError`, `EndedError`.
        """
        return self._native.add_destination(id, to_json(destination, Destination))

    def remove_destination(self, id: str, leg: int) -> None:
        """Takes a destination from a stream: it says goodbye, the others notice nothing.

        Raises `NotFoundError`; `InvalidSpecError` for the last one: stop the stream instead; `EndedError`.
        """
        self._native.remove_destination(id, leg)

    def enable_destination(self, id: str, leg: int, *, on: bool) -> None:
        """Lets a destination rest, or puts it on the air again, with fresh retries.

        Raises `NotFoundError`, `EndedError`.
        """
        self._native.enable_destination(id, leg, on)

    def rotate_destination(self, id: str, leg: int) -> None:
        """Makes the connection of a destination anew at its next keyframe. Does nothing to one that is not on the air.

        Raises `NotFoundError`, `EndedError`.
        """
        self._native.rotate_destination(id, leg)

    async def schedule(self, spec: StreamSpec | Json) -> Airing | None:
        """Plans a stream by the schedule in its spec; returns the time it is in or that comes next, or None.

        Raises `InvalidSpecError`, also without a schedule; `AlreadyExistsError`, `OverlapError` naming both,
        `LimitReachedError` for more planned streams than may run, `NotAllowedError`, `HostError`, `ClosedError`.
        """
        return from_json(await done(self._native.schedule(to_json(spec, StreamSpec))), Airing | None)

    async def reschedule(self, id: str, schedule: Schedule | Json) -> Airing | None:
        """Puts another schedule in the place of the one that a stream has.

        Raises `NotFoundError`; else as `schedule`.
        """
        return from_json(await done(self._native.reschedule(id, to_json(schedule, Schedule))), Airing | None)

    async def extend(self, id: str, by: timedelta) -> Airing:
        """Lets what is on, or else what comes next, end later; returns that time.

        Raises `NotFoundError`; `InvalidSpecError` when it has no end; `OverlapError`, `LimitReachedError`, `HostError`;
        `ValueError` for a time below zero: `reschedule` is for an end that is sooner.
        """
        if by < timedelta(0):
            raise ValueError("an end can only be moved to a later time: `reschedule` moves it to any")
        return from_json(await done(self._native.extend(id, by // timedelta(milliseconds=1))), Airing)

    async def clear_end(self, id: str) -> bool:
        """Lets a stream go on without an end; returns whether it had one.

        Raises `NotFoundError`, `OverlapError`, `LimitReachedError`, `HostError`.
        """
        return await done(self._native.clear_end(id))

    async def cancel(self, id: str) -> None:
        """Forgets the schedule of a stream. One that it has on the air ends.

        Raises `NotFoundError`, `HostError`.
        """
        await done(self._native.cancel(id))

    def upcoming(self, count: int = 10) -> tuple[Upcoming, ...]:
        """Returns the next times at which planned streams begin, soonest first; what is on is in the status.

        Raises `InvalidArgumentError` for more than 10,000.
        """
        return from_json(self._native.upcoming(count), tuple[Upcoming, ...])


class StreamManager(UserScope):
    """Keeps streams on the air, with threads of its own.

    ```
    async with StreamManager(max_streams=100) as manager:
        stream = await manager.start(
            StreamSpec(
                id="lofi",
                source=Source(file="loop.mp4", repeat="forever"),
                destinations=[Destination(url="rtmps://a.rtmps.youtube.com/live2", key=key)],
            )
        )
        await stream.wait_for("live", timeout=60)
        async for event in manager.events():
            print(event)
    ```

    The settings are those of `SettingsDict`, each optional: 20 streams, 5 of each user unless said otherwise. `threads` is how
    many threads carry the streams, 0 one for each processor. At the end of the block streams say goodbye, for ten seconds at
    most; a manager that was left open at the exit of the interpreter does the same for five.
    """

    def __init__(self, *, threads: int = 0, **settings: Unpack[SettingsDict]) -> None:
        """Takes the settings; nothing happens before it is opened. Raises `TypeError` for a value of a wrong type."""
        self._manager = None
        self._threads = threads
        self._settings = to_json(settings, SettingsDict)
        self._is_shut = False

    async def open(self) -> Self:
        """Builds the manager and its threads, for programs that cannot use `async with`. Close it with `shutdown`.

        Raises `InvalidSpecError` when settings contradict each other or the media root is no directory; `NotAllowedError` and
        `HostError` when a directory cannot be used or there can be no more threads; `StateInUseError`, `StateInvalidError`;
        `ClosedError` once it was shut down.
        """
        if self._is_shut:
            raise ClosedError("manager", "it was shut down: make another one")
        if self._manager is None:
            _open.prepare()
            self._manager = await done(NativeManager.build(self._settings, self._threads))
            _open.remember(self._manager)
        return self

    async def shutdown(self, grace: float = 10.0) -> None:
        """Ends all streams and lets them say goodbye, for so many seconds; what is not done by then is ended anyhow.

        Nothing can be started afterwards: that is `ClosedError`. Looking goes on as before. With a state directory streams are
        wanted as much as before: the next manager goes on with them.
        """
        if self._manager is not None:
            await done(self._manager.shutdown(_milliseconds(grace)))
            _open.forget(self._manager)
        self._is_shut = True

    async def __aenter__(self) -> Self:
        """Opens it."""
        return await self.open()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Shuts it down. A child that was forked in the block leaves that to its parent."""
        with contextlib.suppress(ForkedError):
            await self.shutdown()

    def __del__(self) -> None:
        """Warns when it was left open: its streams end then, without a goodbye."""
        manager = getattr(self, "_manager", None)
        if manager is not None and _open.is_open(manager):
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)
            _open.forget(manager)

    def as_user(self, user: str) -> UserScope:
        """Returns the manager as one user may use it. Its streams are always this user's, whoever a spec names."""
        return UserScope(self._native.as_user(user))

    def usage(self) -> Usage | None:
        """Returns what all streams used at the last measurement, together; None before the first."""
        return from_json(self._native.usage(), Usage | None)

    def metrics(self) -> str:
        """Returns the figures of all streams as a page that Prometheus reads, in the OpenMetrics text format."""
        return self._native.metrics()

    async def audit(self) -> Audit:
        """Compares what the manager believes with what there is: places, tasks, connections, disk threads.

        Returns at once when all is well; else after about a second, because starts and goodbyes are seen halfway.
        """
        return from_json(await done(self._native.audit()), Audit)

    async def doctor(self) -> Diagnosis:
        """Says whether this host can carry what the manager is set up for, and what to do about it.

        Takes well under a second on a healthy host, and never over ten.
        """
        return from_json(await done(self._native.doctor()), Diagnosis)

    async def capacity(self, specs: Sequence[StreamSpec | Json], weights: Sequence[int] | None = None) -> Capacity:
        """Says how many more streams of this mix fit; `weights` is how often each spec comes in it, once if left out.

        Raises `ValueError` when there are not as many weights as specs; else as `explain`.
        """
        counts = [1] * len(specs) if weights is None else weights
        mix = [(to_json(spec, StreamSpec), count) for spec, count in zip(specs, counts, strict=True)]
        return from_json(await done(self._native.capacity(mix)), Capacity)

    async def prepare(self, source: Source | Json, video: Video | Json) -> Preparation:
        """Begins to make the rendition of a source ahead of time: what the first lap of a looped stream would make on the air.

        Waits until the source is open.

        Raises `InvalidSpecError` when the manager keeps no renditions; else as `start`.
        """
        pending = self._native.prepare(to_json(source, Source), to_json(video, Video, "video"))
        return Preparation(await done(pending))

    async def renditions(self) -> RenditionUsage | None:
        """Returns how many renditions are kept and how much they take; None when none are kept.

        Raises `HostError`.
        """
        return from_json(await done(self._native.renditions()), RenditionUsage | None)

    async def clear_renditions(self) -> int:
        """Removes every rendition that is kept, and returns how many there were. What plays one plays on.

        Raises `HostError`.
        """
        return await done(self._native.clear_renditions())


class Stream:
    """A handle on one run of a stream. Dropping it changes nothing."""

    def __init__(self, native: _native.Stream) -> None:
        """Is made by `start`, `replace` and `stream`."""
        self._native = native

    def __repr__(self) -> str:
        """Names the stream."""
        return f"<{type(self).__name__} {self.id!r}>"

    @property
    def id(self) -> str:
        """The stream's name."""
        return self._native.id

    def status(self) -> StreamStatus:
        """Returns what is known of it now."""
        return from_json(self._native.status(), StreamStatus)

    def logs(self) -> tuple[LogLine, ...]:
        """Returns the latest lines of its log, oldest first; none once it is forgotten."""
        return from_json(self._native.logs(), tuple[LogLine, ...])

    def stop(self) -> None:
        """Wants it to end, and does not wait: see `ended`."""
        self._native.stop()

    async def wait_for(self, phase: Phase, timeout: float | None = None) -> None:
        """Waits until it is in a phase, for so many seconds at most; without a timeout with a wrong key for ever.

        It sees the phase that the stream is in, not one that has passed. `live` is when every destination is on the air.

        Raises `EndedError` when it ends without having come there, `TimedOutError`, `InvalidSpecError` for what is no phase.
        """
        await done(self._native.wait_for(to_json(phase, Phase, "phase"), _most(timeout)))

    async def ended(self, timeout: float | None = None) -> StreamStatus:
        """Waits until it has ended, for so many seconds at most, and returns its last status.

        Raises `TimedOutError`.
        """
        return from_json(await done(self._native.ended(_most(timeout))), StreamStatus)


class Events:
    """A reader's own bounded queue of events, for one reader at a time.

    They outlive their manager: what was not read yet can be, and then comes the end.
    """

    def __init__(self, native: _native.Subscription) -> None:
        """Is made by `events`."""
        self._native = native
        self._is_waiting = False

    async def next(self, timeout: float | None = None) -> AnyEvent | None:
        """Waits for the next event, for so many seconds at most; None once the manager is gone and everything has been read.

        Cancelled or interrupted, it loses no event.

        Raises `TimedOutError`; `RuntimeError` when another reader waits.
        """
        if self._is_waiting:
            raise RuntimeError("somebody else waits for these events: let each reader subscribe for itself")
        self._is_waiting = True
        try:
            happened = await event(self._native, _most(timeout))
        finally:
            self._is_waiting = False
        return None if happened is None else from_json(happened, AnyEvent)

    def __aiter__(self) -> AsyncIterator[AnyEvent]:
        """Returns itself."""
        return self

    async def __anext__(self) -> AnyEvent:
        """Waits for the next event."""
        if (happened := await self.next()) is None:
            raise StopAsyncIteration
        return happened


class Preparation:
    """A rendition that is being made. Dropped before it is finished, it is given up and leaves nothing."""

    def __init__(self, native: _native.Preparation) -> None:
        """Is made by `StreamManager.prepare`."""
        self._native = native

    def progress(self) -> PrepareProgress:
        """Returns how far it is: stage, part, what is left of its time."""
        return from_json(self._native.progress(), PrepareProgress)

    def cancel(self) -> None:
        """Gives it up. Does not wait."""
        self._native.cancel()

    async def wait(self, timeout: float | None = None) -> PrepareOutcome:
        """Waits until it is finished, for so many seconds at most, and returns what came of it.

        Raises `SourceInvalidError`, `EncoderUnavailableError`, `EncoderFailedError`, `HostError`, `TimedOutError`; `EndedError`
        when it was given up, `ClosedError` when the manager shut down.
        """
        outcome: PrepareOutcome = from_json(await done(self._native.wait(_most(timeout))), PrepareOutcome)
        return outcome


Edits: TypeAlias = tuple[Edit, ...]


def _most(timeout: float | None) -> int | None:
    return None if timeout is None else _milliseconds(timeout)


def _milliseconds(seconds: float) -> int:
    if math.isnan(seconds):
        raise ValueError("a time in seconds is wanted, not nan")
    # Beyond a thousand years there is no end to it.
    return round(min(max(seconds, 0.0), 3e10) * 1_000)
