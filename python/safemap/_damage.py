"""A block of code in which no repair of a map may happen."""

from __future__ import annotations

from safemap._safemap import FaultError, _check_intact, damages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


# Not made by contextlib, whose import takes longer than that of the package.
class intact:
    """A context manager that raises FaultError at the end of its block if repair has handled a
    fault in it, in any thread, or if a map with repair=True is damaged or longer than its file.

    So code that uses the memory of maps through buffers (numpy, pandas, hashlib, re) has computed
    nothing with zeros in place of bytes of a file, unless the exception says so. The attribute
    `map` of the exception is the map of the first fault and `offset` is its offset there. Both are
    None if that map was closed or restored within the block.

    An exception that ends the block is replaced, and is the `__context__` of the FaultError. That
    does not apply to a FaultError, and to exceptions that are no subclasses of Exception.

    A file that was truncated and has grown back is not noticed if no byte was accessed in between.
    """

    __slots__ = ("_before",)

    def __init__(self) -> None:
        # One number for each block that has begun: blocks of the same object may be nested.
        self._before: list[int] = []

    def __enter__(self) -> None:
        """Starts the block."""
        self._before.append(damages())

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ends the block: raises FaultError if bytes were lost."""
        before = self._before.pop()
        is_replaced = isinstance(exc_value, Exception) and not isinstance(exc_value, FaultError)
        if exc_value is None or is_replaced:
            _check(before)


def _check(before: int) -> None:
    try:
        _check_intact(before)
    except FaultError as error:
        map = error.map
        # The arrays of safemap.numpy report damage that was not raised.
        if map is not None and hasattr(map, "_was_raised"):
            map._was_raised = True
        raise
