//! The requests of the load test: each person has a different event, and the results show that each
//! was served once.

use std::{collections::HashMap, fs};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sandbox::{Sandbox, template::root};
use serde_json::{Value, json};

/// The tenant in the links of the recorded mails.
const RECORDED_TENANT: &str = "http://host.docker.internal:4712";
const PIN: &str = "2718";
/// The number of different phones: +45 20 and six digits. The factor spreads persons over them and
/// meets each once.
const SPREAD: u64 = 10_007;
const NUMBERS: u64 = 1_000_000;

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Codes,
    Mails,
    Texts { companies: Companies },
    Calls,
    Pins,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Companies {
    One,
    Many,
}

/// One kind of request to a function.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) function: &'static str,
    pub(super) title: &'static str,
    /// The unit of the count.
    pub(super) unit: &'static str,
    kind: Kind,
    /// Budgets that no load exceeds, and the settings for recorded events.
    pub(super) settings: &'static [(&'static str, Option<&'static str>)],
}

/// Ceilings that no load reaches.
const TEXTS: [(&str, Option<&str>); 5] = [
    ("PUBLIC_URL", None),
    ("FORWARD_SEGMENTS_PER_NUMBER_PER_HOUR", Some("2500000")),
    ("FORWARD_SEGMENTS_PER_NUMBER_PER_DAY", Some("2500000")),
    ("FORWARD_SEGMENTS_PER_HOUR", Some("10000000")),
    ("FORWARD_SEGMENTS_PER_DAY", Some("10000000")),
];

/// All kinds. A country's budget has one item in the table, the total has sixteen.
pub(super) const ALL: [Work; 6] = [
    Work {
        function: "sms-gateway",
        title: "sms-gateway: codes to different numbers",
        unit: "codes",
        kind: Kind::Codes,
        settings: &[
            ("SMS_FROM", Some("twilio:+15005550006")),
            ("SMS_ROUTES", Some("*=twilio")),
            ("SMS_PER_HOUR", Some("1000000")),
            ("SMS_PER_RANGE_PER_HOUR", Some("1000000")),
            ("SMS_PER_COUNTRY_PER_HOUR", Some("49000")),
        ],
    },
    Work {
        function: "send-verification-sms",
        title: "send-verification-sms: mails to different numbers",
        unit: "texts",
        kind: Kind::Mails,
        // No tenant has the user of the recorded mail.
        settings: &[
            ("AUTH0_URL", Some(RECORDED_TENANT)),
            ("AUTH0_SECRET", None),
            ("SMS_PER_HOUR", Some("1000000")),
        ],
    },
    Work {
        function: "sms-forward",
        title: "sms-forward: texts to one company number",
        unit: "texts",
        kind: Kind::Texts {
            companies: Companies::One,
        },
        settings: &TEXTS,
    },
    Work {
        function: "sms-forward",
        title: "sms-forward: texts to many company numbers",
        unit: "texts",
        kind: Kind::Texts {
            companies: Companies::Many,
        },
        settings: &TEXTS,
    },
    Work {
        function: "call-forward",
        title: "call-forward: calls to many company numbers",
        unit: "calls",
        kind: Kind::Calls,
        settings: &[("PUBLIC_URL", None), ("MAX_CONCURRENT_CALLS", Some("100"))],
    },
    Work {
        function: "ivr-validate",
        title: "ivr-validate: PINs of different callers",
        unit: "callers",
        kind: Kind::Pins,
        settings: &[("PUBLIC_URL", None)],
    },
];

/// A recorded event. It is changed for each person.
pub(super) struct Recorded {
    event: Value,
    form: Vec<(String, String)>,
}

/// The phone of a person.
fn phone(person: u64) -> String {
    format!("+4520{:06}", person * SPREAD % NUMBERS)
}

fn company(number: u64) -> String {
    format!("+1415{:07}", 2_000_000 + number)
}

fn account(number: u64) -> String {
    format!("{:07}", 1_000_000 + number)
}

impl Work {
    /// Adds employees with company numbers, or account holders, if this kind needs them.
    pub(super) fn settle(&self, sandbox: &Sandbox, people: u64) {
        for number in 0..people {
            match self.kind {
                Kind::Codes | Kind::Mails => {}
                Kind::Texts { .. } | Kind::Calls => {
                    sandbox.okta.hire(
                        &format!("Ann{number}"),
                        &format!("+4530{number:06}"),
                        &company(number),
                    );
                }
                Kind::Pins => {
                    let account = account(number);
                    sandbox.auth0.sign_up_caller(
                        &account,
                        PIN,
                        "Ann",
                        &format!("{account}@acme.example"),
                    );
                }
            }
        }
    }

    /// The recorded event of this kind.
    pub(super) fn recorded(&self) -> Result<Recorded, String> {
        let name = if self.kind == Kind::Codes {
            "sms-gateway-action"
        } else {
            self.function
        };
        let path = root().join(format!("events/{name}.json"));
        let text =
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let event: Value =
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let body = BASE64_STANDARD
            .decode(event["body"].as_str().unwrap_or_default())
            .unwrap_or_default();
        Ok(Recorded {
            form: form_urlencoded::parse(&body).into_owned().collect(),
            event,
        })
    }

