"""The class of numbered lines."""

from collections import namedtuple


class Line(namedtuple("Line", "number offset bytes")):
    """A line of a map with its place, from Map.lines(numbered=True)."""

    __slots__ = ()
    __module__ = "safemap"
