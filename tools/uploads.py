"""The steps of the release workflow: what is uploaded, and what exists already.

Before the first upload to a registry, a draft of the release has the hash of each file. A run that
is repeated or resumed stops if its files are others.
"""

import hashlib
import json
import os
import tempfile
import zipfile
from pathlib import Path

from tools import generated, package, packages, registry, versions, wheels
from tools.steps import ROOT, call

SUMS = "SHA256SUMS"
# What a release must contain. PyPI accepts no further files of an old release.
SYSTEMS = ["manylinux*_x86_64", "manylinux*_aarch64", "musllinux*_x86_64", "musllinux*_aarch64"]
SYSTEMS += ["macosx*_x86_64", "macosx*_arm64", "win_amd64", "win_arm64"]
TAGS = ["cp" + version.replace(".", "") for version in wheels.VERSIONS]
NEEDED = [f"*-{tag}-{system}.whl" for tag in TAGS for system in SYSTEMS]
NEEDED += ["*.tar.gz", *(f"{name}-[0-9]*.crate" for name in packages.CRATES)]


def options(parser):
    """Adds the steps, each with its arguments."""
    steps = parser.add_subparsers(metavar="STEP", required=True)
    for name, (function, words) in STEPS.items():
        step = steps.add_parser(name, help=function.__doc__, description=function.__doc__)
        step.set_defaults(function=function, words=words)
        for word in words:
            step.add_argument(word, type=Path if word == "folder" else str)


def run(steps, options):
    """Runs a step of the workflow."""
    try:
        options.function(*(getattr(options, word) for word in options.words))
        print("ok", options.function.__name__)
    except ValueError as error:
        steps.fail(options.function.__name__, str(error))


def check(tag):
    """Fails unless the tag, the files that name the version, and the changelog agree."""
    addresses = generated.Project().placeholders()
    found = [f"{it} in Cargo.toml is a placeholder" for it in addresses]
    refuse(found + list(versions.findings(ROOT, tag)))


def collect(folder):
    """Fails if a file is missing, or the SBOM of a wheel. Writes SHA256SUMS."""
    version, found = versions.current(ROOT), files(folder)
    missing = [it for it in NEEDED if not any(path.match(it) for path in found)]
    other = [path.name for path in found if f"-{version}" not in path.name]
    refuse([f"there is no {it}" for it in missing])
    refuse([f"{it} is not of version {version}" for it in other])
    refuse([f"{it.name} has no SBOM" for it in found if it.suffix == ".whl" and not has_sbom(it)])
    (folder / SUMS).write_text(sums(folder), newline="\n")


def has_sbom(wheel):
    """Whether a wheel has the list of what it was built from, which maturin writes (PEP 770)."""
    with zipfile.ZipFile(wheel) as archive:
        return any(map(package.SBOM.fullmatch, archive.namelist()))


def draft(tag, folder):
    """Makes the draft of a release, or compares the files with those that it has."""
    release = view(tag)
    if release is None:
        create(tag, folder / SUMS)
    elif release["isDraft"] and not any(it["name"] == SUMS for it in release["assets"]):
        # A former run was interrupted there.
        gh("upload", tag, folder / SUMS)
    elif gh("download", tag, "--pattern", SUMS, "--output", "-") != sums(folder):
        raise ValueError(f"release {tag} has other files: run only the failed jobs again")
    if release is None or release["isDraft"]:
        gh("upload", tag, "--clobber", *files(folder))


def create(tag, hashes):
    """Makes a draft with the section of the changelog. The hashes are its first file."""
    with tempfile.TemporaryDirectory() as scratch:
        notes = Path(scratch) / "notes.md"
        changelog = versions.read(ROOT, versions.CHANGELOG)
        notes.write_text(versions.notes(changelog, tag[1:]), encoding="utf-8")
        words = ["--draft", "--verify-tag", "--title", tag, "--notes-file", notes]
        gh("create", tag, *words, hashes)


def publish(tag):
    """Publishes the draft of a release, unless that is done."""
    release = view(tag)
    refuse([] if release else [f"there is no release {tag}"])
    if release["isDraft"]:
        gh("edit", tag, "--draft=false", "--latest")


def view(tag):
    """The state of a release; None if there is none."""
    ended = call(["gh", "release", "view", tag, "--json", "isDraft,assets"])
    if not ended.ok and "release not found" not in ended.text:
        raise ValueError(ended.text)
    return json.loads(ended.text) if ended.ok else None


def gh(*words):
    """Runs a command of `gh release`; returns its output."""
    ended = call(["gh", "release", *words])
    refuse([] if ended.ok else [f"gh release {words[0]}: {ended.text}"])
    return ended.text


def crates(folder):
    """Compares the crates with those that were tested, and with the registry."""
    left = registry.pending(tested(folder))
    # A new crate needs a token, because trusted publishing cannot create it.
    is_new = any(registry.checksum(name, "*") is None for name in left)
    output("crates", " ".join(left))
    output("new", "yes" if is_new else "no")


def upload_crates(folder):
    """Uploads the crates that the registry does not have."""
    registry.upload(registry.pending(tested(folder)))


def tested(folder):
    """The SHA-256 of each crate in a folder, by the name of its file."""
    return {path.name: digest(path) for path in files(folder) if path.suffix == ".crate"}


def output(name, value):
    """Prints an output of a step, and hands it to the next steps of the workflow."""
    print(f"{name}={value}")
    if "GITHUB_OUTPUT" in os.environ:
        with open(os.environ["GITHUB_OUTPUT"], "a", encoding="utf-8") as file:
            file.write(f"{name}={value}\n")


def files(folder):
    """The files of a release in a folder and below, without the list of their hashes."""
    found = (it for it in folder.rglob("*") if it.is_file() and it.name != SUMS)
    return sorted(found, key=lambda it: it.name)


def sums(folder):
    """The SHA-256 of each file, in the format of `sha256sum`."""
    return "".join(f"{digest(it)}  {it.name}\n" for it in files(folder))


def digest(path):
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def refuse(reasons):
    """Raises what stops a release."""
    if reasons:
        raise ValueError("; ".join(reasons))


STEPS = {
    "check": (check, ["tag"]),
    "collect": (collect, ["folder"]),
    "draft": (draft, ["tag", "folder"]),
    "crates": (crates, ["folder"]),
    "upload-crates": (upload_crates, ["folder"]),
    "publish": (publish, ["tag"]),
}
