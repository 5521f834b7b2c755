"""Whether the tests' own tools notice what they are there to notice; ffmpeg stands in for streambro."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import peers
import processes
import pytest
from film import check_recording, wait_until_published
from peers import Nginx, ffmpeg, free_port, publish, publisher
from processes import no_children, run_python
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

AUDIO, VIDEO = 8, 9

SLEEPER = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]


@pytest.fixture(scope="module")
def flv(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The clip as a receiver may have it."""
    path = tmp_path_factory.mktemp("media") / "clip.flv"
    ffmpeg("-i", clip, "-c", "copy", path)
    return path.read_bytes()


def test_nginx_records_every_packet_that_is_published(nginx: Nginx, clip: Path, key: str) -> None:
    publish(clip, f"{nginx.url}/{key}")
    film = check_recording(nginx.recording(key))
    assert film.video == 60
    assert film.audio == pytest.approx(2 * 48_000 / 1_024, abs=2)
    assert film.seconds == pytest.approx(2, abs=0.1)


def test_a_key_that_is_not_allowed_is_turned_away(nginx: Nginx, clip: Path, key: str) -> None:
    with pytest.raises(AssertionError, match="ended with 1"):
        publish(clip, f"{nginx.members_url}/{key}")
    assert nginx.turned_away(key) == 1
    assert nginx.recordings(key) == []

    nginx.allow(key)
    publish(clip, f"{nginx.members_url}/{key}")
    check_recording(nginx.recording(key))


def test_a_recording_is_given_when_its_publisher_has_left(nginx: Nginx, clip: Path, key: str) -> None:
    with publisher(clip, f"{nginx.url}/{key}"):
        wait_until_published(nginx, key, 10_000)
        with pytest.raises(AssertionError, match="has left"):
            nginx.recording(key, bound=0.1)
    check_recording(nginx.recording(key))


def test_bytes_that_are_not_published_are_not_found(nginx: Nginx, clip: Path, key: str) -> None:
    publish(clip, f"{nginx.url}/{key}")
    with pytest.raises(AssertionError, match="10000000 bytes"):
        wait_until_published(nginx, key, 10_000_000, bound=0.1)


def test_a_recording_that_another_wrote_over_is_noticed(nginx: Nginx, clip: Path, key: str) -> None:
    publish(clip, f"{nginx.url}/{key}")
    nginx.recording(key).unlink()
    with pytest.raises(AssertionError, match="every time"):
        nginx.recordings(key, bound=0.1)


def test_nginx_comes_back_on_its_port_and_a_second_publish_is_noticed(nginx: Nginx, clip: Path, key: str) -> None:
    with publisher(clip, f"{nginx.url}/{key}"):
        wait_until_published(nginx, key)
        second = int(time.time())
        nginx.stop()
    assert not _lives(nginx.pid)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", nginx.port))

    wait_until(lambda: time.time() >= second + 1)
    nginx.restart()
    publish(clip, f"{nginx.url}/{key}")
    assert len(nginx.recordings(key)) == 2
    with pytest.raises(AssertionError, match="2 times"):
        nginx.recording(key)


def test_nginx_takes_another_port_when_its_own_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken, free = other.getsockname()[1], free_port()
        monkeypatch.setattr(peers, "free_port", iter([taken, free]).__next__)
        nginx = Nginx(tmp_path)
        assert nginx.port == free
        nginx.stop()


def test_nginx_that_cannot_come_back_tells_why(nginx: Nginx) -> None:
    nginx.stop()
    with socket.create_server(("127.0.0.1", nginx.port)), pytest.raises(AssertionError, match="in use"):
        nginx.restart()


@pytest.mark.parametrize(("left_out", "missing"), [("-an", "audio"), ("-vn", "video")])
def test_a_missing_track_is_noticed(clip: Path, tmp_path: Path, left_out: str, missing: str) -> None:
    film = tmp_path / "film.flv"
    ffmpeg("-i", clip, "-c", "copy", left_out, film)
    with pytest.raises(AssertionError, match=f"has no {missing}"):
        check_recording(film)


