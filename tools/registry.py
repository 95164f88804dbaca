"""Crates in the registry: which of them are there, and the upload of those that are not."""

import hashlib
import json
import re
import tempfile
import tomllib
from pathlib import Path

from tools import versions
from tools.steps import ROOT, TARGET, call

# A package that depends on a crate: cargo writes the crate's hash into its lock file.
QUESTION = """[package]
name = "question"
version = "0.0.0"
edition = "2021"
[lib]
path = "lib.rs"
[dependencies]
{} = "{}"
"""
ABSENT = "no matching package named `{0}` found|for the requirement `{0} = "
# In place of a hash: what cargo says of a version that it does not take any more.
YANKED = "is yanked"


def pending(tested):
    """The names of crates that the registry does not have; a dependency is before what needs it.

    `tested` has the SHA-256 of the file of each crate. Raises ValueError if the sources make
    another file, or if the registry has another one.
    """
    left = []
    for name, path in package(published()).items():
        wanted = tested.get(path.name)
        if hashlib.sha256(path.read_bytes()).hexdigest() != wanted:
            raise ValueError(f"{path.name} differs from the file that was tested")
        there = checksum(name, "=" + versions.current(ROOT))
        if there == YANKED:
            raise ValueError(f"{path.name} {YANKED}: make another version")
        if there not in (None, wanted):
            raise ValueError(f"the registry has another {path.name}")
        left += [name] if there is None else []
    return left


def upload(names):
    """Uploads crates. It builds nothing: code of a dependency could read the token."""
    if names:
        cargo("publish", "--locked", "--no-verify", *chosen(names))


def package(names):
    """Packages crates; returns their files by name."""
    cargo("package", "--locked", "--no-verify", *chosen(names))
    version = versions.current(ROOT)
    return {name: TARGET / "package" / f"{name}-{version}.crate" for name in names}


def published():
    """The names of the crates that are published; a dependency is before what needs it."""
    text = cargo("metadata", "--no-deps", "--format-version", "1")
    found = json.loads(next(it for it in text.splitlines() if it.startswith("{")))["packages"]
    public = {it["name"]: it["dependencies"] for it in found if it["publish"] is None}
    needs = {name: {it["name"] for it in public[name]} & set(public) for name in public}
    return sorted(public, key=lambda name: (len(needs[name]), name))


def checksum(name, requirement):
    """The SHA-256 of the newest crate that meets a requirement; None if there is none.

    `YANKED` if only yanked ones do.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "Cargo.toml").write_text(QUESTION.format(name, requirement))
        (folder / "lib.rs").touch()
        ended = call(["cargo", "generate-lockfile"], cwd=folder)
        if ended.ok:
            locked = tomllib.loads((folder / "Cargo.lock").read_text())["package"]
            return next(it["checksum"] for it in locked if it["name"] == name)
    if re.search(ABSENT.format(re.escape(name)), ended.text):
        return YANKED if YANKED in ended.text else None
    raise ValueError(ended.text)


def cargo(*words):
    """Runs a command of cargo; returns its output."""
    ended = call(["cargo", *words])
    if not ended.ok:
        raise ValueError(f"cargo {words[0]}: {ended.text}")
    return ended.text


def chosen(names):
    """The options that name crates."""
    return [word for name in names for word in ("--package", name)]
