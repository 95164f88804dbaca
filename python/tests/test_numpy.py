"""Tests of `safemap.numpy`. The oracle is `numpy.memmap`, and for faults the file itself."""

import copy
import gc
import importlib.util
import io
import os
import pickle
import sys
import unittest
import warnings

from support import NO_TRUNCATION, PAGE, FileCase, child, succeed, unix_only

import safemap

if importlib.util.find_spec("numpy") is None:
    raise unittest.SkipTest("numpy is not installed")

import numpy as np  # noqa: E402

import safemap.numpy  # noqa: E402
from safemap.numpy import MappedArray, memmap, open_npy  # noqa: E402

COUNT = 4 * PAGE // 8
KEPT = PAGE // 8

# The names that the operations below use.
NAMES = {"np": np, "copy": copy, "io": io, "os": os, "pickle": pickle}
NAMES.update(COUNT=COUNT, KEPT=KEPT)

# Operations on an array `a` of numbers, each of which uses a lost byte.
READS = """
a.sum()
a + 1
1 + a
-a
a @ a
a == a
a.mean()
a.std()
a.max()
a.argmin()
a.all()
a.dot(a)
a.copy()
a.astype("f4")
a.astype("i8")
a.tolist()
a.tobytes()
a.item(COUNT - 1)
a.byteswap()
a.argsort()
a.argpartition(5)
a.nonzero()
a.searchsorted(COUNT)
a.take([1, COUNT - 1])
a.repeat(2)
a.round()
a.clip(1, 5)
a.cumsum()
a.compress(a > 5)
a.flatten()
a.ravel().sum()
a.reshape(-1, 8)[-1].max()
a.reshape(-1, 8).T.ravel()
a[[1, COUNT - 1]]
a[np.arange(COUNT) > 3]
a[::-1].max()
a[KEPT:].view("u1").sum()
a.tofile(os.devnull)
list(a)
max(a)
COUNT + 5 in a
bool(a[-1:])
int(a[-1, ...])
float(a[-1, ...])
x, *y = a
np.sum(a)
np.add.reduce(a)
np.add.outer(a[-3:], a[:3])
np.where(a > 3, a, 0)
np.sort(a)
np.median(a)
np.concatenate([np.zeros(3), a])
np.array_equal(a, a)
np.copyto(np.empty(COUNT, "i8"), a)
np.save(io.BytesIO(), a)
np.add(a, 1, out=np.empty(COUNT, "i8"))
np.linalg.norm(a)
np.fft.fft(a)
copy.copy(a)
copy.deepcopy(a)
pickle.dumps(a)
pickle.dumps(a, 5)
a.read()
a.read(COUNT - 1)
a.read(slice(KEPT, None, 5))
a.read([1, COUNT - 1])
""".strip().splitlines()

WRITES = """
a[-1] = 7
a[:] = 7
a[[1, -1]] = 7
a += 1
a.fill(7)
a.put([1, COUNT - 1], 7)
a.sort()
a.partition(5)
a.byteswap(True)
a.byteswap(inplace=True)
a.setfield(1, "i4")
np.add(1, a, out=a)
np.add.at(a, [COUNT - 1], 1)
np.copyto(a, 1)
np.put(a, [COUNT - 1], 7)
np.put_along_axis(a, np.array([COUNT - 1]), 7, 0)
np.place(a, np.arange(COUNT) >= 0, 7)
a.cumsum(out=a)
a.take([COUNT - 1] * COUNT, out=a)
a.flush()
""".strip().splitlines()

# What is not checked: `check` and `read` are for these.
UNCHECKED = """
a[COUNT - 1]
a.flat[COUNT - 1]
np.asarray(a).sum()
memoryview(a).tobytes()
a.reshape(-1, 8)
a[KEPT:]
repr(a)
""".strip().splitlines()


