"""Tests of `damages`, `intact` and `--repair`, which are about the maps of a whole process.

Each test runs in children, which count their own faults. The controls are terminated by SIGBUS.
"""

import importlib.util
import os
import signal
import subprocess
import sys
import unittest

from support import NO_TRUNCATION, PAGE, WINDOWS, FileCase, child, succeed, unix_only

import safemap

# How often a file is truncated for each package. By hand: 1000.
TRUNCATIONS = int(os.environ.get("SAFEMAP_TRUNCATIONS", "20"))

# Defines `mapped`, which maps a new file of four pages, and `cut`, which truncates it.
SETUP = """
import os, sys, tempfile
import safemap
PAGE = safemap.PAGESIZE
def mapped(repair=True):
    file = tempfile.NamedTemporaryFile()
    file.write(b"x" * 4 * PAGE)
    file.flush()
    m = safemap.mmap(file.fileno(), 0, repair=repair)
    return m, file
def cut(file, length=PAGE):
    os.truncate(file.name, length)
def raised(work):
    try:
        work()
    except safemap.FaultError as error:
        return error
    raise AssertionError("nothing was raised")
"""


@unix_only(NO_TRUNCATION)
class Intact(unittest.TestCase):
    def succeed(self, code):
        succeed(self, SETUP + code)

    def test_faults_that_were_repaired_are_counted(self):
        self.succeed("""
m, file = mapped()
view = memoryview(m)
assert safemap.damages() == 0
cut(file)
m.find(b"y", 0, PAGE), view[0]
assert safemap.damages() == 0
view[PAGE], view[PAGE + 1], view[3 * PAGE]
assert safemap.damages() == 2
try:
    m[0]
except safemap.FaultError:
    assert safemap.damages() == 2
""")

    def test_nothing_is_raised_if_no_byte_was_lost(self):
        self.succeed("""
m, file = mapped()
with safemap.intact():
    assert sum(m[:]) == sum(memoryview(m))
""")

    def test_the_error_has_the_map_and_the_offset_of_the_first_fault(self):
        self.succeed("""
(first, one), (second, two), (third, three) = mapped(), mapped(), mapped()
views = [memoryview(m) for m in (first, second, third)]
def work():
    with safemap.intact():
        for file in one, two, three:
            cut(file)
        views[1][3 * PAGE], views[1][PAGE], views[0][PAGE], views[2][PAGE]
error = raised(work)
assert error.map is second and error.offset == 3 * PAGE, (error.map, error.offset)
assert error.errno == 14 and "replaced with zero" in str(error), error
""")

    def test_a_map_that_was_opened_by_path_is_checked(self):
        self.succeed("""
_, file = mapped()
m = safemap.open(file.name, repair=True)
view = memoryview(m)
def work():
    with safemap.intact():
        cut(file)
        view[PAGE]
error = raised(work)
assert error.map is m and error.offset == PAGE, (error.map, error.offset)
""")

    def test_damage_of_an_earlier_block_is_raised_after_that_of_this_one(self):
        self.succeed("""
(first, one), (second, two) = mapped(), mapped()
views = [memoryview(first), memoryview(second)]
def work(*numbers):
    with safemap.intact():
        for number in numbers:
            cut((one, two)[number])
            views[number][2 * PAGE]
assert raised(lambda: work(0)).map is first
assert raised(lambda: work(1)).map is second
assert raised(lambda: work()).map is first
one.write(b"x" * 4 * PAGE), two.write(b"x" * 4 * PAGE)
os.truncate(one.name, 4 * PAGE), os.truncate(two.name, 4 * PAGE)
first.restore(), second.restore()
work()
""")

    def test_blocks_of_the_same_object_can_be_nested(self):
        self.succeed("""
m, file = mapped()
size, view, block = len(m), memoryview(m), safemap.intact()
try:
    with block:
        cut(file)
        view[3 * PAGE]
        os.truncate(file.name, size)
        m.restore()
        with block:
            pass
except safemap.FaultError as error:
    # The map was restored within the block.
    assert error.map is None
else:
    raise AssertionError("not noticed")
""")

    def test_a_file_that_is_cut_within_a_page_is_noticed(self):
        self.succeed("""
m, file = mapped()
def work():
    with safemap.intact():
        cut(file, 4 * PAGE - 1)
        assert memoryview(m)[-1] == 0
error = raised(work)
assert error.map is m and error.offset == 4 * PAGE - 1, error.offset
assert safemap.damages() == 0
""")

    def test_a_fault_of_a_map_that_is_gone_is_noticed(self):
        self.succeed("""
def work(end):
    with safemap.intact():
        m, file = mapped()
        view = memoryview(m)
        cut(file)
        view[PAGE]
        view.release()
        end(m, file)
def restore(m, file):
    os.truncate(file.name, 4 * PAGE)
    m.restore()
for end in (lambda m, file: m.close()), restore:
    error = raised(lambda: work(end))
    assert error.map is error.offset is None
""")

    def test_maps_without_repair_are_not_examined(self):
        self.succeed("""
m, file = mapped(repair=False)
with safemap.intact():
    cut(file, 4 * PAGE - 1)
""")

    def test_an_exception_of_the_block_is_replaced_if_bytes_were_lost(self):
        self.succeed("""
def work(lost, cause):
    with safemap.intact():
        m, file = mapped()
        view = memoryview(m)
        if lost:
            cut(file)
        view[PAGE]
        raise cause
def result(lost, cause):
    try:
        work(lost, cause)
    except BaseException as error:
        return type(error), type(error.__context__)
nothing, fault = type(None), safemap.FaultError
assert result(False, ValueError()) == (ValueError, nothing)
assert result(True, ValueError()) == (fault, ValueError)
assert result(True, KeyboardInterrupt()) == (KeyboardInterrupt, nothing)
assert result(True, fault(14, "own")) == (fault, nothing)
""")

    def test_a_block_in_a_thread_notices_the_faults_of_others(self):
        self.succeed("""
import threading
m, file = mapped()
def work():
    with safemap.intact():
        cut(file)
        thread = threading.Thread(target=lambda: memoryview(m).tobytes())
        thread.start()
        thread.join()
# A copy may read the end first.
assert raised(work).offset >= PAGE
""")

    def test_maps_that_are_gone_are_forgotten(self):
        self.succeed("""
import gc, weakref
def examine(intact):
    with intact:
        pass
alive = [mapped() for _ in range(10)]
for _ in range(1000):
    mapped()
dead = [it for it in gc.get_objects() if isinstance(it, weakref.ref) and it() is None]
assert len(dead) < 100, len(dead)
for m, file in alive:
    cut(file, 1)
    error = raised(lambda: examine(safemap.intact()))
    assert error.map is m
    m.close()
""")

    def test_an_error_of_a_method_has_no_map(self):
        self.assertIsNone(safemap.FaultError(14, "x").map)


