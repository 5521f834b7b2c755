"""Waiting for a condition instead of sleeping and hoping."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

LOOK_EVERY = 0.01


def wait_until(condition: Callable[[], T], bound: float = 30, what: str = "the condition") -> T:
    """Waits until the condition gives something true, and returns that. Blocks for at most `bound` seconds.

    Fails with AssertionError when it has not by then. In a coroutine: `await asyncio.to_thread(wait_until, ...)`.
    """
    deadline = time.monotonic() + bound
    while not (answer := condition()):
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {bound} s: {what}")
        time.sleep(LOOK_EVERY)
    return answer
