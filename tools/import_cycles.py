#!/usr/bin/env python3
"""Fails if files of the core import each other in a cycle.

`python3 tools/import_cycles.py` runs the check alone.

A file of `core/src` imports the files that define the items it names, in `use` declarations and in
paths, through any re-exports. Method calls, test code (`#[cfg(test)]`) and `mod child;` do
not count.
"""

import re
import sys
import time
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
TEST_ONLY = re.compile(r"#\[cfg\(test\)\]")
MODULE = re.compile(r"\bmod\s+(\w+)\s*([;{])")
USE = re.compile(r"\buse\s+([^;]+);")
KINDS = "fn|struct|enum|union|trait|type|const|static|macro_rules!"
DEFINITION = re.compile(rf"\b(?:{KINDS})\s+(?:mut\s+)?(\w+)")
PATH = re.compile(r"(?<![\w:$])(\w+(?:\s*::\s*\w+)+)")
VISIBILITY = re.compile(r"\bpub\s*\([^)]*\)")


class Scope:
    """A module: a file, or an inline module in one."""

    def __init__(self, file, parent):
        self.file, self.parent = file, parent
        self.children, self.names, self.globs, self.items = {}, {}, [], set()
        self.references = []

    def root(self):
        """The scope of the crate."""
        return self.parent.root() if self.parent else self

    def resolve(self, path, seen=()):
        """The files that define the item at `path`; none for modules and for other crates."""
        first, rest = path[0], path[1:]
        if not rest and first in ("crate", "self", "super"):
            return set()
        if first in ("crate", "self", "super"):
            start = {"crate": self.root(), "self": self, "super": self.parent or self}[first]
            return start.resolve(rest, seen)
        found = set()
        for child in self.children.get(first, []):
            found |= child.resolve(rest, seen) if rest else set()
        # A name that leads back to itself is another crate's: `use memchr::memchr`.
        if (self, first) not in seen:
            for other in self.names.get(first, []):
                found |= self.resolve(other + rest, seen + ((self, first),))
        if not found and first in self.items:
            found = {self.file}
        if not found and first not in self.children and first not in self.names:
            found = set().union(*(self.resolve(glob + path, seen) for glob in self.globs))
        return found

    def every(self):
        """This scope and those in it."""
        yield self
        for same_name in self.children.values():
            for child in same_name:
                yield from child.every()


def block_end(text, start):
    """The index behind the block that begins at `start`, or behind the next semicolon."""
    depth = 0
    for at in range(start, len(text)):
        if text[at] in "{([":
            depth += 1
        elif text[at] in "})]":
            depth -= 1
            if depth == 0 and text[at] == "}":
                return at + 1
        elif text[at] == ";" and depth == 0:
            return at + 1
    return len(text)


def without_tests(text):
    """The text without the items that only tests have."""
    while True:
        found = TEST_ONLY.search(text)
        if not found:
            return text
        text = text[: found.start()] + text[block_end(text, found.end()) :]


def leaves(tree, prefix=()):
    """The paths and the names that a `use` declaration binds."""
    tree = tree.strip()
    if tree.endswith("}"):
        head, _, inner = tree.partition("{")
        prefix += segments(head)
        depth, part = 0, ""
        for character in inner[:-1] + ",":
            depth += {"{": 1, "}": -1}.get(character, 0)
            if character == "," and depth == 0:
                if part.strip():
                    yield from leaves(part, prefix)
                part = ""
            else:
                part += character
        return
    path, _, name = tree.partition(" as ")
    path = prefix + segments(path)
    if path[-1] == "self" and len(path) > 1:
        path = path[:-1]
    yield path, name.strip() or path[-1]


def segments(path):
    """`a::b` as a tuple."""
    return tuple(part.strip() for part in path.split("::") if part.strip())


def fill(scope, text, folder):
    """Reads the declarations and the references of a scope; `folder` holds its child files."""
    inline = MODULE.search(text)
    while inline:
        name, kind = inline.groups()
        end = inline.end()
        if kind == "{":
            end = block_end(text, inline.end() - 1)
            child = Scope(scope.file, scope)
            scope.children.setdefault(name, []).append(child)
            fill(child, text[inline.end() : end - 1], folder / name)
        else:
            scope.children.setdefault(name, []).append(read(folder, name, scope))
        text = text[: inline.start()] + text[end:]
        inline = MODULE.search(text)
    for tree in USE.findall(text):
        for path, name in leaves(tree):
            if name == "*":
                scope.globs.append(path[:-1])
            else:
                scope.names.setdefault(name, []).append(path)
                scope.references.append(path)
    text = USE.sub("", text)
    scope.items = set(DEFINITION.findall(text))
    scope.references += [segments(path) for path in PATH.findall(text)]


def read(folder, name, parent):
    """Reads the file of a module."""
    file = folder / (name + ".rs")
    inner = folder / name
    if not file.exists():
        file = inner / "mod.rs"
    scope = Scope(file, parent)
    fill(scope, clean(file), inner)
    return scope


def clean(file):
    """The text of a file without comments, strings and test code."""
    text = COMMENT_OR_TEXT.sub(" ", file.read_text(encoding="utf-8"))
    return VISIBILITY.sub("pub", without_tests(text))


def graph(source=SOURCE):
    """The files that each file imports, by their names below `source`."""
    root = Scope(source / "lib.rs", None)
    fill(root, clean(root.file), source)
    edges = {}
    for scope in root.every():
        imported = edges.setdefault(scope.file.relative_to(source).as_posix(), set())
        for path in scope.references:
            others = scope.resolve(path) - {scope.file}
            imported |= {file.relative_to(source).as_posix() for file in others}
    return edges


def cycle_from(edges, start):
    """A shortest cycle through `start`, or `None`."""
    came_from, queue = {}, [start]
    for file in queue:
        for other in sorted(edges.get(file, ())):
            if other == start:
                cycle = [start, file]
                while file != start:
                    file = came_from[file]
                    cycle.append(file)
                return cycle[::-1]
            if other not in came_from:
                came_from[other] = file
                queue.append(other)
    return None


def cycles(edges):
    """A shortest cycle through each file that has one; each cycle once."""
    found = {}
    for file in sorted(edges):
        cycle = cycle_from(edges, file)
        if cycle:
            found.setdefault(frozenset(cycle), cycle)
    return sorted(found.values(), key=len)


def run(steps):
    """Checks the core: one step, a failure for each cycle."""
    begun = time.monotonic()
    edges = graph()
    found = cycles(edges)
    name = f"import cycles ({len(edges)} files of the core)"
    steps.record(name, Counts(failed=len(found)), time.monotonic() - begun, False)
    for cycle in found:
        print("     " + " -> ".join(cycle))


def main():
    """Runs the check alone."""
    steps = Steps()
    run(steps)
    return steps.close()


if __name__ == "__main__":
    sys.exit(main())
