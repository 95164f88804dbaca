"""Installs CPythons of Debian's unstable release in folders, one for this machine's processor and
one for an emulated one.

Their launchers use the folder's libraries. So they need neither `chroot` nor mounts, see this
machine's files, and those of its processor are found like any other interpreter.
"""

import shutil

from tools import debian
from tools.steps import TARGET, call

VERSIONS = ("3.14", "3.15")
NEEDS = {"debootstrap": "debootstrap", "qemu-aarch64": "qemu-user"}
PACKAGES = ["python{}", "python{}-venv", "libpython{}-testsuite"]

# Python finds its home and its virtual environment by the name that it was called by.
LAUNCHER = """#!/bin/sh
root={root}
exec {loader} "$0" \\
    $root/usr/bin/python{version} "$@"
"""


class Folder:
    """A folder with CPythons for a processor, and the command that starts its programs."""

    def __init__(self, name, architecture, loader, target=None):
        self.path = TARGET / "cross" / name
        self.complete = self.path / "complete"
        self.architecture, self.loader, self.target = architecture, loader, target

    def launchers(self):
        """The paths of its interpreters; none if the folder is not complete."""
        return [str(self.launcher(it)) for it in VERSIONS if self.complete.exists()]

    def launcher(self, version):
        """The path of an interpreter."""
        return self.path / "usr" / "local" / "bin" / ("python" + version)

    def make(self, steps, mirror):
        """Makes the folder. It takes root, half a gigabyte and a minute."""
        shutil.rmtree(str(self.path), ignore_errors=True)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        packages = ",".join(package.format(it) for it in VERSIONS for package in PACKAGES)
        words = ["--variant=minbase", "--include=" + packages, "--arch", self.architecture]
        # Nothing of another processor runs while it is installed: its packages are unpacked.
        words += ["--download-only"] if self.target else []
        command = debian.as_root("debootstrap", *words, "sid", self.path, mirror)
        if steps.run(self.name(), command).ok and (not self.target or self.unpack(steps)):
            self.launch()
            if self.target:
                self.compile()
            self.complete.touch()

    def name(self):
        """What it contains."""
        return "CPython {} of Debian unstable, {}".format(" and ".join(VERSIONS), self.architecture)

    def unpack(self, steps):
        """Unpacks the packages that were downloaded; returns whether it could."""
        files = (self.path / "var" / "cache" / "apt" / "archives").glob("*.deb")
        unpack = lambda file: debian.as_root("dpkg-deb", "--extract", file, self.path)
        done = all([call(unpack(it)).ok for it in files])
        if not done:
            steps.fail(self.name(), "a package cannot be unpacked")
        return done

    def compile(self):
        """Compiles the modules by this machine's CPythons: an emulator takes seconds at each start.

        Not those of tests, some of which are no valid programs.
        """
        for version in VERSIONS:
            compiler = [NATIVE.launcher(version), "-I", "-m", "compileall", "-q", "-x", "/test/"]
            call(debian.as_root(*compiler, self.path / "usr" / "lib" / f"python{version}"))

    def launch(self):
        """Writes the launchers."""
        for version in VERSIONS:
            path = self.launcher(version)
            path.parent.mkdir(parents=True, exist_ok=True)
            text = LAUNCHER.format(root=self.path, loader=self.loader, version=version)
            path.write_text(text)
            path.chmod(0o755)


NATIVE = Folder(
    "debian-pythons",
    "amd64",
    "$root/lib64/ld-linux-x86-64.so.2 --library-path $root/usr/lib/x86_64-linux-gnu --argv0",
)
EMULATED = Folder(
    "debian-pythons-arm64", "arm64", "qemu-aarch64 -L $root -0", "aarch64-unknown-linux-gnu"
)


def make(steps):
    """Makes each folder, once."""
    mirror = debian.mirror()
    for folder in (NATIVE, EMULATED):
        if folder.complete.exists():
            continue
        if mirror is None:
            steps.skip(folder.name(), "apt has no source of Debian's packages")
        else:
            folder.make(steps, mirror)
