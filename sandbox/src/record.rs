//! `cargo record`: the recorded requests in `events/`, and their variables.
//!
//! The files are always the same. The simulators make the requests. Their random values are
//! replaced by fixed ones and signed again with the sandbox's fixed keys. Function URL payload 2.0,
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads>.

mod receipts;

use std::{collections::BTreeMap, io, path::PathBuf};

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    COMPANY_NUMBER, EMPLOYEE_MOBILE, GENERIC_SECRET, GENERIC_TOKEN, HOOK_TOKEN, IVR_NUMBER,
    IVR_TOKEN, OKTA_HOOK_SECRET, OKTA_HOOK_TOKEN, Ports, STUDIO_TOKEN, Sandbox, WEBHOOK_SECRET,
    auth0::{self, Auth0, LinkPage, Signer, TicketMail},
    cognito::RECORDED_CODE,
    supabase::{self, Supabase},
    template::{Function, root},
    twilio,
};

/// The domain of the requests. Twilio signs it.
/// <https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html>
const DOMAIN: &str = "abcdefghij.lambda-url.eu-west-1.on.aws";
/// The time of the requests, epoch seconds: 20 November 2026, noon.
const AT: u64 = 1_795_176_000;
/// The phone of the person who signs up and replies, and who calls and texts an employee.
const PHONE: &str = "+4520123456";
/// An account of `accounts.json`, its phone, and its holder's PIN.
const ACCOUNT: &str = "10042";
const ACCOUNT_PHONE: &str = "+4512345678";
const PIN: &str = "2718";
/// The name of this machine in a container (`sam local`) of Docker Desktop or Finch.
const HOST: &str = "host.docker.internal";

/// The tenant in the links of the recorded mails: the sandbox's, on its usual port.
const TENANT: &str = "http://host.docker.internal:4712";

/// Expiry of the recorded token: in a century.
const TOKEN_END: u64 = AT + 3_153_600_000;

/// Settings that keep recorded requests valid for a century, and that switch on what they ask for.
/// An empty value means not set.
const SETTINGS: [(&str, &str); 7] = [
    ("AUTH0_URL", TENANT),
    ("GENERIC_SECRET", GENERIC_SECRET),
    ("MAX_MAIL_AGE_SECONDS", "3153600000"),
    ("MAX_WEBHOOK_AGE_SECONDS", "3153600000"),
    ("OKTA_HOOK_SECRET", OKTA_HOOK_SECRET),
    ("PUBLIC_URL", ""),
    ("WEBHOOK_SECRET", WEBHOOK_SECRET),
];
/// The variable of the functions that compare recorded links with the tenant. The others call the
/// tenant, and they run here, not in a container.
const LINKED: &str = "LINK_HOSTS";
/// The user of the recorded mails exists in no tenant. So this function gets no keys for questions
/// to a tenant.
const UNASKED: (&str, &str) = ("send-verification-sms", "AUTH0_SECRET");

/// The part of [`SETTINGS`] that a function on this machine needs.
pub(crate) fn settings(function: &Function) -> Vec<(&'static str, Option<&'static str>)> {
    let needed = SETTINGS
        .into_iter()
        .filter(|(name, _)| *name != "AUTH0_URL" || function.environment.contains_key(LINKED));
    let unasked = (function.name == UNASKED.0).then_some((UNASKED.1, ""));
    needed
        .chain(unasked)
        .map(|(name, value)| (name, (!value.is_empty()).then_some(value)))
        .collect()
}

/// The access token in recorded requests, and one with the same claims for this tenant. The
/// recorded issuer is the tenant as a container sees it.
#[derive(Clone, Debug)]
pub struct Tokens {
    recorded: String,
    own: String,
}

impl Tokens {
    /// Both tokens, signed by this tenant.
    pub fn new(auth0: &Auth0) -> Self {
        let token = |issuer| {
            let claims = json!({ "iss": issuer, "iat": AT, "exp": TOKEN_END });
            auth0.mint(claims, json!({}), Signer::Current)
        };
        Self {
            recorded: token(format!("{TENANT}/")),
            own: token(auth0.server().url() + "/"),
        }
    }

