//! No log line holds what opens, identifies or repeats anything: unique markers go through successes and failures, at the most
//! talkative log level, and are looked for in every line.

use std::{collections::BTreeSet, time::Duration};

use sandbox::{
    COMPANY_NUMBER, IVR_NUMBER, Sandbox,
    accounts::{Account, Amount},
    auth0::{self, LinkPage, Signer, TicketMail, User},
    lambda::Lambda,
    mail::Mail,
    mailgun::Forgery,
    twilio,
    wire::{Exchange, Fault, Server, client},
};
use serde_json::{Value, json};

use crate::{API, CALL, FLOW, FORWARD, IVR, PROVISION, RECEIVE, SEND, binary};

const PHONES: [&str; 8] = [
    "+4520304051",
    "+4520304052",
    "+4520304053",
    "+4520304054",
    "+4520304055",
    "+4520304056",
    "+4520304057",
    "+4520304058",
];
const TOKEN: &str = "canary-auth-token";
const API_KEY: &str = "canary-api-key-secret";
const KEY: &str = "canary-signing-key";
const CLIENT_SECRET: &str = "canary-client-secret";
const OKTA_TOKEN: &str = "canary-okta-token";
const HOOK: &str = "canary-hook-token";
const LOGIN_SECRET: &str = "canary-login-secret";
const IVR_TOKEN: &str = "canary-ivr-token";
const STUDIO_TOKEN: &str = "canary-studio-token";
/// Of callers: one who has it alone, two who share it, one who is blocked, nobody.
const ACCOUNTS: [&str; 4] = ["7300190021", "7300190022", "7300190023", "7300190024"];
/// Longer than any number in a log.
const PIN: &str = "835146209173";
/// Further numbers of the account, whose calls and texts go where those of the company number go.
const NUMBERS: [&str; 5] = [
    "+15005550011",
    "+15005550012",
    "+15005550013",
    "+15005550014",
    "+15005550015",
];
/// In every subject, body, display name, reply, path, header and bad setting.
const WORD: &str = "zebrafinch";

/// One more, of nobody, that is asked for only while Okta fails.
const UNSEEN: &str = "+15005550016";

/// What must not be in a line, and the lines.
struct Canary {
    sandbox: Sandbox,
    markers: BTreeSet<String>,
    codes: BTreeSet<String>,
    output: Vec<String>,
    errors: Vec<String>,
}

impl Canary {
    async fn start() -> Self {
        let sandbox = Sandbox::start().await;
        sandbox.twilio.set_auth_token(TOKEN);
        sandbox.twilio.add_api_key(twilio::API_KEY_SID, API_KEY);
        sandbox.mailgun.set_signing_key(KEY);
        sandbox.auth0.set_client_secret(CLIENT_SECRET);
        sandbox.auth0.set_login_client_secret(LOGIN_SECRET);
        sandbox.okta.set_api_token(OKTA_TOKEN);
        for number in NUMBERS.into_iter().chain([UNSEEN]) {
            sandbox
                .twilio
                .set_voice_url(number, &(sandbox.door(CALL).url() + "/"));
            sandbox
                .twilio
                .set_sms_url(number, &(sandbox.door(FORWARD).url() + "/"));
        }
        let mut canary = Self {
            sandbox,
            markers: BTreeSet::new(),
            codes: BTreeSet::new(),
            output: vec![],
            errors: vec![],
        };
        canary.good_secrets();
        for marker in [
            WORD,
            TOKEN,
            API_KEY,
            KEY,
            CLIENT_SECRET,
            "canary",
            "ticket=",
            "/u/",
            "/lo/",
            "acme+",
            "sandbox-session-token",
        ] {
            canary.mark(marker);
        }
        for marker in [
            twilio::ACCOUNT_SID,
            auth0::CLIENT_ID,
            auth0::LOGIN_CLIENT_ID,
            "sandbox-secret-access-key",
            PIN,
        ] {
            canary.mark(marker);
        }
        for account in ACCOUNTS {
            canary.mark(account);
        }
        for phone in PHONES {
            canary.mark(&phone[1..]);
            canary.mark(&phone[3..]);
        }
        for number in NUMBERS.into_iter().chain([COMPANY_NUMBER, UNSEEN]) {
            canary.mark(&number[2..]);
        }
        canary
    }

    fn good_secrets(&self) {
        let set = |id: &str, value: Value| self.sandbox.aws.set_secret(id, &value);
        let sid = twilio::ACCOUNT_SID;
        set(
            "switchboard/twilio",
            json!({ "account_sid": sid, "auth_token": TOKEN, "previous_auth_token": "canary-previous-token" }),
        );
        let key = json!({ "account_sid": sid, "api_key_sid": twilio::API_KEY_SID, "api_key_secret": API_KEY });
        set("switchboard/twilio-send", key);
        set(
            "switchboard/mailgun",
            json!({ "signing_key": KEY, "previous_signing_key": "canary-previous-key" }),
        );
        set(
            "switchboard/auth0",
            json!({
                "client_id": auth0::CLIENT_ID, "client_secret": CLIENT_SECRET,
                "login_client_id": auth0::LOGIN_CLIENT_ID, "login_client_secret": LOGIN_SECRET,
            }),
        );
        set("switchboard/okta", json!({ "api_token": OKTA_TOKEN }));
        set("switchboard/hook", json!({ "bearer_token": HOOK }));
        set("switchboard/ivr", json!({ "bearer_token": IVR_TOKEN }));
        set(
            "switchboard/studio",
            json!({ "bearer_token": STUDIO_TOKEN }),
        );
    }

