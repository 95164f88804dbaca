"""The class of numbered lines."""

import builtins
from typing import NamedTuple

class Line(NamedTuple):
    """A line of a map with its place, from Map.lines(numbered=True)."""

    number: int
    """Number of the line. The first line of the range has the number 1."""

    offset: int
    """Offset of the line in the map."""

    bytes: builtins.bytes
    """The line, with its separator unless `keepends` is false."""
