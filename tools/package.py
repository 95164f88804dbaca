"""Package: tools, wheels, and the environments in which the package is tried."""

import os
import shutil
import time

from tools import interpreters
from tools.steps import ROOT, TARGET, Counts, call, show

WHEELS = TARGET / "wheels"
REQUIREMENTS = ["maturin>=1.9,<2", "mypy>=1.11", "pip>=23", "ruff>=0.6"]


def tools(steps):
    """Installs maturin, mypy, ruff and a pip that knows `--python` into one folder, once; None if that fails."""
    host = interpreters.host()
    if host is None:
        steps.fail("tools", "no CPython from 3.11 up with pip was found")
        return None
    folder = TARGET / "tools-{}".format(host.name)
    stamp, wanted = folder / "complete", " ".join(REQUIREMENTS)
    if not (stamp.exists() and stamp.read_text() == wanted):
        # `--target` needs neither venv nor ensurepip, which Debian packages apart.
        install = [host.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
        if not steps.run("tools", install + ["--target", folder] + REQUIREMENTS).ok:
            return None
        stamp.write_text(wanted)
    return folder


def wheels(steps, every):
    """Builds wheels into target/wheels and names them."""
    folder = tools(steps)
    chosen = interpreters.found() if every else [interpreters.host()]
    minors = {it.minor: it for it in chosen if it}
    for it in minors.values() if folder else ():
        built = build(steps, folder, it)
        if built:
            print("               " + str(built), flush=True)


def build(steps, folder, it):
    """Builds the wheel for one interpreter; its path, or None."""
    # A folder of its own tells which wheel is this one, whatever its name and tag.
    fresh = TARGET / "wheel-{}".format(it.minor)
    shutil.rmtree(str(fresh), ignore_errors=True)
    command = [folder / "bin" / interpreters.program("maturin"), "build", "--release", "--manifest-path", ROOT / "python" / "Cargo.toml"]
    ended = steps.run("wheel for " + it.minor, command + ["--interpreter", it.executable, "--out", fresh])
    made = sorted(fresh.glob("*.whl"))
    if not ended.ok or not made:
        return None
    WHEELS.mkdir(parents=True, exist_ok=True)
    return shutil.copy(str(made[0]), str(WHEELS))


def environment(steps, folder, it, wheel):
    """Makes a fresh virtual environment with the wheel in it; its python, or None."""
    begun = time.monotonic()
    place = TARGET / "venv-{}".format(it.name)
    python = place / ("Scripts" if os.name == "nt" else "bin") / interpreters.program("python")
    # Without pip: Debian's python3 can do that although ensurepip is a package of its own.
    create = [it.executable, "-m", "venv", "--clear", "--without-pip", place]
    pip = [interpreters.host().executable, "-m", "pip", "--python", python, "install", "--quiet"]
    install = pip + ["--disable-pip-version-check", "--no-deps", "--no-index", wheel]
    for command in (create, install):
        ended = call(command, {"PYTHONPATH": str(folder)})
        if not ended.ok:
            steps.record("environment for " + it.name, Counts(failed=1), time.monotonic() - begun, False)
            show(command, ended)
            return None
    return python
