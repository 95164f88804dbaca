"""Types of arguments, for type checkers. The package does not import this module when it runs."""

from collections.abc import Sequence
from os import PathLike
from typing import Literal, Protocol, SupportsIndex, TypeAlias


class SupportsFileno(Protocol):
    """An object with a descriptor."""

    def fileno(self) -> int:
        """Returns the descriptor."""


File: TypeAlias = str | bytes | PathLike[str] | PathLike[bytes] | int | SupportsFileno
Mode: TypeAlias = Literal["r", "r+", "w+", "x+", "c"]
Advise: TypeAlias = Literal["sequential", "random", "willneed"]

# Of `safemap.numpy`.
LongMode: TypeAlias = Literal["readonly", "readwrite", "write", "copyonwrite"]
Order: TypeAlias = Literal["C", "F"]
Shape: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
