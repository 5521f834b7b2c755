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


async def event(subscription: Subscription, timeout: float | None) -> str | None:  # noqa: ASYNC109
    """Waits for the next event; None once no event will ever come."""
    while (text := subscription.take()) is None and not subscription.is_over():
        try:
            await asyncio.wait_for(_readable(subscription.fileno()), timeout)
        except asyncio.TimeoutError:
            raise TimedOutError("events", "there was none in time") from None
    return text


async def _readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(fd, _tell, ready)
    try:
        await ready
    finally:
        loop.remove_reader(fd)


def _tell(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
