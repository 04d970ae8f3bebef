//! `cargo record`: the recorded requests in `events/`, and their variables.
//!
//! The files are always the same. The simulators make the requests. Their random values are
//! replaced by fixed ones and signed again with the sandbox's fixed keys.

mod again;
mod environment;
mod payload;
mod receipts;
mod requests;
mod tokens;

pub(crate) use environment::settings;
pub use tokens::{Tokens, fresh};

use std::{collections::BTreeMap, io, path::PathBuf};

use serde_json::{Value, json};

use crate::{
    COMPANY_NUMBER, EMPLOYEE_MOBILE, GENERIC_TOKEN, HOOK_TOKEN, IVR_NUMBER, IVR_TOKEN,
    OKTA_HOOK_TOKEN, STUDIO_TOKEN, Sandbox,
    auth0::{self, LinkPage},
    supabase::{self, Supabase},
    template::root,
    twilio,
};

use environment::environment;
use payload::{DOMAIN, event, form, get, pairs, set, webhook};
use requests::{
    asked_by_supabase, call, call_to, challenge, code_of_okta, hired, mail, numbered, schedule,
    sign_in, text,
};
use tokens::{gateway_token, unsigned};

/// The time of the requests, epoch seconds: 20 November 2026, noon.
const AT: u64 = 1_795_176_000;
/// The phone of the person who signs up and replies, and who calls and texts an employee.
const PHONE: &str = "+4520123456";
/// An account of `accounts.json`, its phone, and its holder's PIN.
const ACCOUNT: &str = "10042";
const ACCOUNT_PHONE: &str = "+4512345678";
const PIN: &str = "2718";

/// The tenant in the links of the recorded mails: the sandbox's, on its usual port.
const TENANT: &str = "http://host.docker.internal:4712";

/// Writes the files of [`files`] and returns their paths.
pub async fn write() -> io::Result<Vec<PathBuf>> {
    let folder = root().join("events");
    let mut written = Vec::new();
    for (name, text) in files().await {
        let path = folder.join(name);
        std::fs::write(&path, text)?;
        written.push(path);
    }
    Ok(written)
}

