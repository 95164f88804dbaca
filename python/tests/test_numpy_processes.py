"""Tests of `safemap.numpy` with other processes and other packages.

The tests of packages that are not installed are skipped, with their names as the reason.
"""

import importlib.util
import multiprocessing
import os
import pickle
import unittest
from multiprocessing.reduction import ForkingPickler

from support import NO_TRUNCATION, PAGE, succeed, unix_only
from test_numpy import COUNT, Case, MappedArray, np


def missing(package):
    """Whether a package is not installed."""
    return importlib.util.find_spec(package) is None


def total(a):
    """The sum of an array, and whether it is mapped."""
    return int(a.sum()), isinstance(a, MappedArray)


def write(a):
    """Changes the first element."""
    a[0] = 1000


class Pickles(Case):
    def test_pickles_are_values(self):
        a = self.mapped()
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            b = pickle.loads(pickle.dumps(a[:5], protocol))
            self.assertEqual((b.tolist(), type(b)), ([0, 1, 2, 3, 4], np.ndarray))

    def test_the_pickles_of_multiprocessing_are_references(self):
        a = self.mapped()
        self.assertLess(len(ForkingPickler.dumps(a)), 1000)
        part = a[8:2:-2]
        b = pickle.loads(ForkingPickler.dumps(part))
        self.assertEqual(b.tolist(), [8, 6, 4])
        b[0] = 99
        self.assertEqual(a[8], 99)
        self.assertFalse(pickle.loads(ForkingPickler.dumps(self.mapped("r"))).flags.writeable)

    @unix_only(NO_TRUNCATION)
    def test_a_reference_to_lost_bytes_is_no_array(self):
        a = self.mapped()
        for length in (0, PAGE):
            data = ForkingPickler.dumps(a)
            os.truncate(self.latest, length)
            with self.assertRaisesRegex(ValueError, "out of bounds for a map of"):
                pickle.loads(data)

    def test_copies_and_private_changes_are_values(self):
        a = self.mapped("c")
        a[0] = 99
        for array in (a, a[[0, 1]], self.mapped()[:2] + 0):
            b = pickle.loads(ForkingPickler.dumps(array))
            self.assertEqual((b.tolist(), type(b)), (array.tolist(), np.ndarray))

    def test_processes_share_the_memory(self):
        a = self.mapped()
        expected = int(a.sum())
        for method in multiprocessing.get_all_start_methods():
            with multiprocessing.get_context(method).Pool(2) as pool:
                self.assertEqual(pool.map(total, [a, a[:3]]), [(expected, True), (3, True)])
                a[0] = 0
                pool.apply(write, (a,))
                self.assertEqual(a[0], 1000)
            a[0] = 0

    def test_joblib_dumps_values(self):
        if missing("joblib"):
            self.skipTest("joblib is not installed")
        import joblib

        path = os.path.join(self.folder, "dump")
        joblib.dump(self.mapped(), path)
        os.unlink(self.latest)
        self.assertEqual(joblib.load(path).tolist(), list(range(COUNT)))


class Packages(Case):
    """Packages share the memory where their documentation says so.

    Those that start threads are imported in children, because other tests fork.
    """

    def in_child(self, package, code):
        if missing(package):
            self.skipTest(package + " is not installed")
        setup = "import sys, numpy as np, safemap.numpy, {0}\n".format(package)
        setup += "a = safemap.numpy.memmap(sys.argv[1], 'i8')\n"
        succeed(self, setup + code, self.numbers())

    def test_dlpack(self):
        a = self.mapped()
        self.assertTrue(np.shares_memory(np.from_dlpack(a), a))

    def test_pandas(self):
        code = "frame = pandas.DataFrame({'x': a}, copy=False)\n"
        self.in_child("pandas", code + "assert np.shares_memory(frame['x'].to_numpy(), a)")

    def test_torch(self):
        code = "tensors = torch.from_numpy(a), torch.frombuffer(a.map, dtype=torch.int64)\n"
        self.in_child("torch", code + "a[3] = 77; assert all(it[3] == 77 for it in tensors)")

    def test_pyarrow(self):
        code = "buffer = pyarrow.py_buffer(a.map)\n"
        self.in_child("pyarrow", code + "a[3] = 77; assert np.frombuffer(buffer, 'i8')[3] == 77")

    def test_polars(self):
        self.in_child("polars", "assert polars.from_numpy(a)['column_0'].sum() == a.sum() > 0")


if __name__ == "__main__":
    unittest.main()
