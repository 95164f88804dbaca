"""Gets Linux kernels for emulated computers, and a shell for them, from Debian.

Apt downloads both from this machine's mirror, verified with Debian's keys, into private folders.
Nothing is installed, so this does not take root.
"""

import fnmatch
import re
import shutil
import subprocess
import tarfile

from tools import debian
from tools.cross_toolchain import HOME
from tools.steps import call

# A release of Debian, and the version of Linux that it keeps.
SUITE, LINUX = "trixie", "6.12"
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
NEEDS = {"apt-get": "apt", "cpio": "cpio", "dpkg-deb": "dpkg", KEYS: "debian-archive-keyring"}


class Kernel:
    """A kernel: its architecture, and the end of its package's name, as in `arm64-16k`."""

    def __init__(self, architecture, flavour):
        self.architecture, self.flavour = architecture, flavour
        self.folder = HOME / "kernels" / flavour
        self.apt = self.folder / "apt"
        self.image, self.shell = self.folder / "vmlinuz", self.folder / "busybox"
        self.complete = self.folder / "complete"

    def ready(self, steps):
        """Gets the kernel and the shell, once; returns whether they are there."""
        mirror = debian.mirror()
        if mirror and not self.complete.exists():
            self.get(mirror)
        return self.complete.exists()

    def get(self, mirror):
        """Downloads both packages, and extracts the kernel and the shell."""
        self.prepare(mirror)
        self.call("apt-get", "update")
        kernel, shell = self.download(self.names()), self.download(["busybox-static"])
        if kernel and shell:
            extract(kernel, "./boot/vmlinuz-*", self.image)
            extract(shell, "*/bin/busybox", self.shell)
            shutil.rmtree(str(self.apt))
            self.complete.touch()

    def prepare(self, mirror):
        """Makes folders for apt, with this architecture only."""
        shutil.rmtree(str(self.folder), ignore_errors=True)
        for name in ("lists/partial", "archives/partial"):
            (self.apt / name).mkdir(parents=True)
        (self.apt / "status").touch()
        source = f"deb [signed-by={KEYS}] {mirror} {SUITE} main\n"
        (self.apt / "sources.list").write_text(source)

    def call(self, *command):
        """Calls a program of apt with those folders."""
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
        words = [f"--option={name}={value}" for name, value in settings.items()]
        return call([*command, *words], cwd=self.apt)

    def names(self):
        """Names the packages of this kernel, newest first."""
        named = self.call("apt-cache", "pkgnames", f"linux-image-{LINUX}.").text.split()
        ours = [name for name in named if re.match(rf"[^+]*\+[^-]*-{self.flavour}$", name)]
        return sorted(ours, key=lambda it: [*map(int, re.findall(r"\d+", it))], reverse=True)

    def download(self, packages):
        """Downloads the first package that is available; returns its path, or None."""
        for package in packages:
            # A mirror may list packages that it does not have yet, or no longer has.
            if self.call("apt-get", "download", package).ok:
                return next(self.apt.glob(package + "_*.deb"), None)
        return None


def extract(package, pattern, path):
    """Extracts the file whose name matches a pattern from a package."""
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as unpacking:
        with tarfile.open(fileobj=unpacking.stdout, mode="r|") as files:
            for file in files:
                if fnmatch.fnmatch(file.name, pattern):
                    path.write_bytes(files.extractfile(file).read())
