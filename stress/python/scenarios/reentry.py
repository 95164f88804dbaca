"""Does a call do right, in the middle of which the caller's code closes, resizes, exports or uses the same map?

Every call, every argument of it, every way for code to run then, and everything that it may do. What has to come of it is known from a twin:
a world in which the same is done *before* an ordinary call.
"""

import gc
import itertools
import re
import sys
import threading
from collections import namedtuple

from asked import facts
from reentry import actions, arguments, calls, heirs, ways, world

SABOTAGE = "the standard mmap"

# A call, which of its places runs code and by what argument, by which way; or which method a subclass overrides.
Hooked = namedtuple("Hooked", "text at argument way heir")
# Kinds of maps for what happens behind the back of an argument's method, where the kind hardly matters.
FEW = ("file", "private")
# Wrong answers after which it is enough.
MANY = 20
WAYS = set(ways.IN_ARGUMENTS + ways.AROUND)


def run(asked):
    # What nobody hears shall not be printed either.
    sys.unraisablehook = threading.excepthook = lambda *_: None
    # Collections come when they are asked for.
    gc.disable()
    reentry = Reentry(asked)
    if not asked.control and calls.forgotten(asked.module.mmap):
        raise AssertionError("no call of {}".format(calls.forgotten(asked.module.mmap)))
    every = some(asked, list(reentry.hooked()), 1200)
    cases = some(asked, list(reentry.cases(every)), 5000)
    clock = asked.clock(6, 100)
    done = 0
    while clock and done < len(cases) and len(reentry.wrong) < MANY:
        reentry.one(*cases[done])
        done += 1
    if reentry.wrong:
        raise AssertionError("\n".join(reentry.wrong))
    note = "{} of {} cases: {} calls, {} ways, {} subclasses, {} things done, {} kinds of maps".format(
        done, len(cases), len(reentry.texts), len(WAYS), len(reentry.heirs), len(reentry.actions), len(reentry.kinds)
    )
    return facts(reentry.fired, "things done in the middle of a call", note)


def some(asked, every, few):
    """All of them, or a few, in a random order; but the first, which ends the standard module, comes first."""
    return every[:1] + asked.rng.sample(every[1:], min(len(every) - 1, asked.times(few, len(every))))


