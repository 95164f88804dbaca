"""Writes what packages need, from the README, licences and addresses, and the plots.

`python3 x.py generate` writes it; `x.py lint` fails if something is not up to date. `Cargo.toml` is
the one place that has the addresses and the version.
"""

import posixpath
import re
import tomllib
from email.utils import parseaddr

from tools import notices, plots
from tools.steps import ROOT, Counts

# A file that is copied, and the packages that contain it.
LICENCES = ["core/LICENSE", "python/LICENSE", "compat/safemap-memmap2/LICENSE"]
# The licences of others whose code is in the Python package.
NOTICES = "python/NOTICES"
# The description of each package, and where its text is from.
READMES = {
    "core/README.md": "README.md",
    "python/README.md": "README.md",
    "compat/safemap-memmap2/README.md": "docs/from-memmap2.md",
}

# What is of use in the repository only.
LEFT_OUT = re.compile(r"<!-- not in packages -->\n.*?<!-- end -->\n\n?", re.S)
FENCE = re.compile(r"^(```.*?^```\n)", re.S | re.M)
LINK = re.compile(r"\]\((?!https?:|#)([^)\s]+)\)")
PLACEHOLDER = re.compile(r"\.invalid(?![\w.-])")
VERSION = re.compile(r"^## \[(\d[^\]]*)\]", re.M)


class Project:
    """The addresses of the repository, the documentation and the authors, and the version."""

    def __init__(self):
        workspace = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]
        self.address, self.version = (workspace["package"][it] for it in ("repository", "version"))
        self.author, self.email = parseaddr(workspace["package"]["authors"][0])
        self.site = workspace["metadata"]["site"]["address"]

    def placeholders(self):
        """The addresses that are none: names that end with `.invalid` exist nowhere (RFC 6761)."""
        return [it for it in (self.address, self.site, self.email) if PLACEHOLDER.search(it)]

    def file(self, path, at=None):
        """The address of a file, in the released version or elsewhere."""
        return f"{self.address}/blob/{at or 'v' + self.version}/{path}"


def texts(project):
    """Each file with generated text, by its path: what it must contain."""
    made = {path: read("LICENSE") for path in LICENCES}
    made[NOTICES] = notices.text()
    made.update((path, packaged(read(it), it, project)) for path, it in READMES.items())
    made.update((path, rewrite(read(path), project)) for path, rewrite in PARTS.items())
    return made | plots.texts()


def packaged(text, source, project):
    """The text of a page as a package contains it: with absolute links."""
    folder = posixpath.dirname(source)
    moved = lambda path: project.file(posixpath.normpath(posixpath.join(folder, path)))
    text = with_links(LEFT_OUT.sub("", text), moved)
    return f"<!-- x.py generate makes this file from {source}. -->\n\n" + text


def with_links(text, moved):
    """A page with other relative links: `moved` returns the new path, or None to keep it."""

    def link(match):
        path, mark, fragment = match.group(1).partition("#")
        path = moved(path)
        return f"]({path}{mark}{fragment})" if path else match.group()

    parts = FENCE.split(text)
    parts[::2] = [LINK.sub(link, part) for part in parts[::2]]
    return "".join(parts)


def homepage(text, project):
    """The workspace: its homepage is the repository."""
    return re.sub(r'^homepage = ".*"$', f'homepage = "{project.address}"', text, flags=re.M)


def python_project(text, project):
    """The Python project: its authors, and its table of addresses."""
    named = {
        "Homepage": project.address,
        "Documentation": project.site,
        "Source": project.address,
        "Changelog": project.file("CHANGELOG.md", "HEAD"),
        "Issues": project.address + "/issues",
        "Security": project.file("SECURITY.md", "HEAD"),
    }
    authors = f'authors = [{{ name = "{project.author}", email = "{project.email}" }}]'
    text = re.sub(r"^authors = .*$", authors, text, flags=re.M)
    table = "".join(f'{name} = "{url}"\n' for name, url in named.items())
    return re.sub(r"(?<=^\[project\.urls\]\n)(\w.*\n)*", table, text, flags=re.M)


def citation(text, project):
    """The citation: version and address."""
    text = re.sub(r"^version: .*$", f"version: {project.version}", text, flags=re.M)
    return re.sub(r"^(repository-code|url): .*$", rf"\1: {project.address}", text, flags=re.M)


def contacts(text, project):
    """The contacts that the page for new issues shows."""
    address = project.address + "/security/advisories/new"
    return re.sub(r"^(\s+)url: .*$", rf"\1url: {address}", text, flags=re.M)


def recipe(text, project):
    """The recipe of the conda package: its addresses."""
    named = {
        "homepage": project.address,
        "repository": project.address,
        "documentation": project.site,
    }
    for name, address in named.items():
        text = re.sub(rf"^  {name}: .*$", f"  {name}: {address}", text, flags=re.M)
    return text


def docstring(text, project):
    """The module: `help` of it names the documentation."""
    return re.sub(r"^(The documentation is at )\S+$", rf"\1{project.site}", text, flags=re.M)


def releases(text, project):
    """The changelog: the addresses of its versions, newest first."""
    found = VERSION.findall(text)
    text = re.sub(r"\n+(\[[^]\n]+\]: .*\n)+\Z", "\n", text)
    changes = f"compare/v{found[0]}...HEAD" if found else "commits/HEAD"
    lines = [f"[Unreleased]: {project.address}/{changes}"]
    lines += [f"[{it}]: {project.address}/releases/tag/v{it}" for it in found]
    return "\n".join([text, *lines, ""])


# Files of which a part is generated.
PARTS = {
    "Cargo.toml": homepage,
    "python/pyproject.toml": python_project,
    "CITATION.cff": citation,
    ".github/ISSUE_TEMPLATE/config.yml": contacts,
    "CHANGELOG.md": releases,
    "recipe/recipe.yaml": recipe,
    "python/safemap/__init__.py": docstring,
}


def read(path):
    """A file of the repository; empty if there is none."""
    full = ROOT / path
    return full.read_text(encoding="utf-8") if full.exists() else ""


def run(steps, options=None):
    """Writes each file that is not up to date."""
    for path, text in texts(Project()).items():
        if read(path) != text:
            (ROOT / path).write_text(text, encoding="utf-8", newline="\n")
            print("wrote " + path)


def lint(steps):
    """Fails for each file that is not up to date."""
    old = [path for path, text in texts(Project()).items() if read(path) != text]
    for path in old:
        print(f"{path} is not up to date: `python3 x.py generate` writes it")
    steps.record("generated files", Counts(failed=len(old)), 0, counted=False)
