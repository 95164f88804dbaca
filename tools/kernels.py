"""Kernels: Linux for a machine of another architecture, and the shell that it starts, from Debian.

Apt gets both, from where this machine gets its own packages and with Debian's keys, into folders of its own:
nothing is installed, and nobody has to be an administrator.
"""

import fnmatch
import re
import shutil
import subprocess
import tarfile
import time

from tools import sid
from tools.steps import Counts, call
from tools.sysroot import HOME

# A release of Debian, and the Linux that it has as long as it lives.
SUITE, LINUX = "trixie", "6.12"
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
NEEDS = {"apt-get": "apt", "dpkg-deb": "dpkg", KEYS: "debian-archive-keyring"}


class Kernel:
    """A kernel, by its architecture and by what its package's name ends with: `arm64`, `arm64-16k`."""

    def __init__(self, architecture, flavour):
        self.architecture, self.flavour = architecture, flavour
        self.folder = HOME / "kernels" / flavour
        self.apt = self.folder / "apt"
        self.image, self.shell, self.complete = (self.folder / name for name in ("vmlinuz", "busybox", "complete"))

    def ready(self, steps):
        """Gets the kernel and the shell, once; whether they are there."""
        if not self.complete.exists():
            begun = time.monotonic()
            self.get()
            if self.complete.exists():
                steps.record("the kernel {} of Debian".format(self.flavour), Counts(), time.monotonic() - begun, counted=False)
        return self.complete.exists()

    def get(self):
        """Downloads both packages, and keeps of them what is needed."""
        self.prepare()
        self.call("apt-get", "update")
        kernel, shell = self.download(self.names()), self.download(["busybox-static"])
        if kernel and shell:
            extract(kernel, "./boot/vmlinuz-*", self.image)
            extract(shell, "*/bin/busybox", self.shell)
            shutil.rmtree(str(self.apt))
            self.complete.touch()

    def prepare(self):
        """Makes the folders of an apt that knows this architecture alone."""
        shutil.rmtree(str(self.folder), ignore_errors=True)
        for name in ("lists/partial", "archives/partial"):
            (self.apt / name).mkdir(parents=True)
        (self.apt / "status").touch()
        (self.apt / "sources.list").write_text("deb [signed-by={}] {} {} main\n".format(KEYS, sid.mirror(), SUITE))

    def call(self, *command):
        """Calls a program of apt's with those folders."""
        settings = {
            "APT::Architecture": self.architecture,
            "APT::Architectures": self.architecture,
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Dir::Cache": self.apt,
            "Dir::Etc::SourceList": self.apt / "sources.list",
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::State": self.apt,
            "Dir::State::Status": self.apt / "status",
        }
        words = [word for name, value in settings.items() for word in ("-o", "{}={}".format(name, value))]
        return call([*command, *words], cwd=self.apt)

    def names(self):
        """Names the packages of this kernel, the newest first."""
        named = self.call("apt-cache", "pkgnames", "linux-image-{}.".format(LINUX)).text.split()
        ours = [name for name in named if re.match(r"[^+]*\+[^-]*-{}$".format(self.flavour), name)]
        return sorted(ours, key=lambda name: [int(number) for number in re.findall(r"\d+", name)], reverse=True)

    def download(self, packages):
        """Downloads the first of the packages that is to be had; its path, or None."""
        for package in packages:
            # A mirror may name one that it has not got yet, or has no more.
            if self.call("apt-get", "download", package).ok:
                return next(self.apt.glob(package + "_*.deb"), None)
        return None


def extract(package, pattern, place):
    """Takes the file with such a name out of a package."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as unpacking:
        with tarfile.open(fileobj=unpacking.stdout, mode="r|") as files:
            for file in files:
                if fnmatch.fnmatch(file.name, pattern):
                    place.write_bytes(files.extractfile(file).read())
