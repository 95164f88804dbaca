"""A queue of objects between processes."""

from __future__ import annotations

from multiprocessing.reduction import ForkingPickler
from queue import Empty, Full
from typing import Generic, TypeVar

from safemap._safemap import _Channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike
    from typing import Any

_Item = TypeVar("_Item")


class Queue(Generic[_Item]):
    """A queue of objects between processes, with the interface of multiprocessing.Queue.

    These are the differences: there is no thread that sends. An item is in the queue when put()
    returns, and put() waits while the queue is full. `maxsize` counts items, 0 for no limit, and
    `capacity` the bytes of all pickled items. put() raises the exception of an item that cannot be
    pickled, and ValueError for one that is longer than the capacity. The queue still works after a
    process that uses it was killed. 64 processes can use it at once.

    Without `path` the queue is in memory (Linux): children inherit it, or get it as an argument of
    multiprocessing.Process. With a path it is a file, which is created if it does not exist, and
    never removed; the queue can then be pickled for any process of the machine. The items are
    pickled: unpickling runs what a process has put, so use only files of processes that you trust.
    """

    __module__ = "safemap.ipc"

    def __init__(
        self,
        maxsize: int = 0,
        capacity: int | None = 1 << 20,
        path: str | bytes | PathLike[str] | PathLike[bytes] | None = None,
    ) -> None:
        if not isinstance(maxsize, int):
            name = type(maxsize).__name__
            raise TypeError(f"maxsize must be an int, not {name}; the path is the argument path")
        limit = maxsize if maxsize > 0 else None
        self._start(_Channel(path, capacity, max_messages=limit))

    def _start(self, channel: _Channel) -> None:
        # Both ends, so that no process finds the other side abandoned: another may come.
        self._channel, self._maxsize = channel, channel.max_messages
        self._sender, self._receiver = channel.sender(), channel.receiver()
        self._closed = False

    def __repr__(self) -> str:
        return f"<safemap.ipc.Queue of {self._channel!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        self._ensure_open()
        return _of_channel, (self.__class__, self._channel)

    def _ensure_open(self) -> None:
        if self._closed:
            raise ValueError(f"Queue {self!r} is closed")

    def put(self, obj: _Item, block: bool = True, timeout: float | None = None) -> None:
        """Puts an item into the queue. Waits while the queue is full.

        Raises queue.Full after `timeout` seconds, or at once if `block` is false; ValueError for an
        item whose pickle is longer than the capacity.
        """
        self._ensure_open()
        data = ForkingPickler.dumps(obj)
        if not block:
            if not self._sender.try_send(data):
                raise Full
            return
        try:
            self._sender.send(data, timeout)
        except TimeoutError:
            raise Full from None

    def get(self, block: bool = True, timeout: float | None = None) -> _Item:
        """Takes an item from the queue. Waits while the queue is empty.

        Raises queue.Empty after `timeout` seconds, or at once if `block` is false.
        """
        self._ensure_open()
        item: _Item = ForkingPickler.loads(self._data(block, timeout))
        return item

    def _data(self, block: bool, timeout: float | None) -> bytes:
        if not block:
            data = self._receiver.try_recv()
            if data is None:
                raise Empty
            return data
        try:
            return self._receiver.recv(timeout)
        except TimeoutError:
            raise Empty from None

    def put_nowait(self, obj: _Item) -> None:
        """Puts an item into the queue, or raises queue.Full."""
        self.put(obj, False)

    def get_nowait(self) -> _Item:
        """Takes an item from the queue, or raises queue.Empty."""
        return self.get(False)

    def qsize(self) -> int:
        """Returns the number of items. It may be different when the call returns."""
        self._ensure_open()
        return len(self._channel)

    def empty(self) -> bool:
        """Returns whether the queue has no items. It may have some when the call returns."""
        self._ensure_open()
        return self._channel.is_empty()

    def full(self) -> bool:
        """Returns whether the queue has `maxsize` items; False if it has no limit.

        Items that need the whole capacity can fill a queue that has fewer.
        """
        return self._maxsize is not None and self.qsize() >= self._maxsize

    def close(self) -> None:
        """Ends the use of the queue by this process. What was put stays for the others."""
        self._closed = True
        self._channel.close()

    def join_thread(self) -> None:
        """Does nothing: no thread sends. Raises AssertionError if the queue is not closed."""
        if not self._closed:
            raise AssertionError(f"Queue {self!r} not closed")

    def cancel_join_thread(self) -> None:
        """Does nothing: no thread sends, and no item waits in this process."""


def _of_channel(cls: type[Queue[_Item]], channel: _Channel) -> Queue[_Item]:
    """Makes the queue of a channel that was unpickled."""
    queue = cls.__new__(cls)
    queue._start(channel)
    return queue
