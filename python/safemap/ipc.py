"""Communication between processes through mapped memory.

:class:`Channel` carries messages of bytes between processes, and :class:`Queue` objects, with the
interface of ``multiprocessing.Queue``. :class:`Journal` is a file to which processes append records
that others read. :class:`Atomic` is a word of a map that processes change atomically, and
:class:`Mutex` a lock that survives a crash of its owner. The class ``safemap.Map`` has ``wait`` and
``notify`` for sleeping until a word changes, and ``lock_range``, which returns a
:class:`RangeLock`. :class:`SharedMemory` is memory with a name, as in
``multiprocessing.shared_memory``. The page *Communication between processes* of the documentation,
whose address ``help(safemap)`` shows, describes the protocols; *Recipes* has programs to copy.
"""

from safemap._safemap import _Atomic as Atomic
from safemap._safemap import _Channel as Channel
from safemap._safemap import _Journal as Journal
from safemap._safemap import _JournalReader as JournalReader
from safemap._safemap import _JournalWriter as JournalWriter
from safemap._safemap import _Mutex as Mutex
from safemap._safemap import _RangeLock as RangeLock
from safemap._safemap import _Receiver as Receiver
from safemap._safemap import _Sender as Sender
from safemap._shared_memory import SharedMemory as SharedMemory

__all__ = [
    "Atomic",
    "Channel",
    "Journal",
    "JournalReader",
    "JournalWriter",
    "Mutex",
    "Queue",
    "RangeLock",
    "Receiver",
    "Sender",
    "SharedMemory",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from safemap._queue import Queue as Queue
else:

    def __getattr__(name):
        """Imports Queue at its first use: it needs multiprocessing."""
        if name != "Queue":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from safemap._queue import Queue

        return Queue
