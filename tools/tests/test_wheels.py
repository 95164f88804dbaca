"""Tests of `tools.wheels` and of the check of tags in `tools.packages`."""

import re
import unittest
from unittest import mock

from tools import packages, wheels


class Release(unittest.TestCase):
    """The wheels of a release on Linux. Nothing is built."""

    def setUp(self):
        patches = {
            (wheels.platform, "libc_ver"): lambda: ("glibc", "2.36"),
            (wheels.rust, "host"): lambda: "aarch64-unknown-linux-gnu",
            (wheels.Platform, "environment"): lambda it, steps, env: env,
            (wheels.Platform, "build"): lambda it, steps, folder, version, env: version,
        }
        for (owner, name), function in patches.items():
            patch = mock.patch.object(owner, name, function)
            patch.start()
            self.addCleanup(patch.stop)

    def built(self, *names):
        """Each wheel that is built: target and version."""
        built = wheels.release(None, None, {"a": "b"}, names)
        return [(it.target, version) for it, version, _ in built]

    def test_each_platform_has_a_wheel_of_each_version(self):
        built = self.built()
        self.assertEqual(len(set(built)), len(built))
        self.assertEqual(len(built), 5 * 7)

    def test_the_platform_of_this_machine_is_first(self):
        self.assertEqual(self.built()[0], ("aarch64-unknown-linux-gnu", "3.11"))

    def test_names_choose_wheels(self):
        self.assertEqual(self.built("3.14t-x86_64-pc"), [("x86_64-pc-windows-gnu", "3.14t")])

    def test_other_systems_build_for_the_interpreters_that_they_have(self):
        with mock.patch.object(wheels.platform, "libc_ver", lambda: ("", "")):
            with mock.patch.object(wheels.Platform, "pythons", lambda it: {"3.13": None}):
                self.assertEqual(self.built(), [("aarch64-unknown-linux-gnu", "3.13")])


class Tags(unittest.TestCase):
    """Tags of wheels for Linux."""

    def is_older(self, one, other):
        return packages.is_older(*(re.fullmatch(packages.LINUX, it) for it in (one, other)))

    def test_a_tag_may_name_a_newer_version_of_the_same_system_only(self):
        tag = "manylinux_2_17_x86_64"
        self.assertTrue(self.is_older("manylinux_2_5_x86_64", tag))
        self.assertTrue(self.is_older(tag, tag))
        for other in ("manylinux_2_28_x86_64", "manylinux_2_17_aarch64"):
            self.assertFalse(self.is_older(other, tag), other)


if __name__ == "__main__":
    unittest.main()