# Each program reads a file that is truncated, through the module that it is named after.
READERS = {
    "hashlib": "hashlib.sha256(m).hexdigest()",
    "re": "re.search(rb'y', m)",
    "memoryview": "memoryview(m).tobytes()",
    "bytearray": "bytearray(m)",
    "numpy": "a = numpy.memmap(path, mode='r'); cut(); a.sum()",
    "pandas": "a = numpy.memmap(path, 'i8', 'r'); frame = pandas.DataFrame({'x': a}, copy=False)\n"
    "        assert numpy.shares_memory(frame['x'].to_numpy(), a); cut(); frame['x'].sum()",
    "torch": "a = torch.from_numpy(numpy.memmap(path, mode='r+')); cut(); a.sum()",
}
IMPORTS = {"memoryview": [], "bytearray": [], "pandas": ["numpy", "pandas"]}
IMPORTS["torch"] = ["numpy", "torch"]

# Maps files of four pages, truncates each and reads it.
PROGRAM = """
import mmap, os, sys
{imports}
folder = sys.argv[1]
def program(number):
    path = os.path.join(folder, "data-%d" % number)
    with open(path, "w+b") as file:
        file.write(b"x" * 4 * mmap.PAGESIZE)
        file.flush()
        def cut():
            os.truncate(path, number % 4 * mmap.PAGESIZE)
        {read}
    os.unlink(path)
for number in range(int(sys.argv[2])):
    program(number)
print("done")
"""


