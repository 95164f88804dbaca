"""The build backend: maturin, but for one sentence where there is neither a wheel nor Rust.

Maturin's own hooks download a Rust toolchain if there is none. `pyproject.toml` requires nothing,
so these hooks run before anything is installed, and without a network too.
"""

import shutil
import sys
import tomllib

SENTENCE = (
    "safemap has no wheel for this Python and platform, and to build it from source needs Rust"
    " with cargo, which was not found: https://rustup.rs installs it."
)


def requires(config_settings=None):
    """What a build needs; ends this process with a sentence if cargo is missing."""
    if shutil.which("cargo") is None:
        sys.exit(SENTENCE)
    with open("pyproject.toml", "rb") as file:
        return tomllib.load(file)["dependency-groups"]["build"]


get_requires_for_build_wheel = requires
get_requires_for_build_sdist = requires
get_requires_for_build_editable = requires


def hook(name):
    """A hook of maturin, which is installed when it is called."""

    def call(*words, **named):
        import maturin

        return getattr(maturin, name)(*words, **named)

    return call


prepare_metadata_for_build_wheel = hook("prepare_metadata_for_build_wheel")
prepare_metadata_for_build_editable = hook("prepare_metadata_for_build_editable")
build_wheel = hook("build_wheel")
build_sdist = hook("build_sdist")
build_editable = hook("build_editable")
