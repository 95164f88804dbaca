"""Figures: what a bench has measured, row by row, and whether the aims are met.

A bench prints lines of JSON. The first says what is asked: `question` (its name), `title`, `how`. Each other is a row:
`row` (its name), `unit` (`ns`, or a word), `samples` (pairs of a contender and what was measured of it round by round; the first
contender is the one that is judged), and `aims` (the first one takes at most `ratio` times what `against` takes, and `plus` on top of
that); or `row` and `skipped`, with the reason.
"""

import json
import math
import re
import statistics

MET, NOISE, MISSED = "yes", "not by the median, but within the noise", "**no**"


class Section:
    """The answer to one question."""

    def __init__(self, name, title, how):
        self.name, self.title, self.how = name, title, how
        self.rows = []
        self.text = None

    def verdicts(self):
        """Pairs of a row's name and how it stands to one of its aims."""
        return [(row.name, verdict) for row in self.rows for verdict in row.verdicts()]


class Row:
    """A line of a table."""

    def __init__(self, told):
        self.name, self.skipped = told["row"], told.get("skipped")
        self.unit = told.get("unit", "ns")
        self.samples = dict(told.get("samples", []))
        self.aims = [Aim(self.samples, **aim) for aim in told.get("aims", [])]

    def verdicts(self):
        """How the row stands to each of its aims."""
        return [aim.verdict() for aim in self.aims]


class Aim:
    """What the first contender is to reach, beside another."""

    def __init__(self, samples, against, ratio, plus):
        self.against, self.ratio, self.plus = against, ratio, plus
        self.pairs = list(zip(next(iter(samples.values())), samples[against]))

    def reached(self):
        """Round by round what is to be at most the aim: a ratio, or a difference."""
        return sorted(us - them if self.plus else us / them for us, them in self.pairs)

    @property
    def limit(self):
        """The number that is not to be exceeded."""
        return self.plus or self.ratio

    def verdict(self):
        """Whether the median of the rounds meets the aim, and if not, whether the rounds are too few or too scattered to say so."""
        reached = self.reached()
        if statistics.median(reached) <= self.limit:
            return MET
        return NOISE if surely(reached) <= self.limit else MISSED


def surely(ordered):
    """A lower bound of the median that lies behind these rounds, right in 97 cases of 100 or more; the lowest if they are few."""
    n = len(ordered)
    below, rank = 0.0, 0
    while rank < n // 2:
        below += math.comb(n, rank) / 2**n
        if below > 0.03:
            break
        rank += 1
    return ordered[max(rank - 1, 0)]


def read(text):
    """The section that a bench printed."""
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    section = Section(lines[0]["question"], lines[0]["title"], lines[0]["how"])
    section.rows = [Row(line) for line in lines[1:]]
    return section


class Printed(Section):
    """A section whose table a script of its own has made: what it is, the other's figure, ours, the ratio."""

    CELLS = re.compile(r"^\| (.+?) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|", re.M)

    # What the mean of the ratios is to be at most.
    AIM = 0.8

    def __init__(self, name, title, how, text):
        super().__init__(name, title, how)
        self.text = text.strip()
        self.ratios = [(cells[0], float(cells[3])) for cells in self.CELLS.findall(text)]

    def verdicts(self):
        """Each row is to be at most 1, and the mean at most the aim."""
        each = [(name, MET if ratio <= 1 else MISSED) for name, ratio in self.ratios]
        return each + [("the mean", MET if self.mean() <= self.AIM else MISSED)]

    def mean(self):
        """The geometric mean, which does not depend on which of the two is divided by the other."""
        return statistics.geometric_mean([ratio for _, ratio in self.ratios])
