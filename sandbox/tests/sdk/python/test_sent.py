"""What our functions and the operator's program send is what the SDKs send for the same call.

CALLS says for every request of ours which call of an SDK it is. The SDK makes that call with the values of ours, to a server that only
listens, and both are compared: method, path, content type, kind of authorization, the names of all parameters, their values and how these are
encoded. Differences stand in DELIBERATE, with the reason. A difference that does not stand there, one that stands there and is none, a request
of ours that CALLS does not know, and a call that nothing of ours makes fail.
"""
import asyncio
import os
import re
import unittest
from unittest import mock
from urllib.parse import unquote, urlsplit

import plivo
import requests
from auth0.authentication import GetToken
from auth0.management.client import Auth0
from okta.client import Client as Okta
from okta.models import EventHook, InlineHookCreate, UpdateUserRequest
from plivo.rest import client as rest
from recorder import Recorder
from sent import Request, differences, exchanges, shapes
from test_vonage import Plainly
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client as Twilio
from vonage import Auth, HttpClientOptions, Vonage
from vonage_sms import SmsMessage

os.environ["OKTA_TESTING_TESTINGDISABLEHTTPSCHECK"] = "true"

ACCOUNT = r"/2010-04-01/Accounts/(?P<account>AC\w+)"


def snake(name):
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return "from_" if name == "from" else name


def arguments(ours):
    """The parameters of a request as the arguments of Twilio's SDK."""
    return {snake(name): {"true": True, "false": False}.get(value, value) for name, value in ours.fields.items()}


def page(ours):
    names = {"page": "page_number"}
    return {names.get(name, name): value for name, value in arguments(ours).items()}


def converted(fields):
    """Numbers and switches are no texts as arguments."""
    kinds = {"per_page": int, "limit": int, "skip": int, "include_fields": lambda value: value == "true", "is_global": lambda value: value == "true"}
    return {name: kinds.get(name, str)(value) for name, value in fields.items()}


class Sdks:
    """All of them, led to one server."""

    def __init__(self, recorder):
        self.url, self.host = recorder.url, recorder.host

    def twilio(self, ours):
        url = self.url

        class Redirected(TwilioHttpClient):
            def request(self, method, target, *args, **kwargs):
                parts = urlsplit(target)
                return super().request(method, url + parts.path + ("?" + parts.query if parts.query else ""), *args, **kwargs)

        account = re.match(ACCOUNT, ours.path)
        account = account["account"] if account else os.environ["TWILIO_ACCOUNT_SID"]
        return Twilio("SK" + "0" * 32, "secret", account, http_client=Redirected())

    def plivo_client(self, call):
        """The constant is read at every call."""
        with mock.patch.object(rest, "PLIVO_API_BASE_URI", self.url + "/v1/Account"):
            return call(plivo.RestClient(os.environ["PLIVO_AUTH_ID"], os.environ["PLIVO_AUTH_TOKEN"]))

    def vonage(self):
        auth = Auth(api_key=os.environ["VONAGE_API_KEY"], api_secret=os.environ["VONAGE_API_SECRET"])
        vonage = Vonage(auth, HttpClientOptions(rest_host=self.host, api_host=self.host))
        vonage.http_client._session.mount("https://", Plainly())
        return vonage

    def okta(self, call, **settings):
        settings = settings or {"token": "x"}
        client = Okta({"orgUrl": self.url, **settings})
        return asyncio.run(call(client))

    def tokens(self, ours):
        return GetToken(self.host, ours["client_id"], client_secret=ours["client_secret"], protocol="http")

    @property
    def auth0(self):
        return Auth0(base_url=self.url + "/api/v2", token="x")

    def mailgun(self, ours, **more):
        """As its documentation calls it; there is no SDK for Python in wide use."""
        return requests.request(ours.method, self.url + ours.path, auth=("api", "x"), timeout=20, **more)


