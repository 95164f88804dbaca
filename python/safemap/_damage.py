"""A block of code in which no repair of a map may happen."""

from collections.abc import Iterator
from contextlib import contextmanager

from safemap._safemap import FaultError, _check_intact, damages


@contextmanager
def intact() -> Iterator[None]:
    """Returns a context manager that raises FaultError at the end of its block if repair has
    handled a fault in it, in any thread, or if a map with repair=True is damaged or longer than its
    file.

    So code that uses the memory of maps through buffers (numpy, pandas, hashlib, re) has computed
    nothing with zeros in place of bytes of a file, unless the exception says so. The attribute
    `map` of the exception is the map of the first fault and `offset` is its offset there. Both are
    None if that map was closed or restored within the block.

    An exception that ends the block is replaced, and is the `__context__` of the FaultError. That
    does not apply to a FaultError, and to exceptions that are no subclasses of Exception.

    A file that was truncated and has grown back is not noticed if no byte was accessed in between.
    """
    before = damages()
    try:
        yield
    except FaultError:
        raise
    except Exception:
        _check_intact(before)
        raise
    _check_intact(before)
