"""Installs CPythons of Debian's unstable release in a folder.

The folder's own loader starts them with the folder's libraries. So they need neither `chroot` nor
mounts, see this machine's files, and are found like any other interpreter.
"""

import shutil

from tools import debian
from tools.steps import TARGET

FOLDER = TARGET / "cross" / "debian-pythons"
COMPLETE = FOLDER / "complete"
VERSIONS = ("3.14", "3.15")
NEEDS = {"debootstrap": "debootstrap"}
PACKAGES = ["python{}", "python{}-venv", "libpython{}-testsuite"]

# Python finds its home and its virtual environment by the name that it was called by.
LAUNCHER = """#!/bin/sh
root={folder}
exec $root/lib64/ld-linux-x86-64.so.2 --library-path $root/usr/lib/x86_64-linux-gnu --argv0 "$0" \\
    $root/usr/bin/python{version} "$@"
"""


def make(steps):
    """Makes the folder, once. It takes root, half a gigabyte and a minute."""
    name = "CPython {} of Debian unstable".format(" and ".join(VERSIONS))
    mirror = debian.mirror()
    if COMPLETE.exists():
        return
    if mirror is None:
        steps.skip(name, "apt has no source of Debian's packages")
        return
    shutil.rmtree(str(FOLDER), ignore_errors=True)
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    packages = ",".join(package.format(it) for it in VERSIONS for package in PACKAGES)
    words = ["--variant=minbase", "--include=" + packages, "sid", FOLDER, mirror]
    if steps.run(name, debian.as_root("debootstrap", *words)).ok:
        for version in VERSIONS:
            path = FOLDER / "usr" / "local" / "bin" / ("python" + version)
            path.write_text(LAUNCHER.format(folder=FOLDER, version=version))
            path.chmod(0o755)
        COMPLETE.touch()
