"""Tables of figures, `bench/results/`, and the generated part of `docs/performance.md`."""

import json
import os
import platform
import re
import textwrap
import time

from tools import figures
from tools.steps import ROOT, call

PAGE = ROOT / "docs" / "performance.md"
RESULTS = ROOT / "bench" / "results"
REASONS = ROOT / "bench" / "misses.md"
BEGIN, END = "<!-- Written by `python3 x.py bench --summary`. -->", "<!-- End of the written part. -->"


def record(sections, python, command):
    """Writes the results of a whole run, and the page."""
    system = system_of_run(python, command)
    RESULTS.mkdir(exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", system["processor"].lower()).strip("-")
    lines = [system] + [line for section in sections for line in [heading(section), *section.rows]]
    compact = [json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in lines]
    (RESULTS / (name + ".jsonl")).write_text("\n".join(compact) + "\n")
    write_page()


def heading(section):
    """Returns the line before a section's rows. How it is measured stands in the benchmark."""
    return {key: value for key, value in section.head.items() if key != "how"}


def system_of_run(python, command):
    """Returns what a run depends on. The name of the computer is not part of it."""
    try:
        with open("/proc/cpuinfo") as file:
            model = re.search(r"^model name\s*: (.*)$", file.read(), re.M)
    except OSError:
        model = None
    return {
        "processor": model.group(1) if model else platform.machine(),
        "processors": os.cpu_count(),
        "system": "{} {}".format(platform.system(), ".".join(platform.release().split(".")[:2])),
        "rustc": call(["rustc", "--version"]).text.split()[1],
        "python": call([python, "-c", "import platform; print(platform.python_version())"]).text.strip(),
        "date": time.strftime("%Y-%m-%d"),
        "commit": call(["git", "rev-parse", "--short", "HEAD"]).text.strip(),
        "command": command,
    }


def recorded():
    """Returns the system of the most recent results, and their sections."""
    files = [path.read_text().splitlines() for path in RESULTS.glob("*.jsonl")]
    runs = [[json.loads(line) for line in lines] for lines in files]
    system, *lines = max(runs, key=lambda run: run[0]["date"])
    sections = []
    for line in lines:
        if "question" in line:
            sections.append(figures.Section(line, []))
        else:
            sections[-1].rows.append(line)
    return system, sections


def write_page():
    """Replaces the generated part of the page."""
    PAGE.write_text(page())


def is_current():
    """Returns whether the generated part of the page follows from the results."""
    return PAGE.read_text() == page()


def page():
    """Returns the text of the page with a new generated part."""
    before, rest = PAGE.read_text().split(BEGIN)
    system, sections = recorded()
    parts = [origin(system, sections), overview(sections), "## Where safemap is slower", *misses_by_reason(sections)]
    return "{}{}\n\n{}\n\n{}{}".format(before, BEGIN, "\n\n".join(parts), END, rest.split(END)[1])


def origin(system, sections):
    """Returns what was measured on what, and how many aims are met."""
    verdicts = [aim["met"] for section in sections for _, aim in section.aims()]
    words = (
        "Measured by `{command}` on an {processor} with {processors} processors, {system}, rustc "
        "{rustc}, CPython {python}, on {date}, commit {commit}. Of {} aims {} are met, {} are missed "
        "by less than the noise, and {} are missed."
    )
    counts = [verdicts.count(kind) for kind in ("yes", "noise", "no")]
    return wrapped(words.format(len(verdicts), *counts, **system))


def overview(sections):
    """Returns a table with a line for each question and each contender that it is judged by."""
    lines = ["| question | beside | ratio | aims met | command |", "|---|---|---|---|---|"]
    for section in sections:
        pairs = [(row, aim) for row in section.rows for aim in row.get("aims", ())]
        for against in dict.fromkeys(aim["against"] for _, aim in pairs):
            chosen = [(row, aim) for row, aim in pairs if aim["against"] == against]
            cells = [section.title, against, span(chosen), met(chosen), "`x.py bench {}`".format(section.name)]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def span(pairs):
    """Returns the least and the greatest ratio of rows."""
    ratios = [quotient(ratio(row, aim)) for row, aim in pairs]
    low, high = min(ratios, key=float), max(ratios, key=float)
    return low if low == high else "{}–{}".format(low, high)


def ratio(row, aim):
    """Returns the ratio of the judged contender to the other."""
    ours = next(iter(row["medians"].values()))
    return ours / row["medians"][aim["against"]] if "plus" in aim else aim["reached"][0]


def met(pairs):
    """Returns how many of the aims are met."""
    verdicts = [aim["met"] for _, aim in pairs if "met" in aim]
    noise = ", {} in the noise".format(verdicts.count("noise")) if "noise" in verdicts else ""
    return "{} of {}{}".format(verdicts.count("yes"), len(verdicts), noise) if verdicts else "–"


def misses_by_reason(sections):
    """Returns a paragraph for each reason, which begins with the rows that miss an aim."""
    reasons = {}
    for section in sections:
        for row, aim in section.aims():
            if aim["met"] == "no":
                questions = reasons.setdefault(reason(section.name, row["row"]), {})
                shown = signed(aim["reached"][0]) if "plus" in aim else quotient(aim["reached"][0])
                questions.setdefault(section.name, []).append("{} ({})".format(row["row"], shown))
    for text, questions in reasons.items():
        rows = ["**{}**: {}.".format(name, ", ".join(rows)) for name, rows in questions.items()]
        yield wrapped(" ".join(rows + [text or "The reason is not known."]))


def reason(section, row):
    """Returns the paragraph of `misses.md` about a row; None if there is none."""
    blocks = re.finditer(r"^((?:## .*\n)+)((?:(?!## ).*\n?)*)", REASONS.read_text(), re.M)
    for block in blocks:
        for pattern in re.findall(r"^## (.*)$", block.group(1), re.M):
            expression = ".*".join(map(re.escape, pattern.split("*")))
            if re.fullmatch(expression, "{}: {}".format(section, row)):
                return " ".join(block.group(2).split())
    return None


def wrapped(text):
    """Returns a paragraph in lines of at most 100 columns."""
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)


