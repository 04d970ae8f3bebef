//! Every provider with every fault: what is answered, how often each provider was asked, and that nothing is sent twice.

use std::time::Duration;

use sandbox::wire::Fault;
use sandbox::{Sandbox, clickatell};
use serde_json::{Value, json};

use crate::scene::{Answer, PROVIDERS, Scene, TEXT, says, status};

/// What a fault of the first provider of a route leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    /// 200, with this id or none.
    Taken(Option<&'static str>),
    /// Certainly not sent: 200, by the next provider.
    Next,
    /// 422, nobody else is asked.
    Recipient,
    /// 429, nobody else is asked.
    Forbidden,
    /// 504, nobody else is asked.
    Unknown,
}
use Outcome::{Forbidden, Next, Recipient, Taken, Unknown};

type Row = (&'static str, Fault, Outcome);

const SID: &str = "SM000000000000000000000000000000ab";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Vendor {
    Twilio,
    Clickatell,
    /// Its former API.
    Central,
    Plivo,
    Vonage,
    Aws,
}

/// Every provider, those of [`PROVIDERS`] first.
fn asked(scene: &Scene) -> Vec<usize> {
    let aws = scene.server("aws").exchanges().len();
    scene.asked().into_iter().chain([aws]).collect()
}

fn taken(scene: &Scene) -> usize {
    scene.texts().iter().sum::<usize>() + scene.sandbox.aws_sms.messages().len()
}

impl Vendor {
    fn name(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::Clickatell | Self::Central => "clickatell",
            Self::Plivo => "plivo",
            Self::Vonage => "vonage",
            Self::Aws => "aws",
        }
    }

    fn backup(self) -> &'static str {
        if self == Self::Twilio {
            "vonage"
        } else {
            "twilio"
        }
    }

    /// Its success.
    fn accepts(self) -> (&'static str, String) {
        let id = match self {
            Self::Twilio => SID,
            Self::Central => "00000000000000000000000000000001",
            Self::Clickatell | Self::Plivo | Self::Vonage | Self::Aws => "an-id",
        };
        (id, self.accepts_as(id))
    }

    /// Its success with this id of the message.
    fn accepts_as(self, id: &str) -> String {
        match self {
            Self::Twilio => {
                json!({ "sid": id, "num_segments": "1", "error_code": null }).to_string()
            }
            Self::Clickatell => {
                let message = json!({ "apiMessageId": id, "accepted": true, "to": "4520304050", "error": null });
                json!({ "messages": [message], "error": null }).to_string()
            }
            Self::Central => format!("ID: {id}\n"),
            Self::Plivo => {
                json!({ "api_id": "x", "message": "message(s) queued", "message_uuid": [id] })
                    .to_string()
            }
            Self::Vonage => parts(&[json!({ "status": "0", "message-id": id })]),
            Self::Aws => json!({ "MessageId": id }).to_string(),
        }
    }

    /// What a 2xx means whose body cannot be read.
    fn unreadable(self) -> Outcome {
        if matches!(self, Self::Twilio | Self::Plivo | Self::Aws) {
            Taken(None)
        } else {
            Unknown
        }
    }

    async fn scene(self, sandbox: Sandbox, overrides: &[(&str, Option<&str>)]) -> Scene {
        if self == Self::Central {
            let secret = json!({ "user": clickatell::USER, "password": clickatell::PASSWORD, "api_id": clickatell::API_ID });
            sandbox.aws.set_secret("switchboard/clickatell", &secret);
        }
        let routes = format!("*={},{}", self.name(), self.backup());
        Scene::on(
            sandbox,
            1,
            &[&[("SMS_ROUTES", Some(&*routes))], overrides].concat(),
        )
        .await
    }

    /// Faults of its own making.
    fn rows(self) -> Vec<Row> {
        match self {
            Self::Twilio => {
                let refusal = |code: u32| {
                    says(
                        400,
                        json!({ "code": code, "message": "", "status": 400 }).to_string(),
                    )
                };
                let failed = |code: Value| {
                    let message = json!({ "sid": SID, "num_segments": "0", "status": "failed", "error_code": code, "error_message": "" });
                    says(201, message.to_string())
                };
                vec![
                    ("21211 impossible number", refusal(21211), Recipient),
                    ("21610 opted out", refusal(21610), Recipient),
                    ("21614 not a mobile", refusal(21614), Recipient),
                    ("21635 landline", refusal(21635), Recipient),
                    ("21612 not from this sender", refusal(21612), Next),
                    ("21214 not to be reached from here", refusal(21214), Next),
                    (
                        "201 failed, 30034 not registered",
                        failed(json!(30034)),
                        Next,
                    ),
                    (
                        "201 failed, 21612 not from this sender",
                        failed(json!(21612)),
                        Next,
                    ),
                    (
                        "201 failed, 30006 landline or not reached",
                        failed(json!(30006)),
                        Next,
                    ),
                    (
                        "201 failed, 21610 opted out",
                        failed(json!(21610)),
                        Recipient,
                    ),
                    ("201 failed, no code", failed(Value::Null), Next),
                    ("21408 region not enabled", refusal(21408), Next),
                    ("21606 not our number", refusal(21606), Next),
                    ("30007 filtered", refusal(30007), Next),
                    (
                        "20429 by status and code",
                        says(429, json!({ "code": 20429 }).to_string()),
                        Next,
                    ),
                ]
            }
            Self::Clickatell => {
                let refused = |code: Value| {
                    let message = json!({ "apiMessageId": null, "accepted": false, "error": { "code": code, "description": "" } });
                    says(
                        202,
                        json!({ "messages": [message], "error": null }).to_string(),
                    )
                };
                let failed = |status, code: u32| {
                    says(
                        status,
                        json!({ "messages": [], "error": { "code": code, "description": "" } })
                            .to_string(),
                    )
                };
                let silent =
                    json!({ "messages": [{ "accepted": false, "error": null }], "error": null })
                        .to_string();
                vec![
                    (
                        "202 not accepted, 25 invalid recipient",
                        refused(json!(25)),
                        Recipient,
                    ),
                    (
                        "202 not accepted, 26 opted out",
                        refused(json!("26")),
                        Recipient,
                    ),
                    ("202 not accepted, 18 temporary", refused(json!(18)), Next),
                    ("202 not accepted, 20 no balance", refused(json!(20)), Next),
                    ("202 not accepted, 43 rate limit", refused(json!(43)), Next),
                    ("202 not accepted, no reason", says(202, silent), Next),
                    (
                        "202 with an error for the whole request",
                        failed(202, 21),
                        Next,
                    ),
                    ("400 invalid recipient", failed(400, 25), Recipient),
                    ("402 no balance", failed(402, 20), Next),
                    (
                        "202 without messages",
                        says(202, json!({ "messages": [], "error": null }).to_string()),
                        Unknown,
                    ),
                ]
            }
            Self::Central => vec![
                (
                    "ERR 105 destination",
                    says(200, "ERR: 105, Invalid Destination Address"),
                    Recipient,
                ),
                (
                    "ERR 122 opted out",
                    says(200, "ERR: 122, opted out"),
                    Recipient,
                ),
                (
                    "ERR 114 no route",
                    says(200, "ERR: 114, Cannot route message"),
                    Next,
                ),
                (
                    "ERR 130 limit",
                    says(200, "ERR: 130, Maximum MT limit"),
                    Next,
                ),
                (
                    "ERR 301 no credit",
                    says(200, "ERR: 301, No Credit Left"),
                    Next,
                ),
                (
                    "ERR 901 internal",
                    says(200, "ERR: 901, Internal error"),
                    Next,
                ),
                ("ERR without a code", says(200, "ERR: what"), Unknown),
                ("ID without an id", says(200, "ID: "), Unknown),
                ("another word", says(200, "OK"), Unknown),
            ],
            Self::Plivo => {
                let invalid =
                    json!({ "api_id": "x", "message_uuid": [], "invalid_number": ["4520304050"] })
                        .to_string();
                vec![
                    ("202 with an invalid number", says(202, invalid), Recipient),
                    (
                        "202 with nothing but an error",
                        says(202, json!({ "api_id": "x", "error": "no" }).to_string()),
                        Next,
                    ),
                    (
                        "400 text",
                        says(
                            400,
                            json!({ "api_id": "x", "error": "src is invalid" }).to_string(),
                        ),
                        Next,
                    ),
                    (
                        "400 object",
                        says(
                            400,
                            json!({ "api_id": "x", "error": { "dst": ["wrong"] } }).to_string(),
                        ),
                        Next,
                    ),
                    ("405", status(405), Next),
                    ("409", status(409), Next),
                ]
            }
            Self::Vonage => {
                let element = |status: Value| {
                    says(200, parts(&[json!({ "status": status, "error-text": "" })]))
                };
                let (sent, failed) = (
                    json!({ "status": "0", "message-id": "an-id" }),
                    json!({ "status": "7" }),
                );
                vec![
                    ("1 throttled", element(json!("1")), Next),
                    ("2 missing parameter", element(json!("2")), Next),
                    ("5 internal", element(json!("5")), Next),
                    ("9 no credit", element(json!("9")), Next),
                    ("15 sender not allowed", element(json!(15)), Next),
                    ("6 unknown prefix", element(json!("6")), Recipient),
                    ("7 number barred", element(json!("7")), Recipient),
                    ("33 number de-activated", element(json!("33")), Recipient),
                    (
                        "two parts taken",
                        says(200, parts(&[sent.clone(), sent.clone()])),
                        Taken(Some("an-id")),
                    ),
                    (
                        "one of two parts taken",
                        says(200, parts(&[sent, failed])),
                        Unknown,
                    ),
                    ("no elements", says(200, parts(&[])), Unknown),
                    (
                        "an element without a status",
                        says(200, parts(&[json!({})])),
                        Unknown,
                    ),
                    ("a status that is none", element(json!("zero")), Unknown),
                ]
            }
            Self::Aws => {
                let refusal = |kind: &str, reason: &str| {
                    let body = json!({ "__type": kind, "Reason": reason, "Message": "+4520304050 Your code is 27182818" });
                    says(400, body.to_string())
                };
                vec![
                    (
                        "opted out",
                        refusal("ConflictException", "DESTINATION_PHONE_NUMBER_OPTED_OUT"),
                        Recipient,
                    ),
                    (
                        "blocked by the account's own rule",
                        refusal(
                            "ConflictException",
                            "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION",
                        ),
                        Forbidden,
                    ),
                    (
                        "too dear",
                        refusal("ValidationException", "PRICE_OVER_THRESHOLD"),
                        Next,
                    ),
                    (
                        "no sender for the country",
                        refusal("ConflictException", "NO_ORIGINATION_IDENTITIES_FOUND"),
                        Next,
                    ),
                    ("throttled", refusal("ThrottlingException", ""), Next),
                    (
                        "the month's limit",
                        refusal(
                            "ServiceQuotaExceededException",
                            "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT",
                        ),
                        Next,
                    ),
                    ("no right", refusal("AccessDeniedException", ""), Next),
                    (
                        "its own fault",
                        says(
                            500,
                            json!({ "__type": "InternalServerException" }).to_string(),
                        ),
                        Unknown,
                    ),
                ]
            }
        }
    }

    /// Faults that every provider can have.
    fn common_rows(self) -> Vec<Row> {
        let (id, good) = self.accepts();
        let with = |status, name: &str, value: &str, body: &str| Fault::Answer {
            status,
            headers: vec![(name.to_owned(), value.to_owned())],
            body: body.to_owned(),
        };
        vec![
            ("reset before", Fault::ResetBefore, Unknown),
            ("reset after it was taken", Fault::ResetAfter, Unknown),
            ("500", status(500), Unknown),
            (
                "500 that looks like success",
                says(500, good.clone()),
                Unknown,
            ),
            ("502", status(502), Unknown),
            ("504", status(504), Unknown),
            ("503", status(503), Next),
            ("429", status(429), Next),
            ("429, seconds", with(429, "retry-after", "7", ""), Next),
            (
                "429, a date",
                with(429, "retry-after", "Fri, 20 Nov 2026 12:00:00 GMT", ""),
                Next,
            ),
            (
                "429, absurd",
                with(429, "retry-after", "99999999999999999999", "<html>"),
                Next,
            ),
            ("400", status(400), Next),
            ("400 that is no JSON", says(400, "<html>"), Next),
            ("402", status(402), Next),
            ("404", status(404), Next),
            ("422", status(422), Next),
            ("200", says(200, good.clone()), Taken(Some(id))),
            ("201", says(201, good.clone()), Taken(Some(id))),
            ("202", says(202, good.clone()), Taken(Some(id))),
            (
                "200, another content type",
                with(200, "content-type", "text/html; charset=utf-8", &good),
                Taken(Some(id)),
            ),
            (
                "an id that quotes",
                says(200, self.accepts_as("+4520304050 Your code is 27182818")),
                Taken(None),
            ),
            (
                "an id without end",
                says(200, self.accepts_as(&"zebrafinch".repeat(10))),
                Taken(None),
            ),
            (
                "an id with an address",
                says(200, self.accepts_as("https://zebrafinch.example/")),
                Taken(None),
            ),
            ("200, empty", says(200, ""), self.unreadable()),
            ("200, {}", says(200, "{}"), self.unreadable()),
            ("200, null", says(200, "null"), self.unreadable()),
            ("200, []", says(200, "[]"), self.unreadable()),
            (
                "200, its beginning",
                says(200, &good[..9]),
                self.beginning(),
            ),
            ("garbage", Fault::Garbage, self.unreadable()),
            ("truncated", Fault::Truncate, self.unreadable()),
            ("5 MB", Fault::Oversize(5_000_000), self.unreadable()),
        ]
    }

    /// The beginning of a line of the former API is one, with a shorter id.
    fn beginning(self) -> Outcome {
        if self == Self::Central {
            Taken(Some("00000"))
        } else {
            self.unreadable()
        }
    }
}

