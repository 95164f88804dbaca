"""Arguments whose conversion runs code."""

import sys


class Argument:
    """Something that stands for a value, and triggers a way when it is asked."""

    def __init__(self, way, value):
        self.way, self.value = way, self.meant(value)

    def meant(self, value):
        """The value that a text means."""
        return value


class Number(Argument):
    """An integer by `__index__`."""

    meant = staticmethod(int)

    def __index__(self):
        self.way.trigger()
        return self.way.number(self.value)


class Truth(Argument):
    """A truth by `__bool__`."""

    meant = staticmethod("1".__eq__)

    def __bool__(self):
        self.way.trigger()
        return self.value


class Sized(Argument):
    """A truth by `__len__`."""

    meant = staticmethod(int)

    def __len__(self):
        self.way.trigger()
        return self.value


class Bytes(Argument):
    """Bytes by `__buffer__`, which Python classes can have from 3.12 on."""

    def meant(self, value):
        return b"z" * int(value) if value.isdigit() else value.encode()

    def __buffer__(self, flags):
        self.way.trigger()
        return memoryview(self.value)


class Lent(Bytes):
    """The same, and the giving back runs code: after the call."""

    def __buffer__(self, flags):
        return memoryview(self.value)

    def __release_buffer__(self, view):
        self.way.trigger()


class Sequence(Argument):
    """Something like bytes or a text, which it is not: it shall be refused, whatever is asked of it before."""

    def ask(self, *_):
        self.way.trigger()
        return 3

    __len__ = __getitem__ = __bytes__ = __hash__ = __str__ = __iter__ = ask


class Equal(Argument):
    """Something that is compared."""

    def __eq__(self, other):
        self.way.trigger()
        return other == b"n"


class Key(str):
    """The name of an argument that is compared by code of its own."""

    def __new__(cls, way, value):
        self = super().__new__(cls, value)
        self.way = way
        return self

    def __eq__(self, other):
        self.way.trigger()
        return str.__eq__(self, other)

    __hash__ = str.__hash__


# By the letter in a call.
ARGUMENTS = {
    "i": [Number],
    "t": [Truth, Sized],
    "b": [Bytes, Lent, Sequence] if sys.version_info >= (3, 12) else [Sequence],
    "s": [Sequence],
    "o": [Equal],
    "k": [Key],
}


def plain(letter, value):
    """The same without code."""
    if letter in "it":
        return int(value)
    if letter == "b":
        return Bytes.meant(None, value)
    # Compared with every byte of a map, it is found before long.
    return b"n" if letter == "o" else value
