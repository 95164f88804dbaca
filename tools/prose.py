"""Checks prose (comments, docstrings, messages, Markdown), line widths and commit subjects.

`python3 tools/prose.py [PATH...]` prints `file:line: finding`, and exits with 1 if there is one.
Without paths it checks all files, and the subjects of the commits after `BASE`. `--counts` prints
how often two groups of words occur in comments, docstrings and Markdown, per 10,000 words.

Text in backquotes and in fenced code is not checked.
"""

import argparse
import ast
import io
import re
import subprocess
import sys
import tokenize
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
REPLACEMENTS = [
    (re.compile(r"\b(?:{})\b".format(words.replace(" ", r"\s+")), re.I), use)
    for words, use in DENIED.items()
]

# What is allowed: a pattern of paths, a pattern that matches at the finding, and the reason.
ALLOWED = [
    (r"tools/prose\.py", r".*", "the list itself"),
    (r".*", r"room (for|to|in) |room\.", "space that is left over"),
    (r".*", r"--quick", "an option's name"),
]
EXCEPTIONS = [(re.compile(path), re.compile(text, re.I)) for path, text, _ in ALLOWED]

# What `--counts` counts.
GROUPS = {
    "nobody, somebody, whoever, ...": r"\b(?:(?:no|some|any|every)body|(?:who|whom|what)ever)\b",
    "tells, told, tell": r"\b(?:tells?|told|telling)\b",
}

RUST = re.compile(
    r"(?P<comment>//[^\n]*|/\*.*?\*/)"
    r"|\bb?r(?P<hashes>#*)\".*?\"(?P=hashes)"
    r"|(?P<string>\"(?:\\.|[^\"\\])*\")"
    r"|'(?:\\[^\n']+|\\'|[^'\\\n])'"
    r"|\bfn (?P<name>\w+)",
    re.S,
)
ASSEMBLY = re.compile(r"(?P<comment>//[^\n]*|#[ !][^\n]*|/\*.*?\*/)", re.S)
HASHES = re.compile(r"(?:\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*')|(?P<comment>(?:^|(?<=\s))#[^\n]*)", re.M)
FENCED = re.compile(r"^( *)(```|~~~).*?^ *\2[^\n]*$|<!--.*?-->", re.S | re.M)
SPAN = re.compile(r"``?[^`]*``?")
WORD = re.compile(r"[A-Za-z][\w'-]*")
SENTENCE = re.compile(r"[A-Za-z]+,? [A-Za-z]+,? [A-Za-z]+")


class Text:
    """Prose that begins on a line of a file; a comment, Markdown, a string or a name."""

    def __init__(self, line, text, kind="comment"):
        self.line, self.text, self.kind = line, text, kind

    def line_of(self, position):
        """The line of a character of the text."""
        return self.line + self.text.count("\n", 0, position)


def texts(path, source):
    """The prose of a file by line. Comments on consecutive lines are one text."""
    if path.suffix == ".md":
        return [Text(1, FENCED.sub(lambda it: blanked(it.group()), source), "markdown")]
    if path.suffix in (".py", ".pyi"):
        return joined(python_comments(source)) + list(python_strings(source))
    patterns = {".rs": RUST, ".s": ASSEMBLY, ".c": RUST}
    found = list(matched(patterns.get(path.suffix, HASHES), source))
    return joined([it for it in found if it.kind == "comment"]) + [
        it for it in found if it.kind != "comment"
    ]


def matched(pattern, source):
    """What a pattern with groups for the kinds of text finds."""
    for match in pattern.finditer(source):
        kind = match.lastgroup
        if kind in ("comment", "string", "name"):
            yield Text(
                source.count("\n", 0, match.start()) + 1, plain(match.group(kind), kind), kind
            )


def plain(text, kind):
    """Removes comment markers from a comment, and underscores from a name."""
    if kind == "comment":
        return re.sub(
            r"^[ \t]*(//[/!]?|#!?|/?\*+/?)", lambda it: " " * len(it.group()), text, flags=re.M
        )
    return text.replace("_", " ") if kind == "name" else text


def python_comments(source):
    """The comments of a Python program."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Text(token.start[0], plain(token.string, "comment"))


def python_strings(source):
    """The docstrings, strings and test names of a Python program."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(it.body[0].value)
        for it in ast.walk(tree)
        if isinstance(it, documented) and ast.get_docstring(it)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield Text(node.lineno, plain(node.name, "name"), "name")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield Text(node.lineno, node.value, "comment" if id(node) in docstrings else "string")


def joined(comments):
    """Comments with those on consecutive lines made one."""
    whole = []
    for it in comments:
        if whole and it.line == whole[-1].line_of(len(whole[-1].text)) + 1:
            whole[-1].text += "\n" + it.text
        else:
            whole.append(it)
    for it in whole:
        it.text = FENCED.sub(lambda found: blanked(found.group()), it.text)
    return whole


def blanked(text):
    """As many lines, with nothing on them."""
    return "\n" * text.count("\n")


def checked(text):
    """The prose of a text, at the same positions: no code spans, and no strings that are data."""
    if text.kind in ("string", "name") and not SENTENCE.search(text.text):
        return ""
    return SPAN.sub(lambda it: re.sub(r"[^\n]", "`", it.group()), text.text)


