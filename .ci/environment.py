"""Check that a function's variables fit into the 4 KB that Lambda has for all of them together, names and values.

Lambda rejects more than that only when the stack is deployed, and CloudFormation then rolls everything back. Here every parameter has
its longest value at once: MaxLength, the longest of AllowedValues, the digits of MaxValue. Only the texts cannot all be long at once:
they share what the other variables leave, each must fit into that alone, and docs/configuration.md says how much it is.
Lambda measures the variables as a JSON object, and its error message shows that string: quotes, colons, commas and escapes count.
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIMIT = 4096
# A stack's name has up to 128 characters. docs/deploy.md says that this many fit.
STACK_NAME = 24
REGION = len("ap-southeast-2")
ACCOUNT = 12
URL = len("https://.lambda-url..on.aws/") + 32 + REGION
# What `!Ref` and `!GetAtt` of a resource are, at their longest. The end of a physical name is CloudFormation's.
RESOURCES = {
    "AWS::DynamoDB::Table": STACK_NAME + len("-Table-") + 13,
    "AWS::SecretsManager::Secret": len("arn:aws:secretsmanager:::secret:") + REGION + ACCOUNT + STACK_NAME + len("/twilio-send-") + 6,
    "AWS::Lambda::Url": URL,
}
# Sentences for people, or JSON. A letter outside of ASCII has two bytes in most of the languages of `words`, a quote becomes \".
TEXT_BYTES = 2
TEXTS = {
    *("RegSmsBody", "PwdSmsBody", "WrongSmsMessage", "ConfirmedSmsMessage", "RetrySmsMessage", "SubmittedSmsMessage", "ExpiredSmsMessage"),
    *("PasswordLinkMessage", "Greeting", "IvrWelcome", "IvrMenu", "Words", "CodeText", "CognitoTexts", "GenericMapping", "RecipientPattern"),
}


class Worst:
    """The longest that a value of the template can be, in bytes."""

    def __init__(self, template):
        self.template = template
        self.endless = set()
        self.texts = {}

    def parameter(self, name):
        parameter = self.template["Parameters"][name]
        if "AllowedValues" in parameter:
            return max(len(str(value)) for value in parameter["AllowedValues"])
        is_number = parameter["Type"] == "Number"
        bound = parameter.get("MaxValue" if is_number else "MaxLength")
        if bound is None:
            self.endless.add(name)
            return 0
        if name in TEXTS:
            self.texts[name] = int(bound) * TEXT_BYTES
            return 0
        return len(str(bound)) if is_number else int(bound)

    def value(self, value):
        if not isinstance(value, dict):
            return len(str(value).encode())
        ((word, operands),) = value.items()
        if word == "Ref" and operands == "AWS::StackName":
            return STACK_NAME
        if word == "Ref" and operands == "AWS::NoValue":
            return 0
        if word == "Ref" and operands in self.template["Parameters"]:
            return self.parameter(operands)
        if word in ("Ref", "Fn::GetAtt"):
            id = operands if word == "Ref" else operands[0]
            return RESOURCES[self.template["Resources"][id]["Type"]]
        if word == "Fn::If":
            return max(self.value(operands[1]), self.value(operands[2]))
        if word == "Fn::Sub" and isinstance(operands, str):
            names = re.findall(r"\$\{([^}!]+)\}", operands)
            text = re.sub(r"\$\{[^}!]+\}", "", operands)
            return len(text.encode()) + sum(self.value({"Ref": name}) for name in names)
        raise ValueError(f"a value of no known length: {value}")


def rooms(template):
    """Name, bytes that are left for texts, the texts with their bytes, and the parameters that have no longest value, of each function."""
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Lambda::Function":
            worst = Worst(template)
            variables = resource["Properties"]["Environment"]["Variables"]
            # {"NAME":"value","NAME":"value"}
            size = 1 + sum(len(variable) + worst.value(value) + len('"":"",') for variable, value in variables.items())
            yield name, LIMIT - size, worst.texts, worst.endless


def check(template, page):
    for name, room, texts, endless in rooms(template):
        if endless:
            yield f"{name}: without MaxLength or MaxValue, its variables have no longest value: {', '.join(sorted(endless))}"
        if room < 0:
            yield f"{name}: its variables may have {-room} bytes more than the {LIMIT} that Lambda takes: a shorter MaxLength"
        for text, size in texts.items():
            if size > room:
                yield f"{name}: {text} may have {size} bytes, and the other variables leave {room}: a shorter MaxLength"
        function = re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
        row = re.search(rf"^\| `{function}` \| ([0-9,]+) \|", page, re.MULTILINE)
        if texts and (row is None or int(row[1].replace(",", "")) > room):
            yield f"{name}: docs/configuration.md does not say that its texts have {room} bytes together"


def main(path):
    with open(path, encoding="utf-8") as file:
        template = json.load(file)
    findings = list(check(template, (ROOT / "docs/configuration.md").read_text(encoding="utf-8")))
    if findings:
        sys.exit("\n".join(findings))
    print(f"the variables of every function fit into {LIMIT} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