fn parts(parts: &[Value]) -> String {
    json!({ "message-count": parts.len().to_string(), "messages": parts }).to_string()
}

/// One scene, and what was asked so far.
struct Table {
    vendor: Vendor,
    scene: Scene,
    row: usize,
}

impl Table {
    async fn of(vendor: Vendor) -> Self {
        Self {
            vendor,
            scene: vendor.scene(Sandbox::start().await, &[]).await,
            row: 0,
        }
    }

    /// With a function that Lambda ends soon: what waits for that need not wait long.
    async fn hurried(vendor: Vendor) -> Self {
        let mut sandbox = Sandbox::start().await;
        sandbox.set_timeout(Duration::from_secs(3));
        Self {
            vendor,
            scene: vendor.scene(sandbox, &[]).await,
            row: 0,
        }
    }

    /// A text to a number of its own.
    async fn send(&self) -> Answer {
        self.scene
            .send(&format!("+45{}4050", 2000 + self.row), TEXT)
            .await
    }

    /// The answer to one text, asked twice, is this, the first provider was asked so often for it, and nobody twice with success.
    async fn expect(&mut self, name: &str, outcome: Outcome, first_asked: usize) {
        let (vendor, name) = (self.vendor, format!("{:?}, {name}", self.vendor));
        self.row += 1;
        let (before, texts) = (asked(&self.scene), taken(&self.scene));
        let answer = self.send().await;
        let status = match outcome {
            Taken(_) | Next => 200,
            Recipient => 422,
            Forbidden => 429,
            Unknown => 504,
        };
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        match outcome {
            Taken(Some(id)) => assert_eq!(
                answer.body,
                json!({ "provider": vendor.name(), "id": id }),
                "{name}"
            ),
            Taken(None) => assert_eq!(
                answer.body,
                json!({ "provider": vendor.name(), "id": null }),
                "{name}"
            ),
            Next => assert_eq!(answer.provider(), vendor.backup(), "{name}"),
            Recipient | Forbidden | Unknown => assert!(answer.body["error"].is_string(), "{name}"),
        }
        let expected: Vec<usize> = PROVIDERS
            .iter()
            .chain(&["aws"])
            .zip(before)
            .map(|(provider, before)| match *provider {
                provider if provider == vendor.name() => before + first_asked,
                provider if provider == vendor.backup() && outcome == Next => before + 1,
                _ => before,
            })
            .collect();
        assert_eq!(asked(&self.scene), expected, "{name}");
        assert_eq!(self.send().await, answer, "{name}, again");
        assert_eq!(asked(&self.scene), expected, "{name}, again");
        assert!(
            taken(&self.scene) <= texts + 1,
            "{name}: more than one text"
        );
    }

