"""boto3. It reads the endpoints, the region and the credentials from the environment variables that `cargo sandbox` prints."""
import base64
import json
import os
import unittest
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

os.environ["AWS_DEFAULT_REGION"] = os.environ["AWS_REGION"]
CONFIG = Config(retries={"total_max_attempts": 1})


def code(call, **request):
    try:
        call(**request)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


class SecretsManager(unittest.TestCase):
    def test_a_secret_has_versions(self):
        secrets = boto3.client("secretsmanager", config=CONFIG)
        name = f"sdk/{uuid.uuid4()}"
        first = secrets.create_secret(Name=name, SecretString="1", Description="x")["VersionId"]
        token = str(uuid.uuid4())
        for _ in range(2):
            put = secrets.put_secret_value(SecretId=name, SecretString="2", ClientRequestToken=token)
            self.assertEqual((put["VersionId"], put["VersionStages"]), (token, ["AWSCURRENT"]))
        self.assertEqual(code(secrets.put_secret_value, SecretId=name, SecretString="3", ClientRequestToken=token), "ResourceExistsException")
        self.assertEqual(secrets.get_secret_value(SecretId=name)["SecretString"], "2")
        self.assertEqual(secrets.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")["VersionId"], first)
        self.assertEqual(secrets.get_secret_value(SecretId=name, VersionId=first)["SecretString"], "1")
        secrets.put_secret_value(SecretId=name, SecretBinary=b"\0\1", VersionStages=["AWSPENDING"])
        self.assertEqual(secrets.get_secret_value(SecretId=name, VersionStage="AWSPENDING")["SecretBinary"], b"\0\1")
        stages = secrets.describe_secret(SecretId=put["ARN"])["VersionIdsToStages"]
        self.assertEqual((stages[first], stages[token], len(stages)), (["AWSPREVIOUS"], ["AWSCURRENT"], 3))
        self.assertEqual(len(secrets.list_secret_version_ids(SecretId=name)["Versions"]), 3)
        self.assertEqual(code(secrets.get_secret_value, SecretId="sdk/none"), "ResourceNotFoundException")
        self.assertEqual(code(secrets.delete_secret, SecretId=name), "UnknownOperationException")

    def test_the_functions_secrets_are_there(self):
        secrets = boto3.client("secretsmanager", config=CONFIG)
        value = json.loads(secrets.get_secret_value(SecretId="switchboard/plivo")["SecretString"])
        self.assertEqual(value["auth_id"], os.environ["PLIVO_AUTH_ID"])


class Lambda(unittest.TestCase):
    def setUp(self):
        self.functions = boto3.client("lambda", config=CONFIG)

    def test_functions_are_invoked(self):
        arn = "arn:aws:lambda:eu-west-1:000000000000:function:provision-numbers"
        for name in ("provision-numbers", "provision-numbers:$LATEST", arn, arn + ":$LATEST"):
            answer = self.functions.invoke(FunctionName=name, LogType="Tail")
            self.assertEqual((answer["StatusCode"], answer["ExecutedVersion"]), (200, "$LATEST"))
            self.assertNotIn("FunctionError", answer)
            self.assertTrue(base64.b64decode(answer["LogResult"]))
        self.assertEqual(self.functions.invoke(FunctionName="sms-gateway", InvocationType="DryRun")["StatusCode"], 204)
        self.assertEqual(self.functions.invoke(FunctionName="provision-numbers", InvocationType="Event")["StatusCode"], 202)
        self.assertEqual(code(self.functions.invoke, FunctionName="sms-gateway", Qualifier="prod"), "ResourceNotFoundException")
        self.assertEqual(code(self.functions.invoke, FunctionName="sms-gateway", Payload=b"{"), "InvalidRequestContentException")

    def test_what_is_not_simulated_says_so(self):
        with self.assertRaises(ClientError) as raised:
            self.functions.list_functions()
        self.assertEqual(raised.exception.response["Error"]["Code"], "UnknownOperationException")
        self.assertIn("is not simulated by this sandbox", raised.exception.response["Error"]["Message"])