    /// The event of this person's request. All events differ.
    pub(super) fn event(
        &self,
        sandbox: &Sandbox,
        recorded: &Recorded,
        person: u64,
        people: u64,
    ) -> Value {
        let mut event = recorded.event.clone();
        let replaced = |fields: &[(&str, &str)]| -> Vec<(String, String)> {
            let field = |(name, value): &(String, String)| {
                let other = fields
                    .iter()
                    .find(|(field, _)| field == name)
                    .map_or(value.as_str(), |(_, other)| other);
                (name.clone(), other.to_owned())
            };
            recorded.form.iter().map(field).collect()
        };
        // As a provider's ids do, it differs from the first character on. A budget tells copies by that.
        let spread = person.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (from, id) = (phone(person), format!("{spread:016x}{person:016x}"));
        let form = match self.kind {
            Kind::Codes => {
                let body = json!({ "recipient": from, "text": format!("Your verification code is: {:06}", person % 1_000_000) });
                event["body"] = body.to_string().into();
                return event;
            }
            Kind::Mails => {
                let changes = [
                    ("4520123456", from.trim_start_matches('+').to_owned()),
                    ("20261120120000.1@", format!("load.{person}@")),
                    (
                        "ticket=00000000000000000000000000000001",
                        format!("ticket={id}"),
                    ),
                ];
                let personal = |text: &String| {
                    changes
                        .iter()
                        .fold(text.clone(), |text, (old, new)| text.replace(old, new))
                };
                let (at, token) = (
                    sandbox::now().as_secs().to_string(),
                    format!("{person:050x}"),
                );
                let signature = sandbox.mailgun.sign(&at, &token);
                let signed = [
                    ("timestamp", &at),
                    ("token", &token),
                    ("signature", &signature),
                ];
                let field = |(name, value): &(String, String)| {
                    let signed = signed
                        .iter()
                        .find(|(field, _)| field == name)
                        .map(|(_, value)| (*value).clone());
                    (name.clone(), signed.unwrap_or_else(|| personal(value)))
                };
                recorded.form.iter().map(field).collect()
            }
            Kind::Texts { companies } => {
                let to = company(if companies == Companies::One {
                    0
                } else {
                    person % people
                });
                let sid = format!("SM{id}");
                replaced(&[
                    ("From", &from),
                    ("To", &to),
                    ("MessageSid", &sid),
                    ("SmsSid", &sid),
                    ("SmsMessageSid", &sid),
                ])
            }
            Kind::Calls => {
                let (to, sid) = (company(person % people), format!("CA{id}"));
                replaced(&[
                    ("From", &from),
                    ("Caller", &from),
                    ("To", &to),
                    ("Called", &to),
                    ("CallSid", &sid),
                ])
            }
            Kind::Pins => replaced(&[
                ("account_number", &account(person % people)),
                ("pin", PIN),
                ("caller", &from),
            ]),
        };
        if matches!(self.kind, Kind::Texts { .. } | Kind::Calls) {
            let host = event["requestContext"]["domainName"]
                .as_str()
                .unwrap_or_default();
            let signature = sandbox.twilio.sign(&format!("https://{host}/"), &form);
            event["headers"]["x-twilio-signature"] = signature.into();
        }
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&form)
            .finish();
        event["body"] = BASE64_STANDARD.encode(body).into();
        event
    }

    /// `None` for the expected answer, else a short name of the answer.
    pub(super) fn refusal(&self, answer: &Value) -> Option<String> {
        let (status, body) = (
            answer["statusCode"].as_u64().unwrap_or_default(),
            answer["body"].as_str().unwrap_or_default(),
        );
        let right = match self.kind {
            Kind::Codes => body.contains("\"provider\""),
            Kind::Mails => true,
            Kind::Texts { .. } => body.contains("<Message"),
            Kind::Calls => body.contains("<Dial"),
            Kind::Pins => body == "Ann",
        };
        match (status, right) {
            (200, true) => None,
            (200, false) => Some("200, another answer".to_owned()),
            _ => Some(status.to_string()),
        }
    }

    /// How many texts the provider accepted for each of these persons; `None` if the answer itself
    /// is the text.
    pub(super) fn texts(
        &self,
        sandbox: &Sandbox,
        seen: usize,
        persons: &[u64],
    ) -> Option<Vec<usize>> {
        if !matches!(self.kind, Kind::Codes | Kind::Mails) {
            return None;
        }
        let mut texts: HashMap<String, usize> = HashMap::new();
        for message in sandbox.twilio.messages().into_iter().skip(seen) {
            *texts.entry(message.to).or_default() += 1;
        }
        Some(
            persons
                .iter()
                .map(|person| texts.get(&phone(*person)).copied().unwrap_or_default())
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn everybody_has_another_number() {
        let phones: BTreeSet<_> = (0..50_000).map(phone).collect();
        assert_eq!(phones.len(), 50_000);
        assert!(phones.iter().all(|phone| phone.len() == 11));
    }
}
