"""What the simulators of Okta and Auth0 answer our functions and the operator's program fits the models of these providers' SDKs.

The SDKs are lenient readers. Here every member must be one that the model knows, and of its type. The models are made from the providers'
OpenAPI documents.
"""
import json
import re
import typing
import unittest

from auth0.management import types as auth0
from okta import models as okta
from pydantic import BaseModel, TypeAdapter, ValidationError
from sent import exchanges

MODELS = [
    ("Okta", "GET", r"/api/v1/users", list[okta.User]),
    ("Okta", "(GET|POST)", r"/api/v1/users/\w+", okta.User),
    ("Okta", "GET", r"/api/v1/eventHooks", list[okta.EventHook]),
    ("Okta", "(POST|PUT)", r"/api/v1/eventHooks(/\w+(/lifecycle/verify)?)?", okta.EventHook),
    ("Auth0", "GET", r"/api/v2/users(-by-email)?", list[auth0.UserResponseSchema]),
    ("Auth0", "PATCH", r"/api/v2/users/[^/]+", auth0.UpdateUserResponseContent),
    ("Auth0", "GET", r"/api/v2/connections", list[auth0.ConnectionForList]),
    ("Auth0", "PATCH", r"/api/v2/connections/\w+", auth0.UpdateConnectionResponseContent),
    ("Auth0", "GET", r"/api/v2/actions/actions", auth0.ListActionsPaginatedResponseContent),
    ("Auth0", "POST", r"/api/v2/actions/actions", auth0.CreateActionResponseContent),
    ("Auth0", "GET", r"/api/v2/actions/actions/[\w-]+", auth0.GetActionResponseContent),
    ("Auth0", "PATCH", r"/api/v2/actions/actions/[\w-]+", auth0.UpdateActionResponseContent),
    ("Auth0", "POST", r"/api/v2/actions/actions/[\w-]+/deploy", auth0.DeployActionResponseContent),
    ("Auth0", "GET", r"/api/v2/branding/phone/providers", auth0.ListBrandingPhoneProvidersResponseContent),
    ("Auth0", "POST", r"/api/v2/branding/phone/providers", auth0.CreateBrandingPhoneProviderResponseContent),
    ("Auth0", "PATCH", r"/api/v2/branding/phone/providers/\w+", auth0.UpdateBrandingPhoneProviderResponseContent),
    ("Auth0", "GET", r"/api/v2/clients", list[auth0.Client]),
    ("Auth0", "GET", r"/api/v2/clients/[^/]+", auth0.GetClientResponseContent),
    ("Auth0", "GET", r"/api/v2/resource-servers", list[auth0.ResourceServer]),
    ("Auth0", "GET", r"/api/v2/resource-servers/[^/]+", auth0.GetResourceServerResponseContent),
    ("Auth0", "GET", r"/api/v2/attack-protection/brute-force-protection", auth0.GetBruteForceSettingsResponseContent),
    ("Auth0", "GET", r"/api/v2/attack-protection/suspicious-ip-throttling", auth0.GetSuspiciousIpThrottlingSettingsResponseContent),
    ("Auth0", "GET", r"/api/v2/attack-protection/phone-provider-protection", auth0.GetPhoneProviderProtectionResponseContent),
    ("Auth0", "GET", r"/api/v2/email-templates/\w+", auth0.GetEmailTemplateResponseContent),
]


def unknown(model, value, where):
    """Members that no field of the model is called like, however deep."""
    if isinstance(value, list):
        inner = typing.get_args(model)
        for index, item in enumerate(value):
            yield from unknown(inner[0] if inner else None, item, f"{where}[{index}]")
    elif isinstance(value, dict) and isinstance(model, type) and issubclass(model, BaseModel):
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        for name, member in value.items():
            if name in fields:
                yield from unknown(plain(fields[name].annotation), member, f"{where}.{name}")
            elif "additional_properties" not in fields:
                yield f"{where}.{name}"


def plain(annotation):
    """Without Optional and Annotated."""
    while True:
        choices = [choice for choice in typing.get_args(annotation) if choice is not type(None)]
        origin = typing.get_origin(annotation)
        if origin is typing.Union and len(choices) == 1 or origin is typing.Annotated:
            annotation = choices[0]
        else:
            return annotation


class Models(unittest.TestCase):
    def test_answers(self):
        left = [request for request in exchanges() if request.server in ("Okta", "Auth0") and request.path.startswith("/api/") and 200 <= request.status < 300]
        # The SDK's model of an inline hook has a channel without config: the kinds of channels are classes that only its own reader finds.
        left = [request for request in left if request.path != "/api/v1/inlineHooks"]
        for server, method, path, model in MODELS:
            def fits(request):
                return request.server == server and re.fullmatch(f"{method} {path}", f"{request.method} {request.path}")

            found = [request for request in left if fits(request)]
            left = [request for request in left if not fits(request)]
            with self.subTest(f"{server} {method} {path}"):
                self.assertTrue(found, "nothing of ours makes this call")
            for answer in sorted({request.answer for request in found}):
                with self.subTest(f"{server} {method} {path}"):
                    value = json.loads(answer)
                    try:
                        TypeAdapter(model).validate_python(value)
                    except ValidationError as error:
                        self.fail(f"{error}\n{answer}")
                    self.assertEqual(list(unknown(model, value, "")), [], answer)
        self.assertEqual({str(request) for request in left}, set(), "which model has that answer?")


if __name__ == "__main__":
    unittest.main()
