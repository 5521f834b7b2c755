"""The programs of `examples/python`, run as their users run them, and what the server got of them."""

from __future__ import annotations

import importlib
import json
import shutil
import socket
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from film import check_recording, wait_until_published
from processes import run_python
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peers import Nginx
    from processes import Ran

EXAMPLES = Path(__file__).parents[2] / "examples" / "python"

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are not beside the tests")


def test_live_keeps_a_film_on_the_air_for_as_long_as_it_was_told(nginx: Nginx, clip: Path, key: str) -> None:
    ran = run_example("live.py", clip, nginx.url, "--seconds", 3, env={"STREAMBRO_KEY": key})

    assert ran.succeeded().splitlines() == ["starting", "live"]
    assert 1 < check_recording(nginx.recording(key)).seconds < 3.5


def test_live_says_goodbye_on_ctrl_c(nginx: Nginx, clip: Path, key: str) -> None:
    ran = run_example("live.py", clip, nginx.url, env={"STREAMBRO_KEY": key}, interrupt_at="live")

    assert ran.succeeded().splitlines() == ["starting", "live"]
    assert check_recording(nginx.recording(key)).seconds > 0.9
    # nginx deletes the stream of one that has just gone as well, but then after the connection.
    log = wait_until(lambda: nginx.log() if "disconnect" in nginx.log() else "", what="it has gone")
    assert log.index("deleteStream") < log.index("disconnect")


def test_live_says_what_is_wrong_with_a_film(nginx: Nginx, key: str) -> None:
    ran = run_example("live.py", "no.mp4", nginx.url, env={"STREAMBRO_KEY": key})

    assert ran.returncode == 1
    assert ran.stderr.startswith("no.mp4: No such file")
    assert nginx.recordings(key) == []


def test_a_channel_takes_up_a_film_while_both_servers_go_on(nginx: Nginx, clip: Path, keys: list[str], tmp_path: Path) -> None:
    keys += ["first-key-of-the-channel", "second-key-of-the-channel"]
    folder = tmp_path / "films"
    folder.mkdir()
    shutil.copy(clip, folder / "one.mp4")
    shutil.copy(clip, tmp_path / "two.mp4")

    def add_a_film() -> None:
        for each in keys:
            wait_until_published(nginx, each, clip.stat().st_size)
        (tmp_path / "two.mp4").rename(folder / "two.mp4")

    env = {"STREAMBRO_KEY": keys[0], "STREAMBRO_KEY2": keys[1]}
    with ThreadPoolExecutor() as meanwhile:
        added = meanwhile.submit(add_a_film)
        ran = run_example("channel.py", folder, nginx.url, nginx.url, env=env, interrupt_at="now two.mp4, next one.mp4")
        added.result()

    lines = ran.succeeded().splitlines()
    assert lines.index("now one.mp4, next one.mp4") < lines.index("now two.mp4, next one.mp4")
    assert {"server 0 is live", "server 1 is live"} <= set(lines)
    for each in keys:
        # On one connection: of two there would be two recordings.
        assert check_recording(nginx.recording(each)).seconds > 2


class Site:
    """A panel that runs, asked over HTTP."""

    def __init__(self, port: int) -> None:
        """Takes the port that it listens on."""
        self._streams = f"http://127.0.0.1:{port}/streams"

    def start(self, user: str, **wanted: object) -> tuple[int, Any]:
        """Wants a stream; returns the status code and the answer, as the others do."""
        return self._ask("POST", "", user, json.dumps(wanted).encode())

    def list(self, user: str) -> tuple[int, Any]:
        """Asks for the streams of a user."""
        return self._ask("GET", "", user)

    def stop(self, user: str, name: str) -> tuple[int, Any]:
        """Ends a stream."""
        return self._ask("DELETE", f"/{name}", user)

    def phases(self, user: str) -> dict[str, str]:
        """The phase of each stream of a user."""
        return {shown["name"]: shown["phase"] for shown in self.list(user)[1]}

    def _ask(self, method: str, path: str, user: str, body: bytes | None = None) -> tuple[int, Any]:
        headers = {"X-User": user, "Content-Type": "application/json"}
        request = urllib.request.Request(self._streams + path, body, headers, method=method)  # noqa: S310 - of our own
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - the same
                return answer.status, json.loads(answer.read() or "null")
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.loads(refused.read())


@pytest.fixture
def site(clip: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The panel with the folder of the clip, on a port that the system chose."""
    for needed in ("fastapi", "uvicorn"):
        pytest.importorskip(needed, reason=f"the panel needs {needed}: tests/requirements.txt has it")
    import uvicorn  # noqa: PLC0415 - it may not be there

    monkeypatch.syspath_prepend(str(EXAMPLES))
    app = importlib.import_module("panel").site(clip.parent, "any")
    # Its words go where those of the tests go, so that no key is in them.
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="debug", ws="none"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=server.run, args=([listener],))
        serving.start()
        try:
            wait_until(lambda: server.started or not serving.is_alive(), what="the panel listens")
            yield Site(listener.getsockname()[1])
        finally:
            server.should_exit = True
            serving.join(30)
    assert not serving.is_alive()


def test_a_panel_starts_lists_and_stops_the_streams_of_each_user(site: Site, nginx: Nginx, key: str) -> None:
    lofi = {"name": "lofi", "film": "clip.mp4", "url": nginx.url, "key": key}

    code, shown = site.start("alice", **lofi)
    assert (code, shown["name"]) == (201, "lofi")
    wait_until(lambda: site.phases("alice") == {"lofi": "live"}, what="it is live")
    assert site.list("bob") == (200, [])
    assert site.stop("bob", "lofi")[0] == 404

    assert site.stop("alice", "lofi") == (204, None)
    wait_until(lambda: site.phases("alice") == {"lofi": "ended"}, what="it has ended")
    assert check_recording(nginx.recording(key)).seconds > 0.9


def test_a_panel_refuses_with_a_reason_and_without_the_key(site: Site, nginx: Nginx, keys: list[str]) -> None:
    keys.append("a-key-that-nobody-may-read")
    wanted = {"name": "one", "film": "clip.mp4", "url": nginx.url, "key": keys[0]}

    def refusal(**change: object) -> tuple[int, str]:
        code, answer = site.start("alice", **(wanted | change))
        assert keys[0] not in json.dumps(answer)
        return code, answer["error"]

    assert refusal(film="../film.mp4") == (403, "not_allowed")
    assert refusal(film="no.mp4") == (422, "source_unreadable")
    assert refusal(url=f"http://127.0.0.1/{keys[0]}") == (422, "invalid_spec")
    assert site.start("alice", **wanted)[0] == 201
    assert refusal(url=f"{nginx.url}2") == (409, "already_exists")
    assert site.start("alice", **wanted | {"name": "two", "key": "another"})[0] == 201
    assert refusal(name="three") == (429, "limit_reached")

    # What is no such request at all is answered by another handler.
    code, answer = site.start("alice", key=keys[0])
    assert (code, len(answer)) == (422, 3)
    assert keys[0] not in json.dumps(answer)


def run_example(name: str, *words: object, env: dict[str, str], interrupt_at: str | None = None) -> Ran:
    """Runs a program as `python NAME WORDS...` does, and sees that it shows no stream key."""
    code = f"""
        import runpy, sys
        sys.argv = {[name, *map(str, words)]!r}
        runpy.run_path({str(EXAMPLES / name)!r}, run_name="__main__")
    """
    ran = run_python(code, env=env, interrupt_at=interrupt_at)
    for key in env.values():
        assert key not in ran.stdout + ran.stderr
    return ran
