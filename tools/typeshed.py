"""Typeshed: does a module offer every name and signature of typeshed's `mmap.pyi`, as of the newest CPython?

`typeshed.py STUB MODULE` prints what is missing and ends with status 1 if there is anything.
"""

import ast
import importlib
import inspect
import sys

NEWEST = (3, 15)

# What typeshed says and no runtime has, each with its reason.
CLAIMED = {
    "mmap.__contains__": "typeshed says itself that it does not exist: `in` works by __getitem__",
    "mmap.__iter__": "typeshed says itself that it does not exist: iteration works by __getitem__",
    "mmap.__buffer__": "CPython adds it to every class with a buffer from 3.12 on",
    "mmap.__release_buffer__": "CPython adds it to every class with a buffer from 3.12 on",
}


def main(stub, module):
    """Compares and reports."""
    with open(stub, encoding="utf-8") as file:
        names = dict(flat(ast.parse(file.read()).body))
    wrong = [line for line in compare(names, importlib.import_module(module)) if line]
    print("\n".join(wrong or ["{} names of typeshed are all there".format(len(names))]))
    return 1 if wrong or len(names) < 50 else 0


def flat(body, prefix=""):
    """Every definition that holds on this platform with the newest CPython: dotted name and node."""
    for node in body:
        if isinstance(node, ast.If):
            yield from flat(node.body if holds(node.test) else node.orelse, prefix)
        elif isinstance(node, ast.ClassDef):
            yield prefix + node.name, node
            yield from flat(node.body, prefix + node.name + ".")
        elif isinstance(node, ast.FunctionDef):
            yield prefix + node.name, node
        elif isinstance(node, ast.AnnAssign):
            yield prefix + node.target.id, node


def holds(test):
    """Evaluates a condition on `sys.platform` and `sys.version_info` as type checkers do."""
    newest = type("sys", (), {"platform": sys.platform, "version_info": NEWEST})
    return eval(compile(ast.Expression(test), "<stub>", "eval"), {"sys": newest})


def compare(names, module):
    """Yields a line for each name that is missing and each signature that cannot be called as typeshed says."""
    for name, node in names.items():
        found = reach(module, name)
        if found is None:
            yield None if name in CLAIMED else "missing: " + name
        elif isinstance(node, ast.FunctionDef) and not name.rpartition(".")[2].startswith("__"):
            yield callable_as(name, node, found)


def reach(module, name):
    """The object behind a dotted name; None if there is none."""
    found = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def callable_as(name, node, found):
    """None if the runtime's parameters are at least the stub's, else a line that tells both."""
    try:
        ours = list(inspect.signature(found).parameters.values())
    except ValueError:
        return "no signature: " + name
    # The first is self, which nobody gives by name.
    wanted = parameters(node.args)[1:]
    given = [(p.kind.name, p.name, p.default is not p.empty) for p in ours[1:]]
    missing = [p for p in wanted if p not in given]
    return "{}: typeshed has {}, ours {}".format(name, wanted, given) if missing else None


def parameters(arguments):
    """The stub's parameters in the form kind, name, has a default."""
    positional = [("POSITIONAL_ONLY", a) for a in arguments.posonlyargs]
    positional += [("POSITIONAL_OR_KEYWORD", a) for a in arguments.args]
    bare = len(positional) - len(arguments.defaults)
    named = [(kind, a.arg, at >= bare) for at, (kind, a) in enumerate(positional)]
    only = [("KEYWORD_ONLY", a.arg, d is not None) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults)]
    return named + only


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
