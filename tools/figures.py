"""Judges the samples of a benchmark by its aims.

A benchmark prints lines of JSON. The first has the keys `question` (a name), `title` and `how`.
Each other line is a row, with the keys `row` (its name), `unit` (`ns` or another), `samples` (pairs
of a contender and its samples by round; the first contender is judged) and `aims` (the first
contender takes at most `ratio` times what `against` takes, and `plus` more). A row that cannot be
measured has `row` and `skipped`, the reason.

A judged row has `medians` instead of `samples`. Its aims have `reached` (the median ratio or
difference of the rounds, and the range without the highest and the lowest tenth) and `met`: `yes`,
`noise` if the rounds are too few or too scattered to decide, or `no`.
"""

import json
import math
import statistics


class Section:
    """The judged rows of one question."""

    def __init__(self, head, rows):
        self.head, self.rows = head, rows
        self.name, self.title = head["question"], head["title"]

    def aims(self):
        """Returns pairs of a row and one of its aims; without those that only compare."""
        return [(row, aim) for row in self.rows for aim in row.get("aims", ()) if "met" in aim]


def read(text):
    """Returns the section of a benchmark's output."""
    head, *rows = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return Section(head, [judged_row(row) for row in rows])


def judged_row(row):
    """Returns a row with its medians and verdicts instead of the samples."""
    if "skipped" in row:
        return row
    samples = dict(row["samples"])
    ours, *others = samples
    aims = row["aims"] or [{"against": name} for name in others[:1]]
    judged = [judged_aim(samples[ours], samples[aim["against"]], **aim) for aim in aims]
    medians = {name: rounded(statistics.median(values)) for name, values in samples.items()}
    return {"row": row["row"], "unit": row["unit"], "medians": medians, "aims": judged}


def judged_aim(ours, theirs, against, ratio=None, plus=0.0):
    """Returns an aim with what was reached, and its verdict if it has a limit."""
    reached = sorted(us - them if plus else us / them for us, them in zip(ours, theirs))
    tenth = len(reached) // 10
    spread = [statistics.median(reached), reached[tenth], reached[-1 - tenth]]
    judged = {"against": against, "reached": [rounded(value) for value in spread]}
    if ratio:
        judged.update({"plus": plus} if plus else {"ratio": rounded(ratio)})
        judged["met"] = verdict(reached, plus or ratio)
    return judged


def verdict(reached, limit):
    """Returns whether the median is within the limit, or may be."""
    if statistics.median(reached) <= limit:
        return "yes"
    return "noise" if lower_bound(reached) <= limit else "no"


def lower_bound(ordered):
    """Returns a lower bound of the true median, right in 97 of 100 cases."""
    n = len(ordered)
    below, rank = 0.0, 0
    while rank < n // 2:
        below += math.comb(n, rank) / 2**n
        if below > 0.03:
            break
        rank += 1
    return ordered[max(rank - 1, 0)]


def rounded(value):
    """Returns a number with four significant digits; all digits of a count."""
    return round(value) if abs(value) >= 1e4 else float(f"{value:.4g}")
