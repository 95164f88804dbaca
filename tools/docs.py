"""Builds the documentation site from `docs/` into target/site, with Sphinx, MyST and Furo.

Nothing is written into the repository: the pages are copied, with links to files outside `docs/`
replaced by addresses, and the API reference is added. A warning is an error.
"""

import posixpath
import shutil

from tools import api_pages, browser, generated, interpreters
from tools.steps import ROOT, TARGET, call, flag

REQUIREMENTS = ["sphinx>=8.2,<10", "myst-parser>=4,<6", "furo>=2025.7", "codespell>=2.3"]
SITE, SOURCE = TARGET / "site", TARGET / "site-source"


def options(parser):
    """Adds this tool's options."""
    flag(parser, "--browser", "open each page in a headless Chromium, if there is one")
    flag(parser, "--links", "ask for each external address (network)")


def run(steps, options=None):
    """Builds the site and checks its spelling; skips both if Sphinx cannot be installed."""
    host, folder = interpreters.host(), tools()
    if folder is None:
        steps.skip("documentation site", "Sphinx cannot be installed")
        return
    env = {"PYTHONPATH": str(folder)}
    write_sources(generated.Project())
    spelling = [host.executable, "-m", "codespell_lib", "--quiet-level", "2", *spelled()]
    steps.run("spelling", spelling, env)
    for builder in ["html"] + ["linkcheck"] * bool(options and options.links):
        ended = steps.run("documentation site, " + builder, command(host, builder), env)
        if builder == "html" and ended.ok and options and options.browser:
            browser.check(steps, SITE)


def command(host, builder):
    """The command that runs Sphinx."""
    version = generated.Project().version
    words = ["-b", builder, "-W", "--keep-going", "-q", "-E", "-D", f"release={version}"]
    out = SITE if builder == "html" else TARGET / f"site-{builder}"
    return [host.executable, "-m", "sphinx", *words, "-D", f"version={version}", SOURCE, out]


def spelled():
    """The files whose spelling is checked: all pages in English."""
    return [*ROOT.glob("*.md"), *SOURCE.rglob("*.md"), *SOURCE.rglob("*.rst")]


def tools():
    """Installs Sphinx into a folder, once; returns it, or None."""
    host = interpreters.host()
    folder = host and TARGET / f"tools-docs-{host.name}"
    done, wanted = folder and folder / "complete", " ".join(REQUIREMENTS)
    if host is None or (done.exists() and done.read_text() == wanted):
        return folder
    install = [*interpreters.pip(host), "install", "--upgrade", "--target", folder, *REQUIREMENTS]
    if not call(install).ok:
        return None
    done.write_text(wanted)
    return folder


def write_sources(project):
    """Writes what Sphinx reads: the pages of `docs/`, and the API reference."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.copytree(ROOT / "docs", SOURCE, ignore=shutil.ignore_patterns("__pycache__"))
    for path in SOURCE.rglob("*.md"):
        folder = (ROOT / "docs" / path.relative_to(SOURCE)).parent.relative_to(ROOT)
        text = relinked(path.read_text(encoding="utf-8"), folder.as_posix(), project)
        path.write_text(text, encoding="utf-8")
    (SOURCE / "api").mkdir(exist_ok=True)
    for module, text in api_pages.pages():
        (SOURCE / "api" / f"{module}.rst").write_text(text, encoding="utf-8")


def relinked(text, folder, project):
    """The text of a page in a folder, with addresses for files outside `docs/`."""

    def moved(path):
        path = posixpath.normpath(posixpath.join(folder, path))
        return None if path.startswith("docs/") else project.file(path, "HEAD")

    return generated.with_links(text, moved)
