"""How many instructions does one call take?

One interpreter runs all statements of one module under callgrind, which records its count before
each call of `getppid`. Between three of them a statement runs N and 2 N times, so that the
difference of the two counts is N times what the statement takes.
"""

import gc
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import contest

from questions import calls

TITLE = "Python: instructions of one call"
HOW = """The statements of `calls`, counted by valgrind, including the loop. The counts of two runs
differ by the layout of dictionaries only. The aims are those of `calls`."""

CHILD = "import sys; from questions import instructions; instructions.count(*sys.argv[1:])"


def answer(run):
    if not shutil.which("valgrind"):
        run.skip("instructions", "valgrind is not installed")
        return
    statements = [it for it in calls.STATEMENTS if run.only in f"`{it}`"][: 1 if run.quick else None]
    ours, theirs = (counted(module, statements) for module in ("safemap", "mmap"))
    for statement, us, them in zip(statements, ours, theirs):
        samples = {"safemap": [us], "mmap": [them]}
        run.row(f"`{statement}`", "instructions", samples, calls.AIMS)
    calls.mean(run, [us / them for us, them in zip(ours, theirs)])


def repetitions(statement):
    """Returns N of a statement."""
    return max(calls.batch(statement) // 10, 1)


def count(module, *statements):
    """Runs statements under callgrind, in the child process."""
    gc.disable()
    module = importlib.import_module(module)
    for statement in statements:
        with calls.text_file() as file:
            timer, times = calls.timer(module, file, statement), repetitions(statement)
            # The interpreter specializes the loop's instructions in the first run.
            timer.timeit(times)
            os.getppid()
            timer.timeit(times)
            os.getppid()
            timer.timeit(2 * times)
            os.getppid()


def counted(module, statements):
    """Returns the number of instructions of each statement."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "part")
        command = ["valgrind", "--tool=callgrind", "--dump-before=getppid"]
        command += [f"--callgrind-out-file={out}", sys.executable, "-c", CHILD, module, *statements]
        environment = dict(os.environ, PYTHONHASHSEED="0", PYTHONPATH=sys.path[0])
        subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)
        totals = [total(f"{out}.{part}") for part in range(1, 3 * len(statements) + 1)]
    # Of each statement: everything before it, N times, 2 N times.
    triples = zip(statements, totals[1::3], totals[2::3])
    return [(twice - once) / repetitions(statement) for statement, once, twice in triples]


def total(part):
    """Returns the number of instructions that callgrind recorded in a file."""
    lines = Path(part).read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("totals:"))
