"""Compares the package's .pyi with the package, and the package with typeshed's mmap.pyi."""

import re

from tools import interpreters, package
from tools.steps import TARGET

# What stubtest may report for both, each with its reason.
ALLOWED = """
# Iteration and `in` use the C slots of a sequence. A type checker needs the methods.
{0}.mmap.__iter__
{0}.mmap.__contains__
"""


def run(steps, options=None):
    """Runs stubtest twice, in an environment of the host with the package."""
    folder, host = package.tools(steps), interpreters.host()
    wheel = package.build(steps, folder, host) if folder else None
    python = package.environment(steps, folder, host, wheel) if wheel else None
    if python is None:
        return
    stubtest(steps, "stubtest", python, folder, "safemap", "safemap._safemap")
    typeshed = (folder / "mypy" / "typeshed" / "stdlib" / "mmap.pyi").read_text(encoding="utf-8")
    copy = TARGET / "typeshed" / "safemap.pyi"
    copy.parent.mkdir(parents=True, exist_ok=True)
    # As of the newest CPython, whatever the host's version is.
    copy.write_text(re.sub(r"sys\.version_info >= \(3, \d+\)", "True", typeshed), encoding="utf-8")
