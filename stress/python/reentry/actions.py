"""What a hook does to the map of its world, in the middle of a call."""

import functools
import gc
import mmap as standard
import os
import re

from cutter import PAGE
from reentry.calls import FOREIGN
from reentry.world import LENGTH, squat


def ignoring(act):
    """The same, which may be refused."""

    @functools.wraps(act)
    def tried(world):
        try:
            act(world)
        except (BufferError, ValueError, TypeError, OSError, IndexError, AttributeError):
            pass

    return tried


def close(world):
    world.m.close()


def close_and_squat(world):
    """Others take the place in memory at once."""
    world.m.close()
    squat(world)


def shrink(world):
    world.m.resize(10)


def shrink_a_little(world):
    world.m.resize(LENGTH - 2 * PAGE)


def grow(world):
    world.m.resize(LENGTH + 100 * PAGE)


def grow_and_shrink(world):
    world.m.resize(LENGTH + 200 * PAGE), world.m.resize(PAGE)


def export(world):
    """A view that stays."""
    world.views.append(memoryview(world.m))


def export_and_close(world):
    """A view that goes again, under which nothing may be closed."""
    with memoryview(world.m):
        ignoring(close)(world)
        ignoring(shrink)(world)


def read(world):
    world.m.read(), world.m.readline(), world.m[:], world.m.find(b"z", 0)


def write(world):
    world.m[0:9] = b"written\n!"
    world.m.seek(LENGTH - 50), world.m.write(b"needle")


def to_the_end(world):
    world.m.seek(0, 2)


def cut(world):
    """The file goes, but for what is before the map and its first bytes."""
    os.ftruncate(world.file, PAGE + 50)


def cut_by_another(world):
    """Another map of the file makes it shorter."""
    other = world.module.mmap(world.file, 0)
    other.resize(3 * PAGE)
    other.close()


def forget(world):
    """The last name of the map goes, but for the one that the call has."""
    world.space.pop("m", None)
    gc.collect(0)


def again(world):
    """The same call, inside itself."""
    world.call(world.code)


def enter(world):
    with world.m:
        world.m.tell()


def initialise(world):
    world.m.__init__()


def shut(world):
    """The descriptor that the map was made of goes."""
    os.close(world.fd)


def forbid(world):
    """A page may not be touched any more."""
    world.m.protect(0, PAGE, PAGE)


def discard(world):
    world.m.madvise(standard.MADV_DONTNEED)


def complain(world):
    raise KeyError("mine")


# The first is what ends the standard module.
REFUSABLE = [
    shrink, close, close_and_squat, shrink_a_little, grow, grow_and_shrink, export, export_and_close, read, write, to_the_end, cut,
    cut_by_another, again, enter, initialise, shut, forbid, discard,
]  # fmt: skip
ACTIONS = [ignoring(act) for act in REFUSABLE] + [forget, complain]
# After these, whoever reads the memory itself dies: the limit of the promise.
DEADLY = {"cut", "cut_by_another", "forbid"}


def fits(name, text):
    """Whether it can be said what comes of that in a call."""
    if name in DEADLY:
        return text not in FOREIGN
    # A call that names the map twice does not find the second name; an exception within `with` is not one before it.
    return len(re.findall(r"\bm\b", text)) == 1 if name == "forget" else name != "complain" or not text.startswith("with")
