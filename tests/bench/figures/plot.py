"""Memory and CPU against streams, as SVG: both axes logarithmic, every line labelled where it ends."""

from math import ceil, floor, log10

COLOURS = ["#0b6e4f", "#c0392b", "#d98200", "#8e44ad", "#2c5aa0", "#555555"]
WIDTH, HEIGHT = 1120, 470
TOP, TALL, WIDE = 60, 340, 330
LABELS = 13


def plot(rows):
    """The picture of merged rows with figures `private_all` and `cpu_percent`."""
    names = list(dict.fromkeys(row["name"] for row in rows))
    memory = lambda row: row["figures"]["private_all"]["median"] / 1048576
    cpu = lambda row: row["figures"]["cpu_percent"]["median"] * row["streams"]
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
           'font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    out += panel(rows, names, 70, "private memory of all streams", memory, lambda power: amount(power, "MB"))
    out += panel(rows, names, 635, "CPU of all streams, of one core", cpu, lambda power: amount(power, "%"))
    return "\n".join([*out, "</svg>", ""])


def amount(power, unit):
    return f"{10.0**power:,.{max(0, -power)}f} {unit}"


def panel(rows, names, left, title, value, label):
    values = [value(row) for row in rows if value(row) > 0]
    low, high = floor(log10(min(values))), max(ceil(log10(max(values))), floor(log10(min(values))) + 1)
    decades = max(1, ceil(log10(max(row["streams"] for row in rows))))
    x = lambda streams: left + WIDE * log10(streams) / decades
    y = lambda amount: TOP + TALL * (1 - (log10(max(amount, 10.0**low)) - low) / (high - low))
    bottom = TOP + TALL
    out = [f'<text x="{left}" y="{TOP - 22}" font-size="15" font-weight="bold">{title}</text>']
    for decade in range(decades + 1):
        at = x(10**decade)
        out.append(f'<line x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{bottom}" stroke="#ddd"/>')
        out.append(f'<text x="{at:.1f}" y="{bottom + 18}" text-anchor="middle">{10**decade:,}</text>')
    for power in range(low, high + 1):
        at = y(10.0**power)
        out.append(f'<line x1="{left}" y1="{at:.1f}" x2="{left + WIDE}" y2="{at:.1f}" stroke="#ddd"/>')
        out.append(f'<text x="{left - 6}" y="{at + 4:.1f}" text-anchor="end">{label(power)}</text>')
    out.append(f'<text x="{left + WIDE / 2}" y="{bottom + 40}" text-anchor="middle">streams</text>')
    ends = []
    for name, colour in zip(names, COLOURS):
        line = sorted((row for row in rows if row["name"] == name), key=lambda row: row["streams"])
        points = [(x(row["streams"]), y(value(row))) for row in line]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{colour}"/>' for px, py in points]
        ends.append((*points[-1], name, colour))
    return out + labels(ends, left + WIDE)


def labels(ends, right):
    """Each name beside the end of its line; moved apart where ends meet, with a thread to the end."""
    ends = sorted(ends, key=lambda end: end[1])
    places = spread([end[1] for end in ends], LABELS + 3)
    out = []
    for (px, py, name, colour), at in zip(ends, places):
        # Lines that end early have room beside them.
        start = min(px + 16, right + 12)
        out.append(f'<line x1="{px + 4:.1f}" y1="{py:.1f}" x2="{start - 2:.1f}" y2="{at:.1f}" stroke="{colour}" '
                   'stroke-width="0.7"/>')
        out.append(f'<text x="{start:.1f}" y="{at + 4:.1f}" fill="{colour}" paint-order="stroke" stroke="white" '
                   f'stroke-width="3">{name}</text>')
    return out


def spread(places, least):
    """Sorted places moved so that neighbours are at least so far apart, around where they were."""
    groups = []
    for place in places:
        groups.append([place, 1])
        # Groups that touch become one, around the middle of both.
        while len(groups) > 1 and groups[-1][0] - groups[-2][0] < least * (groups[-1][1] + groups[-2][1]) / 2:
            (b, m), (a, n) = groups.pop(), groups.pop()
            groups.append([(a * n + b * m) / (n + m), n + m])
    return [middle + least * (at - (count - 1) / 2) for middle, count in groups for at in range(count)]
