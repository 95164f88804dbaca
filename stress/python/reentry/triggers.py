"""Triggers: ways in which code of the caller runs during a call."""

import contextlib
import gc
import signal
import sys
import threading
import warnings
import weakref

from settings import check

# A thread that does not end for so long hangs. In seconds.
TIMEOUT = 30

# The methods of arguments that a call may run.
SPECIAL = ("__index__", "__buffer__", "__bool__", "__len__", "__eq__")


class Hook:
    """An action that runs once during a call."""

    def __init__(self, act=None):
        self.act, self.ran = act, False

    def fire(self):
        """Runs the action, the first time only."""
        act, self.act = self.act, None
        if act:
            self.ran = True
            act()


class Trigger:
    """Fires a hook. Methods of arguments call `run`; `around` installs a function for the call."""

    # Whether the call raises the exception of the hook.
    propagates = True

    def __init__(self, hook):
        self.hook = hook

    def run(self):
        """A method of an argument calls this. A comparison does so for each byte."""
        if self.hook.act:
            self.pull()

    def pull(self):
        """Fires the hook, directly or indirectly."""
        self.hook.fire()

    def number(self, value):
        """Returns the result of `__index__`."""
        return value

    def install(self):
        """Installs a function that fires the hook. Returns a function that uninstalls it."""
        return lambda: None

    def around(self, call):
        """Makes the call."""
        uninstall = self.install()
        try:
            return call()
        finally:
            uninstall()


class Direct(Trigger):
    """The method fires the hook."""


class Deleted(Trigger):
    """The `__del__` of an object fires the hook, when its last reference is deleted."""

    propagates = False

    class Object:
        """An object with `__del__`."""

        def __init__(self, hook):
            self.hook = hook

        def __del__(self):
            self.hook.fire()

    def __init__(self, hook):
        super().__init__(hook)
        self.last = self.Object(hook)

    def pull(self):
        self.last = None


class Collected(Deleted):
    """The `__del__` of an object in a cycle, which the collector frees."""

    def pull(self):
        self.last.itself, self.last = self.last, None
        gc.collect(0)


class Referred(Trigger):
    """The callback of a weak reference fires the hook."""

    propagates = False

    def __init__(self, hook):
        super().__init__(hook)
        self.last = type("Referent", (), {})()
        self.reference = weakref.ref(self.last, lambda _: hook.fire())

    def pull(self):
        self.last = None


class Collecting(Trigger):
    """A callback of the collector fires the hook."""

    propagates = False

    def pull(self):
        gc.collect(0)

    def install(self):
        def callback(phase, info):
            self.hook.fire()

        gc.callbacks.append(callback)
        return lambda: gc.callbacks.remove(callback)


class Signalled(Trigger):
    """A signal handler fires the hook."""

    def pull(self):
        signal.raise_signal(signal.SIGUSR2)

    def install(self):
        previous = signal.signal(signal.SIGUSR2, lambda *_: self.hook.fire())
        return lambda: signal.signal(signal.SIGUSR2, previous)


class Threaded(Trigger):
    """Another thread fires the hook. The call waits for it, and must not hold a lock it needs."""

    propagates = False

    def pull(self):
        thread = threading.Thread(target=self.quietly, daemon=True)
        thread.start()
        thread.join(TIMEOUT)
        check(not thread.is_alive(), "another thread waits for the call, which waits for it")

    def quietly(self):
        with contextlib.suppress(KeyError):
            self.hook.fire()


class Traced(Trigger):
    """The trace function fires the hook when a method of an argument begins."""

    def install(self):
        sys.settrace(self.trace)
        return lambda: sys.settrace(None)

    def trace(self, frame, event, argument):
        if frame.f_code.co_name in SPECIAL:
            self.hook.fire()


class Profiled(Trigger):
    """The profile function fires the hook before a method of the class begins."""

    def install(self):
        sys.setprofile(self.profile)
        return lambda: sys.setprofile(None)

    def profile(self, frame, event, argument):
        if event == "c_call" and is_map(getattr(argument, "__self__", None)):
            self.hook.fire()


class Monitored(Trigger):
    """A callback of sys.monitoring fires the hook for methods of arguments and of maps."""

    def install(self):
        monitoring, tool = sys.monitoring, sys.monitoring.PROFILER_ID
        events = monitoring.events
        monitoring.use_tool_id(tool, "stress")
        monitoring.register_callback(tool, events.PY_START, self.started)
        monitoring.register_callback(tool, events.CALL, self.called)
        monitoring.set_events(tool, events.PY_START | events.CALL)
        return lambda: (monitoring.set_events(tool, 0), monitoring.free_tool_id(tool))

    def started(self, code, offset):
        if code.co_name in SPECIAL:
            self.hook.fire()

    def called(self, code, offset, function, first):
        if is_map(first) or is_map(getattr(function, "__self__", None)):
            self.hook.fire()


class Warned(Trigger):
    """The display of a warning fires the hook: `__index__` should not return a subclass of int."""

    class Integer(int):
        """Such a subclass."""

    def number(self, value):
        return self.Integer(value)

    def install(self):
        caught = contextlib.ExitStack()
        caught.enter_context(warnings.catch_warnings())
        warnings.simplefilter("always")
        warnings.showwarning = lambda *_, **__: self.hook.fire()
        return caught.close


class Audited(Trigger):
    """An audit hook, which the constructor calls, fires the hook. It cannot be removed."""

    current = None

    def install(self):
        if Audited.current is None:
            sys.addaudithook(Audited.listen)
        Audited.current = self.hook
        return lambda: setattr(Audited, "current", Hook())

    @staticmethod
    def listen(event, arguments):
        if event == "mmap.__new__":
            Audited.current.fire()


def is_map(thing):
    """Returns whether an object is a map of any module."""
    return any(cls.__module__ == "mmap" for cls in type(thing).__mro__)


# These also run for methods that do not call `run`.
OBSERVING = {Traced, Monitored}
IN_ARGUMENTS = [
    Direct,
    Deleted,
    Collected,
    Referred,
    Collecting,
    Signalled,
    Threaded,
    Traced,
    Warned,
]
AROUND = [Profiled, Audited]
if hasattr(sys, "monitoring"):
    IN_ARGUMENTS.append(Monitored)
    AROUND.append(Monitored)
