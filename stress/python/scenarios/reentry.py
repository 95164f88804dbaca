"""Code of the caller runs during a call and closes, resizes, exports or uses the same map.

All calls, their arguments, triggers and actions are combined. The reference is a second map, for
which the same action runs *before* an ordinary call. Results, positions, lengths and bytes of both
have to be the same.
"""

import contextlib
import gc
import itertools
import re
import sys
import threading
from collections import namedtuple

from reentry import actions, arguments, calls, own_calls, subclasses, triggers
from reentry.subject import KINDS, OWN_KINDS, Subject
from settings import check, compiled, report

CONTROL = "the standard mmap"

# A call, the number of the argument that runs code, its class, and the trigger; or the method that
# a subclass overrides.
Hooked = namedtuple("Hooked", "text at argument trigger override")
# Kinds of maps for indirect triggers, for which the kind hardly matters.
FEW_KINDS = ("file", "private")
MAX_ERRORS = 20
TRIGGERS = set(triggers.IN_ARGUMENTS + triggers.AROUND)


def run(settings):
    # Do not print exceptions that are ignored.
    sys.unraisablehook = threading.excepthook = lambda *_: None
    # Collect on request only.
    gc.disable()
    reentry = Reentry(settings)
    missing = [] if settings.control else calls.missing(settings.module.mmap)
    missing += [] if settings.control else own_calls.missing(reentry.tested)
    check(not missing, f"no call of {missing}")
    every = some(settings, list(reentry.hooked()), 1200)
    cases = some(settings, list(reentry.cases(every)), 5000)
    clock = settings.clock(6, 100)
    done = 0
    while clock and done < len(cases) and len(reentry.wrong) < MAX_ERRORS:
        reentry.one(*cases[done])
        done += 1
    check(not reentry.wrong, "\n".join(reentry.wrong))
    note = f"{done} of {len(cases)} cases: {len(reentry.texts)} calls, {len(TRIGGERS)} triggers, "
    note += f"{len(reentry.subclasses)} subclasses, {len(reentry.actions)} actions, "
    note += f"{len(reentry.kinds) + len(OWN_KINDS) * (not settings.control)} kinds of maps"
    return report(reentry.fired, "actions during a call", note)


def some(settings, every, few):
    """Returns all of them, or a few, in random order. The first one crashes the standard module."""
    count = min(len(every) - 1, settings.times(few, len(every)))
    return every[:1] + settings.rng.sample(every[1:], count)


