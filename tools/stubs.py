"""Compares the package's .pyi with the package, and the package with typeshed's mmap.pyi."""

import re

from tools import package
from tools.steps import TARGET

# What a type checker needs and a runtime lacks. Iteration and `in` use the C slots of a sequence.
# From CPython 3.12 on, each class with a buffer has the other two.
ALLOWED = ["mmap.__iter__", "mmap.__contains__", "mmap.__buffer__", "mmap.__release_buffer__"]
ALLOWED += ["Map.__iter__"]
# `__all__` is for programs that replace mmap; stubtest takes these aliases for classes.
ALIASES = [f"safemap._types.{name}" for name in ("Mode", "LongMode", "Advise", "Order")]
PRIVATE = ["safemap.__all__", "safemap.TYPE_CHECKING", *ALIASES]
# The constructor has keywords that the standard class lacks, and `bytes(m)` reports faults.
ADDED = [*ALLOWED, "mmap.__new__", "mmap.__bytes__"]
ANY_VERSION = re.compile(r"sys\.version_info >= \(3, \d+\)")


def run(steps, options=None):
    """Runs stubtest twice in an environment of the host with the package."""
    python, _ = package.installed(steps)
    if python is None:
        return
    home, folder = TARGET / "stubs", package.tools(steps)
    home.mkdir(parents=True, exist_ok=True)
    prefixes = ("safemap", "safemap._safemap")
    for file, names in (("allowed.txt", ALLOWED), ("added.txt", ADDED)):
        lines = [f"{prefix}.{name}" for prefix in prefixes for name in names] + PRIVATE
        (home / file).write_text("\n".join(lines))
    # Typeshed's stub as of the newest CPython, under the package's name.
    typeshed = (folder / "mypy" / "typeshed" / "stdlib" / "mmap.pyi").read_text(encoding="utf-8")
    (home / "safemap.pyi").write_text(ANY_VERSION.sub("True", typeshed), encoding="utf-8")
    command = [python, "-m", "mypy.stubtest", "safemap", "--ignore-unused-allowlist"]
    command.append("--allowlist")
    env = {"PYTHONPATH": str(folder)}
    steps.run("stubtest", [*command, home / "allowed.txt"], env, TARGET)
    env["MYPYPATH"] = str(home)
    command += [home / "added.txt", "--ignore-missing-stub"]
    steps.run("stubtest with typeshed", command, env, TARGET)
