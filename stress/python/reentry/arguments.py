"""Arguments whose conversion runs code."""

import sys


class Argument:
    """An argument with a value, whose conversion pulls a trigger."""

    def __init__(self, trigger, value):
        self.trigger, self.value = trigger, self.parse(value)

    def parse(self, value):
        """Returns the value that a text represents."""
        return value


class Number(Argument):
    """An integer with `__index__`."""

    parse = staticmethod(int)

    def __index__(self):
        self.trigger.run()
        return self.trigger.number(self.value)


class Truth(Argument):
    """A truth value with `__bool__`."""

    parse = staticmethod("1".__eq__)

    def __bool__(self):
        self.trigger.run()
        return self.value


class Sized(Argument):
    """A truth value with `__len__`."""

    parse = staticmethod(int)

    def __len__(self):
        self.trigger.run()
        return self.value


class Bytes(Argument):
    """Bytes with `__buffer__`, which Python classes can have since 3.12."""

    def parse(self, value):
        return b"z" * int(value) if value.isdigit() else value.encode()

    def __buffer__(self, flags):
        self.trigger.run()
        return memoryview(self.value)


class Released(Bytes):
    """Bytes whose `__release_buffer__` runs code, after the call."""

    def __buffer__(self, flags):
        return memoryview(self.value)

    def __release_buffer__(self, view):
        self.trigger.run()


class Sequence(Argument):
    """A sequence that is neither bytes nor str.

    It has to be refused, also if its methods run code before.
    """

    def answer(self, *_):
        self.trigger.run()
        return 3

    __len__ = __getitem__ = __bytes__ = __hash__ = __str__ = __iter__ = answer


class Equal(Argument):
    """An object with `__eq__`."""

    def __eq__(self, other):
        self.trigger.run()
        return other == b"n"


class Key(str):
    """The name of an argument, with its own `__eq__`."""

    def __new__(cls, trigger, value):
        self = super().__new__(cls, value)
        self.trigger = trigger
        return self

    def __eq__(self, other):
        self.trigger.run()
        return str.__eq__(self, other)

    __hash__ = str.__hash__


# The arguments by the letter in a call.
ARGUMENTS = {
    "i": [Number],
    "t": [Truth, Sized],
    "b": [Bytes, Released, Sequence] if sys.version_info >= (3, 12) else [Sequence],
    "s": [Sequence],
    "o": [Equal],
    "k": [Key],
}


def plain(letter, value):
    """Returns the argument without code."""
    if letter in "it":
        return int(value)
    if letter == "b":
        return Bytes.parse(None, value)
    # A byte that a comparison with all bytes of the map finds soon.
    return b"n" if letter == "o" else value
