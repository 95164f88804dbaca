"""Bench: how fast the package is beside the standard module, on the newest CPython that is found."""

import subprocess

from chores import interpreters, package
from chores.steps import ROOT, TARGET


def run(steps, words):
    """Builds, installs and measures; the table goes to standard output. With `--instructions` it counts instead of timing."""
    folder = package.tools(steps)
    newest = max(interpreters.found(), key=lambda it: it.numbers, default=None)
    wheel = package.build(steps, folder, newest) if folder and newest else None
    python = package.environment(steps, folder, newest, wheel) if wheel else None
    if python is None:
        return steps.fail("bench", "there is no package to measure")
    script = "instructions.py" if "--instructions" in words else "calls.py"
    options = [word for word in words if word != "--instructions"]
    ended = subprocess.run([str(python), str(ROOT / "bench" / script)] + options, cwd=str(TARGET))
    if ended.returncode:
        steps.fail("bench", "{} ended with {}".format(script, ended.returncode))
