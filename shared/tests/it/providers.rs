//! Every SMS provider: each outcome that callers branch on, from the provider's real answers and from a failing wire, and how many
//! requests and texts it cost.

use std::time::{Duration, SystemTime};

use sandbox::wire::{Fault, Server};
use sandbox::{Sandbox, clickatell, plivo, twilio, vonage};
use serde_json::{Value, json};
use shared::platform::Platform;
use shared::platform::base_url::BaseUrl;
use shared::platform::config;
use shared::platform::runtime::now;
use shared::rules::delivery::Reference;
use shared::rules::phone::E164;
use shared::rules::sms::{Outbound, Receipt, ReceiptRequest, SendError, segments};
use shared::services::providers::{Name, Provider};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Api {
    Twilio,
    Platform,
    Central,
    Plivo,
    Vonage,
    Aws,
}

const TO: &str = "+4512345678";
const TIME: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(61);
const UNREADABLE: Receipt = Receipt {
    id: None,
    segments: None,
};

impl Api {
    /// Those that a secret opens.
    const KEYED: [Self; 5] = [
        Self::Twilio,
        Self::Platform,
        Self::Central,
        Self::Plivo,
        Self::Vonage,
    ];

    fn name(self) -> Name {
        match self {
            Self::Twilio => Name::Twilio,
            Self::Platform | Self::Central => Name::Clickatell,
            Self::Plivo => Name::Plivo,
            Self::Vonage => Name::Vonage,
            Self::Aws => Name::Aws,
        }
    }

    /// The variable with its URL.
    fn variable(self) -> &'static str {
        match self {
            Self::Twilio => "TWILIO_URL",
            Self::Platform | Self::Central => "CLICKATELL_URL",
            Self::Plivo => "PLIVO_URL",
            Self::Vonage => "VONAGE_URL",
            Self::Aws => "AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2",
        }
    }

    /// The secret, with this in place of what opens the account.
    fn secret(self, other: Option<&str>) -> Value {
        match self {
            Self::Twilio => {
                json!({"account_sid": twilio::ACCOUNT_SID, "auth_token": other.unwrap_or(twilio::AUTH_TOKEN)})
            }
            Self::Platform => json!({"api_key": other.unwrap_or(clickatell::API_KEY)}),
            Self::Central => json!({
                "user": clickatell::USER, "password": other.unwrap_or(clickatell::PASSWORD), "api_id": clickatell::API_ID,
            }),
            Self::Plivo => {
                json!({"auth_id": plivo::AUTH_ID, "auth_token": other.unwrap_or(plivo::AUTH_TOKEN)})
            }
            Self::Vonage => {
                json!({"api_key": vonage::API_KEY, "api_secret": other.unwrap_or(vonage::API_SECRET)})
            }
            Self::Aws => Value::Null,
        }
    }

    /// What a 2xx with a body that cannot be read means: accepted, unless the status tells nothing.
    fn unreadable(self) -> Result<Receipt, SendError> {
        match self {
            Self::Twilio | Self::Plivo | Self::Aws => Ok(UNREADABLE),
            Self::Platform | Self::Central | Self::Vonage => Err(SendError::Unknown),
        }
    }

    fn secret_id(self) -> String {
        format!(
            "switchboard/{}{}",
            self.name(),
            if self == Self::Twilio { "-send" } else { "" }
        )
    }

    /// The body of a success, and its receipt's id.
    fn success(self) -> (String, String) {
        let id = if self == Self::Twilio {
            format!("SM{}", "0".repeat(32))
        } else {
            "x1".to_owned()
        };
        let body = match self {
            Self::Twilio => json!({"sid": id}),
            Self::Platform => {
                json!({"messages": [{"apiMessageId": id, "accepted": true, "to": "4512345678", "error": null}], "error": null})
            }
            Self::Central => return (format!("ID: {id}"), id),
            Self::Plivo => {
                json!({"api_id": "a", "message": "message(s) queued", "message_uuid": [id]})
            }
            Self::Vonage => {
                json!({"message-count": "1", "messages": [{"status": "0", "message-id": id}]})
            }
            Self::Aws => json!({"MessageId": id}),
        };
        (body.to_string(), id)
    }
}

struct Setup {
    api: Api,
    sandbox: Sandbox,
    provider: Provider,
}

