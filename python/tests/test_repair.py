"""Tests of `repair=True`: a file is truncated while external code uses a view of the map.

Each test runs in a child, because a fault in a view without repair terminates the process.
"""

import signal
import unittest

from support import NO_TRUNCATION, child, unix_only

PROGRAM = """
import faulthandler, hashlib, re, struct, sys, tempfile
import safemap
if "before" in sys.argv: faulthandler.enable()
file = tempfile.TemporaryFile()
file.write(b"x" * 16384)
file.flush()
m = safemap.mmap(file.fileno(), 0, repair="default" not in sys.argv)
view = memoryview(m)
if "after" in sys.argv: faulthandler.enable()
file.truncate(4096)
assert m.damage is None
assert hashlib.sha256(view).digest() == hashlib.sha256(b"x" * 4096 + bytes(12288)).digest()
assert re.search(rb"\\0", view).start() == 4096
assert struct.unpack_from("<I", view, 8192) == (0,)
assert m.damage == 4096
calls = lambda: m[0], lambda: m.find(b"x"), lambda: memoryview(m), m.readline, m.flush, m.restore
for call in calls:
    try:
        call()
    except safemap.FaultError as error:
        assert error.offset == 4096, error.offset
    else:
        raise AssertionError("nothing was raised")
file.seek(0)
file.write(b"y" * 16384)
file.flush()
m.restore()
assert m.damage is None and m[:] == b"y" * 16384 == bytes(view)
view.release()
m.close()
"""


@unix_only(NO_TRUNCATION)
class Repair(unittest.TestCase):
    def test_external_code_reads_zeros_the_next_call_raises_and_restore_works(self):
        for arguments in ((), ("before",), ("after",)):
            with self.subTest(faulthandler=arguments):
                done = child(PROGRAM, *arguments)
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_without_repair_the_process_is_terminated_by_sigbus(self):
        self.assertEqual(child(PROGRAM, "default").returncode, -signal.SIGBUS)
