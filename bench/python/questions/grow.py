"""How long does it take to append to a file through a map?"""

import mmap
import tempfile
import time

import safemap

import contest

TITLE = "Python: a file that grows by 4 KiB at a time"
HOW = """From 4 KiB to 64 MiB with `resize`, and 64 bytes stored in each new page; and the same by
closing the map, `truncate`, and mapping again. The figures are for one step."""

STEP = 4096


def answer(run):
    size = run.size(64 << 20)
    contenders = {
        "safemap": lambda: grown(safemap, resized, size),
        "mmap": lambda: grown(mmap, resized, size),
        "mmap, mapped again": lambda: grown(mmap, mapped_again, size),
    }
    aims = [contest.against("mmap", 1.0)]
    run.measure(f"to {size >> 10} KiB", "ns", contenders, aims, rounds=7)


def grown(module, step, size):
    """Returns the nanoseconds of one step."""
    with tempfile.TemporaryFile() as file:
        file.truncate(STEP)
        m = module.mmap(file.fileno(), 0)
        begun = time.perf_counter()
        for length in range(STEP, size, STEP):
            m = step(m, file, length + STEP)
            m[length : length + 64] = b"7" * 64
        taken = time.perf_counter() - begun
        m.close()
        return taken * contest.SECOND / (size // STEP - 1)


def resized(m, _file, length):
    """Resizes the map and its file."""
    m.resize(length)
    return m


def mapped_again(m, file, length):
    """Unmaps the file, extends it and maps it again."""
    m.close()
    file.truncate(length)
    return mmap.mmap(file.fileno(), 0)
