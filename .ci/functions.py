"""What each function's Cargo.toml says of it to the checks of this folder, by the logical id in template.yaml:

    [package.metadata.function]
    integration = "phone menu"                            # stacks.py: the stacks that have it
    budget = { bootstrap = 3_920_000, zip = 1_920_000 }   # sizes.py: the most bytes on x86_64; `.ci/build-check --write` writes it

    [package.metadata.function.items]                     # policy.py: what it needs of its own items, as the template must allow it
    "rate#pin" = ["change"]

    [package.metadata.function.common-items]              # of items that other functions have on purpose, too
    pending = ["change", "delete"]
"""

import pathlib

import tomlkit  # comes with aws-sam-cli

ROOT = pathlib.Path(__file__).resolve().parent.parent


def logical_id(name):
    return "".join(word.capitalize() for word in name.split("-"))


def manifest(name):
    return ROOT / "functions" / name / "Cargo.toml"


def said():
    """The tables [package.metadata.function], each with the function's name."""
    functions = {}
    for path in sorted((ROOT / "functions").glob("*/Cargo.toml")):
        name = path.parent.name
        package = tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()["package"]
        functions[logical_id(name)] = package.get("metadata", {}).get("function", {}) | {"name": name}
    return functions
