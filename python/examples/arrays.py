"""Prints the mean of each column of a .npy file, in blocks of rows, and scales the columns by it.

    python arrays.py FILE.npy ROWS COLUMNS   creates the file, with random numbers
    python arrays.py FILE.npy                reads and changes it

The file may be truncated by another process at any time: the program then ends with a FaultError
instead of SIGBUS, and never prints the mean of zeros that took the place of lost numbers.
"""

import sys

import numpy as np

from safemap.numpy import open_npy


def create(path: str, rows: int, columns: int) -> None:
    """Writes random numbers to a new file."""
    with open_npy(path, "x+", dtype="f8", shape=(rows, columns)) as table:
        np.random.default_rng(0).random(out=table)


def scale(path: str) -> None:
    """Divides each column by its mean."""
    with open_npy(path, "r+") as table:
        mean = table.mean(axis=0)
        print(*mean.round(3))
        for start in range(0, len(table), 1 << 16):
            table[start : start + (1 << 16)] /= mean


if __name__ == "__main__":
    match sys.argv[1:]:
        case [path, rows, columns]:
            create(path, int(rows), int(columns))
        case [path]:
            scale(path)
        case _:
            sys.exit(__doc__)
