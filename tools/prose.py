"""Checks prose, line widths and commit subjects.

`python3 tools/prose.py [PATH...]` prints `file:line: finding`, and exits with 1 if there is one.
Without paths it checks all files, and the subjects of the commits after `BASE`. `--counts` prints
how often two groups of words occur per 10,000 words.

Prose is Markdown, comments, docstrings, strings of three words and names of functions. Text in
backquotes and in fenced code is none.
"""

import argparse
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

# Subjects are checked from the commit after this one on.
BASE = "d810adf25e01"
SUBJECT = re.compile(r"[a-z][\w .,/-]*: \S")
SUBJECT_WIDTH = 60
WIDTH = 100

# What prose must not contain, and what to write instead. Spaces also match line breaks.
DENIED = {
    r"(no|some|any|every)body": "name the actor",
    r"(who|whom|what)ever": "name the actor or the thing",
    r"who|whom": "name the actor: the thread, the process, the caller, the handler",
    r"he|him|his|she|her": "name the actor",
    r"tells?|told|telling": "returns, reports, records, says",
    r"(to|can|could|may) be had": "available",
    r"(go|goes|going|went) on": "continues",
    r"(stand|stands|standing|stood) in": "is in",
    r"of (its|our|their|my|your|one's) own": "its own, private",
    r"in the way": "name the obstacle",
    r"meanwhile": "concurrently, during the call",
    r"(see|sees|saw) to it": "ensures",
    r"(make|makes|made|making) sure of": "checks, ensures",
    r"die|dies|died|dying|deaths?": "is terminated (by SIGBUS), exits",
    r"lives": "exists, is",
    r"lent|owes|owed": "name the ownership",
    r"foreign": "external",
    r"recovery": "fixup",
    r"people": "name the actor",
    r"tortures?|sabotages?|chores?": "stress, control, tool",
    r"shelf|shelves|doors?|roads?|rooms?|the house": "name the thing itself",
    r"quick": "fast",
    r"twins?": "reference model",
    r"error numbers?": "errno",
    r"(dis)?arm(s|ed|ing)": "ensure ready, ensure first",
}
# Words of a phrase may be on consecutive lines.
PATTERNS = {
    re.compile(r"\b(?:{})\b".format(words.replace(" ", r" *\n? *")), re.I): use
    for words, use in DENIED.items()
}

# What is allowed: a pattern of paths, a pattern that matches at the finding, and the reason.
ALLOWED = [
    (r"tools/prose\.py", r".*", "the list itself"),
    (r".*", r"room (for|to|in) |room\.", "space that is left over"),
    (r".*", r"--quick|quick run", "an option, and a run with it"),
    (r".*", r"tell\(|tell seek", "a method of files"),
    (r".*/mutex(/mod)?\.rs|.*\.pyi", r"r died", "after the error code of POSIX, EOWNERDEAD"),
    (
        r".*(journal|transaction|commit).*|docs/(ipc|design|databases)\.md|CHANGELOG\.md",
        r"[Rr]ecovery",
        "of a journal after a crash",
    ),
    (r"core/tests/search\.rs", r"quick (brown|red) fox", "a text to search in"),
    (r"bench/python/questions/calls\.py", r"somebody wrote", "a text to search in"),
]

# What `--counts` counts.
GROUPS = {
    "nobody, somebody, whoever, ...": r"\b(?:(?:no|some|any|every)body|(?:who|whom|what)ever)\b",
    "tells, told, tell": r"\b(?:tells?|told|telling)\b",
}

# Comments, strings and names of functions, by the ends of files' names.
RUST = r"""(?P<comment>//[^\n]*|/\*.*?\*/) | \bfn[ ](?P<name>\w+)
    | \bb?r(?P<hashes>\#*)".*?"(?P=hashes) | (?P<string>"(?:\\.|[^"\\])*")
    | '(?:\\[^\n']+|\\'|[^'\\\n])'"""
PYTHON = r"""(?P<comment>\#[^\n]*) | \bdef[ ](?P<name>\w+)
    | (?P<string>(?P<quote>\"\"\"|'''|"|')(?:\\.|.)*?(?P=quote))"""
ASSEMBLY = r"(?P<comment>//[^\n]*|\#[ !][^\n]*|/\*.*?\*/)"
HASHES = r"""(?P<comment>(?:^|(?<=\s))\#[^\n]*) | "(?:\\.|[^"\\\n])*" | '[^'\n]*'"""
LANGUAGES = [(RUST, ".rs .c"), (PYTHON, ".py .pyi"), (ASSEMBLY, ".s"), (HASHES, ".toml .yml")]
FLAGS = re.S | re.M | re.X
SOURCES = {end: re.compile(it, FLAGS) for it, ends in LANGUAGES for end in ends.split()}
SOURCES.update({"": SOURCES[".toml"], ".md": None})

