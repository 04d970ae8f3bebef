//! The wanted state: which number leads where.

use std::collections::BTreeMap;

use super::held::Held;
use super::resource::{BOUGHT, address, host, is_bought, is_clear, is_free, leads_here, text};
use crate::problem::Problem;
use crate::stack::{Stack, Webhook, status_of};

/// The wanted state, by number.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    pub(super) numbers: BTreeMap<String, Wiring>,
    pub(super) service: Option<String>,
    /// The SID of that service.
    pub(super) service_sid: Option<String>,
    pub(super) problems: Vec<String>,
}

/// The wanted webhook set of a number. `None`: this program leaves the webhook alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wiring {
    pub(super) voice: Option<String>,
    /// The status callback for the end of a call, which goes to the function that handles the
    /// calls.
    pub(super) status: Option<String>,
    pub(super) sms: Option<String>,
}

impl Wishes {
    /// Adds a wish. The first wish for a number's calls or SMS holds; a different later one becomes
    /// a problem.
    fn want(&mut self, number: &str, wiring: &Wiring) {
        let held = self.numbers.entry(number.to_owned()).or_default();
        let is_taken = |held: &Option<String>, wanted: &Option<String>| {
            held.is_some() && wanted.is_some() && held != wanted
        };
        for (held, wanted) in [(&held.voice, &wiring.voice), (&held.sms, &wiring.sms)] {
            if is_taken(held, wanted) {
                self.problems.push(format!(
                    "{number} cannot serve two purposes: each needs a number of its own"
                ));
            }
        }
        // The status callback goes where the calls go.
        if held.voice.is_none() {
            (held.voice, held.status) = (wiring.voice.clone(), wiring.status.clone());
        }
        held.sms = held.sms.take().or_else(|| wiring.sms.clone());
    }
}

