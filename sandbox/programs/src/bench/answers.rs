//! The fixed answers of the upstreams. They contain only what a function needs for its whole work.
//! The simulated system is already in use: tokens are stored, and company numbers were called
//! before. So only the functions are measured.

use std::collections::BTreeMap;

use sandbox::{COMPANY_NUMBER, EMPLOYEE_MOBILE};
use serde_json::{Value, json};

use super::http::Request;

/// The services that functions call. Each has its own server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Service {
    DynamoDb,
    SecretsManager,
    Twilio,
    Auth0,
    Okta,
    Api,
}

impl Service {
    pub(super) const ALL: [Self; 6] = [
        Self::DynamoDb,
        Self::SecretsManager,
        Self::Twilio,
        Self::Auth0,
        Self::Okta,
        Self::Api,
    ];

    /// The service whose URL this variable of a function holds.
    pub(super) fn of(variable: &str) -> Option<Self> {
        match variable {
            "AWS_ENDPOINT_URL_DYNAMODB" => Some(Self::DynamoDb),
            "AWS_ENDPOINT_URL_SECRETS_MANAGER" => Some(Self::SecretsManager),
            "TWILIO_URL" => Some(Self::Twilio),
            "AUTH0_URL" => Some(Self::Auth0),
            "OKTA_URL" => Some(Self::Okta),
            "API_URL" => Some(Self::Api),
            _ => None,
        }
    }
}

/// An answer of an upstream.
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) location: Option<&'static str>,
    pub(super) body: &'a [u8],
}

/// All answers, in wire format.
pub(super) struct Answers {
    secrets: BTreeMap<String, String>,
    jwks: String,
    pending: String,
    sent: String,
    account: String,
    account_item: String,
    employees: String,
    message: String,
    token: String,
    token_item: String,
    listed: String,
    listing: String,
}

impl Answers {
    /// `secrets` by id; `jwks` are the tenant's signing keys; `tenant` is the URL of the tenant in
    /// links.
    pub(super) fn new(secrets: &BTreeMap<String, Value>, jwks: String, tenant: &str) -> Self {
        let secret = |(id, value): (&String, &Value)| {
            let arn = format!("arn:aws:secretsmanager:eu-west-1:000000000000:secret:{id}-AbCdEf");
            let answer = json!({
                "ARN": arn, "Name": id, "SecretString": value.to_string(), "CreatedDate": 1_795_176_000.5, "VersionStages": ["AWSCURRENT"],
                "VersionId": "00000000-0000-4000-8000-000000000001",
            });
            (id.clone(), answer.to_string())
        };
        let text = |text: &str| json!({ "S": text });
        let number = |number: u64| json!({ "N": number.to_string() });
        let (now, day) = (sandbox::now().as_secs(), 86_400);
        // The item that send-verification-sms writes.
        let request = json!({ "M": {
            "kind": text("verification"),
            "link": text(&format!("{tenant}/u/email-verification?ticket=00000000000000000000000000000001")),
            "email": text("acme+4520123456@sms.example.com"),
            "created_at": number(now), "expires_at": number(now + day), "added_by": text("0"),
        }});
        let pending = json!({ "Attributes": {
            "r_00000000000000000000000000000001": request, "version": number(1), "expires_at": number(now + 2 * day),
        }});
        let amount = json!({ "amount": "1234.50", "currency": "EUR" });
        let amount_item = json!({ "M": { "amount": text("1234.50"), "currency": text("EUR") } });
        let employee = json!({
            "id": "00u00000000000000001", "status": "ACTIVE", "statusChanged": "2026-01-02T03:04:05.000Z",
            "profile": { "login": "ann@acme.example", "firstName": "Ann", "primaryPhone": COMPANY_NUMBER, "mobilePhone": EMPLOYEE_MOBILE },
        });
        Self {
            secrets: secrets.iter().map(secret).collect(),
            jwks,
            pending: pending.to_string(),
            sent: json!({ "Attributes": {
                "provider": text("twilio"), "number": text("GjxR6o_lu6CEnFFAdbnRKA"), "region": text("DK"), "sender": text("ACME"),
                "sent_at": number(now), "expires_at": number(now + 2 * day),
            }})
            .to_string(),
            account: json!({ "account_number": "10042", "name": "Ann", "balance": amount, "payments": [] }).to_string(),
            account_item: json!({ "Item": { "name": text("Ann"), "balance": amount_item, "payments": { "L": [] } } }).to_string(),
            employees: json!([employee]).to_string(),
            message: json!({
                "sid": "SM00000000000000000000000000000001", "status": "queued", "num_segments": "1", "error_code": null,
                "date_created": "Fri, 20 Nov 2026 12:00:00 +0000", "direction": "outbound-api", "api_version": "2010-04-01",
            })
            .to_string(),
            // The item that an earlier instance and an earlier call wrote.
            token_item: json!({ "Item": {
                "token": text("e30.e30.e30"), "granted": number(now), "refresh": number(now + day / 2), "end": number(now + day),
                "expires_at": number(now + day),
            }})
            .to_string(),
            listed: format!("\"directory#{COMPANY_NUMBER}\""),
            listing: json!({ "Item": {
                "state": text("employee"), "user": text("00u00000000000000001"), "first_name": text("Ann"),
                "mobile": text(EMPLOYEE_MOBILE), "mobile_is_ours": number(0), "expires_at": number(now + 30 * day),
            }})
            .to_string(),
            token: json!({ "access_token": "e30.e30.e30", "token_type": "Bearer", "expires_in": 86_400 }).to_string(),
        }
    }

