"""Prints the lines of a file that contain one of several texts, with their numbers.

Run it with `grep.py TEXT... FILE`. The file may be larger than memory, and other processes may
append to it or truncate it.
"""

import os
import sys

import safemap


def main(*arguments):
    *texts, path = arguments
    needles = [os.fsencode(text) for text in texts]
    with safemap.open(path) as m:
        for line in m.lines(containing=needles, numbered=True, keepends=False):
            sys.stdout.buffer.write(b"%d:%b\n" % (line.number, line.bytes))


if __name__ == "__main__":
    main(*sys.argv[1:])
