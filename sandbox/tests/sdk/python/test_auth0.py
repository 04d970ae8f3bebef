"""auth0-python. Its token clients take the protocol apart from the domain; the Management API's client takes a base URL."""
import os
import unittest

from auth0.authentication import Database, GetToken
from auth0.authentication.exceptions import Auth0Error
from auth0.management.client import Auth0
from auth0.management.core.api_error import ApiError

URL = os.environ["AUTH0_URL"]
DOMAIN = URL.removeprefix("http://")


def tokens(prefix):
    return GetToken(DOMAIN, os.environ[prefix + "_CLIENT_ID"], client_secret=os.environ[prefix + "_CLIENT_SECRET"], protocol="http")


class Tenant(unittest.TestCase):
    def setUp(self):
        token = tokens("AUTH0").client_credentials(f"{URL}/api/v2/")["access_token"]
        self.client = Auth0(base_url=f"{URL}/api/v2", token=token)

    def test_tokens_are_issued(self):
        granted = tokens("AUTH0").client_credentials("https://api.acme.example/")
        self.assertEqual((granted["token_type"], granted["access_token"].count(".")), ("Bearer", 2))
        caller = [user for user in self.client.users.list() if user.app_metadata][0]
        granted = tokens("AUTH0_LOGIN").login(caller.email, "2718", realm="Username-Password-Authentication", scope="openid")
        self.assertIn("id_token", granted)
        with self.assertRaises(Auth0Error) as raised:
            tokens("AUTH0_LOGIN").login(caller.email, "0000", realm="Username-Password-Authentication")
        self.assertEqual((raised.exception.status_code, raised.exception.error_code), (403, "invalid_grant"))

    def test_users_are_listed_searched_and_changed(self):
        users = list(self.client.users.list(per_page=1))
        self.assertGreater(len(users), 1)
        self.assertEqual([user.user_id for user in self.client.users.list(sort="email:1", per_page=100)], [user.user_id for user in sorted(users, key=lambda user: user.email)])
        user = next(user for user in users if not user.app_metadata)
        found = list(self.client.users.list(q=f'email:"{user.email}"', search_engine="v3", include_totals=True, fields="user_id,email"))
        self.assertEqual([user.user_id for user in found], [user.user_id])
        self.assertEqual(self.client.users.list_users_by_email(email=user.email)[0].user_id, user.user_id)
        changed = self.client.users.update(user.user_id, email_verified=True, app_metadata={"team": "blue"})
        self.assertEqual((changed.email_verified, changed.app_metadata["team"]), (True, "blue"))
        self.assertEqual(self.client.users.get(user.user_id).app_metadata["team"], "blue")
        self.client.users.update(user.user_id, email_verified=False, app_metadata={"team": None})
        with self.assertRaises(ApiError) as raised:
            self.client.users.get("auth0|none")
        self.assertEqual((raised.exception.status_code, raised.exception.body["errorCode"]), (404, "inexistent_user"))

    def test_what_the_token_does_not_permit(self):
        with self.assertRaises(ApiError) as raised:
            list(self.client.connections.list())
        self.assertEqual((raised.exception.status_code, raised.exception.body["errorCode"]), (403, "insufficient_scope"))

    def test_what_is_not_simulated_says_so(self):
        with self.assertRaises(ApiError) as raised:
            list(self.client.roles.list())
        self.assertIn("/api/v2/roles is not simulated by this sandbox", raised.exception.body["message"])
        with self.assertRaises(Auth0Error) as raised:
            Database(DOMAIN, os.environ["AUTH0_CLIENT_ID"], protocol="http").change_password("a@acme.example", "x")
        self.assertIn("is not simulated by this sandbox", raised.exception.message)
