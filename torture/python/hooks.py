"""Hooks: every way for a caller's code to run in the middle of a call."""

import gc
import signal
import sys
import threading
import warnings
import weakref

PATIENCE = 30

# Where a hook may sit: methods that a call runs to convert its arguments.
SPECIAL = ("__index__", "__buffer__", "__bool__", "__eq__")


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
    """A way to fire a hook from `trigger()`, which a special method calls. Whether its exceptions come out of the call."""

    comes_out = True

    def __init__(self, hook):
        self.hook = hook

    def trigger(self):
        self.hook.fire()

    def number(self, value):
        """What `__index__` returns."""
        return value

    def around(self, call):
        """Runs the call in question."""
        return call()


class Direct(Way):
    """The method does it."""


class Dying(Way):
    """An object does it whose last name goes."""

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

    def trigger(self):
        self.last = None


class Collected(Dying):
    """An object in a circle does it, which the collector finds."""

    def trigger(self):
        self.last.itself, self.last = self.last, None
        gc.collect(0)


class Referred(Way):
    """The callback of a weak reference does it."""

    comes_out = False

    def __init__(self, hook):
        super().__init__(hook)
        self.last = type("Referent", (), {})()
        self.reference = weakref.ref(self.last, lambda _: hook.fire())

    def trigger(self):
        self.last = None


class Collecting(Way):
    """A callback of the collector does it."""

    comes_out = False

    def trigger(self):
        gc.collect(0)

    def around(self, call):
        def callback(phase, info):
            self.hook.fire()

        gc.callbacks.append(callback)
        gc.disable()
        try:
            return call()
        finally:
            gc.enable()
            gc.callbacks.remove(callback)


class Signalled(Way):
    """A handler of signals does it."""

    def trigger(self):
        signal.raise_signal(signal.SIGUSR2)

    def around(self, call):
        was = signal.signal(signal.SIGUSR2, lambda *_: self.hook.fire())
        try:
            return call()
        finally:
            signal.signal(signal.SIGUSR2, was)


class Threaded(Way):
    """Another thread does it, and is waited for: what this call holds it must not need."""

    comes_out = False

    def trigger(self):
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
    """The trace function does it, when the special method begins."""

    def trigger(self):
        pass

    def around(self, call):
        sys.settrace(self.trace)
        try:
            return call()
        finally:
            sys.settrace(None)

    def trace(self, frame, event, argument):
        if frame.f_code.co_name in SPECIAL:
            self.hook.fire()


class Profiled(Traced):
    """The profile function does it, before a method of the class begins."""

    def around(self, call):
        sys.setprofile(self.trace)
        try:
            return call()
        finally:
            sys.setprofile(None)

    def trace(self, frame, event, argument):
        if event == "c_call" and type(getattr(argument, "__self__", None)).__module__ != "builtins":
            self.hook.fire()


class Warned(Way):
    """The display of a warning does it: an `__index__` shall not return a subclass of int."""

    class Odd(int):
        """Such a subclass."""

    def trigger(self):
        pass

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

    def trigger(self):
        pass

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


WAYS = [Direct, Dying, Collected, Referred, Collecting, Signalled, Threaded, Traced, Profiled, Warned, Audited]


class Number:
    """An integer by `__index__`."""

    def __init__(self, way, value):
        self.way, self.value = way, int(value)

    def __index__(self):
        self.way.trigger()
        return self.way.number(self.value)


class Truth:
    """A truth by `__bool__`."""

    def __init__(self, way, value):
        self.way, self.value = way, bool(int(value))

    def __bool__(self):
        self.way.trigger()
        return self.value


class Bytes:
    """Bytes by `__buffer__`, where Python classes can have that."""

    def __init__(self, way, value):
        self.way, self.value = way, long(value)

    def __buffer__(self, flags):
        self.way.trigger()
        return memoryview(self.value)


class Lent(Bytes):
    """The same, and the giving back does it."""

    def __buffer__(self, flags):
        return memoryview(self.value)

    def __release_buffer__(self, view):
        self.way.trigger()


class Sequence:
    """Something like bytes, which it is not: whoever asks for its length or its items runs a hook."""

    def __init__(self, way, value):
        self.way, self.value = way, long(value)

    def look(self, *_):
        self.way.trigger()
        return 3

    __len__ = __getitem__ = __bytes__ = __hash__ = __str__ = look

    def __iter__(self):
        self.way.trigger()
        return iter(self.value)


class Equal:
    """Something that is compared."""

    def __init__(self, way, value):
        self.way = way

    def __eq__(self, other):
        self.way.trigger()
        return False


def long(value):
    """The bytes of a template: some letters, or a number of them."""
    return b"z" * int(value) if value.isdigit() else value.encode()


# By the letter in a template.
HOOKED = {"i": [Number], "t": [Truth], "b": [Bytes, Lent, Sequence] if sys.version_info >= (3, 12) else [Sequence], "s": [Sequence], "o": [Equal]}
PLAIN = {"i": int, "t": lambda value: bool(int(value)), "b": long, "s": str, "o": lambda value: object()}
