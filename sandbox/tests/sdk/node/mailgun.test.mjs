// mailgun.js. Its option `url` names another host.
import assert from "node:assert/strict";
import { test } from "node:test";
import FormData from "form-data";
import Mailgun from "mailgun.js";

const { MAILGUN_URL: url, MAILGUN_API_KEY: key, MAILGUN_DOMAIN: domain } = process.env;
const client = new Mailgun(FormData).client({ username: "api", key, url });

test("routes are made, read, changed and deleted", async () => {
    const action = ["forward('https://acme.example/')", "stop()"];
    const made = await client.routes.create({ priority: 9, description: "x", expression: "match_recipient('x@acme.example')", action });
    assert.deepEqual(made.actions, action);
    assert.equal((await client.routes.get(made.id)).id, made.id);
    assert.equal((await client.routes.update(made.id, { priority: 10, description: "y", expression: "catch_all()", action })).priority, 10);
    assert.ok((await client.routes.list({ limit: 100, skip: 0 })).some((route) => route.id === made.id));
    await client.routes.destroy(made.id);
    await assert.rejects(client.routes.get(made.id), { status: 404 });
});

test("the domain is described", async () => {
    assert.equal((await client.domains.get(domain)).state, "active");
});

test("what is not simulated says so", async () => {
    const answer = client.messages.create("acme.example", { from: "a@acme.example", to: ["b@acme.example"], subject: "x", text: "x" });
    await assert.rejects(answer, (error) => error.status === 501 && /is not simulated by this sandbox/.test(error.details));
});