def program(name):
    """The program for a package."""
    read = READERS[name]
    if "cut()" not in read:
        read = "m = mmap.mmap(file.fileno(), 0); cut(); " + read
    imports = "\n".join("import " + module for module in IMPORTS.get(name, [name]))
    return PROGRAM.format(imports=imports, read=read)


class RepairCase(FileCase):
    """A test that runs programs with `python -m safemap`."""

    def run_safemap(self, code, *arguments, flags=("--repair",), env=()):
        """Runs a program, with the temporary folder as its first argument."""
        path = self.path(code.encode(), "program.py")
        command = [sys.executable, "-m", "safemap", *flags, path, self.folder]
        return subprocess.run(
            [*command, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=600,
            env=dict(os.environ, **dict(env)),
        )


# numpy, and copies by `memcpy`: that of glibc 2.43 reads the end first.
NOT_FROM_START = ("numpy", "pandas", "torch", "memoryview", "bytearray")


@unix_only(NO_TRUNCATION)
class Repaired(RepairCase):
    """With `--repair` no program is terminated, and each map is reported."""

    def is_repaired(self, name):
        for module in IMPORTS.get(name, [name]):
            if importlib.util.find_spec(module) is None:
                self.skipTest(module + " is not installed")
        done = self.run_safemap(program(name), TRUNCATIONS)
        self.assertEqual((done.returncode, done.stdout), (0, "done\n"), done.stderr)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), TRUNCATIONS, done.stderr)
        for number, line in enumerate(lines):
            # At the first missing page, if the program reads from the start.
            offset = r"(\d+)" if name in NOT_FROM_START else number % 4 * PAGE
            path = os.path.join(os.path.realpath(self.folder), "data-%d" % number)
            expected = r'safemap: the map of "{}" is damaged at offset {}: '.format(path, offset)
            self.assertRegex(line, expected)
        # The control.
        control = self.run_safemap(program(name), 1, flags=())
        self.assertEqual(control.returncode, -signal.SIGBUS, control.stderr)

    def test_numpy(self):
        self.is_repaired("numpy")

    def test_pandas(self):
        self.is_repaired("pandas")

    def test_torch(self):
        self.is_repaired("torch")

    def test_hashlib(self):
        self.is_repaired("hashlib")

    def test_re(self):
        self.is_repaired("re")

    def test_a_view(self):
        self.is_repaired("memoryview")

    def test_bytearray(self):
        self.is_repaired("bytearray")

    def test_bytes_needs_no_repair(self):
        code = PROGRAM.format(imports="", read="m = mmap.mmap(file.fileno(), 0); cut(); fails(m)")
        code = (
            """
def fails(m):
    try:
        bytes(m)
    except OSError as error:
        print(error.offset)
"""
            + code
        )
        for flags in ((), ("--repair",)):
            done = self.run_safemap(code, 4, flags=flags)
            offsets = ["0", str(PAGE), str(2 * PAGE), str(3 * PAGE), "done"]
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(done.stdout.split(), offsets)


# Reads a truncated file in the given way. `damage` is what the processes run.
DAMAGE = """
import mmap, os, sys
def damage(folder, name):
    with open(os.path.join(folder, name), "w+b") as file:
        file.write(b"x" * 2 * mmap.PAGESIZE)
        file.flush()
        m = mmap.mmap(file.fileno(), 0)
        os.truncate(file.fileno(), mmap.PAGESIZE)
        memoryview(m).tobytes()
"""


