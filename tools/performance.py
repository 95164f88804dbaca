"""Tables of figures, `bench/results/`, and the generated parts of two pages of `docs/`."""

import json
import os
import platform
import re
import textwrap
import time
from pathlib import Path

from tools import figures
from tools.steps import ROOT, call

# What was measured, and the rows that miss their aims.
PAGE = ROOT / "docs" / "performance.md"
MISSES = ROOT / "docs" / "missed-aims.md"
RESULTS = ROOT / "bench" / "results"
REASONS = ROOT / "bench" / "misses.md"
BEGIN = "<!-- Written by `python3 x.py bench --summary`. -->"
END = "<!-- End of the written part. -->"


def record(sections, python, options):
    """Writes the results of a run of all questions with some options, and the pages."""
    write(system_of_run(python) | {"command": "python3 x.py bench" + options}, sections)


def add(sections, names, options):
    """Adds the results of some questions to those of a run of all, with their commit and their
    options, and writes the pages. `names`: all questions, in their order."""
    system, old = recorded()
    for section in sections:
        section.head.update(commit=commit(), options=options)
    merged = {section.name: section for section in [*old, *sections]}
    write(system, [merged[name] for name in names if name in merged])


def write(system, sections):
    """Writes results and the pages."""
    lines = [system] + [line for section in sections for line in [section.head, *section.rows]]
    # The benchmark says how a question is measured.
    kept = [{key: value for key, value in line.items() if key != "how"} for line in lines]
    compact = [json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in kept]
    name = re.sub(r"[^a-z0-9]+", "-", system["processor"].lower()).strip("-")
    (RESULTS / (name + ".jsonl")).write_text("\n".join(compact) + "\n")
    write_pages()