class Case(FileCase):
    def numbers(self, count=COUNT, dtype="i8"):
        """Makes a file that holds the numbers from 0 on, and returns its path."""
        return self.path(np.arange(count, dtype=dtype).tobytes())

    def mapped(self, mode="r+", **keywords):
        """Maps a new file of numbers."""
        return memmap(self.numbers(), "i8", mode, **keywords)

    def lost(self, length=PAGE):
        """Maps a new file, which is truncated then."""
        a = self.mapped()
        os.truncate(self.latest, length)
        return a

    def run_operation(self, a, text):
        exec(text, dict(NAMES, a=a))


@unix_only(NO_TRUNCATION)
class LostBytes(Case):
    def test_every_operation_on_lost_bytes_raises(self):
        for text in READS + WRITES:
            with self.subTest(text):
                a = self.lost()
                with self.assertRaises(safemap.FaultError) as caught:
                    self.run_operation(a, text)
                self.assertIs(caught.exception.map, a.map)
                self.assertGreaterEqual(caught.exception.offset, PAGE)

    def test_no_operation_raises_if_nothing_was_lost(self):
        for text in READS + WRITES + UNCHECKED:
            with self.subTest(text):
                a = self.mapped()
                self.run_operation(a, text)
                a.check()

    def test_every_operation_raises_if_the_file_is_cut_within_a_page(self):
        for text in READS + WRITES:
            with self.subTest(text):
                a = self.lost(4 * PAGE - 1)
                with self.assertRaises(safemap.FaultError) as caught:
                    self.run_operation(a, text)
                self.assertEqual(caught.exception.offset, 4 * PAGE - 1)

    def test_check_reports_what_other_code_has_read(self):
        for text in UNCHECKED[:4]:
            with self.subTest(text):
                a = self.lost()
                self.run_operation(a, text)
                self.assertRaises(safemap.FaultError, a.check)

    def test_a_file_that_is_cut_while_it_is_sorted_raises(self):
        # numpy's sorts of strings and of short integers leave the array if elements change.
        code = """
        import os, random, sys, time
        import numpy as np
        from safemap.numpy import memmap
        data = np.random.default_rng(1).integers(1, 1 << 30, 1 << 18, dtype="i4").tobytes()
        def sort(path):
            a = memmap(path, "S4")
            if os.fork() == 0:
                time.sleep(random.random() / 80)
                os.truncate(path, 4096)
                os._exit(0)
            try:
                a.sort()
            except OSError:
                pass
            os._exit(0)
        for _ in range(20):
            with open(sys.argv[1], "wb") as file:
                file.write(data)
            child = os.fork()
            if child == 0:
                sort(sys.argv[1])
            assert os.waitpid(child, 0)[1] == 0
        """
        succeed(self, code, self.path())

    def test_damage_of_other_ranges_is_not_raised(self):
        a = self.lost()
        part, rest = a[:KEPT], a[KEPT:]
        self.assertRaises(safemap.FaultError, rest.sum)
        os.truncate(self.latest, 4 * PAGE)
        self.assertEqual(part.sum(), KEPT * (KEPT - 1) // 2)
        self.assertRaises(safemap.FaultError, rest.sum)
        a.map.restore()
        self.assertEqual(rest.sum(), 0)

    def test_read_does_not_damage_the_map(self):
        a = self.lost()
        self.assertRaises(safemap.FaultError, a.read)
        self.assertRaises(safemap.FaultError, a.read, -1)
        os.truncate(self.latest, 4 * PAGE)
        self.assertEqual((a.map.damage, a.map.exports), (None, 1))
        self.assertEqual(a[3], 3)

    def test_an_error_because_of_lost_bytes_is_the_context(self):
        a = self.lost()
        with self.assertRaises(safemap.FaultError) as caught, np.errstate(all="raise"):
            1 / a[KEPT:]
        self.assertIsInstance(caught.exception.__context__, FloatingPointError)

    def test_without_repair_the_process_is_terminated(self):
        code = """
            import os, sys
            import safemap.numpy
            a = safemap.numpy.memmap(sys.argv[1], repair=False)
            os.truncate(sys.argv[1], 0)
            a.sum()
        """
        self.assertLess(child(code, self.numbers()).returncode, 0)

    def test_damage_that_was_not_raised_is_reported_when_the_map_goes(self):
        reported = []
        self.addCleanup(setattr, sys, "unraisablehook", sys.unraisablehook)
        sys.unraisablehook = lambda args: reported.append(args.exc_value)
        a = self.lost()
        view = a[KEPT:]
        self.assertEqual(np.asarray(view).sum(), 0)
        del a
        gc.collect()
        self.assertEqual(reported, [])
        del view
        gc.collect()
        self.assertEqual([type(error) for error in reported], [safemap.FaultError])
        a = self.lost()
        self.assertRaises(safemap.FaultError, a.sum)
        del a
        gc.collect()
        self.assertEqual(len(reported), 1)

    def test_close_reports_damage_that_was_not_raised(self):
        a = self.lost()
        np.asarray(a).sum()
        self.assertRaises(safemap.FaultError, a.close)
        self.assertTrue(a.map.closed)
        a = self.lost()
        self.assertRaises(safemap.FaultError, a.sum)
        a.close()

    def test_intact_covers_arrays(self):
        a = self.lost()
        with self.assertRaises(safemap.FaultError) as caught, safemap.intact():
            np.asarray(a).sum()
        self.assertIs(caught.exception.map, a.map)


class Results(Case):
    """Operations have the results of numpy.memmap, and copies are plain arrays."""

    def test_every_operation_has_the_result_of_a_plain_array(self):
        for text in READS:
            if text.startswith(("a.read", "x, ")):
                continue
            result = eval(text, dict(NAMES, a=self.mapped()))
            expected = eval(text, dict(NAMES, a=np.arange(COUNT)))
            with self.subTest(text):
                np.testing.assert_array_equal(result, expected)

    def test_every_write_has_the_effect_on_a_plain_array(self):
        for text in WRITES[:-1]:
            a, expected = self.mapped(), np.arange(COUNT)
            with self.subTest(text):
                self.run_operation(a, text)
                self.run_operation(expected, text)
                np.testing.assert_array_equal(a, expected)
                np.testing.assert_array_equal(np.fromfile(self.latest, "i8"), expected)

    def test_copies_are_plain_and_views_are_mapped(self):
        a = self.mapped()
        for result in (a + 1, a.copy(), a.astype("f4"), a.flatten(), np.sort(a), a.read()):
            self.assertIs(type(result), np.ndarray)
        for view in (a[3:], a[::-2], a.reshape(8, -1).T, np.squeeze(a), a.view("u1"), a[3, ...]):
            self.assertIsInstance(view, MappedArray)
            self.assertIs(view.map, a.map)
        self.assertFalse(hasattr(a[[1, 2]], "map"))

    def test_an_argument_that_is_returned_is_the_same_object(self):
        a = self.mapped()
        b = a
        b += 1
        self.assertIs(b, a)
        self.assertIs(np.add(a, 1, out=a), a)
        self.assertIs(a.byteswap(True), a)
        self.assertIs(a.astype("i8", copy=False), a)
        self.assertIs(a.cumsum(out=a), a)


class Mapping(Case):
    def test_the_modes_are_those_of_numpy(self):
        for mode in ("r", "r+", "c", "readonly", "readwrite", "copyonwrite"):
            path = self.numbers()
            ours, theirs = memmap(path, "i8", mode), np.memmap(path, "i8", mode)
            np.testing.assert_array_equal(ours, theirs)
            self.assertEqual(ours.flags.writeable, theirs.flags.writeable)
            if ours.flags.writeable:
                ours[1] = 9
                self.assertEqual(np.fromfile(path, "i8")[1], 1 if "c" == mode[0] else 9)
        for mode in ("w+", "write"):
            a = memmap(self.numbers(), "f8", mode, shape=(3, 5))
            self.assertEqual((a.shape, os.path.getsize(self.latest)), ((3, 5), 120))
            self.assertEqual(a.sum(), 0)
            with self.assertRaisesRegex(ValueError, "needs a shape"):
                memmap(self.latest, "f8", mode)
        with self.assertRaises(FileExistsError):
            memmap(self.latest, "f8", "x+", shape=3)
        a = memmap(self.latest + "-new", "f8", "x+", shape=3)
        self.assertEqual(a.tolist(), [0, 0, 0])

    def test_a_file_is_extended_if_its_mode_allows_that(self):
        path = self.path(b"x")
        a = memmap(path, "i4", "r+", 3, (5,))
        self.assertEqual((os.path.getsize(path), a.tolist()), (23, [0] * 5))
        with self.assertRaises(ValueError):
            memmap(path, "i4", "r", 3, (6,))

    def test_shapes_orders_offsets_and_types(self):
        structured = [("x", "u1"), ("y", "f4"), ("z", "i2", (2,))]
        data = bytes(range(1, 250)) * 20
        for dtype in ("u1", ">i4", "f8", "S3", structured, "M8[s]", "?", ("i2", (3,))):
            for shape in ((), 5, (4,), (2, 3), (0,), (3, 0, 2)):
                for offset in (0, 1, 100):
                    for order in "CF":
                        ours = memmap(self.path(data), dtype, "r", offset, shape, order)
                        lengths = (shape,) if isinstance(shape, int) else shape
                        plain = np.ndarray(lengths, dtype, data, offset, order=order)
                        self.assertEqual(ours.tobytes(), plain.tobytes())
                        self.assertEqual((ours.shape, ours.strides), (plain.shape, plain.strides))
                        self.assertEqual(ours.read().tobytes(), plain.tobytes())
                        ours.close()

    @unix_only("files cannot be mapped beyond their end")
    def test_lengths_that_are_no_integers_are_a_type_error(self):
        path = self.numbers()
        for shape in (1.5, (2, 1.5), [None]):
            self.assertRaises(TypeError, memmap, path, "i8", "r", shape=shape)

    def test_an_array_with_a_reserve_is_the_same_as_without(self):
        keywords = {"reserve": 1 << 20}
        a = memmap(self.numbers(), "i8", "r", 8, 5, **keywords)
        self.assertEqual((a.tolist(), len(a.map)), ([1, 2, 3, 4, 5], 4 * PAGE - 8))
        with self.assertRaises(ValueError):
            memmap(self.latest, "i8", "r", 8, COUNT, **keywords)
        a = memmap(self.path(b"xyz"), "i8", "r+", 3, 5, **keywords)
        a[4] = 7
        self.assertEqual(np.fromfile(self.latest, "i8", offset=3).tolist(), [0, 0, 0, 0, 7])
        a = memmap(self.latest, "i8", "w+", 0, (2, 3), **keywords)
        self.assertEqual((a.sum(), os.path.getsize(self.latest)), (0, 48))

    def test_an_empty_file_is_an_empty_array(self):
        for mode in ("r", "r+", "c"):
            a = memmap(self.path(b""), "i8", mode)
            self.assertEqual((a.shape, a.sum(), a.read().tolist()), ((0,), 0, []))
            a.check(), a.flush(), a.close()

    def test_a_size_that_is_no_multiple_names_the_rest(self):
        with self.assertRaisesRegex(ValueError, "13 bytes are 3 items of 4 bytes, and 1 more"):
            memmap(self.path(b"x" * 20), "i4", "r", 7)

    def test_objects_are_refused(self):
        for dtype in ("O", [("x", "i4"), ("y", "O")]):
            with self.assertRaises(TypeError):
                memmap(self.numbers(), dtype, "r")
            with self.assertRaises(TypeError):
                open_npy(self.latest, "w+", dtype=dtype, shape=3)
        np.save(self.latest + ".npy", np.array([None]), allow_pickle=True)
        with self.assertRaises(TypeError):
            open_npy(self.latest + ".npy")

    def test_read_has_the_result_of_an_index(self):
        a = memmap(self.numbers(), "i8", "r", 0, (8, COUNT // 8))
        fields = memmap(self.latest, [("x", "i4"), ("y", "i2"), ("z", "i2")], "r")
        keys = "..., 3, -1, (3, 5), (slice(None), 7), (..., 3), (slice(5, 1, -2), slice(None, 9))"
        keys += ", (None, 3), [1, 5], np.array([1, 5]), np.arange(8) > 4, ([1, 2], [3, 4])"
        for key in eval(keys):
            with self.subTest(key=key):
                copy = a.read(key)
                np.testing.assert_array_equal(copy, a[key])
                self.assertFalse(np.shares_memory(copy, a))
                self.assertIs(type(copy), np.ndarray)
        for key in ("x", ["x", "z"], 5):
            np.testing.assert_array_equal(fields.read(key), fields[key])
        with self.assertRaises(IndexError):
            a.read(8)

    def test_flush_of_rows_writes_their_pages(self):
        a = memmap(self.numbers(), "i8", "r+", 100, (16, 100))
        a[:] = 7
        a.flush(), a.flush(3), a.flush(2, 5), a.flush(stop=-1), a.flush(5, 5)
        self.assertEqual(np.fromfile(self.latest, "i8", offset=100)[:1600].tolist(), [7] * 1600)

    def test_the_map_of_an_array_is_a_map(self):
        a = self.mapped("r")
        self.assertIsInstance(a.map, safemap.Map)
        self.assertEqual((a.map.name, len(a.map)), (self.latest, 4 * PAGE))
        with self.assertRaises(AttributeError):
            a[[1, 2]].map

    def test_close_detaches(self):
        with self.mapped() as a:
            part, plain = a[5:], np.asarray(a)
            a[5] = 99
        self.assertTrue(a.map.closed)
        self.assertEqual((plain[5], plain.sum() > 0), (99, True))
        self.assertRaises(ValueError, a.sum)
        self.assertRaises(ValueError, part.check)
        a.close()


@unix_only("files cannot be mapped beyond their end")
class Growth(Case):
    def test_rows_are_appended_within_the_reserve(self):
        structured = [("x", "u1"), ("y", "f4")]
        for dtype, shape in (("i8", ()), ("f4", (3,)), (structured, ()), ("M8[s]", (2, 2))):
            row = np.dtype(dtype).itemsize * np.prod(shape, dtype=int)
            rows = np.frombuffer(bytes(range(5 * row)), dtype).reshape(5, *shape)
            a = memmap(self.path(), dtype, "w+", 0, (0, *shape), reserve=1 << 20)
            for end in range(1, len(rows) + 1):
                a = a.append(rows[end - 1 : end])
                self.assertEqual(a.tobytes(), rows[:end].tobytes())
                self.assertEqual(self.latest_content(), rows[:end].tobytes())
            self.assertEqual((a.dtype, a.shape), (rows.dtype, rows.shape))

    def test_earlier_arrays_keep_their_memory(self):
        a = memmap(self.numbers(), "i8", "r+", 8, reserve=1 << 20)
        b = a.append([1, 2, 3]).append(range(5))
        self.assertEqual((len(a), len(b)), (COUNT - 1, COUNT + 7))
        self.assertEqual(b[-8:].tolist(), [1, 2, 3, 0, 1, 2, 3, 4])
        a[5] = 99
        self.assertEqual((b[5], b.map is a.map), (99, True))
        with self.assertRaisesRegex(ValueError, "does not extend to the end"):
            a.append([1])

    def test_refused_appends_change_nothing(self):
        a = self.mapped(reserve=8 * PAGE)
        table = a.reshape(2, -1)
        for array, rows, error in (
            (self.mapped(), [1], BufferError),
            (a, np.zeros(8 * COUNT), BufferError),
            (a[:5], [1], ValueError),
            (a[::-1], [1], ValueError),
            (table.T, [[1, 2]], ValueError),
            (table, [[1, 2]], ValueError),
            (self.mapped("r", reserve=8 * PAGE), [1], TypeError),
        ):
            with self.assertRaises(error):
                array.append(rows)
        self.assertEqual(os.path.getsize(self.latest), 4 * PAGE)
        path = os.path.join(self.folder, "a.npy")
        with self.assertRaises(io.UnsupportedOperation):
            open_npy(path, "w+", dtype="i8", shape=3, reserve=8 * PAGE).append([1])

    def test_lost_bytes_of_appended_rows_raise(self):
        a = self.mapped(reserve=8 * PAGE).append(range(COUNT))
        os.truncate(self.latest, 7 * PAGE)
        with self.assertRaises(safemap.FaultError) as caught:
            a.sum()
        self.assertEqual(caught.exception.offset, 7 * PAGE)


class Npy(Case):
    def test_arrays_are_those_of_numpy(self):
        arrays = [np.arange(24).reshape(2, 3, 4), np.asfortranarray(np.ones((3, 4))), np.array(5)]
        arrays += [np.zeros(3, [("x", "u1"), ("y", "f4")]), np.zeros((0, 3)), np.zeros(2, "U3")]
        # Names that are not Latin-1 need the third version of the format.
        arrays.append(np.zeros(3, [("\u4e2d", "i4")]))
        for number, array in enumerate(arrays):
            path = os.path.join(self.folder, "{}.npy".format(number))
            with warnings.catch_warnings():
                # The third version can only be read by new versions of numpy.
                warnings.simplefilter("ignore", UserWarning)
                np.save(path, array)
            a = open_npy(path)
            self.assertEqual((a.dtype, a.shape), (array.dtype, array.shape))
            self.assertEqual(a.tobytes(), array.tobytes())
            self.assertEqual(a.flags.f_contiguous, array.flags.f_contiguous)
            self.assertFalse(a.flags.writeable)

    def test_new_files_can_be_loaded_by_numpy(self):
        for mode in ("w+", "x+"):
            for fortran_order in (False, True):
                path = os.path.join(self.folder, "{}{}.npy".format(mode, fortran_order))
                keywords = {"dtype": "f4", "shape": (3, 4), "fortran_order": fortran_order}
                with open_npy(path, mode, **keywords) as a:
                    a[1] = [1, 2, 3, 4]
                self.assertEqual(np.load(path).tolist(), [[0] * 4, [1, 2, 3, 4], [0] * 4])
        with self.assertRaises(FileExistsError):
            open_npy(path, "x+", dtype="f4", shape=3)
        with self.assertRaisesRegex(ValueError, "needs a shape"):
            open_npy(path, "w+", dtype="f4")

    def test_arguments_that_are_refused_create_no_file(self):
        path = os.path.join(self.folder, "new.npy")
        for keywords in ({"dtype": "O"}, {"shape": -1}, {"version": (9, 9)}):
            with self.subTest(keywords), self.assertRaises((TypeError, ValueError)):
                open_npy(path, "x+", **{"dtype": "f4", "shape": 3, **keywords})
            self.assertFalse(os.path.exists(path))

    def test_an_order_that_is_refused_leaves_the_file(self):
        with self.assertRaises(ValueError):
            memmap(self.path(b"content"), mode="w+", shape=3, order="Q")
        self.assertEqual(self.latest_content(), b"content")

    def test_a_file_of_another_format_is_refused(self):
        with self.assertRaises(ValueError):
            open_npy(self.numbers())


class Imports(unittest.TestCase):
    def test_without_numpy_the_error_says_what_to_install(self):
        code = """
            import sys
            sys.modules["numpy"] = None
            try:
                import safemap.numpy
            except ImportError as error:
                print(error)
        """
        self.assertEqual(
            succeed(self, code), "safemap.numpy needs numpy: pip install safemap[numpy]\n"
        )

    def test_the_package_does_not_import_numpy(self):
        code = "import safemap, sys; print('numpy' in sys.modules)"
        self.assertEqual(succeed(self, code), "False\n")


if __name__ == "__main__":
    unittest.main()
