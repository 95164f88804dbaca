"""How long does it take to open a file, map it, read a byte, and close both?"""

import mmap
import shutil
import subprocess
import sys
import tempfile

import safemap

import contest
import data

TITLE = "Python: open, map, read a byte, unmap, close"
HOW = """`open`, `mmap(f.fileno(), 0, access=ACCESS_READ)`, `m[0]`, and both closed; and the same by
reading the file. The system calls are counted by strace: those of an interpreter that does it 1100
times, less those of one that does it 100 times."""

AIMS = [contest.against("mmap", 1.0)]


def answer(run):
    for name, size in (("4 KiB", 4096), ("1 MiB", data.MIB)):
        with data.file_of(data.text(), size) as file:
            contenders = {
                "safemap": lambda: touch(safemap, file.name),
                "mmap": lambda: touch(mmap, file.name),
                "read": lambda: read(file.name),
            }
            run.time(name, contenders, AIMS)
    if not shutil.which("strace"):
        run.skip("system calls", "strace is not installed")
        return
    with data.file_of(b"x", 4096) as file:
        times, names = run.times(1000), ("safemap", "mmap")
        contenders = {who: lambda who=who: system_calls(who, file.name, times) for who in names}
        run.measure("system calls", "calls", contenders, AIMS, rounds=1)


def touch(module, path):
    """Opens and maps a file, and reads a byte."""
    with open(path, "rb") as file, module.mmap(file.fileno(), 0, access=module.ACCESS_READ) as m:
        return m[0]


def read(path):
    """Opens and reads a file."""
    with open(path, "rb") as file:
        return file.read()[0]


PROGRAM = """
import sys, importlib
sys.path[:0] = {path!r}
from questions.open import touch
module = importlib.import_module({module!r})
for _ in range({times}):
    touch(module, {file!r})
"""


def system_calls(module, path, times):
    """Returns the number of system calls for one map."""
    program = lambda count: PROGRAM.format(path=sys.path[:1], module=module, times=count, file=path)
    few, many = (traced(program(count)) for count in (100, 100 + times))
    return (many - few) / times


def traced(program):
    """Returns the number of system calls of an interpreter that runs a program."""
    with tempfile.NamedTemporaryFile() as log:
        command = ["strace", "-f", "-qq", "-o", log.name, sys.executable, "-c", program]
        subprocess.run(command, check=True)
        return log.read().count(b"\n")
