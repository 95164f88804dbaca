"""The settings of a scenario, and functions that scenarios share."""

import functools
import importlib
import os
import random
import sys
import tempfile
import time

TESTS = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "python", "tests"))
PAGE = os.sysconf("SC_PAGE_SIZE")


class Skipped(Exception):
    """The scenario cannot run on this computer."""


class Settings:
    """How a scenario is run."""

    def __init__(self, options, folder):
        self.quick, self.control = options.quick, options.control
        self.seconds, self.seed = options.seconds, options.seed
        self.folder, self.rng, self.files = folder, random.Random(options.seed), 0
        log = os.path.join(tempfile.gettempdir(), "last-step")
        self.log_file = os.open(log, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)

    @property
    def module(self):
        """The module under test: safemap, or the standard module where that is the control."""
        return importlib.import_module("mmap" if self.control else "safemap")

    def times(self, quick, full):
        """Returns the number of repetitions."""
        return quick if self.quick else full

    def clock(self, quick, full):
        """Returns an object that is true until the time is over, in seconds."""
        return Clock(self.seconds if self.seconds is not None else quick if self.quick else full)

    def log(self, step):
        """Records the next step in a file, which `x.py stress` prints if this process crashes."""
        os.pwrite(self.log_file, step.encode("utf-8", "replace")[:400] + b"\0", 0)

    def path(self, data=b""):
        """Creates a file with these bytes and returns its path."""
        self.files += 1
        path = os.path.join(self.folder, f"file-{os.getpid()}-{self.files}")
        with open(path, "wb") as file:
            file.write(data)
        return path


class Clock:
    """True until its time is over."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds

    def __bool__(self):
        return time.monotonic() < self.end


def report(times, injected, note=""):
    """What was injected. A scenario that does not survive all of it raises."""
    return {"times": times, "injected": injected, "note": note}


def check(condition, message):
    """Raises AssertionError unless the condition is true."""
    if not condition:
        raise AssertionError(message)


@functools.cache
def compiled(text):
    """Compiles code, as an expression if it is one."""
    try:
        return compile(text, text, "eval")
    except SyntaxError:
        return compile(text, text, "exec")


def raised(call, *kinds):
    """Calls `call` and returns its exception if it is of one of these types, or None."""
    try:
        call()
    except kinds as error:
        return error
    return None


def map_file(module, path, **keywords):
    """Maps a whole file."""
    with open(path, "r+b") as file:
        return module.mmap(file.fileno(), 0, **keywords)


def import_test(name):
    """Imports a module of python/tests."""
    if TESTS not in sys.path:
        sys.path.insert(0, TESTS)
    return importlib.import_module(name)
