"""Asked: how a scenario is to be run, and what it hands back."""

import importlib
import os
import random
import sys
import time

TESTS = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "python", "tests"))


class Skipped(Exception):
    """The machine does not allow the scenario."""


class Asked:
    """How a scenario is to be run."""

    def __init__(self, quick, control, seconds, seed, folder):
        self.quick, self.control, self.seconds, self.seed, self.folder = quick, control, seconds, seed, folder
        self.rng = random.Random(seed)
        self.made = 0
        self.words = os.open(os.path.join(folder, "last"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)

    @property
    def module(self):
        """The module that has to hold: safemap, or the standard one where that is the control."""
        return importlib.import_module("mmap" if self.control else "safemap")

    def times(self, quick, full):
        """How often."""
        return quick if self.quick else full

    def clock(self, quick, full):
        """How long: something that is true as long as there is time."""
        return Clock(self.seconds if self.seconds is not None else quick if self.quick else full)

    def about_to(self, words):
        """Leaves a trace for whoever has to find out why this process died."""
        os.pwrite(self.words, words.encode("utf-8", "replace")[:400] + b"\0", 0)

    def path(self, data=b""):
        """A new file that holds `data`."""
        self.made += 1
        path = os.path.join(self.folder, "file-{}-{}".format(os.getpid(), self.made))
        with open(path, "wb") as file:
            file.write(data)
        return path


class Clock:
    """True until its time is over."""

    def __init__(self, seconds):
        self.seconds, self.end = seconds, time.monotonic() + seconds

    def __bool__(self):
        return time.monotonic() < self.end


def facts(times, injected, note=""):
    """Everything that was injected was survived: what is not ends the scenario with an exception."""
    return {"injected": injected, "times": times, "survived": times, "note": note}


def from_tests(name):
    """A module of python/tests."""
    if TESTS not in sys.path:
        sys.path.insert(0, TESTS)
    return importlib.import_module(name)


def raised(call, *kinds):
    """The exception of these types that `call` ends with, or None; others go through."""
    try:
        call()
    except kinds as error:
        return error
    return None
