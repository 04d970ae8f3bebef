// node-auth0. Both clients take an own `fetch`, through which HTTPS to the domain becomes HTTP.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManagementClient } from "auth0";
import { AuthenticationClient } from "auth0/legacy"; // where it is since version 7

const { AUTH0_URL, AUTH0_CLIENT_ID, AUTH0_CLIENT_SECRET, AUTH0_LOGIN_CLIENT_ID, AUTH0_LOGIN_CLIENT_SECRET } = process.env;
const domain = new URL(AUTH0_URL).host;
const plainly = (url, options) => fetch(String(url).replace("https://", "http://"), options);
const authentication = (clientId, clientSecret) => new AuthenticationClient({ domain, clientId, clientSecret, fetch: plainly });
const granted = await authentication(AUTH0_CLIENT_ID, AUTH0_CLIENT_SECRET).oauth.clientCredentialsGrant({ audience: `${AUTH0_URL}/api/v2/` });
const management = new ManagementClient({ domain, token: granted.data.access_token, fetch: plainly, maxRetries: 0 });

test("users sign in", async () => {
    const users = (await management.users.list({ q: "_exists_:app_metadata.account_number", search_engine: "v3" })).data;
    const login = authentication(AUTH0_LOGIN_CLIENT_ID, AUTH0_LOGIN_CLIENT_SECRET).oauth;
    const realm = "Username-Password-Authentication";
    const answer = await login.passwordGrant({ username: users[0].email, password: "2718", realm, audience: "https://api.acme.example/", scope: "read:accounts" });
    assert.ok(answer.data.access_token);
    await assert.rejects(login.passwordGrant({ username: users[0].email, password: "0000", realm }), { statusCode: 403, error: "invalid_grant" });
});

test("users are listed, searched and changed", async () => {
    const all = [];
    for await (const user of await management.users.list({ per_page: 1, sort: "email:1" })) {
        all.push(user);
    }
    assert.ok(all.length > 1);
    const user = all.find((user) => !user.app_metadata);
    assert.equal((await management.users.listUsersByEmail({ email: user.email }))[0].user_id, user.user_id);
    const changed = await management.users.update(user.user_id, { email_verified: true });
    assert.equal(changed.email_verified, true);
    assert.equal((await management.users.get(user.user_id)).email_verified, true);
    await management.users.update(user.user_id, { email_verified: false });
    await assert.rejects(management.users.get("auth0|none"), { statusCode: 404 });
});

test("what is not simulated says so", async () => {
    await assert.rejects(management.roles.list(), /api\/v2\/roles is not simulated by this sandbox/);
});
