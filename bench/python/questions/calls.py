"""How long does one call take, and how many instructions?"""

import gc
import importlib
import mmap
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import timeit
from pathlib import Path

import safemap

import contest

# `m` is a writable map of 16 KiB of text lines, `i` an index.
STATEMENTS = [
    "m[i]",
    "m[-1]",
    "m[i] = 65",
    "m[i:i+8]",
    "m[i:i+64]",
    "m[i:i+4096]",
    "m[i:i+8] = eight",
    "m[i:i+64] = sixtyfour",
    "m[i:i+4096] = page",
    "m[::2]",
    "m[i:i+400:7]",
    "m[i:i+16:2] = eight",
    "m[::4] = page",
    "len(m)",
    "m.tell()",
    "m.seek(i)",
    "m.seek(0); m.read(16)",
    "m.seek(0); m.write(sixteen)",
    "m.seek(0); m.readline()",
    "m.read_byte()",
    "m.write_byte(65)",
    "m.find(b'7', 0)",
    "m.find(b'line 7', 0)",
    "m.rfind(b'line 7', 0)",
    "memoryview(m).release()",
    "m.move(0, 100, 50)",
    "for x in m: pass",
    "mmap(-1, 4096).close()",
    "mmap(fd, 0).close()",
]
# These advance the position, which must not pass the end of the map.
REWOUND = ["m.read_byte()", "m.write_byte(65)"]
# A batch repeats a statement ten thousand times, less often if it takes long.
SHORTER = {"m[::2]": 100, "m[::4] = page": 100, "for x in m: pass": 10}
SHORTER.update({"mmap(-1, 4096).close()": 1000, "mmap(fd, 0).close()": 1000})
TEXT = b"".join(b"line %d of a log that computer wrote\n" % i for i in range(1000))[:16384]

# 1 within the rounding of a ratio to two digits.
AIMS = [contest.against("mmap", 1.005)]


@contest.question("calls", "Python: one call in a loop")
def calls(run):
    """A writable map of a file of 16 KiB in the page cache. Times include the loop and the lookup
    of the method. The aims: no row slower than the standard module, and 0.8 in the geometric mean.
    """
    ratios = []
    for statement in STATEMENTS:
        with text_file() as file:
            timers = {it.__name__: timer(it, file, statement) for it in (safemap, mmap)}
            repeat = SHORTER.get(statement, 10_000)
            samples = run.time(f"`{statement}`", timers, AIMS, rounds=31, repeat=repeat)
        if samples:
            ours, theirs = map(statistics.median, samples.values())
            ratios.append(ours / theirs)
    mean(run, ratios)


@contest.question("instructions", "Python: instructions of one call")
def instructions(run):
    """The statements of `calls`, counted by valgrind, including the loop. The counts of two runs
    differ by the layout of dictionaries only. The aims are those of `calls`."""
    if not shutil.which("valgrind"):
        run.skip("instructions", "valgrind is not installed")
        return
    chosen = [it for it in STATEMENTS if run.only in f"`{it}`"][: 1 if run.quick else None]
    ours, theirs = (counted(module, chosen) for module in ("safemap", "mmap"))
    for statement, us, them in zip(chosen, ours, theirs):
        samples = {"safemap": [us], "mmap": [them]}
        run.row(f"`{statement}`", "instructions", samples, AIMS)
    mean(run, [us / them for us, them in zip(ours, theirs)])


def mean(run, ratios):
    """Prints the geometric mean of the rows as a row."""
    if len(ratios) == len(STATEMENTS):
        samples = {"safemap": [statistics.geometric_mean(ratios)], "mmap": [1.0]}
        run.row("geometric mean", "×", samples, [contest.against("mmap", 0.8)])


def text_file():
    """Returns a temporary file of 16 KiB."""
    file = tempfile.TemporaryFile()
    file.write(TEXT)
    file.flush()
    return file


def timer(module, file, statement):
    """Returns a timer of a statement on a map of one module."""
    names = {"m": module.mmap(file.fileno(), 0), "mmap": module.mmap, "fd": file.fileno()}
    names.update(i=1234, eight=b"12345678", sixteen=b"0123456789abcdef")
    names.update(sixtyfour=b"#" * 64, page=bytes(4096))
    return timeit.Timer(statement, "m.seek(0)" if statement in REWOUND else "pass", globals=names)


def repetitions(statement):
    """Returns how often a statement is repeated under valgrind."""
    return SHORTER.get(statement, 10_000) // 10


CHILD = "import sys; from questions import calls; calls.count(*sys.argv[1:])"


def counted(module, statements):
    """Returns the number of instructions of each statement, counted in a child process.

    callgrind records its count before each call of `getppid`. Between three of them a statement is
    run N and 2 N times, so that the difference of the two counts is N times what it takes.
    """
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


def count(module, *statements):
    """Runs statements, in the child process."""
    gc.disable()
    module = importlib.import_module(module)
    for statement in statements:
        with text_file() as file:
            it, times = timer(module, file, statement), repetitions(statement)
            # The interpreter specializes the loop's instructions in the first run.
            for repeat in (times, times, 2 * times):
                it.timeit(repeat)
                os.getppid()


def total(part):
    """Returns the number of instructions that callgrind recorded in a file."""
    lines = Path(part).read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("totals:"))
