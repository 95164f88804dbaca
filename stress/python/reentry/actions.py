"""What a hook does to the map during a call."""

import functools
import gc
import mmap as standard
import os
import re

from reentry.calls import EXTERNAL
from reentry.subject import LENGTH, reuse_memory
from settings import PAGE


def ignoring(act):
    """Returns the action without exceptions that a refusal raises."""

    @functools.wraps(act)
    def tried(subject):
        try:
            act(subject)
        except (BufferError, ValueError, TypeError, OSError, IndexError, AttributeError):
            pass

    return tried


def close(subject):
    subject.m.close()


def close_and_reuse(subject):
    """Other mappings take the addresses at once."""
    subject.m.close()
    reuse_memory(subject)


def shrink(subject):
    subject.m.resize(10)


def shrink_a_little(subject):
    subject.m.resize(LENGTH - 2 * PAGE)


def grow(subject):
    subject.m.resize(LENGTH + 100 * PAGE)


def grow_and_shrink(subject):
    subject.m.resize(LENGTH + 200 * PAGE), subject.m.resize(PAGE)


def export(subject):
    """Exports a view that stays."""
    subject.views.append(memoryview(subject.m))


def export_and_close(subject):
    """Exports a view. While it exists the map can be neither closed nor shrunk."""
    with memoryview(subject.m):
        ignoring(close)(subject)
        ignoring(shrink)(subject)


def read(subject):
    subject.m.read(), subject.m.readline(), subject.m[:], subject.m.find(b"z", 0)


def write(subject):
    subject.m[0:9] = b"written\n!"
    subject.m.seek(LENGTH - 50), subject.m.write(b"needle")


def seek_to_end(subject):
    subject.m.seek(0, 2)


def truncate(subject):
    """Truncates the file after the first bytes of the map."""
    os.ftruncate(subject.file, PAGE + 50)


def shrink_another(subject):
    """Shrinks the file through another map."""
    other = subject.module.mmap(subject.file, 0)
    other.resize(3 * PAGE)
    other.close()


def forget(subject):
    """Deletes the last reference to the map but that of the call."""
    subject.space.pop("m", None)
    gc.collect(0)


def again(subject):
    """Makes the same call again."""
    subject.call(subject.code)


def enter(subject):
    with subject.m:
        subject.m.tell()


def initialise(subject):
    subject.m.__init__()


def close_descriptor(subject):
    """Closes the descriptor that the map was created with."""
    os.close(subject.fd)


def forbid(subject):
    """Forbids access to a page."""
    subject.m.protect(0, PAGE, PAGE)


def discard(subject):
    subject.m.madvise(standard.MADV_DONTNEED)


def fail(subject):
    raise KeyError("of the hook")


# The first one crashes the standard module.
REFUSABLE = [
    shrink, close, close_and_reuse, shrink_a_little, grow, grow_and_shrink, export,
    export_and_close, read, write, seek_to_end, truncate, shrink_another, again, enter,
    initialise, close_descriptor, forbid, discard,
]  # fmt: skip
ACTIONS = [ignoring(act) for act in REFUSABLE] + [forget, fail]
# After these, external code that reads the memory is terminated by a signal. safemap does not
# protect it.
FATAL = {"truncate", "shrink_another", "forbid"}


def fits(name, text):
    """Returns whether the result of the action in a call is defined."""
    if name in FATAL:
        return text not in EXTERNAL
    # A call that names the map twice would not find it. In a `with` block the exception is raised
    # later.
    return (
        len(re.findall(r"\bm\b", text)) == 1
        if name == "forget"
        else name != "fail" or not text.startswith("with")
    )
