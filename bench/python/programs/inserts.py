"""Inserts pieces into a file in place: makes it longer, and moves what comes after."""

import zlib

from chosen import mapped, module, number

PIECE = b"0123456789abcdef" * 4


def main():
    at = 1
    with mapped(module.ACCESS_WRITE) as m:
        for _ in range(number):
            at = at * 1103515245 + 12345 & 0x7FFFFFFF
            length = len(m)
            place = at % length
            m.resize(length + len(PIECE))
            m.move(place + len(PIECE), place, length - place)
            m[place : place + len(PIECE)] = PIECE
        print(zlib.crc32(m[:]))


main()
