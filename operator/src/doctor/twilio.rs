//! Twilio: its next certificate, the account and its token, webhooks, countries, and registrations.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use shared::rules::phone::E164;

use super::Examination;
use crate::calls::{Authorization, Refusal, Session};
use crate::connect::twilio::{Account, pages};
use crate::connect::{Extras, Target};
use crate::context::Context;
use crate::problem::Problem;
use crate::secrets::{SENDS, Stored};

const TLS_TIMEOUT: Duration = Duration::from_secs(10);

/// The area codes of toll-free numbers in the US and Canada.
const TOLL_FREE: [&str; 7] = [
    "+1800", "+1833", "+1844", "+1855", "+1866", "+1877", "+1888",
];

pub(super) async fn examine(
    context: &Context,
    examination: &mut Examination,
    usable: &[&str],
) -> Result<(), Problem> {
    if usable.contains(&"twilio") || usable.contains(&SENDS) {
        next_certificate(context, examination).await;
    }
    let verifies = usable.contains(&"twilio");
    let account = if verifies {
        Some(Account::open(context).await?)
    } else {
        None
    };
    let refused = match &account {
        Some(account) => !auth_token(examination, account).await,
        None => false,
    };
    // Both secrets contain the same API key.
    if let Some(secret) = [SENDS, "twilio"]
        .into_iter()
        .find(|secret| usable.contains(secret))
    {
        api_key(context, examination, &context.secret(secret).await?).await?;
    }
    // If there are no webhooks, only the API key is available. It may not read the account itself.
    let account = match account {
        None if context.stack.secret("twilio").is_none() && usable.contains(&SENDS) => {
            Account::open(context).await?
        }
        Some(account) if !refused => account,
        _ => return Ok(()),
    };
    examination
        .compare(
            context,
            "twilio.webhooks",
            Target::Twilio,
            &Extras::default(),
            "twilio",
        )
        .await?;
    geo(context, examination, &account).await;
    registration(context, examination, &account).await;
    Ok(())
}

/// Checks that the roots that are built into the functions open the host where Twilio shows its next
/// certificates (<https://www.twilio.com/docs/usage/troubleshooting>). This program has the same roots.
async fn next_certificate(context: &Context, examination: &mut Examination) {
    const CHECK: &str = "twilio.next_certificate";
    let url = context.urls.twilio_tls_url.as_url().clone();
    let client = &context.calls.client;
    let asked = client.send(client.request(Method::HEAD, url), 64 * 1024, TLS_TIMEOUT);
    if let Err(why) = asked.await {
        examination.risk(
            CHECK,
            format!("no connection to Twilio's host for the test of certificates: {why}"),
            "Twilio may change its certificates to ones that the functions do not trust",
            "check the network. If it is fine, build and deploy the newest version (`sam build`, then `sam deploy`)",
        );
    }
    examination.checked(CHECK);
}

/// Checks the Auth Token. True if further checks at the account are possible.
async fn auth_token(examination: &mut Examination, account: &Account) -> bool {
    let path = format!("2010-04-01/Accounts/{}.json", account.sid);
    let resource = match account.api.get(&path, &[]).await {
        Ok(resource) => resource,
        Err(Refusal::Status(401 | 403 | 404, _)) => {
            examination.fault(
                "twilio.auth_token",
                format!("Twilio rejects the Auth Token of the account {}", account.sid),
                "Twilio signs webhooks with it. Every reply and call gets a 403, and nothing can be sent",
                "copy the primary Auth Token of that account (Console, Account info). Then run `operator secrets set twilio`",
            );
            return false;
        }
        Err(refusal) => {
            examination.unanswered(
                "twilio.auth_token",
                format!("Twilio: {refusal}"),
                "check TWILIO_URL, and run `operator doctor`",
            );
            return false;
        }
    };
    examination.checked("twilio.auth_token");
    if resource["status"] != "active" {
        let what = format!(
            "the account {} is {}",
            account.sid,
            crate::report::plain(resource["status"].as_str().unwrap_or_default())
        );
        examination.fault(
            "twilio.account",
            what,
            "Twilio sends no texts and makes no calls for it",
            "look at Console, Account",
        );
    }
    if resource["type"] == "Trial" {
        examination.risk(
            "twilio.account",
            format!("the account {} is a trial", account.sid),
            "it texts and calls only verified numbers, and Twilio adds a sentence to each text",
            "upgrade it (Console, Billing)",
        );
    }
    examination.checked("twilio.account");
    true
}

