"""vonage-python-sdk. It takes a host but always HTTPS: an adapter of its `requests` session sends plainly."""
import os
import time
import unittest

import requests
from openapi import Document
from requests.adapters import HTTPAdapter
from vonage import Auth, HttpClientOptions, Vonage
from vonage_sms import SmsMessage
from vonage_sms.errors import SmsError

HOST = os.environ["VONAGE_URL"].removeprefix("http://")


class Plainly(HTTPAdapter):
    def send(self, request, **kwargs):
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, **kwargs)


def client(secret):
    vonage = Vonage(Auth(api_key=os.environ["VONAGE_API_KEY"], api_secret=secret), HttpClientOptions(rest_host=HOST, api_host=HOST))
    vonage.http_client._session.mount("https://", Plainly())
    return vonage


class Sms(unittest.TestCase):
    def test_texts_are_sent_with_basic_credentials(self):
        sms = client(os.environ["VONAGE_API_SECRET"]).sms
        sent = sms.send(SmsMessage(to="4520333333", from_="ACME", text="Hi"))
        self.assertEqual((sent.message_count, sent.messages[0].status), ("1", "0"))
        sent = sms.send(SmsMessage(to="4520333333", from_="ACME", text="œ" * 71, type="unicode", ttl=20000, client_ref="mine", status_report_req=True))
        self.assertEqual((sent.message_count, sent.messages[0].client_ref), ("2", "mine"))

    def test_wrong_credentials_are_refused(self):
        with self.assertRaisesRegex(SmsError, "error code 4"):
            client("wrong").sms.send(SmsMessage(to="4520333333", from_="ACME", text="Hi"))

    def test_signed_requests(self):
        # `Sms.send` of this SDK also signs fields that it does not send, which Vonage cannot verify: only its signing is used
        auth = Auth(api_key=os.environ["VONAGE_API_KEY"], signature_secret=os.environ["VONAGE_SIGNATURE_SECRET"], signature_method="sha256")
        fields = {"api_key": auth.api_key, "to": "4520333333", "from": "ACME", "text": "a&b=c", "timestamp": int(time.time())}
        fields["sig"] = auth.sign_params(fields)
        for how in ({"data": fields}, {"json": fields}):
            answer = requests.post(os.environ["VONAGE_URL"] + "/sms/json", **how).json()
            self.assertEqual(answer["messages"][0]["status"], "0", answer)
            Document("vonage/sms.json").check_answer("POST", "/json", 200, answer)
        fields["text"] = "other"
        answer = requests.post(os.environ["VONAGE_URL"] + "/sms/json", data=fields).json()
        self.assertEqual(answer["messages"][0]["status"], "14")

    def test_what_is_not_simulated_says_so(self):
        answer = requests.get(os.environ["VONAGE_URL"] + "/account/numbers").json()
        self.assertIn("/account/numbers is not simulated by this sandbox", answer["messages"][0]["error-text"])
