#!/usr/bin/env python3
"""Fails if files of the core import each other in a cycle.

`python3 tools/import_cycles.py` runs the check alone.

A file of `core/src` imports the files that define the items it names, in `use` declarations and in
paths, through any re-exports. Method calls, test code (`#[cfg(test)]`) and `mod child;` do
not count. The ends of blocks are found by their indentation, which is rustfmt's.
"""

import graphlib
import re
import sys
import time
from collections import defaultdict
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.steps import ROOT, Counts, Steps

SOURCE = ROOT / "core" / "src"

COMMENT_OR_TEXT = re.compile(
    r"""//[^\n]* | /\*.*?\*/
    | r(\#*)".*?"\1 | b?"(?:\\.|[^"\\])*" | b?'(?:\\[^\n]+?|[^'\\\n])'""",
    re.S | re.X,
)
# An item with its attributes, up to a line that ends it, or to the end of its block.
TEST_ONLY = re.compile(
    r"^( *)#\[cfg\(test\)\]\n(?:\1#.*\n)*\1(?:[^\n]*[;}] *\n|(?s:.*?)^\1\})", re.M
)
INLINE = re.compile(r"^( *)(?:pub )?mod (\w+) \{\n(.*?)^\1\}", re.S | re.M)
MODULE = re.compile(r"\bmod\s+(\w+)\s*;")
USE = re.compile(r"\buse\s+([^;]+);")
GROUP = re.compile(r"([\w:]*)\{([^{}]*)\}")
DEFINITION = re.compile(
    r"\b(?:fn|struct|enum|union|trait|type|const|static|macro_rules!)\s+(?:mut\s+)?(\w+)"
)
PATH = re.compile(r"(?<![\w:$])(\w+(?:\s*::\s*\w+)+)")
VISIBILITY = re.compile(r"\bpub\s*\([^)]*\)")


class Crate:
    """The modules of a crate by their paths, which are tuples of names."""

    def __init__(self, source):
        self.source, self.modules, self.references, self.edges = source, {()}, [], {}
        # By module and name: the files that define an item, and the paths that it is imported from.
        self.items, self.names = defaultdict(set), defaultdict(list)
        self.globs = defaultdict(list)
        self.read((), source / "lib.rs")
        for file, module, path in self.references:
            self.edges[file] |= self.resolve(module, path) - {file}

    def read(self, module, path):
        """Reads the file of a module."""
        text = COMMENT_OR_TEXT.sub(" ", path.read_text(encoding="utf-8"))
        file = path.relative_to(self.source).as_posix()
        self.edges.setdefault(file, set())
        self.fill(module, file, VISIBILITY.sub("pub", TEST_ONLY.sub("", text)))

    def fill(self, module, file, text):
        """Reads the declarations and the references of a module, and its child modules."""
        self.modules.add(module)
        for _, name, inner in INLINE.findall(text):
            self.fill((*module, name), file, inner)
        text = INLINE.sub("", text)
        for name in MODULE.findall(text):
            path = self.source.joinpath(*module, name).with_suffix(".rs")
            self.read((*module, name), path if path.exists() else path.with_suffix("") / "mod.rs")
        for path, name in (leaf for tree in USE.findall(text) for leaf in leaves(tree)):
            if name == "*":
                self.globs[module].append(path[:-1])
            else:
                self.names[module, name].append(path)
                self.references.append((file, module, path))
        text = USE.sub("", text)
        for name in DEFINITION.findall(text):
            self.items[module, name].add(file)
        self.references += [(file, module, segments(path)) for path in PATH.findall(text)]

    def resolve(self, module, path, seen=()):
        """Returns the files that define the item at `path`; none for modules and other crates."""
        first, *rest = path
        starts = {"crate": (), "self": module, "super": module[:-1]}
        if first in starts:
            return self.resolve(starts[first], rest, seen) if rest else set()
        child, found = (*module, first), set()
        if child in self.modules and rest:
            found |= self.resolve(child, rest, seen)
        # A name that leads back to itself is another crate's: `use memchr::memchr`.
        if child not in seen:
            for other in self.names.get((module, first), ()):
                found |= self.resolve(module, [*other, *rest], (*seen, child))
        found = found or self.items.get((module, first), set())
        if not found and child not in self.modules and (module, first) not in self.names:
            found = set().union(
                *(self.resolve(module, [*it, *path], seen) for it in self.globs.get(module, ()))
            )
        return found


def leaves(tree):
    """Yields the paths and the names that a `use` declaration binds."""
    while "{" in tree:
        tree = GROUP.sub(lambda it: ",".join(it[1] + part.strip() for part in parts(it[2])), tree)
    for leaf in parts(tree):
        path, _, name = leaf.partition(" as ")
        path = segments(path)
        path = path[:-1] if path[-1] == "self" and len(path) > 1 else path
        yield path, name.strip() or path[-1]


def parts(text):
    """Splits a list at its commas."""
    return [part for part in text.split(",") if part.strip()]


def segments(path):
    """`a::b` as a tuple."""
    return tuple(part.strip() for part in path.split("::") if part.strip())


def cycle(edges):
    """Returns files of which each imports the next, the last one the first; None without any."""
    try:
        graphlib.TopologicalSorter(edges).prepare()
    except graphlib.CycleError as error:
        return error.args[1][::-1]


def run(steps):
    """Checks the core as a step."""
    begun = time.monotonic()
    edges = Crate(SOURCE).edges
    found = cycle(edges)
    name = f"import cycles ({len(edges)} files of the core)"
    steps.record(name, Counts(failed=bool(found)), time.monotonic() - begun, False)
    if found:
        print("     " + " -> ".join(found))


if __name__ == "__main__":
    alone = Steps()
    run(alone)
    sys.exit(alone.close())
