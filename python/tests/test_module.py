"""Tests of the module's names and constants, and of the class as a Python type."""

import copy
import errno
import gc
import importlib.metadata
import inspect
import mmap as standard
import os
import pickle
import platform
import sys
import textwrap
import unittest
import weakref

from support import PAGE, UNIT, WINDOWS, FileCase, open_files, succeed, unix_only

import safemap

# Values of the Linux headers, which are equal on x86-64 and aarch64.
ADDITIONAL = {
    "MS_ASYNC": 1,
    "MS_INVALIDATE": 2,
    "MS_SYNC": 4,
    "PROT_NONE": 0,
    "MAP_NORESERVE": 0x4000,
    "MAP_LOCKED": 0x2000,
    "MAP_NONBLOCK": 0x10000,
    "MAP_HUGETLB": 0x40000,
    "MAP_SYNC": 0x80000,
    "MAP_SHARED_VALIDATE": 3,
    "MADV_WIPEONFORK": 18,
    "MADV_KEEPONFORK": 19,
    "MADV_COLD": 20,
    "MADV_PAGEOUT": 21,
    "MADV_POPULATE_READ": 22,
    "MADV_POPULATE_WRITE": 23,
    "MADV_DONTNEED_LOCKED": 24,
    "MADV_COLLAPSE": 25,
    "MADV_SOFT_OFFLINE": 101,
    "MADV_GUARD_INSTALL": 102,
    "MADV_GUARD_REMOVE": 103,
}


LINUX_X86_64 = sys.platform == "linux" and platform.machine() == "x86_64"


def public(thing):
    """The attributes of an object whose names do not begin with an underscore."""
    return {name: getattr(thing, name) for name in dir(thing) if not name.startswith("_")}