def words_of(path, text):
    """The denied words of a text: pairs of a line and a finding."""
    prose = checked(text)
    for pattern, use in REPLACEMENTS:
        for match in pattern.finditer(prose):
            around = prose[max(0, match.start() - 2) : match.end() + 40]
            if not any(
                where.fullmatch(path.as_posix()) and it.search(around) for where, it in EXCEPTIONS
            ):
                yield (
                    text.line_of(match.start()),
                    "{} ({})".format(" ".join(match.group().split()), use),
                )


def wide_lines(source):
    """The lines that are too wide, tables and addresses excepted: pairs of a line and a finding."""
    for number, line in enumerate(source.splitlines(), 1):
        table = re.match(r"\s*(//[/!]?\s*|#\s*)?\|", line)
        if not table and len(re.sub(r"https?://\S+", "", line)) > WIDTH:
            yield number, "{} columns".format(len(line))


def findings(root, path):
    """Everything found in one file: pairs of a line and a finding, by line."""
    source = (root / path).read_text(encoding="utf-8")
    found = list(wide_lines(source))
    for text in texts(path, source):
        found += words_of(path, text)
    return sorted(found)


def subjects(root):
    """Finds wrong subjects after the base; returns None if git does not know the base."""
    log = git(root, "log", "--no-merges", "--format=%h %s", BASE + "..HEAD")
    if log is None:
        return None
    pairs = [line.split(" ", 1) for line in log.splitlines()]
    return ["commit {}: {}".format(name, why) for name, subject in pairs for why in faults(subject)]


def faults(subject):
    """What is wrong with the subject of a commit."""
    if len(subject) > SUBJECT_WIDTH:
        yield "subject of {} characters: {}".format(len(subject), subject)
    if not SUBJECT.match(subject):
        yield "subject is not of the form `area: ...`: {}".format(subject)


def git(root, *words):
    """What git prints, or None if it fails."""
    try:
        done = subprocess.run(
            ["git", *words], cwd=str(root), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError:
        return None
    return done.stdout.decode() if done.returncode == 0 else None


def files(root, named):
    """The files to check: all of the repository, or those that are named or in named folders."""
    kinds = (".rs", ".py", ".pyi", ".md", ".s", ".c", ".toml", ".yml")
    listed = git(root, "ls-files", "--cached", "--others", "--exclude-standard")
    if listed is None:
        listed = "\n".join(
            it.relative_to(root).as_posix() for it in root.rglob("*") if "target" not in it.parts
        )
    paths = [Path(it) for it in listed.splitlines() if it.endswith(kinds) or it == ".ci/run"]
    inside = [Path(it).resolve() for it in named]
    chosen = [
        it
        for it in paths
        if not inside or any(top in ((root / it), *(root / it).parents) for top in inside)
    ]
    return [it for it in dict.fromkeys(chosen) if (root / it).is_file()]


def counts(root, paths):
    """Prints how often each group of words occurs in 10,000 words, in each folder and in all."""
    folders = {}
    for path in paths:
        found = texts(path, (root / path).read_text(encoding="utf-8"))
        prose = [checked(it) for it in found if it.kind in ("comment", "markdown")]
        top = path.parts[0] + "/" if len(path.parts) > 1 else "files at the top"
        for name in (top, "all"):
            folders.setdefault(name, []).extend(prose)
    print("{:>8}  {}".format("words", "  ".join(GROUPS)))
    for name, prose in sorted(folders.items(), key=lambda it: it[0] == "all"):
        words = sum(len(WORD.findall(it)) for it in prose)
        cells = ["{:{}.1f}".format(rate(group, prose, words), len(group)) for group in GROUPS]
        print("{:8}  {}  {}".format(words, "  ".join(cells), name))


def rate(group, prose, words):
    """How often the words of a group occur in 10,000 words."""
    found = sum(len(re.findall(GROUPS[group], it, re.I)) for it in prose)
    return 1e4 * found / max(words, 1)


def check(root, named=()):
    """All findings, as lines; and what could not be checked, or None."""
    lines, skipped = [], None
    for path in files(root, named):
        lines += [
            "{}:{}: {}".format(path.as_posix(), line, finding)
            for line, finding in findings(root, path)
        ]
    if not named:
        wrong = subjects(root)
        skipped = "git does not know commit " + BASE if wrong is None else None
        lines += wrong or []
    return lines, skipped


def options(parser):
    """Adds the options of this check."""
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="files and folders; default: all, and commits"
    )
    parser.add_argument(
        "--counts", action="store_true", help="print how often some words occur instead"
    )


def lint(steps):
    """Runs this check as a step."""
    steps.run("prose", [sys.executable, __file__])


def main():
    """Prints the findings; the exit status is 1 if there are some."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options(parser)
    given = parser.parse_args()
    top = git(".", "rev-parse", "--show-toplevel")
    root = Path(top.strip()) if top else Path.cwd()
    if given.counts:
        counts(root, files(root, given.paths))
        return 0
    lines, skipped = check(root, given.paths)
    for line in lines:
        print(line)
    print(
        "{} findings{}".format(
            len(lines), "; commit subjects not checked: " + skipped if skipped else ""
        )
    )
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
