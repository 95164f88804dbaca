"""Memory-mapped files: the class mmap, its exceptions, and its constants."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from types import GenericAlias, TracebackType
from typing import Final, Generic, Literal, NoReturn, SupportsIndex, final, overload

from typing_extensions import Buffer, Self, TypeVar, disjoint_base

from safemap._channel import Peers
from safemap._line import Line
from safemap._stream import MapIO
from safemap._types import Advise, File, Mode

__version__: Final[str]

error = OSError

class FaultError(OSError):
    """A byte of the map cannot be accessed: the file was truncated, the disk is full, or the device
    failed.

    `errno` is EFAULT; on Windows `winerror` is the code that the system reports. The bytes before
    it were transferred.

    For a map created with repair=True: also if the byte was replaced by zero when a buffer of the
    memory was accessed.
    """

    offset: int | None
    """The offset in the map of the first byte that cannot be accessed. None in an exception that
    safemap did not raise.
    """

    map: mmap | None
    """The map, in an exception of intact(). None in others."""

class InDoubtError(OSError):
    """It is not known whether a commit of a transactional map is durable: the device has failed.

    `errno` is EIO. Each call of the map but close() raises it. The next opening of the file
    completes the commit, or finds that there is none.
    """

def damages() -> int:
    """Returns the number of faults in the whole process that repair has handled.

    Each is an access to a byte of a map with repair=True, through a buffer, that could not be read
    or written. The number never decreases. A forked child starts with that of its parent.
    """

def _is_suspect(map: mmap) -> bool: ...
def _check_range(map: mmap, start: int, end: int) -> None: ...
def _check_intact(before: int) -> None: ...
def _repair_files() -> None: ...
def _checkpoint_all() -> None: ...
def _close_in_child() -> None: ...
def _open_shared_memory(name: str, create: bool, exclusive: bool, size: int | None) -> Map: ...
def _unlink_shared_memory(name: str) -> None: ...
def _shared_memory_names() -> list[str]: ...

_Item = TypeVar("_Item", bound=bytes | Line, default=bytes)

@final
class LineIterator(Generic[_Item]):
    """An iterator over the lines of a map, as `bytes` or as `Line`. Returned by the method lines().

    After an exception it is exhausted, unless the handler of a signal raised it.
    """

    def __iter__(self) -> Self:
        """Returns the iterator itself."""

    def __next__(self) -> _Item:
        """Returns the next line. Raises StopIteration at the end, ValueError if the map is closed,
        FaultError if the line cannot be read.
        """

    def tell(self) -> int:
        """Returns the offset of the next line. With needles, the search continues there."""

    def __class_getitem__(cls, item: object) -> GenericAlias: ...

@final
class FindIterator:
    """An iterator over the offsets at which something is found in a map. Returned by
    Map.find_iter().

    After an exception it is exhausted, unless the handler of a signal raised it.
    """

    def __iter__(self) -> Self:
        """Returns the iterator itself."""

    def __next__(self) -> int:
        """Returns the next offset. Raises StopIteration at the end, ValueError if the map is
        closed, FaultError if a byte cannot be read.
        """

@final
class _Atomic:
    """A word of a map that processes change atomically: the class safemap.ipc.Atomic.

    `format` is a letter of struct: bBhHiIlLqQnN for integers, f and d for floats, which have load,
    store and swap only. The methods are atomic for every process that maps the memory, also in Rust
    (Map::atomic) and in C, and sequentially consistent. Integers wrap around as in C. The byte
    order is the machine's.

    The methods raise FaultError if the page cannot be accessed; nothing was changed then. They
    raise ValueError if the format does not have the value. On a read-only map all but load raise
    TypeError, on a private one all but load and store ValueError: they would exclude no other
    process.
    """

    def __new__(cls, map: mmap, offset: int, format: str) -> Self:
        """Raises IndexError if the word does not lie in the map, ValueError for a misaligned
        address and on processors without native accessors.
        """

    @property
    def map(self) -> mmap:
        """The map of the word."""

    @property
    def offset(self) -> int:
        """The offset of the word in the map."""

    @property
    def format(self) -> str:
        """The format of the word: one letter."""

    def load(self) -> int | float:
        """Returns the number."""

    def store(self, value: float) -> None:
        """Stores `value`."""

    def swap(self, value: float) -> int | float:
        """Stores `value` and returns the former number."""

    def compare_exchange(self, expected: int, new: int) -> int:
        """Stores `new` if the number is `expected`. Returns the former number: it equals `expected`
        if `new` was stored.
        """

    def fetch_add(self, value: int) -> int:
        """Adds `value`, modulo the range of the format, and returns the former number."""

    def fetch_sub(self, value: int) -> int:
        """Subtracts `value`, modulo the range of the format, and returns the former number."""

    def fetch_and(self, value: int) -> int:
        """Replaces the number with its bitwise "and" with `value`, and returns the former one."""

    def fetch_or(self, value: int) -> int:
        """Replaces the number with its bitwise "or" with `value`, and returns the former one."""

    def fetch_xor(self, value: int) -> int:
        """Replaces the number with its exclusive "or" with `value`, and returns the former one."""

    def fetch_min(self, value: int) -> int:
        """Replaces the number with the lesser of it and `value`, and returns the former one."""

    def fetch_max(self, value: int) -> int:
        """Replaces the number with the greater of it and `value`, and returns the former one."""

@final
class _RangeLock:
    """A lock of a range of a file, until release(), the end of a `with` block, or the end of the
    process: the class safemap.ipc.RangeLock. Map.lock_range() returns it.

    In a forked child it is the parent's lock: release() has no effect there.
    """

    def release(self) -> None:
        """Releases the lock. Does nothing if that was done before."""

    def __enter__(self) -> Self:
        """Returns the lock."""

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        """Releases the lock."""

@final
class _Mutex:
    """A mutual exclusion between processes and threads that survives a crash of its owner: the
    class safemap.ipc.Mutex.

    It is 16 bytes of a shared, writable map of a file; all zeros means unlocked. If the owner ends
    without unlocking, the next one gets the lock, and `owner_died` is true: the data may be
    incomplete. This is so for each later owner until one calls mark_consistent(). A process that is
    slow or stopped keeps the lock.

    The mutex is not reentrant. A forked child does not own the locks of its parent. While it is
    locked, or a thread waits for it, close() of the map raises BufferError. If the object is
    deleted while it is locked, the mutex stays locked until the map is closed or the process ends.
    An exception in the block is not a crash: later owners get no report.

    Example::

        mutex = safemap.ipc.Mutex(safemap.open("shared", "r+"), 0)
        with mutex:  # waits for other processes
            if mutex.owner_died:
                repair()
    """

    def __new__(cls, map: mmap, offset: int) -> Self:
        """Raises IndexError if the bytes do not lie in the map, ValueError for a misaligned offset,
        a private or anonymous map, and where the system cannot say which processes exist, TypeError
        for a read-only map.
        """

    @property
    def map(self) -> mmap:
        """The map of the mutex."""

    @property
    def offset(self) -> int:
        """The offset of the mutex in the map."""

    @property
    def owner_died(self) -> bool:
        """Whether an owner has crashed, and no owner since has called mark_consistent()."""

    @property
    def holder(self) -> int | None:
        """The process id of the owner, None if the mutex is unlocked.

        For humans only: it may be that of another container, and the owner may change at any time.
        """

    def acquire(self, timeout: float | None = None) -> bool:
        """Locks the mutex and returns True, or returns False after `timeout` seconds. With a
        timeout of 0 it does not wait.
        """

    def release(self) -> None:
        """Unlocks the mutex. Raises RuntimeError if it is not locked through this object."""

    def mark_consistent(self) -> None:
        """Ends the report of a crash: later owners do not get it.

        Raises RuntimeError if it is not locked through this object.
        """

    def __enter__(self) -> Self:
        """Locks the mutex."""

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Unlocks the mutex, also after an exception."""

