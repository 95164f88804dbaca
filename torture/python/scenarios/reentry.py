"""Does a call do right, in the middle of which the caller's code closes, resizes, exports or uses the same map?

Every call of the table, with every argument hooked in every way, and everything that a hook may do. What has to come of it is known from a twin:
a second map, on which the same is done *before* an ordinary call.
"""

import gc
import itertools
import mmap as standard
import operator
import os
import re
import signal
import sys
import threading

import hooks
from asked import facts
from cutter import PAGE

SABOTAGE = "the standard mmap"

LENGTH = 40 * PAGE + 100
MARK = 0xEE

# An argument is written as <letter:value>: i for an index, b for bytes (a number: so many), t for a truth, s for a text, o for an object.
CALLS = """
m[<i:5>]
m[<i:-3>]
m[<i:150000>]
m[<i:5>:<i:90>]
m[<i:5>:<i:150000>]
m[:<i:-90>]
m[<i:5>:<i:150000>:<i:3>]
m[<i:150000>:<i:5>:<i:-70>]
m.__getitem__(<i:5>)
m.__getitem__(slice(<i:5>, <i:90>))
m[<i:5>] = <i:98>
m[<i:150000>] = <i:98>
m[<i:5>:<i:8>] = <b:abc>
m[<i:150000>:<i:150003>] = <b:abc>
m[<i:5>:<i:100005>] = <b:100000>
m[<i:5>:<i:11>:<i:2>] = <b:abc>
m[<i:149998>:<i:149992>:<i:-2>] = <b:abc>
m.__setitem__(<i:5>, <i:98>)
del m[<i:5>]
del m[<i:5>:<i:8>]
m.read(<i:40>)
m.read(<i:150000>)
m.read(<i:-1>)
m.seek(<i:40>)
m.seek(<i:4>, <i:1>)
m.seek(<i:-4>, <i:2>)
m.write(<b:abc>)
m.write(<b:100000>)
m.write_byte(<i:98>)
m.find(<b:needle>)
m.find(<b:needle>, <i:3>)
m.find(<b:needle>, <i:3>, <i:150000>)
m.find(<b:n>, <i:-150000>, <i:-5>)
m.rfind(<b:needle>)
m.rfind(<b:needle>, <i:3>, <i:150000>)
m.rfind(<b:zzz>, <i:-150000>)
m.find(<b:100000>, <i:0>)
m.move(<i:0>, <i:4000>, <i:200>)
m.move(<i:5>, <i:0>, <i:100000>)
m.move(<i:150000>, <i:0>, <i:1000>)
m.resize(<i:5000>)
m.resize(<i:500000>)
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
<o:1> in m
operator.indexOf(m, <o:1>)
operator.countOf(m, <o:1>)
mmap.mmap(<i:FD>, <i:100>, <i:1>, <i:3>, <i:0>, <i:4096>)
mmap.mmap(<i:FD>, <i:0>, access=<i:1>, offset=<i:4096>)
mmap.mmap(fd, 100, trackfd=<t:1>)
mmap.mmap(fd, 100, trackfd=<t:0>, repair=<t:1>, allocate=<t:1>)
mmap.mmap(-1, <i:100>, flags=<i:2>, prot=<i:3>)
type(m).__new__(type(m), <i:FD>, <i:100>)
type(m).read(m, <i:40>)
type(m).__setitem__(m, <i:5>, <i:98>)
""".strip().splitlines()

# Calls without arguments: for the ways that need none.
BARE = """
m.read()
m.read_byte()
m.readline()
m.tell()
m.size()
m.seekable()
m.flush()
m.close()
m.__enter__()
m.__exit__()
m.__len__()
m.__repr__()
m.__sizeof__() > 0
m.restore()
m.damage
m.closed
len(m)
repr(m)
bool(m)
list(m)[:3]
next(iter(m))
next(reversed(m))
bytes(m)[:9]
memoryview(m)[:9]
m == m
hash(m) == hash(m)
with m: pass
with m: m[5]
for x in m: break
""".strip().splitlines()

NEW = ("protect", "lock", "repair", "restore", "damage", "set_name", "flags=<i:4>", "madvise(<i:0>, <i:4096>)")
SLOT = re.compile(r"<(\w):([^>]*)>")


