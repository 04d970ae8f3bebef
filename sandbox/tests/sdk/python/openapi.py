"""Checks requests and answers against the documents in sandbox/tests/openapi."""
import json
import re
from email.utils import parsedate_to_datetime
from pathlib import Path

TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict}


class Document:
    def __init__(self, name):
        self.document = json.loads((Path(__file__).parents[2] / "openapi" / name).read_text())

    def template(self, path):
        """Of several templates that fit, that with the fewest parameters; with the parameters' values."""
        def fits(template):
            return re.fullmatch(re.sub(r"\\\{([^}]*)\\\}", r"(?P<\1>[^/]+)", re.escape(template)), path)

        templates = sorted(filter(fits, self.document["paths"]), key=lambda template: template.count("{"))
        assert templates, f"{path} is not in the document"
        return templates[0], fits(templates[0]).groupdict()

    def operation(self, method, path):
        return self.document["paths"][self.template(path)[0]][method.lower()]

    def check_request(self, method, path, query, body_type, form):
        """A request whose fields are texts, as in queries and forms, is one that the document describes."""
        operation, problems = self.operation(method, path), []
        given = {"path": self.template(path)[1], "query": query}
        parameters = [self.resolve(parameter) for parameter in operation.get("parameters", [])]
        for parameter in parameters:
            values = given.get(parameter["in"], {})
            if parameter["name"] in values:
                problems += self.problems(parameter["schema"], self.typed(parameter["schema"], values[parameter["name"]]), parameter["name"])
            elif parameter.get("required"):
                problems.append(f"{parameter['name']} is missing")
        known = {parameter["name"] for parameter in parameters if parameter["in"] == "query"}
        problems += [f"{name} is unknown" for name in query.keys() - known]
        body = operation.get("requestBody")
        if body is None:
            problems += [f"there is no body: {body_type}"] if form else []
        elif body_type not in body["content"]:
            problems += [f"the body is no {' or '.join(body['content'])}: {body_type}"] if form or body.get("required") else []
        else:
            schema = self.resolve(body["content"][body_type]["schema"])
            typed = {name: self.typed(schema["properties"].get(name, {}), value) for name, value in form.items()}
            problems += self.problems(schema, typed, "")
        assert not problems, f"{method} {path}: {problems}"

    def typed(self, schema, text):
        """What a text stands for, if it can stand for that."""
        kind = self.resolve(schema).get("type", "string")
        if kind == "array" and not isinstance(text, list):
            return [text]
        if kind == "boolean":
            return {"true": True, "false": False}.get(text, text)
        if kind in ("integer", "number") and re.fullmatch(r"-?\d+", text):
            return int(text)
        return text

    def resolve(self, schema):
        while "$ref" in schema:
            kind, name = schema["$ref"].split("/")[2:]
            schema = self.document["components"][kind][name]
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
        elif kind in ("integer", "number") and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            yield f"{where} is out of its range: {value}"
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
