"""How long does it take to move bytes inside a map, and to store them at odd offsets?"""

import mmap
import tempfile

import safemap

import contest
import data

SIZES = {
    "4 KiB": 4096,
    "64 KiB": 1 << 16,
    "1 MiB": 1 << 20,
    "8 MiB": 1 << 23,
    "64 MiB": 1 << 26,
}
AIMS = [contest.against("mmap", 1.02)]


@contest.question("python_move", "Python: overlapping moves")
def moves(run):
    """`m.move(to, from, count)` in a file of its size plus 8 KiB, whose pages are in memory. *Up*
    is towards higher offsets, by 1, 100 and 4096 bytes. The aim: the time of the standard module,
    and 2 % for noise."""
    for name, size in SIZES.items():
        with both(run.size(size) + 8192) as maps:
            for distance in (1, 100, 4096):
                for direction, to, start in (("up", distance, 0), ("down", 0, distance)):
                    contenders = {
                        module: lambda m=m, to=to, start=start: m.move(to, start, run.size(size))
                        for module, m in maps.items()
                    }
                    run.time(f"{name}, {direction} by {distance}", contenders, AIMS)


@contest.question("python_store", "Python: slices assigned at odd offsets")
def stores(run):
    """`m[i:i+n] = data` for `bytes` of that length, at `i` = 1, 33 and 4097. The aim is as for
    moves."""
    for size in (256, 1024, 4096, 16384, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 25):
        with both(run.size(size) + 8192) as maps:
            content = data.text()[: run.size(size)].ljust(run.size(size), b"x")
            for start in (1, 33, 4097):
                contenders = {
                    module: lambda m=m, start=start: m.__setitem__(
                        slice(start, start + len(content)), content
                    )
                    for module, m in maps.items()
                }
                run.time(f"{size} B at {start}", contenders, AIMS)


class both:
    """A file that both modules map, for a block of code."""

    def __init__(self, size):
        self.file = tempfile.TemporaryFile()
        data.write(self.file, data.text(), size)
        modules = {"safemap": safemap, "mmap": mmap}
        self.maps = {name: it.mmap(self.file.fileno(), 0) for name, it in modules.items()}

    def __enter__(self):
        return self.maps

    def __exit__(self, *error):
        for m in self.maps.values():
            m.close()
        self.file.close()
