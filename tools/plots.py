"""Draws the plots of `docs/faster.md`, as SVG, from the benchmarks' results."""

import math
import re

from tools import performance
from tools.performance import quotient, shown

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 78, 128, 44, 52
# Colours that readers with colour vision deficiency distinguish (Okabe and Ito).
COLOURS = ["#0072b2", "#d55e00", "#009e73"]
SIZE = re.compile(r"(\d+) (B|bytes|KiB|MiB)\b")
UNITS = {"B": 1, "bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20}

# Each plot of lines: question, title, what is on the horizontal axis, rows, and contenders.
LINES = {
    "reads": ("reads", "Rust: copy a piece out of a map", "size", r".*", "safemap memmap2 pread"),
    "stores": ("python_store", "Python: assign a slice", "size", r".* at 1", "safemap mmap"),
    "searches": (
        "python_find",
        "Python: search 64 MiB of text",
        "length of the text that is searched for",
        r"find, .* text",
        "safemap mmap",
    ),
}


def texts():
    """The path of each plot in the repository, and its text."""
    _, sections = performance.recorded()
    rows = {}
    for section in sections:
        rows.setdefault(section.name, []).extend(it for it in section.rows if "medians" in it)
    drawn = {f"docs/plots/{name}.svg": lines(rows, *plot) for name, plot in LINES.items()}
    return drawn | {"docs/plots/calls.svg": bars(rows["calls"])}


def lines(rows, question, title, across, pattern, names):
    """A plot of time against size, both logarithmic."""
    chosen = [row for row in rows[question] if re.fullmatch(pattern, row["row"])]
    series = {it: [(size_of(row), row["medians"][it]) for row in chosen] for it in names.split()}
    points = [point for each in series.values() for point in each]
    x = scale([size for size, _ in points], LEFT, WIDTH - RIGHT)
    y = scale([time for _, time in points], HEIGHT - BOTTOM, TOP)
    parts = [text(LEFT, 24, title, "title"), text(LEFT, HEIGHT - 10, across)]
    parts.append(text(WIDTH - 14, 24, "time, logarithmic", "tick end"))
    for size in ticks([size for size, _ in points], 2, 9):
        parts.append(text(x(size), HEIGHT - BOTTOM + 18, bytes_of(size), "tick middle"))
    for time in ticks([time for _, time in points], 10, 8):
        parts.append(f'<path class="grid" d="M{LEFT} {y(time):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(text(LEFT - 6, y(time) + 4, shown(time), "tick end"))
    heights = labels({name: y(each[-1][1]) for name, each in series.items()})
    for colour, (name, each) in zip(COLOURS, series.items()):
        path = "L".join(f"{x(size):.1f} {y(time):.1f}" for size, time in each)
        parts.append(f'<path class="line" stroke="{colour}" d="M{path}"/>')
        parts.append(text(WIDTH - RIGHT + 8, heights[name] + 4, name, f'label" fill="{colour}'))
    return svg(HEIGHT, title, parts)


def bars(rows):
    """The ratio of each call from Python to that of the standard module."""
    title = "Python: time of a call, standard mmap = 1"
    ratios = {it["row"]: it["medians"]["safemap"] / it["medians"]["mmap"] for it in rows}
    left, step, full = 210, 17, (WIDTH - 210 - 60) / 1.25
    height = TOP + step * len(ratios) + 16
    parts = [text(14, 24, title, "title")]
    for number, (name, ratio) in enumerate(sorted(ratios.items(), key=lambda it: it[1])):
        top, length = TOP + number * step, ratio * full
        colour = COLOURS[0] if ratio <= 1 else COLOURS[1]
        shape = f'x="{left}" y="{top}" width="{length:.1f}" height="{step - 4}"'
        parts.append(f'<rect {shape} fill="{colour}"/>')
        parts.append(text(left - 6, top + 11, name.strip("`"), "tick end"))
        parts.append(text(left + length + 5, top + 11, quotient(ratio), "tick"))
    parts.append(f'<path class="limit" d="M{left + full:.1f} {TOP - 6}V{height - 12}"/>')
    return svg(height, title, parts)


def size_of(row):
    """The number of bytes in the name of a row."""
    number, unit = SIZE.search(row["row"]).groups()
    return int(number) * UNITS[unit]


def scale(values, start, end):
    """A function from a value to a position on a logarithmic axis."""
    low, high = math.log(min(values)), math.log(max(values))
    return lambda value: start + (math.log(value) - low) / (high - low) * (end - start)


def ticks(values, base, most):
    """Powers of a base within the range of values, or 2 and 5 times those if there are few."""
    first = math.ceil(math.log(min(values), base) - 1e-9)
    last = math.floor(math.log(max(values), base) + 1e-9)
    powers = [base**it for it in range(first, last + 1, (last - first) // most + 1)]
    if len(powers) > 2:
        return powers
    steps = (factor * base**it for it in range(first - 1, last + 1) for factor in (1, 2, 5))
    return [it for it in steps if min(values) <= it <= max(values)]


def labels(heights):
    """Heights of labels, moved apart where they would overlap."""
    placed, above = {}, 0
    for name, height in sorted(heights.items(), key=lambda it: it[1]):
        above = placed[name] = max(height, above + 16)
    return placed


def bytes_of(size):
    """A number of bytes with its unit."""
    unit = next(it for it in ("MiB", "KiB", "B") if size >= UNITS[it])
    return f"{size // UNITS[unit]} {unit}"


def text(x, y, words, kind="tick"):
    """A text at a position."""
    words = words.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{words}</text>'


STYLE = """text { font: 12px system-ui, sans-serif; }
.title { font-size: 15px; font-weight: 600; }
.middle { text-anchor: middle; }
.end { text-anchor: end; }
.label { font-weight: 600; }
.grid { stroke: #ddd; }
.limit { stroke: #333; stroke-dasharray: 4 3; }
.line { fill: none; stroke-width: 2.5; }"""


def svg(height, title, parts):
    """A picture on a white background, so that it can be read on a dark page as well."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
    body = [f"<title>{title}</title>", f"<style>\n{STYLE}\n</style>"]
    body.append(f'<rect width="{WIDTH}" height="{height}" rx="6" fill="#fff"/>')
    return "\n".join(["<!-- x.py generate draws this. -->", head, *body, *parts, "</svg>", ""])
