"""Runs a program as the interpreter would, with safemap in the place of mmap."""

import importlib.machinery
import importlib.util
import os
import pkgutil
import runpy
import sys
from importlib.machinery import BuiltinImporter
from types import CodeType
from typing import NoReturn

from safemap._install import install

# What the interpreter itself calls for -m. The public functions of runpy run a program in a module that is not the real
# __main__ and does not last until the exit handlers run.
run_as_main = runpy._run_module_as_main  # type: ignore[attr-defined]

USAGE = """\
usage: python -m safemap PROGRAM [ARGUMENT ...]
       python -m safemap -m MODULE [ARGUMENT ...]
       python -m safemap -c CODE [ARGUMENT ...]

Runs an unmodified program with the standard library's mmap replaced by safemap, in the Python interpreters that it
starts as well. PROGRAM is a file, a folder or zip file with a __main__ in it, or - for standard input."""


def main() -> None:
    """Reads the command line and runs what it names; whatever that raises goes on to the interpreter."""
    arguments = sys.argv[1:]
    if arguments in ([], ["-c"], ["-m"]):
        give_up(USAGE)
    if arguments[0] in ("-h", "--help"):
        print(USAGE)
        sys.exit()
    install(children=True)
    match arguments:
        case ["-c", code, *rest]:
            sys.argv[:] = ["-c", *rest]
            run_code(code, "<string>", first_path="")
        case ["-m", module, *rest]:
            # runpy puts the file's name there once it has found it.
            sys.argv[:] = ["-m", *rest]
            run_module(module)
        case ["-", *rest]:
            sys.argv[:] = ["-", *rest]
            run_code(sys.stdin.read(), "<stdin>", first_path="", __file__="<stdin>")
        case [program, *rest]:
            sys.argv[:] = [program, *rest]
            run_program(program)


def run_program(program: str) -> None:
    """Runs a file of source or byte code, or a folder or zip file with a ``__main__`` in it."""
    if pkgutil.get_importer(program) is not None:
        run_folder(program)
        return
    path, folder = os.path.abspath(program), os.path.dirname(os.path.realpath(program))
    try:
        code = load(path)
    except OSError as error:
        give_up(f"{sys.executable}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}")
    loader = importlib.machinery.SourceFileLoader("__main__", path)
    run_code(code, path, first_path=folder, __file__=path, __cached__=None, __loader__=loader)


def run_folder(folder: str) -> None:
    """Runs the ``__main__`` in a folder or zip file, which then comes first on the module path."""
    folder = os.path.abspath(folder)
    if sys.flags.safe_path:
        sys.path.insert(0, folder)
    else:
        sys.path[0] = folder
    clear_main()
    run_as_main("__main__", alter_argv=False)


def run_module(module: str) -> None:
    """Runs a module or package by its name, with the working directory first on the module path, as it is already."""
    clear_main()
    run_as_main(module)


def run_code(code: str | bytes | CodeType, file: str, *, first_path: str, **names: object) -> None:
    """Runs code in an empty ``__main__``, as the interpreter does with a file that it is given."""
    if not sys.flags.safe_path:
        sys.path[0] = first_path
    main = clear_main()
    main.update(names)
    exec(code if isinstance(code, CodeType) else compile(code, file, "exec", dont_inherit=True), main)


def load(program: str) -> bytes | CodeType:
    """Reads source, or byte code."""
    with open(program, "rb") as file:
        content = file.read()
    if not content.startswith(importlib.util.MAGIC_NUMBER):
        return content
    code = importlib.machinery.SourcelessFileLoader("__main__", program).get_code("__main__")
    assert code is not None, "byte code was read"
    return code


def give_up(message: str) -> NoReturn:
    """Ends with the status that the interpreter has for such a command line."""
    print(message, file=sys.stderr)
    sys.exit(2)


def clear_main() -> dict[str, object]:
    """Makes the namespace of ``__main__`` what it is when a program starts, and returns it."""
    names = vars(sys.modules["__main__"])
    # What every program finds there, in this version of Python or in all of them.
    found: dict[str, object] = {name: names[name] for name in ("__builtins__", "__annotations__") if name in names}
    names.clear()
    names.update(found, __name__="__main__", __doc__=None, __package__=None, __loader__=BuiltinImporter, __spec__=None)
    return names
