"""Tests of arrays on transactional maps. The oracle is what `numpy.fromfile` reads."""

import io
import pickle
import unittest
from multiprocessing.reduction import ForkingPickler

import safemap
from support import CLOSED, FileCase
from test_numpy import MappedArray, memmap, np
from test_transactions import HAS_TRANSACTIONS


@unittest.skipUnless(HAS_TRANSACTIONS, "this system has no transactional maps")
class Arrays(FileCase):
    def mapped(self, mode="r+", *args, path=None, **keywords):
        """Returns a transactional array of numbers, until the test ends."""
        path = self.path(np.arange(3000.0).tobytes()) if path is None else path
        a = memmap(path, "f8", mode, *args, transactional=True, **keywords)
        self.addCleanup(a.map.close, detach=True)
        return a

    def stored(self):
        """What other programs read."""
        return np.fromfile(self.latest, "f8")

    def test_a_block_commits_or_rolls_back(self):
        a, old = self.mapped(), np.arange(3000.0)
        with a.map.transaction():
            a[5::700] += 0.5
            a[:2] = 7
            np.testing.assert_array_equal(self.stored(), old)
        self.assertEqual(a[5], 5.5)
        np.testing.assert_array_equal(self.stored(), a)
        with self.assertRaises(ZeroDivisionError), a.map.transaction():
            a *= 2
            raise ZeroDivisionError
        np.testing.assert_array_equal(self.stored(), a)
        self.assertEqual((a[5], a.map.changed()), (5.5, []))

    def test_flush_is_a_commit_and_close_rolls_back(self):
        a = self.mapped()
        a[1] = -1
        a.flush()
        self.assertEqual(self.stored()[1], -1)
        a[2] = -2
        self.assertRaises(io.UnsupportedOperation, a.flush, 0, 5)
        a.close()
        self.assertRaisesRegex(ValueError, CLOSED, a.sum)
        self.assertRaises(TimeoutError, self.mapped, path=self.latest)
        del a
        with self.mapped(path=self.latest) as a:
            self.assertEqual(a[:3].tolist(), [0, -1, 2])
            a[0] = 9
        self.assertEqual(self.stored()[:3].tolist(), [0, -1, 2])

    def test_modes(self):
        a = self.mapped("w+", shape=(3, 2), order="F")
        with a.map.transaction():
            a[:] = [[1, 2], [3, 4], [5, 6]]
        self.assertEqual((type(a), self.stored().tolist()), (MappedArray, [1, 3, 5, 2, 4, 6]))
        self.assertRaises(TimeoutError, self.mapped, path=self.latest, timeout=0.01)
        reader = self.mapped("r", path=self.latest)
        self.assertRaises(ValueError, reader.__setitem__, 0, 1)
        reader.flush()
        a.close()
        del a
        a = self.mapped("readwrite", path=self.latest, shape=7)
        self.assertEqual((a.tolist(), self.stored().size), ([1, 3, 5, 2, 4, 6, 0], 7))
        with self.assertRaises(io.UnsupportedOperation):
            self.mapped("c")
        with self.assertRaises(io.UnsupportedOperation):
            self.mapped(repair=True)

    def test_an_offset_is_that_of_numpy(self):
        for mode, offset, shape in (("r", 8, None), ("r+", 24, 5), ("r", 24000, None)):
            with self.subTest(mode=mode, offset=offset, shape=shape):
                a = self.mapped(mode, offset, shape)
                plain = np.fromfile(self.latest, "f8", -1 if shape is None else shape, "", offset)
                np.testing.assert_array_equal(a, plain)
                a.close()
        a = self.mapped("r+", 8, 4)
        with a.map.transaction():
            a[0] = 50
        self.assertEqual(self.stored()[:3].tolist(), [0, 50, 2])
        for offset in (-8, 24001, 30000):
            self.assertRaises(ValueError, self.mapped, "r", offset)

    def test_rows_are_appended_by_a_commit(self):
        a = self.mapped("w+", shape=(2, 3), reserve=1 << 20)
        with self.assertRaises(ZeroDivisionError), a.map.transaction():
            a.append([[1, 2, 3]])
            raise ZeroDivisionError
        self.assertEqual(self.stored().size, 6)
        with a.map.transaction():
            longer = a.append([[1, 2, 3]])
            longer.sum()
            self.assertEqual(self.stored().size, 6)
        self.assertEqual((longer[2].tolist(), self.stored().size), ([1, 2, 3], 9))

    def test_a_reader_sees_all_of_a_commit(self):
        a = self.mapped()
        reader = self.mapped("r", path=self.latest)
        with a.map.transaction():
            a += 1
            with reader.map.reading():
                self.assertEqual(reader.sum(), np.arange(3000.0).sum())
        with reader.map.reading():
            self.assertEqual(reader.sum(), np.arange(3000.0).sum() + 3000)

    def test_references_of_other_processes_are_transactional(self):
        a = self.mapped("r", 16)
        other = pickle.loads(ForkingPickler.dumps(a[1:9:2]))
        self.addCleanup(other.map.close, detach=True)
        self.assertEqual((other.tolist(), other.map.transactional), ([3, 5, 7, 9], True))
        a.close()
        writer = self.mapped(path=self.latest)
        self.assertIsInstance(ForkingPickler.dumps(writer[:2]), memoryview)
        self.assertRaises(TimeoutError, safemap.open, self.latest, "r+", transactional=True)


if __name__ == "__main__":
    unittest.main()
