"""Tests of `tools.notices`, with crates that do not exist."""

import tempfile
import unittest
from pathlib import Path

from tools import notices


class Crates:
    """What cargo says about some crates."""

    def __init__(self, folder):
        self.folder, self.packages, self.nodes = folder, [], []

    def add(self, name, kind="lib", licence="MIT", text="Words\n", **needs):
        """Adds a crate that needs others: each name with the kind of the dependency."""
        home = self.folder / name
        home.mkdir()
        (home / "LICENSE-MIT").write_text(text)
        package = {"id": name, "name": name, "license": licence, "targets": [{"kind": [kind]}]}
        package["source"] = None if name == notices.PACKAGE else "the registry"
        self.packages.append(package | {"manifest_path": str(home / "Cargo.toml")})
        deps = [{"pkg": it, "dep_kinds": [{"kind": what}]} for it, what in needs.items()]
        self.nodes.append({"id": name, "deps": deps})

    def linked(self):
        found = {"packages": self.packages, "resolve": {"nodes": self.nodes}}
        return {it["name"]: it for it in notices.linked(found)}


class Notices(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.crates = Crates(Path(folder.name))

    def test_crates_of_the_build_and_of_macros_are_left_out(self):
        add = self.crates.add
        add(notices.PACKAGE, a=None, macro=None, tool="build", check="dev")
        add("a", b=None)
        add("b")
        add("macro", "proc-macro", parser=None)
        for name in ("parser", "tool", "check", "unused"):
            add(name)
        self.assertEqual(set(self.crates.linked()), {"a", "b"})

    def test_another_licence_is_an_error(self):
        self.crates.add(notices.PACKAGE, good=None, bad=None)
        self.crates.add("good", licence="Apache-2.0 OR MIT", text="  Words \n\n")
        self.crates.add("bad", licence="GPL-3.0")
        found = self.crates.linked()
        self.assertEqual(notices.licence(found["good"]), "Words\n")
        self.assertRaisesRegex(ValueError, "bad has no MIT", notices.licence, found["bad"])

    def test_the_crates_of_the_package_are_named(self):
        text = notices.text()
        for name in ("pyo3", "memchr", "crc32c", "libc", "windows-sys"):
            self.assertRegex(text, rf"(?m)^(.*, )?{name}(, .*)?$")
        self.assertNotRegex(text, r"(?m)^(.*, )?syn(, .*)?$")


if __name__ == "__main__":
    unittest.main()