class Module(unittest.TestCase):
    def test_every_name_of_the_standard_module_has_the_same_value(self):
        for name, theirs in public(standard).items():
            with self.subTest(name):
                ours = getattr(safemap, name)
                if isinstance(theirs, int):
                    self.assertEqual((type(ours), ours), (int, theirs))

    def test_error_is_oserror(self):
        self.assertIs(safemap.error, OSError)

    @unittest.skipUnless(sys.platform == "linux", "the values are those of Linux")
    def test_additional_constants_have_the_values_of_the_linux_headers(self):
        for name, value in ADDITIONAL.items():
            with self.subTest(name):
                self.assertEqual(getattr(safemap, name), value)

    @unittest.skipIf(WINDOWS, "Windows has no flags")
    def test_flags_that_need_an_address_are_missing_and_refused(self):
        for number in (0x10, 0x10_0000):
            with self.assertRaises(OSError) as raised:
                safemap.mmap(-1, PAGE, flags=safemap.MAP_PRIVATE | number)
            self.assertEqual(raised.exception.errno, errno.EINVAL)
        self.assertEqual([name for name in public(safemap) if "FIXED" in name], [])

    @unittest.skipUnless(LINUX_X86_64, "only Linux on x86-64 has it")
    def test_map_32bit_exists_on_every_python_version(self):
        self.assertEqual(safemap.MAP_32BIT, 0x40)

    def test_page_size_and_granularity_are_those_of_the_system(self):
        self.assertEqual(PAGE, standard.PAGESIZE if WINDOWS else os.sysconf("SC_PAGESIZE"))
        self.assertEqual(UNIT, 65536 if WINDOWS else PAGE)

    def test_a_star_import_provides_the_names_of_the_standard_module(self):
        names = {}
        exec("from safemap import *", names)
        self.assertEqual(public(standard).keys() - names.keys(), set())

    def test_every_public_name_has_a_docstring(self):
        self.assertTrue(safemap.__doc__)
        self.assertTrue(safemap.mmap.__doc__)
        for name, value in public(safemap).items():
            if callable(value) and value is not OSError:
                self.assertTrue(inspect.getdoc(value), name)
        for name, method in public(safemap.mmap).items():
            self.assertTrue(method.__doc__, name)

    def test_the_docstring_names_what_help_does_not_list(self):
        # pydoc takes `__all__`, which has the names of the standard module only.
        for name, value in vars(safemap).items():
            is_public = callable(value) and not name.startswith("_")
            if is_public and name not in safemap.__all__:
                self.assertIn(":`{}`".format(name), safemap.__doc__)

    def test_the_docstring_has_the_modules(self):
        for name in ("safemap.ipc", "safemap.numpy"):
            self.assertIn("``" + name + "``", safemap.__doc__)

    def test_modules_are_imported_at_their_first_use(self):
        code = """
            import sys
            import safemap
            modules = {"safemap.ipc", "safemap.numpy", "numpy", "importlib", "collections"}
            print(sorted(modules & sys.modules.keys() - before))
            print(safemap.ipc.Mutex is safemap.ipc.Mutex, safemap.ipc is sys.modules["safemap.ipc"])
            print("safemap.numpy" in sys.modules, hasattr(safemap, "numbers"))
        """
        before = "import sys\nbefore = set(sys.modules)\n"
        self.assertEqual(
            succeed(self, before + textwrap.dedent(code)), "[]\nTrue True\nFalse False\n"
        )

    def test_the_module_of_arrays_needs_numpy(self):
        code = """
            import sys
            import safemap
            sys.modules["numpy"] = None
            for attempt in range(2):
                try:
                    safemap.numpy
                except ImportError as error:
                    print(error)
        """
        text = "safemap.numpy needs numpy: pip install safemap[numpy]\n"
        self.assertEqual(succeed(self, code), 2 * text)

    def test_classes_with_many_methods_have_an_example(self):
        ipc = safemap.ipc
        for it in (ipc.Channel, ipc.Journal, ipc.Mutex, safemap.Map.transaction):
            self.assertRegex(inspect.getdoc(it), r"(?m)^Example::\n\n    \w")

    def test_every_method_has_a_signature(self):
        for name, method in public(safemap.mmap).items():
            if callable(method):
                self.assertTrue(inspect.signature(method), name)

    def test_the_class_has_a_signature_without_the_standard_module(self):
        code = """
            import inspect, safemap, sys
            assert "mmap" not in sys.modules
            print(list(inspect.signature(safemap.mmap).parameters)[:2])
        """
        self.assertEqual(succeed(self, code), "['fileno', 'length']\n")

    def test_an_exception_that_safemap_did_not_raise_has_no_offset(self):
        error = safemap.FaultError(14, "x")
        self.assertEqual((error.errno, error.strerror, error.offset), (14, "x", None))

    def test_a_copied_or_pickled_exception_has_its_offset(self):
        error = safemap.FaultError(14, "x")
        error.offset = 5000
        pickles = [pickle.dumps(error, it) for it in range(pickle.HIGHEST_PROTOCOL + 1)]
        for same in [copy.copy(error), copy.deepcopy(error), *map(pickle.loads, pickles)]:
            self.assertIs(type(same), safemap.FaultError)
            self.assertEqual((same.errno, same.strerror, same.offset), (14, "x", 5000))

    def test_copies_and_pickles_of_a_class_are_the_class(self):
        for its in (safemap.LineIterator, safemap.FindIterator, safemap.FaultError, safemap.Map):
            for call in (copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))):
                self.assertIs(call(its), its)

    def test_an_iterator_cannot_be_pickled_or_copied(self):
        lines = safemap.mmap(-1, PAGE).lines()
        for call in (pickle.dumps, copy.copy, copy.deepcopy):
            self.assertRaisesRegex(TypeError, "cannot pickle 'safemap.LineIterator'", call, lines)

    def test_the_version_is_that_of_the_installed_package(self):
        self.assertEqual(safemap.__version__, importlib.metadata.version("safemap"))

    def test_the_package_is_marked_as_typed(self):
        folder = os.path.dirname(safemap.__file__)
        self.assertTrue(os.path.exists(os.path.join(folder, "py.typed")))

    @unittest.skipUnless(hasattr(sys, "_is_gil_enabled"), "this version has no free-threaded build")
    def test_importing_the_package_does_not_enable_the_gil(self):
        code = """
            import sys
            before = sys._is_gil_enabled()
            import safemap
            print(before == sys._is_gil_enabled())
        """
        self.assertEqual(succeed(self, code), "True\n")


