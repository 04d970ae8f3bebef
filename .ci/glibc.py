"""Which C library does a built function need? Amazon Linux 2023 has 2.34: with a newer symbol the function would not even start.

https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html
"""

import os
import sys

from elftools.elf.elffile import ELFFile

AMAZON_LINUX_2023 = (2, 34)


def needed(path):
    """The versions of GLIBC symbols that the dynamic loader will look for."""
    with open(path, "rb") as file:
        section = ELFFile(file).get_section_by_name(".gnu.version_r")
        names = [version.name for _, versions in section.iter_versions() for version in versions]
    return {tuple(map(int, name.removeprefix("GLIBC_").split("."))) for name in names if name.startswith("GLIBC_")}


def main(path):
    newest = max(needed(path))
    version = ".".join(map(str, newest))
    if newest > AMAZON_LINUX_2023:
        sys.exit(f"{path} needs GLIBC_{version}, which Amazon Linux 2023 does not have")
    print(f"bootstrap: {os.path.getsize(path) / 1e6:.1f} MB, needs no symbol newer than GLIBC_{version}")


if __name__ == "__main__":
    main(sys.argv[1])
