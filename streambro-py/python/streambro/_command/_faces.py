"""What `streambro live` shows while a stream is on the air: a table, lines, or JSON."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from streambro._command._look import contents
from streambro._command._screen import bit_rate, clock, in_options, say, shown, size
from streambro._errors import StreambroError
from streambro._media import meaning, probe, remedy
from streambro._output import (
    Alert,
    AnyEvent,
    EncoderChosen,
    EncoderFailed,
    ItemChanged,
    ItemFailed,
    LegChanged,
    Missed,
    PhaseChanged,
    RenditionFinished,
)
from streambro._wire import label, to_json

if TYPE_CHECKING:
    from argparse import Namespace
    from types import TracebackType

    from rich.console import RenderableType
    from typing_extensions import Self

    from streambro._command._screen import Screen
    from streambro._command._watch import Watch
    from streambro._output import Reason, StreamStatus

LINE_EVERY = 30.0
PICTURE_EVERY = 0.2

_STYLES = {
    "live": "bold green",
    "publishing": "green",
    "lagging": "yellow",
    "degraded": "yellow",
    "holding": "yellow",
    "waiting": "red",
    "reconnecting": "red",
    "ended": "bold",
}


def face_of(args: Namespace, screen: Screen, watch: Watch) -> Face:
    """Returns what suits whoever reads the output."""
    if args.json:
        return Face()
    if screen.is_interactive:
        return Picture(args, screen, watch)
    return Lines(args, screen, watch)


class Face:
    """A line of JSON for each event."""

    def __enter__(self) -> Self:
        """Begins."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Ends."""

    def tell(self, event: AnyEvent) -> None:
        """Shows that something happened."""
        say(to_json(event, AnyEvent))

    def look(self, status: StreamStatus) -> None:
        """Shows how it is."""


class Lines(Face):
    """A line for what happens, and now and then one that says how it is."""

    def __init__(self, args: Namespace, screen: Screen, watch: Watch) -> None:
        """Takes what it shows."""
        self._film = _Film(args.files, args.url)
        self._screen, self._watch = screen, watch
        self._next = time.monotonic() + LINE_EVERY
        self._told: str | None = None

    def __enter__(self) -> Self:
        """Says what is played."""
        self._screen.facts(self._film.rows)
        return self

    def tell(self, event: AnyEvent) -> None:
        """Prints a line, and what to do where that is new."""
        if words := _words(event):
            self._print(event.unix_ms / 1_000, words)
        reason = event.reason if isinstance(event, LegChanged) and event.retry_in_ms else None
        if reason and reason != self._told:
            self._told = reason
            self._advise(event.unix_ms / 1_000, reason)

    def look(self, status: StreamStatus) -> None:
        """Prints a line every other while."""
        if (now := time.monotonic()) >= self._next:
            self._next = now + LINE_EVERY
            for leg in status.legs:
                words = [
                    leg.phase,
                    f"on the air {clock(self._watch.on_air_seconds(leg.leg))}",
                    bit_rate(self._watch.bits_per_second(leg.leg)),
                    f"{size(leg.bytes)} sent",
                    f"reconnects: {leg.reconnects}",
                ]
                self._print(time.time(), f"{leg.destination}: {', '.join(words)}")

    def _advise(self, when: float, reason: Reason) -> None:
        if what := remedy(reason):
            self._print(when, in_options(what))

    def _print(self, when: float, words: str) -> None:
        at = time.strftime("%H:%M:%S", time.localtime(when))
        self._screen.print(f"{at}  {shown(words)}", soft_wrap=not self._screen.is_terminal)