    fn mark(&mut self, marker: &str) {
        assert!(marker.len() >= 3, "{marker:?} would be found anywhere");
        self.markers.insert(marker.to_owned());
    }

    async fn run(&self, function: &str, settings: &[(&str, Option<&str>)]) -> Lambda {
        self.run_many(function, 1, settings).await
    }

    async fn run_many(
        &self,
        function: &str,
        instances: usize,
        settings: &[(&str, Option<&str>)],
    ) -> Lambda {
        let overrides = [settings, &[("LOG_LEVEL", Some("trace"))]].concat();
        self.sandbox.door(function).clear_exchanges();
        self.sandbox
            .run_with(function, binary(function).await, instances, &overrides)
            .await
    }

    fn user(&self, phone: &str) -> User {
        let address = format!("acme{phone}@sms.example.com");
        self.sandbox
            .auth0
            .user(&address)
            .unwrap_or_else(|| self.sandbox.auth0.sign_up(&address))
    }

    fn verification(&mut self, phone: &str, page: LinkPage) -> TicketMail {
        let made = self
            .sandbox
            .auth0
            .mail_verification(&self.user(phone), page);
        self.marked(made)
    }

    fn password(&mut self, phone: &str) -> TicketMail {
        let made = self.sandbox.auth0.mail_password(&self.user(phone));
        self.marked(made)
    }

    fn marked(&mut self, mut made: TicketMail) -> TicketMail {
        self.mark(&made.ticket);
        self.mark(made.mail.message_id.trim_matches(['<', '>']));
        made.mail.subject += WORD;
        made.mail.html = made.mail.html.replace("Welcome", WORD);
        made.mail.from = format!("{WORD} <no-reply@acme.example>");
        made
    }

    async fn post(&self, mail: &Mail) -> u16 {
        let fields = self.sandbox.mailgun.fields(mail, sandbox::now().as_secs());
        self.sandbox
            .mailgun
            .post(&format!("{}/", self.sandbox.door(SEND).url()), &fields)
            .await
            .status
    }

    async fn text(&mut self, phone: &str, text: &str) -> Vec<String> {
        let messages = self
            .sandbox
            .twilio
            .text(phone, twilio::NUMBER, text)
            .await
            .messages;
        for word in messages.iter().flat_map(|text| text.split_whitespace()) {
            if word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit()) {
                self.codes.insert(word.to_owned());
            }
        }
        messages
    }

    /// Everything a function wrote, once it has a line for each of `requests` and those at its door; and what to look for in it.
    async fn collect(&mut self, function: &str, lambda: Lambda, requests: usize) {
        let at_the_door = self.sandbox.door(function).exchanges();
        let requests = requests + at_the_door.len();
        let written = async {
            let (mut seen, mut outcomes) = (0, 0);
            while outcomes < requests {
                let lines = lambda.follow(seen).await;
                seen += lines.len();
                outcomes += lines
                    .iter()
                    .filter(|line| line.contains("\"outcome\":"))
                    .count();
            }
        };
        tokio::time::timeout(Duration::from_secs(30), written)
            .await
            .expect("one line with an outcome for every request");
        self.output.extend(lambda.log());
        self.errors.extend(lambda.errors());
        lambda.stop().await;
        let upstream = [
            self.sandbox.twilio.server(),
            self.sandbox.auth0.server(),
            self.sandbox.okta.server(),
        ];
        let upstream = upstream.map(Server::exchanges);
        for exchange in at_the_door
            .into_iter()
            .chain(upstream.into_iter().flatten())
        {
            self.mark_credentials(&exchange);
        }
    }

    /// Signatures, tokens, cookies, states.
    fn mark_credentials(&mut self, exchange: &Exchange) {
        for (name, value) in &exchange.headers {
            if ["authorization", "cookie", "x-twilio-signature"].contains(&name.as_str()) {
                self.mark(value.split_whitespace().next_back().unwrap_or_default());
            }
        }
        for (name, value) in form_urlencoded::parse(&exchange.request) {
            if ["token", "signature", "state"].contains(&&*name) {
                self.mark(&value);
            }
        }
        let answer: Value = serde_json::from_slice(&exchange.response).unwrap_or_default();
        for token in ["access_token", "id_token"]
            .into_iter()
            .filter_map(|name| answer[name].as_str())
        {
            self.mark(token);
        }
    }

    fn judge(&self) {
        for line in self.output.iter().chain(&self.errors) {
            for marker in &self.markers {
                assert!(!line.contains(marker), "{marker:?} in {line}");
            }
            let line: Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(!self.holds_code(&line), "a code in {line}");
        }
    }

    /// Whether a value is one of the codes or has one as a word. Times and durations are numbers of their own.
    fn holds_code(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => text
                .split(|c: char| !c.is_ascii_alphanumeric())
                .any(|word| self.codes.contains(word)),
            Value::Number(number) => self.codes.contains(&number.to_string()),
            Value::Array(values) => values.iter().any(|value| self.holds_code(value)),
            Value::Object(fields) => {
                let told = |name: &str| {
                    !["duration_ms", "upstream_ms", "Timestamp", "timestamp"].contains(&name)
                };
                fields
                    .iter()
                    .any(|(name, value)| told(name) && self.holds_code(value))
            }
            Value::Null | Value::Bool(_) => false,
        }
    }
}

