"""How long does a search take for a byte that is not there?"""

import contest
import data
import peers

TITLE = "Python: find a byte that does not occur"
HOW = """As `python_find`, for one byte, for which the standard module calls the C library's `memchr`
and `memrchr`. numpy compares all bytes and asks whether any comparison is true."""

AIMS = [contest.against("mmap", 1.0)]


def answer(run):
    for name, size in (("4 KiB", 4096), ("64 MiB", 64 * data.MIB)):
        with data.maps(data.text(), run.size(size)) as (file, ours, theirs):
            rows(run, name, file, ours, theirs)


def rows(run, name, file, ours, theirs):
    """Prints a row for each direction."""
    absent, searched = data.ABSENT, {"safemap": ours, "mmap": theirs, "bytes": theirs[:]}
    for direction in ("find", "rfind"):
        finds = {who: getattr(it, direction) for who, it in searched.items()}
        contenders = {who: lambda find=find: find(absent, 0) for who, find in finds.items()}
        if peers.numpy and direction == "find":
            array = peers.numpy.memmap(file.name, mode="r")
            contenders["numpy.memmap"] = lambda: (array == absent[0]).any()
        run.time(f"{direction}, {name}", contenders, AIMS)
