"""The licences of the crates that are linked into the Python package."""

import json
from pathlib import Path

from tools.steps import ROOT, call

MANIFEST, PACKAGE = ROOT / "python" / "Cargo.toml", "safemap-python"
# All crates have this licence, or a choice with it.
LICENCE, NAME = "MIT", "license-mit"
RULE = "=" * 80
HEADER = """Wheels of safemap contain code of these projects, under the MIT License.
`x.py generate` makes this file from their packages. The Rust standard library
is in wheels too: Copyright (c) The Rust Project Contributors,
https://github.com/rust-lang/rust, MIT OR Apache-2.0.
"""


def text():
    """The names of the crates, and the texts of their licences, each once."""
    names = {}
    for package in linked(metadata()):
        names.setdefault(licence(package), []).append(package["name"])
    found = sorted((", ".join(sorted(crates)), words) for words, crates in names.items())
    return "\n".join([HEADER, *(f"{RULE}\n{crates}\n{RULE}\n\n{words}" for crates, words in found)])


def metadata():
    """What cargo says about the crates of the package, on every platform."""
    words = ["cargo", "metadata", "--locked", "--format-version", "1", "--manifest-path", MANIFEST]
    ended = call(words)
    if not ended.ok:
        raise ValueError(ended.text)
    return json.loads(next(it for it in ended.text.splitlines() if it.startswith("{")))


def linked(found):
    """The packages of others whose code is in the library: no macros, nothing of the build."""
    packages = {it["id"]: it for it in found["packages"]}
    needs = {it["id"]: it["deps"] for it in found["resolve"]["nodes"]}
    left, seen = [it for it in packages if packages[it]["name"] == PACKAGE], set()
    while left:
        name = left.pop()
        if name in seen or is_macro(packages[name]):
            continue
        seen.add(name)
        left += [it["pkg"] for it in needs[name] if any(not at["kind"] for at in it["dep_kinds"])]
    return [packages[it] for it in seen if packages[it]["source"]]


def is_macro(package):
    """Whether a package is a macro, which runs in the compiler only."""
    return any("proc-macro" in it["kind"] for it in package["targets"])


def licence(package):
    """The text of the licence of a package. Raises ValueError for another licence."""
    files = Path(package["manifest_path"]).parent.iterdir()
    found = [it for it in files if it.stem.lower() == NAME]
    if LICENCE not in (package["license"] or "") or not found:
        raise ValueError(f"{package['name']} has no {LICENCE} licence: {package['license']}")
    lines = found[0].read_text(encoding="utf-8").splitlines()
    return "\n".join(it.rstrip() for it in lines).strip() + "\n"
