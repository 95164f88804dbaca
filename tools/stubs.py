"""Compares the package's .pyi with the package, and the package with typeshed's mmap.pyi, and has
pyright look for public names without a type."""

import json
import os
import re
import shutil

from tools import package
from tools.steps import TARGET, Counts, call

# What a type checker needs and a runtime lacks. Iteration and `in` use the C slots of a sequence.
# From CPython 3.12 on, each class with a buffer has the other two.
ALLOWED = ["mmap.__iter__", "mmap.__contains__", "mmap.__buffer__", "mmap.__release_buffer__"]
ALLOWED += ["Map.__iter__"]
# `__all__` is for programs that replace mmap; stubtest takes these aliases for classes.
ALIASES = [f"safemap._types.{name}" for name in ("Mode", "LongMode", "Advise", "Order")]
PRIVATE = ["safemap.__all__", "safemap.TYPE_CHECKING", *ALIASES]
# The constructor has keywords that the standard class lacks, and `bytes(m)` reports faults.
ADDED = [*ALLOWED, "mmap.__new__", "mmap.__bytes__"]
# Without numpy the classes of arrays have an unknown base.
ARRAYS = ["safemap.numpy.MappedArray", "safemap.numpy.memmap", "safemap.numpy.open_npy"]
ANY_VERSION = re.compile(r"sys\.version_info >= \(3, \d+\)")


def run(steps, options=None):
    """Runs stubtest and pyright, each twice, in an environment of the host with only the wheel."""
    python, _ = package.installed(steps, tested=())
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
    verify(steps, "without numpy", python, "", ARRAYS)
    verify(steps, "with numpy", python, folder, [])


def verify(steps, title, python, packages, allowed):
    """Has pyright list the public names; fails if other ones than those allowed have no type."""
    program = pyright()
    if program is None:
        steps.skip("pyright", "npm cannot install it")
        return
    # It takes the first interpreter in the path.
    path = os.pathsep.join([str(python.parent), os.environ.get("PATH", "")])
    env = {"PATH": path, "PYTHONPATH": str(packages)}
    words = ["--verifytypes", "safemap", "--ignoreexternal", "--outputjson"]
    names = symbols(call([program, *words], env, TARGET).text)
    unknown = sorted(name for name, is_known in names.items() if not is_known)
    name = f"pyright {title}: types of {len(names) - len(unknown)} of {len(names)} public names"
    failed = unknown != allowed or not names
    steps.record(name, Counts(failed=int(failed)), 0, counted=False)
    print("\n".join(unknown) if failed else "", end="\n" * failed)


def symbols(text):
    """The public names in what pyright printed, and whether it knows the type of each."""
    listed = json.loads(text)["typeCompleteness"]["symbols"]
    return {it["name"]: it["isTypeKnown"] for it in listed if it["isExported"]}


def pyright():
    """Installs pyright, once; returns the program, or None."""
    home, npm = TARGET / "pyright", shutil.which("npm")
    program = home / "node_modules" / ".bin" / "pyright"
    if npm and not program.exists():
        call([npm, "install", "--silent", "--prefix", home, "pyright@1"])
    return program if program.exists() else None
