"""Counts the matches of a regular expression, which sees the map as a buffer."""

import re

from chosen import mapped


def main():
    with mapped() as m:
        print(sum(1 for _ in re.finditer(rb"WARN [a-z ]*timeout [a-z ]*id=(\d+)7\n", m)))


main()
