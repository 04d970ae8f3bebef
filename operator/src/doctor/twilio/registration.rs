//! Registrations of senders in the United States: long codes need an A2P 10DLC campaign, toll-free
//! numbers a verification. Every number that texts there is checked.

use std::collections::BTreeSet;

use serde_json::Value;
use shared::rules::phone::E164;

use super::countries::{reached, texted};
use crate::calls::{Refusal, Session};
use crate::connect::twilio::{Account, address, pages};
use crate::context::Context;
use crate::doctor::Examination;
use crate::doctor::coverage::Check;
use crate::stack::{Stack, Webhook};

const CHECK: &str = "twilio.registration";
const WHY: &str = "Twilio accepts texts to the US, and then they fail with 30034 or 30032";
/// More numbers than this are counted, not named.
const NAMED: usize = 10;

pub(super) const REGISTRATION: Check = Check::new(
    CHECK,
    "whether the numbers that text to the US are registered",
    |deployed| Senders::of(deployed.stack).is_some(),
)
.with(&["twilio"])
.after(&["twilio.auth_token"]);

/// The area codes of toll-free numbers in the US and Canada.
const TOLL_FREE: [&str; 7] = [
    "+1800", "+1833", "+1844", "+1855", "+1866", "+1877", "+1888",
];

/// What texts to the US.
#[derive(Debug, Default, PartialEq, Eq)]
struct Senders {
    numbers: BTreeSet<String>,
    /// The SIDs of messaging services.
    services: BTreeSet<String>,
    /// The company numbers do, too.
    company: bool,
}

impl Senders {
    /// `None`: nothing in the stack texts to the US through Twilio.
    fn of(stack: &Stack) -> Option<Self> {
        let mut senders = Self::default();
        if texted(stack).contains("US") {
            if stack.get("SendVerificationSmsUrl").is_some() {
                let own = [
                    stack.get("TwilioNumber"),
                    stack.get("TwilioMessagingService"),
                ];
                own.into_iter().flatten().for_each(|one| senders.add(one));
            }
            if stack.get("SmsGatewayUrl").is_some() && stack.routes_to("twilio") {
                let of_codes = stack.list("SmsFrom");
                let of_codes = of_codes
                    .iter()
                    .filter_map(|sender| sender.strip_prefix("twilio:"));
                of_codes.for_each(|one| senders.add(one.trim()));
            }
        }
        senders.company = stack.get("SmsForwardUrl").is_some() && reached(stack).contains("US");
        (senders != Self::default()).then_some(senders)
    }

    fn add(&mut self, sender: &str) {
        if sender.starts_with("MG") {
            self.services.insert(sender.to_owned());
        } else if is_american(sender) {
            self.numbers.insert(sender.to_owned());
        }
    }
}

/// True for numbers whose texts to the US need a registration.
fn is_american(number: &str) -> bool {
    let region = number.parse::<E164>().ok().and_then(|one| one.region());
    matches!(region, Some("US" | "CA" | "PR"))
}

fn is_toll_free(number: &str) -> bool {
    TOLL_FREE.iter().any(|prefix| number.starts_with(prefix))
}

/// A messaging service.
struct Service {
    sid: String,
    /// The states of its campaigns.
    campaigns: Vec<String>,
    /// The numbers in its sender pool that are American.
    pool: Vec<String>,
}

impl Service {
    async fn read(messaging: &Session, sid: String) -> Result<Self, Refusal> {
        let path = format!("v1/Services/{sid}");
        let campaigns = pages(messaging, &format!("{path}/Compliance/Usa2p"), "compliance").await?;
        let pool = pages(messaging, &format!("{path}/PhoneNumbers"), "phone_numbers").await?;
        let numbers = pool
            .iter()
            .filter_map(|number| number["phone_number"].as_str());
        Ok(Self {
            sid,
            campaigns: campaigns
                .iter()
                .map(|campaign| status(&campaign["campaign_status"]))
                .collect(),
            pool: numbers
                .filter(|number| is_american(number))
                .map(str::to_owned)
                .collect(),
        })
    }

    fn is_registered(&self) -> bool {
        self.campaigns.iter().any(|status| status == "VERIFIED")
    }
}

/// Checks every number that texts to the US.
pub(super) async fn examine(context: &Context, examination: &mut Examination, account: &Account) {
    let Some(senders) = Senders::of(&context.stack) else {
        return;
    };
    if let Err(refusal) = judge(context, examination, account, senders).await {
        examination.unanswered(
            CHECK,
            format!("Twilio, registrations in the US: {refusal}"),
            "run `operator doctor`. If it stays, look in Twilio (Console, Messaging, Regulatory Compliance)",
        );
    }
    examination.checked(CHECK);
}