class Reentry:
    """Two worlds, and the table."""

    def __init__(self, asked):
        self.asked, self.wrong, self.fired = asked, [], 0
        self.ours, self.twin = world.World(asked.module), world.World(asked.module)
        self.kinds = [kind for kind in world.KINDS if kind != "repair" or not asked.control]
        # What cuts the file would end the standard module as well, but not for the reason that is asked for here.
        self.actions = [act for act in actions.ACTIONS if not asked.control or act.__name__ not in actions.DEADLY]
        self.texts = calls.CALLS + calls.BARE + calls.FOREIGN
        # What came of the twin, as a hash.
        self.known = {}
        # The hook that subclasses fire.
        self.slot = [ways.Hook()]
        self.heirs = heirs.heirs(asked.module.mmap, self.slot)

    def cases(self, every):
        """Those of the hooked calls in which something happens, with an action and a kind of map each."""
        for hooked in every:
            if self.happens(hooked):
                kinds = self.kinds if hooked.way is ways.Direct else FEW
                for action, kind in itertools.product(self.actions, kinds):
                    if actions.fits(action.__name__, hooked.text):
                        yield hooked, action, kind

    def hooked(self):
        """Every call with every hook."""
        for text in self.texts:
            for at, (letter, _) in enumerate(calls.places(text)):
                for argument, way in itertools.product(arguments.ARGUMENTS[letter], ways.IN_ARGUMENTS):
                    yield Hooked(text, at, argument, way, None)
            for way in ways.AROUND if not text.startswith("with") else ():
                yield Hooked(text, None, None, way, None)
            for heir in self.heirs:
                if heirs.fits(heir, text):
                    yield Hooked(text, None, None, ways.Direct, heir)

    def happens(self, hooked):
        """Whether that hook ever runs."""
        hook = ways.Hook(lambda: None)
        self.play(self.ours, hooked, hook, "private")
        return hook.ran

    def one(self, hooked, action, kind):
        """One case: what comes of the call with the hook has to be what comes of the call after it."""
        case = described(hooked, action, kind)
        self.asked.about_to(case)
        hook = ways.Hook(lambda: action(self.ours))
        came = self.play(self.ours, hooked, hook, kind)
        self.fired += hook.ran
        # The same for many ways: the twin is asked once, unless something else came.
        known = hooked._replace(way=None), is_late(hooked, action), hooked.way.comes_out, action, kind, hook.ran
        if self.known.get(known) != hash(came):
            expected = self.expected(hooked, action, kind, hook.ran)
            self.known[known] = hash(expected)
            if came != expected:
                self.wrong.append("{}\n  came {}\n  not  {}".format(case, short(came), short(expected)))
        if self.fired % 500 == 0:
            gc.collect()

    def play(self, place, hooked, hook, kind):
        """Runs a call with a hook in it; what came of it, and the state it left."""
        way = hooked.way(hook)
        self.begin(place, hooked, kind, way)
        self.slot[0] = hook if hooked.heir else ways.Hook()
        came = way.around(lambda: place.call(place.code))
        # It shall not come late, in some argument's __del__.
        hook.act = None
        return self.end(place, place.outcome(*came))

    def expected(self, hooked, act, kind, ran):
        """What comes of the call without a hook, and of the act by itself."""
        place, nothing = self.twin, ways.Hook()
        self.slot[0] = nothing
        self.begin(place, hooked, kind, ways.Way(nothing))
        if ran and is_late(hooked, act):
            came = place.outcome(*place.call(place.code))
            self.act_late(place, hooked, act)
        else:
            failed = failure(act, place) if ran else None
            came = failed if failed and hooked.way.comes_out else place.outcome(*place.call(place.code))
        return self.end(place, came)

    def act_late(self, place, hooked, act):
        """What is done while a view is given back; what it raises, nobody hears."""
        if hooked.heir != "__release_buffer__":
            failure(act, place)
            return
        with memoryview(place.m):
            failure(act, place)

    def begin(self, place, hooked, kind, way):
        """A fresh map, and the arguments of the call."""
        place.begin(kind, self.heirs[hooked.heir] if hooked.heir else self.asked.module.mmap)
        place.code = calls.compiled(hooked.text)
        for number, (letter, value) in enumerate(calls.places(hooked.text)):
            value = str(place.fd) if value == "FD" else value
            own = hooked.argument(way, value) if number == hooked.at else arguments.plain(letter, value)
            place.space["a{}".format(number)] = own

    def end(self, place, came):
        """What came, and the state that it left."""
        self.slot[0] = ways.Hook()
        state = place.seen()
        place.end()
        return came, state


def is_late(hooked, act):
    """Whether the hook runs after the work of the call; or only then can be done what it does."""
    # Its `__buffer__` does nothing, but can be seen to begin.
    released = hooked.argument is arguments.Lent and hooked.way not in ways.OBSERVING
    return released or hooked.heir == "__release_buffer__" or act is actions.forget


def failure(act, place):
    """Does it; what it raised, as an outcome."""
    try:
        act(place)
    except KeyError as error:
        return "KeyError", str(error), None
    return None


def described(hooked, action, kind):
    """A case in words."""
    argument = hooked.argument and "argument {} {}".format(hooked.at, hooked.argument.__name__)
    manner = "overridden " + hooked.heir if hooked.heir else hooked.way.__name__
    return "{}: {} {} {}, a {} map".format(hooked.text, argument or "around", manner, action.__name__, kind)


def short(came):
    """An outcome without thousands of bytes."""
    return re.sub(r"""b(['"])(.{60}).*?\1""", r"b'\2...'", repr(came))[:600]