    /// Replaces the recorded token in an event, for a function that asks this tenant for its keys,
    /// and signs a receipt anew that counts for a day. Other events do not change.
    pub fn reissue(&self, event: Bytes) -> Bytes {
        match std::str::from_utf8(&event) {
            Ok(text) => {
                let text = text.replace(&self.recorded, &self.own);
                receipts::renew(&text, crate::now()).into()
            }
            _ => event,
        }
    }
}

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

/// Cognito's event for a person who signs in.
fn sign_in(sandbox: &Sandbox) -> Value {
    let mut event = sandbox
        .cognito
        .event("Authentication", PHONE, "271828", Some("en"));
    event["userName"] = "00000000-0000-4000-8000-000000000004".into();
    event["request"]["userAttributes"]["sub"] = event["userName"].clone();
    event["request"]["code"] = RECORDED_CODE.into();
    event
}

/// The POST of a mail. Each `number` gives another mail.
fn mail(sandbox: &Sandbox, made: TicketMail, number: u8) -> Vec<(String, String)> {
    let TicketMail {
        mut mail, ticket, ..
    } = made;
    mail.message_id = format!("<20261120120000.{number}@mail.acme.example>");
    mail.html = mail
        .html
        .replace(&sandbox.auth0.server().url(), TENANT)
        .replace(&ticket, &format!("{number:032x}"));
    let token = format!("{number:050x}");
    let mut fields = sandbox.mailgun.fields(&mail, AT);
    set(&mut fields, "message-url", |url| {
        *url = format!(
            "https://storage.eu.mailgun.net/v3/domains/sms.example.com/messages/{number:032x}"
        );
    });
    set(&mut fields, "signature", |signature| {
        *signature = sandbox.mailgun.sign(&AT.to_string(), &token);
    });
    set(&mut fields, "token", |old| *old = token);
    fields
}

/// The parameters of a text. Each `number` gives another text.
fn text(sandbox: &Sandbox, body: &str, number: u8) -> Vec<(String, String)> {
    numbered(sandbox.twilio.inbound(PHONE, twilio::NUMBER, body), number)
}

/// Replaces the SID by a fixed one. The prefix `SM` or `MM` stays.
fn numbered(mut params: Vec<(String, String)>, number: u8) -> Vec<(String, String)> {
    for name in ["MessageSid", "SmsSid", "SmsMessageSid"] {
        set(&mut params, name, |sid| {
            sid.replace_range(2.., &format!("{number:032x}"));
        });
    }
    params
}

/// The parameters of a call to the company number.
fn call(sandbox: &Sandbox) -> Vec<(String, String)> {
    call_to(sandbox, COMPANY_NUMBER, 1)
}

/// The parameters of a call. Each `number` gives another call.
fn call_to(sandbox: &Sandbox, to: &str, number: u8) -> Vec<(String, String)> {
    let mut params = sandbox.twilio.inbound_call(PHONE, to);
    set(&mut params, "CallSid", |sid| {
        *sid = format!("CA{number:032x}");
    });
    set(&mut params, "CallToken", |token| {
        r#"{"parentCallInfoToken":"0","identityHeaderTokens":[]}"#.clone_into(token);
    });
    params
}

/// Okta's request for a code, as Okta's own example has it. Only the code's end is in a century. A
/// duplicate has the same `eventId`.
fn code_of_okta(sandbox: &Sandbox, request: &str) -> Value {
    let mut hook = sandbox.okta.code_request("+4512345678", "271828");
    hook["eventId"] = "uS5871kJThSsU8qlA1LTcg".into();
    hook["eventTime"] = "2026-11-20T12:00:00.000Z".into();
    hook["data"]["context"]["request"]["id"] = request.into();
    hook["data"]["messageProfile"]["otpExpires"] = "2126-11-20T12:05:00.000Z".into();
    hook
}