impl Setup {
    async fn start(api: Api) -> Self {
        let sandbox = Sandbox::start().await;
        let provider = connect(&sandbox, api, None);
        let setup = Self {
            api,
            sandbox,
            provider,
        };
        setup.set_secret(&api.secret(None));
        setup
    }

    fn set_secret(&self, secret: &Value) {
        if !secret.is_null() {
            self.sandbox.aws.set_secret(&self.api.secret_id(), secret);
        }
    }

    fn server(&self) -> &Server {
        match self.api {
            Api::Twilio => self.sandbox.twilio.server(),
            Api::Platform | Api::Central => self.sandbox.clickatell.server(),
            Api::Plivo => self.sandbox.plivo.server(),
            Api::Vonage => self.sandbox.vonage.server(),
            Api::Aws => self.sandbox.aws_sms.server(),
        }
    }

    /// The last text the provider took: text and id.
    fn last(&self) -> Option<(String, String)> {
        let sent = match self.api {
            Api::Twilio => {
                return self
                    .sandbox
                    .twilio
                    .messages()
                    .pop()
                    .map(|message| (message.body, message.sid));
            }
            Api::Platform | Api::Central => self.sandbox.clickatell.messages(),
            Api::Plivo => self.sandbox.plivo.messages(),
            Api::Vonage => self.sandbox.vonage.messages(),
            Api::Aws => self.sandbox.aws_sms.messages(),
        };
        let last = sent.last()?.clone();
        assert_eq!(last.to, TO);
        Some((last.text, last.id))
    }

    /// How many requests arrived and how many texts were taken since the last call.
    fn cost(&self) -> (usize, usize) {
        let exchanges = self.server().exchanges();
        self.server().clear_exchanges();
        let taken = match self.api {
            Api::Twilio => self.sandbox.twilio.messages().len(),
            Api::Platform | Api::Central => self.sandbox.clickatell.messages().len(),
            Api::Plivo => self.sandbox.plivo.messages().len(),
            Api::Vonage => self.sandbox.vonage.messages().len(),
            Api::Aws => self.sandbox.aws_sms.messages().len(),
        };
        (exchanges.len(), taken)
    }

    async fn try_send(
        &self,
        body: &str,
        now: SystemTime,
        within: Duration,
    ) -> Result<Receipt, SendError> {
        let to: E164 = TO.parse().unwrap();
        let from = if self.api == Api::Vonage {
            "ACME"
        } else {
            "+15005550006"
        };
        let sms = Outbound {
            to: &to,
            from: Some(from),
            body,
            life: None,
            holds_code: true,
            language: None,
            receipt: None,
        };
        self.provider.send(&sms, now, within).await
    }

    async fn send_within(&self, within: Duration) -> Result<Receipt, SendError> {
        self.try_send("Your code is 271828", now(), within).await
    }

    async fn send(&self) -> Result<Receipt, SendError> {
        self.send_within(TIME).await
    }

    /// What becomes of a text that the provider answers so.
    async fn answered(&self, status: u16, body: &str) -> Result<Receipt, SendError> {
        self.server().faults().next(answer(status, &[], body));
        self.send().await
    }
}