class World:
    """A map under test, its file with a margin on both sides, and what else a hook may use."""

    def __init__(self, module, path, number):
        self.module, self.path, self.number = module, path, number
        self.file = os.open(path, os.O_RDWR | os.O_CREAT)

    def begin(self, kind, kinds, base):
        """A fresh map of that kind."""
        os.ftruncate(self.file, 0)
        os.pwrite(self.file, CONTENT, 0)
        self.fd = os.open(self.path, os.O_RDWR)
        self.views, self.squatters, self.others, self.again = [], [], [], None
        m = kinds[kind](base, self.fd)
        if kind in ("private", "shared"):
            m[:] = CONTENT[PAGE : PAGE + LENGTH]
        m.seek(30)
        self.space = {"m": m, "mmap": self.module, "fd": self.fd, "operator": operator}

    @property
    def m(self):
        return self.space.get("m")

    def run(self, code):
        """What came of a call, in a form that can be compared."""
        return self.outcome(*self.call(code))

    def call(self, code):
        """The value of a call, or its exception, and whether it is that."""
        try:
            return eval(code, self.space), False
        except Exception as error:
            return error, True

    def outcome(self, value, is_raised):
        """The same, without identity."""
        if is_raised:
            return type(value).__name__, str(value), getattr(value, "offset", None)
        return plain(value, self.m, self.module.mmap)

    def seen(self):
        """All that can be seen of the map and the file."""
        m, data = self.m, os.pread(self.file, 1 << 21, 0)
        self.space["seen"] = m
        if m is None or base_closed(m):
            return "closed", data
        own = self.module.mmap
        return self.run(SEE), own.tell(m), own.__len__(m), data

    def end(self):
        """Looks after the neighbours, and gives everything back."""
        for squatter in self.squatters:
            if squatter[:] != bytes([MARK]) * len(squatter):
                raise AssertionError("bytes were written outside of the map")
        self.space.clear()
        for view in self.views:
            view.release()
        for m in self.others + self.squatters:
            m.close()
        try:
            os.close(self.fd)
        except OSError:
            pass


