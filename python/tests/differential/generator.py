"""The generator: invents the next step of a program from what the standard side looks like."""

import sys

from differential import pools
from differential.side import WINDOWS

# Older ones crash when an `__index__` closes the map (gh-103987) and search beyond its end (gh-105235).
OLD = sys.version_info < (3, 11, 4)
TRACKFD = sys.version_info >= ((3, 15) if WINDOWS else (3, 13))
VIEWS = pools.VIEWS + (pools.VIEWS_312 if sys.version_info >= (3, 12) else [])
ODD = pools.ODD + (pools.ODD_313 if TRACKFD else [])


class Generator:
    """Steps for one program. What would kill the interpreter that runs the standard module is never asked for."""

    def __init__(self, rng, side):
        self.rng, self.side = rng, side
        # Whether its bytes may be touched: memory without protection to read is SIGSEGV there.
        self.touchable = True
        # Whether it may be resized: there that truncates the file under a private map, and more.
        self.resizable = True
        # Whether it has a size that means something: a file that is not mapped has none.
        self.sized = True
        # The unit of new lengths: what is left of a page that was cut comes back there.
        self.unit = 1

    def step(self):
        """The next step."""
        step = self.any_step()
        asked = (self.sized or "size(" not in step) and not (OLD and "find(" in step and not self.searchable(step))
        return step if asked else "m.tell()"

    def searchable(self, step):
        """Whether an older interpreter survives this search."""
        position, length = self.side.own("tell") if self.side.is_open() else 0, self.length()
        return "," not in step and position <= length and length % 4096 != 0

    def any_step(self):
        """A step of any sort."""
        m, rng = self.side.map, self.rng
        if m is None or rng.random() < 0.015 or m.closed and rng.random() < 0.4:
            return self.construct()
        if not self.touchable:
            return self.construct() if rng.random() < 0.2 else rng.choice(pools.QUIET)
        kinds = [self.method, self.slice, self.index, self.touch, self.look, self.wild, self.view, self.hook]
        return rng.choices(kinds, [30, 14, 10, 8, 6, 6, 6, 3])[0]()

    # Maps

    def construct(self):
        """A new map, often one that cannot be. Views of the old one go first, for the file may shrink under them."""
        rng = self.rng
        if rng.random() < 0.12:
            return rng.choice(pools.CLASSES)
        self.touchable, self.resizable, self.sized, self.unit = True, True, True, 1
        name = "S" if "S" in self.side.space and rng.random() < 0.4 else "mmap.mmap"
        make = rng.choices([self.plain, self.anonymous, self.protected, self.odd], [6, 2, 3, 3])[0]
        return "m = v = it = None; m = {}({})".format(name, make())

    def plain(self):
        """Arguments of an ordinary map of the file."""
        rng = self.rng
        size = self.side.file_size()
        length = rng.choice([0, 0, 0, size, size // 2, 1, size + 1, rng.randrange(size + 2)])
        access = rng.choice(["", "", ", access=mmap.ACCESS_READ", ", access=mmap.ACCESS_WRITE", ", access=mmap.ACCESS_COPY"])
        offset = rng.choice(["", "", "", ", offset=mmap.ALLOCATIONGRANULARITY", ", offset=0", *pools.OFFSETS])
        track = rng.choice(["", "", "", ", trackfd=False", ", trackfd=True"]) if TRACKFD else ""
        fd = "reader" if "READ" in access or rng.random() < 0.05 else "fd"
        return "{}, {}{}{}{}".format(fd, length, access, offset, track)

    def anonymous(self):
        """Arguments of a map without a file. Only a private one may grow: shared memory has an end."""
        form = self.rng.choice(pools.ANONYMOUS)
        self.resizable, self.unit = (True, 1) if WINDOWS else (form.endswith("mmap.MAP_PRIVATE"), 4096)
        return form.format(self.rng.choice([1, 5, 100, 4096, 4097, 20000]))

    def protected(self):
        """Arguments with flags and protection, or a name."""
        rng = self.rng
        if WINDOWS:
            return rng.choice(pools.NAMED)
        flags, prot = rng.choice(pools.FLAGS), rng.choice(pools.PROTECTIONS)
        self.touchable = "READ" in prot
        self.resizable = flags == "mmap.MAP_SHARED"
        self.sized = "ANONYMOUS" not in flags
        access = rng.choice(["", "", "", "", ", access=mmap.ACCESS_READ", ", access=mmap.ACCESS_COPY"])
        form = rng.choice(["{}, 0, {}, {}{}", "{}, 0, flags={}, prot={}{}"])
        return form.format(rng.choice(["fd", "fd", "fd", "reader"]), flags, prot, access)

    def odd(self):
        """Arguments of every wrong sort."""
        rng = self.rng
        self.resizable = False
        if rng.random() < 0.6:
            return rng.choice(ODD)
        words = pools.ORDERED[: rng.randint(1, 6)]
        words[rng.randrange(len(words))] = rng.choice(pools.WRONG)
        if WINDOWS and words[2:] and words[2].startswith("'"):
            # A name that the two sides would have in common.
            words[2] = "mmap.__name__"
        # A `prot` that is some other number would not be safe to touch.
        self.touchable = len(words) < 4 or words[3] == "3"
        return ", ".join(words)

    # Numbers and bytes

    def length(self):
        """The length of the map, whatever a subclass says."""
        return self.side.length()

    def number(self):
        """A number that may mean something to this map."""
        rng, n = self.rng, self.length()
        near = [0, 0, 1, -1, n, n - 1, n + 1, -n, -n - 1, n // 2, 4096, 4095, -2, 3, 7]
        kinds = [
            lambda: str(rng.choice(near)),
            lambda: str(rng.randrange(-n - 3, n + 4)),
            lambda: "Int({})".format(rng.choice(near)),
            lambda: str(rng.choice(pools.HUGE)),
            lambda: rng.choice(pools.WRONG),
        ]
        return rng.choices(kinds, [45, 45, 4, 4, 2])[0]()

    def within(self):
        """A number that is an index of the map."""
        return str(self.rng.randrange(max(self.length(), 1)))

    def buffer(self):
        """Bytes of some sort, or of none."""
        rng = self.rng
        kinds = [self.literal, lambda: rng.choice(pools.BUFFERS), lambda: rng.choice(pools.NOT_BUFFERS)]
        return rng.choices(kinds, [60, 34, 6])[0]()

    def literal(self):
        """A few of the letters that the file is made of."""
        rng = self.rng
        return ascii(bytes(ord(rng.choice(pools.LETTERS)) for _ in range(rng.choice([1, 1, 2, 2, 3, 4, 8, 17, 40]))))

    # Steps

    def method(self):
        """A method with arguments that mostly make sense."""
        kinds = [self.find, self.seek, self.read, self.write, self.byte, self.move, self.flush, self.advise, self.resize, self.close]
        return self.rng.choices(kinds, [6, 4, 4, 3, 2, 2, 2, 2, 2, 2])[0]()

    def find(self):
        """A search, in a part of the map or in all of it."""
        bounds = [self.number() for _ in range(self.rng.choice([0, 0, 1, 2, 2]))]
        return "m.{}({})".format(self.rng.choice(["find", "rfind"]), ", ".join([self.buffer()] + bounds))

    def seek(self):
        """A move of the position."""
        whence = self.rng.choice(["", "", "", ", 0", ", 1", ", 2", ", 3", ", -1", ", 2**40", ", os.SEEK_END", ", None"])
        return "m.seek({}{})".format(self.within() if self.rng.random() < 0.6 else self.number(), whence)

    def read(self):
        """Bytes from the position on."""
        choices = ["m.read({})".format(self.number()), "m.read(5)", "m.read()", "m.read(None)", "m.read_byte()", "m.readline()"]
        return self.rng.choice(choices)

    def write(self):
        """Bytes to the position."""
        return "m.write({})".format(self.buffer())

    def byte(self):
        """One byte to the position."""
        return "m.write_byte({})".format(self.rng.choice([self.number(), "97", "255", "256", "-1", "0", "2**40"]))

    def move(self):
        """Bytes from one place to another."""
        count = self.number() if self.rng.random() < 0.5 else "3"
        return "m.move({}, {}, {})".format(self.number(), self.number(), count)

    def flush(self):
        """All or a part to the file."""
        size = self.number() if self.rng.random() < 0.7 else "mmap.PAGESIZE"
        forms = ["m.flush()", "m.flush({0}, {1})", "m.flush(0, {1})", "m.flush(mmap.PAGESIZE, {1})", "m.flush({0})"]
        return self.rng.choice(forms).format(self.number(), size)

    def advise(self):
        """Advice, but none that poisons real memory (HWPOISON) or drops bytes when it pleases (FREE)."""
        names = "NORMAL RANDOM SEQUENTIAL WILLNEED DONTNEED REMOVE DONTFORK DOFORK MERGEABLE HUGEPAGE DONTDUMP".split()
        option = self.rng.choice(["mmap.MADV_" + self.rng.choice(names)] * 9 + ["12345", "-1", "None"])
        rest = self.rng.choice(["", "", ", 0", ", 0, {}", ", mmap.PAGESIZE", ", mmap.PAGESIZE, {}", ", {}, {}", ", {}"])
        return "m.madvise({}{})".format(option, rest.format(self.number(), self.number()))

    def resize(self):
        """Another length. 0, and what leaves the file damaged there, is the defects' tests' business."""
        rng = self.rng
        refused = ["-1", "'a'", "", "2**63", "-2**70", "None", "1.5", "1, 2"]
        sizes = [1, 2, 100, 4095, 4096, 4097, 8192, 20000, self.length(), rng.randrange(1, 3 * 4096)]
        sizes = [-(-size // self.unit) * self.unit for size in sizes]
        chosen = rng.choice(sizes * self.resizable * 3 + refused)
        return "m.resize({})".format("Int({})".format(chosen) if rng.random() < 0.05 else chosen)

    def close(self):
        """The end, sometimes."""
        ends = ["m.close()", "with m: pass", "m.__exit__(None, None, None)"]
        return self.rng.choice(ends + ["m.tell()", "m.size()", "m.closed", "m.__enter__()"])

    def index(self):
        """One byte."""
        rng = self.rng
        at = self.within() if rng.random() < 0.5 else self.number()
        value = rng.choice("97 10 0 255 256 -1 b'a' 'a' None Int(98) 1.0 2**70 m[0] True".split())
        return rng.choice(["m[{0}]", "m[{0}]", "m[{0}] = {1}", "m[{0}] = {1}", "del m[{0}]", "m[{0}, 1]", "m[m]"]).format(at, value)

    def slice(self):
        """Many bytes, with steps sometimes."""
        rng = self.rng
        bounds = [rng.choice(["", self.within(), self.number()]) for _ in range(2)]
        if rng.random() < 0.35:
            bounds.append(rng.choice(["", "1", "2", "3", "-1", "-2", "7", "0", "2**63", "-2**63", "5000", "None", self.number()]))
        part = ":".join(bounds)
        fit = "bytes(97 + i % 3 for i in range(len(m[{}])))".format(part)
        assign = "m[{}] = {}".format(part, fit if rng.random() < 0.7 else self.buffer())
        return rng.choices(["m[{}]".format(part), assign, "del m[{}]".format(part)], [55, 40, 5])[0]

    def touch(self):
        """What Python programs do with a sequence of bytes."""
        return self.rng.choice(pools.TOUCHES)

    def look(self):
        """What one asks any object."""
        return self.rng.choice(pools.LOOKS)

    def view(self):
        """An exported buffer: made, used or given back."""
        return self.rng.choice(VIEWS)

    def wild(self):
        """Any method with anything."""
        rng = self.rng
        name = rng.choice(sorted(pools.METHODS))
        count = pools.METHODS[name] + rng.choice([0, 0, 0, 0, -1, 1, 2])
        words = [rng.choice([self.number(), self.buffer(), rng.choice(pools.WRONG)]) for _ in range(max(count, 0))]
        if name == "madvise":
            words[:1] = ["mmap.MADV_NORMAL"]
        return "m.{}({})".format(name, ", ".join(words))

    def hook(self):
        """An argument that closes or shrinks the map, or moves its position, while it is converted."""
        if OLD:
            return "m.tell()"
        act = self.rng.choice(pools.HOOKS + ["lambda: m.resize({})".format(max(self.unit, 7))] * self.resizable)
        return self.rng.choice(pools.HOOKED).format("Int({}, {})".format(self.rng.choice(["2", "-1", self.within()]), act))
