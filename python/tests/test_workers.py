"""Tests of maps and arrays in the workers of joblib, loky and dask.

A worker stores an element. For a reference the file has it afterwards, for a value it has not. All
tests run in children, because these packages start threads and other tests fork. The tests of
packages that are not installed are skipped, with their names as the reason.
"""

import importlib.util
import unittest

from support import FileCase, succeed

# Where the child imports the package: before safemap, after it, or after a first array exists.
ORDERS = (
    "import {0}\nimport safemap.numpy\n",
    "import safemap.numpy\nimport {0}\n",
    "import safemap.numpy\nfirst = safemap.numpy.memmap(sys.argv[1], 'i8')\nimport {0}\n",
)
SETUP = """
import safemap, numpy as np
from test_workers import first_two, store
a = safemap.numpy.memmap(sys.argv[1], 'i8')
m = safemap.open(sys.argv[1], 'r+')
"""

# `run(function, x, …)` calls a function in a worker.
COMMON = """
def is_shared(x):
    before = a.tolist()
    run(store, x, 0, 77)
    changed = a.tolist() != before
    a[:] = before
    return changed
"""

# The plain array is the control. What is not in the file has to be a value.
ARRAYS = """
assert is_shared(a) and is_shared(a[::-2]) and is_shared(a[4:].reshape(4, 4).T)
assert not is_shared(np.asarray(a)) and not is_shared(a[[0, 1]])
private = safemap.numpy.memmap(sys.argv[1], 'i8', 'c')
private[0] = 99
assert not is_shared(private) and run(first_two, private).tolist() == [99, 1]
assert not run(first_two, safemap.numpy.memmap(sys.argv[1], 'i8', 'r')).flags.writeable
"""

# What a worker returns is a reference, too.
RESULTS = """
b = run(first_two, a)
a[0] = 33
assert b[0] == 33 and type(b) is type(a)
"""

MAPS = """
assert run(store, m, 80, 77) == 'Map' and m[80] == 77
"""

LOKY = "run = lambda *task: loky.get_reusable_executor(2).submit(*task).result()\n"

JOBLIB = """
def run(function, *arguments):
    return joblib.Parallel(2, backend)([joblib.delayed(function)(*arguments)])[0]
"""

# joblib.Memory finds results by the hash. The same bytes of another file have the same one.
VALUES = """
other = sys.argv[1] + '2'
np.asarray(a).tofile(other)
digest = joblib.hash(safemap.numpy.memmap(other, 'i8'))
assert joblib.hash(a) == digest
a[0] = 99
assert joblib.hash(a) != digest
joblib.dump(a, other)
a[0] = 98
assert joblib.load(other)[0] == 99
"""

CLUSTER = """
cluster = distributed.LocalCluster(
    n_workers=1, threads_per_worker=1, dashboard_address=None, worker_dashboard_address=None)
client = distributed.Client(cluster)
"""

# `submit` pickles arguments as if they were kept; what was scattered is a reference.
SCATTERED = """
def submit(*task):
    return client.submit(*task, pure=False).result()

def run(function, x, *rest):
    return submit(function, client.scatter(x, hash=False), *rest)
"""
SUBMITTED = """
submit(store, a, 5, 77)
assert a[5] == 5
assert submit(store, m, 40, 78) == 'Map' and m[40] == 78
"""

# Between processes without a cluster.
MESSAGES = """
from distributed.protocol import deserialize, serialize
header, frames = serialize([a, 'text'])
b = deserialize(header, frames)[0]
b[0] = 44
assert a[0] == 44
header['sub-headers'][0]['sub-header']['host'] = 'elsewhere'
try:
    deserialize(header, frames)
except ValueError as error:
    assert 'elsewhere: pass a copy' in str(error), error
else:
    raise AssertionError
"""

PROCESSES = """
import dask
tasks = dask.delayed(store)(a, 1, 77), dask.delayed(store)(m, 0, 78)
names = dask.compute(*tasks, scheduler='processes', num_workers=1)
assert names == ('ndarray', 'Map') and a[1] == 1 and m[0] == 78
"""


def store(x, index, value):
    """Changes an element, and returns the name of the type."""
    x[index] = value
    return type(x).__name__


def first_two(x):
    """A part of the argument."""
    return x[:2]


class Workers(FileCase):
    def in_child(self, package, *code, orders=ORDERS[:1]):
        if importlib.util.find_spec("numpy") is None:
            self.skipTest("numpy is not installed")
        if importlib.util.find_spec(package.partition(".")[0]) is None:
            self.skipTest(package.partition(".")[0] + " is not installed")
        for order in orders:
            start = "import sys\n" + order.format(package) + SETUP
            numbers = b"".join(i.to_bytes(8, "little") for i in range(20))
            succeed(self, start + "".join(code), self.path(numbers))

    def test_loky(self):
        self.in_child("loky", LOKY, COMMON, ARRAYS, RESULTS, MAPS, orders=ORDERS)

    def test_joblib_with_loky(self):
        backend = "backend = 'loky'\n"
        self.in_child("joblib", backend, JOBLIB, COMMON, ARRAYS, RESULTS, MAPS, orders=ORDERS)

    def test_joblib_keeps_values(self):
        self.in_child("joblib", VALUES)

    def test_a_cluster_of_dask(self):
        self.in_child("distributed", CLUSTER, SCATTERED, COMMON, ARRAYS, RESULTS, SUBMITTED, MAPS)

    def test_messages_of_dask(self):
        self.in_child("distributed", MESSAGES, orders=ORDERS)

    def test_processes_of_dask_have_values(self):
        self.in_child("dask", PROCESSES)


if __name__ == "__main__":
    unittest.main()
