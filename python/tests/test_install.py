"""Tests of `install` and `python -m safemap`: unmodified programs and children get safemap."""

import multiprocessing
import os
import subprocess
import sys
import unittest
import zipfile

from support import WINDOWS, FileCase, succeed

# Prints which module `import mmap` provides.
SHOW = "import mmap; print(mmap.__name__, hasattr(mmap, 'FaultError'))\n"
OURS, THEIRS = "safemap True\n", "mmap False\n"


class ProgramCase(FileCase):
    """A test that runs programs in its temporary folder."""

    # A traceback is longer than what is shown by default.
    maxDiff = None

    def run_python(self, *arguments, stdin=None):
        return subprocess.run(
            [sys.executable, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=self.folder,
            timeout=60,
        )

    def run_safemap(self, *arguments, **keywords):
        return self.run_python("-m", "safemap", *arguments, **keywords)

    def printed(self, *arguments, **keywords):
        """Runs a program with safemap, which must succeed, and returns its standard output."""
        done = self.run_safemap(*arguments, **keywords)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def program(self, code, name="program.py"):
        """Writes a program and returns its path."""
        return self.path(code.encode(), name)


class Command(ProgramCase):
    def test_a_program_that_imports_mmap_gets_safemap(self):
        self.assertEqual(self.printed(self.program(SHOW)), OURS)
        program = self.program("from mmap import mmap\nwith mmap(-1, 5) as m: print(m.seek(3))")
        self.assertEqual(self.printed(program), "3\n")

    def test_a_program_has_the_same_globals_as_when_run_directly(self):
        # The names for annotations and caches differ between versions.
        code = """import sys
names = sorted(globals().keys() - {"__annotations__", "__cached__"})
loader = type(__loader__).__name__
print(__name__, __file__, __spec__, __package__, __doc__, loader, names)
print(sys.argv, sys.path[0])
"""
        command = self.program(code), "a", "-b", "--c"
        self.assertEqual(self.printed(*command), self.run_python(*command).stdout)

    def test_paths_are_those_of_the_interpreter_however_the_program_is_named(self):
        code = """import sys
print(__file__, globals().get("__cached__", "missing"), sys.path[0], sys.argv)
print(__spec__ and (__spec__.name, __spec__.origin, __spec__.cached))
print([getattr(__loader__, name, None) for name in ("path", "archive")])
"""
        os.mkdir(os.path.join(self.folder, "inner"))
        self.program(code, "program.py"), self.program(code, "inner/__main__.py")
        with zipfile.ZipFile(os.path.join(self.folder, "packed.zip"), "w") as archive:
            archive.writestr("__main__.py", code)
        if not WINDOWS:
            os.symlink("../program.py", os.path.join(self.folder, "inner", "link.py"))
        absolute = os.path.join(self.folder, ".", "program.py")
        programs = "program.py ./program.py inner/../program.py .//program.py -".split()
        programs += "inner inner/ ./inner ./inner/ inner/../inner/ packed.zip ./packed.zip".split()
        for program in [*programs, absolute] + ["./inner/link.py"] * (not WINDOWS):
            with self.subTest(program):
                expected = self.run_python(program, "a", stdin=code)
                self.assertEqual(self.printed(program, "a", stdin=code), expected.stdout)

    def test_a_module_is_run_by_its_name(self):
        code = "import sys; print(__name__, sys.argv[1:], sys.argv[0] == __file__)"
        self.program(SHOW + code, "shower.py")
        printed = self.printed("-m", "shower", "x", "-y")
        self.assertEqual(printed, OURS + "__main__ ['x', '-y'] True\n")

    def test_a_package_is_run_by_its_name(self):
        os.mkdir(os.path.join(self.folder, "package"))
        self.program("", "package/__init__.py")
        code = "from . import other; print(other.x, __package__)"
        self.program(SHOW + code, "package/__main__.py")
        self.program("x = 7", "package/other.py")
        self.assertEqual(self.printed("-m", "package"), OURS + "7 package\n")

    def test_code_is_run_from_the_command_line(self):
        code = SHOW + "import sys; print(sys.argv)"
        self.assertEqual(self.printed("-c", code, "a", "b"), OURS + "['-c', 'a', 'b']\n")

    def test_code_is_run_from_standard_input(self):
        code = SHOW + "import sys; print(sys.argv)"
        self.assertEqual(self.printed("-", "a", stdin=code), OURS + "['-', 'a']\n")

    def test_the_exit_status_is_that_of_the_program(self):
        statuses = {"raise SystemExit": 0, "1 / 0": 1}
        statuses.update({"import sys; sys.exit(3)": 3, "import os; os._exit(9)": 9})
        for code, status in statuses.items():
            self.assertEqual(self.run_safemap(self.program(code)).returncode, status)

    def test_a_traceback_names_the_lines_of_the_program(self):
        done = self.run_safemap(self.program("def f():\n    1 / 0\nf()\n"))
        self.assertIn('program.py", line 2, in f', done.stderr)
        self.assertIn("ZeroDivisionError", done.stderr)

    def test_a_missing_program_is_reported(self):
        done = self.run_safemap("nothing.py")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("nothing.py", done.stderr)

    def test_usage_is_printed_without_arguments(self):
        done = self.run_safemap()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("usage: python -m safemap", done.stderr)
        self.assertIn("usage: python -m safemap", self.printed("--help"))


def in_child(code, options=""):
    """A program that runs `code` in another interpreter."""
    start = "import subprocess, sys; subprocess.run([sys.executable, {}'-c', {!r}])"
    return start.format(options, code)


class Children(ProgramCase):
    def test_a_child_gets_safemap_too(self):
        self.assertEqual(self.printed(self.program(in_child(SHOW))), OURS)

    def test_a_child_of_a_child_gets_safemap_too(self):
        self.assertEqual(self.printed("-c", in_child(in_child(SHOW))), OURS)

    def test_a_child_that_ignores_the_environment_gets_the_standard_module(self):
        self.assertEqual(self.printed("-c", in_child(SHOW, "'-I', ")), THEIRS)

    def test_a_child_can_import_modules_next_to_the_program(self):
        self.program("x = 5", "neighbour.py")
        code = in_child("import neighbour; print(neighbour.x)")
        self.assertEqual(self.printed("-c", code), "5\n")

    def test_a_child_runs_the_sitecustomize_it_would_have_run(self):
        os.mkdir(os.path.join(self.folder, "site"))
        self.program("print('customized')", "site/sitecustomize.py")
        code = "import os; os.environ['PYTHONPATH'] += os.pathsep + 'site'\n" + in_child(SHOW)
        self.assertEqual(self.printed("-c", code), "customized\n" + OURS)

    def test_multiprocessing_children_get_safemap(self):
        code = """
import mmap, multiprocessing
def show(queue):
    import mmap
    queue.put(hasattr(mmap, "FaultError"))
if __name__ == "__main__":
    for method in sorted(multiprocessing.get_all_start_methods()):
        context = multiprocessing.get_context(method)
        queue = context.SimpleQueue()
        process = context.Process(target=show, args=(queue,))
        process.start()
        print(method, queue.get())
        process.join()
"""
        methods = sorted(multiprocessing.get_all_start_methods())
        expected = "".join("{} True\n".format(method) for method in methods)
        self.assertEqual(self.printed(self.program(code)), expected)

    def test_multiprocessing_shared_memory_works(self):
        code = """
from multiprocessing import shared_memory
one = shared_memory.SharedMemory(create=True, size=100)
two = shared_memory.SharedMemory(one.name)
one.buf[:3] = b"abc"
print(bytes(two.buf[:3]), type(one._mmap).__name__, hasattr(one._mmap, "set_name"))
two.close(), one.close(), one.unlink()
"""
        self.assertEqual(self.printed(self.program(code)), "b'abc' mmap True\n")


class Install(unittest.TestCase):
    def test_install_replaces_mmap_for_later_imports(self):
        code = """
            import safemap
            safemap.install()
            import mmap
            print(mmap is safemap, mmap.mmap is safemap.mmap)
        """
        self.assertEqual(succeed(self, code), "True True\n")

    def test_install_affects_modules_that_are_imported_later(self):
        code = """
            import safemap
            safemap.install()
            from multiprocessing import heap
            print(heap.mmap is safemap)
        """
        self.assertEqual(succeed(self, code), "True\n")

    def test_install_affects_children_on_request(self):
        code = """
            import safemap, subprocess, sys
            safemap.install({})
            sys.stdout.flush()
            subprocess.run([sys.executable, "-c", "import mmap; print(mmap.__name__)"])
        """
        self.assertEqual(succeed(self, code.format("")), "mmap\n")
        self.assertEqual(succeed(self, code.format("children=True")), "safemap\n")

    def test_a_second_install_changes_nothing(self):
        code = """
            import os, safemap
            safemap.install(children=True)
            before = os.environ["PYTHONPATH"]
            safemap.install(children=True)
            print(os.environ["PYTHONPATH"] == before)
        """
        self.assertEqual(succeed(self, code), "True\n")
