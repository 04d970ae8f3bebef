//! Whole functions, behind valid signatures and tokens.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sandbox::auth0::Signer;
use sandbox::{GENERIC_TOKEN, HOOK_TOKEN, IVR_TOKEN, OKTA_HOOK_TOKEN, Sandbox};
use serde_json::{Value, json};
use shared::platform::Platform;
use shared::platform::config;
use shared::platform::reply::Reply;
use shared::platform::request::Request;
use shared::platform::runtime::{Function, now};
use tokio::runtime::Runtime;

use crate::mails::is_signed_by_sender;
use crate::proofs::Proof;
use crate::requests::decoded;

/// After so many requests the world is a new one: limits are full by then.
const REQUESTS: u64 = 2_000;
/// No function may take longer for a request. Some wait on purpose for another one's end.
const LONGEST: Duration = Duration::from_secs(20);

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
/// The headers of a Standard Webhook.
const STANDARD: &[&str] = &["webhook-id", "webhook-timestamp", "webhook-signature"];
/// The headers of Plivo's signature.
const PLIVO: &[&str] = &[
    "x-plivo-signature-v3-nonce",
    "x-plivo-signature-v3",
    "x-plivo-signature-ma-v3",
];

/// The function that takes only mails with a signature by their sender.
const SIGNED_ONLY: &str = "send-verification-sms REQUIRE_DKIM";

/// Where bytes of strangers come in: the letter that chooses it, the function, the path, and what
/// proves the caller.
type Entrance = (u8, &'static str, &'static str, Proof);

const ENTRANCES: [Entrance; 38] = [
    (b'a', "sms-gateway", "/", Proof::Header("")),
    (b'b', "sms-gateway", "/okta", Proof::Header(OKTA_HOOK_TOKEN)),
    (b'c', "sms-gateway", "/hooks/send-sms", Proof::Webhook),
    (
        b'd',
        "sms-gateway",
        "/generic",
        Proof::Header(GENERIC_TOKEN),
    ),
    (b'e', "sms-gateway", "", Proof::Direct),
    (b'f', "delivery-status", "/twilio/", Proof::Twilio),
    (b'g', "delivery-status", "/plivo/", Proof::Plivo),
    (b'h', "delivery-status", "/vonage", Proof::Vonage),
    (b'i', "delivery-status", "/clickatell/", Proof::Path),
    (b'j', "delivery-status", "/used", Proof::Header("")),
    (b'k', "delivery-status", "", Proof::Direct),
    (b'l', "receive-confirmation-sms", "/", Proof::Twilio),
    (b'm', "sms-forward", "/", Proof::Twilio),
    (b'n', "call-forward", "/", Proof::Twilio),
    (b'o', "call-forward", "/after", Proof::Twilio),
    (b'p', "call-forward", "/status", Proof::Twilio),
    (b'q', "ivr-validate", "/voice", Proof::Twilio),
    (
        b'r',
        "ivr-validate",
        "/validate",
        Proof::FormHeader(IVR_TOKEN),
    ),
    (b's', "api-call", "/", Proof::Twilio),
    (
        b't',
        "provision-numbers",
        "/okta",
        Proof::Header(HOOK_TOKEN),
    ),
    (b'u', "secure-api", "", Proof::Access),
    (b'v', "send-verification-sms", "/", Proof::Mailgun),
    (b'w', "send-verification-sms", "/", Proof::MailgunParts),
    (b'x', "delivery-status", "/vonage/", Proof::VonageCall),
    (b'y', "ivr-validate", "/voice/", Proof::TwilioStep),
    (b'z', "api-call", "/", Proof::TwilioJson),
    (b'A', "delivery-status", "/vonage", Proof::VonageQuery),
    (b'B', "provision-numbers", "/okta", Proof::Challenge),
    (
        b'C',
        "sms-gateway",
        "/hooks/send-sms",
        Proof::None(STANDARD, JSON),
    ),
    (
        b'D',
        "sms-gateway",
        "/generic",
        Proof::None(&["x-signature"], JSON),
    ),
    (
        b'E',
        "sms-gateway",
        "/",
        Proof::None(&["authorization"], JSON),
    ),
    (b'F', "delivery-status", "/plivo/", Proof::None(PLIVO, FORM)),
    (
        b'G',
        "delivery-status",
        "/vonage/",
        Proof::None(&["authorization"], JSON),
    ),
    (b'H', "delivery-status", "/vonage", Proof::None(&[], FORM)),
    (
        b'I',
        "receive-confirmation-sms",
        "/",
        Proof::None(&["x-twilio-signature"], FORM),
    ),
    (b'J', "send-verification-sms", "/", Proof::None(&[], FORM)),
    (b'K', SIGNED_ONLY, "/", Proof::Mailgun),
    (b'L', SIGNED_ONLY, "/", Proof::MailgunParts),
];

