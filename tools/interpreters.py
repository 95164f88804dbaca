"""Interpreters: every CPython on this machine that the package is for."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

from tools import sid

OLDEST = (3, 11)
WANTED = ["3.11", "3.12", "3.13", "3.14", "3.15"]

# What an interpreter is asked about itself. `_base_executable` is the one behind a virtual environment.
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
    "has": [name for name in ("venv", "pip", "test.test_mmap") if there(name)],
}))
"""


class Interpreter:
    """One CPython: where it is, what it is, what it has."""

    def __init__(self, told):
        self.executable = told["executable"]
        self.numbers = tuple(told["numbers"])
        self.threaded = told["threaded"]
        self.suffix = ("t" if told["threaded"] else "") + ("d" if told["debug"] else "")
        self.name = told["version"] + self.suffix
        self.has = told["has"]

    @property
    def minor(self):
        """What decides which wheel fits: `3.13`, `3.14t`."""
        return "{}.{}{}".format(self.numbers[0], self.numbers[1], self.suffix)

    def folder_of(self, package):
        """Where one of its packages lies."""
        code = "import {0}; print({0}.__path__[0])".format(package)
        return Path(subprocess.run([self.executable, "-I", "-c", code], stdout=subprocess.PIPE, check=True, text=True).stdout.strip())


@functools.lru_cache(maxsize=None)
def found():
    """Every CPython from 3.11 up, one for each version, oldest first."""
    each = {}
    for candidate in candidates():
        it = probe(candidate)
        if it and it.numbers[:2] >= OLDEST:
            each.setdefault(it.name, it)
    return sorted(each.values(), key=lambda it: (it.numbers, it.name))


def host():
    """The interpreter that runs our tools: the one that runs this, if it will do."""
    able = [it for it in found() if "pip" in it.has and not it.suffix]
    mine = [it for it in able if it.numbers == sys.version_info[:3]]
    return (mine or able or [None])[0]


def missing():
    """The versions that one would like to see tested and that this machine lacks."""
    here = {it.minor.rstrip("td") for it in found()}
    return [version for version in WANTED if version not in here]


def candidates():
    """Paths that may be interpreters, this one first."""
    names = ["python3", "python"] + ["python{}{}".format(v, t) for v in WANTED for t in ("", "t")]
    names = [program(name) for name in names]
    homes = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    homes += [Path("/usr/bin"), Path("/usr/local/bin")]
    homes += sorted(home for store in stores() for home in store.glob("*/bin"))
    paths = [Path(sys.executable)] + [home / name for home in homes for name in names]
    return list(dict.fromkeys(str(path) for path in paths if path.is_file()))


def program(name):
    """The name of a program's file here."""
    return name + (".exe" if os.name == "nt" else "")


def stores():
    """Folders where version managers keep interpreters, and the one that `setup-cross` makes."""
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    own = sid.FOLDER / "usr"
    return [Path(pyenv) / "versions", Path(os.path.expanduser("~/.local/share/uv/python")), own]


def probe(path):
    """Asks one candidate what it is; None for a broken shim or another Python."""
    try:
        # Isolated: neither our folder nor the caller's PYTHONPATH may colour the answer.
        done = subprocess.run([path, "-I", "-c", PROBE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
        told = json.loads(done.stdout.decode())
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return Interpreter(told) if told["implementation"] == "cpython" else None