    /// The answer of `service` to a request.
    pub(super) fn answer(&self, service: Service, request: &Request) -> Answer<'_> {
        let json = |body| Answer {
            status: 200,
            content_type: "application/json",
            location: None,
            body,
        };
        let aws = |body| Answer {
            status: 200,
            content_type: "application/x-amz-json-1.1",
            location: None,
            body,
        };
        let none = Answer {
            status: 404,
            content_type: "text/plain",
            location: None,
            body: &[][..],
        };
        if request.method == "HEAD" {
            return Answer {
                status: 204,
                ..none
            };
        }
        let body = std::str::from_utf8(&request.body).unwrap_or_default();
        match service {
            Service::SecretsManager => {
                let asked: Value = serde_json::from_str(body).unwrap_or_default();
                let found = asked["SecretId"]
                    .as_str()
                    .and_then(|id| self.secrets.get(id));
                found.map_or(none, |found| aws(found.as_bytes()))
            }
            Service::DynamoDb => match request
                .header("x-amz-target")
                .and_then(|target| target.rsplit('.').next())
            {
                Some("UpdateItem") if body.contains("\"pending#") => aws(self.pending.as_bytes()),
                // The item of a call that has just come in.
                Some("UpdateItem") if body.contains("\"call#") => {
                    aws(br#"{"Attributes":{"said":{"S":"welcome"},"answers":{"N":"1"}}}"#)
                }
                // The journal's item of a code that waits for its receipt.
                Some("UpdateItem") if body.contains("reported_at") => aws(self.sent.as_bytes()),
                Some("GetItem") if body.contains("\"account#") => aws(self.account_item.as_bytes()),
                Some("GetItem") if body.contains("\"token#") => aws(self.token_item.as_bytes()),
                Some("GetItem") if body.contains(&self.listed) => aws(self.listing.as_bytes()),
                _ => aws(b"{}"), // no item, or success
            },
            Service::Twilio => Answer {
                status: 201,
                ..json(self.message.as_bytes())
            },
            Service::Okta => json(self.employees.as_bytes()),
            Service::Api => json(self.account.as_bytes()),
            Service::Auth0 => match request.target.split('?').next() {
                Some("/oauth/token") => json(self.token.as_bytes()),
                Some("/.well-known/jwks.json") => json(self.jwks.as_bytes()),
                Some("/u/email-verification") => Answer {
                    status: 302,
                    location: Some("https://app.acme.example/?success=true"),
                    ..none
                },
                _ => none,
            },
        }
    }
}
