//! The plan: from the current state to the wanted state.

use reqwest::Method;
use shared::platform::base_url::BaseUrl;

use super::account::Account;
use super::held::{Held, Taker};
use super::resource::{address, host, is_free, text};
use super::wishes::Wishes;
use crate::calls::Body;
use crate::connect::{Plan, Step};

pub(super) fn plan(account: &Account, held: &Held, wishes: &Wishes, messaging: &BaseUrl) -> Plan {
    let mut plan = Plan {
        problems: wishes.problems.clone(),
        ..Plan::default()
    };
    for (number, wiring) in &wishes.numbers {
        let Some(resource) = held
            .numbers
            .iter()
            .find(|held| text(held, "phone_number") == number)
        else {
            plan.problems
                .push(format!("the account {} has no number {number}: is it another account's, or a subaccount's?", account.sid));
            continue;
        };
        let of = format!("Twilio number {number}");
        let mut form = Vec::new();
        let mut compare = |field: &str, parameter: &str, to: &str| {
            if plan.compare(&of, field, Some(text(resource, field)), to) {
                form.push((parameter.to_owned(), to.to_owned()));
            }
        };
        if let Some(url) = &wiring.voice {
            compare("voice_url", "VoiceUrl", url);
            compare("voice_method", "VoiceMethod", "POST");
            // An application or a trunk takes precedence over the URL.
            compare("voice_application_sid", "VoiceApplicationSid", "");
            compare("trunk_sid", "TrunkSid", "");
        }
        if let Some(url) = &wiring.status {
            compare("status_callback", "StatusCallback", url);
            compare("status_callback_method", "StatusCallbackMethod", "POST");
        }
        if let Some(url) = &wiring.sms {
            compare("sms_url", "SmsUrl", url);
            compare("sms_method", "SmsMethod", "POST");
            compare("sms_application_sid", "SmsApplicationSid", "");
        }
        // The number was named, or is in the ledger. Its old webhook is lost, so the person should
        // see it.
        for change in plan.changes.iter_mut().filter(|change| change.of == of) {
            let held = text(resource, &change.field);
            let moves = matches!(
                change.field.as_str(),
                "voice_url" | "status_callback" | "sms_url"
            ) && !is_free(held);
            let wanted = match change.field.as_str() {
                "sms_url" => &wiring.sms,
                "status_callback" => &wiring.status,
                _ => &wiring.voice,
            };
            if moves
                && wanted
                    .as_deref()
                    .is_some_and(|wanted| address(wanted) != address(held))
            {
                change.note = Some(format!("which led to {}", host(held)));
            }
        }
        if !form.is_empty() {
            let url = account
                .api
                .base
                .join(&account.path(&format!("IncomingPhoneNumbers/{}", text(resource, "sid"))));
            plan.steps
                .push(Step::Send(Method::POST, url, Body::Form(form)));
        }
    }
    if let (Some(url), Some(service)) = (&wishes.service, &held.service) {
        let sid = text(service, "sid");
        let of = format!("messaging service {sid}");
        let mut form = Vec::new();
        for (field, parameter, to) in [
            ("inbound_request_url", "InboundRequestUrl", url.as_str()),
            ("inbound_method", "InboundMethod", "POST"),
        ] {
            if plan.compare(&of, field, Some(text(service, field)), to) {
                form.push((parameter.to_owned(), to.to_owned()));
            }
        }
        if !form.is_empty() {
            plan.steps.push(Step::Send(
                Method::POST,
                messaging.join(&format!("v1/Services/{sid}")),
                Body::Form(form),
            ));
        }
    }
    for taker in &held.takers {
        give_back(&mut plan, taker, wishes, messaging);
    }
    plan
}

/// Lets a messaging service leave SMS to the numbers' own webhooks, if it sends those of one of our
/// numbers elsewhere. Otherwise no YES would arrive.
fn give_back(
    plan: &mut Plan,
    Taker { service, numbers }: &Taker,
    wishes: &Wishes,
    messaging: &BaseUrl,
) {
    let sid = text(service, "sid");
    // The stack's own service keeps its SMS.
    let kept = wishes
        .service
        .as_deref()
        .filter(|_| wishes.service_sid.as_deref() == Some(sid));
    let goes_to = kept.unwrap_or_else(|| text(service, "inbound_request_url"));
    let leads_away = |number: &&String| {
        let wanted = wishes
            .numbers
            .get(*number)
            .and_then(|wiring| wiring.sms.as_deref());
        wanted.is_some_and(|wanted| address(wanted) != address(goes_to))
    };
    let ours: Vec<&str> = numbers
        .iter()
        .filter(leads_away)
        .map(String::as_str)
        .collect();
    if ours.is_empty() {
        return;
    }
    let place = if is_free(goes_to) {
        "nobody".to_owned()
    } else {
        host(goes_to)
    };
    if kept.is_some() {
        plan.problems.push(format!(
            "{}: the messaging service {sid} has all texts of its numbers sent to the function that waits for a YES; take out of it \
             what is a company number",
            ours.join(", ")
        ));
        return;
    }
    let of = format!("messaging service {sid}, which holds {}", ours.join(", "));
    plan.set(&of, "use_inbound_webhook_on_number", Some("false"), "true");
    if let Some(change) = plan.changes.last_mut() {
        let others = numbers.len() - ours.len();
        let also = if others == 0 {
            String::new()
        } else {
            format!("; {others} other numbers of it then follow their own webhooks too")
        };
        change.note = Some(format!("its texts went to {place}{also}"));
    }
    let form = vec![("UseInboundWebhookOnNumber".to_owned(), "true".to_owned())];
    plan.steps.push(Step::Send(
        Method::POST,
        messaging.join(&format!("v1/Services/{sid}")),
        Body::Form(form),
    ));
}
