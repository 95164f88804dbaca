"""Support: temporary files and child interpreters, for every test here, and what Windows does otherwise."""

import os
import subprocess
import sys
import tempfile
import textwrap
import unittest

import safemap

PAGE = safemap.PAGESIZE
HERE = os.path.dirname(os.path.abspath(__file__))

UNIT = safemap.ALLOCATIONGRANULARITY
WINDOWS = sys.platform == "win32"

# Arguments of anonymous memory that is nobody else's, which on Windows all is that has no name.
PRIVATE = {} if WINDOWS else {"flags": safemap.MAP_PRIVATE}

# A child that dies on purpose shall not leave a core file.
NO_CORE = "" if WINDOWS else "import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"


def unix_only(why):
    """Skips a test on Windows, which is told why."""
    return unittest.skipIf(WINDOWS, "Windows: " + why)


# Two reasons that many tests have.
CUTS = "no file is cut that is mapped"
FORKS = "nobody forks"


class FileCase(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="safemap-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, data=b"", name="file"):
        """Writes `data` into a new file and returns its path, which `latest` is from then on."""
        path = os.path.join(self.folder, name)
        # Windows does not let go of a file that is mapped.
        if WINDOWS and os.path.exists(path):
            path = tempfile.mktemp(dir=self.folder)
        with open(path, "wb") as file:
            file.write(data)
        self.latest = path
        return path

    def descriptor(self, data=b"", name="file", flags=os.O_RDWR):
        """Opens a new file that holds `data`."""
        fd = os.open(self.path(data, name), flags | getattr(os, "O_BINARY", 0))
        self.addCleanup(os.close, fd)
        return fd

    def map(self, data, *args, **keywords):
        """Maps a new file that holds `data`."""
        made = safemap.mmap(self.descriptor(data), *(args or (0,)), **keywords)
        self.addCleanup(made.close)
        return made

    def lose(self, m, kept):
        """Takes what lies behind the first `kept` bytes away from the map of the latest file: in whole pages."""
        if WINDOWS:
            m.protect(0, kept)
        else:
            os.truncate(self.latest, kept)

    def anonymous(self, length=PAGE, **keywords):
        """Maps anonymous memory."""
        made = safemap.mmap(-1, length, **keywords)
        self.addCleanup(made.close)
        return made


def child(code, *args, options=(), env=None, timeout=120):
    """Runs `code` in an interpreter of its own; the result has `returncode`, `stdout` and `stderr`."""
    return subprocess.run(
        [sys.executable, *options, "-c", NO_CORE + textwrap.dedent(code), *args],
        env=dict(os.environ, PYTHONPATH=HERE, **(env or {})),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def succeed(case, code, *args, **keywords):
    """Runs `code` in a child that must end well, and returns what it printed."""
    done = child(code, *args, **keywords)
    case.assertEqual(done.returncode, 0, "exit status {}\n{}{}".format(done.returncode, done.stdout, done.stderr))
    return done.stdout


def open_files():
    """How many descriptors, or handles, this process has open."""
    if not WINDOWS:
        return len(os.listdir("/dev/fd"))
    import ctypes

    kernel, count = ctypes.windll.kernel32, ctypes.c_ulong()
    kernel.GetProcessHandleCount(ctypes.c_void_p(-1), ctypes.byref(count))
    return count.value
