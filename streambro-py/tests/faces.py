"""The faces of the package, so that one test can try them all: what it writes for asyncio is done in blocking form too."""

# ruff: noqa: ANN401 - a face is one of two modules, with the same names

from __future__ import annotations

import asyncio
import inspect
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import streambro
import streambro.blocking
import uvloop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from types import ModuleType


@dataclass(frozen=True)
class Face:
    """A module with `StreamManager` and all that belongs to it, and what runs a test of it."""

    name: str
    module: ModuleType
    run: Callable[[Coroutine[Any, Any, Any]], Any]

    @asynccontextmanager
    async def manager(self, **settings: Any) -> AsyncIterator[Any]:
        """An open manager, shut down at the end of the block."""
        made = self.module.StreamManager(**settings)
        if self.module is streambro.blocking:
            with made as manager:
                yield manager
        else:
            async with made as manager:
                yield manager

    @asynccontextmanager
    async def scope(self, whose: str, **settings: Any) -> AsyncIterator[Any]:
        """The same, or what one `"user"` may use of it."""
        async with self.manager(**settings) as manager:
            yield manager.as_user("alice") if whose == "user" else manager


ASYNCIO = Face("asyncio", streambro, asyncio.run)
UVLOOP = Face("uvloop", streambro, uvloop.run)
BLOCKING = Face("blocking", streambro.blocking, asyncio.run)


def in_each(*faces: Face) -> pytest.MarkDecorator:
    """Tries a test, which is a coroutine, in other faces than most."""
    return pytest.mark.parametrize("face", faces, ids=[face.name for face in faces])


async def got(made: Any) -> Any:
    """What a method returns, which asyncio awaits."""
    return await made if inspect.isawaitable(made) else made


async def each(events: Any) -> AsyncIterator[Any]:
    """The events, iterated as the face has it."""
    if hasattr(events, "__aiter__"):
        async for event in events:
            yield event
    else:
        for event in events:
            yield event


async def until(events: Any, condition: Callable[[Any], bool], timeout: float = 30) -> Any:
    """The first event of which the condition is true, which has to come before one is waited for so long."""
    while not condition(event := await got(events.next(timeout))):
        pass
    return event
