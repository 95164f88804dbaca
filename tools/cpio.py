"""Writes archives in the `newc` format of cpio, from which Linux takes its first files."""

FOLDER, PROGRAM, LAST = 0o040755, 0o100755, 0


class Archive:
    """An archive in memory."""

    def __init__(self):
        self.parts, self.number = [], 0

    def folder(self, name):
        self.add(name, FOLDER)

    def program(self, name, content):
        """Adds an executable file."""
        self.add(name, PROGRAM, content)

    def add(self, name, mode, content=b""):
        """Adds an entry: thirteen numbers, the name with a zero byte, the content."""
        self.number += 1
        spelt = name.encode() + b"\0"
        # Inode, mode, user, group, links, time, length, two devices, length of the name, checksum.
        fields = [self.number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(spelt), 0]
        head = b"070701" + b"".join(b"%08X" % field for field in fields)
        self.parts += [padded(head + spelt), padded(content)]

    def whole(self):
        """Ends the archive, and returns its bytes."""
        self.add("TRAILER!!!", LAST)
        return b"".join(self.parts)


def padded(content):
    """The bytes, with zeros up to the next multiple of four."""
    return content + b"\0" * (-len(content) % 4)
