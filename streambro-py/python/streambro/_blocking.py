"""How a thread waits: with the interpreter left to others, and signals seen within a fifth of a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from streambro._errors import TimedOutError

if TYPE_CHECKING:
    from streambro._native import Pending, Subscription

_T = TypeVar("_T")


def done(pending: Pending[_T]) -> _T:
    """Waits until something is done, and returns what came of it. Interrupted before that, it is given up."""
    try:
        pending.wait()
        return pending.take()
    except BaseException:
        pending.give_up()
        raise


def event(subscription: Subscription, timeout_ms: int | None) -> str | None:
    """Waits for the next event; None once no event will ever come."""
    in_time, text = subscription.wait(timeout_ms)
    if not in_time:
        raise TimedOutError("events", "there was none in time")
    return text
