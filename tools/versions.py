"""The version in the files that name it, and the sections of `CHANGELOG.md`.

`Cargo.toml` has the version of the workspace. The other files must agree with it.
"""

import re
import tomllib

NUMBERS = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}")
CHANGELOG = "CHANGELOG.md"
UNRELEASED = re.compile(r"^## \[Unreleased\]\n", re.M | re.I)
# A note that is only true before the first release.
FIRST = re.compile(r"^The first release will be .*\n\n?", re.M)
# The heading of a version, and its text up to the next one or to the links at the end.
SECTION = r"^## \[{}\] - (\S+)\n(.*?)(?=^## |^\[[^\]\n]+\]: |\Z)"
DATE = re.compile(r"\d{4}-\d\d-\d\d")

# Files with the version. Each pattern matches what is before the version, the version, and a quote.
PLACES = {
    "Cargo.toml": r'(^\[workspace\.package\]\nversion = ")([^"]*)(")',
    "compat/safemap-memmap2/Cargo.toml": r'(^safemap = \{ version = ")([^"]*)(")',
    "recipe/recipe.yaml": r'(^  version: ")([^"]*)(")',
}


def current(root):
    """The version of the workspace."""
    workspace = tomllib.loads(read(root, "Cargo.toml"))["workspace"]
    return workspace["package"]["version"]


def findings(root, tag=None):
    """Yields a sentence for each file that does not agree with `Cargo.toml`.

    With a tag also if it is not that of the version, or if the changelog lacks the version.
    """
    version = current(root)
    for path, pattern in PLACES.items():
        found = re.search(pattern, read(root, path), re.M)
        if not found or found.group(2) != version:
            yield f"{path} does not have version {version} of Cargo.toml"
    if tag is not None and tag != "v" + version:
        yield f"the tag is {tag}, and the version in Cargo.toml {version}"
    if tag is not None and not notes(read(root, CHANGELOG), version):
        yield f"{CHANGELOG} has no text with a date for {version}"


def write(root, version):
    """Writes a version into each file that names it."""
    for path, pattern in PLACES.items():
        text, count = re.subn(pattern, rf"\g<1>{version}\g<3>", read(root, path), flags=re.M)
        if count != 1:
            raise ValueError(f"{path} names the version {count} times")
        save(root, path, text)


def close(root, version, date, default=""):
    """Makes the unreleased changes those of a version, and opens a new section above it.

    `default` is its text if there are none. Without one that is an error.
    """
    text = FIRST.sub("", read(root, CHANGELOG))
    if notes(text, version):
        raise ValueError(f"{CHANGELOG} has a section for {version} already")
    heading = f"## [Unreleased]\n\n## [{version}] - {date}\n"
    text, count = UNRELEASED.subn(heading, text)
    if count != 1:
        raise ValueError(f"{CHANGELOG} has {count} sections of unreleased changes")
    if not notes(text, version):
        text = text.replace(heading, f"{heading}\n{default}\n")
    if not notes(text, version):
        raise ValueError(f"{CHANGELOG} has no unreleased changes")
    save(root, CHANGELOG, text)


def notes(text, version):
    """The changes of a version with a date; empty if there are none."""
    found = re.search(SECTION.format(re.escape(version)), text, re.M | re.S)
    return found.group(2).strip() if found and DATE.fullmatch(found.group(1)) else ""


def problem(old, new):
    """Why a version cannot follow another; None if it can."""
    if not NUMBERS.fullmatch(new):
        return f"{new} is not of the form 1.2.3"
    if numbers(new) < numbers(old):
        return f"{new} is older than {old}"
    return None


def numbers(version):
    """A version as numbers, so that 0.10.0 is after 0.9.0."""
    return [int(it) for it in version.split(".")]


def read(root, path):
    """A file of the repository; empty if there is none."""
    full = root / path
    return full.read_text(encoding="utf-8") if full.exists() else ""


def save(root, path, text):
    """Writes a file of the repository."""
    (root / path).write_text(text, encoding="utf-8", newline="\n")
