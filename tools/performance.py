"""Performance: the page `docs/performance.md`, made of figures."""

import os
import platform
import re
import statistics
import subprocess
import time

from tools import figures
from tools.steps import ROOT

PAGE = ROOT / "docs" / "performance.md"
HOME = ROOT / "bench"


def write(sections, python):
    """Writes the page."""
    head = (HOME / "method.md").read_text().strip()
    parts = [head, machine(python), summary(sections), lost(sections)] + [table(section) for section in sections]
    PAGE.write_text("\n\n".join(part for part in parts if part) + "\n")


def machine(python):
    """What it was measured on. No names."""
    processor = re.search(r"^model name\s*: (.*)$", read("/proc/cpuinfo"), re.M)
    rustc = subprocess.run(["rustc", "--version"], stdout=subprocess.PIPE, check=True).stdout.decode().split()[1]
    named = "{}, {} processors".format(processor.group(1) if processor else platform.machine(), os.cpu_count())
    words = "{}, {} {}, rustc {}, CPython {}, {}."
    release = ".".join(platform.release().split("-")[0].split(".")[:2])
    return words.format(named, platform.system(), release, rustc, python, time.strftime("%Y-%m-%d"))


def read(path):
    """A file's text; none if there is no such file."""
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def summary(sections):
    """How many aims there are, and how many are met."""
    verdicts = [verdict for section in sections for _, verdict in section.verdicts()]
    met, noise, missed = (verdicts.count(kind) for kind in (figures.MET, figures.NOISE, figures.MISSED))
    words = "**Of {} aims {} are met, {} are missed by no more than the noise, and {} are missed.**"
    return words.format(len(verdicts), met, noise, missed)


def lost(sections):
    """The rows that miss their aims, with a paragraph for each that has one."""
    told = {}
    for section, row in misses(sections):
        told.setdefault(prose(section, row), []).append("{}: {}".format(section, row))
    if not told:
        return ""
    items = ["- {}.\n  {}".format("; ".join(rows), text or "Not explained yet.") for text, rows in told.items()]
    return "## Rows that we lose\n\n" + "\n".join(items)


def misses(sections):
    """Pairs of a section's name and a row's that misses an aim."""
    pairs = [(section.name, row) for section in sections for row, verdict in section.verdicts() if verdict == figures.MISSED]
    return list(dict.fromkeys(pairs))


def prose(section, row):
    """What `misses.md` says of a row; None if nothing."""
    asked = "{}: {}".format(section, row)
    for patterns, text in paragraphs((HOME / "misses.md").read_text()):
        if any(fits(pattern, asked) for pattern in patterns):
            return text
    return None


def paragraphs(text):
    """Pairs of patterns, in headings that stand together, and the paragraph that follows them."""
    for block in re.finditer(r"^((?:## .*\n)+)((?:(?!## ).*\n?)*)", text, re.M):
        patterns = re.findall(r"^## (.*)$", block.group(1), re.M)
        yield patterns, " ".join(block.group(2).split())


def fits(pattern, name):
    """Whether a name fits a pattern, in which `*` stands for anything."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None


def table(section):
    """A section's heading, words and table."""
    command = "`python3 x.py bench {}`".format(section.name)
    head = "## {}\n\n{}\n\n{}\n\n".format(section.title, section.how, command)
    if section.text is not None:
        return head + section.text
    return head + "\n".join(lines(section.rows))


def lines(rows):
    """The lines of a table; those that could not be measured come after it."""
    names = list(dict.fromkeys(name for row in rows for name in row.samples))
    if names:
        heads = [""] + names + ["ratio (10 %–90 % of the rounds)", "aim", "met"]
        yield "| " + " | ".join(heads) + " |"
        yield "|---" * len(heads) + "|"
    for row in rows:
        if not row.skipped:
            yield "| " + " | ".join([row.name] + cells(row, names)) + " |"
    for row in rows:
        if row.skipped:
            yield "\nNot measured: {} ({}).".format(row.name, row.skipped)


def cells(row, names):
    """The cells of one row, after its name."""
    each = [shown(row.samples.get(name), row.unit) for name in names]
    aims = row.aims or [figures.Aim(row.samples, name, None, 0) for name in list(row.samples)[1:2]]
    judged = [(ratio(aim), wanted(aim), aim.verdict() if aim.ratio else "–") for aim in aims]
    return each + ["<br>".join(column) for column in zip(*judged)]


def shown(samples, unit):
    """A median, with a unit that suits it."""
    if samples is None:
        return ""
    value = statistics.median(samples)
    if unit != "ns":
        return "{:.4g} {}".format(value, unit)
    size, name = next(((size, name) for size, name in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")) if value >= size), (1, "ns"))
    return "{:.3g} {}".format(value / size, name) if value / size < 999.5 else "{:.0f} {}".format(value / size, name)


def ratio(aim):
    """The median of what is judged, and its spread."""
    reached = aim.reached()
    low, high = reached[len(reached) // 10], reached[-1 - len(reached) // 10]
    form = "{} beside {} ({}–{})" if aim.plus else "{} of {} ({}–{})"
    write = signed if aim.plus else quotient
    return form.format(write(statistics.median(reached)), aim.against, write(low), write(high))


def quotient(value):
    """A ratio, small ones with two digits that count."""
    return "{:.2f}".format(value) if value >= 0.1 else "{:.2g}".format(value)


def signed(nanoseconds):
    """A difference."""
    return ("+" if nanoseconds >= 0 else "−") + shown([abs(nanoseconds)], "ns")


def wanted(aim):
    """The aim in words."""
    if aim.plus:
        return "≤ " + signed(aim.plus)
    return "≤ {:.3g}".format(aim.ratio) if aim.ratio else "–"
