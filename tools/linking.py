"""Builds a program with each linker and profile, and with safemap in a shared Rust library.

The linker collects the exception table of inlined accesses. Here the program runs into faults.
"""

import shutil
from pathlib import Path

from tools.steps import ROOT, TARGET, call

HOME = ROOT / "testing" / "linking"
FOLDER = TARGET / "linking"
# Rust's own linker is the default on x86-64 Linux.
LINKERS = {"the default linker": None, "GNU ld": "bfd", "lld": "lld"}
# The program that must exist, and the package that contains it.
NEEDS = {"ld.lld": "lld"}
PROFILES = ["dev", "release", "fat"]


def options(parser):
    """Adds the option of this tool to a parser."""
    parser.add_argument("--quick", action="store_true", help="with the default profile only")


def run(steps, options):
    """Builds and runs the program in each way."""
    for linker, name in LINKERS.items():
        if name and not shutil.which("ld." + name):
            steps.skip("linking", linker + " is not installed")
            continue
        for profile in PROFILES[: 1 if options.quick else None]:
            check(steps, linker, name, profile, False)
            # A library that is linked at run time excludes optimization across crates.
            if profile != "fat":
                check(steps, linker, name, profile, True)


def check(steps, linker, name, profile, shared):
    """Builds and runs the program in one way."""
    flags = ["-Clink-arg=-fuse-ld=" + name] if name else []
    flags += ["-Cprefer-dynamic"] if shared else []
    target = FOLDER / "-".join([name or "default", "shared" if shared else "static"])
    env = {"RUSTFLAGS": " ".join(flags), "CARGO_TARGET_DIR": str(target)}
    title = "{}, profile {}{}".format(linker, profile, ", in a library" if shared else "")
    build = ["cargo", "build", "--manifest-path", HOME / "Cargo.toml", "--profile", profile]
    if not steps.run("build with " + title, build + ["--features", "library"] * shared, env).ok:
        return
    folder = target / ("debug" if profile == "dev" else profile)
    libraries = [folder / "deps", library_of_rust()] if shared else []
    paths = {"LD_LIBRARY_PATH": ":".join(map(str, libraries))} if shared else {}
    steps.run("run with " + title, [folder / "linking-program"], paths)


def library_of_rust():
    """The folder of Rust's standard library."""
    return Path(call(["rustc", "--print", "target-libdir"]).text.strip())