/// An answer that quotes what was sent, as error messages like to do.
fn quoting(status: u16) -> Fault {
    let words = format!("{WORD} {}", PHONES.concat());
    let body = json!({
        "code": 21211, "__type": "x#AccessDeniedException", "message": words, "more_info": words, "errorCode": words, "errorSummary": words,
        "error": words, "error_description": words,
    });
    Fault::Answer {
        status,
        headers: vec![("location".into(), format!("https://x.example/?{WORD}"))],
        body: body.to_string(),
    }
}

/// Requests that are none, each full of markers.
fn malformed() -> Vec<Value> {
    let event = |path: &str, method: &str, kind: &str, body: &str, base64: bool| {
        json!({
            "rawPath": path, "rawQueryString": format!("ticket={WORD}"), "headers": { "content-type": kind, "x-twilio-signature": WORD },
            "requestContext": { "domainName": format!("{WORD}.example"), "http": { "method": method } }, "body": body, "isBase64Encoded": base64,
        })
    };
    let form = "application/x-www-form-urlencoded";
    vec![
        Value::Null,
        json!(WORD),
        json!({ "requestContext": WORD }),
        event(&format!("/{WORD}"), "POST", form, WORD, false),
        event(&format!("/{WORD} \""), "POST", form, WORD, false),
        event("/", WORD, form, WORD, false),
        event("/", "POST", WORD, WORD, false),
        event("/", "POST", form, &format!("!{WORD}"), true),
        event(
            "/",
            "POST",
            "multipart/form-data; boundary=zebrafinch",
            &format!("--{WORD}\r\n\r\nx"),
            false,
        ),
        event(
            "/",
            "POST",
            form,
            &format!("timestamp={WORD}&token={WORD}&signature={WORD}&MessageSid={WORD}"),
            false,
        ),
        event("/", "POST", form, &format!("Body={WORD}"), false),
        event("/", "POST", form, &WORD.repeat(600_000), false),
    ]
}

#[tokio::test]
async fn no_line_of_the_log_gives_anything_away() {
    let mut canary = Canary::start().await;
    sending(&mut canary).await;
    confirming(&mut canary).await;
    confirming_by_management_api(&mut canary).await;
    calling(&mut canary).await;
    texting(&mut canary).await;
    provisioning(&mut canary).await;
    asking(&mut canary).await;
    starting_badly(&mut canary).await;
    assert!(
        canary.output.len() > 200 && canary.errors.len() >= 5,
        "{} lines, {} errors",
        canary.output.len(),
        canary.errors.len()
    );
    assert!(
        canary.markers.len() > 100 && canary.codes.len() == 2,
        "{} markers, {} codes",
        canary.markers.len(),
        canary.codes.len()
    );
    canary.judge();
    let outcomes: BTreeSet<_> = canary
        .output
        .iter()
        .filter_map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["outcome"]
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    for outcome in [
        "account",
        "ambiguous_account",
        "ambiguous_number",
        "api_unavailable",
        "asked_account",
        "asked_pin",
        "auth0_unavailable",
        "bad_credential",
        "bad_phone",
        "bad_signature",
        "blocked",
        "cancelled",
        "completed",
        "confirmed",
        "confirmed_before",
        "connected",
        "country_not_allowed",
        "credential_missing",
        "directory_unavailable",
        "duplicate",
        "forwarded",
        "found",
        "greeted",
        "insufficient_scope",
        "link_refused",
        "listed",
        "locked",
        "login_unavailable",
        "loop",
        "malformed",
        "malformed_form",
        "malformed_request",
        "method_not_allowed",
        "no_account",
        "no_correspondent",
        "no_link",
        "no_mobile",
        "no_phone",
        "no_such_user",
        "nothing_pending",
        "not_answered",
        "not_found",
        "noted",
        "okta_unavailable",
        "out_of_order",
        "outcome_unknown",
        "password_link",
        "provisioned",
        "rate_limited",
        "recipient_refused",
        "repeated",
        "replied",
        "secret_unavailable",
        "sender_not_allowed",
        "sent",
        "several_links",
        "signature_missing",
        "table_unavailable",
        "told",
        "too_large",
        "twilio_unavailable",
        "unclear",
        "unknown_account",
        "unknown_event",
        "unknown_number",
        "unsupported_media_type",
        "user_not_active",
        "value_missing",
        "voicemail",
        "voicemail_offered",
        "voicemail_text_failed",
        "wrong_pin",
        "wrong_reply",
    ] {
        assert!(
            outcomes.contains(outcome),
            "{outcome} was to be provoked; there were {outcomes:?}"
        );
    }
}

