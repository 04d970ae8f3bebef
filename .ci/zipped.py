"""Write a zip with an executable named `bootstrap`. Only its bytes count: no time, no owner, no name of a folder."""

import pathlib
import sys
import zipfile


def main(executable, archive):
    entry = zipfile.ZipInfo("bootstrap", date_time=(1980, 1, 1, 0, 0, 0))  # the first that a zip can have
    entry.create_system, entry.external_attr, entry.compress_type = 3, 0o100755 << 16, zipfile.ZIP_DEFLATED  # Unix: Lambda must be able to start it
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(entry, pathlib.Path(executable).read_bytes(), compresslevel=9)


if __name__ == "__main__":
    main(*sys.argv[1:])
