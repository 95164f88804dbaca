"""Runs the tests in an emulated computer with its own Linux.

An emulator of programs differs from Linux in details. The computer starts from an archive with the
tests, their libraries and a shell. Its console prints the results.
"""

import re
from pathlib import Path

from tools import debian, kernels, platforms, rust
from tools.cpio import Archive
from tools.steps import Counts
from tools.cross_toolchain import HOME

# The first program that the kernel starts.
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
    echo "$it starts"
    "$it"
    echo "$it ends with $?"
done
poweroff -f
"""
FOLDERS = ("bin", "dev", "lib", "proc", "sys", "tests", "tmp")
LIBRARIES = ("ld*.so.*", "libc.so.6", "libm.so.6", "libgcc_s.so.1")

# Two processors, so that threads run in parallel. A panic of the kernel ends the emulator.
COMPUTER = "-smp 2 -m 2G -nodefaults -display none -serial stdio -no-reboot"
APPEND = "quiet loglevel=1 panic=-1"


class Machine:
    """A kind of computer, and its kernel."""

    def __init__(self, emulator, needs, kernel, libraries, pages=""):
        # The command of the emulator, and the package that contains it.
        self.emulator, self.needs, self.kernel = emulator, needs, kernel
        # The directory of the C library for the emulated processor.
        self.libraries = Path(libraries)
        self.name = f"Linux {kernels.LINUX}{pages}"

    def row(self, trial):
        """Runs the tests of a target and returns the row of the table."""
        row = platforms.Row(f"{trial.target.name}, {self.name}", trial.checks, trial.builds)
        missing = debian.lacks(kernels.NEEDS, self.needs)
        if missing:
            return row.skipped(trial.steps, debian.sentence(missing))
        if not self.kernel.ready(trial.steps):
            return row.skipped(
                trial.steps, f"Debian's kernel {self.kernel.flavour} is not available"
            )
        if trial.builds == "yes":
            row.add(self.test(trial.steps, row.target, trial.programs()))
        return row

    def test(self, steps, name, programs):
        """Starts the computer with test programs by name and path. Returns the counts."""
        archive = HOME / "kernels" / f"{self.kernel.flavour}.cpio"
        archive.write_bytes(self.archive(programs))
        words = [*self.emulator.split(), *COMPUTER.split(), "-append", APPEND]
        words += ["-kernel", self.kernel.image, "-initrd", archive]
        return steps.run("tests " + name, words, read=lambda text: counted(text, programs)).counts

    def archive(self, programs):
        """Packs the files of the computer."""
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
    """Adds up the results of the programs on the console. No programs are a failure."""
    total, lines = Counts(failed=0 if programs else 1), text.replace("\r", "")
    for name in programs:
        total.add(counts_of(name, lines))
    return total


def counts_of(name, text):
    """Counts the results of a program.

    A program that did not end, or failed outside of a test, is a failure.
    """
    found = re.search(
        rf"^/tests/{name} starts$(.*)/tests/{name} ends with (\d+)$", text, re.M | re.S
    )
    output, status = found.groups() if found else ("", "")
    counts = rust.counts(output)
    if not counts.failed and (status != "0" or not rust.RESULT.search(output)):
        counts.failed = 1
    return counts