async fn sending(canary: &mut Canary) {
    let lambda = canary
        .run(SEND, &[("SMS_PER_NUMBER_PER_HOUR", Some("3"))])
        .await;
    let good = canary.verification(PHONES[0], LinkPage::Form).mail;
    assert_eq!(
        (canary.post(&good).await, canary.post(&good).await),
        (200, 200)
    );
    for bad in [
        Mail {
            from: format!("{WORD}@evil.example"),
            ..good.clone()
        },
        Mail {
            recipient: format!("acme+{WORD}@sms.example.com"),
            ..good.clone()
        },
        Mail {
            recipient: "acme+442071838750@sms.example.com".to_owned(),
            ..good.clone()
        },
        Mail {
            html: WORD.to_owned(),
            ..good.clone()
        },
        Mail {
            html: good.html.clone() + &canary.password(PHONES[0]).mail.html,
            ..good.clone()
        },
    ] {
        assert_eq!(canary.post(&bad).await, 406);
    }
    canary.mark("2071838750");
    let mut forged = canary
        .sandbox
        .mailgun
        .fields(&good, sandbox::now().as_secs());
    forged
        .iter_mut()
        .filter(|(name, _)| name == "token")
        .for_each(|(_, token)| *token = "0".repeat(50));
    assert_eq!(
        canary
            .sandbox
            .mailgun
            .post(lambda.url(), &forged)
            .await
            .status,
        401
    );

    canary.sandbox.twilio.reject(PHONES[1], 21211);
    let refused = canary.verification(PHONES[1], LinkPage::Form).mail;
    assert_eq!(canary.post(&refused).await, 406);
    for fault in [
        quoting(500),
        quoting(429),
        quoting(401),
        quoting(400),
        Fault::Garbage,
        Fault::Truncate,
        Fault::ResetAfter,
        Fault::ResetBefore,
    ] {
        canary.sandbox.twilio.server().faults().next(fault);
        let mail = canary.verification(PHONES[2], LinkPage::Form).mail;
        canary.post(&mail).await;
        canary.sandbox.twilio.server().faults().clear();
    }
    for fault in [quoting(500), quoting(400), Fault::Garbage] {
        canary.sandbox.aws.dynamodb().faults().always(Some(fault));
        let mail = canary.verification(PHONES[3], LinkPage::Form).mail;
        assert_eq!(canary.post(&mail).await, 503);
        canary.sandbox.aws.dynamodb().faults().clear();
    }
    for page in [LinkPage::Form, LinkPage::Redirect, LinkPage::Unconfirmable] {
        let mail = canary.verification(PHONES[4], page).mail;
        assert_eq!(canary.post(&mail).await, 200);
    }
    let one_too_many = canary.password(PHONES[4]).mail;
    assert_eq!(canary.post(&one_too_many).await, 503);
    for fault in [
        quoting(500),
        quoting(401),
        quoting(200),
        Fault::Garbage,
        Fault::ResetAfter,
        Fault::Truncate,
    ] {
        canary
            .sandbox
            .auth0
            .server()
            .faults()
            .times(3, || fault.clone());
        let mail = canary.password(PHONES[5]).mail;
        assert_eq!(canary.post(&mail).await, 503, "{fault:?}");
        canary.sandbox.auth0.server().faults().clear();
    }
    let link = canary.sandbox.auth0.invented_link();
    canary.mark(
        link.split("ticket=")
            .nth(1)
            .unwrap_or_default()
            .trim_end_matches('#'),
    );
    canary.mark("4520304059");
    for forgery in Forgery::ALL {
        let mail = canary
            .sandbox
            .mailgun
            .forged("acme+4520304059@sms.example.com", &link, forgery);
        assert_eq!(canary.post(&mail).await, 406);
    }
    for event in malformed() {
        let _answer_or_error = lambda.invoke(event).await;
    }
    canary.collect(SEND, lambda, malformed().len()).await;
}

/// A request waits for this phone.
async fn wait_for(canary: &mut Canary, mail: &TicketMail) {
    let lambda = canary.run(SEND, &[]).await;
    assert_eq!(canary.post(&mail.mail).await, 200);
    canary.collect(SEND, lambda, 0).await;
}

