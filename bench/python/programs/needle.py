"""Counts how often a needle stands in a file."""

from chosen import mapped


def main():
    count = at = 0
    with mapped() as m:
        while (at := m.find(b"id=4711\n", at)) >= 0:
            at, count = at + 1, count + 1
    print(count)


main()
