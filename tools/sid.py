"""Sid: the newest CPythons of Debian, in a folder of their own, for a machine whose own Debian has none of them.

Their programs are started by the folder's own loader with the folder's own libraries, so they need neither
`chroot` nor anything mounted, see this machine's files, and are found as any other interpreter.
"""

import shutil

from tools import debian
from tools.steps import call
from tools.sysroot import HOME

FOLDER = HOME / "sid"
VERSIONS = ("3.14", "3.15")
NEEDS = {"debootstrap": "debootstrap"}
PACKAGES = ["python{}", "python{}-venv", "libpython{}-testsuite"]

# The name that it was called by is how Python finds its home, and the virtual environment that it belongs to.
LAUNCHER = """#!/bin/sh
exec {folder}/lib64/ld-linux-x86-64.so.2 --library-path {folder}/usr/lib/x86_64-linux-gnu --argv0 "$0" \\
    {folder}/usr/bin/python{version} "$@"
"""


def is_there():
    """Whether the folder is whole."""
    return (FOLDER / "complete").exists()


def make(steps):
    """Makes the folder; it takes an administrator, half a gigabyte and a minute."""
    if is_there():
        return
    shutil.rmtree(str(FOLDER), ignore_errors=True)
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    packages = [package.format(version) for version in VERSIONS for package in PACKAGES]
    words = ["debootstrap", "--variant=minbase", "--include=" + ",".join(packages), "sid", FOLDER, mirror()]
    if steps.run("CPython {} of Debian's sid".format(" and ".join(VERSIONS)), debian.root(*words)).ok:
        for version in VERSIONS:
            launcher(version)
        (FOLDER / "complete").touch()


def mirror():
    """Where this machine gets its own packages."""
    told = call(["apt-get", "indextargets", "--format", "$(SITE)"]).text.split()
    plain = [site for site in told if "security" not in site and "snapshot" not in site]
    return plain[0] if plain else "http://deb.debian.org/debian"


def launcher(version):
    """Writes the program that starts one of them."""
    path = FOLDER / "usr" / "local" / "bin" / ("python" + version)
    path.write_text(LAUNCHER.format(folder=FOLDER, version=version))
    path.chmod(0o755)
