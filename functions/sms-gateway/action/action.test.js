"use strict";

const assert = require("node:assert/strict");
const http = require("node:http");
const { test } = require("node:test");

const { onExecuteCustomPhoneProvider } = require("./action.js");

const TOKEN = "token-4f1c9b";
const RECIPIENT = "+4512345678";
const CODE = "271828";
const TEXT = `Your verification code is ${CODE}`;
const IP = "203.0.113.7";
const SENSITIVE = [TOKEN, RECIPIENT, RECIPIENT.slice(1), CODE, TEXT, IP];

/** A gateway on 127.0.0.1 that answers as told; `answer` is a status or a request listener. */
async function gateway(t, answer) {
  const requests = [];
  const server = http.createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    requests.push({ method: request.method, url: request.url, headers: request.headers, body });
    if (typeof answer === "function") return answer(request, response);
    response.writeHead(answer, { "content-type": "application/json" }).end(JSON.stringify({ echo: TEXT }));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, requests, server };
}

function event(url, { secrets, request, ...notification } = {}) {
  return {
    // As in https://auth0.com/docs/actions/reference/custom-phone-provider/custom-phone-provider-event-object
    request: request ?? { ip: IP, method: "POST", user_agent: "curl/8", geoip: { countryCode: "DK", countryCode3: "DNK", cityName: "Aarhus" } },
    notification: {
      recipient: RECIPIENT,
      as_text: TEXT,
      as_voice: "Your code is 2. 7. 1. 8. 2. 8.",
      code: CODE,
      delivery_method: "text",
      message_type: "otp_verify",
      from: "+15005550006",
      locale: "en-US",
      ...notification,
    },
    secrets: { GATEWAY_URL: url, GATEWAY_TOKEN: TOKEN, ...secrets },
  };
}

/** Runs the Action; gives its verdicts, and holds for every run that nothing is printed and that no reason tells a secret. */
async function run(input, { api } = {}) {
  const verdicts = [];
  const note = (verdict) => (reason) => verdicts.push({ verdict, reason });
  const printed = [];
  const console = globalThis.console;
  globalThis.console = new Proxy({}, { get: (_, method) => (...what) => printed.push([method, ...what]) });
  let result;
  try {
    result = await onExecuteCustomPhoneProvider(input, api ?? { cache: {}, notification: { drop: note("drop"), retry: note("retry") } });
  } catch (error) {
    verdicts.push({ verdict: "throw", reason: error.message });
    assert.equal(error.cause, undefined, "a cause may quote what was sent");
  } finally {
    globalThis.console = console;
  }
  assert.equal(result, undefined);
  assert.deepEqual(printed, []);
  for (const { reason } of verdicts) {
    assert.ok(reason.length > 10 && reason.length <= 1024, reason);
    for (const secret of SENSITIVE) assert.ok(!reason.includes(secret), reason);
  }
  return verdicts;
}

/** The only verdict of a run that has one. */
async function verdict(input, options) {
  const verdicts = await run(input, options);
  assert.equal(verdicts.length, 1, JSON.stringify(verdicts));
  return verdicts[0];
}

test("200 is done", async (t) => {
  const { url, requests } = await gateway(t, 200);
  assert.deepEqual(await run(event(url)), []);
  assert.equal(requests.length, 1);
});

for (const [status, expected, reason] of [
  [400, "drop", /malformed|impossible/],
  [401, "drop", /GATEWAY_TOKEN/],
  [422, "drop", /recipient/],
  [429, "drop", /rate limit/],
  [502, "retry", /provider/],
  [503, "retry", /nothing was sent/],
  [504, "drop", /may or may not/],
  [500, "retry", /answered 500/],
  [204, "drop", /answered 204/],
  [403, "drop", /answered 403/],
  [404, "drop", /answered 404/],
]) {
  test(`${status} is ${expected}`, async (t) => {
    const { url, requests } = await gateway(t, status);
    const result = await verdict(event(url));
    assert.equal(result.verdict, expected);
    assert.match(result.reason, reason);
    assert.equal(requests.length, 1, "Auth0 repeats, not the Action");
  });
}

test("429 of Lambda itself is retry", async (t) => {
  const { url } = await gateway(t, (_, response) => response.writeHead(429, { "x-amzn-ErrorType": "TooManyRequestsException" }).end());
  const result = await verdict(event(url));
  assert.equal(result.verdict, "retry");
  assert.match(result.reason, /busy/);
});

