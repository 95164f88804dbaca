"""Cargo for other targets: a compiler with the target's standard library, and a linker.

A target that rustup has installed is used as it is. For others there is Debian's second Rust.
Debian has its standard library for some targets; for the rest it is built along with the program
(`-Zbuild-std`). A package contains all sources.
"""

import functools
import tempfile
import threading
from pathlib import Path

from tools import debian, interpreters
from tools.apt import Apt, sources
from tools.steps import TARGET, call

HOME = TARGET / "cross"
ZIG = HOME / "zig"
ZIG_PACKAGES = ["cargo-zigbuild>=0.20,<1", "ziglang>=0.13,<1"]

# Debian's compiler, not rustup's, whose programs come first in PATH.
DEBIAN = {
    "RUSTC": "/usr/bin/rustc",
    "RUSTDOC": "/usr/bin/rustdoc",
    "CARGO": "/usr/bin/cargo",
}
BUILD_LIBRARY = {
    "RUSTC_BOOTSTRAP": "1",
    "CARGO_UNSTABLE_BUILD_STD": "std,panic_unwind,panic_abort,proc_macro,test",
}
# What makes builds faster that happen once.
FASTER = {"CARGO_INCREMENTAL": "0", "CARGO_PROFILE_DEV_DEBUG": "0"}
# Stripping programs for Apple's systems takes a tool that Debian does not have.
FASTER["CARGO_PROFILE_DEV_STRIP"] = "none"
# The sources of Debian's standard library.
LIBRARY = Path("/usr/lib/rustlib/src/rust/library")
# The package with its files, and the architectures for which it is downloaded.
PACKAGE = "libstd-rust-web-dev"
ARCHITECTURES = {"aarch64-unknown-linux-gnu": "arm64"}
DOWNLOADING = threading.Lock()


class Toolchain:
    """What builds programs for one target: `env` is the environment of its commands."""

    def __init__(self, target, linker=None, runner=None, zig=False):
        self.target, self.zig = target, zig
        # Its own folder, because cargo does not build two targets in one at the same time.
        self.env = dict(FASTER, CARGO_TARGET_DIR=str(HOME / "target" / target))
        flags = []
        if not has_library(target):
            self.env.update(DEBIAN)
            root = library_root(target)
            flags += [f"--sysroot={root}"] if root else []
            # Without the debug information of Debian's library, which is larger than a test.
            self.env.update({"CARGO_PROFILE_DEV_STRIP": "debuginfo"} if root else BUILD_LIBRARY)
        prefix = "CARGO_TARGET_{}_".format(target.upper().replace("-", "_"))
        tools = {"LINKER": linker, "RUNNER": runner}
        self.env.update((prefix + name, value) for name, value in tools.items() if value)
        if zig:
            self.env.update(zig_environment())
            # Zig's C library contains the startup objects; Rust has a second set for musl.
            flags += ["-Clink-self-contained=no"] if target.endswith("-musl") else []
        if target.endswith("-windows-gnu"):
            flags += ["-Lnative={}".format(HOME / "startup")]
        self.env.update(RUSTFLAGS=" ".join(flags), RUSTDOCFLAGS=" ".join(flags))

    def command(self, subcommand, *words):
        """A call of cargo for the target."""
        cargo = self.env.get("CARGO", "cargo")
        # Cargo looks for clippy beside rustup's programs first.
        program = [cargo + "-clippy", "clippy"] if subcommand == "clippy" else [cargo, subcommand]
        if self.zig and subcommand == "test":
            program[0] = ZIG / "bin" / "cargo-zigbuild"
        return [*program, "--target", self.target, *words]

    def ready(self, steps):
        """Makes what the target's programs are linked with; returns whether that worked."""
        return self.startup_objects(steps) if self.target.endswith("-windows-gnu") else True

    def startup_objects(self, steps):
        """Builds the two objects with which each program for Windows begins and ends."""
        folder = HOME / "startup"
        folder.mkdir(parents=True, exist_ok=True)
        words = ["--target", self.target, "--emit=obj", "-O", "--out-dir", folder]
        command = [DEBIAN["RUSTC"], *words]
        parts = [LIBRARY / "rtstartup" / name for name in ("rsbegin.rs", "rsend.rs")]
        made = [call([*command, part], {**DEBIAN, **BUILD_LIBRARY}).ok for part in parts]
        if not all(made):
            steps.fail(self.target, "its startup objects cannot be built")
        return all(made)


def has_library(target):
    """Whether rustup's compiler has a standard library for the target."""
    found = call(["rustc", "--print", "target-libdir", "--target", target])
    return found.ok and any(Path(found.text.strip()).glob("libstd-*"))


@functools.lru_cache(maxsize=None)
def library_root(target):
    """Where Debian's standard library for a target is, downloaded once; None without it."""
    if target not in ARCHITECTURES:
        return None
    shown = call(["dpkg-query", "--show", "--showformat", "${Version}\\n", PACKAGE])
    version = shown.ok and shown.text.split("\n")[0]
    # By its version, so that cargo builds anew when another one is installed.
    root = version and HOME / "library" / version / target
    # RUSTFLAGS are split at spaces.
    if root and " " not in str(root):
        with DOWNLOADING:
            if root.exists() or download_library(ARCHITECTURES[target], version, root):
                return root
    print(f"               the standard library of {target} is built: no {PACKAGE} for it")
    return None


def download_library(architecture, version, root):
    """Downloads a version of the standard library; returns whether it is there.

    Processes may do this at the same time.
    """
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=str(root.parent)) as folder:
            apt = Apt(Path(folder) / "apt", architecture, sources())
            apt.update()
            package = apt.download(PACKAGE, version)
            unpacked = Path(folder) / "unpacked"
            if package and call(["dpkg-deb", "--extract", package, unpacked]).ok:
                # Last, so that the folder is complete if it exists.
                (unpacked / "usr").rename(root)
    except OSError as error:
        # Another process may have been first.
        if not root.exists():
            print(f"               {error}")
    return root.exists()


def lacks(target):
    """Names the packages that are missing to compile for a target."""
    return [] if has_library(target) else debian.lacks(debian.RUST)


def zig_ready(steps):
    """Installs Zig, which links for every target, and cargo-zigbuild, once; returns success."""
    done, host = ZIG / "complete", interpreters.host()
    with steps.lock:
        if host and not done.exists():
            install = [*interpreters.pip(host), "install", "--upgrade", "--target", ZIG]
            if steps.run("zig", install + ZIG_PACKAGES).ok:
                done.touch()
    return done.exists()


def zig_environment():
    """Where `cargo-zigbuild` finds Zig and keeps its files."""
    return {
        "CARGO_ZIGBUILD_ZIG_PATH": str(ZIG / "ziglang" / "zig"),
        "CARGO_ZIGBUILD_CACHE_DIR": str(ZIG / "wrappers"),
        "ZIG_GLOBAL_CACHE_DIR": str(ZIG / "cache"),
        "PYTHONPATH": str(ZIG),
    }
