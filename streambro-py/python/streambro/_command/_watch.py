"""What is known of a stream by looking at it again and again."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streambro._output import ItemChanged

if TYPE_CHECKING:
    from streambro._output import AnyEvent, Reason, StreamStatus

# Bit rates are those of so many seconds: of less they would jump, as a disk is read ahead.
RATE_SECONDS = 5.0

_ON_AIR = ("live", "degraded", "holding")
_LEG_ON_AIR = ("live", "lagging")


class Watch:
    """What a stream and its destinations were like so far."""

    def __init__(self) -> None:
        """Has seen nothing yet."""
        self.playing: str | None = None
        self.trouble: tuple[Reason, str] | None = None
        self._stream = _Timer()
        self._legs: dict[int, _Leg] = {}

    def tell(self, event: AnyEvent) -> None:
        """Takes note of an event."""
        if isinstance(event, ItemChanged) and event.run.end is None:
            self.playing = event.run.file

    def look(self, status: StreamStatus) -> None:
        """Takes note of a status."""
        now = time.monotonic()
        self._stream.look(now, is_on=status.phase in _ON_AIR)
        for leg in status.legs:
            seen = self._legs.setdefault(leg.leg, _Leg())
            seen.timer.look(now, is_on=leg.phase in _LEG_ON_AIR)
            seen.look(now, leg.bytes)
            if leg.reason and status.phase not in ("stopping", "ended"):
                self.trouble = leg.reason, leg.detail

    @property
    def was_on_air(self) -> bool:
        """Whether it ever was on the air."""
        return self._stream.was_on

    def on_air_seconds(self, leg: int | None = None) -> float:
        """How long the stream, or one of its destinations, was on the air in all."""
        return self._stream.seconds if leg is None else self._legs[leg].timer.seconds

    def bits_per_second(self, leg: int) -> float:
        """What a destination was sent lately."""
        return self._legs[leg].bits_per_second()


@dataclass
class _Timer:
    seconds: float = 0.0
    was_on: bool = False
    _is_on: bool = False
    _looked: float = 0.0

    def look(self, now: float, *, is_on: bool) -> None:
        if self._is_on:
            self.seconds += now - self._looked
        self._looked, self._is_on = now, is_on
        self.was_on |= is_on


@dataclass
class _Leg:
    timer: _Timer = field(default_factory=_Timer)
    _sent: deque[tuple[float, int]] = field(default_factory=deque)

    def look(self, now: float, sent: int) -> None:
        self._sent.append((now, sent))
        while now - self._sent[0][0] > RATE_SECONDS:
            self._sent.popleft()

    def bits_per_second(self) -> float:
        (began, before), (now, sent) = self._sent[0], self._sent[-1]
        return (sent - before) * 8 / (now - began) if now > began else 0.0