    /// All is well, so that what failed before is no longer held against the provider.
    async fn recover(&mut self) {
        self.row += 1;
        let answer = self.send().await;
        assert_eq!(
            (answer.status, answer.provider()),
            (200, self.vendor.name())
        );
        // A failure every second time would break it.
        let soon = (sandbox::now().as_secs() + 60).to_string();
        let forgotten = json!({ "pk": { "S": "rate#code-provider#health" }, "sk": { "S": "state" }, "expires_at": { "N": soon } });
        self.scene.sandbox.aws.put(forgotten).await;
    }

    async fn meet(&mut self, rows: Vec<Row>) {
        for (name, fault, outcome) in rows {
            self.scene.faults(self.vendor.name()).next(fault);
            self.expect(name, outcome, 1).await;
            assert_eq!(self.scene.faults(self.vendor.name()).pending(), 0, "{name}");
            self.recover().await;
        }
    }
}

async fn whatever_it_answers(vendor: Vendor) {
    let mut table = Table::of(vendor).await;
    for quoted in ["Your code is", "+45203", "zebrafinch"] {
        table.scene.mark(quoted);
    }
    table.meet(vendor.rows()).await;
    table.meet(vendor.common_rows()).await;
    let elsewhere = PROVIDERS
        .iter()
        .find(|name| ![vendor.name(), vendor.backup()].contains(name))
        .unwrap();
    for status in [301, 302, 307, 308] {
        let location = format!("{}/steal", table.scene.server(elsewhere).url());
        let fault = Fault::Answer {
            status,
            headers: vec![("location".to_owned(), location)],
            body: String::new(),
        };
        table
            .meet(vec![("a redirect to another host", fault, Next)])
            .await;
    }
    table.scene.faults(vendor.name()).refuse(true);
    table.expect("connection refused", Next, 0).await;
    table.scene.faults(vendor.name()).refuse(false);
    table.recover().await;
}

