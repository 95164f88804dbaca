"""Helpers shared by the tests: temporary files and maps, threads, and child interpreters."""

import os
import re
import subprocess
import sys
import tempfile
import textwrap
import threading
import unittest
from pathlib import Path

import safemap

PAGE = safemap.PAGESIZE
UNIT = safemap.ALLOCATIONGRANULARITY
HERE = os.path.dirname(os.path.abspath(__file__))
DOCS = Path(HERE).parents[1] / "docs"
WINDOWS = sys.platform == "win32"

# The text of the ValueError that every method of a closed map raises.
CLOSED = "mmap closed or invalid"

# Arguments for private anonymous memory. On Windows anonymous memory without a name is private.
PRIVATE = {} if WINDOWS else {"flags": safemap.MAP_PRIVATE}

# Keeps children that are terminated on purpose from leaving core files.
NO_CORE = "" if WINDOWS else "import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"

# Reasons to skip a test on Windows.
NO_TRUNCATION = "a mapped file cannot be truncated"
NO_FORK = "there is no fork"
NO_RLIMIT = "there are no such resource limits"


def unix_only(reason):
    """Skips a test on Windows, for the given reason."""
    return unittest.skipIf(WINDOWS, "Windows: " + reason)


class FileCase(unittest.TestCase):
    """A test with a temporary folder."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="safemap-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, data=b"", name="file"):
        """Creates a file that holds `data`, records its path as `latest`, and returns it."""
        path = os.path.join(self.folder, name)
        # Windows cannot replace a file that is mapped.
        if WINDOWS and os.path.exists(path):
            path = tempfile.mktemp(dir=self.folder)
        with open(path, "wb") as file:
            file.write(data)
        self.latest = path
        return path

    def latest_content(self):
        """Returns what the latest file holds."""
        with open(self.latest, "rb") as file:
            return file.read()

    def opened(self, path, flags=os.O_RDWR):
        """Opens a file until the test ends and returns its descriptor."""
        fd = os.open(path, flags | getattr(os, "O_BINARY", 0))
        self.addCleanup(os.close, fd)
        return fd

    def descriptor(self, data=b""):
        """Creates a file that holds `data` and opens it until the test ends."""
        return self.opened(self.path(data))

    def map(self, data, *args, **keywords):
        """Maps a new file that holds `data` until the test ends."""
        m = safemap.mmap(self.descriptor(data), *(args or (0,)), **keywords)
        self.addCleanup(m.close)
        return m

    def anonymous(self, length=PAGE, **keywords):
        """Maps anonymous memory until the test ends."""
        m = safemap.mmap(-1, length, **keywords)
        self.addCleanup(m.close)
        return m

    def lose(self, m, kept):
        """Makes the pages after the first `kept` bytes inaccessible in a map of the latest file."""
        if WINDOWS:
            m.protect(0, kept)
        else:
            os.truncate(self.latest, kept)


class DocumentCase(FileCase):
    """A test of the examples in a page of the documentation."""

    def check_program(self, program, pasted=False):
        """Runs a program, which must print what its comments say."""
        printed, comments = self.printed(program, pasted), COMMENT.findall(program)
        for line, comment in zip(printed.splitlines(), comments, strict=True):
            self.assertTrue(comment.startswith(line), (line, comment))

    def printed(self, program, pasted=False):
        """Runs a program, and returns what it prints.

        `pasted` gives it to an interactive interpreter line by line.
        """
        path = self.path(program.encode(), "example.py")
        done = subprocess.run(
            [sys.executable, *(["-i", "-c", SILENT] if pasted else [path])],
            input=program if pasted else "",
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
        )
        # An interactive interpreter ends its last line.
        self.assertEqual((done.returncode, done.stderr.strip()), (0, ""))
        return done.stdout


# The interpreter prints no prompts and no values of expressions.
SILENT = """import sys
sys.ps1 = sys.ps2 = ""
sys.displayhook = lambda value: None
"""

# What a line prints, beside it or, for further lines, alone.
COMMENT = re.compile(r"^(?: *print\(.*\) | {16,}) +# (.*)", re.MULTILINE)


def examples(text):
    """Returns the Python examples of a page."""
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def run_threads(work, *arguments):
    """Runs `work` in one thread for each item of `arguments`, and waits for all of them."""
    threads = [threading.Thread(target=work, args=(argument,)) for argument in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def child(code, *args, options=(), timeout=120, env=()):
    """Runs `code` in a new interpreter. The result has `returncode`, `stdout` and `stderr`."""
    return subprocess.run(
        [sys.executable, *options, "-c", NO_CORE + textwrap.dedent(code), *args],
        env=dict(os.environ, PYTHONPATH=HERE, **dict(env)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def succeed(case, code, *args, **keywords):
    """Runs `code` in a child, which must exit with status 0, and returns its standard output."""
    done = child(code, *args, **keywords)
    report = "exit status {}\n{}{}".format(done.returncode, done.stdout, done.stderr)
    case.assertEqual(done.returncode, 0, report)
    return done.stdout


def open_files():
    """Returns how many descriptors, or on Windows handles, this process has open."""
    if not WINDOWS:
        return len(os.listdir("/dev/fd"))
    import ctypes

    kernel, count = ctypes.windll.kernel32, ctypes.c_ulong()
    kernel.GetProcessHandleCount(ctypes.c_void_p(-1), ctypes.byref(count))
    return count.value