CONTENT = bytes([MARK]) * PAGE + (b"abc\nneedle z" * (LENGTH // 12 + 1))[:LENGTH]
CONTENT += bytes([MARK]) * (2 * PAGE - len(CONTENT) % PAGE)
SEE = compile("mmap.mmap.__getitem__(seen, slice(None))", "see", "eval")

KINDS = {
    "file": lambda base, fd: base(fd, LENGTH, offset=PAGE),
    "read": lambda base, fd: base(fd, LENGTH, access=1, offset=PAGE),
    "copy": lambda base, fd: base(fd, LENGTH, access=3, offset=PAGE),
    "private": lambda base, fd: base(-1, LENGTH, flags=standard.MAP_PRIVATE),
    "shared": lambda base, fd: base(-1, LENGTH),
}
REPAIR = {"repair": lambda base, fd: base(fd, LENGTH, offset=PAGE, repair=True)}


def base_closed(m):
    """Whether a map is closed, whatever its class says."""
    return next(cls for cls in type(m).__mro__ if cls.__module__ == "mmap").closed.__get__(m)


def plain(value, m, cls):
    """A value without identity."""
    if value is m and m is not None:
        return "the map"
    if isinstance(value, memoryview):
        text = value.tobytes()
        value.release()
        return "view", text
    if isinstance(value, cls):
        text = (cls.__repr__(value), cls.__getitem__(value, slice(None)))
        cls.close(value)
        return text
    return type(value).__name__, value


# What a hook may do, to its own world.


def ignoring(what):
    """A thing to do that may be refused."""

    def act(world):
        try:
            what(world)
        except (BufferError, ValueError, TypeError, OSError, IndexError):
            pass

    return act


def close(world):
    world.m.close()


def close_and_squat(world):
    """Others take the place in memory at once."""
    world.m.close()
    for length in (LENGTH, LENGTH, PAGE):
        squatter = standard.mmap(-1, length, flags=standard.MAP_PRIVATE)
        squatter[:] = bytes([MARK]) * length
        world.squatters.append(squatter)


def shrink(world):
    world.m.resize(10)


def shrink_a_little(world):
    world.m.resize(100000)


def grow(world):
    world.m.resize(200 * PAGE)


def grow_and_shrink(world):
    world.m.resize(300 * PAGE), world.m.resize(PAGE)


def export(world):
    world.views.append(memoryview(world.m))


def export_and_close(world):
    with memoryview(world.m):
        ignoring(close)(world)


def read(world):
    world.m.read(), world.m.readline(), world.m[:], world.m.find(b"z", 0)


def write(world):
    world.m[0:9] = b"written\n!"
    world.m.seek(140000), world.m.write(b"needle")


def seek_far(world):
    world.m.seek(0, 2)


def cut(world):
    """The file goes; the neighbours' part of it stays."""
    os.ftruncate(world.file, PAGE + 50)


def cut_by_another(world):
    other = world.module.mmap(world.file, 0)
    other.resize(3 * PAGE)
    world.others.append(other)


def forget(world):
    """The last name of the map goes, but for the one that the call has."""
    world.space.pop("m", None)
    gc.collect(0)


def again(world):
    """The same call, inside itself."""
    world.run(world.again)


def enter(world):
    with world.m:
        world.m.tell()


def initialise(world):
    world.m.__init__()


def shut(world):
    """The descriptor that the map was made of."""
    os.close(world.fd)


def protect(world):
    world.m.madvise(standard.MADV_DONTNEED)
    world.m.protect(0, 0, 2 * PAGE)


def raise_error(world):
    raise KeyError("mine")


ACTIONS = [
    close, close_and_squat, shrink, shrink_a_little, grow, grow_and_shrink, export, export_and_close, read, write, seek_far, cut,
    cut_by_another, forget, again, enter, initialise, shut, protect, raise_error,
]  # fmt: skip

# What a subclass may put in its place.
OVERRIDES = [
    "close", "__exit__", "__enter__", "__len__", "__getitem__", "__setitem__", "read", "tell", "seek", "find", "write", "resize", "flush",
    "__repr__", "__eq__", "__hash__", "__buffer__", "__release_buffer__", "size", "readline", "closed", "__getattribute__",
]  # fmt: skip


def heir(base, name, slot):
    """A subclass that fires the hook in `slot` when its method or attribute `name` is used, and then does as ever."""
    if name == "__getattribute__":

        def attribute(self, wanted):
            slot[0].fire()
            return super(made, self).__getattribute__(wanted)

        made = type("mmap", (base,), {name: attribute})
        return made
    if name == "closed":

        def closed(self):
            slot[0].fire()
            return base.closed.__get__(self)

        return type("mmap", (base,), {name: property(closed)})
    own = getattr(base, name)

    def method(self, *arguments):
        slot[0].fire()
        return own(self, *arguments)

    return type("mmap", (base,), {name: method})


def run(asked):
    sys.unraisablehook = lambda *_: None
    threading.excepthook = lambda *_: None
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    torture = Reentry(asked)
    chosen = torture.cases()
    if asked.quick:
        # Some of each: another seed is another choice.
        chosen = asked.rng.sample(chosen, 5500)
    clock = asked.clock(4, 55)
    for number, case in enumerate(chosen):
        if not clock:
            break
        torture.one(*case)
    else:
        number += 1
    note = "{} of {} cases: {} calls with {} arguments, {} ways, {} things done, {} sorts of maps".format(
        number, torture.count, len(torture.calls), torture.slots, len(hooks.WAYS) + 1, len(torture.actions), len(torture.kinds)
    )
    return facts(torture.fired, "hooks fired in the middle of a call", note)


def kills(which, action, kind):
    """Whether that is foreign code that reads memory which is gone: the limit of the promise, but for maps with repair."""
    return "(m)[:9]" in which[0] and (action is protect or action in (cut, cut_by_another) and kind != "repair")


class Reentry:
    """The worlds and the table."""

    def __init__(self, asked):
        self.asked, self.module, self.fired = asked, asked.module, 0
        self.kinds = dict(KINDS, **({} if asked.sabotage else REPAIR))
        known = lambda text: not asked.sabotage or not any(name in text for name in NEW)  # noqa: E731
        self.calls, self.bare = list(filter(known, CALLS)), list(filter(known, BARE))
        self.actions = [action for action in ACTIONS if action is not protect or not asked.sabotage]
        self.ours, self.twin = (World(self.module, asked.path(), number) for number in (0, 1))
        self.slots = self.count = 0
        self.slot = [hooks.Hook()]
        names = [name for name in OVERRIDES if hasattr(self.module.mmap, name)]
        self.heirs = {name: heir(self.module.mmap, name, self.slot) for name in names}
        self.compiled = {}

    def cases(self):
        """Everything that there is to try, in a random order."""
        every = []
        for text in self.calls:
            letters = [letter for letter, _ in SLOT.findall(text)]
            self.slots += len(letters)
            for at, letter in enumerate(letters):
                pairs = itertools.product(hooks.HOOKED[letter], hooks.WAYS)
                every += [(text, at, hooked, way, None) for hooked, way in pairs if self.fits(text, hooked, way)]
        for text in self.bare:
            every += itertools.product([text], [None], [None], [hooks.Profiled], [None])
        for text in self.calls + self.bare:
            every += itertools.product([text], [None], [None], [hooks.Direct], self.heirs)
        every = [case for case in itertools.product(every, self.actions, self.kinds) if not kills(*case)]
        self.count = len(every)
        self.asked.rng.shuffle(every)
        return every

    def fits(self, text, hooked, way):
        """Whether this way can come to anything."""
        if way is hooks.Warned:
            return hooked is hooks.Number
        if way is hooks.Audited:
            return text.startswith("mmap.mmap(")
        return hooked not in (hooks.Lent, hooks.Sequence) or way not in (hooks.Traced, hooks.Profiled)

    def code(self, text):
        """A call as code, with a value if it has one."""
        if text not in self.compiled:
            try:
                self.compiled[text] = compile(text, text, "eval")
            except SyntaxError:
                self.compiled[text] = compile(text, text, "exec")
        return self.compiled[text]

    def one(self, which, action, kind):
        """One case: what comes of the call with the hook has to be what comes of the call after it."""
        text, at, hooked, way, name = which
        case = "{} hooked {} {} {} {} {} {}".format(text, at, hooked and hooked.__name__, way.__name__, name, action.__name__, kind)
        self.asked.about_to(case)
        act = action if action in (raise_error, forget) else ignoring(action)
        hook = hooks.Hook(lambda: act(self.ours))
        manner = way(hook)
        came = self.play(self.ours, text, at, hooked, manner, name, hook, kind)
        expected = self.expected(text, at, hooked, manner, name, act, kind, hook.ran)
        self.fired += hook.ran
        if came != expected and not (hook.ran and self.is_loose(text, hooked, name, came)):
            raise AssertionError("{}\n  came {}\n  not  {}".format(case, short(came), short(expected)))

    def play(self, world, text, at, hooked, manner, name, hook, kind):
        """Runs a call with a hook in it."""
        base = self.heirs[name] if name else self.module.mmap
        self.slot[0] = hooks.Hook()
        world.begin(kind, self.kinds, base)
        code = self.prepare(world, text, at, hooked, manner)
        self.slot[0] = hook if name else hooks.Hook()
        came = manner.around(lambda: world.call(code))
        self.slot[0] = hooks.Hook()
        # It shall not come late, in some argument's __del__.
        hook.act = None
        return self.after(world, world.outcome(*came))

    def expected(self, text, at, hooked, manner, name, act, kind, ran):
        """What comes of the same without a hook, and with its act done by itself."""
        world, quiet = self.twin, hooks.Direct(hooks.Hook())
        base = self.heirs[name] if name else self.module.mmap
        self.slot[0] = hooks.Hook()
        world.begin(kind, self.kinds, base)
        code = self.prepare(world, text, at, hooked, quiet, manner)
        # A map whose last name is gone cannot be called any more.
        late = hooked is hooks.Lent or act is forget
        failed = None
        if ran and not late:
            failed = self.do(act, world)
        came = world.run(code) if failed is None or not manner.comes_out else failed
        if ran and late:
            # What a __release_buffer__ raises, nobody hears.
            self.do(act, world)
        return self.after(world, came)

    def do(self, act, world):
        """Does what the hook did; what it raised, as an outcome."""
        try:
            act(world)
        except KeyError as error:
            return "KeyError", str(error), None
        return None

    def prepare(self, world, text, at, hooked, manner, original=None):
        """Puts the arguments into the world; the call as code."""
        places = itertools.count()
        plain_text = SLOT.sub(lambda match: "a{}".format(next(places)), text)
        for number, (letter, value) in enumerate(SLOT.findall(text)):
            value = str(world.fd) if value == "FD" else value
            make = hooks.PLAIN[letter]
            world.space["p{}".format(number)] = make(value)
            world.space["a{}".format(number)] = hooked(manner, value) if number == at else make(value)
        places = itertools.count()
        world.again = self.code(SLOT.sub(lambda match: "p{}".format(next(places)), text))
        return self.code(plain_text)

    def after(self, world, came):
        """The outcome and the state it left."""
        state = world.seen()
        world.end()
        return came, state

    def is_loose(self, text, hooked, name, came):
        """Whether the twin cannot tell: the call runs the caller's code several times, or goes on after it."""
        several = hooked is hooks.Equal or name in ("__getattribute__", "__release_buffer__", "closed", "__eq__", "__buffer__")
        several = several or name is not None and text in ("with m: pass", "with m: m[5]", "for x in m: break", "list(m)[:3]", "bytes(m)[:9]", "memoryview(m)[:9]", "hash(m) == hash(m)")
        value = came[0]
        good = ("ValueError", "IndexError", "BufferError", "KeyError", "FaultError", "TypeError", "OSError")
        return several and (value[0] in good or value == "the map" or len(value) == 2)


def short(came):
    """An outcome without thousands of bytes."""
    return re.sub(r"b'(.{60})[^']*'", r"b'\1...'", re.sub(r'b"(.{60})[^"]*"', r"b'\1...'", repr(came)))[:900]