def system_of_run(python):
    """Returns what the figures depend on. The name of the computer is not part of it."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    model = re.search(r"^model name\s*: (.*)$", text, re.M)
    return {
        "processor": model.group(1) if model else platform.machine(),
        "processors": os.cpu_count(),
        "system": "{} {}".format(platform.system(), ".".join(platform.release().split(".")[:2])),
        "rustc": call(["rustc", "--version"]).text.split()[1],
        "python": call([python, "--version"]).text.split()[1],
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit(),
    }


def commit():
    """Returns the commit that is measured."""
    return call(["git", "rev-parse", "--short", "HEAD"]).text.strip()


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


def write_pages():
    """Replaces the generated parts of the pages."""
    for path, text in pages():
        path.write_text(text)


def stale():
    """Returns the pages whose generated parts do not follow from the results."""
    return [path for path, text in pages() if path.read_text() != text]


def pages():
    """Returns each page, and its text with a new generated part."""
    system, sections = recorded()
    yield PAGE, with_parts(PAGE, [origin(system, sections), overview(sections)])
    yield MISSES, with_parts(MISSES, misses_by_reason(sections))


def with_parts(path, parts):
    """Returns the text of a page with a new generated part."""
    before, rest = path.read_text().split(BEGIN)
    return before + "\n\n".join([BEGIN, *parts, END]) + rest.split(END)[1]


def origin(system, sections):
    """Returns what was measured on what, and how many aims are met."""
    verdicts = [aim["met"] for section in sections for _, aim in section.aims()]
    counts = [verdicts.count(kind) for kind in ("yes", "noise", "no")]
    text = """Measured by `{command}` on an {processor} with {processors} processors, {system},
    rustc {rustc}, CPython {python}, on {date}, commit {commit}. Of {} aims {} are met, {} are
    missed by less than the noise, and {} are missed."""
    return wrapped(text.format(len(verdicts), *counts, **system))


def overview(sections):
    """Returns a table with a line for each question."""
    lines = ["| question | time beside | aims met | command |", "|---|---|---|---|"]
    for section in sections:
        judged, commit = {}, section.head.get("commit")
        title = section.title + (f" (commit {commit})" if commit else "")
        for row in section.rows:
            for aim in row.get("aims", ()):
                judged.setdefault(aim["against"], []).append((row, aim))
        ratios = "; ".join(f"{against} {span(pairs)}" for against, pairs in judged.items())
        command = "`x.py bench {}{}`".format(section.name, section.head.get("options", ""))
        cells = [title, ratios, met(sum(judged.values(), [])), command]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def span(pairs):
    """Returns the least and the greatest ratio of rows."""
    plus = lambda row, aim: ratio_of_medians(row) if "plus" in aim else aim["reached"][0]
    ratios = sorted(plus(row, aim) for row, aim in pairs)
    return "–".join(dict.fromkeys(map(quotient, (ratios[0], ratios[-1]))))


def ratio_of_medians(row):
    """Returns the ratio of the judged contender to that of the first aim."""
    ours = next(iter(row["medians"].values()))
    return ours / row["medians"][row["aims"][0]["against"]]


def met(pairs):
    """Returns how many of the aims are met."""
    verdicts = [aim["met"] for _, aim in pairs if "met" in aim]
    noise = ", {} in the noise".format(verdicts.count("noise")) if "noise" in verdicts else ""
    return "{} of {}{}".format(verdicts.count("yes"), len(verdicts), noise) if verdicts else "–"


def misses_by_reason(sections):
    """Returns paragraphs for each reason: the rows that miss an aim for it, and the reason."""
    reasons = {}
    for section in sections:
        for row, aim in section.aims():
            if aim["met"] == "no":
                questions = reasons.setdefault(reason(section.name, row["row"]), {})
                rows = questions.setdefault(section.name, {})
                rows.setdefault(row["row"], []).append(missed(aim))
    for text, questions in reasons.items():
        for name, rows in questions.items():
            cells = ["{} ({})".format(row, "; ".join(aims)) for row, aims in rows.items()]
            yield wrapped("- **{}**: {}".format(name, ", ".join(cells)), "  ")
        yield wrapped(text or "The reason is not known.")


def missed(aim):
    """Returns what was measured, beside what, and the aim."""
    write, relation = (signed, "beside") if "plus" in aim else (quotient, "of")
    limit = write(aim.get("plus", aim.get("ratio")))
    return "{} {} {}, aim {}".format(write(aim["reached"][0]), relation, aim["against"], limit)


def reason(section, row):
    """Returns the paragraph of `misses.md` about a row; None if there is none."""
    blocks = re.findall(r"((?:^## .*\n)+)((?:(?!## ).*\n?)*)", REASONS.read_text(), re.M)
    for patterns, text in blocks:
        for pattern in re.split(r"## | \| |\n", patterns):
            expression = ".*".join(map(re.escape, pattern.split("*")))
            if re.fullmatch(expression, f"{section}: {row}"):
                return " ".join(text.split())
    return None


def wrapped(text, indent=""):
    """Returns a paragraph in lines of at most 100 columns, of which all but the first begin with
    `indent`."""
    options = {"break_long_words": False, "break_on_hyphens": False}
    return textwrap.fill(" ".join(text.split()), 100, subsequent_indent=indent, **options)


def table(section):
    """Returns a section with all its rows, as it is printed after a run."""
    old = [old.rows for old in recorded()[1] if old.name == section.name]
    before = {row["row"]: row for row in sum(old, []) if "medians" in row}
    names = list(dict.fromkeys(name for row in section.rows for name in row.get("medians", ())))
    heads = ["", *names, "ratio (10 %–90 % of the rounds)", "recorded ratio"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in section.rows:
        if "medians" in row:
            cells = [shown(row["medians"].get(name), row["unit"]) for name in names]
            cells += ["; ".join(map(reached, row["aims"])), change(row, before.get(row["row"]))]
            lines.append("| " + " | ".join([row["row"], *cells]) + " |")
        else:
            lines.append("| {row} | not measured: {skipped} |".format(**row))
    head = [section.title, section.head["how"], f"`python3 x.py bench {section.name}`"]
    return "## " + "\n\n".join([*head, "\n".join(lines)])


def change(row, before):
    """Returns the recorded ratio, and how much the one of this run is above it."""
    if before is None or not row["aims"]:
        return "–"
    old, new = ratio_of_medians(before), ratio_of_medians(row)
    return f"{quotient(old)} ({new / old - 1:+.1%})"


def reached(aim):
    """Returns the median of an aim's rounds and their range, the limit and the verdict."""
    write = signed if "plus" in aim else quotient
    values = list(map(write, aim["reached"]))
    relation = "beside" if "plus" in aim else "of"
    text = "{} {} {} ({}–{})".format(values[0], relation, aim["against"], *values[1:])
    limit = aim.get("plus", aim.get("ratio"))
    return "{}, ≤ {}: {}".format(text, write(limit), aim["met"]) if limit else text


def shown(value, unit="ns"):
    """Returns a median with a unit that suits it."""
    if value is None:
        return ""
    if unit != "ns":
        return f"{value:.0f}" if unit == "instructions" else f"{value:.4g} {unit}"
    sizes = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1, "ns"))
    size, name = next((pair for pair in sizes if value >= pair[0]), (1, "ns"))
    return "{:.{}} {}".format(value / size, "3g" if value / size < 999.5 else "0f", name)


def quotient(value):
    """Returns a ratio with two digits after the point, or two significant ones."""
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def signed(nanoseconds):
    """Returns a difference."""
    return ("+" if nanoseconds >= 0 else "−") + shown(abs(nanoseconds))
