"""How many instructions does a call take? The standard library's `mmap` against `safemap`, counted by valgrind.

`python3 x.py bench --instructions` builds the package, runs this, and prints Markdown. The rows are those of `calls.py`. Unlike
times, the counts can be compared between machines of one kind and between commits: they are the same in every run, but for what
the addresses of objects do to dictionaries.

One interpreter runs all rows of one module under callgrind, which writes down its count before each call of `getppid`. Between
three of them a statement runs N and 2 N times, so that the difference of the two counts is N times what the statement takes.
"""

import argparse
import gc
import importlib
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import calls

MARK = "getppid"


def count(module, only):
    """Runs the statements between marks. Under callgrind; in the process that the parent started."""
    gc.disable()
    for statement, before, batch in rows(only):
        with calls.text_file() as file:
            timer = calls.timer(module, file, statement, before)
            batch = max(batch // 10, 1)
            # Until the interpreter has made up its mind how to run the loop.
            timer.timeit(batch)
            for times in (batch, 2 * batch):
                os.getppid()
                timer.timeit(times)
            os.getppid()


def rows(only):
    """The rows of `calls.py`, or those among them that contain a text."""
    return [row for row in calls.CALLS if only in row[0]]


def counted(name, only):
    """Counts for a module: a number of instructions per row."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "part")
        tool = ["valgrind", "--tool=callgrind", "--dump-before=" + MARK, "--callgrind-out-file=" + str(out)]
        script = [sys.executable, __file__, "--count", name, "--only", only]
        environment = dict(os.environ, PYTHONHASHSEED="0")
        ended = subprocess.run(tool + script, env=environment, capture_output=True, text=True)
        if ended.returncode:
            sys.exit("valgrind ended with {}:\n{}".format(ended.returncode, ended.stderr))
        totals = [total(Path("{}.{}".format(out, part))) for part in range(1, 3 * len(rows(only)) + 1)]
    # The parts of a row: all that was before, N times, 2 N times.
    return [(twice - once) / max(row[2] // 10, 1) for row, once, twice in zip(rows(only), totals[1::3], totals[2::3])]


def total(part):
    """The instructions that callgrind wrote down for one part."""
    lines = part.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("totals:"))


def report(only):
    """Prints the table."""
    theirs, ours = (counted(name, only) for name in ("mmap", "safemap"))
    print("CPython {}; instructions a call, the loop around it included.\n".format(platform.python_version()))
    print("| call | mmap | safemap | ratio |")
    print("|---|---|---|---|")
    for (statement, *_), them, us in zip(rows(only), theirs, ours):
        print("| `{}` | {:.0f} | {:.0f} | {:.2f} |".format(statement, them, us, us / them))
    ratios = [us / them for them, us in zip(theirs, ours)]
    print("| geometric mean | | | {:.2f} |".format(statistics.geometric_mean(ratios)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", metavar="MODULE", help=argparse.SUPPRESS)
    parser.add_argument("--only", default="", help="rows that contain this text")
    options = parser.parse_args()
    if options.count:
        count(importlib.import_module(options.count), options.only)
    else:
        report(options.only)


if __name__ == "__main__":
    main()
