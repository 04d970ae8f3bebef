"""Work out the stacks that the translated template makes: one for each integration alone, one with all, those of samconfig.toml.

Conditions and rules are evaluated here as CloudFormation evaluates them when it deploys. An integration alone must need its own
parameters only, must fail early without one of them, and must create just its functions, with their log groups, and the secrets they read.
A function says in its Cargo.toml which integration it is of (functions.py).
"""

import itertools
import json
import pathlib
import re
import sys

import tomlkit  # comes with aws-sam-cli

from functions import said

ROOT = pathlib.Path(__file__).resolve().parent.parent

VERIFICATION = {"Auth0Url": "https://acme.eu.auth0.com", "MailSenders": "@acme.example", "RecipientDomain": "sms.acme.example", "TwilioNumber": "+15005550006"}
GATEWAY = {"SmsRoutes": "*=twilio,vonage"}
OKTA_CODES = GATEWAY | {"OktaHook": "on"}
SUPABASE = GATEWAY | {"StandardWebhooks": "on"}
GENERIC = GATEWAY | {"GenericMapping": '{"recipient":"/to","code":"/payload/code"}'}
COGNITO = GATEWAY | {"CognitoPools": "eu-west-1_EXAMPLE", "CognitoKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/08303dfc-8073-4bbb-a8a9-fbf08657940e"}
KEEPING = GATEWAY | {"KeepForFailover": "true", "FailoverKeyArn": COGNITO["CognitoKeyArn"]}
COMPANY_PHONE = {"OktaUrl": "https://acme.okta.com"}
PROVISIONING = {"OktaUrl": "https://acme.okta.com", "AreaPrefixes": "415,628"}
PHONE_MENU = {"Auth0Url": "https://acme.eu.auth0.com", "ApiAudience": "https://api.acme.example/"}
OWN_API = PHONE_MENU | {"ApiUrl": "https://api.acme.example/v1"}
ALL = VERIFICATION | OKTA_CODES | SUPABASE | GENERIC | PROVISIONING | PHONE_MENU | {"AlarmEmail": "on-call@acme.example"}
CAREFUL = ALL | {
    "Domain": "hooks.acme.example",
    "KmsKeyArn": COGNITO["CognitoKeyArn"],
    "PermissionsBoundary": "arn:aws:iam::123456789012:policy/switchboard-boundary",
    "Tracing": "Active",
    "DeletionProtection": "true",
    "RollbackAlarm": "on",
}

# Name, parameters, integrations.
STACKS = [
    ("verification alone", VERIFICATION, {"verification", "receipts"}),
    ("verification with tags", VERIFICATION | {"RecipientTags": "true"}, {"verification", "receipts"}),
    ("gateway alone", GATEWAY, {"gateway", "receipts"}),
    ("gateway for Okta's codes", OKTA_CODES, {"gateway", "receipts"}),
    ("gateway for Supabase", SUPABASE, {"gateway", "receipts"}),
    ("gateway for others", GENERIC, {"gateway", "receipts"}),
    ("company phone alone", COMPANY_PHONE, {"company phone", "receipts"}),
    ("company phone with provisioning", PROVISIONING, {"company phone", "provisioning", "receipts"}),
    ("phone menu alone", PHONE_MENU, {"phone menu", "built-in API"}),
    ("phone menu with an API of one's own", OWN_API, {"phone menu"}),
    ("everything", ALL, {"verification", "gateway", "company phone", "provisioning", "phone menu", "built-in API", "receipts"}),
    ("everything, with all care", CAREFUL, {"verification", "gateway", "company phone", "provisioning", "phone menu", "built-in API", "receipts"}),
    ("gateway through AWS", GATEWAY | {"AwsSmsIdentityArn": "arn:aws:sms-voice:eu-west-1:000000000000:pool/pool-1"}, {"gateway", "receipts"}),
    ("gateway for Cognito", COGNITO, {"gateway", "receipts"}),
    ("gateway that keeps texts", KEEPING, {"gateway", "receipts"}),
    ("gateway without receipts", GATEWAY | {"DeliveryReceipts": "off"}, {"gateway"}),
]
# What cannot be deployed: these parameters without the one named.
LACKING = [
    *(("verification alone", VERIFICATION, name) for name in VERIFICATION),
    ("gateway alone", GATEWAY, "SmsRoutes"),
    ("gateway for Okta's codes", OKTA_CODES, "SmsRoutes"),
    ("gateway for Supabase", SUPABASE, "SmsRoutes"),
    ("gateway for others", GENERIC, "SmsRoutes"),
    *(("gateway for Cognito", COGNITO, name) for name in COGNITO),
    ("gateway that keeps texts", KEEPING, "FailoverKeyArn"),
    ("company phone alone", COMPANY_PHONE, "OktaUrl"),
    ("company phone with provisioning", PROVISIONING, "OktaUrl"),
    *(("phone menu alone", PHONE_MENU, name) for name in PHONE_MENU),
    ("phone menu with an API of one's own", OWN_API, "ApiAudience"),
]
NOTHING = object()  # AWS::NoValue