def okta_users(sdks, ours):
    """The header is an argument of the SDK too, under the name of any other."""
    fields = converted(ours.fields)
    extra = {"content_type": ours.type} if "okta-response" in ours.type else {}
    return sdks.okta(lambda client: client.list_users(**extra, **fields))


def okta_user(sdks, ours, id):
    extra = {"content_type": ours.type} if "okta-response" in ours.type else {}
    return sdks.okta(lambda client: client.get_user(id, **extra))


def okta_token(sdks, ours, **_):
    """The SDK asks for a token before the first call."""
    from jwcrypto.jwk import JWK

    key = JWK.generate(kty="RSA", size=2048).export_to_pem(private_key=True, password=None).decode()
    settings = {"authorizationMode": "PrivateKey", "clientId": "0oa1", "scopes": ours.fields["scope"].split(" "), "privateKey": key}
    return sdks.okta(lambda client: client.list_users(), **settings)


def token(sdks, ours, **_):
    wanted = ours.json
    if wanted["grant_type"] == "client_credentials":
        return sdks.tokens(wanted).client_credentials(wanted["audience"])
    forwarded = ours.headers.get("auth0-forwarded-for")
    return sdks.tokens(wanted).login(
        wanted["username"], wanted["password"], wanted.get("scope"), wanted.get("realm"), wanted.get("audience"), forwarded_for=forwarded
    )


def vonage_text(sdks, ours):
    fields = {snake(name.replace("-", "_")): value for name, value in ours.fields.items() if not name.startswith("api_")}
    return sdks.vonage().sms.send(SmsMessage(**fields))


def plivo_text(sdks, ours, account):
    message = {{"type": "type_"}.get(name, name): value for name, value in ours.json.items()}
    return sdks.plivo_client(lambda client: client.messages.create(**message))


