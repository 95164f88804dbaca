"""Words that processes share."""

import mmap

import safemap
from safemap.ipc import Atomic

import data
from contest import against, question

try:
    import atomics
except ImportError:
    atomics = None

OFFSET = 128


@question("python_words", "Python: a word that processes share")
def python_words(run):
    """`Atomic.fetch_add` on a map of a file, beside `fetch_add` of PyPI's `atomics` on a map of the
    same file by the standard module."""
    name = "add 1 to a word"
    with data.file_of(bytes(4096), 4096) as file:
        with safemap.mmap(file.fileno(), 0) as ours, mmap.mmap(file.fileno(), 0) as theirs:
            add = Atomic(ours, OFFSET, "Q").fetch_add
            contenders = {"safemap": lambda: add(1)}
            if atomics:
                with atomics.atomicview(memoryview(theirs)[OFFSET:][:8], atomics.UINT) as word:
                    row(run, name, {**contenders, "atomics": lambda: word.fetch_add(1)})
            else:
                run.skip(f"{name}, beside atomics", "it is not installed")
                row(run, name, contenders)


def row(run, name, contenders):
    # The word is the same.
    assert [add() for add in contenders.values()] == list(range(len(contenders)))
    run.time(name, contenders, [against("atomics", 1.0)])
