"""Children, forked and spawned, while the parent is on the air."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from calls import public_names
from film import check_recording, said_goodbye
from scripts import run_script

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from peers import Nginx

# By design within a tenth of a second; the machine may be busy.
SOON = 2.0

# They look into tables, and need no thread.
ANSWER_ANYWHERE = {"Stream.id", "meaning", "remedy", "version"}

# Forks while a stream is on the air, lets the child do something and exit as a program does, and sees that the stream goes on.
FORKS = """
{before}
stream = done(manager.start(film(clip, url, key)))
done(stream.wait_for("live", timeout=20))
if (child := os.fork()) == 0:
    {in_child}
    sys.exit(7)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 7, status
leg = stream.status().legs[0]
wait_until(lambda: stream.status().bytes > leg.bytes + 20_000)
assert stream.status().legs[0].reconnects == 0
done(manager.shutdown())
"""

# Names, what they raised, and how long that took.
CALLS_EVERYTHING = """
import inspect
from datetime import datetime, timedelta, timezone

module = {"asyncio": streambro, "blocking": streambro.blocking}[face]
given = {
    "spec": film(clip, url, key), "specs": [film(clip, url, key)], "source": Source(file=clip), "video": "copy",
    "id": "film", "user": "bob", "url": url, "platform": "kick", "edits": ["skip"], "leg": 0, "phase": "live",
    "destination": Destination(url=url, key=key), "schedule": Schedule(), "by": timedelta(1), "on": True, "path": clip,
    "target": folder + "/out.flv", "encode": Encode(), "name": "kick", "start": datetime.now(timezone.utc), "reason": "host",
}

def done(made):
    async def awaited():
        return await made
    return asyncio.run(awaited()) if inspect.isawaitable(made) else made

def call_everything():
    for name in names:
        owner, _, method = name.rpartition(".")
        # One that was open before is not opened again.
        its = objects[owner] if name != "StreamManager.open" else module.StreamManager()
        call = getattr(its, method)
        if not callable(call):
            continue
        wanted = inspect.signature(call).parameters.values()
        arguments = {each.name: given[each.name] for each in wanted if each.default is each.empty and each.name in given}
        began = time.monotonic()
        try:
            done(call(**arguments))
        except Exception as error:
            assert isinstance(error, RuntimeError), error
            print(name, type(error).__name__, time.monotonic() - began)

manager = done(module.StreamManager(renditions=Renditions(dir=folder, quota_bytes=10**9)).open())
objects = {
    "": streambro,
    "StreamManager": manager,
    "UserScope": manager.as_user("alice"),
    "Events": manager.events(),
    "Preparation": done(manager.prepare(Source(file=clip), Encode(**SMALL))),
}
done(objects["Preparation"].wait(timeout=60))
"""


@pytest.mark.parametrize("face", ["asyncio", "blocking"])
def test_a_forked_child_gets_forked_error_from_everything(
    face: str, nginx: Nginx, clip: Path, key: str, tmp_path: Path
) -> None:
    code = FORKS.format(before=CALLS_EVERYTHING, in_child='objects["Stream"] = stream; call_everything()')
    names = sorted(public_names())
    ran = run_script(code, face=face, names=names, url=nginx.url, clip=clip, key=key, folder=tmp_path)
    told = [line.split() for line in ran.succeeded().splitlines()]
    assert {name for name, error, _ in told if error == "ForkedError"} == public_names() - ANSWER_ANYWHERE
    slowest = max(float(seconds) for _, _, seconds in told)
    print(f"at most {slowest:.3f} s")  # noqa: T201
    assert slowest < SOON
    check_recording(nginx.recording(key))
    assert said_goodbye(nginx, key)


@pytest.mark.parametrize("in_child", ["pass", "manager.__exit__(None, None, None)", "del manager, stream; gc.collect()"])
def test_what_a_forked_child_drops_or_leaves_is_its_parents(in_child: str, nginx: Nginx, clip: Path, key: str) -> None:
    before = "done = lambda made: made; manager = streambro.blocking.StreamManager().open()"
    ran = run_script(FORKS.format(before=before, in_child=in_child), url=nginx.url, clip=clip, key=key)
    assert ran.succeeded() == ""
    check_recording(nginx.recording(key))
    assert said_goodbye(nginx, key)


def test_a_child_that_was_forked_in_the_block_exits_as_it_wants_to(nowhere: str, clip: Path, key: str) -> None:
    code = """
        with streambro.blocking.StreamManager() as manager:
            manager.start(film(clip, url, key))
            if (child := os.fork()) == 0:
                sys.exit(7)
            _, status = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(status) == 7
            assert manager.status("film").phase == "starting"
    """
    run_script(code, url=nowhere, clip=clip, key=key).succeeded()


def test_a_worker_that_was_forked_sends_its_error_back(nowhere: str, clip: Path, key: str) -> None:
    code = """
        from concurrent.futures import ProcessPoolExecutor

        def work():
            manager.list()

        with streambro.blocking.StreamManager() as manager:
            manager.start(film(clip, url, key))
            with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as workers:
                error = workers.submit(work).exception(20)
            assert isinstance(error, ForkedError) and isinstance(error, RuntimeError)
            print(error)
            assert manager.status("film").phase == "starting"
    """
    assert "forked" in run_script(code, url=nowhere, clip=clip, key=key).succeeded()


def test_a_worker_that_was_spawned_streams_beside_its_parent(nginx: Nginx, clip: Path, new_key: Callable[[], str]) -> None:
    code = """
        from concurrent.futures import ProcessPoolExecutor

        def work(key):
            with streambro.blocking.StreamManager() as manager:
                return manager.start(film(clip, url, key, repeat="once")).ended(30)

        if __name__ == "__main__":
            with streambro.blocking.StreamManager() as manager:
                stream = manager.start(film(clip, url, parents))
                stream.wait_for("live", timeout=20)
                with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as workers:
                    ended = workers.submit(work, childs).result(30)
                assert (ended.reason, ended.legs[0].reconnects) == ("finished", 0)
                assert stream.status().phase == "live"
    """
    parents, childs = new_key(), new_key()
    run_script(code, url=nginx.url, clip=clip, parents=parents, childs=childs).succeeded()
    assert check_recording(nginx.recording(childs)).video == 60
    check_recording(nginx.recording(parents))