/// What a function made of an input.
#[derive(Debug)]
pub struct Told {
    /// The status of its answer.
    pub status: u16,
    /// The outcome in its log.
    pub outcome: &'static str,
    /// How many texts Twilio took because of it.
    pub texts: usize,
}

/// Whatever an authenticated caller sends, the function answers in time and without an error of its
/// own, and asks nobody for anything that the providers would refuse as malformed. What a sandbox
/// signed is believed. What a caller signed without a key is refused. The first byte of the input
/// chooses the entrance. The rest is what the caller sends.
pub fn entrance(data: &[u8]) {
    let _told = told(data);
}

/// The property [`entrance`], and what the function answered. `None`: the input is no request.
pub fn told(data: &[u8]) -> Option<Told> {
    thread_local! {
        static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
    }
    let (letter, sent) = data.split_first()?;
    let mut entrances = ENTRANCES.iter();
    let entrance = entrances.find(|entrance| entrance.0 == *letter)?;
    WORLD.with_borrow_mut(|world| {
        if world
            .as_ref()
            .is_some_and(|world| world.requests >= REQUESTS)
        {
            *world = None;
        }
        world.get_or_insert_with(World::new).ask(entrance, sent)
    })
}

/// The sandbox, and the functions in this process.
pub(crate) struct World {
    functions: BTreeMap<&'static str, Box<dyn Running>>,
    /// Auth0's access token.
    pub(crate) access: String,
    /// How many requests there were.
    pub(crate) requests: u64,
    pub(crate) sandbox: Sandbox,
    runtime: Runtime,
}

/// A function that was started.
trait Running {
    fn answer(&self, runtime: &Runtime, request: &Request) -> Reply;
    fn direct(&self, runtime: &Runtime, event: &str) -> Option<Reply>;
}

struct Started<F>(F);

impl<F: Function> Running for Started<F> {
    fn answer(&self, runtime: &Runtime, request: &Request) -> Reply {
        let answer = runtime.block_on(Box::pin(self.0.flow(request, now())));
        answer.unwrap_or_else(|refusal| refusal)
    }

