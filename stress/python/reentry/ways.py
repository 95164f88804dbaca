"""Ways for a caller's code to run in the middle of a call. All but the direct one work behind the back of the method that runs."""

import gc
import signal
import sys
import threading
import warnings
import weakref

# Seconds after which another thread is stuck.
PATIENCE = 30

# The methods of arguments that a call may run.
SPECIAL = ("__index__", "__buffer__", "__bool__", "__len__", "__eq__")


class Hook:
    """Something that is done once, in the middle of a call, and remembers whether it was."""

    def __init__(self, act=None):
        self.act, self.ran = act, False

    def fire(self):
        """Does it, the first time."""
        act, self.act = self.act, None
        if act:
            self.ran = True
            act()


class Way:
    """A way to fire a hook: from `trigger()`, which an argument's method calls, or by something that is set `around` the call."""

    # Whether what the hook raises comes out of the call.
    comes_out = True

    def __init__(self, hook):
        self.hook = hook

    def trigger(self):
        """An argument's method runs. A comparison runs for each byte, and what was done is not done again."""
        if self.hook.act:
            self.pull()

    def pull(self):
        """Fires the hook, if it is a method's to do that."""

    def number(self, value):
        """What `__index__` returns."""
        return value

    def around(self, call):
        """Runs the call in question."""
        return call()


class Direct(Way):
    """The method does it."""

    def pull(self):
        self.hook.fire()


class Dying(Way):
    """The `__del__` of an object does it, whose last name goes."""

    comes_out = False

    class Mortal:
        """It does something when it dies."""

        def __init__(self, hook):
            self.hook = hook

        def __del__(self):
            self.hook.fire()

    def __init__(self, hook):
        super().__init__(hook)
        self.last = self.Mortal(hook)

    def pull(self):
        self.last = None


class Collected(Dying):
    """The same of an object in a circle, which the collector finds."""

    def pull(self):
        self.last.itself, self.last = self.last, None
        gc.collect(0)


class Referred(Way):
    """The callback of a weak reference does it."""

    comes_out = False

    def __init__(self, hook):
        super().__init__(hook)
        self.last = type("Referent", (), {})()
        self.reference = weakref.ref(self.last, lambda _: hook.fire())

    def pull(self):
        self.last = None


class Collecting(Way):
    """A callback of the collector does it."""

    comes_out = False

    def pull(self):
        gc.collect(0)

    def around(self, call):
        def callback(phase, info):
            self.hook.fire()

        gc.callbacks.append(callback)
        try:
            return call()
        finally:
            gc.callbacks.remove(callback)


class Signalled(Way):
    """A handler of signals does it."""

    def pull(self):
        signal.raise_signal(signal.SIGUSR2)

    def around(self, call):
        was = signal.signal(signal.SIGUSR2, lambda *_: self.hook.fire())
        try:
            return call()
        finally:
            signal.signal(signal.SIGUSR2, was)


class Threaded(Way):
    """Another thread does it, and is waited for: it must not need what this call holds."""

    comes_out = False

    def pull(self):
        thread = threading.Thread(target=self.quietly, daemon=True)
        thread.start()
        thread.join(PATIENCE)
        if thread.is_alive():
            raise AssertionError("another thread waits for a call that waits for it")

    def quietly(self):
        try:
            self.hook.fire()
        except KeyError:
            pass


class Traced(Way):
    """The trace function does it, when an argument's method begins."""

    def around(self, call):
        sys.settrace(self.trace)
        try:
            return call()
        finally:
            sys.settrace(None)

    def trace(self, frame, event, argument):
        if frame.f_code.co_name in SPECIAL:
            self.hook.fire()


class Profiled(Way):
    """The profile function does it, before a method of the class begins."""

    def around(self, call):
        sys.setprofile(self.profile)
        try:
            return call()
        finally:
            sys.setprofile(None)

    def profile(self, frame, event, argument):
        if event == "c_call" and is_map(getattr(argument, "__self__", None)):
            self.hook.fire()


class Monitored(Way):
    """A callback of sys.monitoring does it, when an argument's method begins or a function is called with a map."""

    def around(self, call):
        monitoring, tool = sys.monitoring, sys.monitoring.PROFILER_ID
        events = monitoring.events
        monitoring.use_tool_id(tool, "stress")
        monitoring.register_callback(tool, events.PY_START, self.started)
        monitoring.register_callback(tool, events.CALL, self.called)
        monitoring.set_events(tool, events.PY_START | events.CALL)
        try:
            return call()
        finally:
            monitoring.set_events(tool, 0)
            monitoring.free_tool_id(tool)

    def started(self, code, offset):
        if code.co_name in SPECIAL:
            self.hook.fire()

    def called(self, code, offset, function, first):
        if is_map(first) or is_map(getattr(function, "__self__", None)):
            self.hook.fire()


class Warned(Way):
    """The display of a warning does it: an `__index__` shall not return a subclass of int."""

    class Odd(int):
        """Such a subclass."""

    def number(self, value):
        return self.Odd(value)

    def around(self, call):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = lambda *_, **__: self.hook.fire()
            return call()


class Audited(Way):
    """An audit hook does it, which the constructor calls. There is no way to remove one."""

    now = None

    def around(self, call):
        if Audited.now is None:
            sys.addaudithook(Audited.listen)
        Audited.now = self.hook
        try:
            return call()
        finally:
            Audited.now = Hook()

    @staticmethod
    def listen(event, arguments):
        if event == "mmap.__new__":
            Audited.now.fire()


def is_map(thing):
    """Whether it is a map, of any module."""
    return any(cls.__module__ == "mmap" for cls in type(thing).__mro__)


# These run when an argument's method begins, whatever it does then.
OBSERVING = {Traced, Monitored}
IN_ARGUMENTS = [Direct, Dying, Collected, Referred, Collecting, Signalled, Threaded, Traced, Warned]
AROUND = [Profiled, Audited]
if hasattr(sys, "monitoring"):
    IN_ARGUMENTS.append(Monitored)
    AROUND.append(Monitored)
