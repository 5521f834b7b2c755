"""Keeps one film on the air until Ctrl-C: the shortest program that does everything right.

    read -rs STREAMBRO_KEY && export STREAMBRO_KEY      # bash or zsh: paste the key and press Enter; nothing is shown
    python live.py film.mp4 rtmps://a.rtmps.youtube.com/live2 [--seconds N]

The key comes from the environment, never from the command line: that can be read by every user of the machine.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time

from streambro import Destination, LegChanged, PhaseChanged, Source, StreambroError, StreamSpec, TimedOutError
from streambro.blocking import Events, StreamManager

STOPPED, FAILED, MISUSED = 0, 1, 2


def main() -> int:
    """Says how it went, as an exit code."""
    parser = argparse.ArgumentParser(description="Keeps a film on the air; the stream key is in STREAMBRO_KEY.")
    parser.add_argument("file")
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, help="end after so many seconds")
    options = parser.parse_args()
    key = os.environ.get("STREAMBRO_KEY")
    if not key:
        print("no stream key: run `read -rs STREAMBRO_KEY && export STREAMBRO_KEY`", file=sys.stderr)
        return MISUSED

    spec = StreamSpec(
        id="live",
        source=Source(file=options.file, repeat="forever"),
        destinations=[Destination(url=options.url, key=key)],
    )
    # A service manager asks a program to end with SIGTERM: here that is another Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        # However the block is left, the server gets its goodbye.
        with StreamManager() as manager:
            events = manager.events()  # before the start: it sees what happens from now on
            manager.start(spec)  # what is wrong with the file or the settings is raised here
            return watch(events, options.seconds)
    except KeyboardInterrupt:
        return STOPPED
    except StreambroError as error:
        print(error, file=sys.stderr)
        return FAILED


def watch(events: Events, seconds: float | None) -> int:
    """Shows what happens, until the time is over or the stream has ended."""
    end = None if seconds is None else time.monotonic() + seconds
    while True:
        try:
            event = events.next(None if end is None else max(0, end - time.monotonic()))
        except TimedOutError:
            return STOPPED
        match event:
            case PhaseChanged(to="ended", detail=why):
                # It plays for ever: if it has ended by itself, something was wrong with it.
                print(f"ended: {why}", file=sys.stderr)
                return FAILED
            case PhaseChanged(to=phase):
                print(phase, flush=True)
            case LegChanged(phase="waiting", detail=why, retry_in_ms=int(ms)):
                # A wrong key or host comes here. It is tried again for as long as the stream is wanted.
                print(f"{why}; again in {ms / 1000:.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
