"""Check who may do what in the translated template: each function its own items, secrets and log, and nothing else.

The table below is the one list of what a function needs of the table; the secrets are those that its environment names. More than
that is a finding, and so is less, which would show only when the function fails in AWS.
"""

import json
import re
import sys

READ, CHANGE, DELETE = "dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"

ITEMS = {
    "SendVerificationSms": {"pending": {READ, CHANGE, DELETE}, "seen#mailgun": {CHANGE}, "sent#mail": {READ, CHANGE}, "rate#sms": {CHANGE}, "token#management": {READ, CHANGE}, "score": {CHANGE}},
    "ReceiveConfirmationSms": {"pending": {CHANGE, DELETE}, "seen#twilio-confirmation": {READ, CHANGE}, "seen#confirmed": {READ, CHANGE}, "rate#reply": {READ, CHANGE}},
    "SmsGateway": {"sent#code": {READ, CHANGE}, "road": {CHANGE}, "score": {CHANGE}, "rate#code-provider": {READ, CHANGE}} | {f"rate#{what}": {CHANGE} for what in ("code", "code-range", "code-ip", "code-country", "code-from")},
    "CallForward": {"directory": {READ, CHANGE}, "number": {READ}, "sent#voicemail": {CHANGE}, "seen#call": {CHANGE}, "rate#calls": {CHANGE}, "rate#voicemail": {CHANGE}, "score": {CHANGE}},
    "SmsForward": {"directory": {READ, CHANGE}, "number": {READ}, "thread": {READ, CHANGE}, "seen#twilio-forward": {READ, CHANGE}}
    | {f"rate#{what}": {CHANGE} for what in ("text", "text-pair", "text-reply")},
    "ProvisionNumbers": {"number": {READ, CHANGE}, "seen#okta": {CHANGE}},
    "IvrValidate": {"seen#ivr": {READ, CHANGE}, "call": {READ, CHANGE}, "lock": {READ, CHANGE}, "rate#pin": {CHANGE}, "rate#pin-failures": {READ, CHANGE}, "token#management": {READ, CHANGE}, "token#api": {READ, CHANGE}},
    "ApiCall": {"token#api": {READ, CHANGE}, "seen#studio": {CHANGE}},
    "DeliveryStatus": {"sent#code": {CHANGE}, "sent#mail": {CHANGE}, "sent#voicemail": {CHANGE}, "road": {READ, CHANGE}, "score": {CHANGE}},
    "SecureApi": {"account": {READ}, "phone": {READ}},
}
# Several functions have items of these kinds: a right names the part that is its function's own.
KINDS = {"rate", "seen", "sent", "token"}
# What functions have in common on purpose; any other prefix is one function's.
COMMON = {"pending", "directory", "number", "road", "score", "sent#code", "sent#mail", "sent#voicemail", "token#management", "token#api"}
# Whom Twilio calls: its AuthToken signs webhooks, so who verifies none must not have it.
VERIFIERS = {"ReceiveConfirmationSms", "CallForward", "SmsForward", "IvrValidate", "ApiCall", "DeliveryStatus"}
# Where failed events go; only a function that events start has any.
QUEUES = {"ProvisionNumbers": {"ProvisionFailures"}}


def listed(value):
    return value if isinstance(value, list) else [value]


def ref(value):
    """The logical id that a value refers to, if it is a plain reference, or one that a condition may leave out."""
    if isinstance(value, dict):
        if "Fn::If" in value:
            return ref(value["Fn::If"][1])
        return value.get("Ref") or (value.get("Fn::GetAtt") or [None])[0]
    return None


def rights(role):
    """The statements of a role, with their actions and resources as lists."""
    for policy in role["Properties"].get("Policies", []):
        for statement in listed(policy["PolicyDocument"]["Statement"]):
            yield statement, listed(statement["Action"]), listed(statement.get("Resource", "*"))


def check_role(role):
    """What a role may bring besides its inline statements, and who may take it on."""
    properties = role["Properties"]
    if properties.get("ManagedPolicyArns"):  # that for logs, too: it is for every log group of the account
        yield f"managed policies: {properties['ManagedPolicyArns']}"
    trust = properties["AssumeRolePolicyDocument"]["Statement"]
    if trust != [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]:
        yield f"a role that others than Lambda may take on: {trust}"


def leading_keys(condition):
    """The prefixes that a condition binds a statement to, if it has just the form that every one of them must have."""
    keys = condition.get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys")
    # ForAllValues alone also holds for a request without leading keys, such as a Scan.
    return listed(keys or []) if condition == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}, "Null": {"dynamodb:LeadingKeys": "false"}} else []


def prefix_of(key):
    """`rate#sms` of `rate#sms#*`; None if that is no prefix, or one that other functions have as well."""
    found = re.fullmatch(r"([a-z]+)(#[a-z-]+)?#\*", key)
    return key.removesuffix("#*") if found and (found[1] in KINDS) == bool(found[2]) else None