test("the request", async (t) => {
  const { url, requests } = await gateway(t, 200);
  await run(event(`${url}/path?stage=1`));
  const [{ method, url: path, headers, body }] = requests;
  assert.equal(method, "POST");
  assert.equal(path, "/path?stage=1");
  assert.equal(headers.authorization, `Bearer ${TOKEN}`);
  assert.equal(headers["content-type"], "application/json");
  assert.deepEqual(JSON.parse(body), {
    recipient: RECIPIENT,
    text: TEXT,
    from: "+15005550006",
    code: CODE,
    message_type: "otp_verify",
    delivery_method: "text",
    language: "en-US",
    req: { ip: IP, country: "DK" },
  });
});

test("of who asked, the gateway is told address and country, as far as they are known", async (t) => {
  const { url, requests } = await gateway(t, 200);
  for (const [request, req] of [
    [{ ip: "2001:db8::1", geoip: { countryCode: "SE" } }, { ip: "2001:db8::1", country: "SE" }],
    [{ ip: IP, geoip: {} }, { ip: IP }],
    [{ ip: IP }, { ip: IP }],
    [{ geoip: { countryCode: "SE" } }, { country: "SE" }],
    [{ ip: "", geoip: { countryCode: "" } }, undefined],
    [{ ip: null, geoip: null }, undefined],
    [{ user_agent: "curl/8", hostname: "acme.eu.auth0.com", language: "en" }, undefined],
  ]) {
    assert.deepEqual(await run(event(url, { request })), []);
    assert.deepEqual(JSON.parse(requests.at(-1).body).req, req, JSON.stringify(request));
  }
  const { request, ...without } = event(url);
  assert.deepEqual(await run(without), []);
  assert.deepEqual(await run({ ...without, request: null }), []);
  for (const { body } of requests.slice(-2)) assert.ok(!("req" in JSON.parse(body)), body);
});

test("what the notification lacks is left out", async (t) => {
  const { url, requests } = await gateway(t, 200);
  const lacking = { from: undefined, code: undefined, locale: undefined, message_type: "blocked_account", request: {} };
  assert.deepEqual(await run(event(url, lacking)), []);
  assert.deepEqual(JSON.parse(requests[0].body), { recipient: RECIPIENT, text: TEXT, message_type: "blocked_account", delivery_method: "text" });
});

test("a token pasted with a line end is good", async (t) => {
  const { url, requests } = await gateway(t, 200);
  assert.deepEqual(await run(event(url, { secrets: { GATEWAY_TOKEN: `${TOKEN}\n` } })), []);
  assert.equal(requests[0].headers.authorization, `Bearer ${TOKEN}`);
});

test("200 counts even if its body never ends or breaks off", async (t) => {
  const endless = await gateway(t, (_, response) => response.writeHead(200).write("{"));
  assert.deepEqual(await run(event(endless.url)), []);
  // Head and nonsense in one packet: the body has failed before anyone could look at it.
  const nonsense = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n";
  const broken = await gateway(t, (request) => request.socket.end(nonsense));
  assert.deepEqual(await run(event(broken.url)), []);
});

test("no answer in time is retry", async (t) => {
  const { url } = await gateway(t, () => {});
  const result = await verdict(event(url, { secrets: { GATEWAY_TIMEOUT_MS: "100" } }));
  assert.deepEqual(result, { verdict: "retry", reason: "the gateway did not answer in time" });
});

test("the time limit is 18 s, and can only be shorter", async (t) => {
  const { url } = await gateway(t, 200);
  const original = AbortSignal.timeout;
  const limits = [];
  AbortSignal.timeout = (ms) => {
    limits.push(ms);
    return original.call(AbortSignal, ms);
  };
  t.after(() => {
    AbortSignal.timeout = original;
  });
  await run(event(url));
  await run(event(url, { secrets: { GATEWAY_TIMEOUT_MS: "9000" } }));
  assert.deepEqual(limits, [18_000, 9_000]);
});

test("connection refused is retry", async (t) => {
  const { url, server } = await gateway(t, 200);
  await new Promise((done) => server.close(done));
  const result = await verdict(event(url));
  assert.deepEqual(result, { verdict: "retry", reason: "no answer from the gateway (ECONNREFUSED)" });
});