@pytest.mark.parametrize("step", [0, -1], ids=["the same time twice", "time that goes back"])
@pytest.mark.parametrize(("kind", "track"), [(AUDIO, "audio"), (VIDEO, "video")])
def test_time_that_does_not_grow_is_noticed(flv: bytes, tmp_path: Path, kind: int, track: str, step: int) -> None:
    def set_back(film: bytearray) -> None:
        before, after = [tag for tag in _tags(film) if film[tag] == kind][20:22]
        time_before = int.from_bytes(film[before + 4 : before + 7], "big")
        film[after + 4 : after + 7] = (time_before + step).to_bytes(3, "big")

    with pytest.raises(AssertionError, match=f"{track} goes from"):
        check_recording(_changed(flv, tmp_path, set_back))


@pytest.mark.parametrize("kind", [AUDIO, VIDEO], ids=["sound", "picture"])
def test_what_cannot_be_decoded_is_noticed(flv: bytes, tmp_path: Path, kind: int) -> None:
    def spoil(film: bytearray) -> None:
        tag = [tag for tag in _tags(film) if film[tag] == kind][20]
        start, end = tag + 11 + 16, tag + 11 + _size(film, tag)
        film[start:end] = b"\xff" * (end - start)

    with pytest.raises(AssertionError, match="ffmpeg ended with"):
        check_recording(_changed(flv, tmp_path, spoil))


def test_a_recording_that_ends_within_a_packet_is_noticed(flv: bytes, tmp_path: Path) -> None:
    def cut(film: bytearray) -> None:
        last_picture = [tag for tag in _tags(film) if film[tag] == VIDEO and _size(film, tag) > 100][-1]
        del film[last_picture + 11 + _size(film, last_picture) // 2 :]

    with pytest.raises(AssertionError, match="ended with"):
        check_recording(_changed(flv, tmp_path, cut))


def test_a_recording_without_a_defect_passes(flv: bytes, tmp_path: Path) -> None:
    check_recording(_changed(flv, tmp_path, lambda _: None))


def test_a_key_in_any_log_record_fails_the_test_that_was_given_it(tmp_path: Path) -> None:
    here = Path(__file__).parent
    shutil.copy(here / "conftest.py", tmp_path)
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "test_logs.py").write_text(
        """
import logging
import pytest

log = logging.getLogger("streambro")

@pytest.fixture
def late():
    said = []
    yield said
    log.info(said)

def test_says_nothing(key): log.debug("live")
def test_argument(key): log.debug("live at %s%s", key[:9], key[9:])
def test_field(key): log.debug("live", extra={"url": "rtmp://host/live/" + key})
def test_error(key):
    try: raise ValueError(key)
    except ValueError: log.exception("failed")
def test_teardown(late, key): late.append(key)
def test_another_key_each_time(key): assert len(key) >= 20
"""
    )
    command = f"""
        import sys, pytest
        sys.exit(pytest.main(["-q", "-rN", "--tb=line", "-p", "no:cacheprovider", {str(tmp_path)!r}]))
    """
    ran = run_python(command, env={"PYTHONPATH": os.fspath(here)})
    assert ran.returncode == 1, ran
    assert "6 passed, 4 errors" in ran.stdout
    assert ran.stdout.count("a stream key was logged by streambro during call") == 3
    assert ran.stdout.count("a stream key was logged by streambro during teardown") == 1