pub(super) fn wishes(stack: &Stack, held: &Held, company: &[String]) -> Result<Wishes, Problem> {
    let mut wishes = Wishes::default();
    let receive = stack.webhook(Webhook::Receive);
    let replies = Wiring {
        sms: receive.clone(),
        ..Wiring::default()
    };
    if let Some(number) = stack.get("TwilioNumber") {
        wishes.want(number, &replies);
    } else if receive.is_some() && stack.get("TwilioMessagingService").is_none() {
        wishes.problems.push(
            "nothing says which number replies to verification texts come to: --parameter TwilioNumber=+15005550006, or \
             --parameter TwilioMessagingService=MG..., or use --stack, which knows it"
                .to_owned(),
        );
    }
    let calls = stack.webhook(Webhook::Call);
    let both = Wiring {
        status: calls.as_deref().map(status_of),
        voice: calls,
        sms: stack.webhook(Webhook::Text),
    };
    if let (Some(voice), Some(sms)) = (&both.voice, &both.sms) {
        let mut strangers = false;
        for resource in &held.numbers {
            let number = text(resource, "phone_number");
            let bought = is_bought(resource);
            if leads_here(resource, voice, sms)
                || bought && (is_clear(resource, voice, sms) || held.ledger.contains(number))
            {
                wishes.want(number, &both);
            } else if bought && !company.iter().any(|named| named == number) {
                let strange = ["voice_url", "sms_url"]
                    .map(|field| text(resource, field))
                    .into_iter()
                    .find(|url| !is_free(url));
                strangers = true;
                wishes.problems.push(format!(
                    "{number} is named {BOUGHT}..., leads to {} and has no state record of this stack. It is not changed. If it \
                     is this stack's, add --company-number {number}",
                    strange.map(host).unwrap_or_default()
                ));
            }
        }
        for number in company {
            wishes.want(number, &both);
        }
        if !strangers
            && stack.get("ProvisionNumbersUrl").is_none()
            && !wishes.numbers.values().any(|wiring| wiring.voice.is_some())
        {
            wishes.problems.push(
                "no number leads to the company phone: --company-number sets one bought by hand. With AreaPrefixes, provision-numbers \
                 buys numbers"
                    .to_owned(),
            );
        }
    } else if !company.is_empty() {
        return Err(Problem::Usage(
            "--company-number: the stack has no company phone (OktaUrl is empty)".to_owned(),
        ));
    }
    match &held.service {
        // Numbers with their own webhooks, such as company numbers, use the same service. That
        // setting stays.
        Some(service) if service["use_inbound_webhook_on_number"] == true => {
            let pool = held
                .numbers
                .iter()
                .filter(|number| held.pool.iter().any(|sid| sid == text(number, "sid")));
            for resource in pool {
                let (number, url) = (text(resource, "phone_number"), text(resource, "sms_url"));
                let ours = receive
                    .as_deref()
                    .is_some_and(|ours| address(ours) == address(url));
                let application = text(resource, "sms_application_sid");
                if receive.is_none()
                    || wishes
                        .numbers
                        .get(number)
                        .is_some_and(|wiring| wiring.sms.is_some())
                {
                    continue;
                }
                if ours || is_free(url) && application.is_empty() {
                    wishes.want(number, &replies);
                } else if !is_bought(resource) || both.voice.is_none() {
                    let place = if application.is_empty() {
                        host(url)
                    } else {
                        format!("the application {application}")
                    };
                    wishes.problems.push(format!(
                        "{number}, of the messaging service {}, leads texts to {place}, where replies to verification texts are lost: \
                         take it out of the service, or empty its webhook and run this again",
                        text(service, "sid")
                    ));
                }
            }
        }
        Some(service) => {
            wishes.service = receive;
            wishes.service_sid = Some(text(service, "sid").to_owned());
        }
        None => {}
    }
    match (stack.get("menu number"), stack.webhook(Webhook::Menu)) {
        (Some(number), Some(url)) => wishes.want(
            number,
            &Wiring {
                voice: Some(url),
                ..Wiring::default()
            },
        ),
        (Some(_), None) => {
            return Err(Problem::Usage(
                "--menu-number: the stack has no phone menu (ApiAudience is empty)".to_owned(),
            ));
        }
        // Numbers that already lead to the phone menu get the complete settings.
        (None, Some(url)) => {
            let wiring = Wiring {
                voice: Some(url.clone()),
                ..Wiring::default()
            };
            let mut leading = held
                .numbers
                .iter()
                .filter(|number| address(text(number, "voice_url")) == address(&url))
                .peekable();
            if leading.peek().is_none() {
                wishes.problems.push(
                    "no number leads to the phone menu: --menu-number NUMBER sets one".to_owned(),
                );
            }
            for number in leading {
                wishes.want(text(number, "phone_number"), &wiring);
            }
        }
        (None, None) => {}
    }
    Ok(wishes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_service_that_defers_has_its_numbers_wired_but_for_company_numbers() {
        let stack = Stack::read(
            r#"{"ReceiveConfirmationSmsUrl":"https://x.on.aws/","TwilioMessagingService":"MG1",
                "CallForwardUrl":"https://y.on.aws/","SmsForwardUrl":"https://z.on.aws/"}"#,
        )
        .unwrap();
        let number = |sid: &str, number: &str, name: &str| json!({ "sid": sid, "phone_number": number, "friendly_name": name });
        let held = Held {
            numbers: vec![
                number("PN1", "+15005550001", "texts"),
                number("PN2", "+15005550002", "switchboard:00u1"),
                number("PN3", "+15005550003", "of another service"),
            ],
            service: Some(json!({ "sid": "MG1", "use_inbound_webhook_on_number": true })),
            pool: vec!["PN1".to_owned(), "PN2".to_owned()],
            takers: vec![],
            ledger: BTreeSet::new(),
        };
        let wishes = wishes(&stack, &held, &[]).unwrap();
        let url = |host: &str| Some(format!("https://{host}.on.aws/#rc=3&rp=5xx,ct,rt"));
        let expected = BTreeMap::from([
            (
                "+15005550001".to_owned(),
                Wiring {
                    sms: url("x"),
                    ..Wiring::default()
                },
            ),
            (
                "+15005550002".to_owned(),
                Wiring {
                    voice: url("y"),
                    status: Some("https://y.on.aws/status#rc=3&rp=5xx,ct,rt".to_owned()),
                    sms: url("z"),
                },
            ),
        ]);
        assert_eq!(
            wishes,
            Wishes {
                numbers: expected,
                ..Wishes::default()
            }
        );
    }

    #[test]
    fn a_number_for_two_purposes_keeps_the_first_and_is_told() {
        let stack = Stack::read(
            r#"{"ReceiveConfirmationSmsUrl":"https://x.on.aws/","TwilioNumber":"+15005550001",
                "CallForwardUrl":"https://y.on.aws/","SmsForwardUrl":"https://z.on.aws/"}"#,
        )
        .unwrap();
        let wishes = wishes(&stack, &Held::default(), &["+15005550001".to_owned()]).unwrap();
        assert_eq!(
            wishes.problems,
            ["+15005550001 cannot serve two purposes: each needs a number of its own"]
        );
        assert!(
            wishes.numbers["+15005550001"]
                .sms
                .as_deref()
                .unwrap()
                .starts_with("https://x")
        );
    }

    #[test]
    fn news_of_calls_go_where_the_calls_go() {
        let stack = Stack::read(
            r#"{"IvrVoiceUrl":"https://x.on.aws/voice","menu number":"+15005550001","CallForwardUrl":"https://y.on.aws/",
                "CallForwardPublicUrl":"https://phone.acme.example/in","SmsForwardUrl":"https://z.on.aws/"}"#,
        )
        .unwrap();
        let wishes = wishes(&stack, &Held::default(), &["+15005550002".to_owned()]).unwrap();
        let status = |number: &str| wishes.numbers[number].status.as_deref();
        assert_eq!(
            (status("+15005550001"), status("+15005550002")),
            (
                None,
                Some("https://phone.acme.example/in/status#rc=3&rp=5xx,ct,rt")
            )
        );
    }
}
