"""Stubs: our .pyi against our module (stubtest), and our module against typeshed's mmap.pyi."""

from tools import interpreters, package
from tools.steps import ROOT, TARGET

# What stubtest may find, each with its reason.
ALLOWED = {
    # As in typeshed: a type checker cannot know that iteration and `in` go through the C slots of a sequence.
    "safemap._safemap.mmap.__iter__": "iteration works, without the method",
    "safemap._safemap.mmap.__contains__": "`in` works, without the method",
}


def run(steps):
    """Builds and installs the package for the host and holds both comparisons there."""
    folder = package.tools(steps)
    host = interpreters.host()
    wheel = package.build(steps, folder, host) if folder else None
    python = package.environment(steps, folder, host, wheel) if wheel else None
    if python is None:
        return
    env = {"PYTHONPATH": str(folder)}
    steps.run("stubtest", [python, "-m", "mypy.stubtest", "safemap", "--allowlist", allowed()], env, TARGET)
    typeshed = folder / "mypy" / "typeshed" / "stdlib" / "mmap.pyi"
    steps.run("typeshed", [python, ROOT / "tools" / "typeshed.py", typeshed, "safemap"], cwd=TARGET)


def allowed():
    """Writes the allow-list as a file for stubtest."""
    path = TARGET / "stubtest-allowed.txt"
    path.write_text("".join("{}  # {}\n".format(name, reason) for name, reason in ALLOWED.items()))
    return path
