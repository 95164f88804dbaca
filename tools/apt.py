"""Downloads Debian's packages for any processor into private folders.

Apt gets them from this machine's mirrors, and verifies them with Debian's keys. Nothing is
installed, so this does not take root.
"""

import shutil

from tools.steps import call

KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
NEEDS = {"apt-get": "apt", "dpkg-deb": "dpkg", KEYS: "debian-archive-keyring"}
FORMAT = f"deb [signed-by={KEYS}] $(SITE) $(RELEASE) $(COMPONENT)"


class Apt:
    """Apt with a folder for its files, where it knows the packages of one architecture only.

    `sources` are lines of `sources.list`.
    """

    def __init__(self, folder, architecture, sources):
        self.folder, self.architecture, self.sources = folder, architecture, sources

    def update(self):
        """Makes the folder anew, and downloads the lists of packages."""
        self.remove()
        for name in ("lists/partial", "archives/partial"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "status").touch()
        (self.folder / "sources.list").write_text("".join(it + "\n" for it in self.sources))
        self.call("apt-get", "update")

    def call(self, *command):
        """Calls a program of apt with that folder."""
        settings = {
            "APT::Architecture": self.architecture,
            "APT::Architectures": self.architecture,
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": 1,
            "Acquire::http::Timeout": 30,
            "Acquire::https::Timeout": 30,
            "Dir::Cache": self.folder,
            "Dir::Etc::SourceList": self.folder / "sources.list",
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::State": self.folder,
            "Dir::State::Status": self.folder / "status",
        }
        words = [f"--option={name}={value}" for name, value in settings.items()]
        return call([*command, *words], cwd=self.folder)

    def download(self, package, version=None):
        """Downloads a package; returns its path, or None.

        A mirror may list packages that it does not have yet, or no longer has.
        """
        chosen = f"{package}={version}" if version else package
        if not self.call("apt-get", "download", chosen).ok:
            return None
        return next(self.folder.glob(package + "_*.deb"), None)

    def remove(self):
        """Removes the folder with all that was downloaded."""
        shutil.rmtree(str(self.folder), ignore_errors=True)


def sources():
    """This machine's sources of Debian's packages, as lines of `sources.list`."""
    labels = ("Label: Debian", "Label: Debian-Security")
    listed = [call(["apt-get", "indextargets", "--format", FORMAT, it]) for it in labels]
    return sorted({line for it in listed if it.ok for line in it.text.splitlines()})