CALLS = [
    ("Twilio", "POST", ACCOUNT + r"/Messages\.json", lambda sdks, ours, **_: sdks.twilio(ours).messages.create(**arguments(ours))),
    ("Twilio", "GET", ACCOUNT + r"\.json", lambda sdks, ours, account: sdks.twilio(ours).api.accounts(account).fetch()),
    ("Twilio", "GET", ACCOUNT + r"/AvailablePhoneNumbers/(?P<country>\w+)/(?P<kind>Local|Mobile)\.json",
     lambda sdks, ours, account, country, kind: getattr(sdks.twilio(ours).available_phone_numbers(country), kind.lower()).page(**page(ours))),
    ("Twilio", "GET", ACCOUNT + r"/IncomingPhoneNumbers\.json", lambda sdks, ours, **_: sdks.twilio(ours).incoming_phone_numbers.page(**page(ours))),
    ("Twilio", "POST", ACCOUNT + r"/IncomingPhoneNumbers\.json", lambda sdks, ours, **_: sdks.twilio(ours).incoming_phone_numbers.create(**arguments(ours))),
    ("Twilio", "GET", ACCOUNT + r"/IncomingPhoneNumbers/(?P<sid>\w+)\.json", lambda sdks, ours, account, sid: sdks.twilio(ours).incoming_phone_numbers(sid).fetch()),
    ("Twilio", "POST", ACCOUNT + r"/IncomingPhoneNumbers/(?P<sid>\w+)\.json",
     lambda sdks, ours, account, sid: sdks.twilio(ours).incoming_phone_numbers(sid).update(**arguments(ours))),
    ("Twilio", "DELETE", ACCOUNT + r"/IncomingPhoneNumbers/(?P<sid>\w+)\.json", lambda sdks, ours, account, sid: sdks.twilio(ours).incoming_phone_numbers(sid).delete()),
    ("Twilio", "GET", r"/v1/Services", lambda sdks, ours: sdks.twilio(ours).messaging.v1.services.page(**page(ours))),
    ("Twilio", "GET", r"/v1/Services/(?P<sid>MG\w+)", lambda sdks, ours, sid: sdks.twilio(ours).messaging.v1.services(sid).fetch()),
    ("Twilio", "POST", r"/v1/Services/(?P<sid>MG\w+)", lambda sdks, ours, sid: sdks.twilio(ours).messaging.v1.services(sid).update(**arguments(ours))),
    ("Twilio", "GET", r"/v1/Services/(?P<sid>MG\w+)/PhoneNumbers", lambda sdks, ours, sid: sdks.twilio(ours).messaging.v1.services(sid).phone_numbers.page(**page(ours))),
    ("Twilio", "GET", r"/v1/Services/(?P<sid>MG\w+)/Compliance/Usa2p",
     lambda sdks, ours, sid: sdks.twilio(ours).messaging.v1.services(sid).us_app_to_person.page(**page(ours))),
    ("Twilio", "GET", r"/v1/Tollfree/Verifications", lambda sdks, ours: sdks.twilio(ours).messaging.v1.tollfree_verifications.page(**page(ours))),
    ("Twilio", "GET", r"/v1/DialingPermissions/Countries/(?P<country>\w+)",
     lambda sdks, ours, country: sdks.twilio(ours).voice.v1.dialing_permissions.countries(country).fetch()),
    ("Twilio", "GET", r"/v1/Messaging/GeoPermissions", lambda sdks, ours: sdks.twilio(ours).accounts.v1.messaging_geopermissions.fetch(**arguments(ours))),
    ("Twilio", "GET", r"/v1/PhoneNumbers/Countries/(?P<country>\w+)", lambda sdks, ours, country: sdks.twilio(ours).pricing.v1.phone_numbers.countries(country).fetch()),
    ("Twilio", "POST", ACCOUNT + r"/Calls\.json", lambda sdks, ours, **_: sdks.twilio(ours).calls.create(**arguments(ours))),
    ("Plivo", "POST", r"/v1/Account/(?P<account>\w+)/Message/", plivo_text),
    ("Plivo", "GET", r"/v1/Account/(?P<account>\w+)/", lambda sdks, ours, account: sdks.plivo_client(lambda client: client.account.get())),
    ("Vonage", "GET", r"/account/get-balance", lambda sdks, ours: sdks.vonage().account.get_balance()),
    ("Vonage", "POST", r"/sms/json", vonage_text),
    ("Okta", "GET", r"/api/v1/users", okta_users),
    ("Okta", "GET", r"/api/v1/users/(?P<id>\w+)", okta_user),
    ("Okta", "POST", r"/api/v1/users/(?P<id>\w+)", lambda sdks, ours, id: sdks.okta(lambda client: client.update_user(id, UpdateUserRequest.from_dict(ours.json)))),
    ("Okta", "GET", r"/api/v1/eventHooks", lambda sdks, ours: sdks.okta(lambda client: client.list_event_hooks())),
    ("Okta", "POST", r"/api/v1/eventHooks", lambda sdks, ours: sdks.okta(lambda client: client.create_event_hook(EventHook.from_dict(ours.json)))),
    ("Okta", "PUT", r"/api/v1/eventHooks/(?P<id>\w+)", lambda sdks, ours, id: sdks.okta(lambda client: client.replace_event_hook(id, EventHook.from_dict(ours.json)))),
    ("Okta", "POST", r"/api/v1/eventHooks/(?P<id>\w+)/lifecycle/verify", lambda sdks, ours, id: sdks.okta(lambda client: client.verify_event_hook(id))),
    ("Okta", "GET", r"/api/v1/inlineHooks", lambda sdks, ours: sdks.okta(lambda client: client.list_inline_hooks(**ours.fields))),
    ("Okta", "POST", r"/api/v1/inlineHooks", lambda sdks, ours: sdks.okta(lambda client: client.create_inline_hook(InlineHookCreate.from_dict(ours.json)))),
    ("Okta", "POST", r"/oauth2/v1/token", okta_token),
    ("Auth0", "POST", r"/oauth/token", token),
    ("Auth0", "GET", r"/api/v2/users", lambda sdks, ours: sdks.auth0.users.list(**converted(ours.fields))),
    ("Auth0", "GET", r"/api/v2/users-by-email", lambda sdks, ours: sdks.auth0.users.list_users_by_email(**converted(ours.fields))),
    ("Auth0", "PATCH", r"/api/v2/users/(?P<id>[^/]+)", lambda sdks, ours, id: sdks.auth0.users.update(id, **ours.json)),
    ("Auth0", "GET", r"/api/v2/connections", lambda sdks, ours: sdks.auth0.connections.list(strategy=[ours.fields["strategy"]])),
    ("Auth0", "PATCH", r"/api/v2/connections/(?P<id>\w+)", lambda sdks, ours, id: sdks.auth0.connections.update(id, **ours.json)),
    ("Auth0", "GET", r"/api/v2/actions/actions", lambda sdks, ours: sdks.auth0.actions.list(trigger_id=ours.fields["triggerId"])),
    ("Auth0", "POST", r"/api/v2/actions/actions", lambda sdks, ours: sdks.auth0.actions.create(**ours.json)),
    ("Auth0", "GET", r"/api/v2/actions/actions/(?P<id>[\w-]+)", lambda sdks, ours, id: sdks.auth0.actions.get(id)),
    ("Auth0", "PATCH", r"/api/v2/actions/actions/(?P<id>[\w-]+)", lambda sdks, ours, id: sdks.auth0.actions.update(id, **ours.json)),
    ("Auth0", "POST", r"/api/v2/actions/actions/(?P<id>[\w-]+)/deploy", lambda sdks, ours, id: sdks.auth0.actions.deploy(id)),
    ("Auth0", "GET", r"/api/v2/branding/phone/providers", lambda sdks, ours: sdks.auth0.branding.phone.providers.list()),
    ("Auth0", "POST", r"/api/v2/branding/phone/providers", lambda sdks, ours: sdks.auth0.branding.phone.providers.create(**ours.json)),
    ("Auth0", "PATCH", r"/api/v2/branding/phone/providers/(?P<id>\w+)", lambda sdks, ours, id: sdks.auth0.branding.phone.providers.update(id, **ours.json)),
    ("Auth0", "GET", r"/api/v2/clients", lambda sdks, ours: sdks.auth0.clients.list(**converted(ours.fields))),
    ("Auth0", "GET", r"/api/v2/clients/(?P<id>[^/]+)", lambda sdks, ours, id: sdks.auth0.clients.get(id)),
    ("Auth0", "GET", r"/api/v2/resource-servers", lambda sdks, ours: sdks.auth0.resource_servers.list(**converted(ours.fields))),
    ("Auth0", "GET", r"/api/v2/resource-servers/(?P<id>[^/]+)", lambda sdks, ours, id: sdks.auth0.resource_servers.get(id)),
    ("Auth0", "GET", r"/api/v2/attack-protection/brute-force-protection", lambda sdks, ours: sdks.auth0.attack_protection.brute_force_protection.get()),
    ("Auth0", "GET", r"/api/v2/attack-protection/suspicious-ip-throttling", lambda sdks, ours: sdks.auth0.attack_protection.suspicious_ip_throttling.get()),
    ("Auth0", "GET", r"/api/v2/attack-protection/phone-provider-protection", lambda sdks, ours: sdks.auth0.attack_protection.phone_provider_protection.get()),
    ("Auth0", "GET", r"/api/v2/email-templates/(?P<name>\w+)", lambda sdks, ours, name: sdks.auth0.email_templates.get(name)),
    ("Mailgun", "GET", r"/v3/routes", lambda sdks, ours: sdks.mailgun(ours, params=ours.fields)),
    ("Mailgun", "GET", r"/v4/domains/[^/]+", lambda sdks, ours: sdks.mailgun(ours)),
    ("Mailgun", "GET", r"/v5/accounts/http_signing_key", lambda sdks, ours: sdks.mailgun(ours)),
    ("Mailgun", "POST", r"/v3/routes", lambda sdks, ours: sdks.mailgun(ours, data=ours.fields)),
    ("Mailgun", "PUT", r"/v3/routes/\w+", lambda sdks, ours: sdks.mailgun(ours, data=ours.fields)),
]

