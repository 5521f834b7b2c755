"""Medians, ratios and what fits: numbers in, numbers out."""

from statistics import median

# What the question "how many fit" is about. 500 MB are for the system.
HOST_MEMORY = 4e9 - 500e6
HOST_CORES = 2
PORT = 1e9
BITRATE = 4.2e6


def merge(runs):
    """One row for each key of the rows of several runs: for each figure its median and the value of each run.

    A row is {"section", "name", "streams", "figures": {name: number or None}, "faults": [...]}.
    """
    keys = dict.fromkeys(key(row) for rows in runs for row in rows)
    return [merge_row(wanted, [find_row(rows, wanted) for rows in runs]) for wanted in keys]


def merge_row(wanted, found):
    there = [row for row in found if row]
    figures = {}
    for name in dict.fromkeys(name for row in there for name in row["figures"]):
        values = [row["figures"].get(name) if row else None for row in found]
        figures[name] = {"median": middle(values), "values": values}
    section, name, streams = wanted
    return {"section": section, "name": name, "streams": streams, "figures": figures,
            "faults": [fault for row in there for fault in row["faults"]]}


def key(row):
    return row["section"], row["name"], row["streams"]


def find_row(rows, wanted):
    return next((row for row in rows if key(row) == wanted), None)


def middle(values):
    """The median of what is known."""
    known = [value for value in values if value is not None]
    return median(known) if known else None


def ratio(above, below, least=0.0):
    """The median of the ratios run by run of two merged figures; what is below `least` counts as `least`."""
    pairs = zip(above["values"], below["values"])
    ratios = [max(a, least) / max(b, least) for a, b in pairs if None not in (a, b) and max(b, least) > 0]
    return middle(ratios)


def growth(first, last):
    """What was there at the end, as a share of what was there before; figures merged."""
    return ratio(last, first)


def fits(name, memory, cpu_percent, bits_per_second=BITRATE):
    """How many streams a small host carries, and what stops it."""
    limits = {
        "memory (3.5 of 4 GB)": HOST_MEMORY / max(memory, 1),
        "CPU (2 cores)": HOST_CORES * 100 / max(cpu_percent, 1e-6),
        "the port (1 Gb/s)": PORT / bits_per_second,
    }
    binding = min(limits, key=limits.get)
    return {"name": name, "streams": int(limits[binding]), "binding": binding,
            "limits": {limit: int(count) for limit, count in limits.items()}}
