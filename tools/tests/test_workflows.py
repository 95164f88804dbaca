"""Tests of the workflows: pinned actions, and no upload before everything is built and tested.

zizmor and actionlint check more, where they are installed.
"""

import re
import unittest

from tools.steps import ROOT

FOLDER = ROOT / ".github" / "workflows"
USES = re.compile(r"uses: (\S+)(?: # (\S+))?")
PINNED = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40}")
JOB = re.compile(r"^  (\w[\w-]*):\n((?:    .*\n|\n)+)", re.M)
NEEDS = re.compile(r"^    needs: (.*)$", re.M)


def jobs(name):
    """The text of each job of a workflow."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    return dict(JOB.findall(text[text.index("\njobs:\n") :]))


class Workflows(unittest.TestCase):
    def test_actions_are_pinned_to_one_commit_with_the_version_beside_it(self):
        pins = {}
        for path in FOLDER.glob("*.yml"):
            for action, version in USES.findall(path.read_text(encoding="utf-8")):
                if not action.startswith("./"):
                    self.assertRegex(action, PINNED)
                    self.assertRegex(version, r"^v\d+\.\d+\.\d+$")
                    pins.setdefault(action.partition("@")[0], set()).add((action, version))
        self.assertIn("actions/checkout", pins)
        self.assertEqual([it for it in pins.values() if len(it) > 1], [])

    def test_no_checkout_keeps_its_token(self):
        for path in FOLDER.glob("*.yml"):
            text = path.read_text(encoding="utf-8")
            count = text.count("uses: actions/checkout@")
            self.assertEqual(text.count("persist-credentials: false"), count, path.name)

    def test_the_upload_job_alone_can_identify_itself(self):
        for path in FOLDER.glob("*.yml"):
            able = [it for it, text in jobs(path.name).items() if "id-token: write" in text]
            self.assertEqual(able, ["publish"] * (path.name == "release.yml"))
        self.assertIn("    environment: pypi\n", jobs("release.yml")["publish"])

    def test_all_other_jobs_end_before_the_upload(self):
        found = jobs("release.yml")
        needs = {it: set() for it in found}
        for name, text in found.items():
            for names in NEEDS.findall(text):
                needs[name] |= set(re.findall(r"[\w-]+", names))
        before, left = set(), ["publish"]
        while left:
            more = needs[left.pop()]
            left += more - before
            before |= more
        self.assertEqual(set(found) - before, {"publish", "release", "rehearsal"})

    def test_a_pull_request_uploads_nothing(self):
        found = jobs("release.yml")
        self.assertIn("    if: github.ref_type == 'tag'\n", found["draft"])
        self.assertEqual(NEEDS.findall(found["publish"]), ["draft"])
        self.assertEqual(NEEDS.findall(found["release"]), ["publish"])


if __name__ == "__main__":
    unittest.main()
