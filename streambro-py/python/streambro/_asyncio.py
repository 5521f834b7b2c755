"""How a task waits: the event loop looks at a descriptor, and no thread is held."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from streambro._errors import TimedOutError

if TYPE_CHECKING:
    from streambro._native import Pending, Subscription

_T = TypeVar("_T")


async def done(pending: Pending[_T]) -> _T:
    """Waits until something is done, and returns what came of it. Cancelled before that, it is given up."""
    try:
        if not pending.is_done():
            await _readable(pending.fileno())
        return pending.take()
    except BaseException:
        pending.give_up()
        raise


async def event(subscription: Subscription, timeout_ms: int | None) -> str | None:
    """Waits for the next event; None once no event will ever come. Cancelled, it has taken none."""
    while (text := subscription.take()) is None and not subscription.is_over():
        if not await _readable(subscription.fileno(), timeout_ms):
            raise TimedOutError("events", "there was none in time")
    return text


async def _readable(fd: int, timeout_ms: int | None = None) -> bool:
    """Waits until a descriptor can be read, for so many milliseconds at most; returns whether it can."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[bool] = loop.create_future()
    loop.add_reader(fd, _tell, ready, True)  # noqa: FBT003
    timer = None if timeout_ms is None else loop.call_later(timeout_ms / 1_000, _tell, ready, False)  # noqa: FBT003
    try:
        return await ready
    finally:
        loop.remove_reader(fd)
        if timer is not None:
            timer.cancel()


def _tell(ready: asyncio.Future[bool], can: bool) -> None:  # noqa: FBT001
    if not ready.done():
        ready.set_result(can)
