"""Builds wheels of the Python package: for one CPython, or for all platforms of a release.

To build for another platform needs no interpreter: maturin knows what PyO3 would ask one. A wheel
is tested where its interpreter runs on this machine: natively, in an emulator, or under Wine.
"""

import functools
import platform

from tools import cross_toolchain, debian, debian_pythons, interpreters, package, python_tests
from tools import rust, vendor, windows, windows_python, wine
from tools.steps import call, flag

# The CPythons of a release: those that are wanted, and their builds without the GIL.
VERSIONS = [*interpreters.WANTED, "3.14t", "3.15t"]
FLAGS = "CARGO_ENCODED_RUSTFLAGS"


def options(parser):
    """Adds the options of the tool `wheel`."""
    flag(parser, "--all", "one for each CPython found")
    flag(parser, "--release", "those of a release, for each platform and CPython")
    named(parser)


def named(parser):
    """Adds the option that chooses wheels of a release."""
    text = "some wheels of a release: `3.14t`, `aarch64`, `3.13-x86_64`; default: all"
    parser.add_argument("names", nargs="*", help=text)


def run(steps, options):
    """Builds wheels into target/wheels, and prints their names."""
    folder = package.tools(steps)
    if folder is None:
        return
    if options.release:
        env = vendor.environment(steps) or {}
        files = (file for *_, file in release(steps, folder, env, options.names))
    else:
        chosen = interpreters.found() if options.all else [interpreters.host()]
        files = (package.build(steps, folder, it) for it in chosen)
    for file in files:
        print(f"               {file}", flush=True)


class Platform:
    """A platform: its target, and the tag of the oldest systems that load its wheels.

    Wheels with such a tag are linked by Zig, others by a linker that needs what is named.
    """

    def __init__(self, target, tag=None, needs=None, linker=None):
        self.target, self.tag = target, tag
        self.needs, self.linker = needs or {}, linker
        self.is_native = target == rust.host()

    def environment(self, steps, env):
        """The environment of a build, made of that for any; None if something is missing."""
        missing = debian.lacks(self.needs) + cross_toolchain.lacks(self.target)
        if missing:
            return skip(steps, self, debian.sentence(missing))
        if self.tag and not cross_toolchain.zig_ready(steps):
            return skip(steps, self, "Zig cannot be installed")
        made = cross_toolchain.Toolchain(self.target, linker=self.linker, zig=bool(self.tag))
        flags = [*env.get(FLAGS, "").split("\x1f"), *made.env["RUSTFLAGS"].split()]
        flags += self.unwinder()
        env = {**made.env, **env, FLAGS: "\x1f".join(filter(None, flags))}
        return env if made.ready(steps) else None

    def unwinder(self):
        """The flags that have a wheel for glibc unwind its stacks by the library of the system.

        Zig links another unwinder into the wheel. It cannot read what glibc passes to it when a
        thread ends by `pthread_exit`, as daemon threads of CPython 3.11 to 3.13 do: the process
        would be terminated.
        """
        if not self.tag or "gnu" not in self.target:
            return []
        compiler = "gcc" if self.is_native else self.target.replace("-unknown", "") + "-gcc"
        found = call([compiler, "-print-file-name=libgcc_s.so.1"]).text.strip()
        return ["-Clink-arg=" + found]

    def build(self, steps, folder, version, env):
        """Builds the wheel for a version of CPython; returns its path, or None."""
        it = self.pythons().get(version)
        python = it.executable if it and self.is_native else "python" + version
        words = ["--target", self.target, "--interpreter", python]
        words += ["--zig", "--compatibility", self.tag] if self.tag else []
        return package.maturin(steps, folder, f"{version}-{self.target}", words, env)

    def pythons(self):
        """The CPythons for it that this machine runs, by their versions."""
        if self.is_native:
            return {it.minor: it for it in interpreters.found() if package.is_supported(it)}
        return emulated() if self.target == debian_pythons.EMULATED.target else {}

    def test(self, steps, folder, version, file):
        """Runs the tests with a wheel; returns the counts, or None if nothing runs it here."""
        if self.target == windows.TARGET and version in windows_python.VERSIONS:
            return windows_python.test(steps, version, file)
        it = self.pythons().get(version)
        return it and python_tests.of_wheel(steps, folder, it, file)


def skip(steps, it, why):
    """Records why no wheels are built for a platform."""
    steps.skip("wheels for " + it.target, why)


@functools.lru_cache(maxsize=None)
def emulated():
    """The CPythons of another processor, which an emulator runs, by their versions."""
    found = filter(None, map(interpreters.probe, debian_pythons.EMULATED.launchers()))
    return {it.minor: it.emulated(debian_pythons.EMULATED.target) for it in found}


def platforms():
    """Those of a release that are built on a machine like this one, its own first."""
    if platform.libc_ver()[0] != "glibc":
        return [Platform(rust.host())]
    return sorted(
        [
            Platform("x86_64-unknown-linux-gnu", "manylinux_2_17"),
            Platform("aarch64-unknown-linux-gnu", "manylinux_2_17"),
            Platform("x86_64-unknown-linux-musl", "musllinux_1_2"),
            Platform("aarch64-unknown-linux-musl", "musllinux_1_2"),
            Platform(windows.TARGET, needs=debian.WINDOWS, linker=wine.GCC),
        ],
        key=lambda it: not it.is_native,
    )


def release(steps, folder, env, names=()):
    """Builds the wheels of a release; yields the platform, the version, and the path of each."""
    for it in platforms():
        # Maturin needs a CPython that runs here on Windows, and none on Linux.
        versions = VERSIONS if it.tag or not it.is_native else it.pythons()
        chosen = [version for version in versions if is_chosen(it, version, names)]
        made = it.environment(steps, env) if chosen else None
        for version in chosen if made else ():
            file = it.build(steps, folder, version, made)
            if file:
                yield it, version, file


def is_chosen(it, version, names):
    """Whether a wheel is one of those that are named."""
    return not names or any(name in f"{version}-{it.target}" for name in names)
