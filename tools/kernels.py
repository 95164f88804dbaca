"""Gets Linux kernels for emulated computers, and a shell for them, from Debian."""

import fnmatch
import re
import subprocess
import tarfile

from tools import debian
from tools.apt import KEYS, Apt
from tools.apt import NEEDS as APT
from tools.cross_toolchain import HOME

# A release of Debian, and the version of Linux that it keeps.
SUITE, LINUX = "trixie", "6.12"
NEEDS = {**APT, "cpio": "cpio"}


class Kernel:
    """A kernel: its architecture, and the end of its package's name, as in `arm64-16k`."""

    def __init__(self, architecture, flavour):
        self.architecture, self.flavour = architecture, flavour
        self.folder = HOME / "kernels" / flavour
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
        source = f"deb [signed-by={KEYS}] {mirror} {SUITE} main"
        apt = Apt(self.folder / "apt", self.architecture, [source])
        apt.update()
        kernels = (apt.download(it) for it in self.names(apt))
        kernel, shell = next(filter(None, kernels), None), apt.download("busybox-static")
        if kernel and shell:
            extract(kernel, "./boot/vmlinuz-*", self.image)
            extract(shell, "*/bin/busybox", self.shell)
            apt.remove()
            self.complete.touch()

    def names(self, apt):
        """Names the packages of this kernel, newest first."""
        named = apt.call("apt-cache", "pkgnames", f"linux-image-{LINUX}.").text.split()
        ours = [name for name in named if re.match(rf"[^+]*\+[^-]*-{self.flavour}$", name)]
        return sorted(ours, key=lambda it: [*map(int, re.findall(r"\d+", it))], reverse=True)


def extract(package, pattern, path):
    """Extracts the file whose name matches a pattern from a package."""
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as unpacking:
        with tarfile.open(fileobj=unpacking.stdout, mode="r|") as files:
            for file in files:
                if fnmatch.fnmatch(file.name, pattern):
                    path.write_bytes(files.extractfile(file).read())