class Reentry:
    """The map under test, the reference, and the table of cases."""

    def __init__(self, settings):
        self.settings, self.wrong, self.fired = settings, [], 0
        self.tested, self.reference = Subject(settings.module), Subject(settings.module)
        self.kinds = [kind for kind in KINDS if kind != "repair" or not settings.control]
        # Truncation crashes the standard module as well, but for another reason.
        forbidden = actions.FATAL if settings.control else ()
        self.actions = [act for act in actions.ACTIONS if act.__name__ not in forbidden]
        self.texts = calls.CALLS + calls.BARE + calls.EXTERNAL
        self.texts += [] if settings.control else own_calls.CALLS
        # Hashes of the expected results.
        self.known = {}
        # The hook that subclasses fire.
        self.slot = [triggers.Hook()]
        self.subclasses = subclasses.subclasses(settings.module.mmap, self.slot)

    def cases(self, every):
        """Yields each call whose hook runs, with each action and kind of map."""
        for hooked in every:
            if self.runs_hook(hooked):
                for action, kind in itertools.product(self.actions, self.kinds_of(hooked)):
                    if actions.fits(action.__name__, hooked.text):
                        yield hooked, action, kind

    def kinds_of(self, hooked):
        """Returns the kinds of maps for which a call is made."""
        if hooked.text in own_calls.OF_MAPS:
            return list(OWN_KINDS)
        if hooked.text in own_calls.CALLS:
            return ["Map"]
        return self.kinds if hooked.trigger is triggers.Direct else FEW_KINDS

    def hooked(self):
        """Yields each call with each hook."""
        for text in self.texts:
            for at, (letter, _) in enumerate(calls.arguments(text)):
                classes = arguments.ARGUMENTS[letter]
                for argument, trigger in itertools.product(classes, triggers.IN_ARGUMENTS):
                    yield Hooked(text, at, argument, trigger, None)
            for trigger in triggers.AROUND if not text.startswith("with") else ():
                yield Hooked(text, None, None, trigger, None)
            for name in self.subclasses if text not in own_calls.CALLS else ():
                if subclasses.fits(name, text):
                    yield Hooked(text, None, None, triggers.Direct, name)

    def runs_hook(self, hooked):
        """Returns whether the hook of the call runs."""
        hook = triggers.Hook(lambda: None)
        kind = "Map" if hooked.text in own_calls.CALLS else "private"
        self.play(self.tested, hooked, hook, kind)
        return hook.ran

    def one(self, hooked, action, kind):
        """Checks one case: the call with the hook has the result of the call after the action."""
        case = described(hooked, action, kind)
        self.settings.log(case)
        hook = triggers.Hook(lambda: action(self.tested))
        result = self.play(self.tested, hooked, hook, kind)
        self.fired += hook.ran
        # Many triggers have the same expected result. It is computed once, unless the results
        # differ.
        late, propagates = is_late(hooked, action), hooked.trigger.propagates
        key = (hooked._replace(trigger=None), late, propagates, action, kind, hook.ran)
        if self.known.get(key) != hash(result):
            expected = self.expected(hooked, action, kind, hook.ran)
            self.known[key] = hash(expected)
            if result != expected:
                pair = f"  result   {short(result)}\n  expected {short(expected)}"
                self.wrong.append(f"{case}\n{pair}")
        if self.fired % 500 == 0:
            gc.collect()

    def play(self, subject, hooked, hook, kind):
        """Makes a call with a hook. Returns its result and the state afterwards."""
        trigger = hooked.trigger(hook)
        self.begin(subject, hooked, kind, trigger)
        self.slot[0] = hook if hooked.override else triggers.Hook()
        result = trigger.around(lambda: subject.call(subject.code))
        # The hook must not run later, in the `__del__` of an argument.
        hook.act = None
        return self.end(subject, subject.outcome(*result))

    def expected(self, hooked, act, kind, ran):
        """Returns the result of a call without a hook, and of the action before it or after it."""
        subject, nothing = self.reference, triggers.Hook()
        self.slot[0] = nothing
        self.begin(subject, hooked, kind, triggers.Trigger(nothing))
        if ran and is_late(hooked, act):
            result = subject.outcome(*subject.call(subject.code))
            self.act_late(subject, hooked, act)
        else:
            failed = failure(act, subject) if ran else None
            # Exceptions of `__release_buffer__` are ignored.
            is_raised = hooked.trigger.propagates and hooked.argument is not arguments.Released
            propagated = failed and (is_raised or hooked.trigger in triggers.OBSERVING)
            result = failed if propagated else subject.outcome(*subject.call(subject.code))
        return self.end(subject, result)

    def act_late(self, subject, hooked, act):
        """Runs an action as during the release of a view. Its exception is ignored."""
        releases = hooked.override == "__release_buffer__"
        with memoryview(subject.m) if releases else contextlib.nullcontext():
            failure(act, subject)

    def begin(self, subject, hooked, kind, trigger):
        """Creates the map and the arguments of the call."""
        base = self.subclasses.get(hooked.override, self.settings.module.mmap)
        subject.begin(kind, base, hooked.text in own_calls.OF_ENDS)
        subject.code = compiled(calls.with_names(hooked.text))
        for number, (letter, value) in enumerate(calls.arguments(hooked.text)):
            value = str(subject.fd) if value == "FD" else value
            is_hooked = number == hooked.at
            make = hooked.argument if is_hooked else arguments.plain
            subject.space[f"a{number}"] = make(trigger if is_hooked else letter, value)

    def end(self, subject, result):
        """Returns the result with the state, and frees the map."""
        self.slot[0] = triggers.Hook()
        state = subject.state()
        subject.end()
        return result, state


def is_late(hooked, act):
    """Returns whether the action runs after the call, or is possible only then."""
    # `__buffer__` of this argument runs no code, but a trace function observes it.
    released = hooked.argument is arguments.Released and hooked.trigger not in triggers.OBSERVING
    released = released and not any(name in hooked.text for name in own_calls.COPYING)
    return released or hooked.override == "__release_buffer__" or act is actions.forget


def failure(act, subject):
    """Runs an action. Returns its exception as a result, or None."""
    try:
        act(subject)
    except KeyError as error:
        return "KeyError", str(error), None
    return None


def described(hooked, action, kind):
    """Describes a case."""
    argument = hooked.argument and f"argument {hooked.at} {hooked.argument.__name__}"
    manner = "overridden " + hooked.override if hooked.override else hooked.trigger.__name__
    words = f"{argument or 'around'} {manner} {action.__name__}"
    return f"{hooked.text}: {words}, a {kind} map"


def short(result):
    """Returns a result in which long bytes are cut."""
    return re.sub(r"""b(['"])(.{60}).*?\1""", r"b'\2...'", repr(result))[:600]
