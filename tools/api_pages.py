"""Writes the API reference of the Python package, as reStructuredText, from stubs and docstrings.

Not by sphinx-autoapi: it documents a class under the name of the module that defines it, and does
not rename. Here `safemap.ipc.Channel` is `safemap._safemap._Channel`.
"""

import ast
import re

from tools.steps import ROOT

PACKAGE = ROOT / "python" / "safemap"
# Each module, its file, and the title of its page.
MODULES = {
    "safemap": ("__init__.py", "The module safemap"),
    "safemap.ipc": ("ipc.py", "The module safemap.ipc"),
    "safemap.numpy": ("numpy.py", "The module safemap.numpy"),
}
# Conditions of stubs.
CONDITIONS = {
    "sys.platform != 'win32'": "Not on Windows",
    "sys.platform == 'win32'": "On Windows",
    "sys.platform == 'linux'": "On Linux",
    "sys.platform == 'darwin'": "On macOS",
}


class Item:
    """A definition with a name: its nodes (overloads are several) and conditions."""

    def __init__(self, name):
        self.name, self.nodes, self.text = name, [], ""

    def add(self, node, condition, text):
        """Adds a definition; `text` is its docstring."""
        self.nodes.append((node, condition))
        if text:
            # Names such as `MADV_` would be links.
            text = re.sub(r"(?<![`\w])([A-Z]+_)(?!\w)", r"``\1``", text)
            label = f"*{condition}:* " if condition else ""
            self.text += f"\n\n{label}{text}" if self.text or label else text


def pages():
    """The reference: the name of each module and the text of its page."""
    renamed = aliases(parsed("ipc.py"))
    for module, (file, title) in MODULES.items():
        yield module, page(module, title, parsed(file), renamed)


def parsed(name):
    """The syntax tree of a file, or of its stub if it has one."""
    stub = PACKAGE / (name + "i")
    path = stub if stub.exists() else PACKAGE / name
    return ast.parse(path.read_text(encoding="utf-8"))


def aliases(tree):
    """What a module renames: private names and public ones."""
    found = [it for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for it in node.names]
    return {it.name: it.asname for it in found if it.asname and it.asname != it.name}


def page(module, title, tree, renamed):
    """The page of a module."""
    written = [line for name, item in public(tree) for line in entry(name, item)]
    text = "\n".join(written)
    for private, name in renamed.items():
        text = re.sub(rf"(?<![\w.]){private}\b", name, text)
    heading = f"{title}\n{'=' * len(title)}"
    return f"{heading}\n\n.. py:module:: {module}\n\n{ast.get_docstring(tree)}\n\n{text}\n"


def public(tree):
    """The public names of a module with their definitions, each once."""
    found = {}
    for node in statements(tree.body):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("safemap._"):
            defined = definitions(parsed(node.module.split(".")[1] + ".py").body)
            found.update((shown, defined[it]) for shown, it in exported(node, defined))
    if not found:
        found = {it: item for it, item in definitions(tree.body).items() if item.text}
    return [(name, item) for name, item in found.items() if is_public(name)]


def exported(node, defined):
    """The names that an import adds to the public ones (PEP 484): `*`, and `x as y`."""
    for it in node.names:
        if it.name == "*":
            yield from ((name, name) for name in defined if name != "__version__")
        elif it.asname:
            yield it.asname, it.name


def is_public(name):
    """Whether a name is for users."""
    return not name.startswith("_") or name == "__version__"


def statements(body):
    """The statements of a body, and of the branches of its conditions."""
    return (node for node, _ in conditional(body))


def conditional(body, condition=""):
    """Pairs of a statement and the condition that applies to it."""
    for node in body:
        if isinstance(node, ast.If):
            test = ast.unparse(node.test)
            other = "sys.platform != 'win32'" if test == "sys.platform == 'win32'" else ""
            yield from conditional(node.body, CONDITIONS.get(test, ""))
            yield from conditional(node.orelse, CONDITIONS.get(other, ""))
        else:
            yield node, condition


