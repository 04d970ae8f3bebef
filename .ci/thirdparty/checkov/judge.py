"""Compare checkov's findings with the exceptions, both ways."""

import fnmatch
import json
import sys


def main(findings_file, exceptions_file):
    with open(findings_file, encoding="utf-8") as file:
        report = json.load(file)
    summary = report["summary"]
    wrong, needed, exceptions = [], set(), []
    with open(exceptions_file, encoding="utf-8") as file:
        for line in file:
            rule, _, reason = line.partition(" # ")
            if line.startswith("#"):
                continue
            exceptions.append(tuple(rule.split()))
            if not reason.strip():
                wrong.append(f"exceptions.txt: no reason: {line.strip()}")
    for finding in report["results"]["failed_checks"]:
        fitting = [(check, resource) for check, resource in exceptions if check == finding["check_id"] and fnmatch.fnmatchcase(finding["resource"], resource)]
        needed.update(fitting)
        if not fitting:
            wrong.append(f"{finding['resource']}: {finding['check_id']}: {finding['check_name']}")
    wrong += [f"exceptions.txt: nothing needs {' '.join(exception)}" for exception in exceptions if exception not in needed]
    if summary["parsing_errors"] or not summary["passed"]:
        wrong.append(f"checkov did not read the template: {summary}")
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"checkov {summary['checkov_version']}: {summary['passed']} checks passed; {len(exceptions)} exceptions cover {summary['failed']} findings")


if __name__ == "__main__":
    main(*sys.argv[1:])
