"""Adds files to a zip archive on a growing map, and prints the sizes of all its members.

    python archive.py ARCHIVE [FILE ...]

The archive may be truncated by another process at any time: the program then ends with a FaultError
instead of SIGBUS.
"""

import os
import sys
import zipfile

import safemap


def main(path: str, *files: str) -> None:
    """Appends `files`, and lists what the archive contains."""
    mode = "r+" if os.path.exists(path) else "x+"
    with safemap.open(path, mode) as m, zipfile.ZipFile(m, "a") as archive:
        for file in files:
            with safemap.open(file) as source, archive.open(os.path.basename(file), "w") as member:
                for start in range(0, len(source), 1 << 20):
                    member.write(source[start : start + (1 << 20)])
    with safemap.open(path) as m, zipfile.ZipFile(m) as archive:
        for info in archive.infolist():
            print(info.file_size, info.filename)
        bad = archive.testzip()
        print("damaged: " + bad if bad else "all checksums match")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