# What is no call of any SDK.
WITHOUT_SDK = [
    ("Auth0", "GET", r"(/u/email-verification|/lo/verify_email|/\.well-known/[\w.-]+)"),  # pages and keys, as a browser and any library get them
    ("Auth0", "POST", r"/u/email-verification"),  # the form of such a page
    ("Clickatell", "(GET|POST)", r"(/v1/message|/v1/balance|/http/sendmsg)"),  # Clickatell has no SDK
    ("Cognito", "POST", r"/"),  # signed calls of AWS; no SDK of Python is pinned for them
    ("AWS", "POST", r"/"),  # as Cognito's
    ("logs", "POST", r"/"),  # as Cognito's
    ("hook", "(GET|HEAD|POST)", r"/(twilio)?"),  # doctor's unsigned probes of a function's own URL
    ("invoke api", "POST", r"/2015-03-31/functions/[\w-]+/invocations"),  # as Cognito's: doctor's probe
    ("front", "(GET|POST)", r"/.*"),  # the same at a domain of one's own
    ("runtime api", "POST", r"/2018-06-01/runtime/init/error"),  # of a function that does not start: lambda_runtime's own
    ("function url", "(GET|HEAD)", r"/.*"),  # secure-api and the functions' own URLs
]

NO_TYPE = {"the SDK's content type: application/x-www-form-urlencoded": "what has no body needs no type; the SDK names one whenever there are parameters"}
BLANK = {"the SDK's authorization: SSWSx": "Okta's documentation has a blank between scheme and token, which this SDK leaves out"}
ENCODED = {"encoded otherwise in the query: fields": "the SDK leaves , : ( ) as they are: both mean the same"}
TYPED = {"the SDK's content type: none": "Okta asks for a content type in every request"}
HOOK = {"only ours in the body: channel.config.headers": "the empty list takes headers away that somebody added; the SDK leaves it out"}
PAGED = {"only the SDK's in the query: page": "0 is the default", "only the SDK's in the query: per_page": "50 is the default"}
TOTALS = {"only the SDK's in the query: include_totals": "it turns the list into an object, and nothing needs the number"}
# (server, method, path of CALLS): differences, and why they are meant.
DELIBERATE = {
    ("Twilio", "GET", ACCOUNT + r"/AvailablePhoneNumbers/(?P<country>\w+)/(?P<kind>Local|Mobile)\.json"): NO_TYPE,
    ("Twilio", "GET", ACCOUNT + r"/IncomingPhoneNumbers\.json"): NO_TYPE,
    ("Twilio", "GET", r"/v1/Services"): NO_TYPE,
    ("Twilio", "GET", r"/v1/Services/(?P<sid>MG\w+)/PhoneNumbers"): NO_TYPE,
    ("Twilio", "GET", r"/v1/Services/(?P<sid>MG\w+)/Compliance/Usa2p"): NO_TYPE,
    ("Twilio", "GET", r"/v1/Tollfree/Verifications"): NO_TYPE,
    ("Twilio", "GET", r"/v1/Messaging/GeoPermissions"): NO_TYPE,
    ("Plivo", "POST", r"/v1/Account/(?P<account>\w+)/Message/"): {
        "only the SDK's in the body: trackable": "false by default",
    },
    ("Plivo", "GET", r"/v1/Account/(?P<account>\w+)/"): {"the SDK's content type: application/json": "what has no body needs no type"},
    ("Vonage", "POST", r"/sms/json"): {
        "the SDK's authorization: Basic": "key and secret are fields, as in the OpenAPI document; the API takes either",
        "only ours in the body: api_key": "as above",
        "only ours in the body: api_secret": "as above",
    },
    ("Okta", "GET", r"/api/v1/users"): {
        **BLANK, **ENCODED, **TYPED, "encoded otherwise in the query: search": "+ and %20 are both a blank in a query",
    },
    ("Okta", "GET", r"/api/v1/users/(?P<id>\w+)"): BLANK,
    ("Okta", "POST", r"/api/v1/users/(?P<id>\w+)"): BLANK,
    ("Okta", "GET", r"/api/v1/eventHooks"): {**BLANK, **TYPED},
    ("Okta", "POST", r"/api/v1/eventHooks"): {**BLANK, **HOOK},
    ("Okta", "PUT", r"/api/v1/eventHooks/(?P<id>\w+)"): {**BLANK, **HOOK},
    ("Okta", "GET", r"/api/v1/inlineHooks"): {**BLANK, **TYPED},
    ("Okta", "POST", r"/api/v1/inlineHooks"): {
        **BLANK, **{f"only ours in the body: channel.config.authScheme.{name}": "the SDK's model of a channel has no place for it; Okta's document has" for name in ("type", "key", "value")},
    },
    ("Okta", "POST", r"/api/v1/eventHooks/(?P<id>\w+)/lifecycle/verify"): {
        **BLANK, "the SDK's content type: application/octet-stream": "its HTTP library's for a body of no bytes; Okta asks for JSON's",
    },
    ("Auth0", "POST", r"/oauth/token"): {
        "only the SDK's in the body: organization": "null: there are no organizations",
        "only the SDK's in the body: audience": "null: the login is for the default audience",
    },
    ("Auth0", "GET", r"/api/v2/users"): {"only the SDK's in the query: page": PAGED["only the SDK's in the query: page"], **TOTALS},
    ("Auth0", "GET", r"/api/v2/connections"): {"only the SDK's in the query: take": "50 is the default", **TOTALS},
    ("Auth0", "GET", r"/api/v2/actions/actions"): PAGED,
    ("Auth0", "GET", r"/api/v2/clients"): {"only the SDK's in the query: page": PAGED["only the SDK's in the query: page"], **TOTALS},
    ("Auth0", "GET", r"/api/v2/resource-servers"): {"only the SDK's in the query: page": PAGED["only the SDK's in the query: page"], **TOTALS},
}
# Values that are new in every request.
VARYING = {"client_assertion"}


