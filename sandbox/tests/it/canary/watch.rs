//! Runs the functions with markers, and looks for the markers in what they print.

use std::collections::BTreeSet;
use std::time::Duration;

use sandbox::auth0::{LinkPage, TicketMail, User};
use sandbox::lambda::Lambda;
use sandbox::mail::Mail;
use sandbox::wire::{Exchange, Fault, Server};
use sandbox::{COMPANY_NUMBER, Sandbox, auth0, twilio};
use serde_json::{Value, json};

use super::{
    ACCOUNTS, API_KEY, CLIENT_SECRET, HOOK, IVR_TOKEN, KEY, LOGIN_SECRET, NUMBERS, OKTA_TOKEN,
    PHONES, PIN, STUDIO_TOKEN, TOKEN, UNSEEN, WORD,
};
use crate::{CALL, FORWARD, SEND, binary};

/// What must not be in a line, and the lines.
pub(super) struct Canary {
    pub(super) sandbox: Sandbox,
    pub(super) markers: BTreeSet<String>,
    pub(super) codes: BTreeSet<String>,
    pub(super) output: Vec<String>,
    pub(super) errors: Vec<String>,
}

impl Canary {
    pub(super) async fn start() -> Self {
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

    pub(super) fn good_secrets(&self) {
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

    pub(super) fn mark(&mut self, marker: &str) {
        assert!(marker.len() >= 3, "{marker:?} would be found anywhere");
        self.markers.insert(marker.to_owned());
    }

    pub(super) async fn run(&self, function: &str, settings: &[(&str, Option<&str>)]) -> Lambda {
        self.run_many(function, 1, settings).await
    }

    pub(super) async fn run_many(
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

    pub(super) fn user(&self, phone: &str) -> User {
        let address = format!("acme{phone}@sms.example.com");
        self.sandbox
            .auth0
            .user(&address)
            .unwrap_or_else(|| self.sandbox.auth0.sign_up(&address))
    }

    pub(super) fn verification(&mut self, phone: &str, page: LinkPage) -> TicketMail {
        let made = self
            .sandbox
            .auth0
            .mail_verification(&self.user(phone), page);
        self.marked(made)
    }

    pub(super) fn password(&mut self, phone: &str) -> TicketMail {
        let made = self.sandbox.auth0.mail_password(&self.user(phone));
        self.marked(made)
    }

    pub(super) fn marked(&mut self, mut made: TicketMail) -> TicketMail {
        self.mark(&made.ticket);
        self.mark(made.mail.message_id.trim_matches(['<', '>']));
        made.mail.subject += WORD;
        made.mail.html = made.mail.html.replace("Welcome", WORD);
        made.mail.from = format!("{WORD} <no-reply@acme.example>");
        made
    }

    pub(super) async fn post(&self, mail: &Mail) -> u16 {
        let fields = self.sandbox.mailgun.fields(mail, sandbox::now().as_secs());
        self.sandbox
            .mailgun
            .post(&format!("{}/", self.sandbox.door(SEND).url()), &fields)
            .await
            .status
    }

    pub(super) async fn text(&mut self, phone: &str, text: &str) -> Vec<String> {
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
    pub(super) async fn collect(&mut self, function: &str, lambda: Lambda, requests: usize) {
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
    pub(super) fn mark_credentials(&mut self, exchange: &Exchange) {
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

    pub(super) fn judge(&self) {
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
    pub(super) fn holds_code(&self, value: &Value) -> bool {
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
pub(super) fn quoting(status: u16) -> Fault {
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
pub(super) fn malformed() -> Vec<Value> {
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
