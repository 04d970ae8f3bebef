"""What our programs sent, as SANDBOX_TRACE kept it: one request of each shape."""
import json
import os
from functools import cache
from urllib.parse import parse_qsl, unquote_plus, urlsplit


class Request:
    def __init__(self, record):
        self.method, self.text = record["method"], record["body"]
        self.headers = dict(record["headers"])
        parts = urlsplit(record["target"])
        self.path, self.query = parts.path, pairs(parts.query)
        self.type = self.headers.get("content-type", "").removesuffix("; charset=utf-8")
        self.json = json.loads(self.text) if self.type.startswith("application/json") and self.text else None
        self.form = [] if self.json is not None else pairs(self.text)
        self.scheme = self.headers.get("authorization", "").partition(" ")[0]
        self.server, self.status, self.answer = record.get("server"), record.get("status"), record.get("answer")

    @property
    def fields(self):
        """Query and form, decoded; of several values a list."""
        fields = {}
        for name, raw in self.query + self.form:
            value = unquote_plus(raw)
            fields[name] = [*fields[name], value] if isinstance(fields.get(name), list) else [fields[name], value] if name in fields else value
        return fields

    def __str__(self):
        return f"{self.server} {self.method} {self.path}"


def pairs(text):
    """Names and values of a query or form, the values as they are on the wire."""
    if "=" not in text:
        return []
    split = (pair.partition("=")[::2] for pair in text.split("&"))
    return [(unquote_plus(name), value) for name, value in split]


def flat(value, where=""):
    """The leaves of a JSON document, by where they are."""
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from flat(member, f"{where}.{name}" if where else name)
    else:
        yield where, value


def differences(ours, theirs, varying=()):
    """In words, without values that change from run to run."""
    if (ours.method, ours.path) != (theirs.method, theirs.path):
        yield f"the SDK's is {theirs.method} {theirs.path}"
    if ours.type != theirs.type:
        yield f"the SDK's content type: {theirs.type or 'none'}"
    if ours.scheme != theirs.scheme:
        yield f"the SDK's authorization: {theirs.scheme or 'none'}"
    if ours.json is not None and theirs.json is not None:
        kinds = [("body", dict(flat(ours.json)), dict(flat(theirs.json)))]
    else:
        kinds = [("body", *(grouped(request.form or list(flat(request.json or {}))) for request in (ours, theirs)))]
    kinds.append(("query", grouped(ours.query), grouped(theirs.query)))
    for kind, our, their in kinds:
        yield from (f"only ours in the {kind}: {name}" for name in our.keys() - their.keys())
        yield from (f"only the SDK's in the {kind}: {name}" for name in their.keys() - our.keys())
        for name in our.keys() & their.keys():
            if our[name] != their[name] and name not in varying:
                decoded = [[unquote_plus(str(value)) for value in values] for values in (our[name], their[name]) if isinstance(values, list)]
                same = len(decoded) == 2 and decoded[0] == decoded[1]
                yield f"{'encoded otherwise' if same else 'another value'} in the {kind}: {name}"


def grouped(items):
    grouped = {}
    for name, value in items:
        grouped.setdefault(name, []).append(value)
    return grouped


@cache
def exchanges():
    with open(os.environ["SANDBOX_TRACE"]) as file:
        return [Request(json.loads(line)) for line in file]


def shapes(requests):
    """One of those with the same names in the same places."""
    seen = {}
    for request in requests:
        body = tuple(sorted(name for name, _ in flat(request.json))) if request.json else tuple(sorted({name for name, _ in request.form}))
        key = (request.type, request.scheme, tuple(sorted({name for name, _ in request.query})), body)
        seen.setdefault(key, request)
    return list(seen.values())