async fn confirming(canary: &mut Canary) {
    // PHONES[0] has one request, from before.
    let lambda = canary.run(RECEIVE, &[]).await;
    let url = lambda.url().to_owned();
    let yes = canary
        .sandbox
        .twilio
        .inbound(PHONES[0], twilio::NUMBER, "YES");
    for fault in [
        quoting(500),
        quoting(302),
        Fault::Garbage,
        Fault::ResetAfter,
        Fault::Truncate,
    ] {
        canary.sandbox.auth0.server().faults().next(fault);
        canary.text(PHONES[0], "YES").await;
    }
    for fault in [quoting(500), quoting(400)] {
        canary.sandbox.aws.dynamodb().faults().always(Some(fault));
        assert_eq!(
            canary
                .sandbox
                .twilio
                .deliver(yes.clone(), &url)
                .await
                .status,
            503
        );
        canary.sandbox.aws.dynamodb().faults().clear();
    }
    canary.text(PHONES[0], WORD).await;
    assert_eq!(
        canary
            .sandbox
            .twilio
            .deliver_signed(yes.clone(), &url, WORD)
            .await
            .status,
        403
    );
    for _ in 0..2 {
        assert_eq!(
            canary
                .sandbox
                .twilio
                .deliver(yes.clone(), &url)
                .await
                .status,
            200
        );
    }
    assert!(
        canary
            .sandbox
            .auth0
            .user(&canary.user(PHONES[0]).email)
            .unwrap()
            .email_verified
    );
    canary.text(PHONES[0], "yes").await;
    canary.text(PHONES[5], WORD).await;
    for event in malformed() {
        let _answer_or_error = lambda.invoke(event).await;
    }
    canary.collect(RECEIVE, lambda, malformed().len()).await;

    let (verification, password) = (
        canary.verification(PHONES[6], LinkPage::Form),
        canary.password(PHONES[6]),
    );
    wait_for(canary, &verification).await;
    wait_for(canary, &password).await;
    let lambda = canary.run(RECEIVE, &[]).await;
    let list = canary.text(PHONES[6], "YES").await;
    assert!(list[0].lines().count() == 3, "{list:?}");
    for code in canary.codes.clone() {
        canary.text(PHONES[6], &format!("YES {code}")).await;
    }
    canary.collect(RECEIVE, lambda, 0).await;

    let mail = canary.verification(PHONES[7], LinkPage::Form);
    canary.sandbox.auth0.expire(&mail.ticket);
    wait_for(canary, &mail).await;
    let lambda = canary.run(RECEIVE, &[]).await;
    canary.text(PHONES[7], "YES").await;
    canary.text(PHONES[4], "STOP").await;
    canary.sandbox.twilio.alerts();
    canary.collect(RECEIVE, lambda, 0).await;
}

async fn confirming_by_management_api(canary: &mut Canary) {
    let mail = canary.verification(PHONES[7], LinkPage::Form);
    wait_for(canary, &mail).await;
    let lambda = canary
        .run(RECEIVE, &[("CONFIRM_WITH", Some("management-api"))])
        .await;
    for fault in [quoting(401), quoting(500), quoting(200), Fault::Garbage] {
        canary.sandbox.auth0.server().faults().next(fault);
        canary.text(PHONES[7], "YES").await;
        canary.sandbox.auth0.server().faults().clear();
    }
    canary.text(PHONES[7], "YES").await;
    assert!(
        canary
            .sandbox
            .auth0
            .user(&canary.user(PHONES[7]).email)
            .unwrap()
            .email_verified
    );
    assert_eq!(canary.sandbox.auth0.fetched(&mail.ticket), 0);
    canary.collect(RECEIVE, lambda, 0).await;
}

/// Employees: one whose number is in order, and one for each way in which it is not.
fn employees(canary: &Canary, mobile: &str) {
    let okta = &canary.sandbox.okta;
    for user in okta.users() {
        okta.delete(&user.id);
    }
    okta.hire(WORD, mobile, COMPANY_NUMBER);
    okta.hire(WORD, WORD, NUMBERS[1]);
    okta.hire(WORD, "+442071838750", NUMBERS[2]);
    okta.set_status(&okta.hire(WORD, mobile, NUMBERS[3]), "SUSPENDED");
    okta.hire(WORD, PHONES[5], NUMBERS[4]);
    okta.hire(WORD, PHONES[6], NUMBERS[4]);
}

fn upstream_faults() -> Vec<Fault> {
    let quotes = [500, 429, 401, 403, 400, 302, 200].map(quoting);
    quotes
        .into_iter()
        .chain([
            Fault::Garbage,
            Fault::Truncate,
            Fault::ResetAfter,
            Fault::ResetBefore,
        ])
        .collect()
}

async fn calling(canary: &mut Canary) {
    let lambda = canary.run(CALL, &[("VOICEMAIL", Some("on"))]).await;
    let (mobile, caller) = (PHONES[0], PHONES[1]);
    employees(canary, mobile);
    for number in NUMBERS.into_iter().chain([COMPANY_NUMBER]) {
        canary.sandbox.twilio.call(caller, number).await;
    }
    for fault in upstream_faults() {
        canary.sandbox.okta.server().faults().next(fault);
        canary.sandbox.twilio.call(caller, UNSEEN).await;
        canary.sandbox.okta.server().faults().clear();
    }
    canary.sandbox.twilio.phone_rings_out(mobile);
    for fault in upstream_faults().into_iter().map(Some).chain([None]) {
        if let Some(fault) = fault {
            canary.sandbox.twilio.server().faults().next(fault);
        }
        let call = canary
            .sandbox
            .twilio
            .caller(PHONES[2])
            .records(12)
            .call(COMPANY_NUMBER)
            .await;
        canary.sandbox.twilio.server().faults().clear();
        canary.mark(&call.recordings[0].url);
        canary.mark(&call.recordings[0].sid);
    }
    for fault in [quoting(500), quoting(400), Fault::Garbage] {
        canary.sandbox.aws.dynamodb().faults().always(Some(fault));
        canary
            .sandbox
            .twilio
            .caller(PHONES[3])
            .records(12)
            .call(COMPANY_NUMBER)
            .await;
        canary.sandbox.aws.dynamodb().faults().clear();
    }
    canary.sandbox.twilio.phone_forwards(mobile, COMPANY_NUMBER);
    canary.sandbox.twilio.call(PHONES[4], COMPANY_NUMBER).await;
    let params = canary.sandbox.twilio.inbound_call(caller, COMPANY_NUMBER);
    canary
        .sandbox
        .twilio
        .post_call_signed(params, lambda.url(), WORD)
        .await;
    for event in malformed() {
        let _answer_or_error = lambda.invoke(event).await;
    }
    canary.sandbox.twilio.alerts();
    canary.collect(CALL, lambda, malformed().len()).await;

    let lambda = canary.run(CALL, &[]).await;
    canary.sandbox.twilio.phone_busy(mobile);
    canary.sandbox.twilio.call(PHONES[7], COMPANY_NUMBER).await;
    canary.collect(CALL, lambda, 0).await;
}

