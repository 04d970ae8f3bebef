//! What proves a caller: each provider's way, computed by the sandbox and not by the functions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest;
use sandbox::{auth0, clickatell, plivo, supabase, twilio, vonage};
use serde_json::{Value, json};

use crate::entrances::World;
use crate::requests::decoded;

const REFERENCE: &str = "code-AAAAAAAAAAAAAAAAAAAAAA";
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
/// Stands in the corpus for the tenant's address, which is another one in each run.
const TENANT: &[u8] = b"AUTH0_URL";

/// What proves the caller, and the form of what he says.
#[derive(Clone, Copy)]
pub(crate) enum Proof {
    /// Twilio's signature over a form.
    Twilio,
    /// The same. The first line is the end of the path.
    TwilioStep,
    /// Twilio's signature over an address that holds the hash of JSON.
    TwilioJson,
    /// Plivo's signature over a form.
    Plivo,
    /// Vonage's signature over a form.
    Vonage,
    /// Vonage's signature over a query.
    VonageQuery,
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
    /// Nothing: Okta asks once whether an address is ours, by a header.
    Challenge,
    /// Nothing: what should prove the caller is what is sent. The first lines are these headers, the
    /// rest is the body, of this type.
    None(&'static [&'static str], &'static str),
    /// The right to invoke the function: what is sent is the event.
    Direct,
}

impl Proof {
    /// Whether the sandbox's signature is a second computation of what the function expects: it must
    /// count, whatever is sent.
    pub(crate) fn is_computed_twice(self, sent: &[u8]) -> bool {
        match self {
            Self::Plivo | Self::VonageCall | Self::TwilioJson => true,
            Self::Webhook => str::from_utf8(sent).is_ok(),
            _ => false,
        }
    }
}

impl World {
    /// The event of a request with what proves its caller.
    pub(crate) fn event(&self, function: &str, path: &str, proof: Proof, sent: &[u8]) -> Value {
        let now = sandbox::now().as_secs();
        let url = self.sandbox.door(function).url();
        let mut path = path.to_owned();
        let is_reported = function == "delivery-status" && path.len() > 1 && path.ends_with('/');
        if is_reported && !matches!(proof, Proof::Path) {
            path += REFERENCE;
        }
        let mut body = self.with_tenant(sent);
        let (mut query, mut method) = (String::new(), "POST");
        let mut headers = json!({ "x-forwarded-for": "203.0.113.7" });
        let mut kind = FORM;
        match proof {
            Proof::Twilio | Proof::TwilioStep => {
                if matches!(proof, Proof::TwilioStep) {
                    let (step, form) = first_line(sent);
                    path += &step;
                    body = form.to_vec();
                }
                let mut pairs = decoded(&body);
                if function != "api-call" && pairs.iter().all(|(name, _)| name != "AccountSid") {
                    body.extend(format!("&AccountSid={}", twilio::ACCOUNT_SID).into_bytes());
                    pairs = decoded(&body);
                }
                pairs.sort();
                pairs.dedup();
                let signature = self.sandbox.twilio.sign(&format!("{url}{path}"), &pairs);
                headers["x-twilio-signature"] = signature.into();
            }
            Proof::TwilioJson => {
                let hash = digest::digest(&digest::SHA256, &body);
                query = format!("bodySHA256={}", hex::encode(hash));
                let signature = self
                    .sandbox
                    .twilio
                    .sign(&format!("{url}{path}?{query}"), &[]);
                headers["x-twilio-signature"] = signature.into();
                kind = JSON;
            }
            Proof::Plivo => {
                let (token, url) = (plivo::AUTH_TOKEN, format!("{url}{path}"));
                let (nonce, signature) = plivo::sign(token, &url, &decoded(&body));
                headers["x-plivo-signature-v3"] = signature.into();
                headers["x-plivo-signature-v3-nonce"] = nonce.into();
            }
            Proof::Vonage | Proof::VonageQuery => {
                body.extend(format!("&timestamp={now}").into_bytes());
                let signature = vonage::sign(vonage::SIGNATURE_SECRET, &decoded(&body));
                body.extend(format!("&sig={signature}").into_bytes());
                if matches!(proof, Proof::VonageQuery) {
                    method = "GET";
                    query = String::from_utf8_lossy(&body).into_owned();
                    body.clear();
                }
            }
            Proof::VonageCall => {
                let token = vonage::webhook_token(vonage::SIGNATURE_SECRET, &body, now);
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
                let text = String::from_utf8_lossy(&body);
                let id = format!("msg_{:08}", self.requests);
                headers["webhook-signature"] =
                    supabase::sign(supabase::SECRET, &id, now, &text).into();
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
                body.clear();
            }
            Proof::Challenge => {
                let challenge = String::from_utf8_lossy(sent);
                headers["x-okta-verification-challenge"] = challenge.into();
                method = "GET";
                body.clear();
            }
            Proof::None(names, form) => {
                let mut rest = sent;
                for name in names {
                    let (value, after) = first_line(rest);
                    if !value.is_empty() {
                        headers[*name] = value.into();
                    }
                    rest = after;
                }
                body = rest.to_vec();
                kind = form;
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

    /// What is sent, with the address of this run's tenant.
    fn with_tenant(&self, sent: &[u8]) -> Vec<u8> {
        let address = self.sandbox.auth0.server().url();
        let (mut whole, mut rest) = (Vec::with_capacity(sent.len()), sent);
        while let Some((first, after)) = rest.split_first() {
            if let Some(after) = rest.strip_prefix(TENANT) {
                whole.extend_from_slice(address.as_bytes());
                rest = after;
            } else {
                whole.push(*first);
                rest = after;
            }
        }
        whole
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

/// The first line, and what is after it.
fn first_line(text: &[u8]) -> (String, &[u8]) {
    let end = text.iter().position(|byte| *byte == b'\n');
    let (first, after) = text.split_at(end.unwrap_or(text.len()));
    let first = String::from_utf8_lossy(first).into_owned();
    (first, after.get(1..).unwrap_or_default())
}
