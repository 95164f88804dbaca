"""Install: unmodified programs with the standard module replaced, in child interpreters as well."""

import multiprocessing
import os
import subprocess
import sys
import unittest

from support import FileCase, succeed

# What a program prints that wants to know which module it got.
ASK = "import mmap; print(mmap.__name__, hasattr(mmap, 'FaultError'))\n"
OURS, THEIRS = "safemap True\n", "mmap False\n"


class Program(FileCase):
    """A program that is run by `python -m safemap`."""

    def run_safemap(self, *arguments, options=(), stdin=None, cwd=None):
        command = [sys.executable, *options, "-m", "safemap", *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, cwd=cwd or self.folder, timeout=60)

    def said(self, *arguments, **keywords):
        done = self.run_safemap(*arguments, **keywords)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def program(self, code, name="program.py"):
        return self.path(code.encode(), name)


class Command(Program):
    def test_a_program_that_imports_mmap_gets_safemap(self):
        self.assertEqual(self.said(self.program(ASK)), OURS)
        self.assertEqual(self.said(self.program("from mmap import mmap\nwith mmap(-1, 5) as m: print(m.seek(3))")), "3\n")

    def test_a_program_has_the_same_globals_as_when_run_directly(self):
        # Names for annotations and caches come and go with the versions.
        look = """import sys
names = sorted(name for name in globals() if name not in ("__annotations__", "__cached__"))
print(__name__, sys.argv, sys.path[0], __file__, __spec__, __package__, __doc__, type(__loader__).__name__, names)
"""
        path = self.program(look)
        plain = subprocess.run([sys.executable, path, "a", "-b", "--c"], capture_output=True, text=True, cwd=self.folder)
        self.assertEqual(self.said(path, "a", "-b", "--c"), plain.stdout)

    def test_a_module_is_run_by_its_name(self):
        self.program(ASK + "import sys; print(__name__, sys.argv[1:], sys.argv[0] == __file__)", "asking.py")
        self.assertEqual(self.said("-m", "asking", "x", "-y"), OURS + "__main__ ['x', '-y'] True\n")

    def test_a_package_is_run_by_its_name(self):
        os.mkdir(os.path.join(self.folder, "asker"))
        self.program("", "asker/__init__.py")
        self.program(ASK + "from . import other; print(other.x, __package__)", "asker/__main__.py")
        self.program("x = 7", "asker/other.py")
        self.assertEqual(self.said("-m", "asker"), OURS + "7 asker\n")

    def test_code_is_run_from_the_command_line(self):
        self.assertEqual(self.said("-c", ASK + "import sys; print(sys.argv)", "a", "b"), OURS + "['-c', 'a', 'b']\n")

    def test_code_is_run_from_standard_input(self):
        self.assertEqual(self.said("-", "a", stdin=ASK + "import sys; print(sys.argv)"), OURS + "['-', 'a']\n")

    def test_the_exit_status_is_that_of_the_program(self):
        for code, status in (("import sys; sys.exit(3)", 3), ("raise SystemExit", 0), ("1 / 0", 1), ("import os; os._exit(9)", 9)):
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
        self.assertIn("usage: python -m safemap", self.said("--help"))


class Children(Program):
    # A program that starts another interpreter with these options and this code.
    START = "import subprocess, sys; subprocess.run([sys.executable, {}'-c', {!r}])"

    def test_a_child_gets_safemap_too(self):
        self.assertEqual(self.said(self.program(self.START.format("", ASK))), OURS)

    def test_a_child_of_a_child_gets_safemap_too(self):
        self.assertEqual(self.said("-c", self.START.format("", self.START.format("", ASK))), OURS)

    def test_a_child_that_ignores_the_environment_gets_the_standard_module(self):
        self.assertEqual(self.said("-c", self.START.format("'-I', ", ASK)), THEIRS)

    def test_a_child_can_import_modules_next_to_the_program(self):
        self.program("x = 5", "neighbour.py")
        self.assertEqual(self.said("-c", self.START.format("", "import neighbour; print(neighbour.x)")), "5\n")

    def test_a_child_runs_the_sitecustomize_it_would_have_run(self):
        os.mkdir(os.path.join(self.folder, "site"))
        self.program("print('customized')", "site/sitecustomize.py")
        code = "import os; os.environ['PYTHONPATH'] += os.pathsep + 'site'\n" + self.START.format("", ASK)
        self.assertEqual(self.said("-c", code), "customized\n" + OURS)

    def test_multiprocessing_children_get_safemap(self):
        code = """
import mmap, multiprocessing
def ask(queue):
    import mmap
    queue.put(hasattr(mmap, "FaultError"))
if __name__ == "__main__":
    for way in sorted(multiprocessing.get_all_start_methods()):
        context = multiprocessing.get_context(way)
        queue = context.SimpleQueue()
        process = context.Process(target=ask, args=(queue,))
        process.start()
        print(way, queue.get())
        process.join()
"""
        wanted = "".join("{} True\n".format(way) for way in sorted(multiprocessing.get_all_start_methods()))
        self.assertEqual(self.said(self.program(code)), wanted)

    def test_multiprocessing_shared_memory_works(self):
        code = """
from multiprocessing import shared_memory
one = shared_memory.SharedMemory(create=True, size=100)
two = shared_memory.SharedMemory(one.name)
one.buf[:3] = b"abc"
print(bytes(two.buf[:3]), type(one._mmap).__name__, hasattr(one._mmap, "set_name"))
two.close(), one.close(), one.unlink()
"""
        self.assertEqual(self.said(self.program(code)), "b'abc' mmap True\n")


class Inside(unittest.TestCase):
    def test_install_replaces_mmap_for_later_imports(self):
        code = "import safemap; safemap.install(); import mmap; print(mmap is safemap, mmap.mmap is safemap.mmap)"
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
