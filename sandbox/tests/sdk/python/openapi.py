"""Checks answers against the documents in sandbox/tests/openapi."""
import json
import re
from email.utils import parsedate_to_datetime
from pathlib import Path

TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict}


class Document:
    def __init__(self, name):
        self.document = json.loads((Path(__file__).parents[2] / "openapi" / name).read_text())

    def operation(self, method, path):
        """Of several templates that fit, that with the fewest parameters."""
        def fits(template):
            return re.fullmatch(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template)), path)

        templates = sorted(filter(fits, self.document["paths"]), key=lambda template: template.count("{"))
        assert templates, f"{path} is not in the document"
        return self.document["paths"][templates[0]][method.lower()]

    def resolve(self, schema):
        while "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return schema

    def check_answer(self, method, path, status, body):
        """The answer to what succeeded is one that the document describes."""
        responses = self.operation(method, path)["responses"]
        assert str(status) in responses, f"{method} {path}: {status}"
        for content in responses[str(status)].get("content", {}).values():
            problems = list(self.problems(content["schema"], body, ""))
            assert not problems, f"{method} {path}: {problems}"

    def problems(self, schema, value, where):
        schema = self.resolve(schema)
        if "oneOf" in schema:
            each = [list(self.problems(choice, value, where)) for choice in schema["oneOf"]]
            if all(each):
                yield from min(each, key=len)
            return
        if value is None:
            # enumerations of Twilio's are null too where there is nothing to say
            if not schema.get("nullable") and "enum" not in schema:
                yield f"{where} is null"
            return
        kind = schema.get("type", "object")
        if not isinstance(value, TYPES[kind]) or kind != "boolean" and isinstance(value, bool):
            yield f"{where} is no {kind}: {value!r}"
        elif "enum" in schema and value not in schema["enum"]:
            yield f"{where} is none of {schema['enum']}: {value!r}"
        elif value and "pattern" in schema and not re.search(schema["pattern"], value): # Twilio writes unset SIDs as empty texts
            yield f"{where} is not {schema['pattern']}: {value!r}"
        elif schema.get("format") == "date-time-rfc-2822":
            parsedate_to_datetime(value)
        elif kind == "array":
            for index, item in enumerate(value):
                yield from self.problems(schema["items"], item, f"{where}[{index}]")
        elif kind == "object":
            yield from (f"{where}.{name} is missing" for name in schema.get("required", []) if name not in value)
            properties = schema.get("properties")
            for name, member in value.items():
                if properties and name in properties:
                    yield from self.problems(properties[name], member, f"{where}.{name}")
                elif properties:
                    yield f"{where}.{name} is unknown"
