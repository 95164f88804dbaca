"""Communication between processes through mapped memory.

:class:`Atomic` is a word of a map that processes change atomically. The class ``safemap.Map`` has
``wait`` and ``notify`` for sleeping until a word changes. ``docs/ipc.md`` describes the protocols.
"""

from safemap._safemap import _Atomic as Atomic

__all__ = ["Atomic"]
