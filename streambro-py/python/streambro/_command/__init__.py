"""The console command `streambro`, which is `python -m streambro` as well."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from typing import TYPE_CHECKING

from streambro._command._arguments import parse
from streambro._command._screen import complain, in_options, say
from streambro._errors import StreambroError

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED = 1
# What shells say of a program that a signal has ended.
INTERRUPTED = 128 + 2
BROKEN_PIPE = 128 + 13


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command, and returns its exit code. Blocks until it is done; signals are its own meanwhile.

    0 is done, 1 failed, 2 a wrong use, 130 interrupted, 141 a reader of its output that has gone.
    """
    try:
        code = _run(argv)
        say()
    except BrokenPipeError:
        _drop_output()
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        # The output cannot be written; other failures are errors of the library.
        _drop_output()
        complain(str(error))
        return FAILED
    return code


def _run(argv: Sequence[str] | None) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Names of files may hold what no encoding has.
            stream.reconfigure(errors="backslashreplace")
    args = None
    try:
        args = parse(argv)
        code: int = args.run(args)
    except StreambroError as error:
        complain(f"{error.kind}: {in_options(str(error))}")
        if args is not None and args.json:
            # A script reads one thing alone.
            failed = {"kind": error.kind, "subject": error.subject, "detail": error.detail}
            say(json.dumps({"ok": False, "error": failed}))
        return FAILED
    except ValueError as error:
        complain(str(error))
        return FAILED
    except SystemExit as end:
        # Of the parser: after help or the version, and for a wrong use.
        return end.code if isinstance(end.code, int) else 0
    return code


def _drop_output() -> None:
    """Keeps the interpreter from trying once more, with a traceback, as it exits."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.__stdout__.fileno() if sys.__stdout__ else 1)
        os.close(nowhere)
