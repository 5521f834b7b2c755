"""What must hold, line by line, from merged rows."""

from . import maths
from .contenders import PLAIN, STREAMBRO

KB, MB = 1024, 1024 * 1024
# 20 a second (DESIGN 4): a second that begins with an attempt sees the 20 of the second and, by the timer's
# millisecond, one or two more.
ATTEMPTS = 22
# Lateness under a millisecond is no lateness: packets go out up to a tick early.
LEAST_LATE = 1.0
SMALL = "not judged: small numbers"


def checks(rows, skipped, small=False):
    """The lines: {"what", "figure", "unit", "bound", "holds"}; `holds` is None where something was not run.

    Bounds are those of a thousand streams: with small numbers nothing but faults is judged.
    """
    all_of = lambda section: [row for row in rows if row["section"] == section]

    def one(section, prefix=STREAMBRO, last=True):
        found = [row for row in all_of(section) if row["name"].startswith(prefix)]
        return found[-1 if last else 0] if found else None

    def figure(row, name):
        return row["figures"][name] if row and name in row["figures"] else None

    def middle(row, name):
        found = figure(row, name)
        return found["median"] if found else None

    def ratio(above, above_name, below, below_name, least=0.0):
        a, b = figure(above, above_name), figure(below, below_name)
        return maths.ratio(a, b, least) if a and b else None

    ours = one("compare", STREAMBRO)
    plain = one("compare", PLAIN)
    tls, distinct, start, stalled = one("tls"), one("distinct"), one("start"), one("stalled")
    outage = one("outage")
    slow = all_of("slow")
    length = [row for row in all_of("length") if row["name"].startswith(STREAMBRO)]
    remux, remux_ffmpeg = one("remux", "remux"), one("remux", PLAIN)
    streams = f"{ours['streams']:,} streams" if ours else "streams"

    lines = [
        at_most("compare", f"resident memory of {streams}", middle(ours, "resident_all"), 64 * MB, "MB"),
        at_most("compare", f"anonymous memory a stream (slope), {streams}", middle(ours, "slope"), 16 * KB, "KB"),
        at_least("compare", f"CPU: ffmpeg's / ours, {streams}", ratio(plain, "cpu_percent", ours, "cpu_percent"), 20),
        at_most("compare", f"lateness, p99, {streams}", middle(ours, "late_p99_ms"), 100, "ms"),
        at_most("distinct", "anonymous memory a stream (slope), a file each", middle(distinct, "slope"), 24 * KB, "KB"),
        at_most("tls", "anonymous memory a stream (slope), RTMPS", middle(tls, "slope"), 32 * KB, "KB"),
        at_least("tls", "CPU: ffmpeg's without TLS / ours with RTMPS",
                 ratio(one("tls", PLAIN), "cpu_percent", tls, "cpu_percent"), 10),
        at_least("remux", "throughput: ours / ffmpeg's",
                 ratio(remux, "megabytes_per_second", remux_ffmpeg, "megabytes_per_second"), 3),
        at_most("start", "first media byte, p99, all started at once", middle(start, "first_byte_p99_ms"), 50, "ms"),
        at_most("slow", "p99 lateness beside a slow disk / without it",
                ratio(slow[1], "late_p99_ms", slow[0], "late_p99_ms", LEAST_LATE) if len(slow) > 1 else None, 1.5, "x"),
        at_most("outage", "attempts in any one second", middle(outage, "attempts_in_a_second"), ATTEMPTS, ""),
        at_most("outage", "from the server's return until all are live", middle(outage, "back_seconds"), 60, "s"),
        at_most("outage", "anonymous memory after / before",
                ratio(outage, "private_after", outage, "private_before"), 1.1, "x"),
        # Strictly less; bytes are whole.
        at_most("stalled", "kernel memory of one stalled connection, the most", middle(stalled, "most_held"),
                128 * KB - 1, "KB"),
        at_most("length", f"anonymous memory, {tail(length)} film / 1 min film",
                ratio(length[-1], "private_all", length[0], "private_all") if len(length) > 1 else None, 1.25, "x"),
    ]
    for line in lines:
        line["skipped"] = skipped.get(line["section"])
        if small and line["figure"] is not None:
            line["holds"], line["skipped"] = None, SMALL
    faults = [fault for row in rows for fault in row["faults"]]
    if rows:
        lines.append({"section": "all", "what": "faults: frames due = sent = received, everywhere", "figure": len(faults),
                      "unit": "", "bound": "none", "holds": not faults, "skipped": None})
    return lines


def tail(length):
    return length[-1]["name"].split(", ")[1] if length else "10 h"


def at_most(section, what, figure, bound, unit):
    holds = None if figure is None else figure <= bound
    return {"section": section, "what": what, "figure": figure, "unit": unit, "bound": f"≤ {show(bound, unit)}",
            "holds": holds}


def at_least(section, what, figure, bound):
    holds = None if figure is None else figure >= bound
    return {"section": section, "what": what, "figure": figure, "unit": "x", "bound": f"≥ {show(bound, 'x')}",
            "holds": holds}


def show(value, unit):
    """A figure in its unit; bytes come as bytes."""
    if value is None:
        return "–"
    if unit in ("KB", "MB"):
        return f"{value / (KB if unit == 'KB' else MB):.1f} {unit}"
    if unit == "":
        return f"{value:g}"
    return f"{value:.2f} {unit}" if abs(value) < 10 else f"{value:.0f} {unit}"


def verdict(line):
    if line["skipped"] == SMALL:
        return SMALL
    if line["holds"] is None:
        return f"not run ({line['skipped']})" if line["skipped"] else "not run"
    return "PASS" if line["holds"] else "FAIL"


def passed(lines):
    return all(line["holds"] is not False for line in lines)
