"""What our functions and the operator's program send, and what the simulators answer them, is what the providers' OpenAPI documents describe.

Where there is a document in sandbox/tests/openapi. Okta's and Auth0's are not there: test_sent compares our requests with those of their SDKs,
which are made from the documents, and test_models the answers with the SDKs' models.
"""
import json
import unittest
from urllib.parse import unquote

from openapi import Document
from sent import exchanges

DOCUMENTS = [
    ("Twilio", "/2010-04-01/", "", Document("twilio/twilio_api_v2010.json")),
    ("Twilio", "/v1/Services", "", Document("twilio/twilio_messaging_v1.json")),
    ("Twilio", "/v1/Tollfree", "", Document("twilio/twilio_messaging_v1.json")),
    ("Vonage", "/sms/", "/sms", Document("vonage/sms.json")),
]
# Twilio's documents of these (voice, accounts, pricing) are not there, nor Vonage's of accounts and calls.
WITHOUT = ("/v1/DialingPermissions/", "/v1/Messaging/GeoPermissions", "/v1/PhoneNumbers/", "/account/", "/v1/calls")


class Documented(unittest.TestCase):
    def test_requests_and_answers(self):
        checked = set()
        for request in exchanges():
            if request.server not in ("Twilio", "Vonage") or request.path.startswith(WITHOUT):
                continue
            found = [entry for entry in DOCUMENTS if (request.server, True) == (entry[0], request.path.startswith(entry[1]))]
            self.assertTrue(found, f"{request}: in which document is that?")
            _, start, before, document = found[0]
            path = unquote(request.path).removeprefix(before)
            checked.add(start)
            with self.subTest(str(request)):
                query, form = split(request)
                document.check_request(request.method, path, query, request.type, form)
                if 200 <= request.status < 300:
                    document.check_answer(request.method, path, request.status, json.loads(request.answer or "null"))
        self.assertEqual(checked, {start for _, start, _, _ in DOCUMENTS})


def split(request):
    names = {name for name, _ in request.query}
    fields = request.fields
    return {name: value for name, value in fields.items() if name in names}, {name: value for name, value in fields.items() if name not in names}


if __name__ == "__main__":
    unittest.main()
