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

    def replace(self, name, value):
        """Replaces something of the module during the test."""
        replacement = mock.patch.object(cross_toolchain, name, value)
        replacement.start()
        self.addCleanup(replacement.stop)

    def environment(self, target, download):
        """The environment that builds for a target, and the architectures asked for."""
        asked = []

        def download_library(architecture, root):
            asked.append(architecture)
            download(root)

        self.replace("download_library", download_library)
        return cross_toolchain.Toolchain(target).env, asked

    def test_a_library_of_debian_is_used_and_downloaded_once(self):
        for expected in (["arm64"], []):
            env, asked = self.environment(TARGET, lambda root: root.mkdir(parents=True))
            self.assertEqual(asked, expected)
            self.assertEqual(env["RUSTFLAGS"], f"--sysroot={self.home / 'library' / TARGET}")
            self.assertNotIn("CARGO_UNSTABLE_BUILD_STD", env)

    def test_a_library_that_cannot_be_downloaded_is_built(self):
        env, asked = self.environment(TARGET, lambda root: None)
        self.assertEqual((asked, env["RUSTFLAGS"]), (["arm64"], ""))
        self.assertIn("std", env["CARGO_UNSTABLE_BUILD_STD"])

    def test_for_other_targets_nothing_is_downloaded(self):
        env, asked = self.environment("riscv64gc-unknown-linux-gnu", lambda root: None)
        self.assertEqual(asked, [])
        self.assertIn("CARGO_UNSTABLE_BUILD_STD", env)

    def test_a_package_that_apt_does_not_have_leaves_nothing(self):
        with mock.patch.object(cross_toolchain.Apt, "call", lambda *_: mock.Mock(ok=False)):
            cross_toolchain.download_library("arm64", self.home / "library" / TARGET)
        self.assertEqual(list((self.home / "library").iterdir()), [])
