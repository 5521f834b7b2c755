"""`streambro live`: files on the air until somebody ends it."""

from __future__ import annotations

import getpass
import json
import os
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from streambro._command._faces import face_of
from streambro._command._screen import Screen, clock, complain, explain, say, size
from streambro._command._watch import Watch
from streambro._errors import TimedOutError
from streambro._input import Destination, Item, Playlist, Renditions, Source, StreamSpec
from streambro._output import PhaseChanged, StreamStatus
from streambro._wire import to_json
from streambro.blocking import StreamManager

if TYPE_CHECKING:
    from argparse import Namespace
    from types import FrameType, TracebackType

    from typing_extensions import Self

    from streambro._command._faces import Face
    from streambro.blocking import Events, Stream

NO_KEY = "no stream key: run `read -rs STREAMBRO_KEY && export STREAMBRO_KEY`, paste the key and press Enter"
NO_KEY_BUT_A_PATH = "; if the URL ends with the key, leave it out there"

LOOK_EVERY = 0.25
QUOTA = 20_000_000_000

# Ends that were wanted.
_WANTED = ("stopped", "finished", "shut_down", "schedule_ended")


def run(args: Namespace) -> int:
    """Keeps files on the air until Ctrl-C, SIGTERM, their end or the end of the time; fails when it ended otherwise."""
    if (key := _key()) is None:
        complain(NO_KEY + (NO_KEY_BUT_A_PATH if args.url.count("/") > 3 else ""))  # noqa: PLR2004 - scheme, host, app
        return 2
    screen = Screen()
    renditions = None if args.video == "copy" else Renditions(dir=args.dir or _cache(), quota_bytes=QUOTA)
    with StreamManager(media_root=args.media_root, renditions=renditions) as manager:
        events = manager.events(args.id)
        with screen.working("opening", quiet=args.json):
            stream = manager.start(_spec(args, key))
        watch = Watch()
        with Wish(args.seconds) as wish:
            try:
                with face_of(args, screen, watch) as face:
                    status = _stay(stream, events, wish, watch, face)
            except KeyboardInterrupt:
                # The second one: no goodbye.
                manager.shutdown(grace=0)
                raise
    return _report(args, status, watch, is_asked=wish.is_asked)


def _key() -> str | None:
    """The stream key, from where nobody else can read it."""
    # ffmpeg and whatever else is started shall not inherit it.
    if key := os.environ.pop("STREAMBRO_KEY", ""):
        return key
    if not sys.stdin or not sys.stdin.isatty():
        return None
    with warnings.catch_warnings():
        # Else it would be asked for with echo.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass("stream key (nothing is shown): ").strip() or None
        except (EOFError, getpass.GetPassWarning):
            return None


def _cache() -> Path:
    """Where this user's programs keep what they can make again."""
    home = os.environ.get("XDG_CACHE_HOME", "") or os.path.expanduser("~/.cache")  # noqa: PTH111 - never raises
    return Path(home if os.path.isabs(home) else tempfile.gettempdir()) / "streambro"  # noqa: PTH117


def _spec(args: Namespace, key: str) -> StreamSpec:
    if len(args.files) == 1:
        source = Source(file=args.files[0], repeat=args.repeat)
    else:
        source = Source(playlist=Playlist(items=[Item(file=file) for file in args.files]), repeat=args.repeat)
    return StreamSpec(id=args.id, source=source, destinations=[Destination(url=args.url, key=key)], video=args.video)


class Wish:
    """Whether it shall end: by Ctrl-C or SIGTERM, the second of which is a `KeyboardInterrupt`, or as its time is over."""

    def __init__(self, seconds: float | None) -> None:
        """Takes how much time there is."""
        self.is_asked = False
        self._end = None if seconds is None else time.monotonic() + seconds

    def __enter__(self) -> Self:
        """Takes the signals, but for one that whoever started the program has switched off."""
        numbers = [each for each in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(each) != signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._take) for number in numbers}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Gives the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __bool__(self) -> bool:
        """Whether it shall end."""
        return self.is_asked or (self._end is not None and time.monotonic() >= self._end)

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        if self.is_asked:
            raise KeyboardInterrupt
        self.is_asked = True


def _stay(stream: Stream, events: Events, wish: Wish, watch: Watch, face: Face) -> StreamStatus:
    """Shows what happens until the stream has ended, and returns its last status."""
    is_stopping = has_ended = False
    while not has_ended:
        if wish and not is_stopping:
            stream.stop()
            is_stopping = True
        try:
            event = events.next(timeout=LOOK_EVERY)
        except TimedOutError:
            has_ended = stream.status().phase == "ended"
        else:
            has_ended = event is None or (isinstance(event, PhaseChanged) and event.to == "ended")
            if event is not None:
                watch.tell(event)
                face.tell(event)
        status = stream.status()
        watch.look(status)
        face.look(status)
    return status


def _report(args: Namespace, status: StreamStatus, watch: Watch, *, is_asked: bool) -> int:
    """Says how it was, and returns the exit code."""
    reason, detail = status.reason or "stopped", status.detail
    if reason == "stopped" and not is_asked and not watch.was_on_air and watch.trouble:
        # Its time was over before it came on the air.
        reason, detail = watch.trouble
    is_wanted = reason in _WANTED
    on_air = watch.on_air_seconds()
    if args.json:
        summary = {"ok": is_wanted, "on_air_ms": round(on_air * 1_000), "status": json.loads(to_json(status, StreamStatus))}
        say(json.dumps(summary, separators=(",", ":")))
    else:
        reconnects = sum(leg.reconnects for leg in status.legs)
        say(f"{reason} after {clock(on_air)} on the air: {size(status.bytes)} sent, reconnects: {reconnects}")
    if is_wanted:
        return 0
    explain(reason, detail)
    return 1