/// Checks the functions' API key: Twilio must accept it. Where no signature is verified, the secret
/// should contain no more than that key.
async fn api_key(
    context: &Context,
    examination: &mut Examination,
    secret: &Stored,
) -> Result<(), Problem> {
    const CHECK: &str = "twilio.api_key";
    let (Some(sid), Some(key)) = (secret.text("api_key_sid"), secret.text("api_key_secret")) else {
        if context.stack.secret(SENDS).as_ref() == Some(&secret.id) {
            examination.risk(
                CHECK,
                format!("the secret {} has the Auth Token instead of an API key", secret.id),
                "an attacker who controls a function that only sends could forge Twilio's webhooks",
                "make a standard API key (Console, API keys & tokens). Then run `operator secrets set twilio`",
            );
        }
        return Ok(());
    };
    let account = secret
        .text("account_sid")
        .map(|sid| sid.expose_secret().to_owned())
        .unwrap_or_default();
    let asked = match Authorization::basic(sid.expose_secret(), &key) {
        Some(authorization) => {
            let api = context.calls.to(&context.twilio_url()?, authorization);
            api.get(
                &format!("2010-04-01/Accounts/{account}/IncomingPhoneNumbers.json"),
                &[("PageSize", "1")],
            )
            .await
        }
        None => Err(Refusal::Status(401, String::new())),
    };
    // A restricted key may send although it may not list numbers.
    if asked.is_err_and(|refusal| refusal.status() == Some(401)) {
        examination.fault(
            CHECK,
            "Twilio rejects the API key",
            "the functions send with it, so nothing is sent",
            "make a new key (Console, API keys & tokens). Or run `operator secrets set twilio --remove api_key_sid --remove api_key_secret`",
        );
    }
    examination.checked(CHECK);
    Ok(())
}

/// The countries of a list, or `default` if the list is empty.
fn listed(
    context: &Context,
    list: &str,
    default: impl FnOnce() -> BTreeSet<String>,
) -> BTreeSet<String> {
    let listed: BTreeSet<String> = context
        .stack
        .list(list)
        .into_iter()
        .filter(|country| !country.is_empty())
        .collect();
    if listed.is_empty() { default() } else { listed }
}

/// The countries to which verification and gateway send SMS: by default the sender's country.
fn texted(context: &Context) -> BTreeSet<String> {
    let stack = &context.stack;
    let verifies = stack.get("SendVerificationSmsUrl").is_some();
    let sends_codes = stack.get("SmsGatewayUrl").is_some() && stack.routes_to("twilio");
    if !verifies && !sends_codes {
        return BTreeSet::new();
    }
    let country = |number: &str| Some(number.parse::<E164>().ok()?.region()?.to_owned());
    let of_codes = || {
        stack
            .list("SmsFrom")
            .iter()
            .find_map(|sender| country(sender.strip_prefix("twilio:")?.trim()))
    };
    listed(context, "AllowedCountries", || {
        let own = verifies.then(|| stack.get("TwilioNumber").and_then(country));
        let senders = own.into_iter().chain(sends_codes.then(of_codes));
        senders
            .filter_map(|sender| sender.or_else(|| stack.get("DefaultRegion").map(str::to_owned)))
            .collect()
    })
}