@final
class _Channel:
    """Messages of bytes from many senders to many receivers, of any number of processes: the class
    safemap.ipc.Channel.

    A channel is a file, with a ring of `capacity` bytes (1 MiB unless said otherwise, rounded up to
    a power of two). Opens the file, or creates it; a file that exists must have the capacity and
    `max_messages`, if they are given. Without a path the channel is in memory (Linux), which
    processes get by inheritance, pickling or descriptor.

    Each message goes to one receiver. A process may crash at any instruction: the others continue,
    and no message is torn, or delivered twice. 64 processes may send and 64 may receive at once.
    The file is never removed.

    At the end of a `with` statement the channel is closed, with its senders and receivers.

    Example::

        channel = safemap.ipc.Channel("work")  # a file, which each process opens
        channel.sender().send(b"a message")  # in one process
        for message in channel.receiver():  # in another one
            handle(message)
    """

    def __new__(
        cls,
        path: str | bytes | PathLike[str] | PathLike[bytes] | None = None,
        capacity: int | None = None,
        *,
        max_messages: int | None = None,
        permissions: int = 0o600,
    ) -> Self:
        """Raises ValueError for a file that is not such a channel, OSError from the system,
        io.UnsupportedOperation on systems and file systems without channels.
        """

    @staticmethod
    def open(path: str | bytes | PathLike[str] | PathLike[bytes]) -> _Channel:
        """Opens a channel that exists."""

    @staticmethod
    def create(
        path: str | bytes | PathLike[str] | PathLike[bytes],
        capacity: int | None = None,
        *,
        max_messages: int | None = None,
        permissions: int = 0o600,
    ) -> _Channel:
        """Creates a channel. Raises FileExistsError if the path exists."""

    @staticmethod
    def from_fd(fd: int) -> _Channel:
        """Opens the channel of a descriptor that is open for reading and writing, such as one that
        another process has passed. The descriptor remains the caller's.
        """

    @property
    def path(self) -> str | None:
        """The absolute path, or None for memory."""

    @property
    def capacity(self) -> int:
        """The bytes of the ring."""

    @property
    def longest_message(self) -> int:
        """The greatest length of a message."""

    @property
    def max_messages(self) -> int | None:
        """The greatest number of messages in the channel, None if only the capacity limits them."""

    def sender(self) -> _Sender:
        """Returns a Sender. The process takes part as one that sends until all of them are closed
        or deleted.

        Raises OSError if 64 processes send already.
        """

    def receiver(self) -> _Receiver:
        """Returns a Receiver. The process takes part as one that receives until all of them are
        closed or deleted.

        Raises OSError if 64 processes receive already.
        """

    def is_empty(self) -> bool:
        """Returns whether no message is in the channel. See len()."""

    def peers(self) -> Peers:
        """Returns a named tuple: how many processes are `senders`, and `receivers`. It may have
        changed when the call returns: show it, do not decide by it.
        """

    if sys.platform != "win32":
        def fileno(self) -> int:
            """Returns the descriptor of the file, for example to pass it to a child. It remains the
            channel's.
            """

    def close(self) -> None:
        """Closes the channel in this process, with its senders and receivers. Calls of them that
        wait raise ValueError.
        """

    def __len__(self) -> int:
        """Returns the number of messages. It may have changed when the call returns: show it, do
        not decide by it.
        """

    def __bool__(self) -> Literal[True]:
        """Returns True, also for an empty channel."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        """Closes the channel."""

@final
class _Sender:
    """Sends messages: the class safemap.ipc.Sender. Channel.sender() returns it.

    Threads may use it at the same time. While the channel is full, send() waits, and try_send()
    returns False. All raise BrokenPipeError if there were receivers and none is left,
    ConnectionResetError if the last one crashed, ValueError after close() and for a message that is
    longer than `longest_message` of the channel. The message was not sent then.
    """

    @property
    def channel(self) -> _Channel:
        """The channel."""

    def send(self, data: Buffer, timeout: float | None = None) -> None:
        """Sends a message: any bytes-like object. It is in the channel when the call returns.

        Raises TimeoutError if the channel has no space within `timeout` seconds.
        """

    def try_send(self, data: Buffer) -> bool:
        """Sends a message if the channel has space. Returns whether it was sent."""

    def send_many(self, messages: Iterable[Buffer]) -> int:
        """Sends the messages of an iterable. Waits while the channel is full. Returns their number.

        Messages of other senders may come in between. An exception, also one of the iterable, has
        an attribute `sent`: how many were sent before.
        """

    def close(self) -> None:
        """Ends sending through this object. When the last sender of the last process is closed,
        receivers get the messages that are left, and then EOFError.
        """

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        """Closes the sender."""

@final
class _Receiver:
    """Receives messages: the class safemap.ipc.Receiver. Channel.receiver() returns it.

    Threads may use it at the same time; each message goes to one receiver. While the channel is
    empty, recv() waits, and try_recv() returns None. If there were senders and none is left, and no
    message either, all raise EOFError, or ConnectionResetError if the last sender crashed. They
    raise ValueError after close().

    Iteration ends where recv() raises EOFError.
    """

    @property
    def channel(self) -> _Channel:
        """The channel."""

    def recv(self, timeout: float | None = None) -> bytes:
        """Receives a message. Raises TimeoutError if none comes within `timeout` seconds."""

    def try_recv(self) -> bytes | None:
        """Receives a message, or returns None if the channel is empty."""

    def recv_into(self, buffer: Buffer, timeout: float | None = None) -> int:
        """Receives a message into `buffer`, a writable bytes-like object. Returns its length.

        Raises ValueError if the message is longer than the buffer; it stays in the channel then.
        Raises TimeoutError if no message comes within `timeout` seconds.
        """

    def recv_many(self, limit: int, timeout: float | None = None) -> list[bytes]:
        """Waits for a message, and receives all that are there, at most `limit`.

        It takes less time than as many calls of recv(). Raises TimeoutError if no message comes
        within `timeout` seconds.
        """

    def close(self) -> None:
        """Ends receiving through this object. When the last receiver of the last process is closed,
        senders get BrokenPipeError.
        """

    def __iter__(self) -> Self: ...
    def __next__(self) -> bytes: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        """Closes the receiver."""

@final
class _Journal:
    """Records of bytes that are appended to a file, and read by any number of readers: the class
    safemap.ipc.Journal.

    Modes: 'r' opens the file for reading, for which permission to read is sufficient; 'r+' opens it
    for reading and appending; 'a' also creates it if it does not exist; 'x' creates it. A new file
    has `allocate` bytes for records (1 MiB unless said otherwise), and grows.

    Writers and readers may be in any number of processes. Each reader reads every record, in the
    order in which they were appended. A process may crash at any instruction: no record is there in
    part, and none is lost whose append() has returned. What was appended before sync() survives a
    power failure too.

    At the end of a `with` statement the journal is closed, with its writers and readers.

    Example::

        journal = safemap.ipc.Journal("events")
        journal.writer().append(b"a record")  # in one process
        for record in journal.reader():  # in another one
            handle(record)
    """

    def __new__(
        cls,
        path: str | bytes | PathLike[str] | PathLike[bytes],
        mode: Literal["r", "r+", "a", "x"] = "a",
        *,
        allocate: int | None = None,
        permissions: int = 0o600,
    ) -> Self:
        """Raises ValueError for a file that is not a journal, OSError from the system, and
        io.UnsupportedOperation on systems and file systems without journals.
        """

    @property
    def path(self) -> str:
        """The absolute path."""

    @property
    def mode(self) -> Literal["r", "r+", "a", "x"]:
        """The mode: 'r', 'r+', 'a' or 'x'."""

    def writer(self) -> _JournalWriter:
        """Returns a JournalWriter. Raises io.UnsupportedOperation in the mode 'r'."""

    def reader(
        self, *, at: int | None = None, after: int | None = None, end: bool = False
    ) -> _JournalReader:
        """Returns a JournalReader that begins with the first record, with the one `at` a position,
        with the one behind a position (`after`), or with the next one that is appended (`end`).

        Raises LookupError if there is no record at the position: a power failure has removed it, or
        it is not one of this journal. Raises TypeError for more than one of the arguments.
        """

    if sys.platform != "win32":
        def fileno(self) -> int:
            """Returns the descriptor of the file. It remains the journal's."""

    def close(self) -> None:
        """Closes the journal in this process, with its writers and readers. Calls of them that wait
        raise ValueError.
        """

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        """Closes the journal."""

