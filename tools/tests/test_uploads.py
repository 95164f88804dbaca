"""Tests of `tools.uploads` and `tools.registry`, with GitHub and the registry in memory."""

import contextlib
import hashlib
import itertools
import json
import tempfile
import unittest
import zipfile
from pathlib import Path
from unittest import mock

from tools import registry, uploads, versions
from tools.steps import ROOT, Ended

VERSION = versions.current(ROOT)
TAG = "v" + VERSION
PLATFORMS = ["manylinux2014_x86_64.manylinux_2_17_x86_64", "macosx_11_0_arm64", "win_amd64"]
PLATFORMS += ["manylinux2014_aarch64.manylinux_2_17_aarch64", "macosx_10_12_x86_64", "win_arm64"]
PLATFORMS += ["musllinux_1_2_x86_64", "musllinux_1_2_aarch64"]
TAGS = ["cp311-cp311", "cp312-cp312", "cp313-cp313", "cp314-cp314", "cp315-cp315"]
TAGS += ["cp314-cp314t", "cp315-cp315t"]
# With the sdist, two crates, and the hashes.
FILES = len(PLATFORMS) * len(TAGS) + 4
LIST = f"safemap-{VERSION}.dist-info/sboms/safemap-python.cyclonedx.json"


class Files(unittest.TestCase):
    """A folder with the files of a release."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "pypi").mkdir()
        for tag, platform in itertools.product(TAGS, PLATFORMS):
            name = f"safemap-{VERSION}-{tag}-{platform}.whl"
            with zipfile.ZipFile(self.folder / "pypi" / name, "w") as wheel:
                wheel.writestr(LIST, "{}")
        for name in ("safemap-{}.tar.gz", "safemap-{}.crate", "safemap-memmap2-{}.crate"):
            (self.folder / name.format(VERSION)).write_bytes(name.encode())

    def crate(self, name="safemap"):
        return self.folder / f"{name}-{VERSION}.crate"


class Collect(Files):
    def test_the_hashes_are_of_all_files(self):
        uploads.collect(self.folder)
        lines = (self.folder / "SHA256SUMS").read_text().splitlines()
        self.assertEqual(len(lines), FILES - 1)
        content = hashlib.sha256(self.crate().read_bytes()).hexdigest()
        self.assertIn(f"{content}  {self.crate().name}", lines)

    def test_a_second_time_gives_the_same_hashes(self):
        uploads.collect(self.folder)
        before = (self.folder / "SHA256SUMS").read_bytes()
        uploads.collect(self.folder)
        self.assertEqual((self.folder / "SHA256SUMS").read_bytes(), before)

    def test_each_missing_file_is_an_error(self):
        for path in uploads.files(self.folder):
            with self.subTest(path.name):
                content = path.read_bytes()
                path.unlink()
                self.assertRaisesRegex(ValueError, "there is no", uploads.collect, self.folder)
                path.write_bytes(content)

    def test_a_file_of_another_version_is_an_error(self):
        (self.folder / "safemap-9.9.9.tar.gz").touch()
        self.assertRaisesRegex(ValueError, "9.9.9", uploads.collect, self.folder)

    def test_a_wheel_without_sbom_is_an_error(self):
        for path in (self.folder / "pypi").iterdir():
            with zipfile.ZipFile(path, "w") as wheel:
                wheel.writestr("safemap/__init__.py", "")
        self.assertRaisesRegex(ValueError, "no SBOM", uploads.collect, self.folder)


class GitHub:
    """What `gh release` does, for one release."""

    def __init__(self):
        self.assets, self.state, self.fails = {}, None, None

    def call(self, command):
        _, _, verb, _, *words = map(str, command)
        if verb == self.fails:
            return Ended(1, "502")
        return Ended(*getattr(self, verb)(words))

    def view(self, words):
        if self.state is None:
            return 1, "release not found"
        assets = [{"name": name} for name in self.assets]
        return 0, json.dumps({"isDraft": self.state == "draft", "assets": assets})

    def create(self, words):
        assert "--draft" in words
        self.state = "draft"
        return self.upload(words[-1:])

    def upload(self, words):
        paths = [Path(it) for it in words if it != "--clobber"]
        self.assets.update((path.name, path.read_bytes()) for path in paths)
        return 0, ""

    def download(self, words):
        return 0, self.assets["SHA256SUMS"].decode()

    def edit(self, words):
        self.state = "published"
        return 0, ""


class Draft(Files):
    def setUp(self):
        super().setUp()
        self.github = GitHub()
        patch = mock.patch.object(uploads, "call", self.github.call)
        patch.start()
        self.addCleanup(patch.stop)
        uploads.collect(self.folder)

    def test_a_release_is_a_draft_until_it_is_published(self):
        uploads.draft(TAG, self.folder)
        self.assertEqual((self.github.state, len(self.github.assets)), ("draft", FILES))
        uploads.publish(TAG)
        self.assertEqual(self.github.state, "published")

    def test_a_run_that_failed_during_the_upload_is_resumed(self):
        self.github.fails = "upload"
        self.assertRaisesRegex(ValueError, "upload: 502", uploads.draft, TAG, self.folder)
        self.assertEqual(list(self.github.assets), ["SHA256SUMS"])
        self.github.fails = None
        uploads.draft(TAG, self.folder)
        self.assertEqual(len(self.github.assets), FILES)

    def test_a_draft_without_hashes_gets_them(self):
        self.github.state = "draft"
        uploads.draft(TAG, self.folder)
        self.assertEqual(len(self.github.assets), FILES)

    def test_a_run_with_other_files_stops(self):
        uploads.draft(TAG, self.folder)
        self.crate().write_bytes(b"built anew")
        uploads.collect(self.folder)
        self.assertRaisesRegex(ValueError, "other files", uploads.draft, TAG, self.folder)

    def test_a_published_release_is_not_changed(self):
        uploads.draft(TAG, self.folder)
        uploads.publish(TAG)
        self.github.fails = "upload"
        uploads.draft(TAG, self.folder)
        self.github.fails = "edit"
        uploads.publish(TAG)

    def test_a_failed_question_is_not_taken_for_no_release(self):
        self.github.fails = "view"
        self.assertRaisesRegex(ValueError, "502", uploads.draft, TAG, self.folder)


class Crates(Files):
    def setUp(self):
        super().setUp()
        self.registry, self.made, self.uploaded = {}, {}, []
        for name in ("safemap", "safemap-memmap2"):
            self.made[name] = self.crate(name)
        for name in ("package", "checksum", "published", "cargo"):
            patch = mock.patch.object(registry, name, getattr(self, name))
            patch.start()
            self.addCleanup(patch.stop)

    def package(self, names):
        return {name: self.made[name] for name in names}

    def published(self):
        return list(self.made)

    def checksum(self, name, requirement):
        return self.registry.get((name, requirement))

    def cargo(self, *words):
        self.uploaded.append(words)

    def put(self, name, content):
        """Puts a crate into the registry."""
        self.registry[name, "*"] = "older"
        self.registry[name, "=" + VERSION] = content

    def outputs(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "output"
            with mock.patch.dict("os.environ", GITHUB_OUTPUT=str(path)):
                with contextlib.redirect_stdout(None):
                    uploads.crates(self.folder)
            return path.read_text().splitlines()

    def test_a_first_release_uploads_all_with_a_token(self):
        self.assertEqual(self.outputs(), ["crates=safemap safemap-memmap2", "new=yes"])
        uploads.upload_crates(self.folder)
        words = ("--package", "safemap", "--package", "safemap-memmap2")
        self.assertEqual(self.uploaded, [("publish", "--locked", "--no-verify", *words)])

    def test_a_run_that_failed_between_two_crates_uploads_the_second(self):
        self.put("safemap", uploads.digest(self.crate()))
        self.registry["safemap-memmap2", "*"] = "older"
        self.assertEqual(self.outputs(), ["crates=safemap-memmap2", "new=no"])

    def test_a_run_after_all_uploads_uploads_nothing(self):
        for name in self.made:
            self.put(name, uploads.digest(self.crate(name)))
        self.assertEqual(self.outputs(), ["crates=", "new=no"])
        uploads.upload_crates(self.folder)
        self.assertEqual(self.uploaded, [])

    def test_a_yanked_version_stops_the_release(self):
        self.put("safemap", registry.YANKED)
        self.assertRaisesRegex(ValueError, "is yanked", uploads.crates, self.folder)

    def test_a_crate_whose_versions_are_yanked_is_not_new(self):
        self.registry["safemap", "*"] = self.registry["safemap-memmap2", "*"] = registry.YANKED
        self.assertEqual(self.outputs()[1], "new=no")

    def test_another_file_in_the_registry_stops_the_release(self):
        self.put("safemap-memmap2", "another hash")
        self.assertRaisesRegex(ValueError, "registry has", uploads.crates, self.folder)

    def test_a_crate_that_was_not_tested_stops_the_release(self):
        with tempfile.TemporaryDirectory() as folder:
            self.made["safemap"] = Path(folder) / self.crate().name
            self.made["safemap"].write_bytes(b"made anew")
            self.assertRaisesRegex(ValueError, "differs", uploads.crates, self.folder)


class Question(unittest.TestCase):
    """What cargo answers about a crate in the registry."""

    def ask(self, status, text, lock=None):
        def call(command, cwd):
            if lock:
                (cwd / "Cargo.lock").write_text(lock)
            return Ended(status, text)

        with mock.patch.object(registry, "call", call):
            return registry.checksum("safemap", "=0.1.0")

    def test_the_hash_is_in_the_lock_file(self):
        lock = '[[package]]\nname = "{}"\nversion = "0.1.0"\nchecksum = "{}"\n'
        text = lock.format("libc", "1") + lock.format("safemap", "2")
        self.assertEqual(self.ask(0, "", text), "2")

    def test_an_absent_crate_and_an_absent_version_have_none(self):
        for text in (
            "error: no matching package named `safemap` found",
            'error: failed to select a version for the requirement `safemap = "=0.1.0"`',
        ):
            self.assertIsNone(self.ask(101, text))

    def test_a_yanked_version_is_not_absent(self):
        text = 'error: failed to select a version for the requirement `safemap = "=0.1.0"`\n'
        self.assertEqual(self.ask(101, text + "  version 0.1.0 is yanked"), registry.YANKED)

    def test_an_error_is_not_taken_for_an_absent_crate(self):
        for text in (
            "error: download of config.json failed",
            "error: no matching package named `libc` found",
        ):
            self.assertRaises(ValueError, self.ask, 101, text)


class Workspace(unittest.TestCase):
    def test_a_dependency_is_uploaded_before_what_needs_it(self):
        self.assertEqual(registry.published(), ["safemap", "safemap-memmap2"])


if __name__ == "__main__":
    unittest.main()
