"""Debian's packages: which of them tools need, and how missing ones are installed."""

import os
import shutil
from pathlib import Path

from tools.steps import call

# A path or a program that must exist, and the package that contains it.
RUST = {
    "/usr/bin/cargo": "cargo-web",
    "/usr/bin/rustc": "rustc-web",
    "/usr/bin/cargo-clippy": "rust-web-clippy",
    "/usr/lib/rustlib/src/rust/library/std/Cargo.toml": "rust-web-src",
}
WINDOWS = {"x86_64-w64-mingw32-gcc": "gcc-mingw-w64-x86-64", "/usr/lib/wine/wine64": "wine64"}


def lacks(*needs):
    """Names the packages that contain what is missing."""
    wanted = {what: package for need in needs for what, package in need.items()}
    return sorted({package for what, package in wanted.items() if not is_there(what)})


def is_there(what):
    """Whether a path exists, or a program is found."""
    return Path(what).exists() if what.startswith("/") else shutil.which(what) is not None


def sentence(packages):
    """Says which packages are missing, and how to install them."""
    return "{} missing; on Debian `x.py setup-cross --all` installs".format(", ".join(packages))


def install(steps, *needs):
    """Installs the packages that are missing."""
    packages = lacks(*needs)
    if not packages:
        print("nothing is missing")
    elif shutil.which("apt-get") is None:
        steps.skip("setup-cross", "no apt-get; Debian's packages are " + ", ".join(packages))
    elif steps.run("apt-get update", as_root("apt-get", "update")).ok:
        words = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
        env = {"DEBIAN_FRONTEND": "noninteractive"}
        steps.run("apt-get install " + " ".join(packages), as_root(*words), env)


def as_root(*command):
    """The command, run by sudo unless this process is root."""
    sudo = ["sudo", "--non-interactive", "--preserve-env=DEBIAN_FRONTEND"]
    return [*command] if os.geteuid() == 0 else [*sudo, *command]


def mirror():
    """The first address from which apt gets Debian's packages, or None."""
    listed = call(["apt-get", "indextargets", "--format", "$(SITE)", "Label: Debian"])
    return next(iter(listed.text.split()), None) if listed.ok else None
