// @vonage/server-sdk. Its option `restHost` names another host. It sends JSON with Basic credentials, and signs nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Auth } from "@vonage/auth";
import { Vonage } from "@vonage/server-sdk";

const { VONAGE_URL: restHost, VONAGE_API_KEY: apiKey, VONAGE_API_SECRET: apiSecret } = process.env;

test("texts are sent with key and secret", async () => {
    const { sms } = new Vonage(new Auth({ apiKey, apiSecret }), { restHost });
    const sent = await sms.send({ to: "4520666666", from: "ACME", text: "Hi", clientRef: "mine" });
    assert.deepEqual([sent.messageCount, sent.messages[0].status], ["1", "0"]);
});

test("wrong credentials are refused", async () => {
    const { sms } = new Vonage(new Auth({ apiKey, apiSecret: "wrong" }), { restHost });
    await assert.rejects(sms.send({ to: "4520666666", from: "ACME", text: "Hi" }));
});