async fn however_slow_it_is(vendor: Vendor) {
    let mut table = Table::hurried(vendor).await;
    for (name, fault, outcome) in [
        ("no answer", Fault::Hang, Unknown),
        (
            "headers after a minute",
            Fault::Delay(Duration::from_mins(1)),
            Unknown,
        ),
        (
            "a byte a second",
            Fault::Trickle(Duration::from_secs(1)),
            vendor.unreadable(),
        ),
    ] {
        table.meet(vec![(name, fault, outcome)]).await;
    }
    assert!(
        table.scene.lambda.exits().is_empty(),
        "Lambda did not have to kill it"
    );
}

/// All at once: most of it is waiting.
#[tokio::test]
async fn however_slow_they_are() {
    use Vendor::{Aws, Central, Clickatell, Plivo, Twilio, Vonage};
    let slow = [Twilio, Clickatell, Central, Plivo, Vonage, Aws]
        .map(|vendor| tokio::spawn(however_slow_it_is(vendor)));
    for vendor in slow {
        vendor.await.unwrap();
    }
}

/// Refused credentials are fetched again, once a minute.
async fn whichever_credentials_it_refuses(vendor: Vendor) {
    for refusal in [status(401), status(403)] {
        let mut table = Table::of(vendor).await;
        let fetched = table.scene.fetched(vendor.name());
        table
            .scene
            .faults(vendor.name())
            .always(Some(refusal.clone()));
        table.expect("credentials refused", Next, 2).await;
        table.expect("and again", Next, 1).await;
        assert_eq!(
            table.scene.fetched(vendor.name()),
            fetched + 1,
            "{vendor:?}"
        );
        table.scene.faults(vendor.name()).clear();
        table.recover().await;
    }
    let mut table = Table::of(vendor).await;
    table.scene.faults(vendor.name()).next(status(401));
    table.row += 1;
    let answer = table.send().await;
    assert_eq!(
        (answer.status, answer.provider()),
        (200, vendor.name()),
        "the fresh ones are good"
    );
    assert_eq!(table.scene.asked().iter().sum::<usize>(), 2);
}