    fn direct(&self, runtime: &Runtime, event: &str) -> Option<Reply> {
        let done = self.0.direct(event, deadline(), now());
        let done = runtime.block_on(Box::pin(done))?;
        Some(done.unwrap_or_else(|refusal| refusal))
    }
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let sandbox = runtime.block_on(Box::pin(async {
            let sandbox = Sandbox::start().await;
            let accounts = sandbox::accounts::seed().expect("accounts.json");
            sandbox.load(&accounts).await;
            let auth0 = &sandbox.auth0;
            auth0.sign_up_caller("10042", "2718", "Ann", "ann@acme.example");
            sandbox
        }));
        let issuer = sandbox.auth0.server().url() + "/";
        let now = sandbox::now().as_secs();
        let claims = json!({ "iss": issuer, "iat": now, "exp": now + 86_400 });
        let access = sandbox.auth0.mint(claims, json!({}), Signer::Current);
        let mut functions: BTreeMap<&'static str, Box<dyn Running>> = BTreeMap::new();
        functions.insert(
            "api-call",
            start::<api_call::App>(&sandbox, "api-call", "ApiCall"),
        );
        functions.insert(
            "call-forward",
            start::<call_forward::App>(&sandbox, "call-forward", "CallForward"),
        );
        functions.insert(
            "delivery-status",
            start::<delivery_status::App>(&sandbox, "delivery-status", "DeliveryStatus"),
        );
        functions.insert(
            "ivr-validate",
            start::<ivr_validate::App>(&sandbox, "ivr-validate", "IvrValidate"),
        );
        functions.insert(
            "provision-numbers",
            start::<provision_numbers::App>(&sandbox, "provision-numbers", "ProvisionNumbers"),
        );
        functions.insert(
            "receive-confirmation-sms",
            start::<receive_confirmation_sms::App>(
                &sandbox,
                "receive-confirmation-sms",
                "ReceiveConfirmationSms",
            ),
        );
        functions.insert(
            "secure-api",
            start::<secure_api::App>(&sandbox, "secure-api", "SecureApi"),
        );
        functions.insert(
            "send-verification-sms",
            start::<send_verification_sms::App>(
                &sandbox,
                "send-verification-sms",
                "SendVerificationSms",
            ),
        );
        functions.insert(
            SIGNED_ONLY,
            start::<send_verification_sms::App>(&sandbox, SIGNED_ONLY, "SendVerificationSms"),
        );
        functions.insert(
            "sms-forward",
            start::<sms_forward::App>(&sandbox, "sms-forward", "SmsForward"),
        );
        functions.insert(
            "sms-gateway",
            start::<sms_gateway::App>(&sandbox, "sms-gateway", "SmsGateway"),
        );
        Self {
            functions,
            access,
            requests: 0,
            sandbox,
            runtime,
        }
    }

    fn ask(&mut self, &(_, named, path, proof): &Entrance, sent: &[u8]) -> Option<Told> {
        self.requests += 1;
        let before = self.sandbox.twilio.messages().len();
        let function = &self.functions[named];
        let (name, setting) = named.split_once(' ').unwrap_or((named, ""));
        let begun = Instant::now();
        let reply = if matches!(proof, Proof::Direct) {
            // The runtime hands on only what is JSON.
            let event = str::from_utf8(sent).ok();
            let event = event.filter(|text| serde_json::from_str::<Value>(text).is_ok());
            event.and_then(|event| function.direct(&self.runtime, event))
        } else {
            let event = self.event(name, path, proof, sent).to_string();
            let request = Request::from_event(&event, "id", deadline());
            request
                .ok()
                .map(|request| function.answer(&self.runtime, &request))
        };
        let took = begun.elapsed();
        assert!(took < LONGEST, "{name}{path} took {took:?}");
        let complaints = self.sandbox.complaints();
        assert!(complaints.is_empty(), "{name}{path}: {complaints:?}");
        let Reply {
            status, outcome, ..
        } = reply?;
        let is_known = (200..600).contains(&status) && status != 500;
        assert!(is_known, "{name}{path}: {status} {outcome}");
        if proof.is_computed_twice(sent) {
            let is_refused = ["bad_signature", "signature_missing"].contains(&outcome);
            assert!(!is_refused, "{name}{path}: {outcome}");
        }
        if matches!(proof, Proof::None(..)) {
            let is_refused = (400..500).contains(&status);
            assert!(is_refused, "{name}{path}: {status} {outcome}");
        }
        if outcome == "sent" && !setting.is_empty() && matches!(proof, Proof::Mailgun) {
            let is_signed = is_signed_by_sender(&decoded(sent));
            assert!(is_signed, "{outcome}: a mail that its sender did not sign");
        }
        Some(Told {
            status,
            outcome,
            texts: self.sandbox.twilio.messages().len() - before,
        })
    }
}

/// Starts a function with the environment that the sandbox has for it, and with the settings of
/// the recorded requests, which open every entrance. A switch after the name is on.
fn start<F: Function + 'static>(sandbox: &Sandbox, named: &str, id: &str) -> Box<dyn Running> {
    let (name, switch) = named.split_once(' ').unwrap_or((named, ""));
    let recorded = include_str!("../../../events/env.json");
    let recorded: Value = serde_json::from_str(recorded).expect("events/env.json is JSON");
    let mut environment = sandbox.env_for(name);
    for (name, value) in recorded[id].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        if !value.starts_with("http:") {
            environment.insert(name.clone(), value.to_owned());
        }
    }
    if !switch.is_empty() {
        environment.insert(switch.to_owned(), "true".to_owned());
    }
    let lookup = |name: &str| environment.get(name).cloned();
    let function = config::read(&lookup, |source| {
        let platform = Platform::read(source);
        F::read(&platform, source)
    });
    Box::new(Started(
        function.unwrap_or_else(|problems| panic!("{name}: {problems}")),
    ))
}
