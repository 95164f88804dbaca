"""Tests of `tools.cross_toolchain`: where the standard library of a target comes from."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

from tools import cross_toolchain

TARGET = "aarch64-unknown-linux-gnu"


class Libraries(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name)
        self.replace("HOME", self.home)
        self.replace("has_library", lambda target: False)
        self.replace("sources", lambda: [])
        self.addCleanup(cross_toolchain.library_root.cache_clear)
        # What apt was asked to download, and whether it can.
        self.asked, self.can_download = [], True
        self.replace("Apt", lambda *_: mock.Mock(update=lambda: None, download=self.download))

    def replace(self, name, value):
        """Replaces something of the module during the test."""
        replacement = mock.patch.object(cross_toolchain, name, value)
        replacement.start()
        self.addCleanup(replacement.stop)

    def download(self, package, version):
        """In place of that of `Apt`."""
        self.asked.append((package, version))
        return self.home / "package.deb" if self.can_download else None

    def call(self, command):
        """In place of the programs that are called; the last word is the folder to unpack to."""
        if command[0] == "dpkg-query":
            return mock.Mock(ok=self.version is not None, text=f"{self.version}\n")
        if command[0] == "dpkg-deb":
            (Path(command[-1]) / "usr" / "lib").mkdir(parents=True)
        return mock.Mock(ok=True, text="")

    def environment(self, target, version):
        """The environment that builds for a target, and the versions asked for."""
        self.version = version
        self.replace("call", self.call)
        cross_toolchain.library_root.cache_clear()
        self.asked.clear()
        env = cross_toolchain.Toolchain(target).env
        return env, [version for _, version in self.asked]

    def root(self, version):
        return self.home / "library" / version / TARGET

    def test_a_library_of_debian_is_used_and_downloaded_once(self):
        for expected in (["1.96.0"], []):
            env, asked = self.environment(TARGET, "1.96.0")
            self.assertEqual(asked, expected)
            self.assertEqual(env["RUSTFLAGS"], f"--sysroot={self.root('1.96.0')}")
            self.assertNotIn("CARGO_UNSTABLE_BUILD_STD", env)
        self.assertTrue((self.root("1.96.0") / "lib").exists())
        self.assertEqual(list(self.root("1.96.0").parent.iterdir()), [self.root("1.96.0")])

    def test_the_library_of_another_version_is_not_used(self):
        self.environment(TARGET, "1.96.0")
        env, asked = self.environment(TARGET, "1.97.0")
        self.assertEqual(asked, ["1.97.0"])
        self.assertEqual(env["RUSTFLAGS"], f"--sysroot={self.root('1.97.0')}")

    def assert_builds(self, target, version, expected):
        """Checks which versions are asked for, and that the library is built then."""
        env, asked = self.environment(target, version)
        self.assertEqual((asked, env["RUSTFLAGS"]), (expected, ""))
        self.assertIn("std", env["CARGO_UNSTABLE_BUILD_STD"])

    def test_a_library_that_cannot_be_downloaded_is_built(self):
        self.can_download = False
        self.assert_builds(TARGET, "1.96.0", ["1.96.0"])
        self.assert_builds(TARGET, None, [])

    def test_a_library_in_a_path_with_spaces_is_built(self):
        self.replace("HOME", self.home / "a folder")
        self.assert_builds(TARGET, "1.96.0", [])

    def test_for_other_targets_nothing_is_downloaded(self):
        self.assert_builds("riscv64gc-unknown-linux-gnu", "1.96.0", [])

    def test_another_process_may_download_at_the_same_time(self):
        def call(command):
            if command[0] == "dpkg-deb":
                (self.root("1.96.0") / "lib").mkdir(parents=True)
            return self.call(command)

        self.version = "1.96.0"
        self.replace("call", call)
        cross_toolchain.library_root.cache_clear()
        self.assertEqual(cross_toolchain.library_root(TARGET), self.root("1.96.0"))