class Sent(unittest.TestCase):
    def test_what_is_sent_is_what_the_sdks_send(self):
        recorder = Recorder()
        self.addCleanup(recorder.close)
        sdks, left, stale = Sdks(recorder), exchanges(), {key: dict(found) for key, found in DELIBERATE.items()}
        for server, method, path, call in CALLS:
            def is_call(request):
                return (request.server, request.method) == (server, method) and re.fullmatch(path, request.path)

            ours = shapes(filter(is_call, left))
            left = [request for request in left if not is_call(request)]
            with self.subTest(f"{server} {method} {path}"):
                self.assertTrue(ours, "nothing of ours makes this call")
            for request in ours:
                with self.subTest(str(request)):
                    recorder.requests.clear()
                    groups = {name: unquote(value) for name, value in is_call(request).groupdict().items()}
                    try:
                        call(sdks, request, **groups)
                    except Exception as error:  # the answer is of no use to any SDK
                        if not recorder.requests:
                            raise error
                    found = set(differences(request, Request(recorder.requests[0]), VARYING))
                    for difference in found:
                        stale.get((server, method, path), {}).pop(difference, None)
                    self.assertEqual(found - DELIBERATE.get((server, method, path), {}).keys(), set())
        for server, method, path in WITHOUT_SDK:
            left = [request for request in left if request.server != server or not re.fullmatch(f"{method} {path}", f"{request.method} {request.path}")]
        self.assertEqual({str(request) for request in left}, set(), "which call of an SDK is that?")
        self.assertEqual({key: found for key, found in stale.items() if found}, {}, "these are no differences (any more)")


if __name__ == "__main__":
    unittest.main()
