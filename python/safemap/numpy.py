"""numpy arrays whose memory is a mapped file, with an exception for bytes that the file has lost.

:func:`memmap` takes the place of ``numpy.memmap``, and :func:`open_npy` that of
``numpy.lib.format.open_memmap``. Needs numpy: ``pip install safemap[numpy]``.
"""

from __future__ import annotations

import functools
import math
import operator
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from io import UnsupportedOperation
from types import TracebackType
from typing import TYPE_CHECKING, Any, SupportsIndex, cast

from safemap._open import _reopen
from safemap._processes import _register
from safemap._safemap import PAGESIZE, FaultError, Map, _check_range, _is_suspect

try:
    import numpy as np
    from numpy.typing import DTypeLike
except ImportError as _error:
    raise ImportError("safemap.numpy needs numpy: pip install safemap[numpy]") from _error

if TYPE_CHECKING:
    from safemap._types import Advise, File, LongMode, Mode, Order, Shape

__all__ = ["MappedArray", "memmap", "open_npy"]

# numpy.memmap has long names of modes, too.
_MODES: dict[Mode | LongMode, Mode] = {
    "readonly": "r",
    "readwrite": "r+",
    "write": "w+",
    "copyonwrite": "c",
}


class _ArrayMap(Map):
    """A map that reports damage which no exception has reported when it goes."""

    _has_header = False
    _is_repaired = False
    _was_raised = False

    def restore(self) -> None:
        super().restore()
        self._was_raised = False

    def __del__(self, check: Callable[[Map, int, int], None] = _check_range) -> None:
        # An exception here goes to sys.unraisablehook.
        if not self.closed and self.damage is not None and not self._was_raised:
            check(self, 0, len(self))


class _Memory:
    """The memory of a map, which several arrays share."""

    __slots__ = ("address", "map", "whole")

    def __init__(self, map: _ArrayMap) -> None:
        self.map = map
        # frombuffer keeps the buffer of the map; ndarray(buffer=map) would give it back at once.
        # Before CPython 3.12 types of buffers have no common name.
        buffer: Any = map if len(map) else bytearray()
        self.whole: np.ndarray[Any, Any] = np.frombuffer(buffer, np.uint8)
        self.whole.flags.writeable = map.writable()
        self.address = _address(self.whole)

    def check(self, array: np.ndarray[Any, Any]) -> None:
        """Raises FaultError if a byte of the array was lost."""
        start, end = (bound - self.address for bound in _bounds(array))
        try:
            _check_range(self.map, start, end)
        except FaultError:
            self.map._was_raised = True
            raise