def definitions(body):
    """The definitions of a body, by name, in their order."""
    found, last = {}, None
    for node, condition in conditional(body):
        name, text = named(node)
        if name:
            last = found.setdefault(name, Item(name))
            last.add(node, condition, text)
        elif last and is_text(node) and isinstance(last.nodes[-1][0], ast.AnnAssign):
            last.text = ast.literal_eval(node.value).strip()
            last.text = re.sub(r"\n +", "\n", last.text)
    return found


def named(node):
    """The name and docstring of a definition; None for other statements."""
    if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
        return node.name, ast.get_docstring(node) or ""
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id, ""
    return None, ""


def is_text(node):
    """Whether a statement is a string, the docstring of an attribute."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def entry(name, item):
    """The lines of a definition of a module."""
    node, condition = item.nodes[0]
    if isinstance(node, ast.ClassDef):
        yield from class_entry(name, item, node)
    elif isinstance(node, ast.FunctionDef):
        signatures = [signature(name, it, 0) for it, _ in item.nodes]
        yield from directive("function", signatures, item.text)
    else:
        note = f"{condition}." if condition else ""
        yield from directive("data", [name], item.text or note, kind_of(node))


def class_entry(name, item, node):
    """The lines of a class and of its members."""
    members = definitions(node.body)
    made = members.get("__new__") or members.get("__init__")
    signatures = [signature(name, it, 1, False) for it, _ in made.nodes] if made else [name]
    kind = "exception" if name.endswith("Error") else "class"
    bases = ", ".join(ast.unparse(it) for it in node.bases if ast.unparse(it) != "NamedTuple")
    text = "\n\n".join(filter(None, [bases and f"Bases: ``{bases}``", item.text]))
    text += "\n\n" + made.text if made else ""
    yield from directive(kind, signatures, text)
    for member, each in members.items():
        if member not in ("__new__", "__init__") and each.text and member[0] != "_":
            yield from indented(member_entry(member, each))


def member_entry(name, item):
    """The lines of a method, property or attribute."""
    node, _ = item.nodes[0]
    if isinstance(node, ast.AnnAssign):
        yield from directive("attribute", [name], item.text, kind_of(node))
        return
    decorators = {ast.unparse(it) for it in node.decorator_list}
    if "property" in decorators:
        returned = [f"   :type: {ast.unparse(node.returns)}"] if node.returns else []
        yield from directive("property", [name], item.text, returned)
        return
    static = "staticmethod" in decorators
    options = ["   :staticmethod:"] if static else []
    signatures = [signature(name, it, 0 if static else 1) for it, _ in item.nodes]
    yield from directive("method", list(dict.fromkeys(signatures)), item.text, options)


def kind_of(node):
    """The option with the type of a variable."""
    text = ast.unparse(node.annotation)
    inner = re.fullmatch(r"Final\[(.*)\]", text)
    return [f"   :type: {inner.group(1) if inner else text}"] if text != "Final" else []


def signature(name, node, left_out, returns=True):
    """A signature, without the first `left_out` arguments."""
    arguments = node.args
    for group in (arguments.posonlyargs, arguments.args):
        while left_out and group:
            group.pop(0)
            left_out -= 1
    returned = f" -> {ast.unparse(node.returns)}" if returns and node.returns else ""
    return f"{name}({ast.unparse(arguments)}){returned}"


def directive(kind, signatures, text, options=()):
    """The lines of a directive."""
    first = f".. py:{kind}:: "
    yield first + signatures[0]
    yield from (" " * len(first) + it for it in signatures[1:])
    yield from options
    yield ""
    yield from indented(text.splitlines())
    yield ""


def indented(lines):
    """Lines, moved to the right."""
    return (f"   {line}" if line else "" for line in lines)
