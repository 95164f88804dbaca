"""Cutter: another process that makes a file shorter and longer, on demand or all the time."""

import os
import random
import subprocess
import sys

PAGE = os.sysconf("SC_PAGE_SIZE")


class Cutter:
    """A process that cuts `path` and writes its bytes back."""

    def __init__(self, path, *words):
        command = [sys.executable, "-I", os.path.abspath(__file__), path, *map(str, words)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def cut(self, left):
        """Leaves so many bytes, and returns when that is done."""
        self.order("{}\n".format(left))

    def mend(self):
        """Writes the first content back."""
        self.order("mend\n")

    def order(self, words):
        self.process.stdin.write(words.encode())
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if answer != b"done\n":
            raise AssertionError("the other process says {!r}".format(answer))

    def close(self):
        """Ends it, and returns how often it cut the file."""
        said = self.process.communicate(b"end\n", timeout=60)[0]
        return int(said.split()[-1])


class Always(Cutter):
    """The same, without being told."""

    def __init__(self, path, least, seed):
        super().__init__(path, "always", least, seed)


def main(path, how="told", least="0", seed="1"):
    """The life of that process."""
    fd = os.open(path, os.O_RDWR)
    content = os.pread(fd, 1 << 30, 0)
    cuts = told(fd, content) if how == "told" else always(fd, content, int(least), random.Random(int(seed)))
    mend(fd, content)
    print(cuts)


def mend(fd, content):
    """At its length first, in one go, as a program does that makes room."""
    os.ftruncate(fd, len(content))
    os.pwrite(fd, content, 0)


def told(fd, content):
    """Does what the lines say."""
    cuts = 0
    for line in sys.stdin:
        if line == "end\n":
            break
        if line == "mend\n":
            mend(fd, content)
        else:
            os.ftruncate(fd, int(line))
            cuts += 1
        print("done", flush=True)
    return cuts


def always(fd, content, least, rng):
    """Cuts and mends until there is a line."""
    import select

    cuts = 0
    while not select.select([0], [], [], 0)[0]:
        os.ftruncate(fd, rng.choice([least, rng.randrange(least, len(content))]))
        cuts += 1
        # Some rounds in a row leave the file short for longer.
        if rng.random() < 0.7:
            mend(fd, content)
    return cuts


if __name__ == "__main__":
    main(*sys.argv[1:])
