"""Checks the licences, sources and duplicates of dependencies with cargo-deny, by `deny.toml`."""

import shutil

from tools.steps import flag

# What depends on this repository only. Advisories are in a database, which changes.
CHECKS = ["bans", "licenses", "sources"]


def options(parser):
    """Adds the option of this tool."""
    flag(parser, "--advisories", "also those of the database, which is downloaded")


def run(steps, options):
    """Runs the checks, and those of advisories if that is asked for."""
    deny(steps, ["--locked"], CHECKS + ["advisories"] * options.advisories)


def lint(steps):
    """Runs the checks that need no network."""
    deny(steps, ["--locked", "--offline"], CHECKS)


def deny(steps, words, checks):
    """Runs cargo-deny where it is installed; a finding is an error."""
    if shutil.which("cargo-deny") is None:
        steps.skip("cargo deny", "not installed; the workflow `dependencies` runs it")
        return
    steps.run("cargo deny", ["cargo-deny", *words, "check", *checks])
