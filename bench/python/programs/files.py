"""Opens many small files, and looks for something in each."""

import os

from chosen import module, path


def main():
    found = 0
    for name in os.listdir(path):
        with open(os.path.join(path, name), "rb") as file, module.mmap(file.fileno(), 0, access=module.ACCESS_READ) as m:
            found += m.find(b"missed and") >= 0
    print(found)


main()
