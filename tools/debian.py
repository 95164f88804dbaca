"""Debian: which package brings what a chore needs, and how those that are missing are installed."""

import os
import shutil
from pathlib import Path

# What has to be there, a path or a program, and the package that brings it.
RUST = {
    "/usr/bin/cargo": "cargo-web",
    "/usr/bin/rustc": "rustc-web",
    "/usr/bin/cargo-clippy": "rust-web-clippy",
    "/usr/lib/rustlib/src/rust/library/std/Cargo.toml": "rust-web-src",
}
WINDOWS = {
    "x86_64-w64-mingw32-gcc": "gcc-mingw-w64-x86-64",
    "/usr/lib/wine/wine64": "wine64",
}


def lacks(*needs):
    """Names the packages that would bring what is not there."""
    wanted = {what: package for need in needs for what, package in need.items()}
    return sorted({package for what, package in wanted.items() if not is_there(what)})


def is_there(what):
    """Whether a path exists, or a program is found."""
    return Path(what).exists() if what.startswith("/") else shutil.which(what) is not None


def sentence(packages):
    """Says what is missing, and how one gets it."""
    return "this machine lacks {}; `python3 x.py setup-cross` installs it on Debian".format(", ".join(packages))


def install(steps, *needs):
    """Installs everything that is missing of what is needed."""
    packages = lacks(*needs)
    if not packages:
        print("nothing is missing")
    elif shutil.which("apt-get") is None:
        steps.skip("setup-cross", "there is no apt-get here; Debian calls what is missing " + ", ".join(packages))
    elif steps.run("apt-get update", root("apt-get", "update")).ok:
        env = {"DEBIAN_FRONTEND": "noninteractive"}
        words = ["install", "--yes", "--no-install-recommends"]
        steps.run("apt-get install " + " ".join(packages), root("apt-get", *words, *packages), env)


def root(*command):
    """The command, as one that the administrator gives."""
    return [*command] if os.geteuid() == 0 else ["sudo", "--non-interactive", "--preserve-env=DEBIAN_FRONTEND", *command]
