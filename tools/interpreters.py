"""Finds each CPython on this machine that the package supports."""

import functools
import json
import os
import sys
from pathlib import Path

from tools import debian_pythons
from tools.steps import call

OLDEST = (3, 11)
WANTED = ["3.11", "3.12", "3.13", "3.14", "3.15"]

# What an interpreter prints about itself. `_base_executable` is the one of a virtual environment.
PROBE = """
import importlib.util, json, platform, sys, sysconfig
def there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False
print(json.dumps({
    "implementation": sys.implementation.name,
    "executable": getattr(sys, "_base_executable", sys.executable) or sys.executable,
    "version": platform.python_version(),
    "numbers": sys.version_info[:3],
    "threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "debug": bool(sysconfig.get_config_var("Py_DEBUG")),
    "has_pip": there("pip"),
    "has_tests": there("test.test_mmap"),
}))
"""


class Interpreter:
    """A CPython: its executable, version and build, and whether it has pip and its own tests."""

    def __init__(self, probed):
        self.executable, self.numbers = probed["executable"], tuple(probed["numbers"])
        self.has_pip, self.has_tests = probed["has_pip"], probed["has_tests"]
        self.threaded = probed["threaded"]
        self.suffix = "t" * self.threaded + "d" * probed["debug"]
        self.name = probed["version"] + self.suffix
        # What a wheel is built for: `3.13`, `3.14t`.
        self.minor = "{}.{}{}".format(*self.numbers[:2], self.suffix)
        self.is_emulated = False

    def emulated(self, target):
        """The same, recorded as one for a target that an emulator runs."""
        self.name, self.is_emulated = f"{self.name}-{target}", True
        return self

    def folder_of(self, package):
        """The folder of one of its packages."""
        code = f"import {package}; print({package}.__path__[0])"
        return Path(call([self.executable, "-I", "-c", code]).text.strip())


@functools.lru_cache(maxsize=None)
def found():
    """One CPython for each minor version from 3.11 up, with its tests if possible."""
    able = [it for it in map(probe, candidates()) if it and it.numbers >= OLDEST]
    each = {}
    for it in sorted(able, key=lambda it: (not it.has_tests, not it.has_pip)):
        each.setdefault(it.minor, it)
    return sorted(each.values(), key=lambda it: (it.numbers, it.name))


def host():
    """The interpreter that runs pip and tools: this one if it can, else the oldest; or None."""
    able = [it for it in found() if it.has_pip and not it.suffix]
    this = [it for it in able if it.numbers == sys.version_info[:3]]
    return next(iter(this + able), None)


def pip(it):
    """The command that runs an interpreter's pip."""
    return [it.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]


def missing():
    """The versions that are supported and not found."""
    here = {it.minor.rstrip("td") for it in found()}
    return [version for version in WANTED if version not in here]


def candidates():
    """Paths that may be interpreters, this one first."""
    names = ["python3", "python", *("python" + it + t for it in WANTED for t in ("", "t"))]
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    uv = os.path.expanduser("~/.local/share/uv/python")
    stores = [Path(pyenv) / "versions", Path(uv), debian_pythons.NATIVE.path / "usr"]
    folders = [Path(it) for it in os.environ.get("PATH", "").split(os.pathsep) if it]
    folders += [Path("/usr/bin"), Path("/usr/local/bin")]
    folders += sorted(it for store in stores for it in store.glob("*/bin"))
    paths = [Path(sys.executable), *(it / program(name) for it in folders for name in names)]
    return list(dict.fromkeys(str(path) for path in paths if path.is_file()))


def program(name):
    """The name of a program's file on this system."""
    return name + (".exe" if os.name == "nt" else "")


def probe(path):
    """Asks a candidate what it is; None if it is broken or another Python."""
    try:
        # Isolated, so that neither this folder nor PYTHONPATH changes the answer.
        probed = json.loads(call([path, "-I", "-c", PROBE]).text)
    except ValueError:
        return None
    return Interpreter(probed) if probed["implementation"] == "cpython" else None
