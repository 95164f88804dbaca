"""Counts a text in a file that may be larger than memory, and prints a checksum of the file.

    python scan.py TEXT FILE

Both passes keep only the last part of the file in memory. Windows has no call for that.
"""

import sys
import zlib

import safemap

MIB = 1 << 20


def count(path: str, text: bytes) -> int:
    """Searches the file. Pages more than 64 MiB behind the search are released."""
    with safemap.open(path, drop_behind=64 * MIB) as file:
        found, at = 0, file.find(text)
        while at >= 0:
            found, at = found + 1, file.find(text, at + len(text))
        return found


def checksum(path: str) -> int:
    """Gives the file to other code in parts, each without a copy."""
    value = 0
    with safemap.open(path) as file:
        for part in file.windows(8 * MIB):
            value = zlib.crc32(part, value)
            del part
    return value


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(count(sys.argv[2], sys.argv[1].encode()), f"{checksum(sys.argv[2]):08x}")
