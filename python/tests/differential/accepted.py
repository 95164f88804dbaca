"""The accepted differences between the two modules, each with its reason. See docs/python.md."""

import re
import sys

from differential.side import WINDOWS, Raised
from support import CLOSED

ARITY = re.compile(
    r"(takes|expected) (exactly|at most|at least|no|from|\d+)\b"
    r"|missing \d+ required|unexpected keyword|invalid keyword|passed as keyword"
)
# From these versions on the standard module checks last whether the map is closed, and the value of
# an assignment before its index.
CLOSED_LAST = sys.version_info >= (3, 14, 1)
VALUE_FIRST = sys.version_info >= (3, 14, 8)
# The methods whose arguments are converted.
CONVERTING = "find flush madvise move read resize rfind seek set_name write write_byte".split()


class Accepted:
    """One accepted difference: its reason, and a predicate of the step and the two results.

    If it `ends` the program, the two sides are in different states afterwards.
    """

    def __init__(self, reason, holds, ends=False):
        self.reason, self.holds, self.ends = reason, holds, ends


def raised(result, kind=None, text=""):
    """Whether the result is an exception of this type with this text."""
    return isinstance(result, Raised) and kind in (None, result.type) and text in result.text


def returned(result, kind):
    """Whether the result is a value of this type."""
    return isinstance(result, tuple) and result[0] == kind


def arity(result):
    """Whether the number or the names of the arguments were wrong."""
    return raised(result, "TypeError") and bool(ARITY.search(result.text))


def calls(step, *names):
    """Whether a step calls one of these methods."""
    return any("m.{}(".format(name) in step for name in names)


def searches(step):
    """Whether a step calls `find` or `rfind`."""
    return calls(step, "find", "rfind")


