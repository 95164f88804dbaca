"""Do two threads search twice as fast as one?"""

import concurrent.futures
import mmap
import os

import safemap

import contest
import data

TITLE = "Python: two threads that search"
HOW = """The halves of 256 MiB, for 16 bytes that do not occur: one after the other, and by two
threads. The aim: 1.8 times as fast. The standard module holds the GIL while it searches."""


def answer(run):
    if (os.cpu_count() or 1) < 2:
        run.skip("two threads", "there is only one processor")
        return
    size, block = run.size(256 * data.MIB), data.text()
    needle, halves = data.absent("text", block, 16), [(0, size // 2), (size // 2, size)]
    with data.maps(block, size) as (_, *maps), concurrent.futures.ThreadPoolExecutor(2) as pool:
        for module, m in zip((safemap, mmap), maps):
            search = lambda half: m.find(needle, *half)
            contenders = {
                "two threads": lambda: list(pool.map(search, halves)),
                "one thread": lambda: list(map(search, halves)),
            }
            aims = [contest.against("one thread", 1 / 1.8)] if module is safemap else []
            run.time(module.__name__, contenders, aims)
