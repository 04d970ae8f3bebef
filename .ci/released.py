#!/usr/bin/env python3
"""Write the template of a release: template.yaml, with zips in place of sources.

    .ci/released.py ARCHITECTURE FILE      writes it
    .ci/released.py --check                is it template.yaml but for that, for both architectures?
    .ci/released.py --notes [TAG]          what CHANGELOG.md says of this version, if the tag is its own and its items are recorded

Comments stay, so it is made of the text. What became of it is read again and compared, part by part.
"""

import json
import os
import pathlib
import re
import sys
import tomllib

from samcli.yamlhelper import yaml_parse

from functions import ROOT, said

ARCHITECTURES = ("arm64", "x86_64")
SHORT_LIVED = {"call"}  # items that are gone before a deployment ends: a call in the phone menu
METADATA = "AWS::ServerlessRepo::Application"


def version():
    return tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]["package"]["version"]


def application():
    """What the Serverless Application Repository shows. https://docs.aws.amazon.com/serverlessrepo/latest/devguide/serverless-app-publishing-applications.html"""
    described = {
        "Name": "switchboard",
        "Description": "Auth0, Okta and other identity providers with Twilio, Mailgun, Plivo, Clickatell, Vonage and AWS: verification by SMS, one-time codes, company numbers, a phone menu.",
        "Author": "Switchboard contributors",
        "SpdxLicenseId": "MIT",
        "LicenseUrl": "LICENSE-MIT",
        "ReadmeUrl": "README.md",
        "Labels": ["auth0", "okta", "twilio", "sms", "rust"],
        "SemanticVersion": version(),
    }
    if "GITHUB_REPOSITORY" in os.environ:
        home = f"{os.environ['GITHUB_SERVER_URL']}/{os.environ['GITHUB_REPOSITORY']}"
        described |= {"HomePageUrl": home, "SourceCodeUrl": f"{home}/tree/v{version()}"}
    return described


def written(architecture):
    """The text of the released template."""
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    shown = "".join(f"    {name}: {'[' + ', '.join(value) + ']' if isinstance(value, list) else chr(34) + value + chr(34)}\n" for name, value in application().items())
    text = re.sub(r"^Metadata:\n", lambda found: f"{found[0]}  {METADATA}:\n{shown}", text, count=1, flags=re.MULTILINE)
    text = re.sub(r"^    Metadata: \{ BuildMethod: rust-cargolambda \}\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^(      CodeUri: )functions/(\S+)$", rf"\1\2-{architecture}.zip", text, flags=re.MULTILINE)
    parameter = f"  Architecture:\n    Type: String\n    Default: {architecture}\n    AllowedValues: [{architecture}]\n    Description: Processor of the executables in the zips beside this file\n"
    return re.sub(r"^  Architecture:\n(?:    .*\n)+", parameter, text, count=1, flags=re.MULTILINE)


def differences(architecture, text):
    """What the released template has that it should not have, or lacks."""
    source, released = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8")), yaml_parse(text)
    source["Metadata"][METADATA] = application()
    source["Parameters"]["Architecture"] |= {
        "Default": architecture,
        "AllowedValues": [architecture],
        "Description": "Processor of the executables in the zips beside this file",
    }
    for logical_id, function in said().items():
        del source["Resources"][logical_id]["Metadata"]
        source["Resources"][logical_id]["Properties"]["CodeUri"] = f"{function['name']}-{architecture}.zip"
    for part in source.keys() | released.keys():
        left, right = source.get(part), released.get(part)
        if left != right and isinstance(left, dict) and isinstance(right, dict):
            yield from (f"{part}: {name}" for name in left.keys() | right.keys() if left.get(name) != right.get(name))
        elif left != right:
            yield part
    if "functions/" in "".join(line for line in text.splitlines() if "CodeUri" in line):
        yield "a CodeUri that needs the sources"


def make(architecture):
    text = written(architecture)
    if wrong := sorted(differences(architecture, text)):
        sys.exit("the released template is not template.yaml with zips: " + ", ".join(wrong))
    return text


def notes(tag):
    if tag != f"v{version()}":
        sys.exit(f"the tag is {tag}, and Cargo.toml has version {version()}")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(version())} - \d{{4}}-\d\d-\d\d\n+(.*?)(?=^## |\Z)", changelog, flags=re.MULTILINE | re.DOTALL)
    if not found:
        sys.exit(f"CHANGELOG.md has no heading `## {version()} - YYYY-MM-DD`")
    return found[1].strip()


def unrecorded():
    """The kinds of items that the functions have, and that no flow of this version has recorded for the tests of upgrades."""
    folder = ROOT / "sandbox/tests/it/upgrades" / version().rpartition(".")[0]
    recorded = {item["pk"]["S"].split("#")[0] for file in folder.glob("*.json") for item in json.loads(file.read_text(encoding="utf-8"))["items"]}
    tables = [function.get(table, {}) for function in said().values() for table in ("items", "common-items")]
    return {prefix.split("#")[0] for table in tables for prefix in table} - recorded - SHORT_LIVED


def main(arguments):
    match arguments:
        case ["--check"]:
            for architecture in ARCHITECTURES:
                make(architecture)
            if not notes(f"v{version()}"):
                sys.exit(f"CHANGELOG.md says nothing of {version()}")
            print(f"the released templates have the zips of {len(said())} functions, and else what template.yaml has")
        case ["--notes", *tag] if len(tag) < 2:
            if missing := unrecorded():
                sys.exit(f"no recorded items of {', '.join(sorted(missing))}: docs/release.md says how to record them")
            print(notes(*(tag or [f"v{version()}"])))
        case [architecture, file] if architecture in ARCHITECTURES:
            pathlib.Path(file).write_text(make(architecture), encoding="utf-8")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
