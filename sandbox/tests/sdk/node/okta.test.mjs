// @okta/okta-sdk-nodejs. It takes any URL.
import assert from "node:assert/strict";
import { test } from "node:test";
import okta from "@okta/okta-sdk-nodejs";

const client = new okta.Client({ orgUrl: process.env.OKTA_URL, token: process.env.OKTA_API_TOKEN });

async function users(how) {
    const found = [];
    await (await client.userApi.listUsers(how)).each((user) => void found.push(user));
    return found;
}

test("users are listed, searched and changed", async () => {
    const ann = (await users({ limit: 1 })).find((user) => user.profile.firstName === "Ann");
    for (const how of [{ search: `profile.firstName eq "Ann"` }, { q: "ann" }, { filter: `profile.login eq "${ann.profile.login}"` }]) {
        assert.deepEqual((await users(how)).map((user) => user.id), [ann.id]);
    }
    for (const userId of [ann.id, ann.profile.login]) {
        assert.equal((await client.userApi.getUser({ userId })).id, ann.id);
    }
    ann.profile.department = "Support";
    const changed = await client.userApi.updateUser({ userId: ann.id, user: { profile: ann.profile } });
    assert.deepEqual([changed.profile.department, changed.profile.mobilePhone], ["Support", ann.profile.mobilePhone]);
});

test("users are made", async () => {
    const login = `cid${process.pid}@acme.example`;
    const made = await client.userApi.createUser({ body: { profile: { firstName: "Cid", lastName: "Example", email: login, login } } });
    assert.equal((await client.userApi.getUser({ userId: made.id })).profile.login, login);
});

test("errors have codes", async () => {
    await assert.rejects(client.userApi.getUser({ userId: "00u00000000000000000" }), { status: 404, errorCode: "E0000007" });
    await assert.rejects(async () => (await client.groupApi.listGroups()).next(), /api\/v1\/groups is not simulated by this sandbox/);
});
