"""`streambro encoders`, `streambro capacity` and `streambro doctor`: what this host can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from streambro._command._screen import STYLES, Screen, bit_rate, say, size
from streambro._input import Destination, Source, StreamSpec
from streambro._media import doctor
from streambro._output import Capacity, Diagnosis, EncoderReport, Room
from streambro._wire import to_json
from streambro.blocking import StreamManager

if TYPE_CHECKING:
    from argparse import Namespace

_ENDLESS = 2**64 - 1


def run_encoders(args: Namespace) -> int:
    """Tries every encoder, and says which of them work here."""
    screen = Screen()
    with StreamManager(monitor_every_ms=0) as manager, screen.working("trying every encoder", quiet=args.json):
        reports = manager.encoders()
    if args.json:
        say(to_json(reports, tuple[EncoderReport, ...]))
        return 0
    table = screen.table("encoder", "here")
    for report in reports:
        works = report.availability == "available"
        table.add_row(report.encoder, Text("works", "green") if works else _why_not(report))
    screen.show(table)
    works_here = [report.encoder for report in reports if report.availability == "available"]
    if works_here:
        say(f"--encoder auto takes {works_here[0]}, the first that works")
    else:
        say("nothing works: install an ffmpeg that has libx264")
    return 0


def _why_not(report: EncoderReport) -> str:
    return report.availability if isinstance(report.availability, str) else report.availability.why


def run_capacity(args: Namespace) -> int:
    """Says how many more of such streams fit."""
    # Nobody connects, so any key does.
    destination = Destination(url=args.url, key="capacity")
    source = Source(file=args.file, repeat="forever")
    spec = StreamSpec(id="capacity", source=source, destinations=[destination], video=args.video)
    screen = Screen()
    manager = StreamManager(
        monitor_every_ms=0,
        unlimited=True,
        max_streams=args.max_streams,
        max_streams_per_host=args.max_streams_per_host,
        max_bandwidth=args.max_bandwidth,
        max_stream_memory=args.max_stream_memory,
        max_stream_cpu=args.max_stream_cpu,
        memory_reserve=args.memory_reserve,
    )
    with manager, screen.working("looking into the file", quiet=args.json):
        capacity = manager.capacity([spec])
        cost = None if args.json else manager.explain(spec).cost
    if args.json:
        say(to_json(capacity, Capacity))
        return 0
    table = screen.table("limit", "of", "free", "streams", right=("free", "streams"))
    for room in capacity.limits:
        table.add_row(room.limit.replace("_", " "), room.of or "", _free(room), _count(room.streams))
    screen.show(table)
    binding = capacity.binding.replace("_", " ") if capacity.binding else "nothing"
    if cost:
        cores = cost.microcores / 10_000
        say(f"each takes {bit_rate(cost.bits_per_second)}, {size(cost.memory_bytes)} of memory, {cores:.2f} % of a core")
    say(f"{_count(capacity.streams)} more such streams fit; {binding} is in the way of one more")
    return 0


def _count(streams: int) -> str:
    return "any number of" if streams == _ENDLESS else f"{streams:,}"


def _free(room: Room) -> str:
    """What is free, in the unit of its limit."""
    if room.limit in ("bandwidth", "host_bandwidth"):
        return bit_rate(room.free)
    if room.limit in ("memory", "process_memory", "host_memory"):
        return size(room.free)
    if room.limit in ("cpu", "host_cpu"):
        return f"{room.free / 1e6:.2f} cores"
    return f"{room.free:,}"


def run_doctor(args: Namespace) -> int:
    """Says what this host lacks; fails when something cannot work."""
    screen = Screen()
    with screen.working("looking at the host", quiet=args.json):
        diagnosis = doctor(max_streams=args.max_streams, media_root=args.media_root)
    code = 1 if any(check.severity == "error" for check in diagnosis.checks) else 0
    if args.json:
        say(to_json(diagnosis, Diagnosis))
        return code
    table = screen.table("", "check", "what was seen", "what to do")
    for check in diagnosis.checks:
        severity = Text(check.severity, STYLES.get(check.severity, ""))
        table.add_row(severity, check.name.replace("_", " "), check.what, check.remedy)
    screen.show(table)
    return code