def test_a_script_gives_its_words_its_end_and_its_time() -> None:
    ran = run_python(
        """
        import os, sys, time
        time.sleep(0.2)
        print(os.environ["WORD"])
        print("oh", file=sys.stderr)
        sys.exit(3)
        """,
        env={"WORD": "ah"},
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (3, "ah\n", "oh\n")
    assert ran.seconds >= 0.2
    assert ran.seconds_after_interrupt is None


def test_a_script_that_forgets_to_close_a_file_has_not_succeeded() -> None:
    assert run_python("print(open(__file__).close())").succeeded() == "None\n"
    ran = run_python("open(__file__)")
    # Python reports it and ends with 0 all the same.
    assert ran.returncode == 0
    with pytest.raises(AssertionError, match="ResourceWarning"):
        ran.succeeded()


def test_a_script_is_interrupted_when_it_has_printed_a_line() -> None:
    ran = run_python(
        """
        import time
        time.sleep(0.2)
        print("ready")
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            time.sleep(0.1)
            print("interrupted")
        """,
        interrupt_at="ready",
    )
    assert ran.succeeded() == "ready\ninterrupted\n"
    assert ran.seconds_after_interrupt is not None
    assert 0.1 <= ran.seconds_after_interrupt <= ran.seconds - 0.2


def test_a_script_that_lets_the_interrupt_through_dies_of_it() -> None:
    ran = run_python("import time; print('ready'); time.sleep(60)", interrupt_at="ready")
    assert ran.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in ran.stderr


def test_a_script_is_interrupted_even_where_the_tests_run_in_the_background_of_a_shell() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        ran = run_python("import time; print('ready'); time.sleep(60)", interrupt_at="ready", timeout=10)
    finally:
        signal.signal(signal.SIGINT, before)
    assert ran.returncode == -signal.SIGINT


def test_a_script_that_never_prints_the_line_is_noticed() -> None:
    with pytest.raises(AssertionError, match="before it printed 'ready'"):
        run_python("print('not ready')", interrupt_at="ready")


def test_a_script_that_hangs_is_ended_and_its_stack_shown() -> None:
    hangs = """
        import signal, time
        def wait_for_ever():
            while True: time.sleep(1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("ready")
        wait_for_ever()
    """
    with no_children(), pytest.raises(AssertionError, match="in wait_for_ever"):
        run_python(hangs, interrupt_at="ready", timeout=1)


def test_a_process_that_a_script_leaves_behind_is_noticed_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "AFTER_THE_END", 0.1)
    orphans = f"""
        import os, subprocess
        process = subprocess.Popen({SLEEPER})
        print(process.pid)
        os._exit(0)
    """
    with pytest.raises(AssertionError, match="left behind: python") as caught:
        run_python(orphans)
    pid = str(caught.value).split("--- stdout ---")[1].split()[0]
    wait_until(lambda: not _lives(pid), what=f"{pid} has ended")


def test_a_child_left_alive_is_noticed() -> None:
    with pytest.raises(AssertionError, match=r"python\S* \d+ \([RSD]\)"), no_children():
        child = subprocess.Popen(SLEEPER)
    child.kill()
    child.wait()


def test_a_zombie_left_behind_is_noticed() -> None:
    children = []

    def leave_a_zombie() -> None:
        with no_children():
            children.append(subprocess.Popen(["true"]))
            wait_until(lambda: not _lives(children[0].pid))

    with pytest.raises(AssertionError, match=r"\(Z\)"):
        leave_a_zombie()
    children[0].wait()


def test_children_that_were_there_before_or_are_reaped_are_fine() -> None:
    with subprocess.Popen(SLEEPER) as before:
        try:
            with no_children():
                subprocess.run(["true"], check=True)
        finally:
            before.kill()


def test_waiting_gives_the_answer_or_tells_what_it_waited_for() -> None:
    answers = iter(["", "", "here"])
    assert wait_until(lambda: next(answers)) == "here"
    with pytest.raises(AssertionError, match=r"not within 0\.05 s: rain"):
        wait_until(lambda: False, bound=0.05, what="rain")


def _changed(flv: bytes, folder: Path, change: Callable[[bytearray], None]) -> Path:
    film = bytearray(flv)
    change(film)
    path = folder / "film.flv"
    path.write_bytes(film)
    return path


def _tags(film: bytearray) -> list[int]:
    """Where each FLV tag starts: after a header of 13 bytes, each 11 bytes, its body, and 4 bytes."""
    starts = [13]
    while (following := starts[-1] + 11 + _size(film, starts[-1]) + 4) < len(film):
        starts.append(following)
    return starts


def _size(film: bytearray, tag: int) -> int:
    return int.from_bytes(film[tag + 1 : tag + 4], "big")


def _lives(pid: int | str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
