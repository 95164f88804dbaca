"""Sysroots: the standard library for another target, and the compiler that goes with it.

A target that `rustup target add` has brought is used as it is. Otherwise the library is built, once for each compiler,
by Debian's second Rust, which comes with the sources and all that these depend on: nothing is downloaded.
"""

import shutil
import subprocess
from pathlib import Path

from tools import debian
from tools.steps import TARGET

HOME = TARGET / "cross"
BUILT = HOME / "target"
LIBRARY = Path("/usr/lib/rustlib/src/rust/library")
CRATES = "std,panic_unwind,panic_abort,proc_macro,test"

# Releases are made for Windows too, and they are optimised as a whole, which takes the library's bitcode.
BITCODE = "-Cembed-bitcode=yes"

# A package that needs nothing but the library, and belongs to no workspace.
MANIFEST = """
[package]
name = "nothing"
version = "0.0.0"
edition = "2021"

[profile.release]
debug = 0
# Tests are in no hurry, and optimising takes half of the time.
opt-level = 1

[workspace]
"""


class Toolchain:
    """A cargo that can build for a target."""

    def __init__(self, target, cargo, env, flags):
        self.target, self.cargo, self.env, self.flags = target, cargo, env, flags
        self.folder = BUILT

    def command(self, *words):
        """The words of a call of cargo for the target: `command("test", "--lib")`."""
        # Cargo itself would look for clippy beside rustup's programs first.
        program = [self.cargo + "-clippy", "clippy"] if words[0] == "clippy" else [self.cargo, words[0]]
        return [*program, "--target", self.target, *words[1:]]

    def environment(self, linker=None, runner=None, flags=()):
        """The environment of that call. `flags` go to the compiler; `runner` is what runs the target's programs."""
        given = " ".join([*self.flags, *flags])
        env = dict(self.env, RUSTFLAGS=given, RUSTDOCFLAGS=given, CARGO_TARGET_DIR=str(self.folder))
        prefix = "CARGO_TARGET_{}_".format(self.target.upper().replace("-", "_"))
        for name, value in (("LINKER", linker), ("RUNNER", runner)):
            if value:
                env[prefix + name] = value
        return env


def toolchain(steps, target):
    """Returns what builds for `target`, made if need be; None if that cannot be done here, which is said."""
    if has_library(sysroot_of("rustc"), target):
        return Toolchain(target, "cargo", {}, [])
    missing = debian.lacks(debian.RUST)
    if missing:
        steps.skip("the standard library for " + target, debian.sentence(missing))
        return None
    return debians(target) if is_current(target) or build(steps, target) else None


def debians(target):
    """The toolchain of Debian's compiler and the library that was built with it."""
    flags = ["--sysroot", str(place(target))]
    if target.endswith("-windows-gnu"):
        # rsbegin.o and rsend.o lie there.
        flags += ["-L", "native={}".format(libraries(target))]
    return Toolchain(target, "/usr/bin/cargo", compiler(), flags)


def compiler():
    """What makes cargo call Debian's compiler, whatever else is installed."""
    return {"RUSTC": "/usr/bin/rustc", "RUSTDOC": "/usr/bin/rustdoc", "CARGO": "/usr/bin/cargo"}


def place(target):
    """The folder that is the target's sysroot."""
    return HOME / "sysroot" / target


def libraries(target):
    """Where the compiler looks for the libraries of its sysroot."""
    return place(target) / "lib" / "rustlib" / target / "lib"


def build(steps, target):
    """Builds the standard library; whether that worked."""
    work = HOME / "std" / target
    manifest, wanted = work / "Cargo.toml", "{}\n# {}".format(MANIFEST, maker(target).replace("\n", "\n# "))
    # What an interrupted build has left is taken up, if it was one of the same.
    if not manifest.exists() or manifest.read_text() != wanted:
        shutil.rmtree(str(work), ignore_errors=True)
    (work / "src").mkdir(parents=True, exist_ok=True)
    manifest.write_text(wanted)
    (work / "src" / "lib.rs").write_text("#![no_std]\n")
    env = dict(compiler(), RUSTC_BOOTSTRAP="1", RUSTFLAGS=flags(target), CARGO_TARGET_DIR=str(work / "target"))
    command = ["/usr/bin/cargo", "build", "--release", "-Zbuild-std=" + CRATES, "--target", target]
    if not steps.run("the standard library for " + target, command, env, cwd=work).ok:
        return False
    lay_out(work / "target" / target / "release" / "deps", target)
    if target.endswith("-windows-gnu") and not startup_objects(steps, target):
        return False
    stamp(target).write_text(maker(target))
    # What was built with the library of before does not fit to this one, and cargo would not notice.
    for old in (work, BUILT / target):
        shutil.rmtree(str(old), ignore_errors=True)
    return True


def lay_out(built, target):
    """Puts what was built where the compiler looks for it."""
    shutil.rmtree(str(place(target)), ignore_errors=True)
    libraries(target).mkdir(parents=True)
    for file in [*built.glob("*.rlib"), *built.glob("*.rmeta")]:
        if not file.name.startswith("libnothing"):
            shutil.copy(str(file), str(libraries(target)))


def startup_objects(steps, target):
    """Builds the two objects with which each program of the target begins and ends."""
    for name in ("rsbegin", "rsend"):
        source, made = LIBRARY / "rtstartup" / (name + ".rs"), libraries(target) / (name + ".o")
        command = ["/usr/bin/rustc", "--target", target, "--emit=obj", "-O", "-o", made, source]
        if not steps.run(made.name, command, {"RUSTC_BOOTSTRAP": "1"}).ok:
            return False
    return True


def stamp(target):
    """The file that says how the sysroot was made."""
    return place(target) / "compiler"


def is_current(target):
    """Whether the sysroot is whole, and made as it would be now."""
    return stamp(target).exists() and stamp(target).read_text() == maker(target)


def maker(target):
    """What Debian's compiler says of itself, and how it is called."""
    return said(["/usr/bin/rustc", "-vV"]) + flags(target)


def flags(target):
    """What the compiler is told for the library."""
    return BITCODE if "-windows-" in target else ""


def sysroot_of(rustc):
    """The sysroot of a compiler, or None."""
    path = said([rustc, "--print", "sysroot"]).strip()
    return Path(path) if path else None


def has_library(sysroot, target):
    """Whether there is a standard library for the target in a sysroot."""
    found = sysroot and (sysroot / "lib" / "rustlib" / target / "lib").glob("libstd-*")
    return any(found or ())


def said(command):
    """What a program prints; nothing if it is not there or fails."""
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
