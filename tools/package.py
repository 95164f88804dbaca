"""Builds a wheel of the Python package, and makes virtual environments with wheels."""

import base64
import hashlib
import os
import re
import shutil
import tomllib
import zipfile

from tools import interpreters
from tools.steps import ROOT, TARGET, call, show

PROJECT = tomllib.loads((ROOT / "python" / "pyproject.toml").read_text(encoding="utf-8"))
# Maturin, which the package's build backend requires.
BUILD = PROJECT["dependency-groups"]["build"]
# numpy is for type checks of `safemap.numpy`.
REQUIREMENTS = [*BUILD, "mypy>=1.11", "numpy>=1.26", "pip>=23", "ruff>=0.6"]
# Without one of these its tests are skipped.
TESTED = ["numpy", "pandas", "tqdm"]
# The wheels of this run, or None, by the program of the interpreter: cargo compiles everything
# again for another interpreter.
BUILT = {}
# In a wheel, the list of what it was built from (PEP 770). Maturin writes it.
SBOM = re.compile(r"[^/]+\.dist-info/sboms/[^/]+\.cyclonedx\.json")


def tools(steps):
    """Installs maturin, mypy, numpy, pip and ruff into a folder, once; returns it, or None."""
    return install(steps, "tools", REQUIREMENTS)


def install(steps, name, requirements):
    """Installs packages into a folder with a name, once; returns it, or None."""
    host = interpreters.host()
    if host is None:
        steps.fail(name, "no CPython from 3.11 up with pip")
        return None
    folder = TARGET / f"{name}-{host.name}"
    done, wanted = folder / "complete", " ".join(requirements)
    if not (done.exists() and done.read_text() == wanted):
        # `--target` needs neither venv nor ensurepip, which Debian packages separately.
        command = [*interpreters.pip(host), "install", "--upgrade", "--target", folder]
        if not steps.run("pip install of " + name, command + requirements).ok:
            return None
        done.write_text(wanted)
    return folder


def installed(steps, it=None, tested=TESTED):
    """Builds the package for an interpreter, the host by default, and installs it into an
    environment; returns the python of it and the wheel, or None for both."""
    folder, it = tools(steps), it or interpreters.host()
    wheel = build(steps, folder, it) if folder else None
    python = environment(steps, folder, it, wheel, tested) if wheel else None
    return (python, wheel) if python else (None, None)


def build(steps, folder, it):
    """Builds the wheel for an interpreter with the tools of a folder; returns its path, or None."""
    if it.executable not in BUILT:
        interpreter = ["--interpreter", it.executable]
        BUILT[it.executable] = maturin(steps, folder, it.minor, interpreter)
    return BUILT[it.executable]


def is_supported(it):
    """Whether PyO3 supports an interpreter: free-threaded CPythons from 3.14 up."""
    return not it.threaded or it.numbers >= (3, 14)


def maturin(steps, folder, name, words, env=None):
    """Builds a wheel; returns its path in target/wheels, or None."""
    # A new folder, so that the only wheel there is this one.
    out = TARGET / f"wheel-{name}"
    shutil.rmtree(str(out), ignore_errors=True)
    manifest = ["--manifest-path", ROOT / "python" / "Cargo.toml"]
    command = [maturin_of(folder), "build", "--release", *manifest, "--out", out, *words]
    if not steps.run("wheel for " + name, command, env).ok:
        return None
    (TARGET / "wheels").mkdir(parents=True, exist_ok=True)
    wheel = next(out.glob("*.whl"))
    return without_path(wheel, TARGET / "wheels" / wheel.name)


def without_path(wheel, result, root=ROOT):
    """Copies a wheel, with a name in place of the path of the repository in its SBOM.

    Otherwise the wheel would depend on the folder in which it was built. Returns the copy.
    """
    with zipfile.ZipFile(wheel) as archive:
        files = {it: archive.read(it) for it in archive.infolist()}
    path, changed = f"path+{root.as_uri()}".encode(), {}
    for it, data in files.items():
        if SBOM.fullmatch(it.filename):
            files[it] = data.replace(path, b"path+file:///safemap")
            changed[record(it.filename, data)] = record(it.filename, files[it])
    with zipfile.ZipFile(result, "w") as archive:
        for it, data in files.items():
            if it.filename.endswith(".dist-info/RECORD"):
                lines = data.decode().splitlines()
                data = "".join(changed.get(line, line) + "\n" for line in lines).encode()
            archive.writestr(it, data, compress_type=it.compress_type)
    return str(result)


def record(name, data):
    """The line of the file RECORD about a file of a wheel."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}"


def with_path(file, root=ROOT):
    """The names of files in a wheel that have the path of the repository."""
    # On Windows the two differ.
    paths = {str(root).encode(), root.as_posix().encode()}
    with zipfile.ZipFile(file) as archive:
        files = {it: archive.read(it) for it in archive.namelist()}
    return [it for it, data in files.items() if any(path in data for path in paths)]


def maturin_of(folder):
    """The program maturin in a folder of tools."""
    return folder / "bin" / interpreters.program("maturin")


def environment(steps, folder, it, wheel, tested=TESTED):
    """Makes a new virtual environment with the wheel, and with what is `tested` with it; returns
    its python, or None."""
    home = TARGET / f"venv-{it.name}"
    python = home / ("Scripts" if os.name == "nt" else "bin") / interpreters.program("python")
    # Without pip, because Debian packages ensurepip separately.
    create = [it.executable, "-m", "venv", "--clear", "--without-pip", home]
    pip = [*interpreters.pip(interpreters.host()), "--python", python]
    for command in (create, [*pip, "install", "--no-deps", "--no-index", wheel]):
        ended = call(command, {"PYTHONPATH": str(folder)})
        if not ended.ok:
            steps.fail("environment for " + it.name, "a command failed")
            show(command, ended)
            return None
    for package in tested:
        # Without compiling: not every version of Python has a wheel of each package.
        # What is installed in the folder of tools does not count.
        command = [*pip, "install", "--only-binary", ":all:", "--ignore-installed", package]
        if not call(command, {"PYTHONPATH": str(folder)}).ok:
            steps.skip(f"{package} for {it.name}", "it cannot be installed")
    return python
