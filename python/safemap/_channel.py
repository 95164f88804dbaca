"""How channels are pickled, and left when a process ends."""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import sys
import threading
import weakref
from collections import namedtuple

from safemap._safemap import _Channel, _leave_channels

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple

    from safemap._safemap import _Journal, _Receiver, _Sender

    class Peers(NamedTuple):
        """How many processes take part in a channel."""

        senders: int
        receivers: int

else:

    class Peers(namedtuple("Peers", "senders receivers")):
        """How many processes take part in a channel, from Channel.peers()."""

        __slots__ = ()


def _reduce(channel: _Channel) -> tuple[Any, ...]:
    """Returns how another process opens a channel, for any pickle."""
    if channel.path is not None:
        return _reopen, (channel.path, *_file_id(channel))
    if _spawned() is not None:
        return _reduce_for_process(channel)
    raise TypeError(
        "cannot pickle a channel without a path, except for a process of multiprocessing"
    )


def _spawned() -> Any:
    """Returns the child that multiprocessing is starting in this thread, or None."""
    context: Any = sys.modules.get("multiprocessing.context")
    return context and context.get_spawning_popen()


def _reduce_for_process(channel: _Channel) -> tuple[Any, ...]:
    """Returns how a process of multiprocessing opens a channel."""
    if channel.path is not None:
        return _reduce(channel)
    from multiprocessing.reduction import DupFd  # type: ignore[attr-defined, unused-ignore]

    return _receive, (DupFd(channel.fileno()),)


def _file_id(file: _Channel | _Journal) -> tuple[int, int]:
    """Returns what identifies the file of a channel or a journal, also in other processes."""
    # Windows has no descriptor, and the path of an open file cannot be given to another one.
    status = os.fstat(file.fileno()) if os.name == "posix" else os.stat(file.path or "")
    return status.st_dev, status.st_ino


def _reopen(path: str, device: int, inode: int) -> _Channel:
    """Opens a pickled channel. Raises ValueError if the path names another file now."""
    channel = _Channel.open(path)
    if _file_id(channel) == (device, inode):
        return channel
    channel.close()
    raise ValueError(f"{path} is a different file now")


def _receive(descriptor: Any) -> _Channel:
    """Opens the channel of a descriptor that multiprocessing has passed."""
    fd = descriptor.detach()
    try:
        return _Channel.from_fd(fd)
    finally:
        os.close(fd)


def _reduce_end(end: _Sender | _Receiver, name: str) -> tuple[Any, ...]:
    """Returns how another process makes the same end of a channel: by a method of that."""
    popen = _spawned()
    if popen is None:
        return getattr(end.channel, name), ()
    from multiprocessing.connection import Pipe

    # multiprocessing drops the arguments of a child before that has joined. Without the end that is
    # kept, the other side would find that this side has left.
    kept, (read, write) = getattr(end.channel, name)(), Pipe(duplex=False)
    arguments = (kept, weakref.ref(popen), read, write)
    threading.Thread(target=_keep_until_joined, args=arguments, daemon=True).start()
    return _join, (end.channel, name, write)


def _keep_until_joined(
    end: _Sender | _Receiver, popen: weakref.ref[Any], read: Any, write: Any
) -> None:
    """Keeps an end of a channel until a child has its own, or has ended."""
    from multiprocessing.connection import wait

    with end, read, write:
        while (started := popen()) is not None:
            # It has a process id when it has been started. The attempt may fail.
            if getattr(started, "pid", None) is not None and wait([started.sentinel], 0):
                break
            del started
            # Wine takes an empty pipe for one that can be read.
            if read.poll(0.02):
                break


def _join(channel: _Channel, name: str, parent: Any) -> _Sender | _Receiver:
    """Makes an end of a channel in a child, and reports that to the parent."""
    end: _Sender | _Receiver = getattr(channel, name)()
    # Without the report, the parent keeps its end until this process ends.
    with contextlib.suppress(OSError):
        parent.send_bytes(b"joined")
    with contextlib.suppress(OSError):
        parent.close()
    return end


def _register_pickling() -> None:
    """Called when a channel without a path is made."""
    if os.name == "posix":
        from multiprocessing.reduction import ForkingPickler

        ForkingPickler.register(_Channel, _reduce_for_process)


class _Follower:
    """Has the children of multiprocessing leave their channels."""

    is_registered = False

    def follow(self) -> None:
        """Registers with multiprocessing, if that is loaded."""
        util: Any = sys.modules.get("multiprocessing.util")
        if util is None or self.is_registered:
            return
        self.is_registered = True
        # A child begins by forgetting what its parent has registered for its end.
        util.register_after_fork(self, _Follower.finish)
        self.finish()

    def finish(self) -> None:
        """Has this process leave its channels after all that it does when it ends."""
        util: Any = sys.modules["multiprocessing.util"]
        util.Finalize(None, _leave_channels, exitpriority=-1000)


class _Fork(threading.local):
    """Has a fork wait until the child takes part in the channels, which it does by itself.

    Otherwise its parent might close the same end before, as multiprocessing does with arguments.
    """

    pipe: tuple[int, int] | None = None

    def before(self) -> None:
        try:
            self.pipe = os.pipe()
        except OSError:
            # No descriptor is left.
            self.pipe = None

    def in_parent(self) -> None:
        if self.pipe is not None:
            read, write = self.pipe
            os.close(write)
            poll = select.poll()
            poll.register(read)
            # Limited, because a child that another thread forks now has the other end too.
            poll.poll(_LONGEST_FORK)
            os.close(read)

    def in_child(self) -> None:
        for fd in self.pipe or ():
            os.close(fd)
        _FOLLOWER.follow()


# Milliseconds.
_LONGEST_FORK = 1000
_FOLLOWER, _FORK = _Follower(), _Fork()


def _register() -> None:
    """Called when the process makes its first channel.

    Children of multiprocessing do not run the functions of `atexit`: those that are forked before
    3.13 at all, and later ones not those of their parent.
    """
    atexit.register(_leave_channels)
    if hasattr(os, "register_at_fork"):
        # The program may import multiprocessing after it has made the channel.
        os.register_at_fork(
            before=_FORK.before, after_in_parent=_FORK.in_parent, after_in_child=_FORK.in_child
        )
    _FOLLOWER.follow()