class Stack:
    def __init__(self, template, given):
        self.template = template
        self.given = given
        self.values = {name: str(parameter.get("Default", "")) for name, parameter in template["Parameters"].items()} | given
        self.resources = {name for name, resource in template["Resources"].items() if self.exists(resource)}
        self.dangling = set()

    def exists(self, part):
        return "Condition" not in part or self.holds({"Condition": part["Condition"]})

    def holds(self, expression):
        ((word, operands),) = expression.items()
        if word == "Condition":
            return self.holds(self.template["Conditions"][operands])
        if word == "Fn::Equals":
            left, right = (str(self.value(operand)) for operand in operands)
            return left == right
        if word == "Fn::Not":
            return not self.holds(operands[0])
        return {"Fn::And": all, "Fn::Or": any}[word](self.holds(operand) for operand in operands)

    def reference(self, name):
        if name == "AWS::NoValue":
            return NOTHING
        if name not in self.values and not name.startswith("AWS::") and name not in self.resources:
            self.dangling.add(name)
        return self.values.get(name, name)

    def value(self, part):
        if isinstance(part, list):
            return [value for value in map(self.value, part) if value is not NOTHING]
        if not isinstance(part, dict):
            return part
        word, operands = next(iter(part.items()), (None, None))
        if len(part) == 1 and word == "Ref":
            return self.reference(operands)
        if len(part) == 1 and word == "Fn::GetAtt":
            return self.reference(operands[0] if isinstance(operands, list) else operands.split(".")[0])
        if len(part) == 1 and word == "Fn::If":
            return self.value(operands[1] if self.holds({"Condition": operands[0]}) else operands[2])
        if len(part) == 1 and word == "Fn::Join":
            return operands[0].join(map(str, self.value(operands[1])))
        if len(part) == 1 and word == "Fn::Sub":
            text, named = operands if isinstance(operands, list) else (operands, {})
            named = self.value(named)
            return re.sub(r"\$\{([^}!]+)\}", lambda found: str(named[found[1]] if found[1] in named else self.reference(found[1].split(".")[0])), text)
        return {name: value for name, value in ((name, self.value(value)) for name, value in part.items()) if value is not NOTHING}

    def refusals(self):
        """Why CloudFormation would not even begin."""
        parameters = self.template["Parameters"]
        for name, value in self.given.items():
            parameter = parameters.get(name)
            if parameter is None:
                yield f"there is no parameter {name}"
            elif value not in map(str, parameter.get("AllowedValues", [value])):
                yield f"{name} may not be {value!r}"
        for name, value in self.values.items():
            if name in parameters and not re.fullmatch(parameters[name].get("AllowedPattern", "(?s:.*)"), value):
                yield f"{name} does not match: {value!r}"
            if name in parameters and len(value) > int(parameters[name].get("MaxLength", len(value))):
                yield f"{name} is too long: {value!r}"
        for rule in self.template["Rules"].values():
            if "RuleCondition" not in rule or self.holds(rule["RuleCondition"]):
                yield from (entry["AssertDescription"] for entry in rule["Assertions"] if not self.holds(entry["Assert"]))

    def of_type(self, kind):
        return {name: self.template["Resources"][name]["Properties"] for name in self.resources if self.template["Resources"][name]["Type"] == kind}

    def findings(self):
        yield from self.refusals()
        for name in self.resources:
            self.value(self.template["Resources"][name]["Properties"])
        outputs = {name for name, output in self.template["Outputs"].items() if self.exists(output)}
        for name in outputs:
            self.value(self.template["Outputs"][name]["Value"])
        if self.dangling:
            yield f"refers to what it does not have: {', '.join(sorted(self.dangling))}"
        functions = self.of_type("AWS::Lambda::Function")
        groups = self.of_type("AWS::Logs::LogGroup").keys()
        used = {self.value(function["LoggingConfig"]["LogGroup"]) for function in functions.values() if "LoggingConfig" in function}
        secrets = self.of_type("AWS::SecretsManager::Secret").keys()
        read = set(itertools.chain.from_iterable(self.value(function["Environment"]["Variables"]).values() for function in functions.values()))
        unread = {id for id, secret in self.of_type("AWS::SecretsManager::Secret").items() if self.value(secret["Name"]) not in read}
        for what, unused in (("secrets that nobody reads", unread), ("log groups that nobody writes to", groups - used)):
            if unused:
                yield f"has {what}: {', '.join(sorted(unused))}"
        wrong = {f"{secret}Name" for secret in secrets} ^ {name for name in outputs if name.endswith("SecretName")}
        if wrong:
            yield f"tells the names of other secrets than it has: {', '.join(sorted(wrong))}"
        alarmed = {alarm.removesuffix("Failing") for alarm in self.of_type("AWS::CloudWatch::Alarm") if alarm.endswith("Failing")}
        if functions.keys() - alarmed:
            yield f"no alarm for {', '.join(sorted(functions.keys() - alarmed))}"
        for name, alarm in self.of_type("AWS::CloudWatch::Alarm").items():
            watched = [alarm, *(metric["MetricStat"]["Metric"] for metric in self.value(alarm).get("Metrics", []) if "MetricStat" in metric)]
            ours = (metric["Dimensions"] for metric in watched if metric.get("Namespace") == "Switchboard")
            if any("Stack" not in (dimension["Name"] for dimension in dimensions) for dimensions in ours):
                yield f"{name}: watches the metrics of all stacks"
        for name, dashboard in self.of_type("AWS::CloudWatch::Dashboard").items():
            try:
                expressions = [metric[0]["expression"] for widget in json.loads(self.value(dashboard["DashboardBody"]))["widgets"] for metric in widget["properties"]["metrics"]]
            except ValueError as invalid:
                yield f"{name} is not JSON: {invalid}"
                continue
            # Without it, a graph shows every stack of the account.
            yield from (f"{name}: a graph of all stacks: {text}" for text in expressions if "{Switchboard," in text and ',Stack}' not in text)
            # A function's own name has at most 64 characters, an expression 1,024.
            yield from (f"{name}: too long a search: {text}" for text in expressions if len(text) + sum(64 - len(function) for function in functions) > 1024)


