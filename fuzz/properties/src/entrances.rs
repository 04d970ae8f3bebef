//! Whole functions, behind valid signatures and tokens.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sandbox::auth0::Signer;
use sandbox::{
    GENERIC_TOKEN, HOOK_TOKEN, IVR_TOKEN, OKTA_HOOK_TOKEN, Sandbox, auth0, clickatell, plivo,
    supabase, twilio, vonage,
};
use serde_json::{Value, json};
use shared::platform::Platform;
use shared::platform::config;
use shared::platform::reply::Reply;
use shared::platform::request::Request;
use shared::platform::runtime::{Function, now};
use tokio::runtime::Runtime;

use crate::requests::decoded;

/// After so many requests the world is a new one: limits are full by then.
const REQUESTS: u64 = 2_000;
/// No function may take longer for a request. Some wait on purpose for another one's end.
const LONGEST: Duration = Duration::from_secs(20);

const REFERENCE: &str = "code-AAAAAAAAAAAAAAAAAAAAAA";
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// Where bytes of strangers come in: the letter that chooses it, the function, the path, and what
/// proves the caller.
type Entrance = (u8, &'static str, &'static str, Proof);

/// What proves the caller, and the form of what he says.
#[derive(Clone, Copy)]
enum Proof {
    /// Twilio's signature over a form.
    Twilio,
    /// Plivo's signature over a form.
    Plivo,
    /// Vonage's signature over a form.
    Vonage,
    /// Vonage's signed hash of JSON.
    VonageCall,
    /// Mailgun's signature beside the fields of a form.
    Mailgun,
    /// The same, as parts. The boundary is `b`.
    MailgunParts,
    /// The signature of the Standard Webhooks over JSON.
    Webhook,
    /// The `Authorization` header, with JSON.
    Header(&'static str),
    /// The same, with a form.
    FormHeader(&'static str),
    /// The path.
    Path,
    /// Auth0's access token, for a GET whose path and query are what is sent.
    Access,
    /// The right to invoke the function: what is sent is the event.
    Direct,
}

const ENTRANCES: [Entrance; 24] = [
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
    (b'x', "delivery-status", "/vonage", Proof::VonageCall),
];

/// Whatever an authenticated caller sends, the function answers in time and without an error of its
/// own, and asks nobody for anything that the providers would refuse as malformed. The first byte
/// of the input chooses the entrance. The rest is what the caller sends.
pub fn entrance(data: &[u8]) {
    thread_local! {
        static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
    }
    let Some((letter, sent)) = data.split_first() else {
        return;
    };
    let Some(entrance) = ENTRANCES.iter().find(|entrance| entrance.0 == *letter) else {
        return;
    };
    WORLD.with_borrow_mut(|world| {
        if world
            .as_ref()
            .is_some_and(|world| world.requests >= REQUESTS)
        {
            *world = None;
        }
        world.get_or_insert_with(World::new).ask(entrance, sent);
    });
}

/// The sandbox, and the functions in this process.
struct World {
    functions: BTreeMap<&'static str, Box<dyn Running>>,
    access: String,
    requests: u64,
    sandbox: Sandbox,
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

    fn ask(&mut self, &(_, name, path, proof): &Entrance, sent: &[u8]) {
        self.requests += 1;
        let function = &self.functions[name];
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
        if let Some(reply) = reply {
            let is_known = (200..600).contains(&reply.status) && reply.status != 500;
            assert!(is_known, "{name}{path}: {} {}", reply.status, reply.outcome);
        }
        let complaints = self.sandbox.complaints();
        assert!(complaints.is_empty(), "{name}{path}: {complaints:?}");
    }

    /// The event of a request with what proves its caller.
    fn event(&self, function: &str, path: &str, proof: Proof, sent: &[u8]) -> Value {
        let now = sandbox::now().as_secs();
        let url = self.sandbox.door(function).url();
        let mut path = path.to_owned();
        if matches!(proof, Proof::Twilio | Proof::Plivo) && path.len() > 1 && path.ends_with('/') {
            path += REFERENCE;
        }
        let (mut body, mut query, mut method) = (sent.to_vec(), String::new(), "POST");
        let mut headers = json!({ "x-forwarded-for": "203.0.113.7" });
        let mut kind = FORM;
        match proof {
            Proof::Twilio => {
                let mut pairs = decoded(sent);
                if function != "api-call" && pairs.iter().all(|(name, _)| name != "AccountSid") {
                    body.extend(format!("&AccountSid={}", twilio::ACCOUNT_SID).into_bytes());
                    pairs = decoded(&body);
                }
                pairs.sort();
                pairs.dedup();
                let signature = self.sandbox.twilio.sign(&format!("{url}{path}"), &pairs);
                headers["x-twilio-signature"] = signature.into();
            }
            Proof::Plivo => {
                let (token, url) = (plivo::AUTH_TOKEN, format!("{url}{path}"));
                let (nonce, signature) = plivo::sign(token, &url, &decoded(sent));
                headers["x-plivo-signature-v3"] = signature.into();
                headers["x-plivo-signature-v3-nonce"] = nonce.into();
            }
            Proof::Vonage => {
                body.extend(format!("&timestamp={now}").into_bytes());
                let signature = vonage::sign(vonage::SIGNATURE_SECRET, &decoded(&body));
                body.extend(format!("&sig={signature}").into_bytes());
            }
            Proof::VonageCall => {
                let token = vonage::webhook_token(vonage::SIGNATURE_SECRET, sent, now);
                headers["authorization"] = format!("Bearer {token}").into();
                kind = JSON;
            }
            Proof::Mailgun => {
                for (name, value) in self.triple(now) {
                    body.extend(format!("&{name}={value}").into_bytes());
                }
            }
            Proof::MailgunParts => {
                body.extend(b"\r\n");
                for (name, value) in self.triple(now) {
                    let head = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"");
                    body.extend(format!("{head}\r\n\r\n{value}\r\n").into_bytes());
                }
                body.extend(b"--b--\r\n");
                kind = "multipart/form-data; boundary=b";
            }
            Proof::Webhook => {
                let body = String::from_utf8_lossy(sent);
                let id = format!("msg_{:08}", self.requests);
                headers["webhook-signature"] =
                    supabase::sign(supabase::SECRET, &id, now, &body).into();
                headers["webhook-id"] = id.into();
                headers["webhook-timestamp"] = now.to_string().into();
                kind = JSON;
            }
            Proof::Header("") => {
                headers["authorization"] = format!("Bearer {}", auth0::GATEWAY_BEARER_TOKEN).into();
                kind = JSON;
            }
            Proof::Header(token) => {
                headers["authorization"] = token.into();
                kind = JSON;
            }
            Proof::FormHeader(token) => {
                headers["authorization"] = format!("Bearer {token}").into();
            }
            Proof::Path => {
                path += clickatell::CALLBACK_TOKEN;
                kind = JSON;
            }
            Proof::Access => {
                headers["authorization"] = format!("Bearer {}", self.access).into();
                method = "GET";
                let text = String::from_utf8_lossy(sent).into_owned();
                let (before, after) = text.split_once('?').unwrap_or((&text, ""));
                (path, query) = (before.to_owned(), after.to_owned());
                body = Vec::new();
            }
            Proof::Direct => {}
        }
        headers["content-type"] = kind.into();
        let domain = url.trim_start_matches("http://");
        json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query, "headers": headers,
            "body": STANDARD.encode(body), "isBase64Encoded": true,
            "requestContext": {
                "domainName": domain, "timeEpoch": now * 1_000,
                "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "fuzz" },
            },
        })
    }

    /// Timestamp, token and signature of a mail. Mailgun uses each token once.
    fn triple(&self, now: u64) -> [(&'static str, String); 3] {
        let (time, token) = (now.to_string(), format!("{:050x}", self.requests));
        let signature = self.sandbox.mailgun.sign(&time, &token);
        [
            ("timestamp", time),
            ("token", token),
            ("signature", signature),
        ]
    }
}

/// Starts a function with the environment that the sandbox has for it, and with the settings of
/// the recorded requests, which open every entrance.
fn start<F: Function + 'static>(sandbox: &Sandbox, name: &str, id: &str) -> Box<dyn Running> {
    let recorded = include_str!("../../../events/env.json");
    let recorded: Value = serde_json::from_str(recorded).expect("events/env.json is JSON");
    let mut environment = sandbox.env_for(name);
    for (name, value) in recorded[id].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        if !value.starts_with("http:") {
            environment.insert(name.clone(), value.to_owned());
        }
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