test("https that cannot be agreed on is retry, and nothing is sent in the clear", async (t) => {
  const { url, requests } = await gateway(t, 200);
  const result = await verdict(event(url.replace("http:", "https:")));
  assert.equal(result.verdict, "retry");
  assert.match(result.reason, /no answer from the gateway \(ERR_SSL/);
  assert.equal(requests.length, 0);
});

test("connection cut after the request is retry, once", async (t) => {
  const { url, requests } = await gateway(t, (request) => request.socket.destroy());
  const result = await verdict(event(url));
  assert.equal(result.verdict, "retry");
  assert.match(result.reason, /no answer from the gateway/);
  assert.equal(requests.length, 1);
});

test("an answer that is not HTTP is retry", async (t) => {
  const { url } = await gateway(t, (request) => request.socket.end(`${TEXT}\r\n\r\n`));
  assert.equal((await verdict(event(url))).verdict, "retry");
});

test("redirects are not followed", async (t) => {
  const elsewhere = await gateway(t, 200);
  for (const status of [301, 302, 303, 307, 308]) {
    const { url, requests } = await gateway(t, (_, response) => response.writeHead(status, { location: elsewhere.url }).end());
    assert.equal((await verdict(event(url))).verdict, "retry");
    assert.equal(requests.length, 1);
  }
  assert.equal(elsewhere.requests.length, 0);
});

test("the words of a call are handed on, and no calls is drop", async (t) => {
  const { url, requests } = await gateway(t, 422);
  const result = await verdict(event(url, { delivery_method: "voice" }));
  assert.equal(result.verdict, "drop");
  assert.match(result.reason, /makes no calls/);
  assert.equal(requests.length, 1);
  const { as_voice, delivery_method, text } = JSON.parse(requests[0].body);
  assert.deepEqual([as_voice, delivery_method, text], ["Your code is 2. 7. 1. 8. 2. 8.", "voice", TEXT]);
});

for (const [name, secrets, reason] of [
  ["no URL", { GATEWAY_URL: undefined }, /GATEWAY_URL is missing/],
  ["an empty URL", { GATEWAY_URL: "" }, /GATEWAY_URL is missing/],
  ["not a URL", { GATEWAY_URL: "gateway.example.com" }, /GATEWAY_URL is missing or not a URL/],
  ["http", { GATEWAY_URL: "http://gateway.example.com/" }, /must be an https URL/],
  ["http to a name that looks like loopback", { GATEWAY_URL: "http://127.0.0.1.example.com/" }, /must be an https URL/],
  ["http with loopback as user name", { GATEWAY_URL: "http://127.0.0.1@gateway.example.com/" }, /must be an https URL/],
  ["another scheme", { GATEWAY_URL: "data:,ok" }, /must be an https URL/],
  ["a password in the URL", { GATEWAY_URL: `https://:${TOKEN}@gateway.example.com/` }, /without user name/],
  ["a user name in the URL", { GATEWAY_URL: `https://${TOKEN}@gateway.example.com/` }, /without user name/],
  ["no token", { GATEWAY_TOKEN: undefined }, /GATEWAY_TOKEN is missing/],
  ["a blank token", { GATEWAY_TOKEN: " \n" }, /GATEWAY_TOKEN is missing/],
  ["a token with a line end within", { GATEWAY_TOKEN: `${TOKEN}\r\nx: y` }, /GATEWAY_TOKEN has/],
  ["a token with a letter no header carries", { GATEWAY_TOKEN: `${TOKEN}\u2026` }, /GATEWAY_TOKEN has/],
  ["a time limit of nothing", { GATEWAY_TIMEOUT_MS: "0" }, /GATEWAY_TIMEOUT_MS/],
  ["a time limit beyond Auth0's", { GATEWAY_TIMEOUT_MS: "18001" }, /GATEWAY_TIMEOUT_MS/],
  ["a time limit in words", { GATEWAY_TIMEOUT_MS: "10s" }, /GATEWAY_TIMEOUT_MS/],
]) {
  test(`misconfigured is drop: ${name}`, async (t) => {
    const { url, requests } = await gateway(t, 200);
    const result = await verdict(event(url, { secrets }));
    assert.equal(result.verdict, "drop");
    assert.match(result.reason, reason);
    assert.equal(requests.length, 0);
  });
}

test("misconfigured is drop: no secrets at all", async () => {
  const result = await verdict({ ...event(""), secrets: undefined });
  assert.equal(result.verdict, "drop");
  assert.match(result.reason, /GATEWAY_URL/);
});

test("an api without notification: failures are thrown, success is not", async (t) => {
  for (const api of [{ cache: {} }, { cache: {}, notification: {} }]) {
    for (const status of [401, 503]) {
      const { url } = await gateway(t, status);
      assert.equal((await verdict(event(url), { api })).verdict, "throw");
    }
    assert.equal((await verdict(event("http://gateway.example.com"), { api })).verdict, "throw");
    const { url } = await gateway(t, 200);
    assert.deepEqual(await run(event(url), { api }), []);
  }
});
