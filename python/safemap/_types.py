"""Types of arguments, for type checkers. The package does not import this module when it runs."""

from os import PathLike
from typing import Literal, Protocol, TypeAlias


class SupportsFileno(Protocol):
    """An object with a descriptor."""

    def fileno(self) -> int:
        """Returns the descriptor."""


File: TypeAlias = str | bytes | PathLike[str] | PathLike[bytes] | int | SupportsFileno
Mode: TypeAlias = Literal["r", "r+", "w+", "x+", "c"]
Advise: TypeAlias = Literal["sequential", "random", "willneed"]
