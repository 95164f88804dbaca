"""Machine: a whole computer, emulated, whose own Linux runs the tests, where an emulator of programs stands between.

It starts from an archive with the tests, the libraries that they need, and a shell, and tells on its console how they go.
"""

import re
from pathlib import Path

from tools import debian, kernels, platforms, rust
from tools.cpio import Archive
from tools.steps import Counts
from tools.cross_toolchain import HOME

# What the machine does when its kernel has come up.
INIT = """#!/bin/busybox sh
export PATH=/bin RUST_BACKTRACE=0
/bin/busybox --install -s /bin
mount -t devtmpfs devtmpfs /dev
mkdir /dev/shm
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /dev/shm
for it in /tests/*; do
    echo "$it begins"
    "$it"
    echo "$it ends with $?"
done
poweroff -f
"""
FOLDERS = ("bin", "dev", "lib", "proc", "sys", "tests", "tmp")
LIBRARIES = ("ld*.so.*", "libc.so.6", "libm.so.6", "libgcc_s.so.1")

# Two processors, so that threads meet, and memory for the archive and for files. A kernel that panics ends the machine.
COMPUTER = "-smp 2 -m 2G -nodefaults -display none -serial stdio -no-reboot"
APPEND = "quiet loglevel=1 panic=-1"


class Machine:
    """A kind of computer, and the kernel that it runs."""

    def __init__(self, emulator, needs, kernel, libraries, pages=""):
        # The emulator's words, and which package brings it.
        self.emulator, self.needs, self.kernel = emulator, needs, kernel
        # Where this machine keeps the other's C library.
        self.libraries = Path(libraries)
        self.name = "Linux {}{}".format(kernels.LINUX, pages)

    def row(self, trial):
        """Runs the tests of a target; what is known then."""
        row = platforms.Row("{}, {}".format(trial.target.name, self.name), trial.checks, trial.builds)
        missing = debian.lacks(kernels.NEEDS, self.needs)
        if missing:
            return row.skipped(trial.steps, debian.sentence(missing))
        if not self.kernel.ready(trial.steps):
            return row.skipped(trial.steps, "Debian's kernel {} is not to be had here".format(self.kernel.flavour))
        if trial.builds == "yes":
            row.add(self.test(trial.steps, row.target, trial.programs()))
        return row

    def test(self, steps, name, programs):
        """Starts the machine with test programs, by their names; the counts."""
        archive = HOME / "kernels" / "{}.cpio".format(self.kernel.flavour)
        archive.write_bytes(self.archive(programs))
        words = [*self.emulator.split(), *COMPUTER.split(), "-append", APPEND]
        words += ["-kernel", self.kernel.image, "-initrd", archive]
        return steps.run("tests " + name, words, read=lambda text: counted(text, programs)).counts

    def archive(self, programs):
        """Packs all files that the machine knows."""
        packed = Archive()
        for name in FOLDERS:
            packed.folder(name)
        packed.program("init", INIT.encode())
        packed.program("bin/busybox", self.kernel.shell.read_bytes())
        for library in (found for pattern in LIBRARIES for found in self.libraries.glob(pattern)):
            packed.program("lib/" + library.name, library.read_bytes())
        for name, program in programs.items():
            packed.program("tests/" + name, Path(program).read_bytes())
        return packed.whole()


def counted(text, programs):
    """Counts what the programs said on the console. No programs are a failure, too."""
    total, lines = Counts(failed=0 if programs else 1), text.replace("\r", "")
    for name in programs:
        total.add(counts_of(name, lines))
    return total


def counts_of(name, text):
    """Counts what one program said. One that was not heard to the end, or died of something else than a test, is a failure."""
    heard = re.search(r"^/tests/{0} begins$(.*)/tests/{0} ends with (\d+)$".format(name), text, re.M | re.S)
    said, status = heard.groups() if heard else ("", "")
    counts = rust.counts(said)
    if not counts.failed and (status != "0" or not rust.RESULT.search(said)):
        counts.failed = 1
    return counts