async fn texting(canary: &mut Canary) {
    let lambda = canary.run(FORWARD, &[]).await;
    let (mobile, sender) = (PHONES[0], PHONES[1]);
    employees(canary, mobile);
    canary
        .sandbox
        .twilio
        .text(mobile, COMPANY_NUMBER, WORD)
        .await;
    for number in NUMBERS.into_iter().chain([COMPANY_NUMBER]) {
        canary.sandbox.twilio.text(sender, number, WORD).await;
    }
    let text = canary.sandbox.twilio.inbound(sender, UNSEEN, WORD);
    for fault in upstream_faults() {
        canary.sandbox.okta.server().faults().next(fault);
        canary
            .sandbox
            .twilio
            .deliver(text.clone(), lambda.url())
            .await;
        canary.sandbox.okta.server().faults().clear();
    }
    canary
        .sandbox
        .twilio
        .picture(
            PHONES[2],
            COMPANY_NUMBER,
            WORD,
            &["https://api.twilio.com/zebrafinch.jpg"],
        )
        .await;
    canary
        .sandbox
        .twilio
        .text(mobile, COMPANY_NUMBER, WORD)
        .await;
    canary
        .sandbox
        .twilio
        .text(mobile, COMPANY_NUMBER, &format!("{}: {WORD}", PHONES[3]))
        .await;
    let text = canary
        .sandbox
        .twilio
        .inbound(PHONES[4], COMPANY_NUMBER, WORD);
    for _ in 0..2 {
        canary
            .sandbox
            .twilio
            .deliver(text.clone(), lambda.url())
            .await;
    }
    canary
        .sandbox
        .twilio
        .deliver_signed(text, lambda.url(), WORD)
        .await;
    for fault in [quoting(500), quoting(400), Fault::Garbage] {
        canary.sandbox.aws.dynamodb().faults().always(Some(fault));
        canary
            .sandbox
            .twilio
            .text(PHONES[5], COMPANY_NUMBER, WORD)
            .await;
        canary.sandbox.aws.dynamodb().faults().clear();
    }
    for _ in 0..6 {
        canary
            .sandbox
            .twilio
            .text(PHONES[6], COMPANY_NUMBER, WORD)
            .await;
    }
    canary
        .sandbox
        .twilio
        .text(PHONES[7], COMPANY_NUMBER, "STOP")
        .await;
    for event in malformed() {
        let _answer_or_error = lambda.invoke(event).await;
    }
    canary.sandbox.twilio.alerts();
    canary.collect(FORWARD, lambda, malformed().len()).await;
}

async fn provisioning(canary: &mut Canary) {
    let lambda = canary.run(PROVISION, &[]).await;
    employees(canary, PHONES[0]);
    let hook = format!("{}okta", lambda.url());
    let new = canary.sandbox.okta.hire(WORD, PHONES[1], "");
    canary
        .sandbox
        .okta
        .deliver_event(&hook, WORD, "user.lifecycle.activate", &new)
        .await;
    for _ in 0..2 {
        canary
            .sandbox
            .okta
            .deliver_event(&hook, HOOK, "user.lifecycle.activate", &new)
            .await;
    }
    canary
        .sandbox
        .okta
        .deliver(&hook, HOOK, &json!({ "eventId": WORD, "data": WORD }))
        .await;
    let okta = canary.sandbox.okta.server().faults();
    okta.always(Some(sandbox::scene::status(500)));
    let _failed = lambda.invoke(json!({})).await;
    okta.clear();
    let mut runs = 1;
    for fault in upstream_faults() {
        for faults in [
            canary.sandbox.okta.server(),
            canary.sandbox.twilio.server(),
            canary.sandbox.aws.dynamodb(),
        ]
        .map(Server::faults)
        {
            faults.next(fault.clone());
            let _refused = lambda.invoke(json!({})).await;
            faults.clear();
            runs += 1;
        }
    }
    lambda.invoke(json!({})).await.unwrap();
    for number in canary.sandbox.twilio.owned() {
        canary.mark(&number.number[2..]);
    }
    for event in malformed() {
        let _refused = lambda.invoke(event).await;
    }
    canary
        .collect(PROVISION, lambda, runs + 1 + malformed().len())
        .await;
}

