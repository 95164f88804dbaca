"""Runs the tests in an emulated computer with its own Linux.

An emulator of programs differs from Linux in details. The computer starts from an archive with the
tests, their libraries and a shell. Its console prints the results.
"""

import re
import shutil
import tempfile
from pathlib import Path

from tools import debian, kernels, platforms, rust
from tools.cross_toolchain import HOME
from tools.steps import ROOT, Counts, call

# The first program that the kernel starts. Tests find files by the path they were built at.
INIT = """#!/bin/busybox sh
export PATH=/bin RUST_BACKTRACE=0
/bin/busybox --install -s /bin
mount -t devtmpfs devtmpfs /dev
mkdir /dev/shm
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /dev/shm
mkdir -p {root}/core
ln -s /fuzz {root}/fuzz
for it in $(find /tests -maxdepth 1 -type f | sort); do
    echo "$it starts"
    "$it" {words}
    echo "$it ends with $?"
done
poweroff -f
"""
FOLDERS = ("bin", "dev", "fuzz", "lib", "proc", "sys", "tests/deps", "tmp")
# What tests read: programs for a map, and the library with a copy of the crate.
CORPUS, COPY = "fuzz/corpus", "libsafemap_copy.so"
PACK = 'find * | cpio --quiet --create --format=newc --owner=0:0 > "$0"'
LIBRARIES = ("ld*.so.*", "libc.so.6", "libm.so.6", "libgcc_s.so.1")

# Two processors, so that threads run in parallel. A panic of the kernel ends the emulator.
COMPUTER = "-smp 2 -m 2G -nodefaults -display none -serial stdio -no-reboot"
APPEND = "quiet loglevel=1 panic=-1"


class Machine:
    """A kind of computer, and its kernel."""

    def __init__(self, emulator, needs, kernel, libraries, pages="", *, is_slow=False):
        # The command of the emulator, and the package that contains it.
        self.emulator, self.needs, self.kernel = emulator, needs, kernel
        # The directory of the C library for the emulated processor.
        self.libraries = Path(libraries)
        self.name = f"Linux {kernels.LINUX}{pages}"
        # Whether it runs only the tests that an emulator of programs cannot.
        self.is_slow = is_slow

    def row(self, trial):
        """Runs the tests of a target and returns the row of the table."""
        row = platforms.Row(f"{trial.target.name}, {self.name}", trial.checks, trial.builds)
        missing = debian.lacks(kernels.NEEDS, self.needs)
        if missing:
            return row.skipped(trial.steps, debian.sentence(missing))
        if not self.kernel.ready(trial.steps):
            why = f"Debian's kernel {self.kernel.flavour} is not available"
            return row.skipped(trial.steps, why)
        if trial.builds == "yes":
            names = list(trial.target.unfit) if self.is_slow else []
            row.add(self.test(trial.steps, row.target, trial.programs(), names))
            row.why += ["only the tests that the emulator of programs cannot run"] * self.is_slow
        return row

    def test(self, steps, name, programs, tests):
        """Starts the computer with programs by name and path; runs the named tests, or all. Returns
        the counts.
        """
        archive = HOME / "kernels" / f"{self.kernel.flavour}.cpio"
        self.pack(archive, programs, " ".join(["--exact", *tests] if tests else []))
        words = [*self.emulator.split(), *COMPUTER.split(), "-append", APPEND]
        words += ["-kernel", self.kernel.image, "-initrd", archive]
        return steps.run("tests " + name, words, read=lambda text: counted(text, programs)).counts

    def pack(self, archive, programs, words):
        """Packs the files of the computer, which calls the programs with `words`."""
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name in FOLDERS:
                (root / name).mkdir(parents=True)
            (root / "init").write_text(INIT.format(root=ROOT, words=words))
            shutil.copytree(ROOT / CORPUS, root / CORPUS)
            shutil.copy(self.kernel.shell, root / "bin" / "busybox")
            for library in (it for pattern in LIBRARIES for it in self.libraries.glob(pattern)):
                shutil.copy(library, root / "lib")
            for name, program in programs.items():
                shutil.copy(program, root / "tests" / name)
            for copy in {Path(it).with_name(COPY) for it in programs.values()}:
                shutil.copy(copy, root / "tests" / "deps")
            for path in root.rglob("*"):
                path.chmod(0o755)
            call(["sh", "-c", PACK, archive], cwd=root)


def counted(text, programs):
    """Adds up the results of the programs on the console. No programs are a failure."""
    total, lines = Counts(failed=0 if programs else 1), text.replace("\r", "")
    for name in programs:
        total.add(counts_of(name, lines))
    return total


def counts_of(name, text):
    """Counts the results of a program. One that did not end, or failed elsewhere, is a failure."""
    pattern = rf"^/tests/{name} starts$(.*)/tests/{name} ends with (\d+)$"
    found = re.search(pattern, text, re.M | re.S)
    output, status = found.groups() if found else ("", "")
    counts = rust.counts(output)
    if not counts.failed and (status != "0" or not rust.RESULT.search(output)):
        counts.failed = 1
    return counts
