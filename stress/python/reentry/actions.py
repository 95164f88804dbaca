"""What a hook does to the map during a call."""

import contextlib
import gc
import mmap as standard
import os
import re

from reentry import own_calls
from reentry.calls import EXTERNAL
from reentry.subject import LENGTH, reuse_memory
from settings import PAGE


REFUSALS = (BufferError, ValueError, TypeError, OSError, IndexError, AttributeError)


def ignoring(act, name=""):
    """Returns the action, with a name and without exceptions that a refusal raises."""

    def tried(*arguments):
        with contextlib.suppress(*REFUSALS):
            act(*arguments)

    tried.__name__ = name
    return tried


def export_and_close(subject):
    """Exports a view. While it exists the map can be neither closed nor shrunk."""
    with memoryview(subject.m):
        ignoring(subject.m.close)()
        ignoring(subject.m.resize)(10)


def shrink_another(subject):
    """Shrinks the file through another map."""
    other = subject.module.mmap(subject.file, 0)
    other.resize(3 * PAGE)
    other.close()


def forget(subject):
    """Deletes the last reference to the map but that of the call."""
    subject.space.pop("m", None)
    gc.collect(0)


def enter(subject):
    with subject.m:
        subject.m.tell()


def fail(subject):
    raise KeyError("of the hook")


# The first one crashes the standard module.
REFUSABLE = {
    "shrink": lambda it: it.m.resize(10),
    "close": lambda it: it.m.close(),
    # Other mappings take the addresses at once.
    "close_and_reuse": lambda it: (it.m.close(), reuse_memory(it)),
    "shrink_a_little": lambda it: it.m.resize(LENGTH - 2 * PAGE),
    "grow": lambda it: it.m.resize(LENGTH + 100 * PAGE),
    "grow_and_shrink": lambda it: (it.m.resize(LENGTH + 200 * PAGE), it.m.resize(PAGE)),
    # The view stays.
    "export": lambda it: it.views.append(memoryview(it.m)),
    "export_and_close": export_and_close,
    "read": lambda it: (it.m.read(), it.m.readline(), it.m[:], it.m.find(b"z", 0)),
    "write": lambda it: (
        it.m.__setitem__(slice(0, 9), b"written\n!"),
        it.m.seek(LENGTH - 50),
        it.m.write(b"needle"),
    ),
    "seek_to_end": lambda it: it.m.seek(0, 2),
    # After the first bytes of the map.
    "truncate": lambda it: os.ftruncate(it.file, PAGE + 50),
    "shrink_another": shrink_another,
    # Makes the same call again.
    "again": lambda it: it.call(it.code),
    "enter": enter,
    "initialise": lambda it: it.m.__init__(),
    # The one that the map was created with.
    "close_descriptor": lambda it: os.close(it.fd),
    "forbid": lambda it: it.m.protect(0, PAGE, PAGE),
    "discard": lambda it: it.m.madvise(standard.MADV_DONTNEED),
}
# The same for the ends of channels and journals.
OF_ENDS = {
    "close_ends": lambda it: it.ends.close(),
    "use_ends": lambda it: it.ends.use(),
    "take": lambda it: it.ends.take(),
}
ACTIONS = [ignoring(act, name) for name, act in REFUSABLE.items()] + [forget, fail]
ACTIONS += [ignoring(act, name) for name, act in OF_ENDS.items()]
# After these, external code that reads the memory is terminated by a signal. safemap does not
# protect it.
FATAL = {"truncate", "shrink_another", "forbid"}


def fits(name, text):
    """Returns whether the result of the action in a call is defined."""
    if name not in ("again", "fail") and (name in OF_ENDS) != (text in own_calls.OF_ENDS):
        return False
    if name in FATAL:
        return text not in EXTERNAL
    # A call that names the map twice would not find it. In a `with` block the exception is raised
    # later.
    if name == "forget":
        return len(re.findall(r"\bm\b", text)) == 1
    return name != "fail" or not text.startswith("with")