/// The phone menu, a Studio flow, and the protected API behind both.
async fn asking(canary: &mut Canary) {
    let sandbox = &canary.sandbox;
    let balance = Amount {
        amount: "1.00".to_owned(),
        currency: WORD.to_owned(),
    };
    let account = Account {
        account_number: ACCOUNTS[0].to_owned(),
        name: Some(WORD.to_owned()),
        phone: Some(PHONES[0].to_owned()),
        balance: Some(balance),
        payments: vec![],
    };
    sandbox.load(&[account]).await;
    let caller = |account, name| {
        sandbox
            .auth0
            .sign_up_caller(account, PIN, WORD, &format!("{WORD}{name}@acme.example"))
    };
    caller(ACCOUNTS[0], "1");
    caller(ACCOUNTS[1], "2");
    caller(ACCOUNTS[1], "3");
    sandbox.auth0.block(&caller(ACCOUNTS[2], "4"), true);

    let api = canary.run(API, &[]).await;
    let flow = canary.run(FLOW, &[]).await;
    let settings = [("PIN_LENGTH", Some("12")), ("PIN_ATTEMPTS", Some("1"))];
    let ivr = canary.run_many(IVR, 4, &settings).await; // refusals take their time
    validating(canary, ivr.url()).await;
    calling_the_menu(canary, ivr.url()).await;
    flowing(canary, flow.url()).await;
    asking_the_api(canary, api.url()).await;
    for lambda in [&api, &flow, &ivr] {
        for event in malformed() {
            let _answer_or_error = lambda.invoke(event).await;
        }
    }
    canary.collect(API, api, malformed().len()).await;

    // Nobody is behind the API's door any more.
    let door = canary.sandbox.door(API);
    for fault in upstream_faults() {
        door.faults().next(fault);
        canary
            .sandbox
            .twilio
            .post_call(
                vec![("account_number".into(), ACCOUNTS[0].into())],
                flow.url(),
            )
            .await;
        door.faults().clear();
    }
    canary
        .sandbox
        .twilio
        .caller(PHONES[0])
        .keys([ACCOUNTS[0], PIN, "1", "9"])
        .call(IVR_NUMBER)
        .await;
    canary.sandbox.twilio.alerts();
    canary.collect(FLOW, flow, malformed().len()).await;
    canary.collect(IVR, ivr, malformed().len()).await;
}

