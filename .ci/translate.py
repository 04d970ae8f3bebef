"""Print the CloudFormation template that AWS makes of a SAM template. Offline; no account is asked.

`sam validate --lint` looks at the SAM source, where a wrong !Ref in a function's environment, an unknown runtime or an attribute that
no resource has go unnoticed. In the translated template cfn-lint finds them.
"""

import json
import os
import sys

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")  # the translator asks for the partition of the region

from samcli.yamlhelper import yaml_parse  # noqa: E402
from samtranslator.model.exceptions import InvalidDocumentException  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402


class NoManagedPolicies:
    """Stands for IAM's list of managed policies, which takes an account to load; the template names none by its short name."""

    def load(self):
        return {}


def main(path):
    with open(path, encoding="utf-8") as file:
        template = yaml_parse(file.read())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # The translator takes only what `sam package` would have uploaded.
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    try:
        print(json.dumps(transform(template, {}, NoManagedPolicies()), indent=1))
    except InvalidDocumentException as invalid:
        sys.exit("\n".join(f"{path}: {cause.message}" for cause in invalid.causes))


if __name__ == "__main__":
    main(sys.argv[1])
