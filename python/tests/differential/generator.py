"""Generates the next step of a random program from the state of the standard module's side."""

import sys

from differential import pools
from differential.side import WINDOWS

# These versions crash when an `__index__` closes the map (gh-103987), and search beyond the end of
# the map (gh-105235).
OLD = sys.version_info < (3, 11, 4)
TRACKFD = sys.version_info >= ((3, 15) if WINDOWS else (3, 13))
VIEWS = pools.VIEWS + (pools.VIEWS_312 if sys.version_info >= (3, 12) else [])
ODD = pools.ODD + (pools.ODD_313 if TRACKFD else [])


class Generator:
    """Generates the steps of one program. None of them crashes the standard module."""

    def __init__(self, rng, side):
        self.rng, self.side = rng, side
        # Whether steps may touch the bytes: without read permission that is SIGSEGV.
        self.touchable = True
        # Whether steps may resize: the standard module truncates the file under a private map.
        self.resizable = True
        # Whether steps may ask for the size: with MAP_ANONYMOUS it is that of an unrelated file.
        self.sized = True
        # New lengths are multiples of this: the standard module shows old bytes in a partial page.
        self.unit = 1

    def step(self):
        """The next step."""
        step = self.any_step()
        unsized = not self.sized and "size(" in step
        crashing = OLD and "find(" in step and not self.searchable(step)
        return "m.tell()" if unsized or crashing else step

    def searchable(self, step):
        """Whether an old version survives this search."""
        position, length = self.side.base("tell") if self.side.is_open() else 0, self.length()
        return "," not in step and position <= length and length % 4096 != 0

    def any_step(self):
        """A step of any kind."""
        m, rng = self.side.map, self.rng
        if m is None or rng.random() < 0.015 or m.closed and rng.random() < 0.4:
            return self.construct()
        if not self.touchable:
            return self.construct() if rng.random() < 0.2 else rng.choice(pools.QUIET)
        kinds = [self.method, self.slice, self.index, self.touch]
        kinds += [self.inspect, self.any_call, self.view, self.hook]
        return rng.choices(kinds, [30, 14, 10, 8, 6, 6, 6, 3])[0]()

    # Maps

    def construct(self):
        """Makes a new map, often with wrong arguments.

        Views of the old map are released first, because the file may shrink under them.
        """
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
        access = rng.choice(["", "", *(", access=mmap.ACCESS_" + name for name in pools.ACCESSES)])
        offset = rng.choice(["", "", "", *(", offset=" + offset for offset in pools.OFFSETS)])
        track = rng.choice(["", "", "", ", trackfd=False", ", trackfd=True"]) if TRACKFD else ""
        fd = "reader" if "READ" in access or rng.random() < 0.05 else "fd"
        return "{}, {}{}{}{}".format(fd, length, access, offset, track)

    def anonymous(self):
        """Arguments of an anonymous map. On Unix only a private one may grow."""
        form = self.rng.choice(pools.ANONYMOUS)
        self.resizable, self.unit = (
            (True, 1) if WINDOWS else (form.endswith("mmap.MAP_PRIVATE"), 4096)
        )
        return form.format(self.rng.choice([1, 5, 100, 4096, 4097, 20000]))

    def protected(self):
        """Arguments with flags and protection, or on Windows with a name."""
        rng = self.rng
        if WINDOWS:
            return rng.choice(pools.NAMED)
        flags, prot = rng.choice(pools.FLAGS), rng.choice(pools.PROTECTIONS)
        self.touchable = "READ" in prot
        self.resizable = flags == "mmap.MAP_SHARED"
        self.sized = "ANONYMOUS" not in flags
        access = rng.choice([""] * 4 + [", access=mmap.ACCESS_READ", ", access=mmap.ACCESS_COPY"])
        form = rng.choice(["{}, 0, {}, {}{}", "{}, 0, flags={}, prot={}{}"])
        return form.format(rng.choice(["fd", "fd", "fd", "reader"]), flags, prot, access)

    def odd(self):
        """Unusual or wrong arguments."""
        rng = self.rng
        self.resizable = False
        if rng.random() < 0.6:
            return rng.choice(ODD)
        words = pools.ORDERED[: rng.randint(1, 6)]
        words[rng.randrange(len(words))] = rng.choice(pools.WRONG)
        if WINDOWS and words[2:] and words[2].startswith("'"):
            # The two sides must not share named memory.
            words[2] = "mmap.__name__"
        # With another value of `prot` the memory may be without read permission.
        self.touchable = len(words) < 4 or words[3] == "3"
        return ", ".join(words)

    # Numbers and bytes

    def length(self):
        """The length of the map, even if a subclass overrides `__len__`."""
        return self.side.length()

    def number(self):
        """An integer expression, mostly one close to a boundary of the map."""
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
        """A valid index of the map."""
        return str(self.rng.randrange(max(self.length(), 1)))

    def buffer(self):
        """A bytes-like object, rarely one of another type."""
        rng = self.rng
        kinds = [self.literal, lambda: rng.choice(pools.BUFFERS)]
        kinds.append(lambda: rng.choice(pools.NOT_BUFFERS))
        return rng.choices(kinds, [60, 34, 6])[0]()

    def literal(self):
        """A bytes literal of the letters of which the file consists."""
        rng = self.rng
        length = rng.choice([1, 1, 2, 2, 3, 4, 8, 17, 40])
        return ascii(bytes(ord(rng.choice(pools.LETTERS)) for _ in range(length)))

    # Steps

    def method(self):
        """A method call with mostly valid arguments."""
        kinds = [self.find, self.seek, self.read, self.write, self.byte]
        kinds += [self.move, self.flush, self.advise, self.resize, self.close]
        return self.rng.choices(kinds, [6, 4, 4, 3, 2, 2, 2, 2, 2, 2])[0]()

    def find(self):
        """Searches the map or a range of it."""
        bounds = [self.number() for _ in range(self.rng.choice([0, 0, 1, 2, 2]))]
        name = self.rng.choice(["find", "rfind"])
        return "m.{}({})".format(name, ", ".join([self.buffer()] + bounds))

    def seek(self):
        """Moves the position."""
        whence = self.rng.choice(pools.WHENCES)
        position = self.within() if self.rng.random() < 0.6 else self.number()
        return "m.seek({}{})".format(position, whence)

    def read(self):
        """Reads from the position."""
        calls = ["m.read({})".format(self.number()), "m.read(5)", "m.read()", "m.read(None)"]
        return self.rng.choice(calls + ["m.read_byte()", "m.readline()"])

    def write(self):
        """Writes at the position."""
        return "m.write({})".format(self.buffer())

    def byte(self):
        """Writes one byte at the position."""
        values = [self.number(), "97", "255", "256", "-1", "0", "2**40"]
        return "m.write_byte({})".format(self.rng.choice(values))

    def move(self):
        """Copies bytes within the map."""
        count = self.number() if self.rng.random() < 0.5 else "3"
        return "m.move({}, {}, {})".format(self.number(), self.number(), count)

    def flush(self):
        """Flushes the map or a range of it."""
        size = self.number() if self.rng.random() < 0.7 else "mmap.PAGESIZE"
        return self.rng.choice(pools.FLUSHES).format(self.number(), size)

    def advise(self):
        """Gives advice, but not HWPOISON, nor FREE, after which the bytes are undefined.

        Nor REMOVE, for which CPython's module also discards bytes of the file behind the map.
        """
        option = "mmap.MADV_" + self.rng.choice(pools.ADVICE)
        option = self.rng.choice([option] * 9 + ["12345", "-1", "None"])
        bounds = self.rng.choice(pools.ADVICE_RANGES).format(self.number(), self.number())
        return "m.madvise({}{})".format(option, bounds)

    def resize(self):
        """Resizes the map, but not to 0 and not in ways that damage the file."""
        rng = self.rng
        refused = ["-1", "'a'", "", "2**63", "-2**70", "None", "1.5", "1, 2"]
        sizes = [
            1,
            2,
            100,
            4095,
            4096,
            4097,
            8192,
            20000,
            self.length(),
            rng.randrange(1, 3 * 4096),
        ]
        sizes = [-(-size // self.unit) * self.unit for size in sizes]
        chosen = rng.choice(sizes * self.resizable * 3 + refused)
        return "m.resize({})".format("Int({})".format(chosen) if rng.random() < 0.05 else chosen)

    def close(self):
        """Closes the map, or calls a method without arguments."""
        calls = ["m.close()", "with m: pass", "m.__exit__(None, None, None)"]
        return self.rng.choice(calls + ["m.tell()", "m.size()", "m.closed", "m.__enter__()"])

    def index(self):
        """Reads, assigns or deletes one byte."""
        rng = self.rng
        index = self.within() if rng.random() < 0.5 else self.number()
        value = rng.choice("97 10 0 255 256 -1 b'a' 'a' None Int(98) 1.0 2**70 m[0] True".split())
        forms = ["m[{0}]", "m[{0}]", "m[{0}] = {1}", "m[{0}] = {1}", "del m[{0}]"]
        return rng.choice(forms + ["m[{0}, 1]", "m[m]"]).format(index, value)

    def slice(self):
        """Reads, assigns or deletes a slice, sometimes with a step."""
        rng = self.rng
        bounds = [rng.choice(["", self.within(), self.number()]) for _ in range(2)]
        if rng.random() < 0.35:
            bounds.append(rng.choice([*pools.STEPS, self.number()]))
        part = ":".join(bounds)
        fit = "bytes(97 + i % 3 for i in range(len(m[{}])))".format(part)
        assign = "m[{}] = {}".format(part, fit if rng.random() < 0.7 else self.buffer())
        forms = ["m[{}]".format(part), assign, "del m[{}]".format(part)]
        return rng.choices(forms, [55, 40, 5])[0]

    def touch(self):
        """Uses the bytes of the map as a sequence or buffer."""
        return self.rng.choice(pools.TOUCHES)

    def inspect(self):
        """Inspects the object without touching its bytes."""
        return self.rng.choice(pools.INSPECTIONS)

    def view(self):
        """Makes, uses or releases an exported buffer."""
        return self.rng.choice(VIEWS)

    def any_call(self):
        """Any method with any arguments."""
        rng = self.rng
        name = rng.choice(sorted(pools.METHODS))
        count = pools.METHODS[name] + rng.choice([0, 0, 0, 0, -1, 1, 2])
        words = [self.any_argument() for _ in range(max(count, 0))]
        if name == "madvise":
            words[:1] = ["mmap.MADV_NORMAL"]
        return "m.{}({})".format(name, ", ".join(words))

    def any_argument(self):
        """A number, a bytes-like object, or an object of another type."""
        choices = [self.number(), self.buffer(), self.rng.choice(pools.WRONG)]
        return self.rng.choice(choices)

    def hook(self):
        """Passes an argument whose conversion closes or resizes the map, or moves its position."""
        if OLD:
            return "m.tell()"
        resize = "lambda: m.resize({})".format(max(self.unit, 7))
        act = self.rng.choice(pools.HOOKS + [resize] * self.resizable)
        call = self.rng.choice(pools.HOOKED)
        value = self.rng.choice(["2", "-1", self.within()])
        return call.format("Int({}, {})".format(value, act))
