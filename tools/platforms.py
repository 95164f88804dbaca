"""The table of targets: printed, and written into `docs/platforms.md`."""

from tools.steps import ROOT, Counts, flag

PAGE = ROOT / "docs" / "platforms.md"
COLUMNS = ["target", "type-checks", "builds", "tests run", "passed", "failed", "skipped", "why"]
BEGIN, END = "<!-- table of targets, written by x.py -->", "<!-- end of the table -->"


class Row:
    """What is known of one target. Cells without a result hold a dash."""

    def __init__(self, target, checks="–", builds="–", why=None):
        self.target, self.checks, self.builds = target, checks, builds
        self.counts = None
        self.why = [why] if why else []

    def add(self, counts):
        """Adds the counts of tests that ran."""
        self.counts = self.counts or Counts()
        self.counts.add(counts)

    def skipped(self, steps, why):
        """Records why the target is not tested; returns the row."""
        steps.skip(self.target, why)
        self.why.append(why)
        return self

    def __str__(self):
        it = self.counts
        numbers = [it.passed + it.failed, it.passed, it.failed, it.skipped] if it else ["–"] * 4
        why = "; ".join(self.why) or " "
        cells = [self.target, self.checks, self.builds, *map(str, numbers), why]
        return "| {} |".format(" | ".join(cells))


def tested(name, counts, why=None, checked=True):
    """The row of tests that ran."""
    row = Row(name, "yes" if checked else "NO", "yes" if counts.passed else "NO", why)
    row.add(counts)
    return row


def options(parser):
    """Adds the option of tools that make rows."""
    flag(parser, "--write", "write rows to docs/platforms.md")


def report(rows, write):
    """Prints the rows; writes them into the page if asked to."""
    head = ["| {} |".format(" | ".join(COLUMNS)), "|" + "---|" * len(COLUMNS)]
    print("\n" + "\n".join(map(str, rows)), flush=True)
    if not write:
        return
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    table, after = rest.split(END)
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    kept = {line.split("|")[1].strip(): line for line in lines[1:]}
    kept.update((row.target, str(row)) for row in rows)
    table = "\n".join(head + [kept[target] for target in sorted(kept)])
    PAGE.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", "utf-8")
