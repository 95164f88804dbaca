"""Copies all crates into a folder, for builds without a network and with the same result.

The environment of such a build has the crates, the time of the last commit for time stamps, and
names for folders, whose paths would otherwise be in the programs.
"""

from tools import cross_toolchain
from tools.steps import ROOT, TARGET, call

HOME = TARGET / "vendor"
# Crates from the registry are taken from a folder, and cargo does not use the network.
CONFIG = """[source.crates-io]
replace-with = "vendored"
[source.vendored]
directory = "{}"
[net]
offline = true
"""


def environment(steps):
    """The environment of a build; None if the crates cannot be copied."""
    home, crates = HOME / "home", HOME / "crates"
    command = ["cargo", "vendor", "--locked", "--versioned-dirs", *library(), crates]
    # The manifest of the standard library is for unstable versions.
    if not steps.run("cargo vendor", command, {"RUSTC_BOOTSTRAP": "1"}).ok:
        return None
    home.mkdir(parents=True, exist_ok=True)
    # Slashes, because a backslash begins an escape in TOML.
    (home / "config.toml").write_text(CONFIG.format(crates.as_posix()))
    return {
        "CARGO_HOME": str(home),
        "CARGO_TARGET_DIR": str(HOME / "target"),
        # They would be removed again.
        "CARGO_PROFILE_RELEASE_DEBUG": "0",
        "SOURCE_DATE_EPOCH": call(["git", "log", "-1", "--format=%ct"]).text.strip(),
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(flags({"safemap": ROOT, "crates": crates})),
    }


def library():
    """The option that adds the crates of the standard library, if it is built for a target."""
    manifest = cross_toolchain.LIBRARY / "Cargo.toml"
    return ["--sync", manifest] if manifest.exists() else []


def flags(folders):
    """The flags of rustc that replace the paths of folders by names."""
    return [f"--remap-path-prefix={path}={name}" for name, path in folders.items()]
