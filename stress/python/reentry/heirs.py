"""Subclasses: each puts code in the place of one method or attribute, and then does as the class does."""

# What a call may use of a map without being asked to.
OVERRIDDEN = [
    "__new__", "__getattribute__", "__len__", "__getitem__", "__setitem__", "__delitem__", "__enter__", "__exit__", "__repr__",
    "__eq__", "__hash__", "__sizeof__", "__buffer__", "__release_buffer__", "close", "closed", "read", "read_byte", "readline", "tell", "seek",
    "find", "rfind", "write", "write_byte", "resize", "move", "size", "flush", "sync", "madvise", "protect", "lock", "unlock", "restore", "damage",
]  # fmt: skip

# Here the call has used the map before, or hears of what is not heard otherwise: no twin can do the same before it. So it is within `with`.
TANGLED = {
    ("__getitem__", "next(reversed(m))"),
    ("__release_buffer__", "m.__release_buffer__(m.__buffer__(0))"),
}


def heirs(base, slot):
    """A subclass of `base` for each name, whose code fires the hook that stands in `slot` then."""
    return {name: heir(base, name, slot) for name in OVERRIDDEN if hasattr(base, name)}


def fits(name, text):
    """Whether the call may come to use what stands under that name: special methods are used without being named."""
    if text.startswith("with") or (name, text) in TANGLED:
        return False
    return name.startswith("__") or name in text


def heir(base, name, slot):
    own = getattr(base, name)
    if name in ("closed", "damage"):
        return type("mmap", (base,), {name: property(attribute(own, slot))})
    return type("mmap", (base,), {name: method(own, slot)})


def attribute(own, slot):
    """What gets an attribute."""

    def get(self):
        slot[0].fire()
        return own.__get__(self)

    return get


def method(own, slot):
    """A method."""

    def call(*arguments, **named):
        slot[0].fire()
        return own(*arguments, **named)

    return call