def samconfig():
    """The environments of samconfig.toml: name, parameters."""
    for name, environment in tomlkit.parse((ROOT / "samconfig.toml").read_text(encoding="utf-8")).unwrap().items():
        if isinstance(environment, dict) and "deploy" in environment:
            yield name, dict(entry.split("=", 1) for entry in environment["deploy"]["parameters"]["parameter_overrides"])


def check(template):
    told = said()
    known = set().union(*(integrations for _, _, integrations in STACKS))
    for function in told.values():
        if function.get("integration") not in known:
            yield f"functions/{function['name']}/Cargo.toml: its integration is {function.get('integration')}, not one of {', '.join(sorted(known))}"
    for name, given, integrations in STACKS:
        stack = Stack(template, given)
        created = set(stack.of_type("AWS::Lambda::Function"))
        expected = {logical_id for logical_id, function in told.items() if function.get("integration") in integrations}
        if created != expected:
            yield f"{name}: creates {sorted(created)}, not {sorted(expected)}"
        yield from (f"{name}: {finding}" for finding in stack.findings())
    for name, given, lacking in LACKING:
        if not list(Stack(template, {key: value for key, value in given.items() if key != lacking}).refusals()):
            yield f"{name}: may be deployed without {lacking}"
    for name, given in samconfig():
        yield from (f"samconfig.toml: {name}: {finding}" for finding in Stack(template, given).findings())
    if not list(Stack(template, CAREFUL | {"CallForwardPublicUrl": "https://phone.acme.example"}).refusals()):
        yield "a function may have two public URLs"
    if not list(Stack(template, {}).refusals()):
        yield "a stack of nothing may be deployed"


def main(path):
    with open(path, encoding="utf-8") as file:
        findings = list(check(json.load(file)))
    if findings:
        sys.exit("\n".join(findings))
    print(f"{len(STACKS)} stacks and those of samconfig.toml have what their integrations need, and nothing else")


if __name__ == "__main__":
    main(sys.argv[1])