def _address(array: np.ndarray[Any, Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _bounds(array: np.ndarray[Any, Any]) -> tuple[int, int]:
    """Returns the addresses of the first byte of the array, and of that behind its last one."""
    low = high = _address(array)
    if array.size == 0:
        return low, low
    for length, stride in zip(array.shape, array.strides, strict=True):
        if stride < 0:
            low += (length - 1) * stride
        else:
            high += (length - 1) * stride
    return low, high + array.itemsize


def memmap(
    filename: File,
    dtype: DTypeLike = np.uint8,
    mode: Mode | LongMode = "r+",
    offset: int = 0,
    shape: Shape | None = None,
    order: Order = "C",
    *,
    repair: bool | None = None,
    advise: Advise | None = None,
    reserve: int = 0,
    transactional: bool = False,
    timeout: float | None = 0,
) -> MappedArray:
    """Maps a file as an array. The arguments are those of ``numpy.memmap``, and the modes as well:
    r, r+, w+, c, and their long names; x+ creates a file that must not exist.

    `offset` is any number of bytes. Without `shape` the array has one dimension and extends to the
    end of the file. With it, a file that is too short is extended in the modes r+, w+ and x+.
    `repair` is true by default where the system has it; without it, lost bytes terminate the
    process by SIGBUS. `advise`, `reserve` (in bytes), `transactional` and `timeout` are as for
    ``safemap.open``. A transactional map has no repair, and is not for the mode c. What the array
    stores reaches the file at the end of ``with a.map.transaction():``, or by ``a.flush()``.

    Raises TypeError for a dtype with objects, ValueError for a size that is no multiple of that of
    an item, OSError if the file cannot be opened or mapped.
    """
    item = _item(dtype)
    # Again for each map, because the program may have imported joblib or dask since.
    _register(MappedArray, _reference)
    name = _mode(mode)
    # Refuses an unknown order before the file changes.
    np.empty(0, order=order)
    if shape is None and name in ("w+", "x+"):
        raise ValueError(f"mode {mode} needs a shape")
    lengths = None if shape is None else _lengths(shape)
    # A transactional map has the whole file. A map with a size cannot grow.
    start = max(offset, 0) if transactional else 0
    size = None if lengths is None else start + item.itemsize * math.prod(lengths)
    if repair is None:
        repair = sys.platform != "win32" and not transactional
    map = _ArrayMap(
        filename,
        name,
        size if reserve == 0 and not transactional else None,
        offset=offset - start,
        repair=repair,
        advise=advise,
        reserve=reserve,
        transactional=transactional,
        timeout=timeout,
    )
    map._is_repaired = repair
    try:
        if size is not None and len(map) < size:
            if name in ("r", "c"):
                raise ValueError(f"size {size} is greater than the {len(map)} bytes of the file")
            map.resize(size)
        if lengths is None:
            lengths = _length_of(len(map) - start, item)
        return _array(_Memory(map), lengths, item, start, order=order)
    except BaseException:
        map.close(detach=True)
        raise


def open_npy(
    filename: str | os.PathLike[str],
    mode: Mode | LongMode = "r",
    *,
    dtype: DTypeLike | None = None,
    shape: Shape | None = None,
    fortran_order: bool = False,
    version: tuple[int, int] | None = None,
    repair: bool | None = None,
    advise: Advise | None = None,
    reserve: int = 0,
) -> MappedArray:
    """Maps the array of a ``.npy`` file, as ``numpy.lib.format.open_memmap`` does.

    The modes w+ and x+ create the file, for an array of `dtype` and `shape`. The other modes read
    both from the file. `repair`, `advise` and `reserve` are as for :func:`memmap`.

    Raises TypeError for a dtype with objects, ValueError for a file in another format, OSError if
    the file cannot be opened or mapped.
    """
    name = _mode(mode)
    if name in ("w+", "x+"):
        if shape is None:
            raise ValueError(f"mode {mode} needs a shape")
        item, lengths = _item(dtype), _lengths(shape)
        if name == "x+":
            open(filename, "xb").close()
        try:
            np.lib.format.open_memmap(filename, "w+", item, lengths, fortran_order, version)
        except BaseException:
            if name == "x+":
                os.unlink(filename)
            raise
        name = "r+"
    lengths, is_fortran, item, start = _header(filename)
    order: Order = "F" if is_fortran else "C"
    keywords: dict[str, Any] = {"repair": repair, "advise": advise, "reserve": reserve}
    array = memmap(filename, item, name, start, lengths, order, **keywords)
    array._mapped().map._has_header = True
    return array


def _mode(name: Mode | LongMode) -> Mode:
    return _MODES.get(name) or cast("Mode", name)


def _item(dtype: DTypeLike | None) -> np.dtype[Any]:
    item: np.dtype[Any] = np.dtype(dtype)
    if item.hasobject:
        raise TypeError(f"{item} contains Python objects, which have no meaning in a file")
    if item.itemsize == 0:
        raise ValueError(f"{item} has no bytes")
    return item


def _lengths(shape: Shape) -> tuple[int, ...]:
    lengths = tuple(shape) if isinstance(shape, Sequence) else (shape,)
    result = tuple(operator.index(length) for length in lengths)
    if any(length < 0 for length in result):
        raise ValueError(f"negative length in the shape {result}")
    return result


def _length_of(size: int, item: np.dtype[Any]) -> tuple[int]:
    """Returns how many items have this size together."""
    if size < 0:
        raise ValueError("mmap offset is greater than file size")
    count, rest = divmod(size, item.itemsize)
    if rest:
        text = f"{size} bytes are {count} items of {item.itemsize} bytes, and {rest} more bytes"
        raise ValueError(text)
    return (count,)


def _header(filename: str | os.PathLike[str]) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Returns shape, order and dtype of a file, and the offset of the first element."""
    with open(filename, "rb") as file:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            lengths, is_fortran, item = np.lib.format.read_array_header_1_0(file)
        elif version == (2, 0):
            lengths, is_fortran, item = np.lib.format.read_array_header_2_0(file)
        else:
            # numpy has no public function that reads the header of a later version.
            found = np.lib.format.open_memmap(filename, "r")
            return found.shape, not found.flags.c_contiguous, _item(found.dtype), found.offset
        return lengths, is_fortran, _item(item), file.tell()


def _array(
    memory: _Memory,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    start: int = 0,
    strides: tuple[int, ...] | None = None,
    order: Order = "C",
) -> MappedArray:
    array: MappedArray
    array = np.ndarray.__new__(MappedArray, shape, dtype, memory.whole, start, strides, order)
    array._memory = memory
    return array


class MappedArray(np.ndarray[Any, np.dtype[Any]]):
    """An array in the memory of a map. Operations on it raise FaultError if they have used zeros in
    place of bytes that the file has lost, or if the file is shorter than the map.

    This holds for ufuncs and operators, for functions of numpy, and for methods that read or write
    elements. It does not hold for a scalar ``a[i]``, and for code that takes the memory itself:
    plain arrays such as ``numpy.asarray(a)``, pandas, torch. Use :meth:`read`, :meth:`check` or
    ``safemap.intact()`` for these.
    """

    _memory: _Memory | None

    def __array_finalize__(self, obj: Any) -> None:
        memory = getattr(obj, "_memory", None)
        self._memory = None
        if memory is None:
            return
        base = self.base
        if base is obj or base is memory.whole or getattr(base, "_memory", None) is memory:
            self._memory = memory
        else:
            # A copy of elements, such as the result of a fancy index.
            obj.check()

    @property
    def map(self) -> Map:
        """The map. AttributeError if the array is a copy, outside of the map."""
        return self._mapped().map

    def _mapped(self) -> _Memory:
        if self._memory is None:
            raise AttributeError("the array is a copy, and has no map")
        return self._memory

    def check(self) -> None:
        """Raises FaultError if an access has read zeros in place of bytes of this array, or if the
        file is shorter than the map. Does nothing for a copy.

        The bytes of an array are those from its first to its last one, in whole pages. Raises
        ValueError if the map is closed.
        """
        memory = self._memory
        if memory is not None and _is_suspect(memory.map):
            memory.check(self)

    def read(self, key: Any = ...) -> np.ndarray[Any, Any]:
        """Returns a copy of ``a[key]``. If bytes of it cannot be read, FaultError is raised by this
        call, and the map is not damaged. A single element is an array without dimensions.

        An index that is an array or a list reads all of this array first.
        """
        memory, plain = self._mapped(), self.view(np.ndarray)
        keys = key if isinstance(key, tuple) else (key,)
        is_field = isinstance(key, str) or _is_names(key)
        if not is_field and any(isinstance(it, (list, np.ndarray)) for it in keys):
            chosen: np.ndarray[Any, Any] = self.read()[key]
            return chosen
        if not is_field and not any(it is ... for it in keys):
            # So that a single element is a view, which reads nothing.
            key = (*keys, ...)
        try:
            copy = _read(memory, plain[key])
        except FaultError as error:
            error.map = memory.map
            memory.map._was_raised = True
            raise
        self.check()
        return copy

    def flush(self, start: SupportsIndex | None = None, stop: SupportsIndex | None = None) -> None:
        """Writes changes back to the file: all, or those of ``a[start:stop]``. Commits those of a
        transactional map, which cannot be divided.

        Raises FaultError for lost bytes, OSError from the system. Does nothing for a map that does
        not change its file.
        """
        memory = self._mapped()
        is_whole = start is None and stop is None
        if memory.map.transactional and is_whole:
            memory.map.flush()
        else:
            part = self if is_whole else self[start:stop]
            low, high = (bound - memory.address for bound in _bounds(part))
            low -= low % PAGESIZE
            memory.map.flush(low, high - low)
        self.check()

    def append(self, rows: Any) -> MappedArray:
        """Writes rows at the end of the file, and returns the longer array, on the same map. Its
        memory is that of this array, which stays as it is.

        The map needs a `reserve`, because this array uses its memory. Raises BufferError without
        one or beyond it, ValueError if the rows have another shape, or if this array is not in C
        order or does not extend to the end of the map, io.UnsupportedOperation for a ``.npy`` file,
        which contains its length, OSError from the system, such as for a full disk.
        """
        memory, item = self._mapped(), self.itemsize * math.prod(self.shape[1:])
        start, end = (bound - memory.address for bound in _bounds(self))
        if memory.map._has_header:
            raise UnsupportedOperation("append: a .npy file contains its length")
        if self.ndim == 0 or not self.flags.c_contiguous or end != len(memory.map):
            raise ValueError("the array does not extend to the end of the map in C order")
        added = np.array(rows, self.dtype, order="C", ndmin=1)
        if added.shape[1:] != self.shape[1:] or item == 0:
            raise ValueError(f"rows of shape {self.shape[1:]} are required, not {added.shape[1:]}")
        # Another thread may have appended, too.
        data: Any = added.reshape(-1).view(np.uint8)
        end = memory.map.append(data) + added.nbytes
        shape = ((end - start) // item, *self.shape[1:])
        return _array(_Memory(memory.map), shape, self.dtype, start)

    def close(self) -> None:
        """Flushes and closes the map of this array and of all others on it. The memory is unmapped
        when the last array that refers to it is gone.

        A transactional map is not flushed: what is not committed is rolled back. Another map can
        open its file for writing when the last array is gone.

        Afterwards the operations that check arrays raise ValueError. Does nothing for a closed map.
        Raises FaultError if damage was not raised before; the map is closed nevertheless.
        """
        memory = self._mapped()
        if memory.map.closed:
            return
        try:
            if memory.map.damage is None:
                if not memory.map.transactional:  # A flush would be a commit.
                    memory.map.flush()
            elif not memory.map._was_raised:
                memory.check(memory.whole)
        finally:
            memory.map.close(detach=True)

    def __enter__(self) -> MappedArray:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # What is checked.

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        return _checked(getattr(ufunc, method), inputs, keywords)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        try:
            return super().__array_function__(func, types, args, kwargs)
        finally:
            for array in _arrays_in((args, tuple(kwargs.values()))):
                array.check()

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        self.check()
        if array is self:
            return array
        return array[()] if return_scalar else array.view(np.ndarray)

    def __setitem__(self, key: Any, value: Any) -> None:
        # Without the plain array that other methods work on, because single stores are frequent.
        try:
            super().__setitem__(key, value)
        finally:
            for array in (self, key, value):
                if isinstance(array, MappedArray):
                    array.check()

    def __iter__(self) -> Iterator[Any]:
        yield from super().__iter__()
        self.check()

    # Pickling.

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        # A copy, so that it is checked before a pickler reads the bytes.
        copy: np.ndarray[Any, Any] = self.copy()
        return copy.__reduce_ex__(protocol)

    def __reduce__(self) -> Any:
        return self.__reduce_ex__(2)


def _is_names(key: object) -> bool:
    return isinstance(key, list) and bool(key) and all(isinstance(it, str) for it in key)


def _read(memory: _Memory, view: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Copies a view of the memory by a method of the map. Reads at most twice as many bytes."""
    low, high = _bounds(view)
    if view.ndim and high - low > 2 * view.nbytes + PAGESIZE:
        copy = np.empty(view.shape, view.dtype)
        for i in range(len(view)):
            copy[i] = _read(memory, view[i, ...])
        return copy
    data = memory.map[low - memory.address : high - memory.address]
    first = _address(view) - low
    strided: np.ndarray[Any, Any]
    strided = np.ndarray(view.shape, view.dtype, data, first, view.strides)
    return strided.copy(order="K")


def _checked(function: Callable[..., Any], args: Any, keywords: dict[str, Any]) -> Any:
    """Calls a function with plain arrays in place of mapped ones, which are checked afterwards.

    If the function returns one of its arguments, the result is the mapped array.
    """
    mapped: list[tuple[np.ndarray[Any, Any], MappedArray]] = []
    args = [_plain(value, mapped) for value in args]
    if keywords:
        keywords = {name: _plain(value, mapped) for name, value in keywords.items()}
    try:
        result = function(*args, **keywords)
        return _original(result, mapped) if type(result) in _MAY_BE_ARGUMENTS else result
    finally:
        for _, array in mapped:
            memory = array._memory
            if memory is not None and _is_suspect(memory.map):
                memory.check(array)


def _plain(value: Any, mapped: list[tuple[np.ndarray[Any, Any], MappedArray]]) -> Any:
    if isinstance(value, MappedArray):
        mapped.append((value.view(np.ndarray), value))
        return mapped[-1][0]
    if type(value) is tuple:
        return tuple(_plain(item, mapped) for item in value)
    return value


def _original(result: Any, mapped: list[tuple[np.ndarray[Any, Any], MappedArray]]) -> Any:
    if type(result) is tuple:
        return tuple(_original(item, mapped) for item in result)
    return next((array for view, array in mapped if view is result), result)


def _arrays_in(value: Any) -> Iterator[MappedArray]:
    """The mapped arrays in an argument, which may be a sequence of arrays."""
    if isinstance(value, MappedArray):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _arrays_in(item)


_MAY_BE_ARGUMENTS = (np.ndarray, tuple)

# Methods that read or write elements. Their results are not in the map, or are the array itself.
_METHODS = """
    all any argmax argmin astype byteswap choose clip compress conj conjugate
    copy cumprod cumsum dot dump fill flatten item max mean min nonzero prod put repeat
    round searchsorted setfield std sum take tobytes tofile tolist trace var
    __bool__ __complex__ __contains__ __copy__ __deepcopy__ __eq__ __float__ __index__ __int__
    __ne__
""".split()
# Methods that access memory out of bounds if elements change during the call.
_SORTS = ["argpartition", "argsort", "partition", "sort"]
# Methods that return a view if they can, and a copy if not.
_VIEWS = ["ravel", "reshape"]


def _checking(name: str, is_view: bool) -> Callable[..., Any]:
    """Returns a method of ndarray with a check after it."""
    method = getattr(np.ndarray, name)

    @functools.wraps(method)
    def checking(self: MappedArray, *args: Any, **keywords: Any) -> Any:
        if not is_view:
            return _checked(method, (self, *args), keywords)
        result = method(self, *args, **keywords)
        self.check()
        return result

    return checking


for _name in _METHODS + _VIEWS:
    if hasattr(np.ndarray, _name):
        setattr(MappedArray, _name, _checking(_name, _name in _VIEWS))


def _sorting(name: str) -> Callable[..., Any]:
    """Returns a method of ndarray that sorts a copy. Those without a result store it."""
    method = getattr(np.ndarray, name)

    @functools.wraps(method)
    def sorting(self: MappedArray, *args: Any, **keywords: Any) -> Any:
        copy = self.copy()
        result = method(copy, *args, **keywords)
        if result is None:
            self[...] = copy
        return result

    return sorting


for _name in _SORTS:
    setattr(MappedArray, _name, _sorting(_name))


def _reference(array: MappedArray) -> tuple[Any, ...] | None:
    """Returns how to map the file again, for a pickle to another process of this machine."""
    memory = array._memory
    try:
        if memory is None:
            return None
        arguments = cast("tuple[Any, ...]", memory.map.__reduce__())[1]
    except TypeError:
        # A copy-on-write map, or one of a file that was not opened by path.
        return None
    layout = (array.dtype, array.shape, _address(array) - memory.address, array.strides)
    end = _bounds(array)[1] - memory.address
    return _restore, (arguments, memory.map._is_repaired, *layout, array.flags.writeable, end)


def _restore(
    arguments: tuple[Any, ...],
    repair: bool,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    start: int,
    strides: tuple[int, ...],
    is_writable: bool,
    end: int,
) -> MappedArray:
    """Maps the file again, and returns the same array of it. Raises ValueError if the file has
    become too short.
    """
    # For the results of a worker.
    _register(MappedArray, _reference)
    cls, *rest = arguments
    memory = _Memory(_reopen(functools.partial(cls, repair=repair), *rest))
    memory.map._is_repaired = repair
    # numpy takes any strides for an empty buffer.
    if end > len(memory.map):
        raise ValueError(f"byte {end - 1} out of bounds for a map of {len(memory.map)} bytes")
    array = _array(memory, shape, dtype, start, strides)
    array.flags.writeable = is_writable
    return array


# A worker of dask may import this module first when it unpickles the class.
_register(MappedArray, _reference)