class Type(FileCase):
    def test_the_class_has_the_name_of_the_standard_class(self):
        self.assertEqual((safemap.mmap.__module__, safemap.mmap.__name__), ("mmap", "mmap"))
        self.assertEqual(repr(safemap.mmap), repr(standard.mmap))

    def test_repr_has_the_format_of_the_standard_class(self):
        m = self.map(b"x" * 16)
        fields = "closed=False, access=ACCESS_DEFAULT, length=16, pos=0, offset=0"
        self.assertEqual(repr(m), "<mmap.mmap {}>".format(fields))
        m.close()
        self.assertEqual(repr(m), "<mmap.mmap closed=True>")

    def test_the_class_has_every_method_of_the_standard_class(self):
        self.assertEqual(public(standard.mmap).keys() - public(safemap.mmap).keys(), set())

    def test_the_class_has_one_additional_special_method(self):
        extra = set(dir(safemap.mmap)) - set(dir(standard.mmap))
        special = [name for name in sorted(extra) if name.startswith("__")]
        self.assertEqual(special, ["__bytes__"])

    def test_the_class_is_immutable(self):
        text = "cannot set 'x' attribute of immutable type 'mmap.mmap'"
        with self.assertRaisesRegex(TypeError, text):
            safemap.mmap.x = 1

    def test_an_instance_has_no_dictionary(self):
        m = self.anonymous()
        with self.assertRaises(AttributeError):
            m.x = 1

    def test_the_class_has_neither_init_nor_del(self):
        self.assertIs(safemap.mmap.__init__, object.__init__)
        self.assertFalse(hasattr(safemap.mmap, "__del__"))

    def test_a_subclass_has_a_dictionary_and_its_own_name(self):
        class Sub(safemap.mmap):
            pass

        with Sub(-1, 5) as m:
            m.x = 1
            self.assertEqual(m.x, 1)
            fields = "closed=False, access=ACCESS_DEFAULT, length=5, pos=0, offset=0"
            self.assertEqual(repr(m), "<Sub {}>".format(fields))

    def test_a_subclass_with_slots_has_no_dictionary(self):
        class Sub(safemap.mmap):
            __slots__ = ()

        with Sub(-1, 5) as m:
            self.assertFalse(hasattr(m, "__dict__"))

    def test_a_subclass_can_define_new_init_and_del(self):
        deleted = []

        class Sub(safemap.mmap):
            def __new__(cls, *args, **keywords):
                return super().__new__(cls, -1, *args)

            def __init__(self, length, label=None):
                self.label = label

            def __del__(self):
                deleted.append(self.label)

        m = Sub(7, label="x")
        self.assertEqual((len(m), m.label), (7, "x"))
        del m
        gc.collect()
        self.assertEqual(deleted, ["x"])

    def test_leaving_a_with_block_does_not_call_close_of_a_subclass(self):
        class Sub(safemap.mmap):
            def close(self):
                raise AssertionError("called")

        with Sub(-1, 5) as m:
            pass
        self.assertTrue(m.closed)

    def test_weak_references_work(self):
        collected = []
        m = safemap.mmap(-1, 5)
        reference = weakref.ref(m, collected.append)
        self.assertIs(reference(), m)
        del m
        gc.collect()
        self.assertEqual((reference(), collected), (None, [reference]))

    def test_a_map_in_a_cycle_is_collected(self):
        class Sub(safemap.mmap):
            pass

        m = Sub(-1, 5)
        m.me = m
        reference = weakref.ref(m)
        del m
        gc.collect()
        self.assertIsNone(reference())

    def test_a_map_cannot_be_pickled_or_copied(self):
        m = self.anonymous()
        error = TypeError, "cannot pickle 'mmap(.mmap)?' object"
        for call in (pickle.dumps, copy.copy, copy.deepcopy):
            with self.subTest(call), self.assertRaisesRegex(*error):
                call(m)

    def test_methods_do_not_leak_references_to_the_map(self):
        m = self.map(b"abc\n" * 100)
        before = sys.getrefcount(m)
        m.read(3), m.readline(), m.find(b"c"), m[3:7], m[5], m.size()
        list(m), b"a" in m, m.seek(0), m.write(b"x")
        memoryview(m).release()
        failing = ["m[1000]", "m.find(3)", "m.write(b'x' * 1000)", "m.resize(-1)", "m[1:2] = b'xx'"]
        for use in failing:
            with self.assertRaises(Exception):
                exec(use, {"m": m})
        self.assertEqual(sys.getrefcount(m), before)

    def test_maps_do_not_leak_descriptors(self):
        fd = self.descriptor(b"x" * PAGE)
        before = open_files()
        for _ in range(3000):
            m = safemap.mmap(fd, 0)
            m.close()
            safemap.mmap(fd, 0)
        self.assertEqual(open_files(), before)

    @unix_only("handles cannot be listed")
    def test_the_descriptor_is_a_duplicate_that_children_do_not_inherit(self):
        fd = os.open(self.path(b"x" * PAGE), os.O_RDWR)
        with safemap.mmap(fd, 0) as m:
            others = [other for other in map(int, os.listdir("/dev/fd")) if other != fd]
            duplicates = [other for other in others if self.refer_to_the_same_file(other, fd)]
            os.close(fd)
            self.assertEqual([os.get_inheritable(each) for each in duplicates], [False])
            m.resize(2 * PAGE)
            self.assertEqual(m.size(), 2 * PAGE)

    def refer_to_the_same_file(self, one, other):
        """Whether two descriptors refer to the same file. False if one is closed."""
        try:
            return os.path.sameopenfile(one, other)
        except OSError:
            return False


