"""Writes the listing of the public API, `docs/api/*.txt`, so that a change of it shows in a diff.

It is read from the pages that rustdoc makes. Rustdoc's JSON needs a nightly compiler. The API of
Python is in the stubs, which are text already.
"""

import html
import re
import shutil

from tools import rust
from tools.steps import ROOT, TARGET, Counts, call

CRATES = ["safemap", "safemap-memmap2"]
PACKAGES = [word for name in CRATES for word in ("--package", name)]
FOLDER = ROOT / "docs" / "api"
# Its own folder: the features are others than those of the workspace.
HOME = TARGET / "api"
# The listing has what this system has; other systems have a few items that are described in it.
SYSTEM = "-unknown-linux-gnu"
# A list in a page, a declaration, or the heading of an implementation or of an item in it.
PART = re.compile(
    r'id="(?P<list>[a-z-]+)-list"|id="(?P<other>foreign-impls|deref-methods)'
    r'|<pre class="rust (?:item-decl|macro)">(?P<declaration>.*?)</pre>'
    r'|<section id="[^"]*" class="(?P<kind>(?:impl|method|associated)[\w -]*)">.*?'
    r'<h[34] class="code-header">'
    r"(?P<heading>.*?)</h[34]>",
    re.S,
)
ITEM = re.compile(r'<li><a href="([^"#]+)"')
# Summaries of hidden parts, and marks that are links.
MARKS = re.compile(r'<summary.*?</summary>|<a href="#" class="tooltip.*?</a>|<[^>]*>', re.S)
# Traits that a type has by itself. Rustdoc also lists internal ones of the standard library.
INTERNAL = "impl StructuralPartialEq for "
AUTO = re.compile(r"impl(<.*>)? !?(Send|Sync|Unpin|UnwindSafe|RefUnwindSafe) for ")
TRAITS = ("trait-implementations", "implementors", "foreign-impls")


def run(steps, options=None):
    """Writes each listing that is not current."""
    for path, text in listings(steps).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
            print(f"wrote {path.relative_to(ROOT)}")


def lint(steps):
    """Fails for each listing that is not current."""
    if not rust.host().endswith(SYSTEM):
        steps.skip("listing of the API", "it is that of Linux")
        return
    made = listings(steps).items()
    old = [it for it, text in made if not it.exists() or it.read_text(encoding="utf-8") != text]
    for path in old:
        print(f"{path.relative_to(ROOT)} is not current: `python3 x.py api` writes it")
    steps.record("listing of the API", Counts(failed=len(old)), 0, counted=False)


def semver(steps, options=None):
    """Compares the API with that of the last release, which must permit the new version."""
    # From the parent on: the last commit may have the tag of the version that is compared.
    tag = call(["git", "describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^"])
    if not tag.ok:
        steps.skip("cargo semver-checks", "there is no release yet")
    elif shutil.which("cargo-semver-checks") is None:
        steps.skip("cargo semver-checks", "not installed; the workflow `ci` runs it")
    else:
        words = ["semver-checks", *PACKAGES, "--baseline-rev", tag.text.strip()]
        steps.run("cargo semver-checks", ["cargo", *words])


def listings(steps):
    """The path and the text of the listing of each crate; empty if rustdoc fails."""
    command = ["cargo", "doc", "--no-deps", *PACKAGES, *rust.FEATURES]
    if not steps.run("cargo doc of the API", command, {"CARGO_TARGET_DIR": str(HOME)}).ok:
        return {}
    return {FOLDER / f"{name}.txt": listing(name) for name in CRATES}


def listing(name):
    """The listing of a crate."""
    folder = HOME / "doc" / name.replace("-", "_")
    # Rustdoc leaves pages of items that no longer exist.
    every = (folder / "all.html").read_text(encoding="utf-8")
    pages = [folder / it for it in sorted(ITEM.findall(every))]
    texts = [item(it.relative_to(folder.parent), it.read_text(encoding="utf-8")) for it in pages]
    return f"# `x.py api` makes this file: the public API of {name}.\n" + "".join(texts)


def item(path, page):
    """The text for one page; empty if it is not that of an item."""
    kind, _, name = path.stem.rpartition(".")
    parts = list(PART.finditer(page))
    declared = "".join(block(it["declaration"]) for it in parts if it["declaration"])
    heading = "::".join([*path.parent.parts, name])
    lines = "".join(f"    {it}\n" for it in members(parts))
    return f"\n{kind} {heading}\n{declared}{lines}" if kind and declared else ""


def block(declaration):
    """A declaration, whose lines are kept."""
    text = MARKS.sub("", declaration.replace("</div>", "\n"))
    lines = (html.unescape(it).replace("\xa0", " ").rstrip() for it in text.split("\n"))
    return "".join(f"    {it}\n" for it in lines if it)


def members(parts):
    """The sorted lines for implementations and what is in them."""
    found, within, owner = set(), "", ""
    for part in parts:
        within = part["list"] or part["other"] or within
        if part["heading"]:
            text, kind = plain(part["heading"]), part["kind"]
            owner = text if kind == "impl" else owner
            found.update(line(within, kind, owner, text))
    return sorted(found)


def line(within, kind, owner, text):
    """Yields the line for a heading in a list, unless it says nothing about the API."""
    if within == "implementations" and kind != "impl":
        yield f"{owner}: {text}"
    elif within in TRAITS and kind.startswith("associated"):
        yield f"{owner}: {text}"
    elif within in TRAITS and kind == "impl" and not text.startswith(INTERNAL):
        yield text
    elif within == "synthetic-implementations" and AUTO.match(text):
        yield text


def plain(text):
    """A piece of a page as text on one line."""
    text = " ".join(html.unescape(MARKS.sub("", text)).split())
    # Rustdoc breaks lines of more than 80 characters after brackets.
    return text.replace("( ", "(").replace(", )", ")")
