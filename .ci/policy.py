"""Check who may do what in the translated template: each function its own items, secrets and log, and nothing else.

What a function needs of the table stands in its Cargo.toml (functions.py); the secrets are those that its environment names. More than
that is a finding, and so is less, which would show only when the function fails in AWS.
"""

import json
import re
import sys

from functions import ROOT, said

ACTIONS = {"read": "dynamodb:GetItem", "query": "dynamodb:Query", "change": "dynamodb:UpdateItem", "delete": "dynamodb:DeleteItem"}
# What a role may do with the stack's own key: what DynamoDB requires of those who use a table, and nothing outside of these services.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
KEY_ACTIONS = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
KEY_SERVICES = [{"Fn::Sub": f"{service}.${{AWS::Region}}.amazonaws.com"} for service in ("dynamodb", "secretsmanager", "lambda")]
# Where that key goes.
KEYED = {"AWS::Lambda::Function": "KmsKeyArn", "AWS::Logs::LogGroup": "KmsKeyId", "AWS::SecretsManager::Secret": "KmsKeyId", "AWS::SNS::Topic": "KmsMasterKeyId"}
# X-Ray has no resources: the one asterisk.
TRACES = {"Sid": "SendTraces", "Effect": "Allow", "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "Resource": "*"}
# Several functions have items of these kinds: a right names the part that is its function's own.
IDENTITIES = {"sms-voice:SendTextMessage": "AWS_SMS_IDENTITY_ARN", "sms-voice:SendVoiceMessage": "AWS_VOICE_IDENTITY_ARN"}
KINDS = {"rate", "seen", "sent", "token"}


def needs(function):
    """What a function needs, by prefix."""
    tables = (function.get(table, {}) for table in ("items", "common-items"))
    return {prefix: {ACTIONS[action] for action in actions} for table in tables for prefix, actions in table.items()}


def listed(value):
    return value if isinstance(value, list) else [value]


def ref(value):
    """The logical id that a value refers to, if it is a plain reference, or one that a condition may leave out."""
    if isinstance(value, dict):
        if "Fn::If" in value:
            return ref(value["Fn::If"][1])
        return value.get("Ref") or (value.get("Fn::GetAtt") or [None])[0]
    return None


def secret_of(value, secrets):
    """The logical id of the secret that a variable names, by reference or by the name that the template gives it."""
    if isinstance(value, dict) and "Fn::If" in value:
        return secret_of(value["Fn::If"][1], secrets)
    return secrets.get(str(value)) or ref(value)


def rights(role):
    """The statements of a role, with their actions and resources as lists."""
    for policy in role["Properties"].get("Policies", []):
        for statement in listed(policy["PolicyDocument"]["Statement"]):
            if "Fn::If" in statement:  # one that a condition may leave out
                statement = statement["Fn::If"][1]
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


def failures(name, resources):
    """Where the failed events of a function go, if events start it."""
    for resource in resources.values():
        if resource["Type"] == "AWS::Lambda::EventInvokeConfig" and ref(resource["Properties"]["FunctionName"]) == name:
            yield ref(resource["Properties"].get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"))


def verifies(folder):
    """Whether the code of a function reads the URL that Twilio's signatures are made over."""
    sources = (ROOT / "functions" / folder / "src").rglob("*.rs")
    return any("webhook::public_url(" in source.read_text(encoding="utf-8") for source in sources)


def check_function(name, folder, function, needed, resources):
    role = resources[ref(function["Properties"]["Role"])]
    yield from check_role(role)
    items, secrets, queues, logs, common = {}, set(), set(), [], set()
    group = ref(function["Properties"].get("LoggingConfig", {}).get("LogGroup"))
    for statement, actions, targets in rights(role):
        if statement["Effect"] != "Allow" or "NotAction" in statement or "NotResource" in statement:
            yield "a statement other than a plain Allow"
        common.add(statement.get("Sid"))
        if statement == TRACES:
            continue
        if targets == [{"Ref": "KmsKeyArn"}]:
            if actions != KEY_ACTIONS or statement.get("Condition") != {"StringEquals": {"kms:ViaService": KEY_SERVICES}}:
                yield "does more with KmsKeyArn than use it through DynamoDB, Secrets Manager and Lambda"
            continue
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
        elif len(actions) == 1 and actions[0] in IDENTITIES:
            variable = IDENTITIES[actions[0]]
            identity = function["Properties"]["Environment"]["Variables"].get(variable)
            if [ref(target) for target in targets] != [ref(identity)]:
                yield f"sends or calls as others than its {variable}: {targets}"
        elif targets == [function["Properties"]["Environment"]["Variables"].get("FAILOVER_KEY_ARN")]:
            # Who keeps texts encrypts them, and who sends them on decrypts them.
            if actions != (["kms:Encrypt"] if ACTIONS["change"] in needed.get("kept", ()) else ["kms:Decrypt"]):
                yield f"does more with its FAILOVER_KEY_ARN than it must: {', '.join(actions)}"
        elif actions == ["kms:Decrypt"]:
            variables = function["Properties"]["Environment"]["Variables"]
            key, pools = variables.get("COGNITO_KEY_ARN"), variables.get("COGNITO_POOLS")
            if targets != [key]:
                yield f"decrypts with another key than its COGNITO_KEY_ARN: {targets}"
            if statement.get("Condition") != {"StringEquals": {"kms:EncryptionContext:userpool-id": {"Fn::Split": [",", pools]}}}:
                yield "decrypts more than what its COGNITO_POOLS encrypted"
        elif actions == ["sqs:SendMessage"]:
            queues.update(ref(target) for target in targets)
        else:
            yield f"rights that no function needs: {', '.join(actions)}"
    for prefix in sorted(items.keys() | needed.keys()):
        has, needs_of_it = items.get(prefix, set()), needed.get(prefix, set())
        if has - needs_of_it:
            yield f"too much on {prefix}#: {', '.join(sorted(has - needs_of_it))}"
        if needs_of_it - has:
            yield f"too little on {prefix}#: lacks {', '.join(sorted(needs_of_it - has))}"
    environment = function["Properties"]["Environment"]["Variables"]
    known = {str(resource["Properties"]["Name"]): id for id, resource in resources.items() if resource["Type"] == "AWS::SecretsManager::Secret"}
    named = {secret_of(value, known) for variable, value in environment.items() if variable.endswith("_SECRET")}
    if named - secrets:
        yield f"no right to read {', '.join(sorted(map(str, named - secrets)))}, which its environment names"
    if secrets - named:
        yield f"a right to read {', '.join(sorted(map(str, secrets - named)))}, which its environment does not name"
    if not {"UseKey", "SendTraces"} <= common:
        yield "lacks UseKey or SendTraces, which every role has for KmsKeyArn and Tracing"
    if logs != [["logs:CreateLogStream", "logs:PutLogEvents"]]:
        yield f"rights to its log: {logs}"
    # Twilio's AuthToken signs webhooks. Who verifies one asks for the URL that was signed with it.
    if "TwilioSecret" in named and not verifies(folder):
        yield "has Twilio's AuthToken, and verifies nothing with it"
    failed = set(failures(name, resources)) - {None}  # a run that another one makes up for, and a code that is late, go nowhere
    if queues != failed:
        yield f"sends to queues {sorted(map(str, queues))}, not {sorted(map(str, failed))}"
    for condition in {resource.get("Condition") for resource in (function, role)} - {function.get("Condition")}:
        yield f"a role that exists on another condition ({condition})"
    url = [r for r in resources.values() if r["Type"] == "AWS::Lambda::Url" and ref(r["Properties"]["TargetFunctionArn"]) == name]
    permissions = [r["Properties"] for r in resources.values() if r["Type"] == "AWS::Lambda::Permission" and ref(r["Properties"]["FunctionName"]) == name]
    # A rule of this stack may hand over events. Nobody else can use that permission.
    rules = {id for id, resource in resources.items() if resource["Type"] == "AWS::Events::Rule"}
    permissions = [p for p in permissions if not (p["Principal"] == "events.amazonaws.com" and ref(p.get("SourceArn")) in rules)]
    # Other services of AWS are let in for what this account owns, and they need no URL.
    services = [p for p in permissions if p["Principal"].endswith(".amazonaws.com")]
    permissions = [p for p in permissions if p not in services]
    for p in services:
        if p["Action"] != "lambda:InvokeFunction" or p.get("SourceAccount") != {"Ref": "AWS::AccountId"} or "SourceArn" not in p:
            yield f"lets in {p['Principal']} for anybody"
    granted = {(p["Action"], p.get("FunctionUrlAuthType"), p.get("InvokedViaFunctionUrl")) for p in permissions}
    # Both, since October 2025: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
    if url and granted != {("lambda:InvokeFunctionUrl", "NONE", None), ("lambda:InvokeFunction", None, True)}:
        yield f"a Function URL with the permissions {sorted(map(str, granted))}"
    if not url:
        yield "no Function URL"
    if not resources.get(group or "", {}).get("Properties", {}).get("RetentionInDays"):
        yield "no log group of its own with a retention"


def check_prefixes(told):
    """Whether an item is one function's own, or of several that all say so."""
    for table, fits in (("items", lambda count: count == 1), ("common-items", lambda count: count > 1)):
        owners = {}
        for name, function in told.items():
            for prefix in function.get(table, {}):
                owners.setdefault(prefix, []).append(name)
        for prefix, names in owners.items():
            others = [name for name, function in told.items() if prefix in needs(function)]
            if not fits(len(names)) or others != names:
                yield f"{prefix}# is among the {table} of {', '.join(names)}, and {', '.join(others)} have it"


def check_boundary(resources):
    """The permissions boundary of docs/deploying allows just what the roles allow."""
    allowed = set()
    for statement in json.loads((ROOT / "docs/deploying/boundary.json").read_text(encoding="utf-8"))["Statement"]:
        allowed.update(listed(statement["Action"]))
    needed = set()
    for resource in resources.values():
        if resource["Type"] == "AWS::IAM::Role":
            needed.update(action for _, actions, _ in rights(resource) for action in actions)
    for action in sorted(needed ^ allowed):
        yield f"{action} is {'in no role' if action in allowed else 'missing'}"


def check(template):
    resources = template["Resources"]
    yield from (("docs/deploying/boundary.json", finding) for finding in check_boundary(resources))
    told = said()
    yield from (("Cargo.toml", finding) for finding in check_prefixes(told))
    deployed = {name: r for name, r in resources.items() if r["Type"] == "AWS::Lambda::Function"}
    for name in sorted(deployed.keys() ^ told.keys()):
        yield name, "is in only one of template.yaml and functions/"
    for name in sorted(deployed.keys() & told.keys()):
        for finding in check_function(name, told[name]["name"], deployed[name], needs(told[name]), resources):
            yield name, finding
    for name, resource in resources.items():
        if resource["Type"].startswith("AWS::IAM::") and resource["Type"] != "AWS::IAM::Role":
            yield name, f"rights outside a function's own role: {resource['Type']}"
        if resource["Type"] == "AWS::IAM::Role" and ref(resource["Properties"].get("PermissionsBoundary")) != "PermissionsBoundary":
            yield name, "a role without the PermissionsBoundary"
        if resource["Type"] in KEYED and ref(resource["Properties"].get(KEYED[resource["Type"]])) != "KmsKeyArn":
            yield name, "is not encrypted with KmsKeyArn"
        if resource["Type"] == "AWS::IAM::Role" and not name.removesuffix("Role") in deployed:
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
