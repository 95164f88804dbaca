"""Grow: a file that is made longer step by step."""

import mmap
import tempfile
import time

import safemap

import contest

TITLE = "Python: a file that grows by 4 KiB at a time"
HOW = """From 4 KiB to 64 MiB with `resize`, and 64 bytes stored in each new page; and the same by closing the map, `truncate`, and mapping again. The figures are for one step."""

STEP = 4096


def answer(run):
    size = run.size(64 << 20)
    contenders = {"safemap": lambda: resized(safemap, size), "mmap": lambda: resized(mmap, size), "mmap, mapped again": lambda: again(size)}
    contest.measured(run, f"to {size >> 10} KiB", "ns", contenders, [contest.against("mmap", 1.0)], rounds=7)


def resized(module, size):
    """Nanoseconds for a step."""
    with tempfile.TemporaryFile() as file:
        file.truncate(STEP)
        with module.mmap(file.fileno(), 0) as m:
            begun = time.perf_counter()
            for length in range(STEP, size, STEP):
                m.resize(length + STEP)
                m[length : length + 64] = b"7" * 64
            return (time.perf_counter() - begun) * 1e9 / (size // STEP - 1)


def again(size):
    """The same without `resize`."""
    with tempfile.TemporaryFile() as file:
        file.truncate(STEP)
        m = mmap.mmap(file.fileno(), 0)
        begun = time.perf_counter()
        for length in range(STEP, size, STEP):
            m.close()
            file.truncate(length + STEP)
            m = mmap.mmap(file.fileno(), 0)
            m[length : length + 64] = b"7" * 64
        taken = time.perf_counter() - begun
        m.close()
        return taken * 1e9 / (size // STEP - 1)
