"""Another process that truncates a file and restores it, on request or continuously."""

import os
import random
import select
import subprocess
import sys


class Resizer:
    """A process that truncates `path`, and restores its first content."""

    def __init__(self, path, *arguments):
        command = [sys.executable, "-I", os.path.abspath(__file__), path, *map(str, arguments)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def truncate(self, length):
        """Truncates the file and waits until it is done."""
        self.request(length)

    def restore(self):
        """Restores the file and waits until it is done."""
        self.request("restore")

    def request(self, line):
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if answer != b"done\n":
            raise AssertionError(f"the other process answered {answer!r}")

    def close(self):
        """Restores the file and ends the process. Returns the number of truncations."""
        return int(self.process.communicate(b"end\n", timeout=60)[0].split()[-1])


def main(path, *seed):
    """Runs in that process. With a seed it truncates the file continuously."""
    fd = os.open(path, os.O_RDWR)
    content = os.pread(fd, 1 << 30, 0)
    truncate = continuously if seed else on_request
    truncations = truncate(fd, content, *map(int, seed))
    restore(fd, content)
    print(truncations)


def restore(fd, content):
    # The length first, as a program does that preallocates a file.
    os.ftruncate(fd, len(content))
    os.pwrite(fd, content, 0)


def on_request(fd, content):
    truncations = 0
    for line in iter(sys.stdin.readline, "end\n"):
        if line == "restore\n":
            restore(fd, content)
        else:
            os.ftruncate(fd, int(line))
            truncations += 1
        print("done", flush=True)
    return truncations


def continuously(fd, content, seed):
    """Truncates and restores until there is a line on standard input."""
    truncations, rng = 0, random.Random(seed)
    while not select.select([0], [], [], 0)[0]:
        os.ftruncate(fd, rng.choice([0, rng.randrange(len(content))]))
        truncations += 1
        # Without it the file stays short for some rounds.
        if rng.random() < 0.7:
            restore(fd, content)
    return truncations


if __name__ == "__main__":
    main(*sys.argv[1:])
