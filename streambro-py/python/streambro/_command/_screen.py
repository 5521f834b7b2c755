"""What tables and lines have in common."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streambro._media import meaning, remedy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streambro._output import Reason

STYLES = {"fine": "green", "note": "cyan", "warning": "yellow", "error": "bold red"}

# Without a terminal there is one line for each row, so that other programs find what they look for.
_ENDLESS = 10_000

# What the library says in the names of its settings, in those of this command.
_OPTIONS = {
    "let its `video` be encoded": "use `--encoder auto`",
    "let it `repeat` `forever`": "use `--repeat forever`",
    "`replace` the stream": "start it again",
    "`encoders` lists": "`streambro encoders` lists",
}


class Screen(Console):
    """Standard output, where text is text and a reader that has gone is an error."""

    def __init__(self) -> None:
        """Looks whether it is a terminal."""
        super().__init__(markup=False, emoji=False, highlight=False)
        if not self.is_terminal:
            self.width = _ENDLESS

    def on_broken_pipe(self) -> None:
        """Leaves it to `main`; rich would exit at once."""
        raise BrokenPipeError

    def table(self, *headers: str, right: tuple[str, ...] = ()) -> Table:
        """Returns an empty table; columns named in `right` are of figures."""
        table = Table(box=SIMPLE_HEAD if self.is_terminal else None, pad_edge=False, header_style="bold")
        for header in headers:
            table.add_column(header, justify="right" if header in right else "left", overflow="fold")
        return table

    def facts(self, rows: list[tuple[str, str]]) -> None:
        """Prints names and what they are."""
        table = Table.grid(padding=(0, 2))
        for name, text in rows:
            table.add_row(Text(name, "bold"), Text(text, overflow="fold"))
        self.show(table)

    def show(self, table: Table) -> None:
        """Prints a table; without a terminal its lines end where their text ends."""
        with self.capture() as captured:
            self.print(table)
        lines = captured.get().splitlines()
        say("\n".join(lines if self.is_terminal else map(str.rstrip, lines)))

    @contextmanager
    def working(self, words: str, *, quiet: bool) -> Iterator[None]:
        """Shows that something takes time, to whoever watches."""
        if quiet or not self.is_interactive:
            yield
        else:
            with self.status(words):
                yield


def say(*words: str) -> None:
    """Prints a line, if there is one, and all that was printed before."""
    print(*words, end="\n" if words else "", flush=True)  # noqa: T201 - it is what a command is for


def complain(words: str, *more: str) -> None:
    """Prints a line on standard error, and more below it."""
    # Where that is closed, `print` would take standard output.
    if sys.stderr:
        print(f"streambro: {shown(words)}", *more, sep="\n  ", file=sys.stderr)  # noqa: T201 - the same


def explain(reason: Reason, detail: str) -> None:
    """Prints on standard error why something failed, what that means and what to do."""
    more = [in_options(words) for words in (meaning(reason), remedy(reason)) if words]
    complain(f"{reason}: {detail}" if detail else reason, *more)


def shown(text: str) -> str:
    """Returns a text in which nothing commands a terminal."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def in_options(text: str) -> str:
    """Returns what the library says, with this command's options where it has those of the library."""
    for theirs, ours in _OPTIONS.items():
        text = text.replace(theirs, ours)
    return text


def clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    whole = int(seconds)
    return f"{whole // 3_600}:{whole // 60 % 60:02}:{whole % 60:02}"


def bit_rate(bits: float) -> str:
    """Bits per second."""
    mega = bits / 1e6
    return f"{mega:,.1f} Mb/s" if mega >= 1 else f"{bits / 1e3:,.0f} kb/s"


def size(count: float) -> str:
    """Bytes."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "KB")):
        if count >= unit:
            return f"{count / unit:,.1f} {name}"
    return f"{count:.0f} bytes"
