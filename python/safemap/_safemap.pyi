"""Memory-mapped files: the class mmap, its exceptions, and its constants."""

import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Literal, NoReturn, SupportsIndex, final, overload

from typing_extensions import Buffer, Self, disjoint_base

error = OSError

class FaultError(OSError):
    """A byte of a map cannot be accessed: its file is shorter now, the disk is full, or the device failed.

    `errno` is EFAULT, on Windows `winerror` what the system said. Bytes before it were transferred.
    """

    offset: int
    """The place in the map of the first byte that could not be accessed."""

@final
class LineIterator:
    """The lines of a map, as `bytes`. Made by mmap.lines(). After an exception there is nothing more."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> bytes: ...

@disjoint_base
class mmap:
    """Mapped memory that behaves like a bytearray and like an open file."""

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
            """Maps `length` bytes of the file with the descriptor `fileno`, or anonymous memory if that is -1 or 0.

            A length of 0 maps the rest of the file from `offset` on, which must be a multiple of ALLOCATIONGRANULARITY; a
            file that is too short becomes longer if the map may write to it. `access` is one of ACCESS_READ, ACCESS_WRITE
            and ACCESS_COPY. Whoever names memory by the same `tagname` gets the same memory, in other processes as well.
            The handle is duplicated unless `trackfd` is false; then size() and resize() raise. `repair` raises NotImplementedError.
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
            """Maps `length` bytes of the file with the descriptor `fileno`, or anonymous memory if that is -1.

            A length of 0 maps the rest of the file from `offset` on, which must be a multiple of ALLOCATIONGRANULARITY.
            `access` is one of ACCESS_READ, ACCESS_WRITE and ACCESS_COPY; in its place `flags` and `prot` give what the
            system's own call takes. The descriptor is duplicated unless `trackfd` is false; then size() and resize() raise.
            With `repair`, readers of a view meet zeros where the file no longer reaches, and every later call raises
            FaultError until restore() succeeds. With `allocate`, resize() sets space on the disk aside.
            """

    # The file.

    def tell(self) -> int:
        """Returns the position."""

    def seek(self, pos: SupportsIndex, whence: SupportsIndex = 0, /) -> int:
        """Moves the position to `pos` from the start (whence 0), the position (1) or the end (2), and returns it."""

    def seekable(self) -> Literal[True]:
        """Returns True: the position can be moved."""

    def read(self, n: SupportsIndex | None = None, /) -> bytes:
        """Returns the next `n` bytes, or all that are left, and moves the position behind them."""

    def read_byte(self) -> int:
        """Returns the next byte as an int and moves the position behind it."""

    def readline(self) -> bytes:
        """Returns the bytes up to and including the next newline, or all that are left, and moves the position."""

    def lines(
        self,
        start: SupportsIndex = 0,
        end: SupportsIndex | None = None,
        *,
        keepends: bool = True,
        containing: Buffer | None = None,
    ) -> LineIterator:
        """Goes through the lines from `start` to `end`; lines end with b"\\n", which is left away if `keepends` is false.

        With `containing`, a bytes-like object, only lines that contain it. The position is neither used nor moved. Up to 8 KiB are
        read ahead, so what is written there meanwhile may not be seen.
        """

    def write(self, bytes: Buffer, /) -> int:
        """Writes `bytes` at the position, all or, if they do not fit, none; moves it behind them, returns their number."""

    def write_byte(self, byte: SupportsIndex, /) -> None:
        """Writes the int `byte` at the position and moves the position behind it."""

    def size(self) -> int:
        """Returns the length of the file in bytes as it is now; of anonymous memory that of the map."""

    # The memory.

    def find(self, view: Buffer, start: SupportsIndex | None = None, end: SupportsIndex | None = None, /) -> int:
        """Returns the lowest index from `start` (default: the position) to `end` where `view` is found, or -1."""

    def rfind(self, view: Buffer, start: SupportsIndex | None = None, end: SupportsIndex | None = None, /) -> int:
        """Returns the highest index from `start` (default: the position) to `end` where `view` is found, or -1."""

    def move(self, dest: SupportsIndex, src: SupportsIndex, count: SupportsIndex, /) -> None:
        """Copies `count` bytes from `src` to `dest`; the two ranges may overlap."""

    def resize(self, newsize: SupportsIndex, /) -> None:
        """Changes the length of the map, and of its file, to `newsize` bytes. If that fails, both are as before.

        Raises BufferError while a view of the memory lives; TypeError for maps that must not change their file.
        """

    def flush(self, offset: SupportsIndex = 0, size: SupportsIndex = -1, /, *, flags: SupportsIndex = 0) -> None:
        """Writes changed bytes back to the file: all, or `size` from `offset` on, a multiple of PAGESIZE.

        `flags` is MS_SYNC (the default: wait until they are on the device) or MS_ASYNC, and MS_INVALIDATE. Maps that
        change no file do nothing. On Windows any range will do, and flags mean nothing.
        """

    def sync(self) -> None:
        """Does what `flush` does, and then what `os.fsync` does for the file, on macOS with the drive's own cache: afterwards
        all that was written survives a power failure. Maps that change no file do nothing.
        """

    if sys.platform != "win32":
        def madvise(self, option: SupportsIndex, start: SupportsIndex = 0, length: SupportsIndex | None = None, /) -> None:
            """Tells the system how the memory will be used: `option` is one of the MADV_ constants.

            The range of `length` bytes from `start` on, a multiple of PAGESIZE, ends with the map at the latest.
            """

    def set_name(self, name: str, /) -> None:
        """Gives anonymous memory a name, which /proc/PID/maps shows behind the prefix cpython:mmap:. Elsewhere than on Linux
        raises NotImplementedError.
        """

    def protect(self, prot: SupportsIndex, start: SupportsIndex = 0, length: SupportsIndex | None = None, /) -> None:
        """Changes what may be done with `length` bytes from `start` on, a multiple of PAGESIZE.

        `prot` is made of PROT_READ, PROT_WRITE, PROT_EXEC, or is PROT_NONE; where these are missing, on Windows, of 1, 2 and
        4, or is 0. What is forbidden raises FaultError when tried. A resize that moves the map takes it back.
        """

    def lock(self, start: SupportsIndex = 0, length: SupportsIndex | None = None, /) -> None:
        """Keeps `length` bytes from `start` on in memory, and reads them in first."""

    def unlock(self, start: SupportsIndex = 0, length: SupportsIndex | None = None, /) -> None:
        """Takes lock() back."""

    @property
    def damage(self) -> int | None:
        """The lowest offset at which somebody met zeros in the place of bytes that could not be had, or None.

        Only maps made with repair=True know.
        """

    def restore(self) -> None:
        """Maps the file again where zeros were put in its place. Raises FaultError while the file is too short."""

    # The object.

    def close(self) -> None:
        """Unmaps the memory and closes the descriptor; later calls raise ValueError. A second close does nothing.

        Raises BufferError while a view of the memory (memoryview, array) lives.
        """

    @property
    def closed(self) -> bool:
        """Whether the map was closed."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
        /,
    ) -> None: ...
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, key: SupportsIndex, /) -> int: ...
    @overload
    def __getitem__(self, key: slice, /) -> bytes: ...
    @overload
    def __setitem__(self, key: SupportsIndex, value: SupportsIndex, /) -> None: ...
    @overload
    def __setitem__(self, key: slice, value: Buffer, /) -> None: ...
    def __delitem__(self, key: SupportsIndex | slice, /) -> NoReturn: ...
    # There are no such methods: iteration and `in` go through indices, and see bytes of length 1, not ints.
    def __iter__(self) -> Iterator[bytes]: ...
    def __contains__(self, byte: object, /) -> bool: ...
    if sys.version_info >= (3, 12):
        def __buffer__(self, flags: int, /) -> memoryview: ...
        def __release_buffer__(self, view: memoryview, /) -> None: ...

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

    # CPython lacks these.
    PROT_NONE: Final[int]
    MAP_FIXED: Final[int]

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

    # On x86 processors only.
    MAP_32BIT: Final[int]

    # CPython lacks these.
    MAP_FIXED_NOREPLACE: Final[int]
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
