"""twilio-python. Its documented hook for another host is a custom HTTP client, given as `http_client`.

What passes through it is checked against Twilio's OpenAPI document as far as that is in sandbox/tests/openapi.
"""
import json
import os
import unittest
from urllib.parse import urlsplit

from openapi import Document

from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

DOCUMENT = Document("twilio/twilio_api_v2010.json")
NUMBER = os.environ["TWILIO_NUMBER"]
PHONE = "+4520111111"


class Redirected(TwilioHttpClient):
    """Sends to TWILIO_URL what is meant for any host of Twilio."""

    def request(self, method, url, *args, **kwargs):
        parts = urlsplit(url)
        query = "?" + parts.query if parts.query else ""
        answer = super().request(method, os.environ["TWILIO_URL"] + parts.path + query, *args, **kwargs)
        if parts.hostname == "api.twilio.com" and answer.ok:
            DOCUMENT.check_answer(method, parts.path, answer.status_code, json.loads(answer.text or "null"))
        return answer


class Twilio(unittest.TestCase):
    def setUp(self):
        self.client = Client(os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"], http_client=Redirected())

    def test_messages_are_sent_and_read_back(self):
        sent = self.client.messages.create(to=PHONE, from_=NUMBER, body="Hi", status_callback="http://127.0.0.1:9/", smart_encoded=True)
        self.assertEqual(sent.status, "queued")
        read = self.client.messages(sent.sid).fetch()
        self.assertEqual((read.status, read.body, read.date_sent is not None), ("delivered", "Hi", True))
        self.client.messages.create(to=PHONE, from_=NUMBER, body="Again", validity_period=180)
        listed = self.client.messages.list(to=PHONE, limit=2)
        self.assertEqual([message.body for message in listed], ["Again", "Hi"])
        self.assertEqual(len(self.client.messages.list(to=PHONE, page_size=1, limit=2)), 2)
        self.assertEqual(self.client.messages(sent.sid).update(body="").body, "")
        self.assertTrue(self.client.messages(sent.sid).delete())
        with self.assertRaises(TwilioRestException) as raised:
            self.client.messages(sent.sid).fetch()
        self.assertEqual((raised.exception.status, raised.exception.code), (404, 20404))

    def test_an_api_key_sends_too(self):
        account, key, secret = (os.environ[name] for name in ("TWILIO_ACCOUNT_SID", "TWILIO_API_KEY", "TWILIO_API_SECRET"))
        client = Client(key, secret, account, http_client=Redirected())
        service = client.messaging.v1.services.list(limit=1)[0]
        sent = client.messages.create(to=PHONE, messaging_service_sid=service.sid, body="Hi")
        self.assertEqual(sent.messaging_service_sid, service.sid)

    def test_refusals_have_codes(self):
        with self.assertRaises(TwilioRestException) as raised:
            self.client.messages.create(to="+15005550009", from_=NUMBER, body="Hi")
        self.assertEqual((raised.exception.status, raised.exception.code), (400, 21614))
        with self.assertRaises(TwilioRestException) as raised:
            self.client.queues.create(friendly_name="x")
        self.assertEqual(raised.exception.code, 20404)
        self.assertIn("Queues.json is not simulated by this sandbox", raised.exception.msg)

    def test_a_call_is_made(self):
        call = self.client.calls.create(to=PHONE, from_=NUMBER, twiml="<Response><Say>Your code is: 1. 2.</Say></Response>")
        self.assertEqual((call.status, call.sid[:2]), ("queued", "CA"))

    def test_calls_are_listed(self):
        self.assertEqual(self.client.calls.list(to=NUMBER, status="completed", limit=5), [])

    def test_numbers_are_bought_set_and_released(self):
        found = self.client.available_phone_numbers("US").local.list(area_code=925, sms_enabled=True, limit=2)
        bought = self.client.incoming_phone_numbers.create(phone_number=found[0].phone_number, sms_url="https://acme.example/sms")
        self.assertEqual(bought.capabilities["voice"], True)
        changed = self.client.incoming_phone_numbers(bought.sid).update(voice_url="https://acme.example/voice", friendly_name="desk")
        self.assertEqual((changed.voice_url, changed.sms_url), ("https://acme.example/voice", "https://acme.example/sms"))
        listed = self.client.incoming_phone_numbers.list(phone_number=bought.phone_number, limit=20)
        self.assertEqual([number.sid for number in listed], [bought.sid])
        self.assertTrue(self.client.incoming_phone_numbers(bought.sid).delete())

    def test_what_the_operator_looks_up(self):
        self.assertEqual(self.client.api.accounts(self.client.account_sid).fetch().status, "active")
        self.assertEqual(self.client.voice.v1.dialing_permissions.countries("US").fetch().iso_code, "US")
        self.assertTrue(self.client.pricing.v1.phone_numbers.countries("US").fetch().phone_number_prices)
