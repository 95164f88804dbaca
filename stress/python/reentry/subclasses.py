"""Subclasses that override one method or attribute each. They fire a hook and call the class."""

# Methods and attributes that a call may use.
OVERRIDDEN = """
    __new__ __getattribute__ __len__ __getitem__ __setitem__ __delitem__ __enter__ __exit__
    __repr__ __eq__ __hash__ __bytes__ __sizeof__ __buffer__ __release_buffer__ close closed read
    read_byte readline tell seek find rfind write write_byte resize move size flush sync madvise
    protect lock unlock restore verify damage
""".split()

# These calls use the map before the hook, or report an exception that is ignored elsewhere. So no
# action before the call has the same result. The same is true within `with`.
EXEMPT = {
    ("__getitem__", "next(reversed(m))"),
    ("__release_buffer__", "m.__release_buffer__(m.__buffer__(0))"),
}


def subclasses(base, slot):
    """Returns a subclass of `base` for each name.

    It fires the hook that is in `slot` at that time.
    """
    return {name: subclass(base, name, slot) for name in OVERRIDDEN if hasattr(base, name)}


def fits(name, text):
    """Returns whether the call may use that name. Special methods are used without being named."""
    if text.startswith("with") or (name, text) in EXEMPT:
        return False
    return name.startswith("__") or name in text


def subclass(base, name, slot):
    is_attribute = name in ("closed", "damage")
    own = getattr(base, name)

    def overriding(*arguments, **named):
        slot[0].fire()
        return (own.__get__ if is_attribute else own)(*arguments, **named)

    return type("mmap", (base,), {name: property(overriding) if is_attribute else overriding})
