"""Tests of transactional maps when the system fails: full disks, devices without sync."""

import platform
import sys
import textwrap
import unittest

from support import succeed
from test_transactions import TransactionCase, content


LINUX = sys.platform == "linux"
# Numbers of the calls fdatasync and pwrite64. Elsewhere the processor is not asked for: Wine cannot
# say.
NUMBERS = {"x86_64": (75, 18), "aarch64": (83, 68)}
FDATASYNC, PWRITE = NUMBERS.get(platform.machine() if LINUX else "", (0, 0))

# Makes a system call of this process fail with EIO, by a filter of seccomp: always, or on a file.
DENY = """
    import ctypes, errno, os, struct, sys
    import safemap

    def deny(number, path=None):
        if path is None:
            return install((0x15, 0, 1, number))
        for name in os.listdir("/proc/self/fd"):
            if os.path.realpath("/proc/self/fd/" + name) == os.path.realpath(path):
                # The low word of the first argument.
                first = (0x20, 0, 0, 16 if sys.byteorder == "little" else 20)
                install((0x15, 0, 3, number), first, (0x15, 0, 1, int(name)))

    def install(*tests):
        libc = ctypes.CDLL(None, use_errno=True)
        load, refuse, allow = (0x20, 0, 0, 0), 0x50005, 0x7FFF0000
        steps = (load, *tests, (6, 0, 0, refuse), (6, 0, 0, allow))
        program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *it) for it in steps))
        rules = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(program))
        assert libc.prctl(38, 1, 0, 0, 0) == 0
        assert libc.prctl(22, 2, ctypes.create_string_buffer(rules), 0, 0) == 0

    def raised(call):
        try:
            call()
        except Exception as error:
            return type(error).__name__, getattr(error, "errno", None)

    m = safemap.open(sys.argv[1], "r+", transactional=True)
    r = safemap.open(sys.argv[1], "r", transactional=True, timeout=0.2)
"""


class Failures(TransactionCase):
    @unittest.skipUnless(LINUX, "the limits are those of Linux")
    def test_a_file_that_cannot_grow_keeps_the_changes_pending(self):
        code = """
            import errno, resource, sys
            import safemap
            m = safemap.open(sys.argv[1], "r+", transactional=True)
            m[0] = 1
            m.append(bytes(1 << 20) + b"end")
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, 1 << 21))
            for _ in range(2):
                try:
                    m.commit()
                except OSError as error:
                    assert error.errno == errno.EFBIG, error
                else:
                    raise AssertionError("the file has grown")
                assert (m[0], m[-3:], m.size()) == (1, b"end", 9)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 21, 1 << 21))
            m.commit()
        """
        path = self.path(bytes(9))
        succeed(self, code, path)
        self.assertEqual(content(path), b"\1".ljust(9 + (1 << 20), b"\0") + b"end")

    @unittest.skipUnless(FDATASYNC, "the filter is that of Linux")
    def test_a_map_whose_commit_is_in_doubt(self):
        code = """
            deny(int(sys.argv[2]))
            m[0] = 1
            expected = "InDoubtError", errno.EIO
            assert issubclass(safemap.InDoubtError, OSError)
            assert raised(m.commit) == expected
            calls = [m.commit, m.rollback, m.changed, m.checkpoint, m.flush, m.sync]
            calls += [m.transaction().__enter__, m.reading().__enter__, lambda: m.append(b"x")]
            calls += [lambda: m[0], lambda: m[:], lambda: m.find(b"x"), lambda: m.resize(9)]
            calls += [lambda: m.__setitem__(0, 1), lambda: m.load("B", 0), lambda: memoryview(m)]
            for number, call in enumerate(calls):
                assert raised(call) == expected, (number, raised(call))
            assert repr(m).endswith("in doubt>"), repr(m)
            print(raised(r.reading().__enter__))
            m.close()
            assert m.closed
        """
        path = self.path(bytes(9))
        succeed(self, textwrap.dedent(DENY) + textwrap.dedent(code), path, str(FDATASYNC))
        # The next opening decides: the change is there or not, and the file can be used again.
        with self.open(path) as m:
            self.assertEqual(m[1:], bytes(8))
            self.assertIn(m[0], (0, 1))
            m[1] = 1
            m.commit()
        self.assertEqual(content(path)[1:], b"\1" + bytes(7))

    @unittest.skipUnless(FDATASYNC, "the filter is that of Linux")
    def test_a_commit_that_fails_after_the_sync_of_its_record_is_there_later(self):
        code = """
            m[0] = 1
            m.append(b"more")
            deny(int(sys.argv[2]), sys.argv[1])
            assert raised(m.commit) == ("InDoubtError", errno.EIO)
            assert raised(lambda: m[0]) == ("InDoubtError", errno.EIO)
            # The writer exists, and does not complete its commit.
            assert raised(r.reading().__enter__)[0] == "TimeoutError"
            m.close()
        """
        path = self.path(bytes(9))
        succeed(self, textwrap.dedent(DENY) + textwrap.dedent(code), path, str(PWRITE))
        self.assertEqual(content(path)[:9], bytes(9))
        with self.open(path, "r") as r, r.reading():
            self.assertEqual(r[:], b"\1" + bytes(8) + b"more")

    @unittest.skipUnless(FDATASYNC, "the filter is that of Linux")
    def test_a_block_whose_commit_is_in_doubt(self):
        code = """
            deny(int(sys.argv[2]))
            def block():
                with m.transaction():
                    m[0] = 1
            assert raised(block) == ("InDoubtError", errno.EIO), raised(block)
            del m
        """
        path = self.path(bytes(9))
        succeed(self, textwrap.dedent(DENY) + textwrap.dedent(code), path, str(FDATASYNC))
        self.assertIn(self.open(path)[0], (0, 1))


if __name__ == "__main__":
    unittest.main()