/// No name, no TLS: nothing was sent.
async fn wherever_it_is(vendor: Vendor) {
    let variable = match vendor {
        Vendor::Aws => "AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2".to_owned(),
        _ => format!("{}_URL", vendor.name().to_uppercase()),
    };
    let sandbox = Sandbox::start().await;
    let without_tls = match vendor {
        Vendor::Twilio => sandbox.twilio.server(),
        Vendor::Clickatell | Vendor::Central => sandbox.clickatell.server(),
        Vendor::Plivo => sandbox.plivo.server(),
        Vendor::Vonage => sandbox.vonage.server(),
        Vendor::Aws => sandbox.aws_sms.server(),
    }
    .url()
    .replace("http:", "https:");
    let scene = vendor
        .scene(sandbox, &[(&variable, Some(&without_tls))])
        .await;
    Table {
        vendor,
        scene,
        row: 0,
    }
    .expect("no TLS there", Next, 0)
    .await;
    let scene = vendor
        .scene(
            Sandbox::start().await,
            &[(&variable, Some("https://nothing.invalid"))],
        )
        .await;
    Table {
        vendor,
        scene,
        row: 0,
    }
    .expect("no such name", Next, 0)
    .await;
}

macro_rules! every_vendor {
    ($($test:ident: $vendor:ident;)*) => {$(
        mod $test {
            use super::Vendor::$vendor;

            #[tokio::test]
            async fn whatever_it_answers() {
                super::whatever_it_answers($vendor).await;
            }

            #[tokio::test]
            async fn whichever_credentials_it_refuses() {
                super::whichever_credentials_it_refuses($vendor).await;
            }

            #[tokio::test]
            async fn wherever_it_is() {
                super::wherever_it_is($vendor).await;
            }
        }
    )*};
}

every_vendor! {
    through_twilio: Twilio;
    through_clickatell: Clickatell;
    through_clickatell_central: Central;
    through_plivo: Plivo;
    through_vonage: Vonage;
}

/// A role is not fetched again.
mod through_aws {
    use sandbox::scene::status;

    use super::Outcome::Next;
    use super::Table;
    use super::Vendor::Aws;

    #[tokio::test]
    async fn whatever_it_answers() {
        super::whatever_it_answers(Aws).await;
    }

    #[tokio::test]
    async fn a_refused_role_is_asked_once() {
        let mut table = Table::of(Aws).await;
        table.scene.faults("aws").always(Some(status(403)));
        table.expect("role refused", Next, 1).await;
    }

    #[tokio::test]
    async fn wherever_it_is() {
        super::wherever_it_is(Aws).await;
    }
}