async fn validating(canary: &Canary, url: &str) {
    let url = &format!("{url}validate");
    let ask = |token: &str, account: &str, pin: &str, caller: &str| {
        let form = [
            ("account_number", account),
            ("pin", pin),
            ("caller", caller),
        ];
        let request = client().post(url).bearer_auth(token).form(&form);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(ask(IVR_TOKEN, ACCOUNTS[0], PIN, PHONES[0]).await, 200);
    let wrong = PIN.chars().rev().collect::<String>();
    tokio::join!(
        ask(IVR_TOKEN, ACCOUNTS[0], &wrong, PHONES[1]),
        ask(IVR_TOKEN, ACCOUNTS[1], PIN, PHONES[2]),
        ask(IVR_TOKEN, ACCOUNTS[2], PIN, PHONES[3]),
        ask(IVR_TOKEN, ACCOUNTS[3], PIN, WORD),
    );
    tokio::join!(
        ask(IVR_TOKEN, ACCOUNTS[0], PIN, PHONES[1]),
        ask(IVR_TOKEN, WORD, WORD, WORD),
        ask(WORD, WORD, WORD, WORD)
    );
    for server in [canary.sandbox.auth0.server(), canary.sandbox.aws.dynamodb()] {
        for fault in [quoting(500), quoting(400), quoting(200), Fault::Garbage] {
            server.faults().always(Some(fault));
            tokio::join!(
                ask(IVR_TOKEN, ACCOUNTS[0], PIN, PHONES[4]),
                canary
                    .sandbox
                    .twilio
                    .caller(PHONES[5])
                    .keys([ACCOUNTS[0], PIN])
                    .hangs_up_after_keys()
                    .call(IVR_NUMBER),
            );
            server.faults().clear();
        }
    }
    client()
        .post(url)
        .form(&[("pin", PIN)])
        .send()
        .await
        .unwrap();
}

async fn calling_the_menu(canary: &Canary, url: &str) {
    let twilio = &canary.sandbox.twilio;
    let call = twilio
        .caller(PHONES[0])
        .keys([ACCOUNTS[0], PIN, "1", "2", "5", "9"])
        .call(IVR_NUMBER)
        .await;
    assert!(call.heard.concat().contains(WORD), "{call:?}");
    let digits = |keys: &str| {
        let mut params = twilio.inbound_call(PHONES[6], IVR_NUMBER);
        params.push(("Digits".to_owned(), keys.to_owned()));
        params
    };
    twilio
        .post_call(digits(PIN), &format!("{url}voice/pin"))
        .await;
    twilio
        .post_call(digits(WORD), &format!("{url}voice/account"))
        .await;
    twilio
        .post_call_signed(digits(PIN), &format!("{url}voice/pin"), WORD)
        .await;
}

async fn flowing(canary: &Canary, url: &str) {
    let twilio = &canary.sandbox.twilio;
    for (name, value) in [
        ("account_number", ACCOUNTS[0]),
        ("account_number", ACCOUNTS[3]),
        (WORD, WORD),
        ("account_number", WORD),
    ] {
        twilio
            .post_call(vec![(name.to_owned(), value.to_owned())], url)
            .await;
    }
    let post = |token: &str| {
        client()
            .post(url)
            .basic_auth(WORD, Some(token))
            .json(&json!({ "account_number": ACCOUNTS[0] }))
    };
    assert_eq!(post(STUDIO_TOKEN).send().await.unwrap().status(), 200);
    assert_eq!(post(WORD).send().await.unwrap().status(), 401);
    let garbled = client()
        .post(url)
        .bearer_auth(STUDIO_TOKEN)
        .header("content-type", "application/json")
        .body(WORD);
    assert_eq!(garbled.send().await.unwrap().status(), 400);
}

async fn asking_the_api(canary: &Canary, url: &str) {
    let auth0 = &canary.sandbox.auth0;
    let good = auth0.mint(json!({}), json!({}), Signer::Current);
    let get = |path: String, token: &str| {
        let request = client().get(format!("{url}{path}")).bearer_auth(token);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    let path = format!("accounts/{}", ACCOUNTS[0]);
    assert_eq!(get(path.clone(), &good).await, 200);
    assert_eq!(
        get(format!("accounts?phone=%2B{}", &PHONES[0][1..]), &good).await,
        200
    );
    assert_eq!(get(format!("accounts?phone={WORD}"), &good).await, 400);
    assert_eq!(get(format!("accounts/{WORD}"), &good).await, 404);
    for (claims, header, signer) in [
        (json!({ "scope": WORD }), json!({}), Signer::Current),
        (
            json!({ "iss": WORD, "sub": WORD }),
            json!({}),
            Signer::Current,
        ),
        (json!({}), json!({ "kid": WORD }), Signer::Current),
        (json!({}), json!({}), Signer::Stranger),
        (json!({}), json!({ "alg": WORD }), Signer::Nobody),
    ] {
        assert!([401, 403].contains(&get(path.clone(), &auth0.mint(claims, header, signer)).await));
    }
    for fault in [quoting(500), quoting(400), Fault::Garbage] {
        canary.sandbox.aws.dynamodb().faults().always(Some(fault));
        assert_eq!(get(path.clone(), &good).await, 503);
        canary.sandbox.aws.dynamodb().faults().clear();
    }
}

/// Secrets without their keys, settings that are wrong.
async fn starting_badly(canary: &mut Canary) {
    for secret in [
        json!({ "auth_tokem": TOKEN, "signing_kei": KEY }),
        json!(TOKEN),
    ] {
        for id in [
            "switchboard/twilio",
            "switchboard/twilio-send",
            "switchboard/mailgun",
        ] {
            canary.sandbox.aws.set_secret(id, &secret);
        }
        let lambda = canary.run(SEND, &[]).await;
        let mail = canary.verification(PHONES[5], LinkPage::Form).mail;
        assert_eq!(canary.post(&mail).await, 503);
        canary.collect(SEND, lambda, 0).await;
        let lambda = canary.run(RECEIVE, &[]).await;
        canary.text(PHONES[5], "YES").await;
        canary.collect(RECEIVE, lambda, 0).await;
    }
    canary.good_secrets();
    for (function, names) in [
        (
            SEND,
            &[
                "TWILIO_URL",
                "AUTH0_URL",
                "MAIL_SENDERS",
                "RECIPIENT_PATTERN",
                "TWILIO_MESSAGING_SERVICE",
                "SMS_PER_HOUR",
                "ALLOWED_COUNTRIES",
            ][..],
        ),
        (
            RECEIVE,
            &[
                "AUTH0_URL",
                "CONFIRM_WITH",
                "PASSWORD_LINK_MESSAGE",
                "PUBLIC_URL",
                "AWS_ENDPOINT_URL_DYNAMODB",
                "EXTRA_CA_FILE",
            ],
        ),
        (
            CALL,
            &[
                "OKTA_URL",
                "TWILIO_URL",
                "PUBLIC_URL",
                "VOICEMAIL",
                "DIAL_TIMEOUT_SECONDS",
                "ALLOWED_COUNTRIES",
            ],
        ),
        (
            FORWARD,
            &[
                "OKTA_URL",
                "PUBLIC_URL",
                "ALLOWED_COUNTRIES",
                "MESSAGES_PER_PAIR_PER_MINUTE",
            ],
        ),
        (
            IVR,
            &[
                "AUTH0_URL",
                "API_URL",
                "PUBLIC_URL",
                "PIN_LENGTH",
                "PIN_ATTEMPTS",
                "IVR_MENU",
            ],
        ),
        (FLOW, &["AUTH0_URL", "API_URL", "PUBLIC_URL", "API_PATH"]),
        (API, &["AUTH0_URL", "AWS_ENDPOINT_URL_DYNAMODB"]),
        (
            PROVISION,
            &[
                "OKTA_URL",
                "TWILIO_URL",
                "CALL_FORWARD_URL",
                "AREA_PREFIXES",
                "NUMBER_COUNTRY",
                "DRY_RUN",
                "MAX_NUMBERS",
            ],
        ),
    ] {
        let settings: Vec<_> = names.iter().map(|name| (*name, Some(WORD))).collect();
        let lambda = canary.run(function, &settings).await;
        assert!(lambda.wait_ready().await.is_err());
        lambda.wait_exits(1).await;
        canary.output.extend(lambda.log());
        canary.errors.extend(lambda.errors());
    }
}
