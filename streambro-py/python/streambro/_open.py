"""The managers that are open, so that the exit of the interpreter can end their streams with a goodbye."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

from streambro._errors import StreambroError
from streambro._logs import Reader

if TYPE_CHECKING:
    from streambro._native import Manager

GRACE_MS = 5_000

_lock = threading.Lock()
_managers: dict[int, Manager] = {}
_reader: Reader | None = None


def prepare() -> None:
    """Lets logs be read, before there is anything to log."""
    global _reader  # noqa: PLW0603
    with _lock:
        if _reader is None:
            _reader = Reader()
            atexit.register(_close)
            # They are the parent's.
            os.register_at_fork(after_in_child=_managers.clear)


def remember(manager: Manager) -> None:
    """Takes note that a manager is open."""
    _managers[id(manager)] = manager


def forget(manager: Manager) -> None:
    """Takes note that it is closed."""
    _managers.pop(id(manager), None)


def is_open(manager: Manager) -> bool:
    """Whether it is open."""
    return id(manager) in _managers


def _close() -> None:
    """Ends what was left open, within its grace. A child that was forked leaves all to its parent."""
    end = time.monotonic() + GRACE_MS / 1_000 + 0.5
    with contextlib.suppress(StreambroError):
        goodbyes = [manager.shutdown(GRACE_MS) for manager in _managers.values()]
        for goodbye in goodbyes:
            goodbye.wait(max(0, round((end - time.monotonic()) * 1_000)))
    _managers.clear()
    if _reader is not None:
        with contextlib.suppress(StreambroError):
            _reader.close()