/// The body of Supabase's hook.
fn asked_by_supabase() -> String {
    let mut body = Supabase::body(PHONE, "161803");
    body["metadata"]["uuid"] = "00000000-0000-4000-8000-000000000005".into();
    body["metadata"]["time"] = "2026-11-20T12:00:00.000Z".into();
    body.sort_all_objects();
    body.to_string()
}

/// Okta's event for a new employee.
fn hired(sandbox: &Sandbox) -> Value {
    let mut event = sandbox
        .okta
        .event("user.lifecycle.activate", "00u00000000000000001");
    event["eventId"] = "00000000-0000-4000-8000-000000000002".into();
    event["eventTime"] = "2026-11-20T12:00:00.000Z".into();
    event["data"]["events"][0]["uuid"] = "00000000-0000-4000-8000-000000000003".into();
    event["data"]["events"][0]["published"] = "2026-11-20T11:59:58.000Z".into();
    event["data"]["events"][0]["target"][0]["alternateId"] = "ann@acme.example".into();
    event["data"]["events"][0]["target"][0]["displayName"] = "Ann Example".into();
    event
}

/// The event of `EventBridge` Scheduler.
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html>
fn schedule() -> Value {
    json!({
        "version": "0",
        "id": "00000000-0000-4000-8000-000000000001",
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": "000000000000",
        "time": "2026-11-20T12:00:00Z",
        "region": "eu-west-1",
        "resources": ["arn:aws:scheduler:eu-west-1:000000000000:schedule/default/switchboard-ProvisionNumbersRun-1ABCDEFGHIJKL"],
        "detail": "{}",
    })
}

/// Okta's challenge, with which it verifies the URL of its event hook.
fn challenge() -> Value {
    let headers = [(
        "x-okta-verification-challenge",
        "0123456789abcdef0123456789abcdef01234567",
    )];
    get("/okta", "", "Okta-Event-Hooks/1.0", &headers)
}

/// A GET without a body.
fn get(path: &str, query: &str, user_agent: &str, headers: &[(&str, &str)]) -> Value {
    let mut event = event(path, "application/json", user_agent, headers, "");
    event["requestContext"]["http"]["method"] = "GET".into();
    event["rawQueryString"] = query.into();
    for (object, names) in [
        ("", &["body"][..]),
        ("/headers", &["content-length", "content-type"]),
    ] {
        let object = event
            .pointer_mut(object)
            .and_then(Value::as_object_mut)
            .unwrap_or_else(|| panic!("an event has {object}"));
        object.retain(|name, _| !names.contains(&name.as_str()));
    }
    event
}

/// The token of a passwordless connection.
fn gateway_token(sandbox: &Sandbox) -> String {
    let claims = json!({ "exp": TOKEN_END });
    sandbox.auth0.gateway_token(
        auth0::GATEWAY_SECRET,
        auth0::GATEWAY_AUDIENCE,
        auth0::GATEWAY_SUBJECT,
        claims,
    )
}

/// A token with the same claims and the algorithm that needs no key.
fn unsigned(token: &str) -> String {
    let header = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let claims = token.split('.').nth(1).unwrap_or_default();
    format!("{header}.{claims}.")
}

