"""Are whole programs as fast as with the standard module? How long does the import take?"""

import os
import random
import shutil
import struct
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import contest
import data
import programs


@contest.question("python_programs", "Python: whole programs")
def whole(run):
    """Each is a function in `bench/python/programs.py`, run as a separate process with one module
    and then with the other; the time includes the start of the interpreter and the imports. Both
    must print the same. Data is in the page cache. The aim: never slower than the standard module.
    """
    block, size, times = data.text(), run.size, run.times
    log = written(block, size(64 * data.MIB))
    small = lambda path: files(path, block, times(8000))
    nodes = lambda path: tree(path, size(1 << 20))
    zeros = written(bytes(4096), size(16 * data.MIB))
    large = written(block, size(1024 * data.MIB))
    for program, name, make, number in [
        ("log", "a log's lines counted and parsed, 64 MiB", log, 0),
        ("needle", "a needle counted in 1 GiB", large, 0),
        ("reads", "a million random reads of 64 bytes", log, times(1_000_000)),
        ("tree", "walks down a tree by `m[i:i+6]`", nodes, times(60_000)),
        ("records", "records updated, and flushed now and then", zeros, times(400_000)),
        ("files", "8000 small files opened and searched", small, 0),
        ("inserts", "inserts by `resize` and `move`, 1 MiB", written(block, data.MIB), times(3000)),
        ("editor", "150 lines inserted, 8 MiB", written(block, size(8 * data.MIB)), times(150)),
        ("regex", "a regular expression over the map, 64 MiB", log, 0),
    ]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "data")
            make(path)
            row(run, program, name, path, number)


def row(run, program, name, path, number):
    """Runs one program with each module alternately, always on the same data."""
    printed = set()

    def once(module):
        writes = getattr(programs, program) in programs.WRITERS
        copy = shutil.copy(path, path.with_suffix(".copy")) if writes else path
        command = [sys.executable, programs.__file__, program, module, copy, str(number)]
        begun = time.perf_counter()
        printed.add(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        taken = time.perf_counter() - begun
        assert len(printed) == 1, (program, printed)
        return taken * contest.SECOND

    contenders = {"safemap": lambda: once("safemap"), "mmap": lambda: once("mmap")}
    aims, rounds = [contest.against("mmap", 1.0)], 1 if run.quick else 7
    run.measure(name, "ns", contenders, aims, rounds)


def written(block, size):
    """Returns a function that makes a file of `size` bytes: `block` repeated."""

    def write(path):
        with open(path, "wb") as file:
            data.write(file, block, size)

    return write


def tree(path, nodes):
    """Makes a file of nodes of 6 bytes: the numbers of two random nodes."""
    rng = random.Random(3)
    numbers = (rng.randrange(nodes) for _ in range(2 * nodes))
    path.write_bytes(b"".join(struct.pack("<I", number)[:3] for number in numbers))


def files(folder, block, count):
    """Makes a folder of small files."""
    folder.mkdir()
    for number in range(count):
        (folder / str(number)).write_bytes(block[number * 7 : number * 7 + 3000 + number % 2000])


EMPTY = Path(__file__).resolve().parent.parent / "empty.c"
TIMED = "import time; begun = time.perf_counter(); import {}; print(time.perf_counter() - begun)"


@contest.question("python_package", "Python: import time of the package, size of the wheel")
def package(run):
    """The first import in a fresh interpreter, timed inside it; beside an extension module in C
    without content, and the standard module. The aims: at most 5 ms more than the empty module, and
    at most 1 MiB."""
    with tempfile.TemporaryDirectory() as folder:
        if compiled(folder):
            names = ["safemap", "empty", "mmap"]
            contenders = {name: lambda name=name: imported(name, folder) for name in names}
            aims = [contest.against("empty", 1.0, 0.005)]
            run.measure("import", "ns", contenders, aims, rounds=31)
        else:
            run.skip("import", "an empty extension cannot be built here")
    wheel = os.environ.get("SAFEMAP_WHEEL")
    if wheel:
        contenders = {"safemap": lambda: os.path.getsize(wheel) / 2**20, "the limit": lambda: 1.0}
        run.measure("wheel", "MiB", contenders, [contest.against("the limit", 1.0)], rounds=1)


def compiled(folder):
    """Builds the empty extension; returns whether that succeeded."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()
    target = Path(folder, "empty" + sysconfig.get_config_var("EXT_SUFFIX"))
    include = "-I" + sysconfig.get_path("include")
    command = [*compiler, "-O2", "-shared", "-fPIC", include, EMPTY, "-o", target]
    return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0


def imported(name, folder):
    """Returns the nanoseconds of an import."""
    command = [sys.executable, "-c", TIMED.format(name)]
    environment = dict(os.environ, PYTHONPATH=folder)
    ended = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    return float(ended.stdout) * contest.SECOND
