"""Appends lines to a journal that other processes follow.

    python journal.py JOURNAL TEXT...    appends each text as a line
    python journal.py JOURNAL            prints the lines, also those that are appended later

A reader sees each line once, and no zeros in place of bytes to come. It ends with the line "end".
"""

import os
import sys
import time

import safemap


def append(path: str, *texts: str) -> None:
    """Appends lines. One process may do that at a time."""
    with safemap.open(path, "r+" if os.path.exists(path) else "x+") as journal:
        for text in texts:
            journal.append(text.encode() + b"\n")


def follow(path: str) -> None:
    """Prints each line as soon as it is complete."""
    with safemap.open(path) as journal:
        at, line = 0, b""
        while line != b"end\n":
            end = journal.find(b"\n", at) + 1
            if end == 0:
                time.sleep(0.01)
                journal.refresh()
                continue
            at, line = end, journal[at:end]
            sys.stdout.buffer.write(line)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    append(*sys.argv[1:]) if sys.argv[2:] else follow(sys.argv[1])
