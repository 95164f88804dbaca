"""Makes a release: all steps up to the tag, which starts the upload.

Everything is done in a copy of the repository first, which is a clone of the last commit. So a
rehearsal, or a release that cannot be built, changes nothing in the working tree.
"""

import datetime
import hashlib
import re
import shutil
import sys

from tools import generated, versions, wheels
from tools.steps import ROOT, TARGET, Counts, call, flag

HOME = TARGET / "rehearsal"
COPY, BUILT = HOME / "copy", HOME / "target"
AUTHOR = ["-c", "user.name=rehearsal", "-c", "user.email=rehearsal@safemap.invalid"]
# All packages take longer than another step.
TIMEOUT = 4 * 3600
# A row of the table of packages.
ROW = re.compile(r"\|")
NEXT = """
The working tree has version {0}. What is left:
    git commit --all --message "release: make version {0}"
    git tag --sign v{0}
    git push --atomic origin HEAD v{0}
The workflow `release` then builds, tests and uploads."""


def options(parser):
    """Adds the options of the tool `release`."""
    parser.add_argument("version", help="the new version: `0.2.0`")
    flag(parser, "--dry-run", "rehearse in a copy, and change nothing")
    wheels.named(parser)


def run(steps, options):
    """Rehearses a release, then changes the working tree unless that is all."""
    version, is_dry = options.version, options.dry_run
    if not is_ready(steps, version, is_dry):
        return
    # The first pull request after a release has no changes to name.
    default = "- A rehearsal.\n" if is_dry else ""
    if not (copy(steps) and change(steps, COPY, version, default) and build(steps, options.names)):
        return
    report(version)
    # The build has taken long.
    if not is_dry and is_ready(steps, version, is_dry) and change(steps, ROOT, version):
        print(NEXT.format(version))


def is_ready(steps, version, is_dry):
    """Whether a release can begin. A rehearsal needs no address, and says so."""
    problem = versions.problem(versions.current(ROOT), version) or tagged(version)
    if problem:
        steps.fail("version", problem)
    missing = [("address", it) for it in placeholders()] + [("changes", it) for it in changed()]
    for name, why in missing:
        (steps.skip if is_dry else steps.fail)(name, why)
    return not problem and (is_dry or not missing)


def tagged(version):
    """Why a version cannot have its tag; None if it can."""
    here = call(["git", "tag", "--list", "v" + version]).text
    there = call(["git", "ls-remote", "--tags", "origin", "v" + version])
    return f"the tag v{version} exists" if here or there.ok and there.text else None


def placeholders():
    """Yields a sentence for each address of the project that is not decided."""
    for address in generated.Project().placeholders():
        yield f"{address} in Cargo.toml is a placeholder"


def changed():
    """Yields a sentence if the working tree differs from the last commit."""
    if call(["git", "status", "--porcelain"]).text:
        yield "those that are not committed are not part of the release"


def copy(steps):
    """Clones the last commit; returns whether it could."""
    for folder in (COPY, BUILT / "wheels"):
        shutil.rmtree(str(folder), ignore_errors=True)
    HOME.mkdir(parents=True, exist_ok=True)
    return steps.run("clone", ["git", "clone", "--quiet", "--no-tags", ROOT, COPY]).ok


def change(steps, root, version, default=""):
    """Writes a version into a repository; returns whether all its files agree then."""
    try:
        versions.write(root, version)
        versions.close(root, version, datetime.date.today().isoformat(), default)
    except ValueError as error:
        steps.fail("version", str(error))
        return False
    commands = []
    for lock in sorted(call(["git", "ls-files", "*Cargo.lock"], cwd=root).text.split()):
        folder = (root / lock).parent
        commands.append((lock, ["cargo", "update", "--workspace"], folder))
    # It needs the lock files.
    commands.append(("generated files", [sys.executable, root / "x.py", "generate"], root))
    done = all(steps.run(name, words, cwd=folder).ok for name, words, folder in commands)
    return done and not is_refused(steps, list(versions.findings(root, "v" + version)))


def is_refused(steps, findings):
    """Records what the check of the tag found."""
    steps.record("agreement", Counts(failed=len(findings)), 0, counted=False)
    print("\n".join(findings), end="\n" * bool(findings))
    return bool(findings)


def build(steps, names):
    """Builds and checks all packages in the copy; returns whether it could."""
    commit = ["git", *AUTHOR, "commit", "--quiet", "--all", "--message", "release: rehearse"]
    command = [sys.executable, COPY / "x.py", "package", *names]
    env = {"CARGO_TARGET_DIR": str(BUILT)}
    if not steps.run("commit in the copy", commit, cwd=COPY).ok:
        return False
    ended = steps.run("x.py package", command, env, COPY, timeout=TIMEOUT)
    if ended.ok:
        print("\n" + "\n".join(filter(ROW.match, ended.text.splitlines())), flush=True)
    return ended.ok


def report(version):
    """Prints the files that the workflow would upload, and what the release would say."""
    print(f"\nversion {version} would upload")
    for place, path in uploads():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"{place:<9} {path.stat().st_size:>9} {digest[:16]}  {path.name}")
    print("\n" + versions.notes(versions.read(COPY, versions.CHANGELOG), version))


def uploads():
    """Yields each file that was built, with the place that it goes to."""
    for pattern in ("wheels/*.whl", "packages/source/*.tar.gz"):
        yield from (("PyPI", it) for it in sorted(BUILT.glob(pattern)))
    yield from (("crates.io", it) for it in sorted(BUILT.glob("packages/cargo/package/*.crate")))
