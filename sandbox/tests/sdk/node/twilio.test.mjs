// twilio-node. Its documented hook for another host is a custom HTTP client, given as `httpClient`.
import assert from "node:assert/strict";
import { test } from "node:test";
import twilio from "twilio";

const { TWILIO_URL, TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_NUMBER: NUMBER } = process.env;
const PHONE = "+4520444444";

class Redirected extends twilio.RequestClient {
    request(options) {
        const { pathname, search } = new URL(options.uri);
        return super.request({ ...options, uri: TWILIO_URL + pathname + search });
    }
}

const client = twilio(TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, { httpClient: new Redirected() });

test("messages are sent and read back", async () => {
    const sent = await client.messages.create({ to: PHONE, from: NUMBER, body: "Hi", statusCallback: "http://127.0.0.1:9/" });
    const read = await client.messages(sent.sid).fetch();
    assert.deepEqual([read.status, read.body, read.dateSent instanceof Date], ["delivered", "Hi", true]);
    await client.messages.create({ to: PHONE, from: NUMBER, body: "Again", validityPeriod: 180 });
    const listed = await client.messages.list({ to: PHONE, pageSize: 1, limit: 2 });
    assert.deepEqual(listed.map((message) => message.body), ["Again", "Hi"]);
    assert.equal(await client.messages(sent.sid).remove(), true);
    await assert.rejects(client.messages(sent.sid).fetch(), { status: 404, code: 20404 });
});

test("numbers are bought and released", async () => {
    const [found] = await client.availablePhoneNumbers("US").local.list({ areaCode: 628, limit: 1 });
    const bought = await client.incomingPhoneNumbers.create({ phoneNumber: found.phoneNumber, voiceUrl: "https://acme.example/" });
    const [listed] = await client.incomingPhoneNumbers.list({ phoneNumber: bought.phoneNumber, limit: 1 });
    assert.equal(listed.sid, bought.sid);
    await client.incomingPhoneNumbers(bought.sid).remove();
});

test("calls are listed and made, and what is not simulated says so", async () => {
    assert.deepEqual(await client.calls.list({ from: PHONE, limit: 5 }), []);
    const call = await client.calls.create({ to: PHONE, from: NUMBER, twiml: "<Response><Say>Your code is: 1. 2.</Say></Response>" });
    assert.equal(call.status, "queued");
    await assert.rejects(client.conferences.list({ limit: 1 }), /not simulated by this sandbox/);
});