@final
class _JournalWriter:
    """Appends records to a journal: the class safemap.ipc.JournalWriter. Journal.writer() returns
    it.

    Threads may use it at the same time. Calls wait while another process or thread appends. A call
    that fails has appended nothing, and later calls work when the cause is gone. All but sync() and
    close() raise EOFError if the journal is finished. They raise OSError from the system, for
    example if the disk is full, and if another program has changed the file; ValueError after
    close().
    """

    @property
    def journal(self) -> _Journal:
        """The journal."""

    def append(self, data: Buffer) -> int:
        """Appends a record: any bytes-like object. Returns its position, an int.

        Readers of all processes can read it when the call returns. sync() makes it survive a power
        failure. Raises ValueError for a record of 4 GiB or nearly as much.
        """

    def append_many(self, records: Iterable[Buffer]) -> int:
        """Appends the items of an iterable as records, which takes less time than as many calls of
        append(). Returns their number.

        All items are taken from the iterable first. No records of other writers come in between. An
        exception has an attribute `appended`: how many were appended before, for example until the
        disk was full. If this process crashes, the first records may be there without the others.
        """

    def sync(self) -> None:
        """Waits until all records are on the disk that were appended before, by any process.

        After an OSError only the records are durable that were so before the call, and the next
        call, of any process, writes the bytes again.
        """

    def finish(self) -> None:
        """Ends the journal: readers learn that no more records come, and no writer can append any.
        """

    def close(self) -> None:
        """Closes the writer. It does not call sync() or finish()."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        """Closes the writer."""

@final
class _JournalReader:
    """Reads the records of a journal, in their order: the class safemap.ipc.JournalReader.
    Journal.reader() returns it.

    Threads may use it at the same time; each record is returned once. At the end, read() waits for
    the next record, and try_read() returns None. Behind the last record of a finished journal all
    raise EOFError. They raise OSError if another program has changed or cut the file; ValueError
    after close(). The reader stays where it is if a call fails.

    Iteration waits for each record, and ends where read() raises EOFError.
    """

    @property
    def journal(self) -> _Journal:
        """The journal."""

    @property
    def position(self) -> int | None:
        """The position, an int, of the record that was read last; at first that of the argument
        `after`, or None.
        """

    def read(self, timeout: float | None = None) -> bytes:
        """Returns the next record. Raises TimeoutError if none comes within `timeout` seconds."""

    def try_read(self) -> bytes | None:
        """Returns the next record, or None at the end."""

    def read_into(self, buffer: Buffer, timeout: float | None = None) -> int:
        """Reads the next record into `buffer`, a writable bytes-like object. Returns its length.

        Raises ValueError if the record is longer than the buffer; the next call gets it then.
        Raises TimeoutError if no record comes within `timeout` seconds.
        """

    def read_many(self, limit: int, timeout: float | None = None) -> list[bytes]:
        """Waits for a record, and returns all that are there, at most `limit`.

        It takes less time than as many calls of read(). Raises TimeoutError if no record comes
        within `timeout` seconds.
        """

    def close(self) -> None:
        """Closes the reader."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> bytes: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        """Closes the reader."""

def _leave_channels() -> None: ...

@disjoint_base
class mmap:
    """A memory map that behaves like a bytearray and like a file object.

    Every method except close() and seekable() raises ValueError if the map is closed. Methods that
    access the memory raise FaultError if a byte cannot be accessed: one on a page that the file no
    longer contains. The rest of the file's last page reads as zeros, and bytes written there are
    lost; verify() raises FaultError then. Methods that change the memory raise TypeError if the map
    is read-only.
    """

    if sys.platform == "win32":
        def __new__(
            cls,
            fileno: int,
            length: int,
            tagname: str | None = None,
            access: int = 0,
            offset: int = 0,
            *,
            trackfd: bool = True,
            repair: bool = False,
            allocate: bool = False,
        ) -> Self:
            """Maps `length` bytes of the file with the descriptor `fileno`, or anonymous memory if
            that is -1 or 0.

            A length of 0 maps the rest of the file, starting at `offset`, which must be a multiple
            of ALLOCATIONGRANULARITY. A file that is too short is extended if the map is writable.
            `access` is ACCESS_READ, ACCESS_WRITE or ACCESS_COPY. Processes that use the same
            `tagname` share the memory.

            The handle is duplicated unless `trackfd` is false; then size() and resize() raise
            ValueError. If `allocate` is true, resize() allocates disk space. If `repair` is true,
            NotImplementedError is raised.

            Raises ValueError or OverflowError for arguments that are out of range, OSError if the
            system cannot map the file.
            """

    else:
        def __new__(
            cls,
            fileno: int,
            length: int,
            flags: int = ...,
            prot: int = ...,
            access: int = 0,
            offset: int = 0,
            *,
            trackfd: bool = True,
            repair: bool = False,
            allocate: bool = False,
        ) -> Self:
            """Maps `length` bytes of the file with the descriptor `fileno`, or anonymous memory if
            that is -1.

            A length of 0 maps the rest of the file, starting at `offset`, which must be a multiple
            of ALLOCATIONGRANULARITY. `access` is ACCESS_READ, ACCESS_WRITE or ACCESS_COPY.
            Alternatively `flags` and `prot` are passed to the system's mmap().

            The descriptor is duplicated unless `trackfd` is false; then size() and resize() raise
            ValueError. If `repair` is true, accesses through a buffer read zeros where the file has
            become shorter, and later calls raise FaultError until restore() succeeds. If `allocate`
            is true, resize() allocates disk space.

            Raises ValueError or OverflowError for arguments that are out of range, OSError if the
            system cannot map the file.
            """

    # Methods of a file object.

    def tell(self) -> int:
        """Returns the current position."""

    def seek(self, pos: SupportsIndex, whence: SupportsIndex = 0, /) -> int:
        """Sets the position and returns it.

        `pos` is relative to the start (whence 0), the current position (1) or the end (2). Raises
        ValueError if the new position is outside the map.
        """

    def seekable(self) -> Literal[True]:
        """Returns True: the position can be changed."""

    def read(self, n: SupportsIndex | None = None, /) -> bytes:
        """Returns the next `n` bytes, or all remaining bytes, and advances the position."""

    def read_byte(self) -> int:
        """Returns the next byte as an int and advances the position.

        Raises ValueError at the end of the map.
        """

    def readline(self) -> bytes:
        """Returns the bytes up to and including the next newline, or all remaining bytes, and
        advances the position.
        """

    def lines(
        self,
        start: SupportsIndex = 0,
        end: SupportsIndex | None = None,
        *,
        keepends: bool = True,
        containing: Buffer | None = None,
    ) -> LineIterator:
        """Returns an iterator over the lines in `start..end`.

        Lines end with b"\\n", which is removed if `keepends` is false. With `containing`, a
        bytes-like object, only the lines that contain it are returned. The position is neither used
        nor changed. Up to 8 KiB are read ahead, so the iterator may miss concurrent writes.
        """

    def write(self, bytes: Buffer, /) -> int:
        """Writes `bytes` at the position, advances the position and returns the number of bytes.

        Raises ValueError, and writes nothing, if they do not fit.
        """

    def write_byte(self, byte: SupportsIndex, /) -> None:
        """Writes the int `byte` at the position and advances the position.

        Raises ValueError at the end of the map, OverflowError if `byte` is not in range(256).
        """

    def size(self) -> int:
        """Returns the current length of the file in bytes, or that of the map for anonymous memory.

        Raises io.UnsupportedOperation for a map created with trackfd=False.
        """

    def verify(self) -> None:
        """Raises FaultError if the file is shorter than the map, with the end of the file, relative
        to the start of the map, as `offset` (0 if it ends before the map starts).

        The rest of the page in which a truncated file ends reads as zeros, and bytes written there
        are lost; no other method reports this. The result is what was true during the call, which
        is one fstat(): the file may be truncated at any time after it.

        Raises io.UnsupportedOperation for a device and for a map created with trackfd=False.
        """

    # Methods for the memory.

    def find(
        self,
        view: Buffer,
        start: SupportsIndex | None = None,
        end: SupportsIndex | None = None,
        /,
    ) -> int:
        """Returns the lowest index in `start..end` at which `view` is found, or -1.

        `start` defaults to the position, `end` to the end of the map.
        """

    def rfind(
        self,
        view: Buffer,
        start: SupportsIndex | None = None,
        end: SupportsIndex | None = None,
        /,
    ) -> int:
        """Returns the highest index in `start..end` at which `view` is found, or -1.

        `start` defaults to the position, `end` to the end of the map.
        """

    def move(self, dest: SupportsIndex, src: SupportsIndex, count: SupportsIndex, /) -> None:
        """Copies `count` bytes from the offset `src` to the offset `dest`. The ranges may overlap.

        Raises ValueError if a range is outside the map.
        """

    def resize(self, newsize: SupportsIndex, /) -> None:
        """Changes the length of the map and of its file to `newsize` bytes. On failure both are
        unchanged.

        Raises BufferError while a buffer of the memory exists, TypeError for a map that must not
        change its file, ValueError for one created with trackfd=False, OSError from the system.
        """

    def flush(
        self,
        offset: SupportsIndex = 0,
        size: SupportsIndex = -1,
        /,
        *,
        flags: SupportsIndex = 0,
    ) -> None:
        """Writes changed bytes back to the file.

        Flushes `size` bytes, or all up to the end, starting at `offset`, which must be a multiple
        of PAGESIZE. `flags` is MS_SYNC (the default: waits until the bytes are on the device) or
        MS_ASYNC, optionally with MS_INVALIDATE. On Windows any offset is allowed, and flags have no
        effect. Does nothing for maps that do not change a file.

        Raises ValueError if the range is outside the map, OSError from the system.
        """

    def sync(self) -> None:
        """Does what flush() does, and then what os.fsync() does for the file; on macOS it also
        flushes the cache of the drive. Afterwards all written bytes survive a power failure. Does
        nothing for maps that do not change a file.

        Raises OSError from the system.
        """

    if sys.platform != "win32":
        def madvise(
            self,
            option: SupportsIndex,
            start: SupportsIndex = 0,
            length: SupportsIndex | None = None,
            /,
        ) -> None:
            """Advises the system how the memory will be used: `option` is a MADV_ constant.

            The advice is for `length` bytes, at most up to the end of the map, starting at `start`,
            which must be a multiple of PAGESIZE. Raises ValueError if `start` is outside the map,
            OSError from the system.
            """

    def set_name(self, name: str, /) -> None:
        """Gives anonymous memory a name, which /proc/PID/maps shows after the prefix cpython:mmap:.

        Raises ValueError for a map of a file or a name that is too long, NotImplementedError on
        systems other than Linux.
        """

    def protect(
        self,
        prot: SupportsIndex,
        start: SupportsIndex = 0,
        length: SupportsIndex | None = None,
        /,
    ) -> None:
        """Changes the protection of `length` bytes, starting at `start`, a multiple of PAGESIZE.

        `prot` is PROT_NONE or a combination of PROT_READ, PROT_WRITE and PROT_EXEC. Windows lacks
        these constants; there it is 0 or a combination of 1, 2 and 4. An access that it forbids
        raises FaultError. A resize that moves the map restores the original protection.

        Raises ValueError if the range is outside the map, OSError from the system.
        """

    def lock(self, start: SupportsIndex = 0, length: SupportsIndex | None = None, /) -> None:
        """Reads `length` bytes, starting at `start`, into memory and locks them there.

        Raises ValueError if the range is outside the map, OSError from the system.
        """

    def unlock(self, start: SupportsIndex = 0, length: SupportsIndex | None = None, /) -> None:
        """Unlocks `length` bytes, starting at `start`, that lock() has locked.

        Raises ValueError if the range is outside the map, OSError from the system.
        """

    @property
    def damage(self) -> int | None:
        """The lowest offset at which zeros have replaced bytes of the file, or None.

        Always None for a map that was not created with repair=True.
        """

    def restore(self) -> None:
        """Maps the file again where zeros have replaced it, so that the map can be used again. What
        was written to the zeros is lost.

        Raises FaultError if the file is still too short, or was cut during the call and accessed.
        """

    # The object itself.

    def close(self) -> None:
        """Unmaps the memory and closes the duplicated descriptor. Later calls raise ValueError.
        Does nothing if the map is closed already.

        Raises BufferError while a buffer of the memory (memoryview, array) exists.
        """

    @property
    def closed(self) -> bool:
        """Whether the map is closed."""

    def __enter__(self) -> Self:
        """Returns the map itself, which is closed at the end of the with statement."""

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        """Closes the map."""

    def __bytes__(self) -> bytes:
        """Returns a copy of all bytes. The position is neither used nor changed."""

    def __len__(self) -> int:
        """Returns the length of the map in bytes."""

    @overload
    def __getitem__(self, key: SupportsIndex, /) -> int: ...
    @overload
    def __getitem__(self, key: slice, /) -> bytes: ...
    @overload
    def __setitem__(self, key: SupportsIndex, value: SupportsIndex, /) -> None: ...
    @overload
    def __setitem__(self, key: slice, value: Buffer, /) -> None: ...
    def __delitem__(self, key: SupportsIndex | slice, /) -> NoReturn:
        """Raises TypeError: the length changes by resize() only."""
    # These two methods do not exist: iteration and `in` use indices, and compare bytes of length 1.
    def __iter__(self) -> Iterator[bytes]: ...
    def __contains__(self, byte: object, /) -> bool: ...
    # A buffer before Python 3.12, too, as in typeshed.
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __release_buffer__(self, view: memoryview, /) -> None: ...

@disjoint_base
class Map(mmap):
    """A map of a file, opened by path. open() describes the arguments.

    In addition to the methods of mmap it has those of a file object, and it can be pickled if it
    was opened by path. Iteration, `in` and `reversed` give ints. Opened without a size in the modes
    r+, w+ and x+, it grows when it is written past its end.
    """

    def __new__(
        cls,
        file: File,
        mode: Mode = "r",
        size: int | None = None,
        *,
        offset: int = 0,
        reserve: int = 0,
        repair: bool = False,
        allocate: bool = False,
        advise: Advise | None = None,
        populate: bool = False,
        lock: bool = False,
        drop_behind: int | None = None,
        transactional: bool = False,
        timeout: float | None = 0,
        create: bool = False,
    ) -> Self:
        """Maps a file, as open() does."""

    @property
    def name(self) -> str | bytes | int:
        """The path that was opened, or the number of the descriptor."""

    @property
    def offset(self) -> int:
        """The byte of the file at which the map starts."""

    @property
    def access(self) -> int:
        """ACCESS_READ, ACCESS_WRITE or ACCESS_COPY."""

    @property
    def exports(self) -> int:
        """The number of buffers (memoryview, array) that refer to the memory."""

    def close(self, *, detach: bool = False) -> None:
        """Closes the map: later calls raise ValueError. Does nothing if it is closed already.

        Raises BufferError while a buffer of the memory exists. If `detach` is true, the map is
        closed nevertheless, and its memory is unmapped when the last buffer has been released.
        Until then a transactional map keeps other maps from being opened for writing.
        """

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        """Closes the map. If the block ends with an exception, the map is closed as by
        close(detach=True), and what prevents that is a note of the exception.
        """

    # Transactions, of maps that were opened with transactional=True. The methods raise
    # io.UnsupportedOperation for other maps, and those that change the file raise TypeError for a
    # map in the mode r. After a commit whose result is not known all raise InDoubtError.

    @property
    def transactional(self) -> bool:
        """Whether changes reach the file by transactions."""

    def transaction(self) -> Transaction:
        """Returns a context manager for a block of changes, which are committed at its end. An
        exception rolls them back, as does a failure of the commit.

        The threads that share the map share its block. The `with` statement raises ValueError in
        another block of the map, and if the map has changes that are not committed.

        Example::

            m = safemap.open("table", "r+", transactional=True)
            with m.transaction():
                m[0:8] = header
                m.append(record)  # both are in the file, or none
        """

    def commit(self) -> None:
        """Makes all changes since the last commit durable, and visible to other maps of the file.

        When the call has returned, the changes survive a crash and a power failure. Before that,
        the file has all of them or none after it was opened the next time. The call waits for
        readers that are in reading(). If it fails, the changes stay pending. flush() is the same.

        A store through a buffer (memoryview, array) by another thread during the call belongs to
        this commit or to the next one.

        Raises ValueError in a block, RuntimeError if this thread is in reading() of the file,
        FaultError if another program has shortened the file and changes were lost by that (nothing
        is written), OSError from the system, InDoubtError if it is not known whether the changes
        are durable.
        """

    def rollback(self) -> None:
        """Undoes all changes since the last commit: the map shows the file again, and has its
        length. Buffers of the memory show the file, too.

        Raises ValueError in a block: an exception rolls that back.
        """

    def changed(self) -> list[tuple[int, int]]:
        """Returns the parts that a commit would write, as a list of (start, end), in ascending
        order: the bytes that differ from the file, and short gaps between them.
        """

    def checkpoint(self) -> None:
        """Writes all committed bytes to their place in the file durably, and empties the journal.

        Commits do this when the journal is full, as do close(), garbage collection and the end of
        the interpreter. If it fails, the map is in doubt: later calls raise InDoubtError. No
        committed byte is lost.
        """

    def reading(self) -> Reading:
        """Returns a context manager for a block in which no commit is applied to the file.

        The `with` statement waits for a commit that is being applied, and completes one whose
        writer has crashed. A map in the mode r gets the length that the last commit gave the file,
        unless it was opened with a size. Buffers keep their length. They show the file, also if the
        map moves. Blocks of a thread may be nested.

        It raises TimeoutError if the writer of an incomplete commit stays open for longer than the
        `timeout` of open(), PermissionError if the commit has to be completed and the process may
        not write to the file, ValueError if the journal is damaged.
        """

    def refresh(self) -> int:
        """Sets the length of the map to the current length of the file, and returns it. The file is
        not modified. Read-only maps can be refreshed, too.

        Raises BufferError as resize() does, io.UnsupportedOperation for a map that was opened with
        a size or in the mode c. A transactional map in the mode r raises no BufferError: its
        buffers keep their memory, as in reading().
        """

    def load(self, format: str, offset: int) -> int | float:
        """Returns the number at `offset`, loaded by one access of the width of `format`: a letter
        of struct (bBhHiIlLqQnNfd), with the machine's byte order. An aligned number is never torn.

        Raises IndexError if it does not lie in the map.
        """

    def store(self, format: str, offset: int, value: float) -> None:
        """Stores `value` at `offset` by one access of the width of `format`; otherwise as load().

        Raises IndexError if it does not lie in the map, ValueError if the format does not have the
        value, TypeError for a read-only map.
        """

    def wait(self, offset: int, expected: int, timeout: float | None = None) -> bool:
        """Waits while the unsigned 32-bit word at `offset` is `expected`, until notify() is called
        for it. Returns False if `timeout` seconds have passed, else True.

        May return True without a reason, so check the word again. The comparison and the start of
        the wait are one step: a notify() that follows a change of the word is not missed.

        Raises IndexError for an offset outside the map, ValueError for a misaligned one and for a
        private map.
        """

    def notify(self, offset: int, count: int | None = None) -> None:
        """Wakes up to `count` threads, of any process, that wait() for the word at `offset`;
        without `count` all of them.
        """

    def lock_range(
        self,
        start: int = 0,
        end: int | None = None,
        *,
        shared: bool = False,
        timeout: float | None = None,
    ) -> _RangeLock:
        """Locks the bytes start..end, by default all, in the file. Waits while another lock
        excludes that, and returns a RangeLock: `with m.lock_range(0, 64): ...`.

        Locks exclude each other, not accesses: exclusive ones all others that overlap them,
        `shared` ones those that are not shared. The kernel releases a lock when its process ends,
        however it ends. Offsets are those of the map; maps with different offsets agree. Threads
        exclude each other as processes do: a thread that has a lock of the range itself waits for
        ever.

        On Unix they are the locks of fcntl.lockf(), which exclude them and are excluded by them.
        Releasing one also releases those that this process took on the file with lockf().

        Raises TimeoutError if `timeout` seconds have passed, ValueError if the range has no bytes
        or does not lie in the map, io.UnsupportedOperation in the mode c and on systems without
        such locks.
        """

    def append(self, data: Buffer, /) -> int:
        """Writes `data` at the end of the file, makes the map longer, and returns the offset of the
        data in the map. The position is neither used nor changed.

        Other processes never read zeros in place of data to come, but may read a part of it. If the
        disk is full, file and map are unchanged. Threads take turns; one map may append to a
        file at a time.

        Raises io.UnsupportedOperation if the map does not end at the end of the file, for a
        descriptor with O_APPEND and in the mode c, TypeError for a read-only map, BufferError if a
        buffer of the memory exists and the map would have to move.
        """

    def windows(
        self, size: int, start: int = 0, end: int | None = None, *, drop: bool = True
    ) -> Iterator[memoryview[int]]:
        """Returns an iterator over memoryviews of consecutive parts of `start..end`, each of `size`
        bytes but the last.

        If `drop` is true, the iterator releases the pages of the parts before the current one, in
        pieces of at least 2 MiB: reading a file that is larger than memory then occupies little of
        it. Nothing that was written is lost, and older views read the pages again. On Windows the
        system decides. Without `end` the last part ends with the map.

        Raises ValueError for a size that is not positive and for a negative bound. If `drop` is
        true: io.UnsupportedOperation in the mode c, which would lose its changes, OSError (EINVAL)
        for a locked map.
        """

    def truncate(self, size: int | None = None, /) -> int:
        """Sets the length of the map, and that of the file to its end, to `size` bytes, or to the
        position. Returns the length. The position does not change.

        Raises io.UnsupportedOperation for a map that was opened with a size or for reading,
        BufferError as resize() does.
        """

    def readable(self) -> bool:
        """Returns True. Raises ValueError if the map is closed."""

    def writable(self) -> bool:
        """Returns whether the map can be written to. Raises ValueError if it is closed."""

    def fileno(self) -> NoReturn:
        """Raises io.UnsupportedOperation: the position of the map is not that of a descriptor."""

    def readinto(self, buffer: Buffer, /) -> int:
        """Copies bytes from the position into a writable `buffer`, advances the position and
        returns the number of bytes: 0 at the end.

        Returns the bytes before one that cannot be accessed. The next call raises FaultError.
        """

    def reader(self, start: int = 0, end: int | None = None) -> MapIO:
        """Returns a raw stream of the bytes from `start` to `end`, with its own position.

        Without `end` it extends to the end of the map, and writing past that end makes the map
        longer if it was opened without a size. Closing a stream does not close the map.

        Raises ValueError for a negative bound and for an end before the start.
        """

    # Searches. None of them uses the position.

    def find_iter(
        self,
        sub: Buffer,
        start: SupportsIndex = 0,
        end: SupportsIndex | None = None,
        *,
        overlapping: bool = False,
    ) -> FindIterator:
        """Returns an iterator over the offsets in `start..end` at which `sub` is found, in
        ascending order. Matches do not overlap, unless `overlapping` is true.

        The position is neither used nor changed. An empty `sub` is found at each offset.
        """

    def count(
        self,
        sub: Buffer | SupportsIndex,
        start: SupportsIndex = 0,
        end: SupportsIndex | None = None,
    ) -> int:
        """Returns how often `sub`, a bytes-like object or the int of a byte, is found in
        `start..end` without overlap.
        """

    def startswith(self, prefix: Buffer, at: SupportsIndex = 0) -> bool:
        """Returns whether the bytes from `at` on begin with `prefix`."""

    def index(
        self,
        sub: Buffer | SupportsIndex,
        start: SupportsIndex = 0,
        end: SupportsIndex | None = None,
    ) -> int:
        """Returns the lowest index in `start..end` at which `sub`, a bytes-like object or the int
        of a byte, is found. Raises ValueError if there is none. Does not use the position.
        """

    def rindex(
        self,
        sub: Buffer | SupportsIndex,
        start: SupportsIndex = 0,
        end: SupportsIndex | None = None,
    ) -> int:
        """Returns the highest index in `start..end` at which `sub`, a bytes-like object or the int
        of a byte, is found. Raises ValueError if there is none. Does not use the position.
        """

    @overload
    def lines(
        self,
        start: SupportsIndex = 0,
        end: SupportsIndex | None = None,
        *,
        keepends: bool = True,
        containing: Buffer | Sequence[Buffer] | None = None,
        separator: bytes = b"\n",
        numbered: Literal[False] = False,
    ) -> LineIterator[bytes]:
        """Returns an iterator over the lines in `start..end`.

        Lines end with `separator`, one byte, which is removed if `keepends` is false. With
        `containing`, a bytes-like object or several, only the lines that contain one of them are
        returned, each once. If `numbered` is true, the items are named tuples `Line(number, offset,
        bytes)`; the first line has the number 1.

        The position is neither used nor changed. Up to 8 KiB are read ahead, so the iterator may
        miss concurrent writes. A needle with a separator that is not at its end raises ValueError.
        """

    @overload
    def lines(
        self,
        start: SupportsIndex = 0,
        end: SupportsIndex | None = None,
        *,
        keepends: bool = True,
        containing: Buffer | Sequence[Buffer] | None = None,
        separator: bytes = b"\n",
        numbered: Literal[True],
    ) -> LineIterator[Line]: ...
    @overload
    def lines(
        self,
        start: SupportsIndex = 0,
        end: SupportsIndex | None = None,
        *,
        keepends: bool = True,
        containing: Buffer | Sequence[Buffer] | None = None,
        separator: bytes = b"\n",
        numbered: bool = False,
    ) -> LineIterator[bytes] | LineIterator[Line]: ...
    @property
    def _file_id(self) -> tuple[int, int] | None: ...
    def _read_into(self, buffer: Buffer, at: int, end: int) -> int: ...
    def _passed(self, start: int, end: int) -> None: ...
    def _drop(self, start: int, end: int) -> None: ...
    def _write_at(self, bytes: Buffer, at: int) -> int: ...
    def __bool__(self) -> Literal[True]:
        """Returns True, as every file object does, also for an empty map."""

    def __iter__(self) -> Iterator[int]: ...  # type: ignore[override]
    def __copy__(self) -> NoReturn:
        """Raises TypeError: two maps of a file are not copies of each other."""

    def __deepcopy__(self, memo: object) -> NoReturn:
        """Raises TypeError, as copy.copy() does."""

@final
class Transaction:
    """A block of changes of a transactional map, in a `with` statement. Map.transaction() returns
    it.
    """

    def __enter__(self) -> Map:
        """Begins the block, and returns the map.

        Raises ValueError in another block of the map, and if the map has changes that are not
        committed; TypeError for a map in the mode r.
        """

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        """Commits the changes of the block, or rolls them back after an exception.

        Raises what Map.commit() raises, after the changes were rolled back.
        """

@final
class Reading:
    """A block in which no commit is applied to the file, in a `with` statement. Map.reading()
    returns it.
    """

    def __enter__(self) -> Map:
        """Begins the block, and returns the map. Map.reading() says what it raises."""

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        """Ends the block."""

_STANDARD_NAMES: Final[list[str]]

ACCESS_DEFAULT: Final = 0
ACCESS_READ: Final = 1
ACCESS_WRITE: Final = 2
ACCESS_COPY: Final = 3

PAGESIZE: Final[int]
ALLOCATIONGRANULARITY: Final[int]

if sys.platform != "win32":
    PROT_READ: Final[int]
    PROT_WRITE: Final[int]
    PROT_EXEC: Final[int]
    MAP_SHARED: Final[int]
    MAP_PRIVATE: Final[int]
    MAP_ANON: Final[int]
    MAP_ANONYMOUS: Final[int]
    MS_SYNC: Final[int]
    MS_ASYNC: Final[int]
    MS_INVALIDATE: Final[int]
    MADV_NORMAL: Final[int]
    MADV_RANDOM: Final[int]
    MADV_SEQUENTIAL: Final[int]
    MADV_WILLNEED: Final[int]
    MADV_DONTNEED: Final[int]
    MADV_FREE: Final[int]

    # CPython's module does not have these.
    PROT_NONE: Final[int]

if sys.platform == "linux":
    MAP_DENYWRITE: Final[int]
    MAP_EXECUTABLE: Final[int]
    MAP_POPULATE: Final[int]
    MAP_STACK: Final[int]
    MAP_NORESERVE: Final[int]
    MADV_REMOVE: Final[int]
    MADV_DONTFORK: Final[int]
    MADV_DOFORK: Final[int]
    MADV_HWPOISON: Final[int]
    MADV_MERGEABLE: Final[int]
    MADV_UNMERGEABLE: Final[int]
    MADV_HUGEPAGE: Final[int]
    MADV_NOHUGEPAGE: Final[int]
    MADV_DONTDUMP: Final[int]
    MADV_DODUMP: Final[int]

    # Only on x86 processors.
    MAP_32BIT: Final[int]

    # CPython's module does not have these.
    MAP_GROWSDOWN: Final[int]
    MAP_HUGETLB: Final[int]
    MAP_HUGE_SHIFT: Final[int]
    MAP_HUGE_MASK: Final[int]
    MAP_HUGE_16KB: Final[int]
    MAP_HUGE_64KB: Final[int]
    MAP_HUGE_512KB: Final[int]
    MAP_HUGE_1MB: Final[int]
    MAP_HUGE_2MB: Final[int]
    MAP_HUGE_8MB: Final[int]
    MAP_HUGE_16MB: Final[int]
    MAP_HUGE_32MB: Final[int]
    MAP_HUGE_256MB: Final[int]
    MAP_HUGE_512MB: Final[int]
    MAP_HUGE_1GB: Final[int]
    MAP_HUGE_2GB: Final[int]
    MAP_LOCKED: Final[int]
    MAP_NONBLOCK: Final[int]
    MAP_SHARED_VALIDATE: Final[int]
    MAP_SYNC: Final[int]
    MAP_DROPPABLE: Final[int]
    MADV_SOFT_OFFLINE: Final[int]
    MADV_WIPEONFORK: Final[int]
    MADV_KEEPONFORK: Final[int]
    MADV_COLD: Final[int]
    MADV_PAGEOUT: Final[int]
    MADV_POPULATE_READ: Final[int]
    MADV_POPULATE_WRITE: Final[int]
    MADV_DONTNEED_LOCKED: Final[int]
    MADV_COLLAPSE: Final[int]
    MADV_GUARD_INSTALL: Final[int]
    MADV_GUARD_REMOVE: Final[int]

if sys.platform == "darwin":
    MAP_NORESERVE: Final[int]
    MAP_NOEXTEND: Final[int]
    MAP_HASSEMAPHORE: Final[int]
    MAP_NOCACHE: Final[int]
    MAP_JIT: Final[int]
    MAP_RESILIENT_CODESIGN: Final[int]
    MAP_RESILIENT_MEDIA: Final[int]
    MAP_32BIT: Final[int]
    MAP_TRANSLATED_ALLOW_EXECUTE: Final[int]
    MAP_UNIX03: Final[int]
    MAP_TPRO: Final[int]
    MADV_FREE_REUSABLE: Final[int]
    MADV_FREE_REUSE: Final[int]

if sys.platform != "linux" and sys.platform != "darwin" and sys.platform != "win32":
    # The BSDs.
    MAP_STACK: Final[int]
    MAP_HASSEMAPHORE: Final[int]
    # FreeBSD.
    MAP_ALIGNED_SUPER: Final[int]
    MADV_NOSYNC: Final[int]
    MADV_AUTOSYNC: Final[int]
    MADV_NOCORE: Final[int]
    MADV_CORE: Final[int]
    MADV_PROTECT: Final[int]
    # OpenBSD.
    MAP_CONCEAL: Final[int]
