"""What streambro has to say, handed to `logging.getLogger("streambro")`."""

from __future__ import annotations

import logging
import threading

from streambro._errors import ForkedError
from streambro._native import Logs

logger = logging.getLogger("streambro")
# Without it Python would print what a program has not asked for.
silence = logging.NullHandler()
logger.addHandler(silence)


class Reader:
    """A thread that fetches lines from the native module. Threads of Rust never call Python."""

    def __init__(self) -> None:
        """Begins to read."""
        self._logs = Logs()
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="streambro-log", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hands over what is there, and ends. Blocks for a second at most."""
        self._is_over = True
        self._logs.wake()
        self._thread.join(1)

    def _run(self) -> None:
        try:
            while not self._is_over:
                self._hand_over(*self._logs.fetch(1_000))
            self._hand_over(*self._logs.fetch(0))
        except ForkedError:
            # A child has no thread: this is a parent's copy that came too late.
            pass

    def _hand_over(self, lost: int, lines: list[tuple[int, float, str, str]]) -> None:
        if lost:
            logger.warning("%d lines of the log were lost: nobody had read them", lost)
        for level, created, subject, message in lines:
            if logger.isEnabledFor(level):
                text = f"{subject}: {message}" if subject else message
                # `record.stream`, for logs that are data.
                about = {"stream": subject or None}
                record = logger.makeRecord(logger.name, level, "streambro", 0, text, (), None, extra=about)
                record.created, record.msecs = created, created % 1 * 1_000
                try:
                    logger.handle(record)
                except Exception:  # noqa: BLE001 - of a handler of the program's own, which is told as logging does it
                    silence.handleError(record)
