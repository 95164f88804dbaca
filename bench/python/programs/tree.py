"""Walks down a tree in a file, node by node of six bytes, as readers of address databases do."""

from chosen import mapped, number


def main():
    total = 0
    with mapped() as m:
        for address in range(number):
            node = 0
            for bit in range(16):
                record = m[6 * node : 6 * node + 6]
                node = int.from_bytes(record[3:] if address >> bit & 1 else record[:3], "little")
            total += node
    print(total)


main()
