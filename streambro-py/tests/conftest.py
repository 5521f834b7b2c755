"""What the tests share."""

from __future__ import annotations

import inspect
import logging
import secrets
import socket
from typing import TYPE_CHECKING, Any, Literal

import pytest
import streambro
from calls import watch
from faces import ASYNCIO, BLOCKING, Face
from peers import Nginx, make_clip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PHASES: tuple[Literal["setup", "call", "teardown"], ...] = ("setup", "call", "teardown")


@pytest.fixture(params=[ASYNCIO, BLOCKING], ids=lambda face: face.name)
def face(request: pytest.FixtureRequest) -> Face:
    """Each face of the package. A test of it is a coroutine."""
    given: Face = request.param
    return given


@pytest.fixture(params=["host", "user"])
def whose(request: pytest.FixtureRequest) -> str:
    """Whether a manager is tried as a whole or as one of its users may use it: the verbs are the same."""
    word: str = request.param
    return word


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs a coroutine as its face runs it."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    run_by: Any = pyfuncitem.funcargs["face"]
    run_by.run(pyfuncitem.obj(**arguments))
    return True


@pytest.fixture(autouse=True)
def tried(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails a test that has not called what it says it `tries`."""
    names = set(getattr(getattr(request, "function", None), "tries", ()))
    called: set[str] = set()
    if names:
        module = request.getfixturevalue("face").module if "face" in request.fixturenames else streambro
        called = watch(monkeypatch, module)
    yield
    if not names <= called:
        pytest.fail(f"not called: {', '.join(sorted(names - called))}")


@pytest.fixture
def nowhere() -> Iterator[str]:
    """The URL of a server that is not there."""
    with socket.socket() as taken:
        # Nobody listens, and nobody else can.
        taken.bind(("127.0.0.1", 0))
        yield f"rtmp://127.0.0.1:{taken.getsockname()[1]}/live"


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    """A server of the test's own, which records what is published to it."""
    folder = tmp_path / "nginx"
    folder.mkdir()
    server = Nginx(folder)
    yield server
    server.stop()


@pytest.fixture
def slow_ffmpeg(tmp_path: Path) -> Path:
    """An ffmpeg that never gets anywhere."""
    path = tmp_path / "slow-ffmpeg"
    path.write_text("#!/bin/sh\nexec sleep 60\n")
    path.chmod(0o755)
    return path


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of 2 s: H.264 with a keyframe every second, and AAC."""
    return make_clip(tmp_path_factory.mktemp("media") / "clip.mp4")


@pytest.fixture
def key(new_key: Callable[[], str]) -> str:
    """A stream key that nobody can guess and that may be in no log record of the test."""
    return new_key()


@pytest.fixture
def new_key(keys: list[str]) -> Callable[[], str]:
    """Makes one such key after the other, for tests that need several."""

    def make() -> str:
        keys.append(secrets.token_urlsafe(18))
        return keys[-1]

    return make


@pytest.fixture(autouse=True)
def keys(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """The keys that the test was given; fails it when one was logged.

    Set up before every other fixture of the test, so that it looks when they have ended.
    """
    caplog.set_level(logging.DEBUG)
    given: list[str] = []
    yield given
    for phase in PHASES:
        for record in caplog.get_records(phase):
            for key in given:
                if key in _all_of(record):
                    pytest.fail(f"a stream key was logged by {record.name} during {phase}")


def _all_of(record: logging.LogRecord) -> str:
    """The message, the traceback, and what a formatter of structured logs would also write."""
    return logging.Formatter().format(record) + repr(vars(record))
