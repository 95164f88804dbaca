"""Calls of every method, slot and constructor. The conversion of arguments may run code.

Such an argument is written <letter:value>: i for an index, b for bytes (a number is a length), t
for a truth value, s for a string, o for an object that is compared, k for the name of an argument.
"""

import functools
import itertools
import re

# The first one crashes the standard module (gh-157335).
CALLS = """
m[69700] = <i:98>
m[<i:69700>] = <i:98>
m[<i:5>] = <i:98>
m[<i:5>]
m[<i:-3>]
m[<i:69700>]
m[<i:5>:<i:90>]
m[<i:5>:<i:69700>]
m[:<i:-90>]
m[<i:5>:<i:69700>:<i:3>]
m[<i:69700>:<i:5>:<i:-70>]
m.__getitem__(<i:5>)
m.__getitem__(slice(<i:5>, <i:90>))
m[<i:5>:<i:8>] = <b:abc>
m[<i:69000>:<i:69003>] = <b:abc>
m[<i:5>:<i:68005>] = <b:68000>
m[<i:5>:<i:11>:<i:2>] = <b:abc>
m[<i:69698>:<i:69692>:<i:-2>] = <b:abc>
m.__setitem__(<i:5>, <i:98>)
del m[<i:5>]
del m[<i:5>:<i:8>]
m.__delitem__(<i:5>)
m.read(<i:40>)
m.read(<i:69000>)
m.read(<i:-1>)
m.seek(<i:40>)
m.seek(<i:4>, <i:1>)
m.seek(<i:-4>, <i:2>)
m.write(<b:abc>)
m.write(<b:68000>)
m.write_byte(<i:98>)
m.find(<b:needle>)
m.find(<b:needle>, <i:3>)
m.find(<b:needle>, <i:3>, <i:69700>)
m.find(<b:n>, <i:-69700>, <i:-5>)
m.find(<b:68000>, <i:0>)
m.rfind(<b:needle>)
m.rfind(<b:needle>, <i:3>, <i:69700>)
m.rfind(<b:zzz>, <i:-69700>)
m.lines(<i:5>, <i:69700>) is None
m.lines(<i:-9000>, keepends=<t:0>) is None
m.lines(<i:5>, <i:-5>, containing=<b:n>) is None
m.move(<i:0>, <i:4000>, <i:200>)
m.move(<i:5>, <i:0>, <i:68000>)
m.move(<i:69000>, <i:0>, <i:700>)
m.resize(<i:5000>)
m.resize(<i:300000>)
m.resize(<i:0>)
m.resize(<i:-1>)
m.flush(<i:0>, <i:4096>)
m.flush(<i:4096>)
m.flush(flags=<i:4>)
m.madvise(<i:0>, <i:0>, <i:4096>)
m.madvise(<i:0>, <i:4096>)
m.protect(<i:3>, <i:0>, <i:8192>)
m.lock(<i:0>, <i:4096>)
m.unlock(<i:0>, <i:4096>)
m.set_name(<s:name>)
m.__exit__(<o:1>, <o:2>, <o:3>)
m.__buffer__(<i:0>).nbytes
m == <o:1>
<o:1> in m
operator.indexOf(m, <o:1>)
with m: m[<i:5>]
mmap.mmap(<i:FD>, <i:100>, <i:1>, <i:3>, <i:0>, <i:4096>)
mmap.mmap(<i:FD>, <i:0>, access=<i:1>, offset=<i:4096>)
mmap.mmap(fd, 100, trackfd=<t:1>)
mmap.mmap(fd, 100, trackfd=<t:0>, repair=<t:1>, allocate=<t:1>)
mmap.mmap(fd, 100, **{<k:offset>: 4096})
mmap.mmap(fd, 100, **{<k:offest>: 4096})
mmap.mmap(-1, <i:100>, flags=<i:2>, prot=<i:3>)
type(m)(<i:FD>, <i:100>)
type(m).__new__(type(m), <i:FD>, <i:100>)
type(m).read(m, <i:40>)
type(m).__setitem__(m, <i:5>, <i:98>)
""".strip().splitlines()

# Calls without arguments. Code runs before them, or in a method that a subclass overrides.
BARE = """
m.read()
m.read_byte()
m.readline()
m.lines() is None
tuple(zip(range(3), m.lines()))
m.tell()
m.size()
m.seekable()
m.flush()
m.sync()
m.close()
m.__enter__()
m.__exit__()
m.__bytes__()
m.__len__()
m.__repr__()
m.__sizeof__() > 0
m.__release_buffer__(m.__buffer__(0))
m.sync()
m.restore()
m.verify()
m.damage
m.closed
len(m)
repr(m)
bool(m)
bytes(m)[:9]
bytes(m)[-9:]
m.__bytes__()[:9]
tuple(zip(range(3), m))
next(iter(m))
next(reversed(m))
hash(m) is None
mmap.mmap(fd, 100)
type(m)(fd, 100)
""".strip().splitlines()

# External code that reads the memory. If the file was truncated, it is terminated by a signal.
EXTERNAL = """
bytes(bytearray(m)[:9])
memoryview(m)[:9].tobytes()
zlib.crc32(m)
""".strip().splitlines()

ARGUMENT = re.compile(r"<(\w):([^>]*)>")

# Attributes of the class that cannot be called.
EXEMPT = {"__new__", "__doc__", "__module__", "__weakref__", "__dict__"}


def arguments(text):
    """Returns letter and value of each argument."""
    return ARGUMENT.findall(text)


@functools.cache
def with_names(text):
    """Returns the call with the arguments a0, a1 and so on."""
    count = itertools.count()
    return ARGUMENT.sub(lambda _: f"a{next(count)}", text)


def missing(cls):
    """Returns the attributes of the class that no call uses."""
    every = "\n".join(CALLS + BARE)
    return sorted(name for name in vars(cls) if name not in EXEMPT and f"m.{name}" not in every)
