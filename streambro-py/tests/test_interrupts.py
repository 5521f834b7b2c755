"""Ctrl-C in every wait, in processes of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from film import said_goodbye
from scripts import run_script

if TYPE_CHECKING:
    from pathlib import Path

    from peers import Nginx
    from processes import Ran

# By design within a fifth of a second; the machine may be busy.
SOON = 2.0

# Interrupts this process when a wait has begun, but not when a tenth of a second is over anyhow.
INTERRUPTED = """
def interrupted(wait):
    sent = []
    def interrupt():
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)
    timer = threading.Timer(0.33, interrupt)
    timer.start()
    try:
        print("came to an end:", wait())
    except KeyboardInterrupt:
        print(time.monotonic() - sent[0])
    timer.join()

"""


@pytest.mark.parametrize(
    "wait",
    [
        "manager.events().next()",
        "list(manager.events())",
        "manager.start(film(clip, url, 'key')).wait_for('live')",
        "manager.start(film(clip, url, 'key')).ended()",
        "manager.prepare(Source(file=clip), Encode(**LARGE)).wait()",
    ],
)
def test_ctrl_c_is_seen_in(wait: str, nowhere: str, clip: Path, tmp_path: Path) -> None:
    code = f"""
with streambro.blocking.StreamManager(renditions=Renditions(dir=folder, quota_bytes=10**9)) as manager:
    interrupted(lambda: {wait})
"""
    check(run_script(INTERRUPTED + code, clip=clip, url=nowhere, folder=tmp_path))


@pytest.mark.parametrize(
    "wait",
    [
        "manager.start(film(clip, url, 'key', video=Encode(**SMALL)))",
        "manager.explain(film(clip, url, 'key', video=Encode(**SMALL)))",
        "manager.encoders()",
    ],
)
def test_ctrl_c_is_seen_while_ffmpeg_gets_nowhere_in(wait: str, nowhere: str, clip: Path, slow_ffmpeg: Path) -> None:
    code = f"""
with streambro.blocking.StreamManager(ffmpeg=ffmpeg) as manager:
    interrupted(lambda: {wait})
    wait_until(lambda: not manager.list())
"""
    check(run_script(INTERRUPTED + code, clip=clip, url=nowhere, ffmpeg=slow_ffmpeg))


def test_ctrl_c_is_seen_while_a_server_does_not_take_the_goodbye(nginx: Nginx, clip: Path, key: str) -> None:
    code = """
manager = streambro.blocking.StreamManager().open()
manager.start(film(clip, url, key)).wait_for("live", timeout=20)
os.kill(server, signal.SIGSTOP)
interrupted(manager.shutdown)
manager.shutdown()
"""
    check(run_script(INTERRUPTED + code, clip=clip, url=nginx.url, key=key, server=nginx.pid))


@pytest.mark.parametrize("runner", ["asyncio", "uvloop"])
def test_ctrl_c_ends_a_loop_and_says_goodbye(runner: str, nginx: Nginx, clip: Path, key: str) -> None:
    code = """
        import uvloop

        async def main():
            async with streambro.StreamManager() as manager:
                stream = await manager.start(film(clip, url, key))
                await stream.wait_for("live", timeout=20)
                print("ready")
                async for event in manager.events():
                    print(event)

        try:
            {"asyncio": asyncio, "uvloop": uvloop}[runner].run(main())
        except KeyboardInterrupt:
            print("interrupted")
    """
    ran = run_script(code, runner=runner, clip=clip, url=nginx.url, key=key, interrupt_at="ready")
    assert ran.succeeded() == "ready\ninterrupted\n"
    seconds = ran.seconds_after_interrupt or 0
    print(f"the process ended {seconds:.3f} s after Ctrl-C")  # noqa: T201
    assert 0 < seconds < SOON + 1
    assert said_goodbye(nginx, key)


def check(ran: Ran) -> None:
    seconds = float(ran.succeeded())
    print(f"{seconds:.3f} s after Ctrl-C")  # noqa: T201
    assert seconds < SOON