/// The countries that the company phone calls and texts: by default the country where numbers are
/// bought.
fn reached(context: &Context) -> BTreeSet<String> {
    let is_deployed = ["CallForwardUrl", "SmsForwardUrl"]
        .iter()
        .any(|url| context.stack.get(url).is_some());
    if !is_deployed {
        return BTreeSet::new();
    }
    listed(context, "CompanyPhoneCountries", || {
        BTreeSet::from([context
            .stack
            .get("NumberCountry")
            .unwrap_or("US")
            .to_owned()])
    })
}

async fn geo(context: &Context, examination: &mut Examination, account: &Account) {
    let (texted, reached) = (texted(context), reached(context));
    let texting = account.api.at(&context.urls.twilio_accounts_url);
    for country in texted.union(&reached) {
        let answer = texting
            .get("v1/Messaging/GeoPermissions", &[("CountryCode", country)])
            .await;
        let allowed = answer.map(|answer| {
            let mut permissions = answer["permissions"].as_array().into_iter().flatten();
            permissions
                .find(|permission| permission["country_code"] == country.as_str())
                .map(|permission| permission["enabled"] == true)
        });
        let list = if texted.contains(country) {
            "AllowedCountries"
        } else {
            "CompanyPhoneCountries"
        };
        let place = "Messaging, Settings, Geo permissions";
        verdict(
            examination,
            "twilio.geo.texts",
            country,
            allowed,
            "texts",
            place,
            list,
        );
    }
    let calling = account.api.at(&context.urls.twilio_voice_url);
    for country in reached
        .iter()
        .filter(|_| context.stack.get("CallForwardUrl").is_some())
    {
        let answer = calling
            .get(&format!("v1/DialingPermissions/Countries/{country}"), &[])
            .await;
        let allowed = answer.map(|answer| answer["low_risk_numbers_enabled"].as_bool());
        let place = "Voice, Settings, Geo permissions";
        verdict(
            examination,
            "twilio.geo.calls",
            country,
            allowed,
            "calls",
            place,
            "CompanyPhoneCountries",
        );
    }
}

fn verdict(
    examination: &mut Examination,
    check: &'static str,
    country: &str,
    allowed: Result<Option<bool>, Refusal>,
    what: &str,
    place: &str,
    list: &str,
) {
    match allowed {
        Ok(Some(true)) => {}
        Ok(Some(false)) => examination.fault(
            check,
            format!("the account may not make {what} to {country}"),
            "Twilio rejects each of them (21408, 21215), whatever the stack allows",
            format!("allow {country} (Console, {place}). Or remove it from {list}"),
        ),
        Ok(None) => examination.unchecked(
            check,
            format!("Twilio does not say whether {what} to {country} are allowed"),
            format!("look at Console, {place}"),
        ),
        Err(refusal) => {
            examination.unanswered(
                check,
                format!("{what} to {country}: {refusal}"),
                format!("look at Console, {place}"),
            );
        }
    }
    examination.checked(check);
}

