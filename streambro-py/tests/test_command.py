"""The console command, run as its users run it, and what the server got of it."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, get_args

import pytest
import streambro
from film import check_recording, said_goodbye, wait_until_published
from peers import ffmpeg, output
from processes import no_children
from streambro._command import main
from streambro._wire import from_json
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from peers import Nginx

CTRL_C = "\x03"


@pytest.fixture(scope="module")
def mpeg4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of 2 s whose picture RTMP cannot carry."""
    path = tmp_path_factory.mktemp("media") / "mpeg4.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=2", "-c:v", "mpeg4", path)
    return path


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """A terminal for the command."""
    outside, inside = pty.openpty()
    yield Terminal(outside, inside)
    os.close(outside)
    os.close(inside)


# What a file is, and what a platform would say to it.


def test_probe_says_what_is_in_a_file(clip: Path) -> None:
    table, document = both("probe", clip)

    assert "320x180, 30 fps" in table
    assert "AAC-LC, 48000 Hz" in table
    assert table.endswith("it can go out as it is\n")
    assert from_json(document, streambro.Probe) == streambro.probe(clip)


def test_probe_says_what_is_in_the_way(mpeg4: Path) -> None:
    table, document = both("probe", mpeg4)

    assert "A codec that legacy RTMP cannot carry.  track video, codec mp4v" in table
    assert from_json(document, streambro.Probe).obstacles == (streambro.UnsupportedCodec(track="video", codec="mp4v"),)


def test_analyze_says_how_to_mend_a_film_for_a_platform(mpeg4: Path) -> None:
    table, document = both("analyze", mpeg4, "twitch")

    analysis = from_json(document, streambro.Analysis)
    assert analysis.platform == "twitch"
    assert isinstance(analysis.road, streambro.RefusedRoad)
    assert analysis.suggestion
    assert "Twitch" in table
    assert "use `--encoder auto`" in table
    assert all(finding.kind.replace("_", " ") in table for finding in analysis.findings)
    assert f"streambro live {mpeg4} URL --encoder auto --bitrate {analysis.suggestion.bitrate}" in table


def test_analyze_knows_a_platform_by_its_url(clip: Path) -> None:
    table, document = both("analyze", clip, "rtmps://a.rtmps.youtube.com/live2")

    assert "YouTube" in table
    assert "goes out  as it is in the file" in table
    assert from_json(document, streambro.Analysis).plan == "copy"


# What the host can do.


def test_encoders_says_which_of_them_work_here() -> None:
    table, document = both("encoders")

    reports = from_json(document, tuple[streambro.EncoderReport, ...])
    assert {report.encoder for report in reports} == set(get_args(streambro.Encoder)) - {"auto"}
    works = {report.encoder for report in reports if report.availability == "available"}
    assert works == {line.split()[0] for line in table.splitlines() if line.split()[1:] == ["works"]}
    assert "x264" in works


def test_capacity_counts_what_fits_into_the_limits_that_were_given(clip: Path) -> None:
    table, document = both("capacity", clip, "rtmp://127.0.0.1/live", "--max-streams", "3", "--max-bandwidth", "100M")

    capacity = from_json(document, streambro.Capacity)
    rooms = {room.limit: room for room in capacity.limits}
    assert (rooms["streams"].free, rooms["bandwidth"].free) == (3, 100_000_000)
    assert capacity.streams <= 3
    assert "100.0 Mb/s" in table
    assert table.splitlines()[-1].endswith("is in the way of one more")


