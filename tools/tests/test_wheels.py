"""Tests of `tools.wheels` and of the check of tags in `tools.packages`."""

import re
import tempfile
import unittest
import zipfile
from pathlib import Path
from unittest import mock

from tools import package, packages, wheels


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


class Sbom(unittest.TestCase):
    """A wheel whose SBOM has the path of the repository."""

    def test_the_path_is_replaced_and_the_record_agrees(self):
        info, root = "safemap-0.1.0.dist-info", Path.cwd() / "a folder"
        path = f"path+{root.as_uri()}"
        files = {
            "safemap/__init__.py": b"code",
            f"{info}/sboms/safemap.cyclonedx.json": f'{{"a": "{path}/core#1"}}'.encode(),
        }
        lines = [package.record(name, data) for name, data in files.items()]
        files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,"]).encode()
        with tempfile.TemporaryDirectory() as folder:
            wheel, result = Path(folder) / "built.whl", Path(folder) / "result.whl"
            with zipfile.ZipFile(wheel, "w") as archive:
                for name, data in files.items():
                    archive.writestr(name, data)
            package.without_path(wheel, result, root)
            with zipfile.ZipFile(result) as archive:
                found = {name: archive.read(name) for name in archive.namelist()}
        self.assertEqual(list(found), list(files))
        sbom = found[f"{info}/sboms/safemap.cyclonedx.json"]
        self.assertEqual(sbom, b'{"a": "path+file:///safemap/core#1"}')
        expected = [package.record(name, found[name]) for name in list(files)[:2]]
        expected.append(f"{info}/RECORD,,")
        self.assertEqual(found[f"{info}/RECORD"].decode().splitlines(), expected)


if __name__ == "__main__":
    unittest.main()