def table(section):
    """Returns a section with all its rows, as it is printed after a run."""
    before = {row["row"]: row for old in recorded()[1] if old.name == section.name for row in old.rows}
    names = list(dict.fromkeys(name for row in section.rows for name in row.get("medians", ())))
    heads = ["", *names, "ratio (10 %–90 % of the rounds)", "aim", "met", "recorded"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in section.rows:
        if "medians" in row:
            lines.append("| " + " | ".join(cells(row, names, before.get(row["row"]))) + " |")
    lines += ["\nNot measured: {row} ({skipped}).".format(**row) for row in section.rows if "skipped" in row]
    head = [section.title, section.head["how"], "`python3 x.py bench {}`".format(section.name)]
    return "## " + "\n\n".join(head + ["\n".join(lines)])


def cells(row, names, before):
    """Returns the cells of one row."""
    values = [shown(row["medians"][name], row["unit"]) if name in row["medians"] else "" for name in names]
    columns = zip(*[(reached(aim), limit(aim), aim.get("met", "–")) for aim in row["aims"]])
    first = names[0]
    old = before and before.get("medians", {}).get(first)
    change = "{} ({:+.1%})".format(shown(old, row["unit"]), row["medians"][first] / old - 1) if old else "–"
    return [row["row"], *values, *("<br>".join(column) for column in columns), change]


def shown(value, unit="ns"):
    """Returns a median with a unit that suits it."""
    if unit == "instructions":
        return "{:.0f}".format(value)
    if unit != "ns":
        return "{:.4g} {}".format(value, unit)
    sizes = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1, "ns"))
    size, name = next((pair for pair in sizes if value >= pair[0]), (1, "ns"))
    return "{:.{}} {}".format(value / size, "3g" if value / size < 999.5 else "0f", name)


def reached(aim):
    """Returns the median of an aim's rounds, and their range."""
    write = signed if "plus" in aim else quotient
    median, low, high = map(write, aim["reached"])
    return "{} {} {} ({}–{})".format(median, "beside" if "plus" in aim else "of", aim["against"], low, high)


def limit(aim):
    """Returns the limit of an aim."""
    if "plus" in aim:
        return "≤ " + signed(aim["plus"])
    return "≤ {:.3g}".format(aim["ratio"]) if "ratio" in aim else "–"


def quotient(value):
    """Returns a ratio with two digits after the point, or two significant ones."""
    return "{:.2f}".format(value) if value >= 0.1 else "{:.2g}".format(value)


def signed(nanoseconds):
    """Returns a difference."""
    return ("+" if nanoseconds >= 0 else "−") + shown(abs(nanoseconds))