MARKERS = re.compile(r"^[ \t]*(//[/!]?|#!?|/?\*+/?)", re.M)
CODE = re.compile(r"^ *(```|~~~).*?^ *\1[^\n]*$|<!--.*?-->|``[^`]+``|`[^`]+`", re.S | re.M)
SENTENCE = re.compile(r"[A-Za-z]+,? [A-Za-z]+,? [A-Za-z]+")
WORD = re.compile(r"[A-Za-z][\w'-]*")
ADDRESS = re.compile(r"https?://\S+")
TABLE = re.compile(r"\s*(//[/!]?\s*|#\s*)?\|")


def prose_of(path, source):
    """The text of a file with everything but prose replaced by spaces."""
    pattern = SOURCES[path.suffix]
    if pattern is None:
        return CODE.sub(blank, source)
    parts, end = [], 0
    for match in pattern.finditer(source):
        parts += [blank(source[end : match.start()]), plain(match)]
        end = match.end()
    return CODE.sub(blank, "".join(parts))


def plain(match):
    """The prose in a comment, in a string with a sentence, or in the name of a function."""
    found = match.groupdict()
    if found.get("comment"):
        return MARKERS.sub(blank, match.group())
    words = match.group().replace("_", " ") if found.get("name") else found.get("string") or ""
    return words if SENTENCE.search(words) else blank(match)


def blank(found):
    """Spaces in place of a string or a match."""
    text = found if isinstance(found, str) else found.group()
    return re.sub(r"[^\n]", " ", text)


def findings(root, path):
    """The denied words and wide lines of a file: pairs of a line and a finding."""
    source = (root / path).read_text(encoding="utf-8")
    prose = prose_of(path, source)
    for pattern, use in PATTERNS.items():
        for match in pattern.finditer(prose):
            if not is_allowed(path, prose[max(0, match.start() - 2) : match.end() + 40]):
                words = " ".join(match.group().split())
                yield prose.count("\n", 0, match.start()) + 1, f"{words} ({use})"
    for number, line in enumerate(source.splitlines(), 1):
        if len(ADDRESS.sub("", line)) > WIDTH and not TABLE.match(line):
            yield number, f"{len(line)} columns"


def is_allowed(path, text):
    """Whether an entry of `ALLOWED` matches."""
    return any(re.fullmatch(it, path.as_posix()) and re.search(at, text) for it, at, _ in ALLOWED)


def subjects(root):
    """Wrong subjects after the base."""
    log = git(root, "log", "--no-merges", "--format=%h %s", BASE + "..HEAD")
    if log is None:
        print("commit subjects are not checked: git does not have commit " + BASE)
    for line in log.splitlines() if log else ():
        commit, subject = line.split(" ", 1)
        if len(subject) > SUBJECT_WIDTH:
            yield f"commit {commit}: subject of {len(subject)} characters: {subject}"
        if not SUBJECT.match(subject):
            yield f"commit {commit}: subject is not of the form `area: ...`: {subject}"


def git(root, *words):
    """What git prints, or None if it fails."""
    try:
        done = subprocess.run(["git", *words], cwd=str(root), capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.decode()


def files(root, named):
    """The files to check: all of the repository, or those that are named or in named folders."""
    listed = git(root, "ls-files", "--cached", "--others", "--exclude-standard")
    if listed is None:
        paths = [it.relative_to(root) for it in root.rglob("*") if "target" not in it.parts]
    else:
        paths = map(Path, listed.splitlines())
    tops = [Path(it).resolve() for it in named] or [root.resolve()]
    for path in paths:
        full = (root / path).resolve()
        known = path.suffix in SOURCES and (path.suffix or path.as_posix() == ".ci/run")
        if known and full.is_file() and any(top in (full, *full.parents) for top in tops):
            yield path


def counts(root, paths):
    """Prints how often each group of words occurs in 10,000 words, in each folder and in all."""
    folders = defaultdict(str)
    for path in (it for it in paths if not is_allowed(it, "")):
        prose = prose_of(path, (root / path).read_text(encoding="utf-8"))
        for name in (path.parts[0] if len(path.parts) > 1 else "files at the top", "all"):
            folders[name] += prose
    print("{:>8}  {}".format("words", "  ".join(GROUPS)))
    for name, prose in sorted(folders.items(), key=lambda it: it[0] == "all"):
        words = len(WORD.findall(prose))
        found = {title: len(re.findall(group, prose, re.I)) for title, group in GROUPS.items()}
        cells = ["{:{}.1f}".format(1e4 * found[it] / (words or 1), len(it)) for it in found]
        print("{:8}  {}  {}".format(words, "  ".join(cells), name))


def lint(steps):
    """Runs this check as a step."""
    steps.run("prose", [sys.executable, __file__])


def main():
    """Prints the findings; returns 1 if there are some."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files and folders")
    parser.add_argument("--counts", action="store_true", help="count words instead")
    options = parser.parse_args()
    top = git(".", "rev-parse", "--show-toplevel")
    root = Path(top.strip()) if top else Path.cwd()
    paths = list(files(root, options.paths))
    if options.counts:
        counts(root, paths)
        return 0
    found = ["{}:{}: {}".format(it, *each) for it in paths for each in sorted(findings(root, it))]
    found += [] if options.paths else subjects(root)
    print("\n".join([*found, f"{len(found)} findings"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