def check_function(name, function, resources):
    role = resources[ref(function["Properties"]["Role"])]
    yield from check_role(role)
    items, secrets, queues, logs = {}, set(), set(), []
    group = ref(function["Properties"].get("LoggingConfig", {}).get("LogGroup"))
    for statement, actions, targets in rights(role):
        if statement["Effect"] != "Allow" or "NotAction" in statement or "NotResource" in statement:
            yield "a statement other than a plain Allow"
        if any("*" in action for action in actions):
            yield f"a wildcard among its actions: {', '.join(actions)}"
        for target in targets:
            if target == "*" or (isinstance(target, str) and "*" in target):
                yield f"a wildcard as resource of {', '.join(actions)}"
        services = {action.split(":")[0] for action in actions}
        if services == {"dynamodb"}:
            keys = leading_keys(statement.get("Condition", {}))
            if not keys or [ref(target) for target in targets] != ["Table"]:
                yield "rights to items that are not bound to the table and, with Null, to leading keys"
            for key in keys:
                prefix = prefix_of(key)
                if prefix is None:
                    yield f"the leading key {key}, which is not a prefix such as pending#* or, of {', '.join(sorted(KINDS))}, such as rate#sms#*"
                else:
                    items.setdefault(prefix, set()).update(actions)
        elif actions == ["secretsmanager:GetSecretValue"]:
            secrets.update(ref(target) for target in targets)
        elif services == {"logs"}:
            logs.append(sorted(actions))
            if targets != [{"Fn::GetAtt": [group, "Arn"]}]:
                yield f"writes to another log group than its own: {targets}"
        elif actions == ["sqs:SendMessage"]:
            queues.update(ref(target) for target in targets)
        else:
            yield f"rights that no function needs: {', '.join(actions)}"
    if items != ITEMS[name]:
        for prefix in sorted(items.keys() | ITEMS[name].keys()):
            has, needs = items.get(prefix, set()), ITEMS[name].get(prefix, set())
            if has - needs:
                yield f"too much on {prefix}#: {', '.join(sorted(has - needs))}"
            if needs - has:
                yield f"too little on {prefix}#: lacks {', '.join(sorted(needs - has))}"
    environment = function["Properties"]["Environment"]["Variables"]
    named = {ref(value) for variable, value in environment.items() if variable.endswith("_SECRET")}
    if named - secrets:
        yield f"no right to read {', '.join(sorted(map(str, named - secrets)))}, which its environment names"
    if secrets - named:
        yield f"a right to read {', '.join(sorted(map(str, secrets - named)))}, which its environment does not name"
    if logs != [["logs:CreateLogStream", "logs:PutLogEvents"]]:
        yield f"rights to its log: {logs}"
    if "TwilioSecret" in named and name not in VERIFIERS:
        yield "has Twilio's AuthToken, and verifies nothing with it"
    if queues != QUEUES.get(name, set()):
        yield f"sends to queues {sorted(map(str, queues))}, not {sorted(QUEUES.get(name, set()))}"
    for condition in {resource.get("Condition") for resource in (function, role)} - {function.get("Condition")}:
        yield f"a role that exists on another condition ({condition})"
    url = [r for r in resources.values() if r["Type"] == "AWS::Lambda::Url" and ref(r["Properties"]["TargetFunctionArn"]) == name]
    permissions = [r["Properties"] for r in resources.values() if r["Type"] == "AWS::Lambda::Permission" and ref(r["Properties"]["FunctionName"]) == name]
    granted = {(p["Action"], p.get("FunctionUrlAuthType"), p.get("InvokedViaFunctionUrl")) for p in permissions}
    # Both, since October 2025: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
    if url and granted != {("lambda:InvokeFunctionUrl", "NONE", None), ("lambda:InvokeFunction", None, True)}:
        yield f"a Function URL with the permissions {sorted(map(str, granted))}"
    if not url:
        yield "no Function URL"
    if not resources.get(group or "", {}).get("Properties", {}).get("RetentionInDays"):
        yield "no log group of its own with a retention"


def check(template):
    resources = template["Resources"]
    prefixes = [prefix for items in ITEMS.values() for prefix in items]
    for prefix in sorted({prefix for prefix in prefixes if prefixes.count(prefix) > 1} ^ COMMON):
        yield ".ci/policy.py", f"{prefix}# is of several functions, or only of one, against COMMON"
    functions = {name: r for name, r in resources.items() if r["Type"] == "AWS::Lambda::Function"}
    for name in sorted(functions.keys() ^ ITEMS.keys()):
        yield name, "is in only one of template and .ci/policy.py"
    for name in sorted(functions.keys() & ITEMS.keys()):
        for finding in check_function(name, functions[name], resources):
            yield name, finding
    for name, resource in resources.items():
        if resource["Type"].startswith("AWS::IAM::") and resource["Type"] != "AWS::IAM::Role":
            yield name, f"rights outside a function's own role: {resource['Type']}"
        if resource["Type"] == "AWS::IAM::Role" and not name.removesuffix("Role") in functions:
            for _, actions, targets in rights(resource):
                if any(not ref(target) for target in targets):
                    yield name, f"{', '.join(actions)} on something that is no resource of this template"


def main(path):
    with open(path, encoding="utf-8") as file:
        findings = [f"{name}: {finding}" for name, finding in check(json.load(file))]
    if findings:
        sys.exit("\n".join(findings))
    print("every function reaches its own items, secrets and log, and nothing else")


if __name__ == "__main__":
    main(sys.argv[1])
