"""Counts the lines of a log by their level, and adds up their numbers."""

import collections

from chosen import mapped


def main():
    levels, total = collections.Counter(), 0
    with mapped() as m:
        for line in iter(m.readline, b""):
            words = line.split()
            if len(words) > 2:
                levels[words[1]] += 1
                total += int(words[-1][3:] or 0) if words[-1].startswith(b"id=") else 0
    print(sorted(levels.items()), total)


main()