/// The files of `events/`, by name.
pub async fn files() -> BTreeMap<&'static str, String> {
    let sandbox = Sandbox::start().await;
    let user = sandbox
        .auth0
        .sign_up(&format!("acme{PHONE}@sms.example.com"));
    let verification = mail(
        &sandbox,
        sandbox.auth0.mail_verification(&user, LinkPage::Form),
        1,
    );
    let password = mail(&sandbox, sandbox.auth0.mail_password(&user), 2);
    let mut forged = verification.clone();
    set(&mut forged, "signature", |signature| {
        let last = signature.pop();
        signature.push(if last == Some('0') { '1' } else { '0' });
    });
    let (yes, other) = (text(&sandbox, "YES", 1), text(&sandbox, "What is this?", 2));
    let mut tampered = yes.clone();
    set(&mut tampered, "Body", |body| body.replace_range(2.., "s"));
    let signature =
        |params: &[(String, String)]| sandbox.twilio.sign(&format!("https://{DOMAIN}/"), params);
    let mailgun = |fields: &[(String, String)]| {
        event(
            "/",
            "application/x-www-form-urlencoded",
            "mailgun/treq",
            &[],
            &form(fields),
        )
    };
    let twilio =
        |params: &[(String, String)], signature: &str| webhook("/", signature, &form(params));
    let signed = |path: &str, params: &[(String, String)]| {
        webhook(
            path,
            &sandbox
                .twilio
                .sign(&format!("https://{DOMAIN}{path}"), params),
            &form(params),
        )
    };
    let (token, code) = (gateway_token(&sandbox), "Your verification code is: 271828");
    // The connection's own examples have blanks in numbers.
    let legacy = json!({ "recipient": PHONE.replacen("+45", "+45 ", 1), "body": code, "sender": twilio::NUMBER });
    let action = json!({
        "recipient": PHONE, "text": code, "from": twilio::NUMBER, "code": "271828", "message_type": "otp_verify", "language": "en",
        "req": { "ip": "203.0.113.7", "country": "DK" },
    });
    let mut voice_action = action.clone();
    for (name, value) in [
        ("delivery_method", "voice"),
        ("as_voice", "Your verification code is: 2. 7. 1. 8. 2. 8."),
    ] {
        voice_action[name] = value.into();
    }
    let auth0 = |token: &str, body: &Value| {
        event(
            "/",
            "application/json",
            "node",
            &[("authorization", &format!("Bearer {token}"))],
            &body.to_string(),
        )
    };
    let code_for_supabase = asked_by_supabase();
    let supabase = |signed: &str| {
        let id = "00000000-0000-4000-8000-000000000004";
        let headers = Supabase::new(&[supabase::SECRET]).headers(id, AT, signed);
        let headers: Vec<_> = headers
            .iter()
            .filter(|(name, _)| name.starts_with("webhook-"))
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        event(
            "/hooks/send-sms",
            "application/json",
            "Go-http-client/2.0",
            &headers,
            &code_for_supabase,
        )
    };
    let mut posted = json!({ "to": PHONE, "type": "SignIn", "payload": { "code": "314159" }, "ip": "203.0.113.7" });
    posted.sort_all_objects();
    let generic = |token: &str| {
        event(
            "/generic",
            "application/json",
            "got (https://github.com/sindresorhus/got)",
            &[("authorization", token)],
            &posted.to_string(),
        )
    };
    let (call, mut after) = (call(&sandbox), call(&sandbox));
    set(&mut after, "CallStatus", |status| {
        "in-progress".clone_into(status);
    });
    for (name, value) in [
        ("DialCallStatus", "no-answer"),
        ("DialCallSid", "CA00000000000000000000000000000002"),
    ] {
        after.push((name.to_owned(), value.to_owned()));
    }
    let mut over = sandbox.twilio.ended_call(&call, "completed", 4);
    set(&mut over, "Timestamp", |timestamp| {
        "Fri, 20 Nov 2026 12:00:04 +0000".clone_into(timestamp);
    });
    let hello = sandbox
        .twilio
        .inbound(PHONE, COMPANY_NUMBER, "Are you in the office today?");
    let picture = sandbox.twilio.inbound_picture(
        PHONE,
        COMPANY_NUMBER,
        "The new sign",
        &["https://api.twilio.com/example/sign.jpg"],
    );
    let reply = sandbox
        .twilio
        .inbound(EMPLOYEE_MOBILE, COMPANY_NUMBER, "From noon on.");
    let [hello, picture, reply] =
        [(hello, 3), (picture, 4), (reply, 5)].map(|(params, number)| numbered(params, number));
    let validate = |token: &str, pin: &str| {
        let body = form(&pairs(&[
            ("account_number", ACCOUNT),
            ("pin", pin),
            ("caller", PHONE),
        ]));
        let credential = ("authorization", &*format!("Bearer {token}"));
        event(
            "/validate",
            "application/x-www-form-urlencoded",
            "example-ivr/1.0",
            &[credential],
            &body,
        )
    };
    let voice = call_to(&sandbox, IVR_NUMBER, 3);
    let asked = pairs(&[("account_number", ACCOUNT)]);
    let flow = json!({ "account_number": ACCOUNT }).to_string();
    let studio = |token: &str| {
        event(
            "/",
            "application/json",
            "TwilioProxy/1.1",
            &[("authorization", &format!("Bearer {token}"))],
            &flow,
        )
    };
    let access = Tokens::new(&sandbox.auth0).recorded;
    let account = |token: &str, number: &str, query: &str| {
        get(
            &format!("/accounts{number}"),
            query,
            "curl/8.5.0",
            &[("authorization", &format!("Bearer {token}"))],
        )
    };
    let hook = |token: &str| {
        event(
            "/okta",
            "application/json",
            "Okta-Event-Hooks/1.0",
            &[("authorization", token)],
            &hired(&sandbox).to_string(),
        )
    };
    let code = |token: &str, id: &str| {
        event(
            "/okta",
            "application/json",
            "Okta-Inline-Hooks/1.0",
            &[("authorization", token)],
            &code_of_okta(&sandbox, id).to_string(),
        )
    };
    let files = [
        ("send-verification-sms.json", mailgun(&verification)),
        ("send-verification-sms-password.json", mailgun(&password)),
        ("send-verification-sms-forged.json", mailgun(&forged)),
        (
            "receive-confirmation-sms.json",
            twilio(&yes, &signature(&yes)),
        ),
        (
            "receive-confirmation-sms-wrong-word.json",
            twilio(&other, &signature(&other)),
        ),
        (
            "receive-confirmation-sms-tampered.json",
            twilio(&tampered, &signature(&yes)),
        ),
        ("sms-gateway.json", auth0(&token, &legacy)),
        (
            "sms-gateway-action.json",
            auth0(auth0::GATEWAY_BEARER_TOKEN, &action),
        ),
        ("sms-gateway-cognito.json", sign_in(&sandbox)),
        ("sms-gateway-forged.json", auth0(&unsigned(&token), &legacy)),
        ("sms-gateway-okta.json", code(OKTA_HOOK_TOKEN, "reqR")),
        (
            "sms-gateway-okta-duplicate.json",
            code(OKTA_HOOK_TOKEN, "reqS"),
        ),
        ("sms-gateway-okta-forged.json", code("guessed", "reqR")),
        (
            "sms-gateway-voice.json",
            auth0(auth0::GATEWAY_BEARER_TOKEN, &voice_action),
        ),
        ("sms-gateway-webhook.json", supabase(&code_for_supabase)),
        (
            "sms-gateway-webhook-forged.json",
            supabase(&code_for_supabase.replace("161803", "161804")),
        ),
        ("sms-gateway-generic.json", generic(GENERIC_TOKEN)),
        ("sms-gateway-generic-forged.json", generic("guessed")),
        ("call-forward.json", signed("/", &call)),
        ("call-forward-after.json", signed("/after", &after)),
        ("call-forward-status.json", signed("/status", &over)),
        (
            "call-forward-forged.json",
            webhook("/", &signature(&after), &form(&call)),
        ),
        ("sms-forward.json", signed("/", &hello)),
        ("sms-forward-picture.json", signed("/", &picture)),
        ("sms-forward-reply.json", signed("/", &reply)),
        (
            "sms-forward-forged.json",
            webhook("/", &signature(&reply), &form(&hello)),
        ),
        ("provision-numbers.json", schedule()),
        ("provision-numbers-challenge.json", challenge()),
        ("provision-numbers-hook.json", hook(HOOK_TOKEN)),
        ("provision-numbers-forged.json", hook("guessed")),
        ("ivr-validate.json", validate(IVR_TOKEN, PIN)),
        ("ivr-validate-wrong-pin.json", validate(IVR_TOKEN, "0000")),
        ("ivr-validate-forged.json", validate("guessed", PIN)),
        ("ivr-validate-voice.json", signed("/voice", &voice)),
        (
            "ivr-validate-voice-forged.json",
            webhook("/voice", &signature(&voice), &form(&voice)),
        ),
        ("api-call.json", signed("/", &asked)),
        ("api-call-token.json", studio(STUDIO_TOKEN)),
        ("api-call-forged.json", studio("guessed")),
        (
            "secure-api.json",
            account(&access, &format!("/{ACCOUNT}"), ""),
        ),
        (
            "secure-api-phone.json",
            account(
                &access,
                "",
                &format!("phone={}", ACCOUNT_PHONE.replace('+', "%2B")),
            ),
        ),
        (
            "secure-api-forged.json",
            account(&unsigned(&access), &format!("/{ACCOUNT}"), ""),
        ),
        ("env.json", environment(&sandbox)),
    ];
    files
        .into_iter()
        .chain(receipts::files(&sandbox))
        .map(|(name, value)| (name, pretty(value)))
        .collect()
}

/// Sorts the keys, so that the text does not depend on whether a build's `serde_json` keeps their
/// order.
fn pretty(mut value: Value) -> String {
    value.sort_all_objects();
    format!("{value:#}\n")
}
