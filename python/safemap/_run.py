"""Runs a program as the interpreter does, with mmap replaced by safemap."""

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

# The function that the interpreter calls for -m. The public functions of runpy run a program in a
# temporary module, which is not the real __main__ and is gone when exit handlers run.
run_as_main = runpy._run_module_as_main  # type: ignore[attr-defined]

# A global variable that programs no longer have since CPython 3.15.
CACHED = {"__cached__": None} if sys.version_info < (3, 15) else {}

USAGE = """\
usage: python -m safemap [--repair] PROGRAM [ARGUMENT ...]
       python -m safemap [--repair] -m MODULE [ARGUMENT ...]
       python -m safemap [--repair] -c CODE [ARGUMENT ...]
       python -m safemap recover FILE ...

Runs an unmodified program with the standard library's mmap replaced by safemap. The same applies
to the Python interpreters that the program starts. PROGRAM is a file, a folder or zip file that
contains a __main__ module, or - for standard input.

  --repair   code that accesses maps of files directly (numpy, pandas, hashlib, re) reads zeros
             where the file has become shorter, and is not terminated by SIGBUS; the first fault of
             each map is reported on standard error

recover completes the commits of transactional maps that a crash has interrupted, so that other
programs can read the files. A program of this name is run as ./recover."""


def main() -> None:
    """Runs the program that the command line names. Its exceptions propagate to the interpreter."""
    arguments = sys.argv[1:]
    repair = arguments[:1] == ["--repair"]
    if repair:
        del arguments[0]
    if arguments in ([], ["-c"], ["-m"]):
        exit_with_usage_error(USAGE)
    if arguments[0] in ("-h", "--help"):
        print(USAGE)
        sys.exit()
    if arguments[0] == "recover" and not repair:
        recover(arguments[1:])
        return
    try:
        install(children=True, repair=repair)
    except NotImplementedError as error:
        exit_with_usage_error(f"python -m safemap: {error}")
    match arguments:
        case ["-c", code, *rest]:
            sys.argv[:] = ["-c", *rest]
            run_code(code, "<string>", first_path="")
        case ["-m", module, *rest]:
            # runpy replaces "-m" by the path of the file.
            sys.argv[:] = ["-m", *rest]
            run_module(module)
        case ["-", *rest]:
            sys.argv[:] = ["-", *rest]
            code = sys.stdin.read()
            first = os.getcwd() if os.name == "nt" else ""
            run_code(code, "<stdin>", first_path=first, __file__="<stdin>", **CACHED)
        case [program, *rest]:
            sys.argv[:] = [program, *rest]
            run_program(program)


def recover(paths: list[str]) -> None:
    """Recovers files. Only then is the module imported."""
    if not paths:
        exit_with_usage_error(USAGE)
    from safemap._recover import main

    main(paths)


def run_program(program: str) -> None:
    """Runs a file with source or bytecode, or a folder or zip file with a ``__main__`` module."""
    if pkgutil.get_importer(program) is not None:
        run_folder(program)
        return
    path, folder = absolute(program), os.path.dirname(os.path.realpath(program))
    try:
        code = load(path)
    except OSError as error:
        reason = f"[Errno {error.errno}] {error.strerror}"
        exit_with_usage_error(f"{sys.executable}: can't open file {path!r}: {reason}")
    loader = importlib.machinery.SourceFileLoader("__main__", path)
    run_code(code, path, first_path=folder, __file__=path, __loader__=loader, **CACHED)


def absolute(path: str) -> str:
    """Returns an absolute path as the interpreter makes it. On Unix it keeps ``.`` and ``..``."""
    if os.name != "nt" or os.path.isabs(path):
        return os.path.join(os.getcwd(), path)
    end = "\\" if path.endswith(("/", "\\")) else ""
    return os.path.abspath(path) + end


def run_folder(folder: str) -> None:
    """Runs the ``__main__`` module of a folder or zip file, which becomes first on sys.path."""
    folder = absolute(folder)
    if sys.flags.safe_path:
        sys.path.insert(0, folder)
    else:
        sys.path[0] = folder
    clear_main()
    run_as_main("__main__", alter_argv=False)


def run_module(module: str) -> None:
    """Runs a module or package. The working directory is first on the module path already."""
    clear_main()
    run_as_main(module)


def run_code(code: str | bytes | CodeType, file: str, *, first_path: str, **names: object) -> None:
    """Runs code in an empty ``__main__``, as the interpreter does for a file."""
    if not sys.flags.safe_path:
        sys.path[0] = first_path
    main = clear_main()
    main.update(names)
    if not isinstance(code, CodeType):
        code = compile(code, file, "exec", dont_inherit=True)
    exec(code, main)


def load(program: str) -> bytes | CodeType:
    """Returns the source of a program, or its code object if the file contains bytecode."""
    with open(program, "rb") as file:
        content = file.read()
    if not content.startswith(importlib.util.MAGIC_NUMBER):
        return content
    code = importlib.machinery.SourcelessFileLoader("__main__", program).get_code("__main__")
    assert code is not None, "the file contains bytecode"
    return code


def exit_with_usage_error(message: str) -> NoReturn:
    """Exits with status 2, as the interpreter does for a wrong command line."""
    print(message, file=sys.stderr)
    sys.exit(2)


def clear_main() -> dict[str, object]:
    """Resets the namespace of ``__main__`` to that of a new interpreter, and returns it."""
    names = vars(sys.modules["__main__"])
    # Depending on the version of Python, __annotations__ exists as well.
    optional = ("__builtins__", "__annotations__")
    kept: dict[str, object] = {name: names[name] for name in optional if name in names}
    names.clear()
    names.update(kept, __name__="__main__", __doc__=None, __package__=None)
    names.update(__loader__=BuiltinImporter, __spec__=None)
    return names
