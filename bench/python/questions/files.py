"""How long does it take to open, to read line by line, and to extend a file?"""

import collections
import importlib
import mmap
import os
import shutil
import subprocess
import sys
import tempfile
import time

import safemap

import contest
import data

NEEDLE = b"id=4711"


@contest.question("python_lines", "Python: the lines of a log")
def lines(run):
    """1 GiB of a log, 90 bytes a line. *All*: `m.lines()`, beside `iter(m.readline, b"")`, and
    `open(path, "rb")` as an iterator. *That contain*: `m.lines(containing=needle)` for a needle
    in one line of 11000, beside a test of each line. The lines are not kept. The aims: three times
    as fast as `readline`, and 1.5 times as fast as a file."""
    block = data.text()
    aims = [contest.against("mmap readline", 1 / 3), contest.against("open", 1 / 1.5)]
    with data.maps(block, run.size(1024 * data.MIB)) as (file, ours, theirs):
        every = {
            "safemap": lambda: drain(ours.lines()),
            "mmap readline": lambda: drain(by_readline(theirs)),
            "open": lambda: drain(by_file(file.name)),
        }
        containing = {
            "safemap": lambda: drain(ours.lines(containing=NEEDLE)),
            "mmap readline": lambda: drain(line for line in by_readline(theirs) if NEEDLE in line),
            "open": lambda: drain(line for line in by_file(file.name) if NEEDLE in line),
        }
        run.time("all, 1 GiB", every, aims, rounds=3, repeat=1)
        run.time("that contain, 1 GiB", containing, aims, rounds=3, repeat=1)
    with data.maps(block, run.size(64 * data.MIB)) as (_, ours, theirs):
        contenders = {
            "safemap": lambda: drain(by_readline(ours)),
            "mmap readline": lambda: drain(by_readline(theirs)),
        }
        aims = [contest.against("mmap readline", 1.0)]
        run.time("all, `readline` on both, 64 MiB", contenders, aims, rounds=9, repeat=1)


def by_readline(m):
    """Returns an iterator over lines that the standard module has too."""
    m.seek(0)
    return iter(m.readline, b"")


def by_file(path):
    """Yields the lines of a file object."""
    with open(path, "rb") as file:
        yield from file


def drain(lines):
    """Consumes an iterator, at the least cost."""
    collections.deque(lines, maxlen=0)


@contest.question("python_open", "Python: open, map, read a byte, unmap, close")
def opening(run):
    """`open`, `mmap(f.fileno(), 0, access=ACCESS_READ)`, `m[0]`, and both closed; and the same by
    reading the file. The system calls are counted by strace: those of an interpreter that does it
    1100 times, less those of one that does it 100 times."""
    aims, modules = [contest.against("mmap", 1.0)], (safemap, mmap)
    for name, size in (("4 KiB", 4096), ("1 MiB", data.MIB)):
        with data.file_of(data.text(), size) as file:
            contenders = {it.__name__: lambda it=it: touch(it, file.name) for it in modules}
            contenders["read"] = lambda: read(file.name)
            run.time(name, contenders, aims)
    if not shutil.which("strace"):
        run.skip("system calls", "strace is not installed")
        return
    with data.file_of(b"x", 4096) as file:
        names, times = ("safemap", "mmap"), run.times(1000)
        contenders = {
            contender: lambda contender=contender: system_calls(contender, file.name, times)
            for contender in names
        }
        run.measure("system calls", "calls", contenders, aims, rounds=1)


def touch(module, path):
    """Opens and maps a file, and reads a byte."""
    with open(path, "rb") as file, module.mmap(file.fileno(), 0, access=module.ACCESS_READ) as m:
        return m[0]


def read(path):
    """Opens and reads a file."""
    with open(path, "rb") as file:
        return file.read()[0]


def touch_often(module, path, times):
    """Opens and maps a file that many times, in the child process."""
    for _ in range(int(times)):
        touch(importlib.import_module(module), path)


CHILD = "import sys; from questions import files; files.touch_often(*sys.argv[1:])"


def system_calls(module, path, times):
    """Returns the number of system calls for one map."""
    few, many = (traced(module, path, count) for count in (100, 100 + times))
    return (many - few) / times


def traced(*words):
    """Returns the number of system calls of an interpreter that runs `touch_often`."""
    with tempfile.NamedTemporaryFile() as log:
        command = ["strace", "-f", "-qq", "-o", log.name, sys.executable, "-c", CHILD]
        environment = dict(os.environ, PYTHONPATH=sys.path[0])
        subprocess.run(command + list(map(str, words)), env=environment, check=True)
        return log.read().count(b"\n")


@contest.question("python_grow", "Python: a file that grows by 4 KiB at a time")
def grow(run):
    """From 4 KiB to 64 MiB with `resize`, and 64 bytes stored in each new page; and the same by
    closing the map, `truncate`, and mapping again. The figures are for one step."""
    size = run.size(64 << 20)
    contenders = {
        "safemap": lambda: grown(safemap, resized, size),
        "mmap": lambda: grown(mmap, resized, size),
        "mmap, mapped again": lambda: grown(mmap, mapped_again, size),
    }
    aims = [contest.against("mmap", 1.0)]
    run.measure(f"to {size >> 10} KiB", "ns", contenders, aims, rounds=7)


def grown(module, extend, size, step=4096):
    """Returns the nanoseconds of one step."""
    with tempfile.TemporaryFile() as file:
        file.truncate(step)
        m = module.mmap(file.fileno(), 0)
        begun = time.perf_counter()
        for length in range(step, size, step):
            m = extend(m, file, length + step)
            m[length : length + 64] = b"7" * 64
        taken = time.perf_counter() - begun
        m.close()
        return taken * contest.SECOND / (size // step - 1)


def resized(m, _file, length):
    """Resizes the map and its file."""
    m.resize(length)
    return m


def mapped_again(m, file, length):
    """Unmaps the file, extends it and maps it again."""
    m.close()
    file.truncate(length)
    return mmap.mmap(file.fileno(), 0)
