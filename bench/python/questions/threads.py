"""Threads: does a second one search as well?"""

import concurrent.futures
import mmap
import os

import safemap

import contest
import data

TITLE = "Python: two threads that search"
HOW = """The halves of 256 MiB, for 16 bytes that are not there: one after the other, and by two threads. The aim: 1.8 times as fast. The standard module holds the interpreter's lock while it searches."""


def answer(run):
    if (os.cpu_count() or 1) < 2:
        contest.skipped("two threads", "there is one processor")
        return
    size, block = run.size(256 * data.MIB), data.text()
    needle = data.absent("text", block, 16)
    with data.file_of(block, size) as file, concurrent.futures.ThreadPoolExecutor(2) as pool:
        halves = [(0, size // 2), (size // 2, size)]
        for module in (safemap, mmap):
            with module.mmap(file.fileno(), 0, access=module.ACCESS_READ) as m:
                search = lambda half: m.find(needle, *half)
                contenders = {"two threads": lambda: list(pool.map(search, halves)), "one thread": lambda: list(map(search, halves))}
                aims = [contest.against("one thread", 1 / 1.8)] if module is safemap else []
                contest.timed(run, module.__name__, contenders, aims)
