"""Mailgun has no Python SDK of its own in wide use: its documentation calls the API with `requests`."""
import os
import unittest

import requests

URL = os.environ["MAILGUN_URL"]
AUTH = ("api", os.environ["MAILGUN_API_KEY"])


class Routes(unittest.TestCase):
    def call(self, method, path, **more):
        return requests.request(method, URL + path, auth=AUTH, timeout=20, **more)

    def test_routes_are_made_read_changed_and_deleted(self):
        fields = {"priority": 9, "description": "x", "expression": "match_recipient('x@acme.example')", "action": ["forward('https://acme.example/')", "stop()"]}
        made = self.call("POST", "/v3/routes", data=fields).json()["route"]
        self.assertEqual((made["priority"], len(made["actions"])), (9, 2))
        path = "/v3/routes/" + made["id"]
        self.assertEqual(self.call("GET", path).json()["route"], made)
        self.assertEqual(self.call("PUT", path, files={"priority": (None, "10")}).json()["priority"], 10)
        listed = self.call("GET", "/v3/routes", params={"skip": 0, "limit": 100}).json()
        self.assertIn(made["id"], [route["id"] for route in listed["items"]])
        self.assertEqual(self.call("DELETE", path).json()["id"], made["id"])
        self.assertEqual(self.call("GET", path).status_code, 404)

    def test_the_domain_is_described(self):
        self.assertEqual(self.call("GET", "/v4/domains/" + os.environ["MAILGUN_DOMAIN"]).json()["domain"]["state"], "active")

    def test_what_is_not_simulated_says_so(self):
        answer = self.call("POST", "/v3/acme.example/messages", data={"to": "a@acme.example"})
        self.assertEqual((answer.status_code, answer.json()["message"]), (501, "POST /v3/acme.example/messages is not simulated by this sandbox"))
