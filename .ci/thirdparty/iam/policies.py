"""Print what each function's role allows in a stack that has everything, as JSON: plain policies with ARNs, from the translated template.

    policies.py TRANSLATED

The account is the sandbox's, as events/env.json has it. So an ARN in a recorded call is the one in the policy.
"""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
sys.path.insert(0, str(ROOT / ".ci"))

from functions import said  # noqa: E402
from stacks import ALL, COGNITO, KEEPING, Stack  # noqa: E402

REGION, ACCOUNT = "eu-west-1", "000000000000"
POOL = f"arn:aws:sms-voice:{REGION}:{ACCOUNT}:pool/pool-5a6dbc0100004000800000000c06e000"  # the sandbox's, POOL_ARN


class Account(Stack):
    """A stack whose resources are named by ARNs."""

    def reference(self, name):
        resource = self.template["Resources"].get(name)
        if resource is None or name not in self.resources:
            return {"AWS::StackName": "switchboard", "AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::Partition": "aws"}.get(name) or super().reference(name)
        properties = resource["Properties"]
        match resource["Type"]:
            case "AWS::DynamoDB::Table":
                return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/switchboard-sandbox"
            case "AWS::SecretsManager::Secret":
                return f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{self.value(properties['Name'])}-AbCdEf"
            case "AWS::Logs::LogGroup":
                return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*"
            case "AWS::SQS::Queue":
                return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        return super().reference(name)

    def value(self, part):
        if isinstance(part, dict) and list(part) == ["Fn::Split"]:
            separator, text = part["Fn::Split"]
            return self.value(text).split(separator)
        return super().value(part)


def main(path):
    with open(path, encoding="utf-8") as file:
        template = json.load(file)
    environment = json.loads((ROOT / "events/env.json").read_text(encoding="utf-8"))["SmsGateway"]
    of_sandbox = {
        "CognitoPools": environment["COGNITO_POOLS"],
        "CognitoKeyArn": environment["COGNITO_KEY_ARN"],
        "FailoverKeyArn": environment["FAILOVER_KEY_ARN"],
        "AwsSmsIdentityArn": POOL,
        "AwsVoiceIdentityArn": POOL,
        "RecipientTags": "true",
        "FallbackChannel": "voice",
        "VoiceProviders": "aws,twilio",
        "SmsRoutes": "*=aws,twilio,plivo,clickatell,vonage",
    }
    account = Account(template, ALL | COGNITO | KEEPING | of_sandbox)
    if refusals := list(account.refusals()):
        sys.exit("\n".join(refusals))
    functions = {}
    for logical_id, function in said().items():
        role = template["Resources"][f"{logical_id}Role"]["Properties"]
        functions[function["name"]] = [policy["PolicyDocument"] for policy in account.value(role["Policies"])]
    secrets = account.of_type("AWS::SecretsManager::Secret")
    print(
        json.dumps(
            {
                "account": ACCOUNT,
                "functions": functions,
                "secrets": {account.value(properties["Name"]): account.reference(name) for name, properties in secrets.items()},
                "sender": POOL,
                "table": account.reference("Table"),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main(sys.argv[1])