class Picture(Lines):
    """A table that is drawn anew several times a second, below the lines."""

    def __init__(self, args: Namespace, screen: Screen, watch: Watch) -> None:
        """Takes what it shows."""
        super().__init__(args, screen, watch)
        self._live = Live(console=screen, auto_refresh=False)
        self._next = 0.0

    def __enter__(self) -> Self:
        """Begins to draw."""
        super().__enter__()
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Leaves the last table there."""
        self._live.stop()

    def look(self, status: StreamStatus) -> None:
        """Draws."""
        if (now := time.monotonic()) >= self._next or status.phase == "ended":
            self._next = now + PICTURE_EVERY
            self._live.update(self._drawn(status), refresh=True)

    def _advise(self, when: float, reason: Reason) -> None:
        """Does nothing: it stands below the table for as long as it holds."""

    def _drawn(self, status: StreamStatus) -> RenderableType:
        parts: list[RenderableType] = [self._stream(status), self._destinations(status)]
        # Most destinations have the same trouble, or none.
        if status.phase != "ended":
            for reason, detail in _troubles(status).items():
                parts.append(Text(f"{reason}: {shown(detail) or meaning(reason) or ''}", "yellow"))
                parts.append(Text(in_options(remedy(reason) or "")))
        return Group(*parts)

    def _stream(self, status: StreamStatus) -> RenderableType:
        grid = Table.grid(padding=(0, 2))
        words: list[RenderableType] = [Text(status.phase, _STYLES.get(status.phase, ""))]
        if part := self._film.part(status.media_ms):
            words.append(ProgressBar(total=1.0, completed=part, width=20))
        words.append(f"media {clock(status.media_ms / 1_000)}")
        if status.laps:
            words.append(f"laps {status.laps:,}")
        if self._watch.playing:
            words.append(shown(self._watch.playing))
        if status.encoding and status.encoding.state == "running":
            words.append(f"ffmpeg {status.encoding.encoder or ''} {status.encoding.ahead_ms / 1_000:.0f} s ahead")
        grid.add_row(*words)
        return grid

    def _destinations(self, status: StreamStatus) -> RenderableType:
        figures = ("on the air", "bit rate", "sent", "reconnects")
        table = self._screen.table("destination", "phase", *figures, right=figures)
        for leg in status.legs:
            table.add_row(
                leg.destination,
                Text(leg.phase, _STYLES.get(leg.phase, "")),
                clock(self._watch.on_air_seconds(leg.leg)),
                bit_rate(self._watch.bits_per_second(leg.leg)),
                size(leg.bytes),
                f"{leg.reconnects:,}",
            )
        return table


class _Film:
    """What is played, as far as that can be read without ffmpeg."""

    def __init__(self, files: list[str], url: str) -> None:
        self.rows = [("playing", shown(file)) for file in files]
        self._length_ms = 0
        if len(files) == 1:
            self._read(files[0])
        self.rows.append(("to", label(url)))

    def _read(self, file: str) -> None:
        try:
            info = probe(file).info
        except StreambroError:
            # It is below a media root, or for ffmpeg.
            return
        if info:
            self.rows += contents(info)
            self._length_ms = info.duration_ms

    def part(self, media_ms: int) -> float | None:
        """How much of it has played of this lap, as a part of 1."""
        return media_ms % self._length_ms / self._length_ms if self._length_ms else None


def _troubles(status: StreamStatus) -> dict[Reason, str]:
    """Why it is not as it should be, by reason; where destinations say nothing of it, the stream does."""
    troubles = {leg.reason: leg.detail for leg in status.legs if leg.reason}
    return troubles or ({status.reason: status.detail} if status.reason else {})


def _words(event: AnyEvent) -> str | None:  # noqa: PLR0911 - a line for each kind
    """What an event says to whoever watches; None for what the next look shows anyway."""
    match event:
        case PhaseChanged():
            return ": ".join(word for word in (event.to, event.reason, event.detail) if word)
        case LegChanged(reason=str(reason), retry_in_ms=int(delay)):
            return f"{reason}: {event.detail}; again in {delay / 1_000:.1f} s"
        case EncoderChosen():
            return f"ffmpeg: {event.encoder + ': ' if event.encoder else ''}{event.detail}"
        case EncoderFailed():
            return f"ffmpeg: {event.reason}: {event.detail}"
        case RenditionFinished():
            return f"ffmpeg: {event.detail}"
        case ItemChanged() if event.run.end is None:
            return f"plays {event.run.file}"
        case ItemChanged() if isinstance(event.run.end, ItemFailed):
            return f"cannot play {event.run.file}: {event.run.end.reason}: {event.run.end.detail}"
        case Alert():
            return f"{'too much' if event.began else 'no longer too much'} {event.what}: {event.value:,.0f}"
        case Missed():
            return f"{event.count} events were lost: this terminal was slow"
    return None
