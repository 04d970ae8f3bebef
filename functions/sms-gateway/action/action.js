"use strict";

// Auth0 Action, trigger custom-phone-provider: hands Auth0's text and voice messages to the sms-gateway function.
// One file without dependencies, to be pasted into Auth0. It prints nothing: the logs of Actions are kept, codes and numbers must not be.

// Auth0 ends an Action after 20 s; the gateway answers within 17 s.
// https://auth0.com/docs/customize/actions/limitations
const TIME_LIMIT_MS = 18_000;

// What each of the gateway's refusals means for Auth0: "retry" runs the Action again, up to 5 times within minutes, "drop" does not.
const ANSWERS = {
  400: ["drop", "the gateway found the message malformed or the number impossible"],
  401: ["drop", "the gateway refused the credential; check GATEWAY_TOKEN"],
  422: ["drop", "the recipient cannot receive it, or the gateway makes no calls: choose Text as the delivery method"],
  429: ["drop", "the country is not allowed or the rate limit is reached"],
  502: ["retry", "no SMS provider took the text"],
  503: ["retry", "the gateway is temporarily unavailable; nothing was sent"],
  504: ["drop", "the text may or may not have been sent; it is not sent again, the user can ask for another"],
};

/**
 * Posts the rendered text to the gateway and tells Auth0 whether to give up or to come again.
 *
 * @param {Event} event - The notification; secrets GATEWAY_URL, GATEWAY_TOKEN and, optionally, GATEWAY_TIMEOUT_MS.
 * @param {CustomPhoneProviderAPI} api - Takes the verdict, see
 * https://auth0.com/docs/actions/reference/custom-phone-provider/custom-phone-provider-api-object
 */
exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const { notification } = event;
  const { url, token, timeout, problem } = configuration(event.secrets ?? {});
  if (problem) return conclude(api, "drop", problem);

  let response;
  try {
    response = await fetch(url, {
      method: "POST",
      // A redirect would take the code, and perhaps the token, to a host that nobody configured.
      redirect: "error",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({
        recipient: notification.recipient,
        text: notification.as_text,
        // Of a call. The gateway answers 422 if it makes none.
        as_voice: notification.delivery_method === "voice" ? notification.as_voice : undefined,
        from: notification.from,
        code: notification.code,
        message_type: notification.message_type,
        delivery_method: notification.delivery_method,
        language: notification.locale,
        req: origin(event.request),
      }),
      signal: AbortSignal.timeout(timeout),
    });
  } catch (error) {
    // A connection cut, or a time limit reached, after the request went out leaves open whether the text was sent. Coming again is
    // safe all the same: the gateway knows the same text to the same number for RESEND_COOLDOWN_SECONDS, and answers with the first
    // outcome instead of sending twice.
    return conclude(api, "retry", noAnswer(error));
  }
  // The status says it all. An unread body would hold the connection, and one that breaks off changes nothing.
  response.body?.cancel().catch(() => {});
  if (response.status === 200) return;
  // Lambda itself answers 429 when all reserved instances are busy; then nobody has seen the text yet.
  if (response.status === 429 && response.headers.has("x-amzn-errortype")) {
    return conclude(api, "retry", "the gateway is busy; nothing was sent");
  }

  const unexpected = [response.status >= 500 ? "retry" : "drop", `the gateway answered ${response.status}; check GATEWAY_URL`];
  return conclude(api, ...(ANSWERS[response.status] ?? unexpected));
};

/** Reads the secrets: either all settings, or the problem with them. Never quotes a value. */
function configuration(secrets) {
  let url;
  try {
    url = new URL(secrets.GATEWAY_URL);
  } catch {
    return { problem: "the secret GATEWAY_URL is missing or not a URL" };
  }
  // Loopback is this machine, never the gateway of a tenant: tests need no certificate.
  const loopback = url.protocol === "http:" && url.hostname === "127.0.0.1";
  if ((url.protocol !== "https:" && !loopback) || url.username || url.password) {
    return { problem: "the secret GATEWAY_URL must be an https URL without user name or password" };
  }
  const token = secrets.GATEWAY_TOKEN?.trim();
  if (!token) return { problem: "the secret GATEWAY_TOKEN is missing" };
  // fetch would refuse such a header too, but quotes it in its message.
  if (!/^[\x21-\x7e]+$/.test(token)) return { problem: "the secret GATEWAY_TOKEN has blanks or other characters that no token has" };
  const timeout = Number(secrets.GATEWAY_TIMEOUT_MS ?? TIME_LIMIT_MS);
  if (!Number.isInteger(timeout) || timeout < 1 || timeout > TIME_LIMIT_MS) {
    return { problem: `the secret GATEWAY_TIMEOUT_MS must be a number from 1 to ${TIME_LIMIT_MS}` };
  }
  return { url, token, timeout };
}

/** Where the request came from that the text answers, as far as Auth0 tells. */
function origin(request) {
  const [ip, country] = [request?.ip, request?.geoip?.countryCode];
  return ip || country ? { ip: ip || undefined, country: country || undefined } : undefined;
}

/** Why there was no answer, by error code only: messages may quote what was sent. */
function noAnswer(error) {
  if (error?.name === "TimeoutError") return "the gateway did not answer in time";
  const code = error?.cause?.code;
  return /^[A-Z0-9_]+$/.test(code) ? `no answer from the gateway (${code})` : "no usable answer from the gateway";
}

/**
 * Hands the verdict ("drop" or "retry") to Auth0. Some editions of the trigger's description list api.cache alone: where the method is
 * absent, throwing is the way to fail.
 */
function conclude(api, verdict, reason) {
  if (typeof api?.notification?.[verdict] !== "function") throw new Error(reason);
  api.notification[verdict](reason);
}
