// plivo-node. Its option `url` names another host.
import assert from "node:assert/strict";
import { test } from "node:test";
import plivo from "plivo";

const { PLIVO_URL, PLIVO_AUTH_ID, PLIVO_AUTH_TOKEN } = process.env;
const client = new plivo.Client(PLIVO_AUTH_ID, PLIVO_AUTH_TOKEN, { url: `${PLIVO_URL}/v1/Account/${PLIVO_AUTH_ID}` });

test("messages are sent and read back", async () => {
    const sent = await client.messages.create({ src: "15005550006", dst: "4520555555", text: "Hi" });
    const read = await client.messages.get(sent.messageUuid[0]);
    assert.equal(read.toNumber, "4520555555");
    await client.messages.create({ src: "15005550006", dst: "4520555555", text: "Hi", log: "false", type: "sms", message_expiry: 180 });
    assert.equal((await client.messages.list({ limit: 2 })).length, 2);
    await assert.rejects(client.messages.get("none"));
});
