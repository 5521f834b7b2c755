"""The figures as Markdown."""

from . import maths
from .checks import show, verdict
from .contenders import PLAIN, STREAMBRO

BEGIN, END = "<!-- figures -->", "<!-- /figures -->"


def markdown(report):
    rows = report["rows"]
    parts = [head(report), check_list(report["checks"])]
    for make in (comparison, fits, scale, harder, length, outage, slow, stalled, remux):
        part = make(rows) if make is not fits else fits(report["fits"])
        if part:
            parts.append(part)
    faults = [f"- {fault}" for row in rows for fault in row["faults"]]
    if faults:
        parts.append("Faults:\n\n" + "\n".join(faults))
    return "\n\n".join(parts) + "\n"


def into(text, figures):
    """A document with what stands between its markers replaced; without markers the figures alone."""
    if BEGIN not in text or END not in text:
        return figures
    before, rest = text.split(BEGIN, 1)
    return f"{before}{BEGIN}\n\n{figures}\n{END}{rest.split(END, 1)[1]}"


def head(report):
    programs = ", ".join(filter(None, (report["ffmpeg"], report["gstreamer"]))) or "no ffmpeg, no GStreamer"
    how = f"medians of {report['runs']} runs" if report["runs"] > 1 else "one run"
    return (f"Measured on {report['date']} on {report['machine']}; {programs}; {how}, {report['seconds']} s a step. "
            "KB and MB are 1,024 and 1,048,576 bytes; CPU is of one core.")


def check_list(lines):
    return "### What must hold\n\n" + table(
        ["what", "measured", "bound", ""],
        [[line["what"], show(line["figure"], line["unit"]), line["bound"], verdict(line)] for line in lines])


def comparison(rows):
    rows = of(rows, "compare")
    ours = [row for row in rows if row["name"] == STREAMBRO]
    if not ours:
        return None
    base, lines = ours[-1], []
    memory = "slope" if mid(base, "slope") else "private"
    for row in rows:
        ratios = ["–", "–"]
        if row["name"] != STREAMBRO:
            ratios = [times(row, "cpu_percent", base, "cpu_percent"), times(row, "private", base, memory)]
        lines.append([row["name"], f"{row['streams']:,}", percent(row), size(row, "private"), size(row, "resident"), *ratios])
    return (f"### Side by side, 4.2 Mb/s a stream\n\nThe ratios compare with {base['streams']:,} streams of streambro, "
            "memory by its slope: what one stream more takes.\n\n" + table(
                ["contender", "streams", "CPU, each", "private memory, each", "resident, each", "CPU / ours",
                 "memory / ours"], lines))


def fits(found):
    if not found:
        return None
    lines = [[fit["name"], f"{fit['streams']:,}", fit["binding"], *(f"{limit:,}" for limit in fit["limits"].values())]
             for fit in found]
    return "### How many fit in 4 GB, 2 cores and a 1 Gb/s port\n\n" + table(
        ["contender", "streams", "what stops it", *(f"by {limit}" for limit in found[0]["limits"])], lines)


def scale(rows):
    lines = [[row["name"], f"{row['streams']:,}", percent(row), size(row, "slope"), size(row, "resident_all"),
              number(row, "calls", 1), number(row, "switches", 1), lateness(row)] for row in of(rows, "scale")]
    return lines and "### The cost of a stream, by their number\n\n" + table(
        ["bit rate", "streams", "CPU, each", "anonymous memory, each (slope)", "resident, all",
         "reads and writes, each, a second", "context switches, each, a second", "lateness p50 / p99 / max"], lines)


def harder(rows):
    rows = [row for section in ("tls", "distinct", "start") for row in of(rows, section)]
    lines = [[row["name"], f"{row['streams']:,}", percent(row), size(row, "slope"), size(row, "private"), lateness(row),
              number(row, "first_byte_p99_ms", 0, " ms")] for row in rows]
    return lines and "### RTMPS, a file for each stream, and starts\n\n" + table(
        ["what", "streams", "CPU, each", "anonymous memory, each (slope)", "private, each", "lateness p50 / p99 / max",
         "first byte, p99"], lines)


def length(rows):
    lines = [[row["name"], f"{row['streams']:,}", size(row, "slope"), size(row, "private_all"), size(row, "resident_all")]
             for row in of(rows, "length")]
    return lines and "### Memory against the film's length\n\n" + table(
        ["what", "streams", "anonymous memory, each (slope)", "private, all", "resident, all"], lines)


def outage(rows):
    lines = [[row["name"], f"{row['streams']:,}", number(row, "back_seconds", 1, " s"),
              number(row, "attempts_in_a_second", 0), number(row, "accepts_in_a_second", 0),
              size(row, "private_before"), size(row, "private_after"),
              size(row, "resident_before"), size(row, "resident_after")] for row in of(rows, "outage")]
    return lines and "### A server that vanishes\n\n" + table(
        ["what", "streams", "all live again after", "attempts in any second, sent", "accepted", "anonymous memory before",
         "after", "resident before", "after"], lines)


def slow(rows):
    lines = [[row["name"], f"{row['streams']:,}", lateness(row), number(row, "slow_late_max_ms", 0, " ms")]
             for row in of(rows, "slow")]
    return lines and "### A slow disk under one of them\n\n" + table(
        ["what", "streams", "lateness of the others, p50 / p99 / max", "of the one, max"], lines)


def stalled(rows):
    lines = [[row["name"], f"{row['streams']:,}", size(row, "most_held"), size(row, "all_held"), size(row, "most_queued")]
             for row in of(rows, "stalled")]
    return lines and "### A peer that stops reading\n\nThe kernel's memory on our side, the most of 12 s.\n\n" + table(
        ["what", "streams", "one connection, the most", "all", "bytes in one queue, the most"], lines)


def remux(rows):
    lines = [[row["name"], number(row, "megabytes_per_second", 0, " MB/s")] for row in of(rows, "remux")]
    return lines and "### Remux, unpaced\n\n" + table(["program", "throughput"], lines)


def of(rows, section):
    return [row for row in rows if row["section"] == section]


def mid(row, name):
    return row["figures"].get(name, {}).get("median")


def size(row, name):
    value = mid(row, name)
    if value is None:
        return "–"
    return show(value, "KB" if abs(value) < 1024 * 1024 else "MB")


def percent(row):
    value = mid(row, "cpu_percent")
    return "–" if value is None else f"{value:.3f} %"


def number(row, name, digits, unit=""):
    value = mid(row, name)
    return "–" if value is None else f"{value:.{digits}f}{unit}"


def lateness(row):
    """Negative is early."""
    if mid(row, "late_p99_ms") is None:
        return "–"
    return " / ".join(f"{mid(row, name):.0f}" for name in ("late_p50_ms", "late_p99_ms", "late_max_ms")) + " ms"


def times(row, name, base, base_name):
    found = maths.ratio(row["figures"][name], base["figures"][base_name])
    return "–" if found is None else f"{found:.0f} x"


def table(head, lines):
    shown = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in shown)
