"""Accepted: every difference from the standard module that is meant, with its reason. docs/python.md tells the same."""

import re
import sys

from differential.side import WINDOWS, Raised

ARITY = re.compile(
    r"(takes|expected) (exactly|at most|at least|no|from|\d+)\b"
    r"|missing \d+ required|unexpected keyword|invalid keyword|passed as keyword"
)
CLOSED = "mmap closed or invalid"
CLOSED_LAST = sys.version_info >= (3, 14, 1)
VALUE_FIRST = sys.version_info >= (3, 14, 8)


class Accepted:
    """One accepted difference: why, and where. If it `ends` the program, the two are in different states afterwards."""

    def __init__(self, reason, holds, ends=False):
        self.reason, self.holds, self.ends = reason, holds, ends


def raised(came, kind=None, text=""):
    """Whether an exception came, of this type and with this in its text."""
    return isinstance(came, Raised) and kind in (None, came.type) and text in came.text


def gives(came, kind):
    """Whether a value of this type came."""
    return isinstance(came, tuple) and came[0] == kind


def arity(came):
    """Whether the number or the names of the arguments were wrong."""
    return raised(came, "TypeError") and bool(ARITY.search(came.text))


def calls(step, *names):
    """Whether a step calls one of these methods."""
    return any("m.{}(".format(name) in step for name in names)


# Where a row names a version, the standard module does as ours from that one on.
TABLE = [
    Accepted(
        "texts about the number and the names of arguments are PyO3's; they differ between CPython's versions as well",
        lambda step, theirs, ours: arity(theirs) and arity(ours),
    ),
    Accepted(
        "3.14.1: arguments are counted before it is asked whether the map is closed",
        lambda step, theirs, ours: raised(theirs, "ValueError", CLOSED) and arity(ours),
    ),
    Accepted(
        "an argument that closes the map while it is converted is noticed by every method",
        lambda step, theirs, ours: "m.close)" in step and raised(ours, "ValueError", CLOSED),
    ),
    Accepted(
        "3.13: seek returns the position",
        lambda step, theirs, ours: "seek(" in step and gives(theirs, "NoneType") and gives(ours, "int"),
    ),
    Accepted(
        "3.13: seekable",
        lambda step, theirs, ours: "seekable" in step and raised(theirs, "AttributeError"),
    ),
    Accepted(
        "from 3.14.1 on __exit__ takes three arguments; ours any, as before",
        lambda step, theirs, ours: calls(step, "__exit__") and arity(theirs) and not arity(ours),
        ends=True,
    ),
    Accepted(
        "3.14.1: another text for a number that is no C int; ours is the older one",
        lambda step, theirs, ours: raised(theirs, "OverflowError", "C int") and raised(ours, "OverflowError", "signed integer is"),
    ),
    Accepted(
        "from 3.14.1 on an end beside a start of None is not looked at, an oversight; ours is",
        lambda step, theirs, ours: CLOSED_LAST and calls(step, "find", "rfind") and ", None," in step and gives(theirs, "int"),
    ),
    Accepted(
        "3.14.1: None for a bound of find and rfind",
        lambda step, theirs, ours: calls(step, "find", "rfind") and "None" in step and raised(theirs, "TypeError", "'NoneType'"),
    ),
    Accepted(
        "3.15: not even an empty needle is found behind the end",
        lambda step, theirs, ours: calls(step, "find", "rfind") and gives(theirs, "int") and ours == ("int", -1),
    ),
    Accepted(
        "3.15: None for the length of advice",
        lambda step, theirs, ours: calls(step, "madvise") and "None" in step and raised(theirs, "TypeError", "'NoneType'"),
    ),
    Accepted(
        "3.15: flush takes an offset without a size, or -1 for it: all that follows",
        lambda step, theirs, ours: calls(step, "flush") and raised(theirs, "ValueError", "flush values out of range"),
    ),
    Accepted(
        "3.15: anonymous memory has a size",
        lambda step, theirs, ours: "m.size()" in step and raised(theirs, "OSError", "Bad file descriptor") and gives(ours, "int"),
    ),
    Accepted(
        "3.15: without trackfd size raises a ValueError; ours is an OSError as well, which it was before",
        lambda step, theirs, ours: "m.size()" in step and raised(theirs) and raised(ours, "UnsupportedOperation", "trackfd=False"),
    ),
    Accepted(
        "a private map of a file cannot be resized: the standard module truncates the file under it",
        lambda step, theirs, ours: calls(step, "resize") and raised(ours, "TypeError", "readonly or copy-on-write"),
        ends=True,
    ),
    Accepted(
        "a map whose parts were advised differently can be resized: the standard module says EFAULT, the file is extended then",
        lambda step, theirs, ours: calls(step, "resize") and raised(theirs, "OSError", "Bad address") and gives(ours, "NoneType"),
        ends=True,
    ),
    Accepted(
        "from 3.14.1 on arguments are converted, and may be wrong, before it is asked whether the map is closed; ours asks first, too",
        lambda step, theirs, ours: CLOSED_LAST and raised(theirs) and raised(ours, "ValueError", CLOSED),
    ),
    Accepted(
        "from 3.14.8 on the value of an assignment is looked at before its index; ours asks in the older order",
        lambda step, theirs, ours: VALUE_FIRST and raised(theirs) and raised(ours, "IndexError", "mmap index out of range"),
    ),
    Accepted(
        "Windows: a pipe, which has no length, needs one to be mapped; the standard module may find it empty",
        lambda step, theirs, ours: WINDOWS and raised(theirs, None, "empty file") and raised(ours, "OSError", "WinError 87"),
    ),
    Accepted(
        "an argument that resizes the map while it is converted: the end that was left out is that of the map as it is then",
        lambda step, theirs, ours: calls(step, "find", "rfind") and "m.resize(" in step and gives(ours, "int"),
    ),
]

# What the programs never ask for, because the standard module dies of it or goes on in another state; the tests of the defects
# hold ours to what is wanted there.
NEVER_ASKED = """
resize(0), and a resize that fails half-way: the standard module leaves the file truncated or extended
resize of a private map of a file: the standard module truncates the file
growing shared anonymous memory: SIGBUS when the new part is touched, before autumn 2025
shrinking private memory to a part of a page and growing it again: the old bytes are back there, with us zeros
the size of a map of a file and MAP_ANONYMOUS: the file's, which is not mapped
touching memory that may not be read: SIGSEGV
a file that is truncated under the map: SIGBUS
a value assigned to m[i] whose __index__ closes or resizes the map: SIGSEGV
a slice assigned from an overlapping view of the same map: memcpy
before 3.11.4, find with bounds or to the end of the last page, and an index whose __index__ closes the map: SIGSEGV
""".strip().splitlines()


def accepted(step, theirs, ours):
    """The row that allows this difference; None if none does."""
    return next((row for row in TABLE if row.holds(step, theirs, ours)), None)