# A reason that begins with a version: from that version on the standard module does as safemap.
TABLE = [
    Accepted(
        "PyO3 words some errors about the number and names of arguments; CPython's versions differ",
        lambda step, theirs, ours: arity(theirs) and arity(ours),
    ),
    Accepted(
        "3.14.1: the number of arguments is checked before whether the map is closed",
        lambda step, theirs, ours: raised(theirs, "ValueError", CLOSED) and arity(ours),
    ),
    Accepted(
        "every method notices if the conversion of an argument closes the map",
        lambda step, theirs, ours: "m.close)" in step and raised(ours, "ValueError", CLOSED),
    ),
    Accepted(
        "3.13: seek returns the position",
        lambda step, theirs, ours: (
            "seek(" in step and returned(theirs, "NoneType") and returned(ours, "int")
        ),
    ),
    Accepted(
        "3.13: seekable exists",
        lambda step, theirs, ours: "seekable" in step and raised(theirs, "AttributeError"),
    ),
    Accepted(
        "3.14.1: __exit__ takes three arguments; before, it took any number",
        lambda step, theirs, ours: calls(step, "__exit__") and arity(ours),
        ends=True,
    ),
    Accepted(
        "3.14.1 changed the text for a number that does not fit a C int; safemap has the older one",
        lambda step, theirs, ours: (
            raised(theirs, "OverflowError", "C int")
            and raised(ours, "OverflowError", "signed integer is")
        ),
    ),
    Accepted(
        "from 3.14.1 on the end is ignored if the start is None, an oversight; safemap respects it",
        lambda step, theirs, ours: (
            CLOSED_LAST and searches(step) and ", None," in step and returned(theirs, "int")
        ),
    ),
    Accepted(
        "3.14.1: find and rfind accept None for a bound",
        lambda step, theirs, ours: (
            searches(step) and "None" in step and raised(theirs, "TypeError", "'NoneType'")
        ),
    ),
    Accepted(
        "3.15: an empty needle is not found after the end",
        lambda step, theirs, ours: (
            searches(step) and returned(theirs, "int") and ours == ("int", -1)
        ),
    ),
    Accepted(
        "3.15: madvise accepts None for the length",
        lambda step, theirs, ours: (
            calls(step, "madvise") and "None" in step and raised(theirs, "TypeError", "'NoneType'")
        ),
    ),
    Accepted(
        "3.15: flush with an offset and no size, or the size -1, covers the rest of the map",
        lambda step, theirs, ours: (
            calls(step, "flush") and raised(theirs, "ValueError", "flush values out of range")
        ),
    ),
    Accepted(
        "3.15: anonymous memory has a size",
        lambda step, theirs, ours: (
            "m.size()" in step
            and raised(theirs, "OSError", "Bad file descriptor")
            and returned(ours, "int")
        ),
    ),
    Accepted(
        "3.15: without trackfd size raises a ValueError; safemap's is an OSError too, as before",
        lambda step, theirs, ours: (
            "m.size()" in step
            and raised(theirs)
            and raised(ours, "UnsupportedOperation", "trackfd=False")
        ),
    ),
    Accepted(
        "a private map of a file cannot be resized; the standard module truncates the file",
        lambda step, theirs, ours: (
            calls(step, "resize") and raised(ours, "TypeError", "readonly or copy-on-write")
        ),
        ends=True,
    ),
    Accepted(
        "a map with different advice for its parts can be resized; the standard module extends the"
        " file and raises EFAULT",
        lambda step, theirs, ours: (
            calls(step, "resize")
            and raised(theirs, "OSError", "Bad address")
            and returned(ours, "NoneType")
        ),
        ends=True,
    ),
    Accepted(
        "3.14.1: arguments are converted before the check whether the map is closed",
        lambda step, theirs, ours: (
            calls(step, *CONVERTING) and raised(theirs, "ValueError", CLOSED) and raised(ours)
        ),
    ),
    Accepted(
        "from 3.14.1 on an assignment checks last whether the map is closed; safemap checks it"
        " first, as before",
        lambda step, theirs, ours: (
            CLOSED_LAST
            and not calls(step, *CONVERTING)
            and raised(theirs)
            and raised(ours, "ValueError", CLOSED)
        ),
    ),
    Accepted(
        "from 3.14.8 on the value of an assignment is checked before its index; safemap checks the"
        " index first, as before",
        lambda step, theirs, ours: (
            VALUE_FIRST and raised(theirs) and raised(ours, "IndexError", "mmap index out of range")
        ),
    ),
    Accepted(
        "Windows: a pipe has no size, so a length is required; the standard module may report an"
        " empty file",
        lambda step, theirs, ours: (
            WINDOWS
            and raised(theirs, None, "empty file")
            and raised(ours, "OSError", "WinError 87")
        ),
    ),
    Accepted(
        "Windows: flushing 0 bytes at the end of the map does nothing",
        lambda step, theirs, ours: (
            WINDOWS
            and calls(step, "flush")
            and raised(theirs, "OSError", "WinError 87")
            and returned(ours, "NoneType")
        ),
    ),
    Accepted(
        "if the conversion of an argument resizes the map, the default end is the new end",
        lambda step, theirs, ours: searches(step) and "m.resize(" in step and returned(ours, "int"),
    ),
]

# The programs never do the following, because the standard module crashes or continues in another
# state. test_cpython_defects.py and test_faults.py test safemap there.
# - resize(0), and a resize that fails half-way: the file stays truncated or extended
# - resize of a private map of a file: the file is truncated
# - growing shared anonymous memory: before autumn 2025 touching the new part is SIGBUS
# - shrinking private memory to a part of a page and growing it again: the old bytes return
# - the size of a map of a file with MAP_ANONYMOUS: that of the file, which is not mapped
# - touching memory without read permission: SIGSEGV
# - truncating the file under the map: SIGBUS
# - assigning to m[i] a value whose __index__ closes or resizes the map: SIGSEGV
# - assigning a slice from an overlapping view of the same map: undefined behaviour of memcpy
# - before 3.11.4, find with bounds or to the end of the last page, and an index whose __index__
#   closes the map: SIGSEGV


def accepted(step, theirs, ours):
    """Returns the accepted difference that this step and its results are, or None."""
    return next((each for each in TABLE if each.holds(step, theirs, ours)), None)
