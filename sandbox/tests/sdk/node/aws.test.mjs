// The AWS SDK for JavaScript. It reads the endpoints, the region and the credentials from the environment variables that `cargo sandbox` prints.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { InvokeCommand, LambdaClient, ListFunctionsCommand } from "@aws-sdk/client-lambda";
import { CreateSecretCommand, GetSecretValueCommand, PutSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

const secrets = new SecretsManagerClient({ maxAttempts: 1 });
const functions = new LambdaClient({ maxAttempts: 1 });

test("a secret has versions", async () => {
    const SecretId = `sdk/${randomUUID()}`;
    const { VersionId: first } = await secrets.send(new CreateSecretCommand({ Name: SecretId, SecretString: "1" }));
    await secrets.send(new PutSecretValueCommand({ SecretId, SecretString: "2" }));
    const get = async (more) => (await secrets.send(new GetSecretValueCommand({ SecretId, ...more }))).SecretString;
    assert.equal(await get({}), "2");
    assert.equal(await get({ VersionStage: "AWSPREVIOUS" }), "1");
    assert.equal(await get({ VersionId: first }), "1");
    await assert.rejects(get({ VersionId: randomUUID() }), { name: "ResourceNotFoundException" });
});

test("functions are invoked", async () => {
    const answer = await functions.send(new InvokeCommand({ FunctionName: "provision-numbers", LogType: "Tail" }));
    assert.deepEqual([answer.StatusCode, answer.FunctionError], [200, undefined]);
    assert.ok(answer.LogResult);
    const dry = await functions.send(new InvokeCommand({ FunctionName: "provision-numbers:$LATEST", InvocationType: "DryRun" }));
    assert.equal(dry.StatusCode, 204);
    await assert.rejects(functions.send(new InvokeCommand({ FunctionName: "none" })), { name: "ResourceNotFoundException" });
    await assert.rejects(functions.send(new ListFunctionsCommand({})), { name: "UnknownOperationException" });
});
