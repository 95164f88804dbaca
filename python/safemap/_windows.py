"""Views of consecutive parts of a map."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from safemap._safemap import Map

# The fewest bytes that are released at a time.
PIECE = 2 << 20


def windows(
    map: Map, size: int, start: int, end: int | None, drop: bool
) -> Iterator[memoryview[int]]:
    """Yields memoryviews of `size` bytes each, and releases the pages behind them."""
    kept = at = start
    try:
        while at < (stop := min(at + size, len(map) if end is None else min(end, len(map)))):
            # Without a name here, so that the caller has the only reference.
            yield _view(map, at, stop)
            at = stop
            if drop and at - kept >= PIECE:
                map._drop(kept, at)
                kept = at
    finally:
        if drop and at > kept and not map.closed:
            map._drop(kept, at)


def _view(map: Map, start: int, stop: int) -> memoryview[int]:
    # A slice refers to the memory itself, and needs no other view.
    with memoryview(map) as whole:
        return whole[start:stop]
