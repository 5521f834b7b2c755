"""Scripts in an interpreter of their own, and processes that nobody may leave behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from typing import TYPE_CHECKING

from waiting import LOOK_EVERY, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# What the kernel needs to end what belonged to a process, on a busy machine.
AFTER_THE_END = 5


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a script ended. Times are in seconds; `returncode` is minus the signal when one killed it."""

    returncode: int
    stdout: str
    stderr: str
    seconds: float
    seconds_after_interrupt: float | None

    def succeeded(self) -> str:
        """What the script printed. Fails with AssertionError unless it ended with 0 and complained of nothing."""
        if self.returncode != 0 or self.stderr:
            raise AssertionError(f"the script ended with {self.returncode}{_words(self.stdout, self.stderr)}")
        return self.stdout


def run_python(code: str, *, timeout: float = 30, env: Mapping[str, str] | None = None, interrupt_at: str | None = None) -> Ran:
    """Runs a script in a fresh interpreter, warnings being errors. Blocks until it has ended.

    `env` is added to the environment. `interrupt_at` is a line of the script's output on which its process group gets
    SIGINT, as Ctrl-C in a terminal gives. Fails with AssertionError when the script does not print that line, has not
    ended after `timeout` seconds (its stacks are in the message), or leaves a process behind.
    """
    with TemporaryDirectory(prefix="streambro-test-") as folder:
        script = _Script(Path(folder), dedent(code), {**os.environ, **(env or {})})
        try:
            return script.run(timeout, interrupt_at)
        finally:
            script.end()


@contextmanager
def no_children(within: float = 0) -> Iterator[None]:
    """Fails with AssertionError when the block leaves a child process, were it a zombie, for `within` seconds."""
    before = _children()
    yield
    if left := _left(lambda: _children() - before, within):
        raise AssertionError(f"children left behind: {_names(left)}")


class _Script:
    """A script that runs in a session of its own. It writes to files: a pipe would wait for its children too."""

    def __init__(self, folder: Path, code: str, env: Mapping[str, str]) -> None:
        self._stdout, self._stderr = folder / "stdout", folder / "stderr"
        # A file, as multiprocessing wants to import it.
        (folder / "script.py").write_text(code)
        self._started = time.monotonic()
        with self._stdout.open("wb") as stdout, self._stderr.open("wb") as stderr:
            self._process = subprocess.Popen(
                # In the background of a shell SIGINT is ignored, and a child would go on ignoring it.
                ["env", "--default-signal=INT", sys.executable, "-X", "dev", "-W", "error", "-u", "script.py"],
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )

    def run(self, timeout: float, interrupt_at: str | None) -> Ran:
        deadline = self._started + timeout
        interrupted = None
        if interrupt_at is not None:
            self._wait(lambda: self._printed(interrupt_at) or self._ended(), deadline, f"prints {interrupt_at!r}")
            if not self._printed(interrupt_at):
                self._fail(f"the script has ended before it printed {interrupt_at!r}")
            interrupted = time.monotonic()
            os.killpg(self._process.pid, signal.SIGINT)
        self._wait(self._ended, deadline, "ends")
        ended = time.monotonic()
        if left := _left(self._companions, AFTER_THE_END):
            self._fail(f"the script left behind: {_names(left)}")
        return Ran(
            returncode=self._process.returncode,
            stdout=self._stdout.read_text(),
            stderr=self._stderr.read_text(),
            seconds=ended - self._started,
            seconds_after_interrupt=None if interrupted is None else ended - interrupted,
        )

    def end(self) -> None:
        """Kills what is left of it."""
        self._process.kill()
        self._process.wait()
        for process in self._companions():
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)

    def _wait(self, condition: Callable[[], bool], deadline: float, what: str) -> None:
        try:
            wait_until(condition, deadline - time.monotonic(), f"the script {what}")
        except AssertionError as late:
            # Development mode has the interpreter print where every thread is, and die.
            self._process.send_signal(signal.SIGABRT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(AFTER_THE_END)
            self._fail(str(late))

    def _fail(self, what: str) -> None:
        raise AssertionError(what + _words(self._stdout.read_text(), self._stderr.read_text()))

    def _printed(self, line: str) -> bool:
        return line in self._stdout.read_text().splitlines()

    def _ended(self) -> bool:
        return self._process.poll() is not None

    def _companions(self) -> set[_Process]:
        """Other living processes of its session, whoever their parent is now."""
        mine = self._process.pid
        return {p for p in _processes() if p.session == mine and p.pid != mine and p.state != "Z"}


@dataclass(frozen=True, order=True)
class _Process:
    pid: int
    born: int
    name: str = field(compare=False)
    state: str = field(compare=False)
    parent: int = field(compare=False)
    session: int = field(compare=False)


def _children() -> set[_Process]:
    return {process for process in _processes() if process.parent == os.getpid()}


def _processes() -> Iterator[_Process]:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        # One that ends meanwhile is no process any more.
        with suppress(FileNotFoundError, ProcessLookupError):
            # The name is in brackets and may hold any character, brackets too.
            head, _, tail = stat.read_text().rpartition(")")
            pid, _, name = head.partition(" (")
            state, parent, _, session, *rest = tail.split()
            yield _Process(int(pid), int(rest[15]), name, state, int(parent), int(session))


def _left(look: Callable[[], set[_Process]], within: float) -> set[_Process]:
    deadline = time.monotonic() + within
    while (left := look()) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY)
    return left


def _names(processes: set[_Process]) -> str:
    return ", ".join(f"{p.name} {p.pid} ({p.state})" for p in sorted(processes))


def _words(stdout: str, stderr: str) -> str:
    return f"\n--- stdout ---\n{stdout}\n--- stderr ---\n{stderr}"