fn form(fields: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

fn pairs(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn set(fields: &mut [(String, String)], name: &str, change: impl FnOnce(&mut String)) {
    let (_, value) = fields
        .iter_mut()
        .find(|(key, _)| key == name)
        .unwrap_or_else(|| panic!("the simulator sends {name}"));
    change(value);
}

/// A POST from Twilio.
fn webhook(path: &str, signature: &str, body: &str) -> Value {
    let headers = [
        (
            "i-twilio-idempotency-token",
            "00000000-0000-4000-8000-000000000001",
        ),
        ("x-twilio-signature", signature),
    ];
    event(
        path,
        "application/x-www-form-urlencoded; charset=UTF-8",
        "TwilioProxy/1.1",
        &headers,
        body,
    )
}

/// Lambda passes JSON unchanged and forms as base64.
fn event(
    path: &str,
    content_type: &str,
    user_agent: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Value {
    let plain = content_type == "application/json";
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "accept": "*/*",
            "content-length": body.len().to_string(),
            "content-type": content_type,
            "host": DOMAIN,
            "user-agent": user_agent,
            "x-amzn-tls-cipher-suite": "TLS_AES_128_GCM_SHA256",
            "x-amzn-tls-version": "TLSv1.3",
            "x-amzn-trace-id": format!("Root=1-{AT:08x}-000000000000000000000000"),
            "x-forwarded-for": "203.0.113.7",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abcdefghij",
            "domainName": DOMAIN,
            "domainPrefix": "abcdefghij",
            "http": { "method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": user_agent },
            "requestId": "00000000-0000-4000-8000-000000000001",
            "routeKey": "$default",
            "stage": "$default",
            "time": "20/Nov/2026:12:00:00 +0000",
            "timeEpoch": AT * 1000,
        },
        "body": if plain { body.to_owned() } else { BASE64_STANDARD.encode(body) },
        "isBase64Encoded": !plain,
    });
    for (name, value) in headers {
        event["headers"][name] = (*value).into();
    }
    event
}

/// The file for `sam local invoke -n`. By logical id it has the variables of `template.yaml` that
/// need a value, or another value, beside `cargo sandbox`.
fn environment(sandbox: &Sandbox) -> Value {
    let mut ports = vec![
        (sandbox.twilio.server(), Ports::TWILIO),
        (sandbox.auth0.server(), Ports::AUTH0),
        (sandbox.okta.server(), Ports::OKTA),
        (sandbox.aws.dynamodb(), Ports::DYNAMODB),
        (sandbox.aws.secrets(), Ports::SECRETS),
        (sandbox.aws.kms(), Ports::KMS),
    ];
    let providers = sandbox.providers();
    ports.extend(
        providers
            .iter()
            .map(|provider| (provider.server, provider.port)),
    );
    // A bought number gets this machine's URLs, because the sandbox's Twilio calls them. The
    // protected API gets the URL that a container can call.
    let doors = sandbox.template().functions.iter().enumerate();
    let doors: Vec<_> = doors
        .map(|(place, function)| {
            (
                sandbox.door(&function.name).url() + "/",
                format!("http://127.0.0.1:{}/", Ports::USUAL.function(place)),
            )
        })
        .collect();
    let outside = |name: &str, value: &str| {
        let there = ports.iter().find(|(server, _)| server.url() == value);
        let there =
            there.map(|(_, offset)| format!("http://{HOST}:{}", Ports::USUAL.base + offset));
        let door = doors
            .iter()
            .find(|(url, _)| url == value)
            .map(|(_, usual)| match name {
                "API_URL" => usual.replace("127.0.0.1", HOST),
                _ => usual.clone(),
            });
        there.or(door).unwrap_or_else(|| value.to_owned())
    };
    let functions = sandbox.template().functions.iter().map(|function| {
        let values = sandbox.env_for(&function.name);
        let needed = function.environment.iter().filter_map(|(name, default)| {
            // Without a value `sam local` would insert the reference.
            if (function.name.as_str(), name.as_str()) == UNASKED {
                return Some((name.clone(), "".into()));
            }
            let fixed = SETTINGS
                .iter()
                .find(|(setting, _)| setting == name)
                .map(|(_, value)| (*value).to_owned());
            let value = fixed
                .or_else(|| values.get(name).map(|value| outside(name, value)))
                .unwrap_or_default();
            (!value.is_empty() && default.as_ref() != Some(&value))
                .then(|| (name.clone(), Value::from(value)))
        });
        (function.logical_id.clone(), Value::Object(needed.collect()))
    });
    Value::Object(functions.collect())
}

/// Sorts the keys, so that the text does not depend on whether a build's `serde_json` keeps their
/// order.
fn pretty(mut value: Value) -> String {
    value.sort_all_objects();
    format!("{value:#}\n")
}