/// Checks the registration of senders in the US: long codes require an A2P 10DLC campaign,
/// toll-free numbers a verification.
async fn registration(context: &Context, examination: &mut Examination, account: &Account) {
    if !texted(context).contains("US") {
        return;
    }
    let messaging = account.api.at(&context.urls.twilio_messaging_url);
    let number = context
        .stack
        .get("TwilioNumber")
        .filter(|number| number.starts_with("+1"));
    let why = "Twilio accepts texts to the US, and then they fail with 30034 or 30032";
    if let Some(number) =
        number.filter(|number| TOLL_FREE.iter().any(|prefix| number.starts_with(prefix)))
    {
        let sid = account.numbers().await.ok().and_then(|numbers| {
            let held = numbers
                .into_iter()
                .find(|held| held["phone_number"] == number)?;
            Some(held["sid"].as_str()?.to_owned())
        });
        let Some(sid) = sid else { return };
        let found = messaging
            .get(
                "v1/Tollfree/Verifications",
                &[("TollfreePhoneNumberSid", &sid)],
            )
            .await;
        match found.map(|found| status(&found["verifications"][0]["status"])) {
            Ok(status) if status == "TWILIO_APPROVED" => {}
            Ok(status) => examination.fault(
                "twilio.registration",
                format!("the toll-free number {number} is not verified ({status})"),
                why,
                "verify the number (Console, Phone Numbers, Regulatory Compliance, Toll-Free Verifications). This takes days",
            ),
            Err(refusal) => examination.unanswered(
                "twilio.registration",
                format!("verifications: {refusal}"),
                "look at Console, Regulatory Compliance",
            ),
        }
    } else if number.is_some() || context.stack.get("TwilioMessagingService").is_some() {
        match campaigns(context, &messaging).await {
            Ok(found) if found.iter().any(|(_, status)| status == "VERIFIED") => {
                let verified = found.iter().filter(|(_, status)| status == "VERIFIED");
                let services: Vec<&str> = verified.map(|(sid, _)| sid.as_str()).collect();
                // A number of another account is a finding of its own.
                let numbers = account.numbers().await.unwrap_or_default();
                let is_held = |number: &&str| {
                    numbers.iter().any(|held| held["phone_number"] == **number)
                };
                if let Some(number) = number.filter(is_held) {
                    campaign_member(examination, &messaging, number, &services, why).await;
                }
            }
            Ok(found) => examination.fault(
                "twilio.registration",
                format!("no verified A2P 10DLC campaign ({})", if found.is_empty() { "none at all".to_owned() } else { found.iter().map(|(_, status)| status.as_str()).collect::<Vec<_>>().join(", ") }),
                why,
                "register brand and campaign (Console, Messaging, Regulatory Compliance; days to weeks). Then add the number to its Messaging Service",
            ),
            Err(refusal) => examination.unanswered("twilio.registration", format!("campaigns: {refusal}"), "look at Console, Messaging, Regulatory Compliance"),
        }
    }
    examination.checked("twilio.registration");
}

fn status(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| "never asked for".to_owned(), crate::report::plain)
}

/// Checks that a number is a sender of one of the messaging services with a verified campaign.
async fn campaign_member(
    examination: &mut Examination,
    messaging: &Session,
    number: &str,
    services: &[&str],
    why: &str,
) {
    for sid in services {
        let path = format!("v1/Services/{sid}/PhoneNumbers");
        match pages(messaging, &path, "phone_numbers").await {
            Ok(senders)
                if senders
                    .iter()
                    .any(|sender| sender["phone_number"] == number) =>
            {
                return;
            }
            Ok(_) => {}
            Err(refusal) => {
                examination.unanswered(
                    "twilio.registration",
                    format!("senders of the messaging service {sid}: {refusal}"),
                    "look at Console, Messaging, Services",
                );
                return;
            }
        }
    }
    examination.fault(
        "twilio.registration",
        format!("the number {number} is outside the A2P 10DLC campaign: it is no sender of {}", services.join(" or ")),
        why,
        format!("add {number} to the service (Console, Messaging, Services, {}, Sender Pool, Add Senders)", services[0]),
    );
}

/// The stack's messaging service, or else all services, with the states of their campaigns.
async fn campaigns(
    context: &Context,
    messaging: &Session,
) -> Result<Vec<(String, String)>, Refusal> {
    let services = if let Some(sid) = context.stack.get("TwilioMessagingService") {
        vec![sid.to_owned()]
    } else {
        let services = pages(messaging, "v1/Services", "services").await?;
        services
            .iter()
            .filter_map(|service| Some(service["sid"].as_str()?.to_owned()))
            .collect()
    };
    let mut found = Vec::new();
    for sid in services {
        let campaigns = pages(
            messaging,
            &format!("v1/Services/{sid}/Compliance/Usa2p"),
            "compliance",
        )
        .await?;
        found.extend(
            campaigns
                .iter()
                .map(|campaign| (sid.clone(), status(&campaign["campaign_status"]))),
        );
    }
    Ok(found)
}
