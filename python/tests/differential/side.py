"""A side: one of the two modules, with a file of its own, on which a program is run."""

import array
import binascii
import collections
import copy
import ctypes
import functools
import gc
import hashlib
import io
import operator
import os
import pickle
import re
import struct
import sys
import weakref
import zlib

ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
WINDOWS = sys.platform == "win32"
# What else there is to map.
OTHERS = {} if WINDOWS else {"folder": None, "null": "/dev/null", "zero": "/dev/zero", "proc": "/proc/self/stat"}
# Windows would read and write lines of text.
BINARY = getattr(os, "O_BINARY", 0)
LENT = (array, binascii, collections, copy, ctypes, gc, hashlib, io, operator, os, pickle, re, struct, sys, weakref, zlib)


class Int:
    """An integer by `__index__`, which may do something first."""

    def __init__(self, value, first=None):
        self.value, self.first = value, first

    def __index__(self):
        if self.first:
            self.first()
        return self.value


class Raised:
    """An exception, as far as two modules have to agree on it."""

    def __init__(self, error):
        self.type = type(error).__name__
        self.text = ADDRESS.sub("0x", str(error))
        self.errno = getattr(error, "errno", None)

    def __eq__(self, other):
        return isinstance(other, Raised) and vars(self) == vars(other)

    def __repr__(self):
        return "{}: {}".format(self.type, self.text)


class Side:
    """Names for the steps of a program, and what can be seen after each."""

    def __init__(self, module, folder, content):
        os.mkdir(folder)
        self.path = os.path.join(folder, "file")
        with open(self.path, "wb") as file:
            file.write(content)
        self.fd = os.open(self.path, os.O_RDWR | BINARY)
        self.reader = os.open(self.path, os.O_RDONLY | BINARY)
        names = {"fd": self.fd, "reader": self.reader}
        for name, path in OTHERS.items():
            names[name] = os.open(path or folder, os.O_RDONLY if path != "/dev/zero" else os.O_RDWR)
        names["pipe"], self.unused = os.pipe()
        self.open = [self.unused, *names.values()]
        self.space = {lent.__name__: lent for lent in LENT}
        self.space.update(names, mmap=module, m=None, v=None, it=None, Int=Int)

    def close(self):
        """Gives everything back; the last map goes by itself."""
        self.space.clear()
        for fd in self.open:
            os.close(fd)

    @property
    def map(self):
        """The map of the program, if it has one."""
        return self.space["m"]

    def run(self, step):
        """Runs one step and returns its value or what it raised, in a form that can be compared."""
        code, is_value = compiled(step)
        try:
            value = eval(code, self.space)
        except Exception as error:
            return Raised(error)
        return self.plain(value) if is_value else "done"

    def plain(self, value):
        """A value without what differs between any two objects: addresses and identity."""
        if isinstance(value, (int, bytes, bytearray, str, float, type(None))):
            return type(value).__name__, value
        if isinstance(value, (list, tuple)):
            return [type(value).__name__] + [self.plain(item) for item in value]
        if value is self.map:
            return "the map"
        if isinstance(value, memoryview):
            return value.format, value.nbytes, value.readonly, value.shape, value.obj is self.map
        return type(value).__name__, ADDRESS.sub("0x", repr(value))

    def seen(self):
        """What can be seen of the map and its file without touching a byte of the map."""
        return {"map": self.seen_map(), "file": self.file(), "references": sys.getrefcount(self.map)}

    def file(self):
        """What is in the file; mapping `reader` has its position moved on Windows, which is seen elsewhere."""
        with open(self.path, "rb") as file:
            return file.read()

    def seen_map(self):
        """The map's face, as its own class shows it and no subclass."""
        if not self.is_open():
            return self.map is None
        return self.own("__repr__"), self.own("__len__"), self.own("tell")

    def own(self, name):
        """Calls a method of the map that a subclass may have hidden."""
        return getattr(self.space["mmap"].mmap, name)(self.map)

    def is_open(self):
        """Whether there is a map and it is open."""
        return self.map is not None and not self.map.closed

    def length(self):
        """The map's length, or some number."""
        return self.own("__len__") if self.is_open() else 5

    def file_size(self):
        """The file's size."""
        return os.fstat(self.reader).st_size


@functools.lru_cache(maxsize=4096)
def compiled(step):
    """A step as code, and whether it has a value."""
    try:
        return compile(step, "<step>", "eval"), True
    except SyntaxError:
        return compile(step, "<step>", "exec"), False
