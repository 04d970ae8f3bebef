"""plivo-python. It has no setting for another host: the constant with its base URI is replaced."""
import os
import unittest

import plivo
from plivo.rest import client as rest

rest.PLIVO_API_BASE_URI = os.environ["PLIVO_URL"] + "/v1/Account"


class Plivo(unittest.TestCase):
    def setUp(self):
        self.client = plivo.RestClient(os.environ["PLIVO_AUTH_ID"], os.environ["PLIVO_AUTH_TOKEN"])

    def test_messages_are_sent_and_read_back(self):
        sent = self.client.messages.create(src="15005550006", dst="4520222222", text="Hi")
        read = self.client.messages.get(sent.message_uuid[0])
        self.assertEqual((read.to_number, read.message_state), ("4520222222", "delivered"))
        secret = self.client.messages.create(
            src="15005550006", dst="4520222222<4520222223", text="Hi", url="https://acme.example/", log="false", trackable=True, message_expiry=180
        )
        self.assertEqual(len(secret.message_uuid), 2)
        listed = self.client.messages.list(limit=2, offset=0, message_direction="outbound")
        self.assertEqual(sorted(message.message_uuid for message in listed), sorted(secret.message_uuid))

    def test_errors_are_plivo_s(self):
        with self.assertRaises(plivo.exceptions.ResourceNotFoundError):
            self.client.messages.get("none")
        with self.assertRaises(plivo.exceptions.ValidationError):
            self.client.messages.create(src="1", dst="1", text="Hi")
        with self.assertRaisesRegex(plivo.exceptions.ValidationError, "country code"):
            self.client.messages.create(src="15005550006", dst="+", text="Hi")
        with self.assertRaisesRegex(plivo.exceptions.PlivoRestError, "501"): # of other errors it shows no text
            self.client.numbers.list()
