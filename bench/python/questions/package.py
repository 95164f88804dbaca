"""How long does the import take, and how large is the wheel?"""

import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import contest

TITLE = "Python: import time of the package, size of the wheel"
HOW = """The first import in a fresh interpreter, timed inside it; beside an extension module in C
without content, and the standard module. The aims: at most 5 ms more than the empty module, and at
most 1 MiB."""

EMPTY = Path(__file__).resolve().parent.parent / "empty.c"
TIMED = "import time; begun = time.perf_counter(); import {}; print(time.perf_counter() - begun)"


def answer(run):
    with tempfile.TemporaryDirectory() as folder:
        if compiled(folder):
            names = ["safemap", "empty", "mmap"]
            contenders = {name: lambda name=name: imported(name, folder) for name in names}
            run.measure("import", "ns", contenders, [contest.against("empty", 1.0, 0.005)], rounds=31)
        else:
            run.skip("import", "an empty extension cannot be built here")
    wheel = os.environ.get("SAFEMAP_WHEEL")
    if wheel:
        contenders = {"safemap": lambda: os.path.getsize(wheel) / 2**20, "the limit": lambda: 1.0}
        run.measure("wheel", "MiB", contenders, [contest.against("the limit", 1.0)], rounds=1)


def compiled(folder):
    """Builds the empty extension; returns whether that succeeded."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()
    target = Path(folder, "empty" + sysconfig.get_config_var("EXT_SUFFIX"))
    include = "-I" + sysconfig.get_path("include")
    command = [*compiler, "-O2", "-shared", "-fPIC", include, EMPTY, "-o", target]
    return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0


def imported(name, folder):
    """Returns the nanoseconds of an import."""
    command = [sys.executable, "-c", TIMED.format(name)]
    environment = dict(os.environ, PYTHONPATH=folder)
    ended = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    return float(ended.stdout) * contest.SECOND