/// The provider as the function's settings make it, but perhaps elsewhere.
fn connect(sandbox: &Sandbox, api: Api, url: Option<&str>) -> Provider {
    let variables = sandbox.env_for("sms-gateway");
    let lookup = |name: &str| {
        let other = url.filter(|_| name == api.variable()).map(str::to_owned);
        other.or_else(|| variables.get(name).cloned())
    };
    config::read(&lookup, |source| {
        Provider::read(api.name(), &Platform::read(source), source)
    })
    .unwrap()
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Fault {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Fault::Answer {
        status,
        headers,
        body: body.to_owned(),
    }
}

fn refused(recipient: bool, code: impl Into<Option<u32>>) -> SendError {
    SendError::Refused {
        recipient,
        code: code.into(),
    }
}

const LIMITED: SendError = SendError::RateLimited { after: None };

#[tokio::test]
async fn texts_arrive_whole() {
    for api in Api::KEYED.into_iter().chain([Api::Aws]) {
        let setup = Setup::start(api).await;
        for text in [
            "Your code is 271828".to_owned(),
            "Grüße, 5 € {ok} & a=b %20 + c\nd".to_owned(),
            "Код 271828 😘".to_owned(),
            "`code` \"271828\" \\".to_owned(),
            "a".repeat(161),
            "ü".repeat(100), // one segment of GSM-7, two of UCS-2
            "ж".repeat(71),
        ] {
            let receipt = setup.try_send(&text, now(), TIME).await.unwrap();
            let (arrived, id) = setup.last().unwrap();
            let segments = match api {
                Api::Twilio | Api::Vonage => Some(segments::count(&text)),
                // What is not ASCII goes out as UCS-2.
                Api::Central if text.is_ascii() && segments::is_gsm(&text) => {
                    Some(segments::count(&text))
                }
                Api::Central => Some(segments::count_ucs2(&text)),
                _ => None,
            };
            assert_eq!(
                (arrived, receipt),
                (
                    text,
                    Receipt {
                        id: Some(id),
                        segments
                    }
                ),
                "{api:?}"
            );
        }
        assert_eq!(setup.cost(), (7, 7), "{api:?}");
    }
}

/// How long the provider was told to try, if it was told.
fn validity(setup: &Setup) -> Option<Duration> {
    match setup.api {
        Api::Twilio => setup.sandbox.twilio.messages().pop().unwrap().validity,
        Api::Platform | Api::Central => setup.sandbox.clickatell.messages().pop().unwrap().validity,
        Api::Plivo => setup.sandbox.plivo.messages().pop().unwrap().validity,
        Api::Vonage => setup.sandbox.vonage.messages().pop().unwrap().validity,
        Api::Aws => setup.sandbox.aws_sms.messages().pop().unwrap().validity,
    }
}

#[tokio::test]
async fn a_life_is_told_to_each_provider_within_its_bounds() {
    const LIVES: [u64; 5] = [0, 119, 180, 10_800, 3_000_000];
    for (api, told) in [
        (Api::Twilio, [1, 119, 180, 10_800, 36_000]),
        (Api::Central, [60, 60, 180, 10_800, 86_400]),
        (Api::Plivo, [5, 119, 180, 10_799, 10_799]),
        (Api::Vonage, [20, 119, 180, 10_800, 604_800]),
        (Api::Aws, [5, 119, 180, 10_800, 259_200]),
    ] {
        let setup = Setup::start(api).await;
        let to: E164 = TO.parse().unwrap();
        let sms = |life| Outbound {
            to: &to,
            from: Some("+15005550006"),
            body: "x",
            life,
            holds_code: true,
            language: None,
            receipt: None,
        };
        setup.provider.send(&sms(None), now(), TIME).await.unwrap();
        assert_eq!(validity(&setup), None, "{api:?}");
        for (life, told) in LIVES.into_iter().zip(told) {
            setup
                .provider
                .send(&sms(Some(Duration::from_secs(life))), now(), TIME)
                .await
                .unwrap();
            assert_eq!(
                validity(&setup),
                Some(Duration::from_secs(told)),
                "{api:?}: {life}"
            );
        }
        assert_eq!(setup.server().complaints(), [""; 0], "{api:?}");
    }
    // Clickatell's One API has no such field.
    let setup = Setup::start(Api::Platform).await;
    let to: E164 = TO.parse().unwrap();
    let sms = Outbound {
        to: &to,
        from: None,
        body: "x",
        life: Some(Duration::from_mins(3)),
        holds_code: true,
        language: None,
        receipt: None,
    };
    setup.provider.send(&sms, now(), TIME).await.unwrap();
    assert_eq!(
        (validity(&setup), setup.server().complaints()),
        (None, vec![])
    );
}

/// The URL for receipts and the reference that the provider was told with the last text.
fn asked_for_receipt(setup: &Setup) -> (Option<String>, Option<String>) {
    let sandbox = &setup.sandbox;
    let sent = match setup.api {
        Api::Twilio => return (sandbox.twilio.messages().pop().unwrap().receipt_url, None),
        Api::Platform | Api::Central => sandbox.clickatell.messages().pop(),
        Api::Plivo => sandbox.plivo.messages().pop(),
        Api::Vonage => sandbox.vonage.messages().pop(),
        Api::Aws => sandbox.aws_sms.messages().pop(),
    };
    let sent = sent.unwrap();
    (sent.receipt_url, sent.reference)
}

#[tokio::test]
async fn each_provider_is_asked_for_a_receipt_in_its_own_way() {
    const REFERENCE: &str = "code-AbC_-12345678901234567";
    let base: BaseUrl = "http://127.0.0.1:9/receipts".parse().unwrap();
    let reference = Reference::parse(REFERENCE).unwrap();
    let at = |path: &str| Some(format!("http://127.0.0.1:9/receipts/{path}"));
    let name = || Some(REFERENCE.to_owned());
    for (api, told) in [
        // Its fragment tells Twilio which failures to retry.
        (
            Api::Twilio,
            (at(&format!("twilio/{REFERENCE}#rc=3&rp=5xx,ct,rt")), None),
        ),
        (Api::Plivo, (at(&format!("plivo/{REFERENCE}")), None)),
        (Api::Vonage, (at("vonage"), name())),
        // Its URL for receipts stands in the account's settings.
        (Api::Platform, (None, name())),
        // Its receipts are events.
        (Api::Aws, (None, name())),
        // Its receipts could name no text.
        (Api::Central, (None, None)),
    ] {
        let setup = Setup::start(api).await;
        let to: E164 = TO.parse().unwrap();
        let sms = |receipt| Outbound {
            to: &to,
            from: Some("+15005550006"),
            body: "x",
            life: None,
            holds_code: true,
            language: None,
            receipt,
        };
        let asks = ReceiptRequest::new(Some(&base), Some(&reference));
        for (receipt, told) in [(asks, told), (None, (None, None))] {
            let sent = setup.provider.send(&sms(receipt), now(), TIME).await;
            assert!(sent.is_ok(), "{api:?} {sent:?}");
            assert_eq!(asked_for_receipt(&setup), told, "{api:?}");
        }
        assert_eq!(setup.server().complaints(), [""; 0], "{api:?}");
    }
    for (base, reference) in [(Some(&base), None), (None, Some(&reference)), (None, None)] {
        assert!(ReceiptRequest::new(base, reference).is_none());
    }
}

#[tokio::test]
async fn one_api_codes() {
    let setup = Setup::start(Api::Platform).await;
    for (code, error) in [
        (1, SendError::Unauthorized),
        (7, SendError::Unauthorized),
        (18, SendError::Unavailable),
        (19, SendError::Unavailable),
        (20, refused(false, 20)),
        (23, refused(false, 23)),
        (25, refused(true, 25)),
        (26, refused(true, 26)),
        (43, LIMITED),
        (100, refused(false, 100)),
        (110, refused(false, 110)),
    ] {
        setup.sandbox.clickatell.reject(TO, code);
        assert_eq!(setup.send().await, Err(error), "{code}");
    }
    for (status, body, error) in [
        (
            202,
            r#"{"messages":[{"accepted":false,"error":{"code":18}}],"error":null}"#,
            SendError::Unavailable,
        ),
        (
            202,
            r#"{"messages":[{"accepted":false,"error":{"code":"25"}}]}"#,
            refused(true, 25),
        ),
        (
            202,
            r#"{"messages":[{"accepted":false,"error":null}]}"#,
            refused(false, None),
        ),
        (
            202,
            r#"{"messages":[],"error":{"code":43,"description":"x"}}"#,
            LIMITED,
        ),
        (
            202,
            r#"{"messages":[{"apiMessageId":"x1"}]}"#,
            SendError::Unknown,
        ),
        (
            202,
            r#"{"messages":[{"apiMessageId":"x1","accepted":"true"}]}"#,
            SendError::Unknown,
        ),
        (202, r#"{"messages":[],"error":null}"#, SendError::Unknown),
        (202, "{}", SendError::Unknown),
        (202, "[]", SendError::Unknown),
        (
            402,
            r#"{"messages":[],"error":{"code":20}}"#,
            refused(false, 20),
        ),
        (400, r#"{"error":{"code":25}}"#, refused(true, 25)),
        (404, "", refused(false, None)),
    ] {
        assert_eq!(
            setup.answered(status, body).await,
            Err(error),
            "{status} {body}"
        );
    }
    assert_eq!(setup.last(), None);
}

#[tokio::test]
async fn legacy_clickatell_codes() {
    let setup = Setup::start(Api::Central).await;
    for (codes, error) in [
        (
            &[1, 2, 3, 5, 7, 108][..],
            (|_| SendError::Unauthorized) as fn(u32) -> SendError,
        ),
        (&[105, 121, 122, 128], |code| refused(true, code)),
        (
            &[101, 102, 106, 107, 113, 114, 115, 116, 120, 123, 130, 301],
            |code| refused(false, code),
        ),
        (&[901], |_| SendError::Unavailable),
    ] {
        for code in codes {
            setup.sandbox.clickatell.reject(TO, *code);
            assert_eq!(setup.send().await, Err(error(*code)), "{code}");
        }
    }
    for (body, result) in [
        ("ID: x1\n", Ok(Some("x1"))),
        ("ID: x1 To: 4512345678\r\n", Ok(Some("x1"))),
        (
            "ERR: 105, Invalid Destination Address To: 4512345678",
            Err(refused(true, 105)),
        ),
        ("ID:", Err(SendError::Unknown)),
        ("ERR: later", Err(SendError::Unknown)),
        ("OK", Err(SendError::Unknown)),
    ] {
        assert_eq!(
            setup.answered(200, body).await.map(|receipt| receipt.id),
            result.map(|id| id.map(str::to_owned)),
            "{body}"
        );
    }
    assert_eq!(setup.last(), None);
    let four_parts = setup.try_send(&"a".repeat(460), now(), TIME).await;
    setup.sandbox.clickatell.accept(TO);
    assert_eq!((four_parts, setup.last()), (Err(refused(false, 113)), None));
}

#[tokio::test]
async fn plivo_statuses() {
    let setup = Setup::start(Api::Plivo).await;
    for (status, error) in [
        (202, refused(true, None)),
        (400, refused(false, None)),
        (403, SendError::Unauthorized),
        (404, refused(false, None)),
        (409, refused(false, None)),
        (422, refused(false, None)),
        (429, LIMITED),
        (500, SendError::Unknown),
    ] {
        setup.sandbox.plivo.reject(TO, status);
        assert_eq!(setup.send().await, Err(error), "{status}");
    }
    for (status, body, result) in [
        (202, "{}", Ok(None)),
        (202, r#"{"message_uuid":"x1"}"#, Ok(None)),
        (
            202,
            r#"{"message_uuid":["x1"],"invalid_number":["45"]}"#,
            Ok(Some("x1")),
        ),
        (
            400,
            r#"{"api_id":"a","error":{"dst":["invalid"]}}"#,
            Err(refused(false, None)),
        ),
    ] {
        let answered = setup.answered(status, body).await;
        assert_eq!(
            answered.map(|receipt| receipt.id),
            result.map(|id| id.map(str::to_owned)),
            "{status} {body}"
        );
    }
    assert_eq!(setup.last(), None);
}

#[tokio::test]
async fn vonage_statuses() {
    let setup = Setup::start(Api::Vonage).await;
    for (statuses, error) in [
        (&[1, 10][..], (|_| LIMITED) as fn(u32) -> SendError),
        (&[4, 14, 32], |_| SendError::Unauthorized),
        (&[5], |_| SendError::Unavailable),
        (&[6, 7, 33], |status| refused(true, status)),
        (&[2, 3, 8, 9, 11, 12, 15, 22, 23, 29, 99], |status| {
            refused(false, status)
        }),
    ] {
        for status in statuses {
            setup.sandbox.vonage.reject(TO, *status);
            assert_eq!(setup.send().await, Err(error(*status)), "{status}");
        }
    }
    for (parts, error) in [
        (
            r#"{"status":"0","message-id":"x1"},{"status":"5"}"#,
            SendError::Unknown,
        ),
        (r#"{"status":"7"},{"status":"0"}"#, SendError::Unknown),
        (r#"{"status":"5"},{"message-id":"x1"}"#, SendError::Unknown),
        (r#"{"status":"zero"}"#, SendError::Unknown),
        (r#"{"status":7}"#, refused(true, 7)),
        ("", SendError::Unknown),
    ] {
        let body = format!(r#"{{"message-count":"9","messages":[{parts}]}}"#);
        assert_eq!(setup.answered(200, &body).await, Err(error), "{parts}");
    }
    assert_eq!(
        setup.answered(200, r#"{"message-count":"1"}"#).await,
        Err(SendError::Unknown)
    );
    assert_eq!(setup.answered(420, "").await, Err(refused(false, None)));
    assert_eq!(setup.last(), None);
}

#[tokio::test]
async fn aws_exceptions() {
    let setup = Setup::start(Api::Aws).await;
    let (own, recipient) = (refused(false, None), refused(true, None));
    for (exception, reason, member, error) in [
        (
            "ConflictException",
            "DESTINATION_PHONE_NUMBER_OPTED_OUT",
            "",
            &recipient,
        ),
        (
            "ConflictException",
            "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION",
            "",
            &SendError::NotAllowed,
        ),
        (
            "ConflictException",
            "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE",
            "",
            &SendError::NotAllowed,
        ),
        (
            "ConflictException",
            "DESTINATION_PHONE_NUMBER_NOT_VERIFIED",
            "",
            &own,
        ),
        (
            "ConflictException",
            "NO_ORIGINATION_IDENTITIES_FOUND",
            "",
            &own,
        ),
        ("ConflictException", "RESOURCE_NOT_ACTIVE", "", &own),
        ("ValidationException", "PRICE_OVER_THRESHOLD", "", &own),
        (
            "ValidationException",
            "DESTINATION_COUNTRY_BLOCKED",
            "DestinationPhoneNumber",
            &own,
        ),
        (
            "ValidationException",
            "FIELD_VALIDATION_FAILED",
            "DestinationPhoneNumber",
            &recipient,
        ),
        (
            "ValidationException",
            "CANNOT_PARSE",
            "DestinationPhoneNumber",
            &recipient,
        ),
        (
            "ValidationException",
            "FIELD_VALIDATION_FAILED",
            "MessageBody",
            &own,
        ),
        ("ValidationException", "INVALID_PARAMETER", "", &own),
        ("ResourceNotFoundException", "", "", &own),
        (
            "AccessDeniedException",
            "ACCOUNT_DISABLED",
            "",
            &SendError::Unauthorized,
        ),
        ("AccessDeniedException", "", "", &SendError::Unauthorized),
        ("ThrottlingException", "", "", &LIMITED),
        (
            "ServiceQuotaExceededException",
            "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT",
            "",
            &LIMITED,
        ),
        ("InternalServerException", "", "", &SendError::Unknown),
        ("WhateverException", "NEW_REASON", "", &own),
    ] {
        let aws = &setup.sandbox.aws_sms;
        aws.reject(TO, exception, reason, member);
        let result = setup.send().await;
        assert_eq!(result.as_ref(), Err(error), "{exception} {reason} {member}");
        assert_eq!(setup.cost(), (1, 0), "{exception}: not asked again");
    }
    for (status, headers, body, result) in [
        (
            400,
            &[("x-amzn-errortype", "ThrottlingException:http://x/")][..],
            "{}",
            Err(LIMITED),
        ),
        (
            400,
            &[],
            r#"{"__type":"ThrottlingException"}"#,
            Err(LIMITED),
        ),
        (400, &[], r#"{"__type":["x"]}"#, Err(own.clone())),
        (
            400,
            &[],
            r#"{"__type":"ValidationException","Reason":"INVALID_PARAMETER","Fields":[{"Name":"DestinationPhoneNumber"},{"Name":"MaxPrice"}]}"#,
            Err(own.clone()),
        ),
        (
            400,
            &[],
            r#"{"__type":"ConflictException","Reason":"DESTINATION_PHONE_NUMBER_OPTED_OUT","Fields":null}"#,
            Err(recipient.clone()),
        ),
        (403, &[], "", Err(SendError::Unauthorized)),
        (200, &[], "{}", Ok(UNREADABLE)),
    ] {
        let fault = answer(status, headers, body);
        setup.server().faults().next(fault);
        assert_eq!(setup.send().await, result, "{status} {body}");
    }
    assert_eq!(setup.last(), None);
}

/// No secret is fetched, and every request has a fresh signature of the function's role. The
/// simulator checks it.
#[tokio::test]
async fn aws_is_opened_by_the_role() {
    let setup = Setup::start(Api::Aws).await;
    setup.provider.warm_up(now()).await;
    setup.server().clear_exchanges();
    setup.send().await.unwrap();
    assert_eq!(setup.sandbox.aws.secrets().exchanges().len(), 0);
    let sent = setup.sandbox.aws_sms.requests().remove(0);
    let expected = json!({
        "DestinationPhoneNumber": TO, "OriginationIdentity": "+15005550006", "MessageBody": "Your code is 271828",
        "MessageType": "TRANSACTIONAL",
    });
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn without_a_sender_nothing_is_asked() {
    let to: E164 = TO.parse().unwrap();
    let sms = Outbound {
        to: &to,
        from: None,
        body: "x",
        life: None,
        holds_code: true,
        language: None,
        receipt: None,
    };
    for api in [Api::Plivo, Api::Vonage] {
        let setup = Setup::start(api).await;
        assert_eq!(
            setup.provider.send(&sms, now(), TIME).await,
            Err(refused(false, None)),
            "{api:?}"
        );
        assert_eq!(setup.cost(), (0, 0), "{api:?}");
    }
    for api in [Api::Platform, Api::Central, Api::Aws] {
        let setup = Setup::start(api).await;
        assert!(
            setup.provider.send(&sms, now(), TIME).await.is_ok(),
            "{api:?}"
        );
    }
}

/// One send per fault: the outcome, exactly one request, and whether the text was taken.
async fn faults(api: Api) {
    let setup = Setup::start(api).await;
    let elsewhere = setup.sandbox.auth0.server();
    let location = format!("{}/", elsewhere.url());
    let (short, unreadable) = (Duration::from_millis(500), api.unreadable());
    let (success, id) = api.success();
    let receipt = Receipt {
        id: Some(id),
        segments: matches!(api, Api::Vonage | Api::Central).then_some(1),
    };
    let after = |seconds| {
        Err(SendError::RateLimited {
            after: Some(Duration::from_secs(seconds)),
        })
    };
    let limited = |retry_after| answer(429, &[("retry-after", retry_after)], "{}");
    let typed = |status, content_type| answer(status, &[("content-type", content_type)], &success);
    let (unknown, nothing) = (Err(SendError::Unknown), Err(refused(false, None)));
    let cases = [
        (Fault::ResetBefore, TIME, unknown.clone(), 0),
        (Fault::ResetAfter, TIME, unknown.clone(), 1),
        (Fault::Hang, short, unknown.clone(), 0),
        (
            Fault::Trickle(Duration::from_millis(100)),
            short,
            unreadable.clone(),
            1,
        ),
        (answer(500, &[], "{}"), TIME, unknown.clone(), 0),
        (answer(502, &[], "<html>"), TIME, unknown.clone(), 0),
        (answer(504, &[], ""), TIME, unknown, 0),
        (
            answer(503, &[("retry-after", "1")], "{}"),
            TIME,
            Err(SendError::Unavailable),
            0,
        ),
        (limited("7"), TIME, after(7), 0),
        (
            limited("Fri, 20 Nov 2026 12:00:00 GMT"),
            TIME,
            Err(LIMITED),
            0,
        ),
        (limited("-1"), TIME, Err(LIMITED), 0),
        (limited("99999999999999999999999"), TIME, Err(LIMITED), 0),
        (answer(429, &[], ""), TIME, Err(LIMITED), 0),
        (answer(400, &[], "<html>"), TIME, nothing.clone(), 0),
        (answer(200, &[], ""), TIME, unreadable.clone(), 0),
        (
            answer(202, &[], "{\"messages\":"),
            TIME,
            unreadable.clone(),
            0,
        ),
        (Fault::Garbage, TIME, unreadable.clone(), 1),
        (Fault::Truncate, TIME, unreadable.clone(), 1),
        (Fault::Oversize(5_000_000), TIME, unreadable, 1),
        (typed(200, "application/json"), TIME, Ok(receipt.clone()), 0),
        (typed(201, "application/json"), TIME, Ok(receipt.clone()), 0),
        (typed(202, "application/json"), TIME, Ok(receipt.clone()), 0),
        (
            typed(202, "text/html; charset=latin1"),
            TIME,
            Ok(receipt),
            0,
        ),
        (
            answer(302, &[("location", &location)], ""),
            TIME,
            nothing.clone(),
            0,
        ),
        (
            answer(307, &[("location", &location)], ""),
            TIME,
            nothing.clone(),
            0,
        ),
        (
            answer(308, &[("location", &location)], ""),
            TIME,
            nothing,
            0,
        ),
    ];
    let mut texts = 0;
    for (fault, within, expected, taken) in cases {
        setup.server().faults().next(fault.clone());
        let result = setup.send_within(within).await;
        texts += taken;
        assert_eq!(
            (result, setup.cost()),
            (expected, (1, texts)),
            "{api:?}: {fault:?}"
        );
    }
    assert_eq!(elsewhere.exchanges().len(), 0, "a redirect was followed");

    // A client without connections: on one that is open already, refusing looks like a reset.
    let setup = Setup {
        provider: connect(&setup.sandbox, api, None),
        ..setup
    };
    setup.server().faults().refuse(true);
    assert_eq!(
        (setup.send().await, setup.cost()),
        (Err(SendError::Unavailable), (0, texts)),
        "{api:?}: refused"
    );
    setup.server().faults().clear();
    assert!(setup.send().await.is_ok(), "{api:?}: after all faults");
    let tls = format!("https://127.0.0.1:{}", setup.server().port());
    for nowhere in ["https://provider.invalid", &tls] {
        let provider = connect(&setup.sandbox, api, Some(nowhere));
        let setup = Setup {
            provider,
            ..Setup::start(api).await
        };
        assert_eq!(
            setup.send().await,
            Err(SendError::Unavailable),
            "{api:?}: {nowhere}"
        );
    }
    assert_eq!(setup.cost(), (1, texts + 1), "{api:?}: without TLS");
}

#[tokio::test]
async fn faults_of_twilio() {
    faults(Api::Twilio).await;
}

#[tokio::test]
async fn faults_of_clickatell() {
    faults(Api::Platform).await;
}

#[tokio::test]
async fn faults_of_legacy_clickatell() {
    faults(Api::Central).await;
}

#[tokio::test]
async fn faults_of_plivo() {
    faults(Api::Plivo).await;
}

#[tokio::test]
async fn faults_of_vonage() {
    faults(Api::Vonage).await;
}

#[tokio::test]
async fn faults_of_aws() {
    faults(Api::Aws).await;
}

#[tokio::test]
async fn refused_credentials_are_fetched_again_once_a_minute() {
    for api in Api::KEYED {
        let setup = Setup::start(api).await;
        let fetches = || setup.sandbox.aws.secrets().exchanges().len();
        setup.set_secret(&api.secret(Some("old")));
        let start = now();
        let send = async |after| setup.try_send("x", start + after, TIME).await;
        assert_eq!(
            send(Duration::ZERO).await,
            Err(SendError::Unauthorized),
            "{api:?}"
        );
        assert_eq!((setup.cost(), fetches()), ((2, 0), 2), "{api:?}");
        assert_eq!(
            send(Duration::ZERO).await,
            Err(SendError::Unauthorized),
            "{api:?}"
        );
        assert_eq!((setup.cost(), fetches()), ((1, 0), 2), "{api:?}");
        setup.set_secret(&api.secret(None));
        assert!(send(MINUTE).await.is_ok(), "{api:?}");
        assert_eq!((setup.cost(), fetches()), ((2, 1), 3), "{api:?}");
        for status in [401, 403] {
            setup
                .server()
                .faults()
                .always(Some(answer(status, &[], "")));
            assert_eq!(send(MINUTE).await, Err(SendError::Unauthorized), "{api:?}");
            assert_eq!((setup.cost(), fetches()), ((1, 1), 3), "{api:?}: {status}");
        }
    }
}

#[tokio::test]
async fn without_credentials_nothing_is_asked() {
    for api in Api::KEYED {
        let setup = Setup::start(api).await;
        setup.set_secret(&json!({"user": "only"}));
        let error = setup
            .try_send("x", now(), TIME)
            .await
            .unwrap_err()
            .to_string();
        let missing = match api {
            Api::Twilio => "account_sid, api_key_sid and api_key_secret (or auth_token)",
            Api::Platform | Api::Central => "password, api_id",
            Api::Plivo => "auth_id, auth_token",
            Api::Vonage => "api_key, api_secret",
            Api::Aws => unreachable!("it has no secret"),
        };
        assert_eq!(
            error,
            format!(
                "secret {} ({}) lacks {missing}",
                api.name(),
                api.secret_id()
            )
        );
        assert_eq!(setup.cost(), (0, 0), "{api:?}");
    }
}
