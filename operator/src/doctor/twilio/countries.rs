//! Countries: whether the account may text and call where the stack does.

use std::collections::BTreeSet;

use shared::rules::phone::E164;

use crate::calls::Refusal;
use crate::connect::twilio::Account;
use crate::context::Context;
use crate::doctor::Examination;
use crate::doctor::coverage::Check;
use crate::stack::Stack;

const TEXTS: &str = "twilio.geo.texts";
const CALLS: &str = "twilio.geo.calls";

pub(super) const GEO_TEXTS: Check = Check::new(
    TEXTS,
    "whether Twilio's account may text where the stack does",
    |deployed| !texted(deployed.stack).is_empty() || !reached(deployed.stack).is_empty(),
)
.with(&["twilio"])
.after(&["twilio.auth_token"]);
pub(super) const GEO_CALLS: Check = Check::new(
    CALLS,
    "whether Twilio's account may call where the stack does",
    |deployed| deployed.has("CallForwardUrl") && !reached(deployed.stack).is_empty(),
)
.with(&["twilio"])
.after(&["twilio.auth_token"]);

/// The countries of a list, or `default` if the list is empty. The functions read small letters, too.
fn listed(
    stack: &Stack,
    list: &str,
    default: impl FnOnce() -> BTreeSet<String>,
) -> BTreeSet<String> {
    let listed: BTreeSet<String> = stack
        .list(list)
        .into_iter()
        .filter(|country| !country.is_empty())
        .collect();
    let countries = if listed.is_empty() { default() } else { listed };
    let capitals = countries.iter().map(|country| country.to_ascii_uppercase());
    capitals.collect()
}

/// The countries to which verification and gateway send SMS: by default the sender's country.
pub(super) fn texted(stack: &Stack) -> BTreeSet<String> {
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
    listed(stack, "AllowedCountries", || {
        let own = verifies.then(|| stack.get("TwilioNumber").and_then(country));
        let senders = own.into_iter().chain(sends_codes.then(of_codes));
        senders
            .filter_map(|sender| sender.or_else(|| stack.get("DefaultRegion").map(str::to_owned)))
            .collect()
    })
}

/// The countries that the company phone calls and texts: by default the country where numbers are
/// bought.
pub(super) fn reached(stack: &Stack) -> BTreeSet<String> {
    let is_deployed = ["CallForwardUrl", "SmsForwardUrl"]
        .iter()
        .any(|url| stack.get(url).is_some());
    if !is_deployed {
        return BTreeSet::new();
    }
    listed(stack, "CompanyPhoneCountries", || {
        BTreeSet::from([stack.get("NumberCountry").unwrap_or("US").to_owned()])
    })
}

/// Asks Twilio about each country.
pub(super) async fn geo(context: &Context, examination: &mut Examination, account: &Account) {
    let (texted, reached) = (texted(&context.stack), reached(&context.stack));
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
        verdict(examination, TEXTS, country, allowed, "texts", place, list);
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
            CALLS,
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
            format!("{what} to {country} are not allowed at the account"),
            "Twilio rejects each of them (21408, 21215), whatever the stack allows",
            format!("in Twilio, allow {country} (Console, {place}). Or remove it from {list} in samconfig.toml, and run `operator deploy`"),
        ),
        Ok(None) => examination.unchecked(
            check,
            format!("Twilio does not say whether {what} to {country} are allowed"),
            format!("look in Twilio (Console, {place})"),
        ),
        Err(refusal) => {
            examination.unanswered(
                check,
                format!("{what} to {country}: {refusal}"),
                format!("look in Twilio (Console, {place})"),
            );
        }
    }
    examination.checked(check);
}