async fn judge(
    context: &Context,
    examination: &mut Examination,
    account: &Account,
    senders: Senders,
) -> Result<(), Refusal> {
    let held = account.numbers().await?;
    let mut numbers = senders.numbers;
    if senders.company {
        numbers.extend(company(&context.stack, &held));
    }
    let messaging = account.api.at(&context.urls.twilio_messaging_url);
    let mut sids = senders.services.clone();
    // A number may be in any service.
    if numbers.iter().any(|number| !is_toll_free(number)) {
        let all = pages(&messaging, "v1/Services", "services").await?;
        let all = all.iter().filter_map(|service| service["sid"].as_str());
        sids.extend(all.map(str::to_owned));
    }
    let mut services = Vec::new();
    for sid in sids {
        services.push(Service::read(&messaging, sid).await?);
    }
    for service in services
        .iter()
        .filter(|service| senders.services.contains(&service.sid))
    {
        // The campaign of a service counts for all its numbers.
        if !service.is_registered() && service.pool.iter().any(|number| !is_toll_free(number)) {
            let of = format!("the messaging service {} has", service.sid);
            unregistered(examination, &of, &service.campaigns);
        }
        let toll_free = service.pool.iter().filter(|number| is_toll_free(number));
        numbers.extend(toll_free.cloned());
    }
    let of_verification = context.stack.get("TwilioNumber");
    for number in &numbers {
        let is_held = held.iter().any(|held| held["phone_number"] == **number);
        // That of verification is a finding about its webhook.
        if !is_held && of_verification != Some(number) {
            examination.fault(
                CHECK,
                format!("the account has no number {number}, which SmsFrom names"),
                "Twilio rejects each text from it (21606)",
                "correct SmsFrom in samconfig.toml. Then run `operator deploy`",
            );
        }
    }
    let sid = |number: &String| {
        let held = held.iter().find(|held| held["phone_number"] == **number)?;
        Some((number.clone(), held["sid"].as_str()?.to_owned()))
    };
    let (toll_free, long): (Vec<_>, Vec<_>) = numbers
        .iter()
        .filter_map(sid)
        .partition(|(number, _)| is_toll_free(number));
    let long: Vec<String> = long.into_iter().map(|(number, _)| number).collect();
    long_codes(examination, &services, &long);
    for (number, sid) in toll_free {
        verification(examination, &messaging, &number, &sid).await?;
    }
    Ok(())
}

/// The American numbers whose texts go to the company phone.
fn company(stack: &Stack, held: &[Value]) -> Vec<String> {
    let Some(url) = stack.webhook(Webhook::Text) else {
        return Vec::new();
    };
    let text = |number: &Value, field: &str| number[field].as_str().unwrap_or_default().to_owned();
    let leads_here = |number: &&Value| address(&text(number, "sms_url")) == address(&url);
    held.iter()
        .filter(leads_here)
        .map(|number| text(number, "phone_number"))
        .filter(|number| is_american(number))
        .collect()
}

fn unregistered(examination: &mut Examination, of: &str, campaigns: &[String]) {
    let states = if campaigns.is_empty() {
        "none at all".to_owned()
    } else {
        campaigns.join(", ")
    };
    examination.fault(
        CHECK,
        format!("{of} no verified A2P 10DLC campaign ({states})"),
        WHY,
        "in Twilio, register brand and campaign (Console, Messaging, Regulatory Compliance; days to weeks). Then add the number to its Messaging Service",
    );
}

/// Checks that each long code is a sender of a messaging service with a verified campaign.
fn long_codes(examination: &mut Examination, services: &[Service], numbers: &[String]) {
    let registered: Vec<&Service> = services
        .iter()
        .filter(|service| service.is_registered())
        .collect();
    let is_outside = |number: &&String| {
        let mut registered = registered.iter();
        !registered.any(|service| service.pool.contains(number))
    };
    let outside: Vec<&str> = numbers
        .iter()
        .filter(is_outside)
        .map(String::as_str)
        .collect();
    if outside.is_empty() {
        return;
    }
    let (named, more) = outside.split_at(outside.len().min(NAMED));
    let mut named = named.join(", ");
    if !more.is_empty() {
        named = format!("{named} and {} more", more.len());
    }
    let Some(first) = registered.first() else {
        let campaigns: Vec<String> = services
            .iter()
            .flat_map(|service| service.campaigns.iter().cloned())
            .collect();
        unregistered(examination, &format!("{named}:"), &campaigns);
        return;
    };
    let sids: Vec<&str> = registered
        .iter()
        .map(|service| service.sid.as_str())
        .collect();
    examination.fault(
        CHECK,
        format!("{named}: outside the A2P 10DLC campaign, because not among the senders of {}", sids.join(" or ")),
        WHY,
        format!("in Twilio, add {named} to the service (Console, Messaging, Services, {}, Sender Pool, Add Senders)", first.sid),
    );
}

/// Checks that a toll-free number is verified.
async fn verification(
    examination: &mut Examination,
    messaging: &Session,
    number: &str,
    sid: &str,
) -> Result<(), Refusal> {
    let query = [("TollfreePhoneNumberSid", sid)];
    let found = messaging.get("v1/Tollfree/Verifications", &query).await?;
    let status = status(&found["verifications"][0]["status"]);
    if status != "TWILIO_APPROVED" {
        examination.fault(
            CHECK,
            format!("the toll-free number {number} is not verified ({status})"),
            WHY,
            "in Twilio, verify the number (Console, Phone Numbers, Regulatory Compliance, Toll-Free Verifications). This takes days",
        );
    }
    Ok(())
}

fn status(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| "never asked for".to_owned(), crate::report::plain)
}
