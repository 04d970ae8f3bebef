"""Write a software bill of materials for each executable of a release: what Cargo links into it, and nothing else.

`cargo tree` resolves features for one package and one target as `cargo build --package` does. So the list has no crate of another function,
of a test or of a build script. Checksums are those of Cargo.lock. The same sources give the same file.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tomllib
import uuid

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from functions import ROOT, said

TARGETS = {"arm64": "aarch64-unknown-linux-gnu", "x86_64": "x86_64-unknown-linux-gnu"}
OPERATOR = "operator"
LINE = re.compile(r"(\d+)(\S+) v(\S+)( \([^)]*\))?\|([^|]*)\|([^|]*?)( \(\*\))?$")


def checksums():
    """The SHA-256 of each crate, by name and version. Those of this workspace have none."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))
    return {(package["name"], package["version"]): package.get("checksum") for package in lock["package"]}


def tree(package, target):
    """The crates that are linked: (name, version, licence, features), and for each (name, version) those that it uses."""
    arguments = ["cargo", "tree", "--locked", "--package", package, "--target", target, "--edges", "normal,no-proc-macro", "--prefix", "depth", "--format", "{p}|{l}|{f}"]
    text = subprocess.run(arguments, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    crates, uses, path = {}, {}, []
    for line in text.splitlines():
        found = LINE.fullmatch(line)
        if not found:
            sys.exit(f"cargo tree prints an unknown line: {line}")
        depth, name, version, _, licence, features, _ = found.groups()
        crate = (name, version)
        crates.setdefault(crate, (licence, features))
        uses.setdefault(crate, set())
        del path[int(depth) :]
        if path:
            uses[path[-1]].add(crate)
        path.append(crate)
    return crates, uses


def compiler():
    said_by_it = subprocess.run(["rustc", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return said_by_it.split()[1]


def bill(package, architecture, sums):
    crates, uses = tree(package, TARGETS[architecture])
    std = ("std", compiler())

    def reference(crate):
        name, version = crate
        if crate == std:
            return f"rust-{name}@{version}"
        # A crate of this workspace is not the one of that name on crates.io.
        return f"pkg:cargo/{name}@{version}" if sums[crate] else f"switchboard-{name}@{version}"

    def component(crate, kind="library"):
        name, version = crate
        licence, features = crates[crate]
        described = {"type": kind, "bom-ref": reference(crate), "name": name, "version": version}
        if sums[crate]:
            described |= {"hashes": [{"alg": "SHA-256", "content": sums[crate]}], "purl": reference(crate)}
        described["licenses"] = [{"expression": licence.replace("/", " OR ")}]
        if features:
            described["properties"] = [{"name": "cargo:features", "value": features}]
        return described

    (root, *others) = crates
    standard_library = {"type": "library", "bom-ref": reference(std), "name": "std", "version": std[1], "description": "Rust's standard library", "licenses": [{"expression": "MIT OR Apache-2.0"}]}
    made = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": component(root, "application"),
            "properties": [{"name": "cargo:target", "value": TARGETS[architecture]}],
        },
        "components": [*(component(crate) for crate in sorted(others)), standard_library],
        "dependencies": [
            *({"ref": reference(crate), "dependsOn": sorted(map(reference, used | {std}))} for crate, used in sorted(uses.items())),
            {"ref": reference(std), "dependsOn": []},
        ],
    }
    made["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(made, sort_keys=True))}"
    return made


def faults(made):
    """What is wrong with a bill: against CycloneDX's schema, and against what every executable here links."""
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(made))
    if wrong:
        yield str(wrong)
    names = {component["name"] for component in made["components"]}
    if missing := {"shared", "rustls", "ring", "std"} - names:
        yield f"lacks {', '.join(sorted(missing))}, which every executable links"
    if foreign := {"sandbox", "dynoxide-rs", "proptest"} & names:
        yield f"names {', '.join(sorted(foreign))}, which are for tests only"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("architectures", nargs="*", metavar="ARCHITECTURE", default=[])
    arguments = parser.parse_args()
    if unknown := set(arguments.architectures) - TARGETS.keys():
        parser.error(f"{', '.join(sorted(unknown))}: an architecture of Lambda is arm64 or x86_64")
    sums, wrong = checksums(), []
    packages = [OPERATOR, *(function["name"] for function in said().values())]
    for architecture in arguments.architectures or TARGETS:
        for package in packages:
            made = bill(package, architecture, sums)
            wrong += [f"{package} for {architecture}: {fault}" for fault in faults(made)]
            print(f"{package} for {architecture}: {len(made['components'])} components")
            if arguments.out:
                arguments.out.mkdir(parents=True, exist_ok=True)
                file = arguments.out / f"{package}-{architecture}.cdx.json"
                file.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
