"""Communication between processes through mapped memory.

:class:`Atomic` is a word of a map that processes change atomically, and :class:`Mutex` a lock that
survives a crash of its owner. The class ``safemap.Map`` has ``wait`` and ``notify`` for sleeping
until a word changes, and ``lock_range``, which returns a :class:`RangeLock`. :class:`SharedMemory`
is memory with a name, as in ``multiprocessing.shared_memory``. ``docs/ipc.md`` describes the
protocols.
"""

from safemap._safemap import _Atomic as Atomic
from safemap._safemap import _Mutex as Mutex
from safemap._safemap import _RangeLock as RangeLock
from safemap._shared_memory import SharedMemory as SharedMemory

__all__ = ["Atomic", "Mutex", "RangeLock", "SharedMemory"]
