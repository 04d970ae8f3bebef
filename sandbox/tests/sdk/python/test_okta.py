"""okta-sdk-python. Its setting `testing.testingDisableHttpsCheck` lets it talk plain HTTP; only its environment variable reaches it."""
import asyncio
import os
import unittest

from okta.client import Client
from okta.models import UpdateUserRequest, UserProfile

os.environ["OKTA_TESTING_TESTINGDISABLEHTTPSCHECK"] = "true"
SETTINGS = {"orgUrl": os.environ["OKTA_URL"], "token": os.environ["OKTA_API_TOKEN"]}


def run(call):
    """Result, answer and error of one call; a failed one has no result."""
    result, *answer, error = asyncio.run(call(Client(SETTINGS)))
    return result, answer, error


class Org(unittest.TestCase):
    def test_users_are_listed_searched_and_changed(self):
        users, _, error = run(lambda client: client.list_users(limit=200))
        self.assertIsNone(error)
        ann = next(user for user in users if user.profile.first_name == "Ann")
        mobile = ann.profile.mobile_phone
        for how in ({"search": f'profile.mobilePhone eq "{mobile}"'}, {"q": "Ann"}, {"filter": f'profile.login eq "{ann.profile.login}"'}):
            found, _, error = run(lambda client: client.list_users(**how))
            self.assertIsNone(error)
            self.assertEqual([user.id for user in found], [ann.id], how)
        for name in (ann.id, ann.profile.login):
            found, _, error = run(lambda client: client.get_user(name))
            self.assertIsNone(error)
            self.assertEqual(found.id, ann.id)
        change = UpdateUserRequest(profile=UserProfile(department="Sales"))
        changed, _, error = run(lambda client: client.update_user(ann.id, change))
        self.assertIsNone(error)
        self.assertEqual((changed.profile.department, changed.profile.mobile_phone), ("Sales", mobile))

    def test_event_hooks_are_listed(self):
        hooks, _, error = run(lambda client: client.list_event_hooks())
        self.assertIsNone(error)
        self.assertEqual(hooks, [])

    def test_errors_have_codes(self):
        _, _, error = run(lambda client: client.get_user("00u00000000000000000"))
        self.assertEqual(error.error_code, "E0000007")
        _, _, error = run(lambda client: client.list_groups())
        self.assertIn("/api/v1/groups is not simulated by this sandbox", str(error))