@unix_only(NO_TRUNCATION)
class Inherited(RepairCase):
    def names(self, done):
        """The names of the files that were reported."""
        self.assertEqual(done.returncode, 0, done.stderr)
        return sorted(os.path.basename(line.split('"')[1]) for line in done.stderr.splitlines())

    def test_processes_of_multiprocessing_repair_and_report(self):
        code = (
            DAMAGE
            + """
import multiprocessing
if __name__ == "__main__":
    for method in sorted(multiprocessing.get_all_start_methods()):
        context = multiprocessing.get_context(method)
        process = context.Process(target=damage, args=(sys.argv[1], method))
        process.start()
        process.join()
        assert process.exitcode == 0, (method, process.exitcode)
"""
        )
        self.assertEqual(self.names(self.run_safemap(code)), ["fork", "forkserver", "spawn"])

    def test_a_map_that_a_forked_child_inherits_is_reported_there(self):
        code = """
import mmap, os, sys
file = open(os.path.join(sys.argv[1], "inherited"), "w+b")
file.write(b"x" * 2 * mmap.PAGESIZE)
file.flush()
view = memoryview(mmap.mmap(file.fileno(), 0))
os.truncate(file.fileno(), mmap.PAGESIZE)
if os.fork() == 0:
    os._exit(view[mmap.PAGESIZE])
assert os.wait()[1] == 0
"""
        self.assertEqual(self.names(self.run_safemap(code)), ["inherited"])

    def test_interpreters_that_the_program_starts_repair_and_report(self):
        code = (
            DAMAGE
            + """
import subprocess
start = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]], check=True)"
again = open(__file__).read().split("import subprocess")[0]
again += "damage({!r}, 'grandchild')".format(sys.argv[1])
subprocess.run([sys.executable, "-c", start, again], check=True)
"""
        )
        self.assertEqual(self.names(self.run_safemap(code)), ["grandchild"])

    def test_the_environment_variable_has_the_effect_of_the_flag(self):
        code = DAMAGE + "damage(sys.argv[1], 'data')"
        done = self.run_safemap(code, flags=(), env={"SAFEMAP_REPAIR": "1"})
        self.assertEqual(self.names(done), ["data"])
        done = self.run_safemap(code, flags=(), env={"SAFEMAP_REPAIR": "0"})
        self.assertEqual(done.returncode, -signal.SIGBUS)

    def test_a_file_without_a_path_is_reported(self):
        code = """
import mmap, os, sys, tempfile
file = tempfile.TemporaryFile(dir=sys.argv[1])
file.write(b"x")
file.flush()
m = mmap.mmap(file.fileno(), 0)
file.truncate(0)
memoryview(m).tobytes()
"""
        done = self.run_safemap(code)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r'^safemap: the map of ".*" is damaged at offset 0: .*\n$')

    def test_a_map_that_was_opened_by_path_is_reported(self):
        code = """
import os, safemap, sys
path = os.path.join(sys.argv[1], "opened")
with open(path, "wb") as file:
    file.write(b"x")
m = safemap.open(path)
os.truncate(path, 0)
assert memoryview(m).tobytes() == bytes(1)
"""
        self.assertEqual(self.names(self.run_safemap(code)), ["opened"])

    def test_anonymous_memory_is_mapped_as_without_the_flag(self):
        code = "import mmap; m = mmap.mmap(-1, 5); print(memoryview(m).tobytes() == bytes(5))"
        done = self.run_safemap(code)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "True\n", ""))


@unix_only(NO_TRUNCATION)
class Install(unittest.TestCase):
    CODE = (
        SETUP
        + """
safemap.install({})
m, file = mapped(repair=False)
cut(file)
memoryview(m).tobytes()
print(os.environ.get("SAFEMAP_REPAIR"))
"""
    )

    def test_install_repairs_maps_on_request(self):
        self.assertEqual(child(self.CODE.format("")).returncode, -signal.SIGBUS)
        self.assertEqual(succeed(self, self.CODE.format("repair=True")), "None\n")

    def test_install_repairs_the_maps_of_children_on_request(self):
        code = self.CODE.format("repair=True, children=True")
        self.assertEqual(succeed(self, code), "1\n")


@unittest.skipUnless(WINDOWS, "repair is supported")
class Unsupported(RepairCase):
    def test_the_flag_is_an_error(self):
        done = self.run_safemap("print('not run')")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("repair is not supported", done.stderr)
        with self.assertRaises(NotImplementedError):
            safemap.install(repair=True)