class Audit(unittest.TestCase):
    """Runs in children, because an audit hook cannot be removed."""

    HOOK = """
        import sys, safemap
        def hook(event, args):
            if event == "mmap.__new__":
                print(*args)
                if args[1] == 77:
                    raise RuntimeError("forbidden")
        sys.addaudithook(hook)
    """

    def test_making_a_map_is_audited_once(self):
        code = (
            self.HOOK
            + """
        safemap.mmap(-1, 10)
        safemap.mmap(-1, 20, access=safemap.ACCESS_READ)
        if sys.platform != "win32":
            safemap.mmap(-1, 30, prot=safemap.PROT_READ)
        """
        )
        printed = "-1 10 0 0\n-1 20 1 0\n" + ("" if WINDOWS else "-1 30 1 0\n")
        self.assertEqual(succeed(self, code), printed)

    def test_an_exception_of_the_audit_hook_precedes_the_systems_error(self):
        code = (
            self.HOOK
            + """
        try:
            safemap.mmap(999, 77)
        except RuntimeError as error:
            print(error)
        """
        )
        self.assertEqual(succeed(self, code), "999 77 0 0\nforbidden\n")

    @unix_only("arguments are audited before they are checked")
    def test_only_valid_arguments_are_audited(self):
        code = (
            self.HOOK
            + """
        for args in [(-1, -1), (-1, 10, 1, 3, 1, -1), (-1, 10, 2, 3, 1), (999, 10)]:
            try:
                safemap.mmap(*args)
            except (ValueError, OverflowError, OSError) as error:
                print(type(error).__name__)
        """
        )
        printed = "OverflowError\nOverflowError\nValueError\n999 10 0 0\nOSError\n"
        self.assertEqual(succeed(self, code), printed)
