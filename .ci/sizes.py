#!/usr/bin/env python3
"""Are the executables within their budgets?

    .ci/sizes.py [--write] [FUNCTION BOOTSTRAP]...
    .ci/sizes.py --sample

A function's Cargo.toml has the most bytes that its executable and the zip file with it may have on x86_64. Who makes one larger on
purpose writes the new size in the same change, and says why. `--write` does it. `--sample` names the smallest, the middle and the
largest function.
"""

import platform
import re
import sys
import zlib
from pathlib import Path

from functions import manifest, said

ZIP_FRAME = 2 * len("bootstrap") + 30 + 46 + 22  # around one compressed file
HEADROOM = 1.02  # another compiler, another patch of a dependency
STEP = 10_000


def zipped(content):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return len(packer.compress(content) + packer.flush()) + ZIP_FRAME


def write(name, sizes):
    budget = ", ".join(f"{what} = {-int(-size * HEADROOM // STEP) * STEP:_}" for what, size in sizes.items())
    path = manifest(name)
    text = re.sub(r"^budget = .*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    table = "[package.metadata.function]\n"
    if table not in text:
        sys.exit(f"functions/{name}/Cargo.toml has no {table.strip()}: .ci/functions.py shows one")
    # Behind the integration, as .ci/functions.py shows it.
    text = re.sub(r"(\[package\.metadata\.function\]\n(?:integration = .*\n)?)", rf"\1budget = {{ {budget} }}\n", text)
    path.write_text(text, encoding="utf-8")
    print(f"functions/{name}/Cargo.toml: budget = {{ {budget} }}")


def main(arguments):
    functions = {function["name"]: (logical_id, function.get("budget")) for logical_id, function in said().items()}
    if arguments == ["--sample"]:
        sizes = sorted((budget["bootstrap"], logical_id) for logical_id, budget in functions.values() if budget)
        print(*dict.fromkeys(sizes[at][1] for at in (0, len(sizes) // 2, -1)))
        return False
    writes = arguments[:1] == ["--write"]
    compared = platform.machine() == "x86_64"
    if not compared:
        if writes:
            sys.exit("budgets are for x86_64, and this machine is none")
        print("budgets are for x86_64: nothing is compared here")
    wrong = []
    given = arguments[writes:]
    for name, path in zip(given[::2], given[1::2], strict=True):
        content = Path(path).read_bytes()
        sizes = {"bootstrap": len(content), "zip": zipped(content)}
        budget = functions[name][1]
        if writes:
            write(name, sizes)
        elif budget:
            for what, size in sizes.items():
                print(f"{name}: {what} {size / 1e6:.2f} of {budget[what] / 1e6:.2f} MB")
                if compared and size > budget[what]:
                    wrong.append(f"{name}: {what} has {size} bytes, {size - budget[what]} more than functions/{name}/Cargo.toml allows")
    if not writes:
        for name, (logical_id, budget) in functions.items():
            if not budget:
                wrong.append(f"functions/{name}/Cargo.toml has no budget: .ci/build-check --write {logical_id} writes it")
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
