"""Updates records in place, and flushes their pages now and then."""

import struct
import zlib

from chosen import mapped, module, number

RECORD = struct.Struct("<QQ16s")


def main():
    at = 1
    with mapped(module.ACCESS_WRITE) as m:
        count = len(m) // RECORD.size
        for turn in range(number):
            at = at * 1103515245 + 12345 & 0x7FFFFFFF
            place = at % count * RECORD.size
            times, total, name = RECORD.unpack(m[place : place + RECORD.size])
            m[place : place + RECORD.size] = RECORD.pack(times + 1, total + turn, name)
            if turn % 20000 == 0:
                m.flush(place & ~4095, 4096)
        print(zlib.crc32(m[:]))


main()
