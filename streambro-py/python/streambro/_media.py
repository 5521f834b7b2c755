"""What needs no manager: looking into files, and at the host. These functions block, with the interpreter left to others.

In asyncio call them with `asyncio.to_thread`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streambro import _native
from streambro._blocking import done
from streambro._input import Encode, Platform, PlatformProfile, Schedule, SettingsDict
from streambro._output import Diagnosis, Host, Preview, Probe, Reason, RemuxReport
from streambro._wire import StrPath, from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from typing_extensions import Unpack

__all__ = [
    "command",
    "doctor",
    "host",
    "meaning",
    "platform",
    "preview",
    "probe",
    "remedy",
    "remux",
    "version",
]


def version() -> str:
    """Returns the version of the library."""
    return _native.version()


def probe(path: StrPath) -> Probe:
    """Says what is in an MP4 or FLV file, and whether it can go out as it is.

    Reads its tables and no more; knows of no media root.

    Raises `SourceUnreadableError`, `SourceInvalidError`, `SourceUnsupportedError`, `HostError`.
    """
    return from_json(_native.probe(path), Probe)


def remux(path: StrPath, target: StrPath, times: int = 1) -> RemuxReport:
    """Writes what a destination would receive of a file to an FLV file, as fast as the disks go, so many times in a row.

    The target is there once it is whole, in the place of what was there.

    Raises what `probe` raises; `InvalidSpecError` for no time at all; `HostError` when it cannot be written.
    """
    return from_json(_native.remux(path, target, times), RemuxReport)


def command(encode: Encode | Mapping[str, Any], path: StrPath) -> tuple[str, ...]:
    """Returns the command line of ffmpeg that would encode a file, for people to try. It holds no key and no destination.

    Raises `InvalidSpecError`.
    """
    return from_json(_native.command(to_json(encode, Encode), path), tuple[str, ...])


def host() -> Host:
    """Returns what of this host counts for streams: memory, processors, load, descriptors, limits of control groups."""
    return from_json(_native.host(), Host)


def platform(name: Platform | Mapping[str, Any]) -> PlatformProfile:
    """Returns what a platform recommends and allows, with date and source.

    >>> platform("twitch").keyframe_interval_ms
    2000

    Raises `InvalidSpecError` for one that is not known.
    """
    return from_json(_native.platform(to_json(name, Platform, "name")), PlatformProfile)


def preview(schedule: Schedule | Mapping[str, Any], start: datetime, count: int = 10) -> tuple[Preview, ...]:
    """Returns the next times at which a schedule has its stream on the air, with notes on changes of the clocks.

    >>> nightly = Schedule(zone="Europe/Berlin", windows=[Window(from_="02:30", until="04:00")])
    >>> [night] = preview(nightly, datetime(2026, 3, 28, 12, tzinfo=timezone.utc), count=1)
    >>> night.start
    '2026-03-29T03:30:00+02:00[Europe/Berlin]'
    >>> night.note
    'the clocks go forward: begins at 03:30:00 instead of 02:30:00'

    Raises `InvalidSpecError`; `InvalidArgumentError` for more than 10,000; `ValueError` for a `start` without a zone.
    """
    if start.tzinfo is None:
        raise ValueError("start has no time zone: give it one, such as datetime.now(timezone.utc)")
    text = _native.preview(to_json(schedule, Schedule), round(start.timestamp() * 1_000), count)
    return from_json(text, tuple[Preview, ...])


def doctor(**settings: Unpack[SettingsDict]) -> Diagnosis:
    """Says whether this host can carry what these settings ask, without building anything, and what to do about it.

    Blocks for well under a second on a healthy host, and never over ten.
    """
    return from_json(done(_native.doctor(to_json(settings, SettingsDict))), Diagnosis)


def meaning(reason: Reason) -> str | None:
    """Returns what a reason means, for people; None for one that is not known.

    >>> meaning("bad_key")
    'The server refused the key.'
    """
    return _native.meaning(reason)


def remedy(reason: Reason) -> str | None:
    """Returns what to do about a reason, and what the library does meanwhile; None for one that is not known."""
    return _native.remedy(reason)
