"""Keeps a table of records of a fixed size, which are changed in place.

python records.py TABLE NAME AMOUNT    adds an amount to the record of a name, or a new record
python records.py TABLE                prints all records
"""

import os
import struct
import sys

import safemap

# A name of 24 bytes, and an amount.
RECORD = struct.Struct("<24sq")


def add(path: str, name: str, amount: int) -> None:
    """Changes the amount in place, or appends a record."""
    key = name.encode().ljust(24, b"\0")
    with safemap.open(path, "r+" if os.path.exists(path) else "x+") as table:
        for at in range(0, len(table), RECORD.size):
            found, old = RECORD.unpack(table[at : at + RECORD.size])
            if found == key:
                table[at : at + RECORD.size] = RECORD.pack(key, old + amount)
                return
        table.append(RECORD.pack(key, amount))


def show(path: str) -> None:
    """Prints the records from the memory itself."""
    with safemap.open(path) as table, memoryview(table) as view:
        for name, amount in RECORD.iter_unpack(view):
            print(name.rstrip(b"\0").decode(), amount)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__)
    add(sys.argv[1], sys.argv[2], int(sys.argv[3])) if sys.argv[2:] else show(sys.argv[1])