def test_capacity_has_no_limits_of_its_own(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capacity", str(clip), "rtmp://127.0.0.1/live", "--json"]) == 0

    limits = {room.limit for room in from_json(capsys.readouterr().out, streambro.Capacity).limits}
    assert not limits & {"streams", "streams_per_user", "streams_per_host", "bandwidth"}


def test_doctor_fails_when_something_cannot_work(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    table, document = both("doctor", "--media-root", missing, returncode=1)

    checks = from_json(document, streambro.Diagnosis).checks
    (root,) = (check for check in checks if check.name == "media_root")
    assert root.severity == "error"
    assert all(check.name.replace("_", " ") in table and check.what in table for check in checks)
    assert root.remedy in table


# On the air.


def test_live_plays_a_list_and_tells_each_event_as_json(nginx: Nginx, clip: Path, key: str) -> None:
    ran = run("live", clip, clip, nginx.url, "--repeat", "once", "--id", "tv", "--json", key=key)

    *events, summary = map(json.loads, ran.succeeded().splitlines())
    assert [event["seq"] for event in events] == list(range(len(events)))
    assert {event["stream"] for event in events} == {"tv"}
    phases = [event["kind"]["to"] for event in events if event["kind"]["type"] == "phase"]
    assert phases == ["starting", "live", "ended"]
    assert sum(event["kind"]["type"] == "item" for event in events) == 4
    assert summary["ok"]
    assert summary["on_air_ms"] > 500
    assert summary["status"]["reason"] == "finished"
    film = check_recording(nginx.recording(key))
    assert film.video == 120
    assert film.seconds == pytest.approx(4, abs=0.1)


def test_live_says_goodbye_on_ctrl_c(nginx: Nginx, clip: Path, key: str) -> None:
    with started("live", clip, nginx.url, key=key) as command:
        wait_until(lambda: "  live\n" in command.stdout(), what="it is live")
        assert key not in Path(f"/proc/{command.pid}/cmdline").read_text()
        command.send(signal.SIGINT)
        ran = command.end()

    text = ran.succeeded()
    assert text.startswith(f"playing    {clip}\n")
    assert "320x180" in text
    assert text.splitlines()[-1].startswith("stopped after 0:00:0")
    check_recording(nginx.recording(key))
    assert said_goodbye(nginx, key)


def test_the_second_ctrl_c_does_not_wait_for_the_end_of_the_goodbye(nginx: Nginx, clip: Path, key: str) -> None:
    with started("live", clip, nginx.url, "--json", key=key) as command:
        wait_until(lambda: '"to":"live"' in command.stdout(), what="it is live")
        os.kill(nginx.pid, signal.SIGSTOP)
        command.send(signal.SIGINT)
        wait_until(lambda: '"to":"stopping"' in command.stdout(), what="it says goodbye")
        command.send(signal.SIGINT)
        ran = command.end()

    assert (ran.returncode, ran.stderr) == (130, "")
    assert '"to":"ended"' not in ran.stdout


def test_live_asks_for_the_key_without_echo_and_shows_a_table(nginx: Nginx, clip: Path, key: str, terminal: Terminal) -> None:
    with started("live", clip, nginx.url, at=terminal.inside) as command:
        wait_until(lambda: terminal.shows("stream key (nothing is shown): "), what="it asks")
        terminal.type(key + "\n")
        wait_until(lambda: terminal.shows("reconnects") and terminal.shows("kb/s"), what="it shows a table")
        wait_until_published(nginx, key)
        assert key not in Path(f"/proc/{command.pid}/environ").read_text()
        terminal.type(CTRL_C)
        wait_until(lambda: terminal.shows("stopped after "), what="it says how it was")
        command.end().succeeded()

    assert not terminal.shows(key)
    check_recording(nginx.recording(key))
    assert said_goodbye(nginx, key)


def test_ctrl_c_at_the_prompt_is_no_traceback(clip: Path, terminal: Terminal) -> None:
    with started("live", clip, "rtmp://127.0.0.1/live", at=terminal.inside) as command:
        wait_until(lambda: terminal.shows("stream key"), what="it asks")
        terminal.type(CTRL_C)
        ran = command.end()

    assert (ran.returncode, ran.stderr) == (130, "")
    assert not terminal.shows("Traceback")


def test_live_encodes_as_it_was_told_keeps_that_and_says_goodbye_on_sigterm(
    nginx: Nginx, mpeg4: Path, key: str, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    words = ("--encoder", "x264", "--size", "160x90", "--fps", "15", "--bitrate", "100k", "--dir", kept)
    with started("live", mpeg4, nginx.url, *words, key=key) as command:
        wait_until(lambda: list(kept.glob("*.flv")), what="the first lap is kept")
        wait_until(lambda: "  live\n" in command.stdout(), what="it is live")
        command.send(signal.SIGTERM)
        assert "ffmpeg: x264: " in command.end().succeeded()
    assert said_goodbye(nginx, key)

    shape = ("-v", "error", "-select_streams", "v", "-of", "csv=p=0", "-show_entries", "stream=width,height,r_frame_rate")
    assert output("ffprobe", *shape, nginx.recording(key)).strip() == "160,90,15/1"


def test_live_fails_with_the_reason_and_what_to_do(nginx: Nginx, clip: Path, key: str, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    ffmpeg("-i", clip, "-c", "copy", "-movflags", "+faststart", cut)
    os.truncate(cut, cut.stat().st_size * 3 // 4)
    ran = run("live", cut, nginx.url, "--repeat", "once", key=key)

    assert ran.returncode == 1
    what, meaning, remedy = ran.stderr.splitlines()
    assert what.startswith("streambro: source_truncated: ")
    assert meaning.strip() == streambro.meaning("source_truncated")
    assert remedy.strip() == streambro.remedy("source_truncated")


def test_live_fails_when_its_time_is_over_before_it_came_on_the_air(nginx: Nginx, clip: Path, key: str) -> None:
    ran = run("live", clip, nginx.members_url, "--seconds", "0.5", "--json", key=key)

    assert ran.returncode == 1
    assert "check the key" in ran.stderr
    assert not json.loads(ran.stdout.splitlines()[-1])["ok"]
    assert nginx.recordings(key) == []


def test_live_says_how_to_give_the_key(clip: Path) -> None:
    ran = run("live", clip, "rtmp://127.0.0.1/live")

    assert (ran.returncode, ran.stdout) == (2, "")
    assert "STREAMBRO_KEY" in ran.stderr


def test_a_key_at_the_end_of_the_url_is_refused_and_not_shown(clip: Path, key: str) -> None:
    ran = run("live", clip, f"rtmp://127.0.0.1/live/{key}", key=key)

    assert (ran.returncode, ran.stdout) == (1, "")
    assert "the URL ends with the stream key: leave it out" in ran.stderr


# What goes wrong.


def test_a_failure_is_one_line(tmp_path: Path) -> None:
    ran = run("probe", tmp_path / "no\x1b[31m.mp4")

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"streambro: source_unreadable: {tmp_path}/no\\x1b[31m.mp4: No such file")
    assert ran.stderr.count("\n") == 1


def test_a_failure_is_json_for_a_script(tmp_path: Path) -> None:
    ran = run("probe", tmp_path / "no.mp4", "--json")

    assert ran.returncode == 1
    assert json.loads(ran.stdout)["error"]["kind"] == "source_unreadable"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("", "required: COMMAND"),
        ("film clip.mp4", "invalid choice: 'film'"),
        ("probe", "required: FILE"),
        ("live clip.mp4 http://h/app", "begins with rtmp://"),
        ("live rtmp://h/app/hidden clip.mp4", "a file comes first"),
        ("live --key=hidden clip.mp4 rtmp://h/app", "there is no option --key"),
        ("live -khidden clip.mp4 rtmp://h/app", "there is no option -k"),
        ("live clip.mp4 rtmp://h/app --json clip.mp4", "too many words"),
        ("live clip.mp4 rtmp://h/app --repeat 0", "none of once, forever"),
        ("live clip.mp4 rtmp://h/app --encoder copy --fps 25", "--fps is for encoding"),
        ("live clip.mp4 rtmp://h/app --bitrate 3Q", "no number like"),
        ("live clip.mp4 rtmp://h/app --size 720p", "no size like"),
        ("live clip.mp4 rtmp://h/app --fps fast", "a frame rate is"),
        ("live clip.mp4 rtmp://h/app --seconds nan", "not a number of seconds"),
        ("analyze clip.mp4 vimeo", "youtube, twitch"),
    ],
)
def test_a_wrong_use_shows_the_usage(words: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("usage: streambro")
    assert complaint in printed.err
    assert "hidden" not in printed.err


def test_the_version_is_that_of_the_library() -> None:
    assert run("--version").succeeded() == f"streambro {streambro.version()}\n"


def test_a_reader_that_has_gone_is_no_traceback(clip: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with started("probe", clip, at=writer) as command:
        os.close(writer)
        ran = command.end()

    assert (ran.returncode, ran.stderr) == (141, "")


def test_an_output_that_is_full_is_no_traceback(clip: Path) -> None:
    with Path("/dev/full").open("w") as full, started("probe", clip, at=full.fileno()) as command:
        ran = command.end()

    assert (ran.returncode, ran.stderr) == (1, "streambro: [Errno 28] No space left on device\n")


def test_ctrl_c_ends_a_wait_without_a_traceback(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    slow = tmp_path / "ffmpeg"
    slow.write_text(f"#!/bin/sh\ntouch {begun}\nexec sleep 6\n")
    slow.chmod(0o755)
    with started("encoders", env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}) as command:
        wait_until(begun.exists, what="ffmpeg is asked")
        command.send(signal.SIGINT)
        ran = command.end()

    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "")


# How it is run.


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How the command ended."""

    returncode: int
    stdout: str
    stderr: str

    def succeeded(self) -> str:
        """What it printed. Fails with AssertionError unless it ended with 0 and complained of nothing."""
        assert (self.returncode, self.stderr) == (0, "")
        return self.stdout


class Terminal:
    """A terminal, seen from outside."""

    def __init__(self, outside: int, inside: int) -> None:
        """Takes both of its ends."""
        self._outside, self.inside = outside, inside
        self._shown = ""

    def type(self, keys: str) -> None:
        """Types on it."""
        os.write(self._outside, keys.encode())

    def shows(self, words: str) -> bool:
        """Whether it has ever shown something."""
        while select.select([self._outside], [], [], 0)[0]:
            self._shown += os.read(self._outside, 65_536).decode(errors="replace")
        return words in self._shown


class Command:
    """The command as it runs."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, key: str | None) -> None:
        """Takes the process and where its output is."""
        self._process, self._folder, self._key = process, folder, key
        self.pid = process.pid

    def stdout(self) -> str:
        """What it has printed so far."""
        return (self._folder / "stdout").read_text()

    def send(self, number: signal.Signals) -> None:
        """Sends it a signal."""
        self._process.send_signal(number)

    def end(self, within: float = 30) -> Ran:
        """Waits until it has ended. Fails with AssertionError when that takes too long, or when it has shown its key."""
        wait_until(lambda: self._process.poll() is not None, within, "the command has ended")
        stderr = (self._folder / "stderr").read_text()
        ran = Ran(returncode=self._process.returncode, stdout=self.stdout(), stderr=stderr)
        assert self._key is None or self._key not in ran.stdout + ran.stderr
        return ran


@contextmanager
def started(
    *words: str | Path, key: str | None = None, env: Mapping[str, str] | None = None, at: int | None = None
) -> Iterator[Command]:
    """Starts the command, warnings being errors; kills it when the block ends.

    `at` is what its standard input and output are, instead of nothing and a file.
    """
    environment = {name: value for name, value in os.environ.items() if name != "STREAMBRO_KEY"}
    environment |= {} if key is None else {"STREAMBRO_KEY": key}
    # In the background of a shell SIGINT is ignored, and a child would go on ignoring it.
    python = ["env", "--default-signal=INT", sys.executable, "-X", "dev", "-W", "error", "-m", "streambro"]
    if at is not None and os.isatty(at):
        # The terminal that Ctrl-C is typed on and passwords are read from.
        python = ["setsid", "--ctty", *python]
    with TemporaryDirectory(prefix="streambro-test-") as name:
        folder = Path(name)
        with no_children(), (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
            process = subprocess.Popen(
                [*python, *words],
                env=environment | {"TERM": "xterm", **(env or {})},
                stdin=subprocess.DEVNULL if at is None else at,
                stdout=stdout if at is None else at,
                stderr=stderr,
            )
            try:
                yield Command(process, folder, key)
            finally:
                process.kill()
                process.wait()


def run(*words: str | Path, key: str | None = None) -> Ran:
    """Runs the command to its end."""
    with started(*words, key=key) as command:
        return command.end()


def both(*words: str | Path, returncode: int = 0) -> tuple[str, str]:
    """Runs the command for people, and with --json in this process, and returns what is printed."""
    document = io.StringIO()
    with started(*words) as command, redirect_stdout(document):
        assert main([*map(str, words), "--json"]) == returncode
        ran = command.end()
    assert (ran.returncode, ran.stderr) == (returncode, "")
    return ran.stdout, document.getvalue()
