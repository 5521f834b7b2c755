"""How a process ends that has streams on the air: in time, quietly and with a goodbye.

That it leaves no process behind, `run_script` sees to.
"""

from __future__ import annotations

import gc
import signal
import time
from typing import TYPE_CHECKING

import pytest
from faces import got
from film import check_recording, said_goodbye
from scripts import run_script
from specs import SMALL, film
from waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from faces import Face
    from peers import Nginx
    from processes import Ran

# What a manager that was left open has for its goodbyes.
GRACE = 5.0

ON_AIR = """
manager = streambro.blocking.StreamManager().open()
stream = manager.start(film(clip, url, key, **more))
stream.wait_for("live", timeout=20)
events = manager.events()
"""

IN_A_BLOCK = """
with streambro.blocking.StreamManager() as manager:
    manager.start(film(clip, url, key)).wait_for("live", timeout=20)
    print(time.monotonic())
    {ends}
"""

IN_A_LOOP = """
async def main():
    async with streambro.StreamManager() as manager:
        stream = await manager.start(film(clip, url, key))
        await stream.wait_for("live", timeout=20)
        print(time.monotonic())
        {ends}

asyncio.run(main())
"""

LEFT_OPEN = ON_AIR + "print(time.monotonic())\n{ends}"


# What the program ends with, its exit code, and its last word.
ENDS = {
    "": (0, []),
    "sys.exit(3)": (3, []),
    "raise ValueError('oh')": (1, ["ValueError: oh"]),
    "raise KeyboardInterrupt": (-signal.SIGINT, ["KeyboardInterrupt"]),
}


@pytest.mark.parametrize("code", [IN_A_BLOCK, IN_A_LOOP, LEFT_OPEN], ids=["block", "loop", "left open"])
@pytest.mark.parametrize("ends", ENDS)
def test_a_program_says_goodbye_however_it_ends(ends: str, code: str, nginx: Nginx, clip: Path, key: str) -> None:
    ran = run_script(code.format(ends=ends), url=nginx.url, clip=clip, key=key, more={})
    returncode, word = ENDS[ends]
    assert ran.returncode == returncode, ran
    # One traceback where it failed, and no other word.
    assert ran.stderr.count("Traceback") == len(word)
    assert ran.stderr.splitlines()[-1:] == word
    assert_soon(ran, 0)
    nginx.recording(key)
    assert said_goodbye(nginx, key)


def test_a_server_that_hangs_holds_up_the_exit_for_the_grace_at_most(nginx: Nginx, clip: Path, key: str) -> None:
    ends = "os.kill(server, signal.SIGSTOP)"
    ran = run_script(LEFT_OPEN.format(ends=ends), url=nginx.url, clip=clip, key=key, more={}, server=nginx.pid)
    assert ran.succeeded()
    assert_soon(ran, GRACE)


@pytest.mark.parametrize("wait", ["events.next()", "stream.ended()", "list(events)"])
def test_a_thread_that_waits_does_not_keep_the_process(wait: str, nginx: Nginx, clip: Path, key: str) -> None:
    ends = f"threading.Thread(target=lambda: {wait}, daemon=True).start(); time.sleep(0.2)"
    ran = run_script(LEFT_OPEN.format(ends=ends), url=nginx.url, clip=clip, key=key, more={})
    assert ran.succeeded()
    assert_soon(ran, 0.2)
    assert said_goodbye(nginx, key)


def test_a_loop_in_a_thread_does_not_keep_the_process(nginx: Nginx, clip: Path, key: str) -> None:
    code = """
        async def main():
            manager = await streambro.StreamManager().open()
            stream = await manager.start(film(clip, url, key))
            await stream.wait_for("live", timeout=20)
            live.set()
            async for event in manager.events():
                pass
            await asyncio.sleep(60)

        live = threading.Event()
        threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
        assert live.wait(20)
        print(time.monotonic())
    """
    ran = run_script(code, url=nginx.url, clip=clip, key=key)
    assert ran.succeeded()
    assert_soon(ran, 0)
    assert said_goodbye(nginx, key)


def test_a_thread_that_is_no_daemon_has_its_streams_to_the_end(nginx: Nginx, clip: Path, key: str) -> None:
    # As any program of Python, it lasts as long as its threads.
    ends = "threading.Thread(target=lambda: print(stream.ended().reason)).start()"
    ran = run_script(LEFT_OPEN.format(ends=ends), url=nginx.url, clip=clip, key=key, more={"repeat": "once"})
    assert ran.succeeded().endswith("finished\n")
    assert check_recording(nginx.recording(key)).video == 60


def test_a_thread_that_is_no_daemon_ends_with_the_block(nowhere: str, clip: Path, key: str) -> None:
    code = """
        with streambro.blocking.StreamManager() as manager:
            events = manager.events()
            thread = threading.Thread(target=lambda: print(list(events)[-1].reason))
            thread.start()
            manager.start(film(clip, url, key))
    """
    assert run_script(code, url=nowhere, clip=clip, key=key).succeeded() == "shut_down\n"


def test_an_encoder_ends_with_the_process(nginx: Nginx, clip: Path, key: str) -> None:
    ran = run_script(LEFT_OPEN.format(ends=""), url=nginx.url, clip=clip, key=key, more={"video": {"encode": SMALL}})
    assert ran.succeeded()
    assert_soon(ran, GRACE)
    check_recording(nginx.recording(key))
    assert said_goodbye(nginx, key)


@pytest.mark.parametrize("kill", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_an_encoder_ends_with_a_process_that_is_killed(kill: int, nginx: Nginx, clip: Path, key: str) -> None:
    ends = f"print(stream.status().encoding.pid)\nos.kill(os.getpid(), {kill:d})"
    ran = run_script(LEFT_OPEN.format(ends=ends), url=nginx.url, clip=clip, key=key, more={"video": {"encode": SMALL}})
    assert ran.returncode == -kill
    assert int(ran.stdout.split()[-1]) > 0


async def test_an_unclosed_manager_is_warned_of_and_its_streams_end(face: Face, nowhere: str, clip: Path, key: str) -> None:
    manager = await got(face.module.StreamManager().open())
    stream = await got(manager.start(film(clip, nowhere, key)))
    with pytest.warns(ResourceWarning, match=r"unclosed <streambro\S+StreamManager object"):
        del manager
    wait_until(lambda: stream.status().phase == "ended")
    assert stream.status().reason == "shut_down"


async def test_nobody_is_warned_of_a_manager_that_was_closed_or_never_open(face: Face) -> None:
    closed = await got(face.module.StreamManager().open())
    await got(closed.shutdown())
    never_open = face.module.StreamManager()
    # Where warnings are errors, they would fail this.
    del closed, never_open
    gc.collect()


def assert_soon(ran: Ran, grace: float) -> None:
    """It ended within a second beyond the grace, from the time on that it printed first. Called right after its end."""
    seconds = time.monotonic() - float(ran.stdout.split()[0])
    print(f"{seconds:.2f} s")  # noqa: T201
    assert seconds < grace + 1
