"""Runs the steps of a program on one of the two modules, and describes their results."""

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
# Files of other kinds that programs try to map.
SPECIAL_FILES = {"null": "/dev/null", "zero": "/dev/zero", "proc": "/proc/self/stat"}
# Without this flag Windows translates line ends.
BINARY = getattr(os, "O_BINARY", 0)
MODULES = [array, binascii, collections, copy, ctypes, gc, hashlib, io]
MODULES += [operator, os, pickle, re, struct, sys, weakref, zlib]


class Int:
    """An object whose `__index__` calls `act`, if there is one, and returns `value`."""

    def __init__(self, value, act=None):
        self.value, self.act = value, act

    def __index__(self):
        if self.act:
            self.act()
        return self.value


class Raised:
    """The properties of an exception on which the two modules must agree."""

    def __init__(self, error):
        self.type = type(error).__name__
        self.text = ADDRESS.sub("0x", str(error))
        self.errno = getattr(error, "errno", None)

    def __eq__(self, other):
        return isinstance(other, Raised) and vars(self) == vars(other)

    def __repr__(self):
        return "{}: {}".format(self.type, self.text)


class Side:
    """One module with its own file, and the names that the steps of a program use."""

    def __init__(self, module, folder, content):
        os.mkdir(folder)
        self.path = os.path.join(folder, "file")
        with open(self.path, "wb") as file:
            file.write(content)
        self.fd = os.open(self.path, os.O_RDWR | BINARY)
        self.reader = os.open(self.path, os.O_RDONLY | BINARY)
        names = {"fd": self.fd, "reader": self.reader}
        if not WINDOWS:
            names.update(special_files(folder))
        names["pipe"], write_end = os.pipe()
        self.open = [write_end, *names.values()]
        self.space = {used.__name__: used for used in MODULES}
        self.space.update(names, mmap=module, m=None, v=None, it=None, Int=Int)

    def close(self):
        """Drops the map and closes the descriptors."""
        self.space.clear()
        for fd in self.open:
            os.close(fd)

    @property
    def map(self):
        """The current map of the program, or None."""
        return self.space["m"]

    def run(self, step):
        """Runs one step and returns its value or its exception, in a form that can be compared."""
        code, is_expression = compiled(step)
        try:
            value = eval(code, self.space)
        except Exception as error:
            return Raised(error)
        return self.comparable(value) if is_expression else "done"

    def comparable(self, value):
        """A value without addresses and identities, which differ between any two objects."""
        if isinstance(value, (int, bytes, bytearray, str, float, type(None))):
            return type(value).__name__, value
        if isinstance(value, (list, tuple)):
            return [type(value).__name__] + [self.comparable(item) for item in value]
        if value is self.map:
            return "the map"
        if isinstance(value, memoryview):
            shape = value.format, value.nbytes, value.readonly, value.shape
            return (*shape, value.obj is self.map)
        return type(value).__name__, ADDRESS.sub("0x", repr(value))

    def state(self):
        """The state of map and file, as far as it is visible without reading the map's bytes."""
        with open(self.path, "rb") as file:
            content = file.read()
        # Without a map this would count references to None.
        references = sys.getrefcount(self.map) if self.map is not None else None
        return {"map": self.map_state(), "file": content, "references": references}

    def map_state(self):
        """The representation, length and position of the map; whether there is none if not open."""
        if not self.is_open():
            return self.map is None
        return self.base("__repr__"), self.base("__len__"), self.base("tell")

    def base(self, name):
        """Calls a method of the base class, which a subclass may override."""
        return getattr(self.space["mmap"].mmap, name)(self.map)

    def is_open(self):
        """Whether there is an open map."""
        return self.map is not None and not self.map.closed

    def length(self):
        """The length of the map, or an arbitrary number if there is none."""
        return self.base("__len__") if self.is_open() else 5

    def file_size(self):
        """The size of the file."""
        return os.fstat(self.reader).st_size


def special_files(folder):
    """Opens descriptors of other kinds of files."""
    opened = {"folder": os.open(folder, os.O_RDONLY)}
    for name, path in SPECIAL_FILES.items():
        opened[name] = os.open(path, os.O_RDWR if name == "zero" else os.O_RDONLY)
    return opened


@functools.lru_cache(maxsize=4096)
def compiled(step):
    """A step as code, and whether it is an expression."""
    try:
        return compile(step, "<step>", "eval"), True
    except SyntaxError:
        return compile(step, "<step>", "exec"), False
