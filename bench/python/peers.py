"""Alternatives to the package that need some code: fmmap's search, and numpy if it is installed."""

import ctypes
import mmap

try:
    import numpy
except ImportError:
    numpy = None

LIBC = ctypes.CDLL(None)
LIBC.memmem.restype = ctypes.c_void_p
LIBC.memmem.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]


class Fmmap:
    """The search of fmmap: the C library's `memmem` on the mapped memory, without the GIL."""

    def __init__(self, file):
        # ctypes demands a writable buffer; a private map is one and shares the file's pages.
        self.map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        self.view = ctypes.c_char.from_buffer(self.map)
        self.address = ctypes.addressof(self.view)

    def find(self, needle):
        """Returns the offset of a needle, or -1."""
        found = LIBC.memmem(self.address, len(self.map), needle, len(needle))
        return -1 if found is None else found - self.address
