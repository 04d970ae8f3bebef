#!/usr/bin/env python3
"""Are the executables within their budgets?

    .ci/sizes.py [FUNCTION BOOTSTRAP]...

`sizes.json` has, for each function, the most bytes that its executable and the zip file with it may have on x86_64. Who makes one
larger on purpose raises the number in the same change, and says why.
"""

import json
import platform
import sys
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ZIP_FRAME = 2 * len("bootstrap") + 30 + 46 + 22  # around one compressed file


def zipped(content):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return len(packer.compress(content) + packer.flush()) + ZIP_FRAME


def main():
    budgets = json.loads((ROOT / ".ci/sizes.json").read_text())
    functions = {folder.name for folder in (ROOT / "functions").iterdir() if folder.is_dir()}
    wrong = [f".ci/sizes.json: {name} is missing or not a function" for name in sorted(functions ^ budgets.keys())]
    compared = platform.machine() == "x86_64"
    if not compared:
        print("budgets are for x86_64: nothing is compared here")
    for name, path in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        if name not in budgets:
            wrong.append(f"{name} has no budget")
            continue
        content = Path(path).read_bytes()
        for what, size in (("bootstrap", len(content)), ("zip", zipped(content))):
            budget = budgets[name][what]
            print(f"{name}: {what} {size / 1e6:.2f} of {budget / 1e6:.2f} MB")
            if compared and size > budget:
                wrong.append(f"{name}: {what} has {size} bytes, {size - budget} more than .ci/sizes.json allows")
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return bool(wrong)


sys.exit(main())
