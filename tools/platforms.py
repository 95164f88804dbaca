"""Platforms: the table of targets, as it is printed and as it stands in `docs/platforms.md`."""

from tools.steps import ROOT, Counts

PAGE = ROOT / "docs" / "platforms.md"
COLUMNS = ["target", "type-checks", "builds", "tests run", "passed", "failed", "skipped", "why"]
BEGIN, END = "<!-- table of targets, written by x.py -->", "<!-- end of the table -->"


class Row:
    """What is known of one target. Cells that were not tried hold a dash."""

    def __init__(self, target, checks="–", builds="–", why=None):
        self.target, self.checks, self.builds = target, checks, builds
        self.counts = None
        self.why = [why] if why else []

    def add(self, counts):
        """Adds the counts of tests that ran."""
        if self.counts is None:
            self.counts = Counts()
        self.counts.add(counts)

    def skipped(self, steps, why):
        """Says that it cannot be tried here, and why; the row."""
        steps.skip(self.target, why)
        self.why.append(why)
        return self

    def cells(self):
        """The row in words."""
        it = self.counts
        numbers = [it.passed + it.failed, it.passed, it.failed, it.skipped] if it else ["–"] * 4
        return [self.target, self.checks, self.builds, *map(str, numbers), "; ".join(self.why) or " "]


def tested(name, counts, why=None, checked=True):
    """The row of tests that ran, and so were built."""
    row = Row(name, "yes" if checked else "NO", "yes" if counts.passed else "NO", why)
    row.add(counts)
    return row


def lines(rows):
    """The rows as a table, each column as wide as it needs."""
    table = [COLUMNS] + [row.cells() for row in rows]
    widths = [max(len(cells[at]) for cells in table) for at in range(len(COLUMNS))]
    padded = ["  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip() for cells in table]
    return padded


def tell(rows, words):
    """Prints the rows as a table; with `--write` among the words of the tool they go into the page."""
    print("\n" + "\n".join(lines(rows)) + "\n", flush=True)
    if "--write" in words:
        write(rows)


def write(rows):
    """Puts the rows into the page, in the place of those that it has of the same targets."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    table, after = rest.split(END)
    kept = {line.split("|")[1].strip(): line for line in table.splitlines() if line.startswith("| ")}
    kept.pop(COLUMNS[0], None)
    kept.update((row.target, "| {} |".format(" | ".join(row.cells()))) for row in rows)
    head = ["| {} |".format(" | ".join(COLUMNS)), "|" + "---|" * len(COLUMNS)]
    body = [kept[target] for target in sorted(kept)]
    PAGE.write_text("".join([before, BEGIN, "\n\n", "\n".join(head + body), "\n\n", END, after]), encoding="utf-8")
