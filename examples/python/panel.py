"""A site on which users start, look at and stop streams of their own, within limits.

    pip install fastapi uvicorn
    python panel.py FOLDER [--port N] [--private]         # the films are in FOLDER: nothing else is ever opened
    curl -H 'X-User: alice' --json @stream.json http://127.0.0.1:8000/streams

stream.json is {"name": "lofi", "film": "loop.mp4", "url": "rtmps://a.rtmps.youtube.com/live2", "key": "..."}.

A real site has to know who asks: this one believes a header. Keys go in and never come out, not even in an error.
"""

from __future__ import annotations

import argparse
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import streambro
import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, SecretStr
from streambro import Destination, Source, StreambroError, StreamManager, StreamSpec, StreamStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# What its user can mend, by the built-in that each error is as well. The rest is for whoever runs the site.
CODES = {
    PermissionError: 403,
    LookupError: 404,
    streambro.AlreadyExistsError: 409,
    streambro.OverlapError: 409,
    ValueError: 422,
    streambro.SourceUnreadableError: 422,
    streambro.LimitReachedError: 429,
}

routes = APIRouter(prefix="/streams")


class Wanted(BaseModel):
    """A stream as a user asks for it: no more than users should choose."""

    name: str
    film: str
    url: str
    key: SecretStr


class User:
    """Who asks."""

    def __init__(self, request: Request, x_user: Annotated[str, Header(pattern="^[a-z0-9]{1,24}$")]) -> None:
        """Is made for each request."""
        manager: StreamManager = request.app.state.manager
        # The streams of others are not found, whatever their names.
        self.streams = manager.as_user(x_user)
        # Ids are unique in the manager: the user is in them.
        self.prefix = f"{x_user}."

    def shown(self, status: StreamStatus) -> dict[str, str | int | None]:
        """Leaves out what is no business of users."""
        name = status.id.removeprefix(self.prefix)
        return {"name": name, "phase": status.phase, "reason": status.reason, "detail": status.detail, "sent": status.bytes}


@routes.post("", status_code=201)
async def start(wanted: Wanted, user: Annotated[User, Depends()]) -> dict[str, str | int | None]:
    """Puts a film on the air, over and over. Answers once the film is understood; `phase` is `live` a moment later."""
    spec = StreamSpec(
        id=user.prefix + wanted.name,
        source=Source(file=wanted.film, repeat="forever"),
        destinations=[Destination(url=wanted.url, key=wanted.key.get_secret_value())],
    )
    stream = await user.streams.start(spec)
    return user.shown(stream.status())


@routes.get("")
async def listed(user: Annotated[User, Depends()]) -> list[dict[str, str | int | None]]:
    """Lists what runs, and for a minute what has ended."""
    return [user.shown(status) for status in user.streams.list()]


@routes.delete("/{name}", status_code=204)
async def stop(name: str, user: Annotated[User, Depends()]) -> None:
    """Ends a stream. The goodbye takes some moments more."""
    user.streams.stop(user.prefix + name)


async def refused(_: Request, error: StreambroError) -> JSONResponse:
    """Answers for every error of streambro. What it says is for people, and never has a key in it."""
    code = next((code for kind, code in CODES.items() if isinstance(error, kind)), 503)
    return JSONResponse({"error": error.kind, "detail": str(error)}, code)


async def misunderstood(_: Request, error: RequestValidationError) -> JSONResponse:
    """Says what is wrong with a request. FastAPI's own answer would quote the request, and the key with it."""
    return JSONResponse([{"where": each["loc"], "detail": each["msg"]} for each in error.errors()], 422)


def site(films: Path, destinations: streambro.DestinationPolicy = "public") -> FastAPI:
    """Makes the site. Its streams run for as long as it does, and end with a goodbye."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # With one worker process: each would have a manager, and limits, of its own.
        async with StreamManager(
            max_streams=100, max_streams_per_user=2, media_root=films, destinations=destinations
        ) as manager:
            app.state.manager = manager
            yield

    app = FastAPI(lifespan=lifespan, exception_handlers={StreambroError: refused, RequestValidationError: misunderstood})
    app.include_router(routes)
    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A site on which users start, look at and stop streams.")
    parser.add_argument("films", type=Path)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--private", action="store_true", help="let streams go to private addresses too")
    options = parser.parse_args()
    uvicorn.run(site(options.films, "any" if options.private else "public"), port=options.port)
