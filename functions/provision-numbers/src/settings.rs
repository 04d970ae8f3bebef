//! The settings of a run.

use std::str::FromStr;

use shared::platform::base_url::BaseUrl;
use shared::platform::config::Source;
use shared::rules::phone::{Countries, read_countries, unknown_country};
use shared::vendors::twilio::number::Webhooks;

/// Without overrides Twilio retries once, and only after a failed connection.
const RETRIES: &str = "rc=3&rp=5xx,ct,rt";

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) country: String,
    /// Area codes, or the digits after `+`, in the order of preference.
    pub(crate) prefixes: Vec<String>,
    pub(crate) webhooks: Webhooks,
    pub(crate) max_purchases: u64,
    pub(crate) max_numbers: u64,
    pub(crate) dry_run: bool,
    pub(crate) clean: bool,
    pub(crate) release_after_days: Option<u64>,
    /// The countries of allowed mobile numbers. `None`: all countries, without premium-rate ranges.
    pub(crate) countries: Option<Countries>,
}

impl Settings {
    pub(crate) fn read(source: &mut Source<'_>) -> Self {
        let country = region(source, "NUMBER_COUNTRY");
        let voice = webhook(source, "CALL_FORWARD_URL");
        Self {
            prefixes: prefixes(source, &country),
            country,
            webhooks: Webhooks {
                status_url: voice.status(),
                voice_url: voice.0,
                sms_url: webhook(source, "SMS_FORWARD_URL").0,
            },
            max_purchases: source.number("MAX_PURCHASES_PER_RUN", 5, 0..=100),
            max_numbers: source.number("MAX_NUMBERS", 100, 0..=10_000),
            dry_run: source.flag("DRY_RUN", false),
            clean: source.flag("CLEAN_MOBILE", true),
            release_after_days: source
                .optional("RELEASE_AFTER_DAYS")
                .map(|_| source.number("RELEASE_AFTER_DAYS", 30, 0..=9_999)),
            countries: read_countries(source, "ALLOWED_COUNTRIES"),
        }
    }
}

/// An ISO 3166 region, `US` if none is set.
pub(crate) fn region(source: &mut Source<'_>, name: &str) -> String {
    let region = source.text(name, "US").trim().to_ascii_uppercase();
    if !is_region(&region) {
        source.problem(format!("{name}: {}", unknown_country(&region)));
    }
    region
}

pub(crate) fn is_region(text: &str) -> bool {
    text.len() == 2 && text.parse::<Countries>().is_ok()
}

fn prefixes(source: &mut Source<'_>, country: &str) -> Vec<String> {
    let prefixes = source.list("AREA_PREFIXES");
    let is_area_code = ["US", "CA"].contains(&country);
    let lengths = if is_area_code { 3..=3 } else { 1..=7 };
    let is_prefix = |text: &String| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if prefixes.is_empty() {
        source.problem("AREA_PREFIXES is missing");
    } else if !prefixes.iter().all(is_prefix) {
        source.problem(
            "AREA_PREFIXES is not a comma list of area codes such as 415,628 (outside the US and Canada: of a number's first digits, \
             with the country code)",
        );
    }
    prefixes
}

fn webhook(source: &mut Source<'_>, name: &str) -> Webhook {
    let expected =
        "a URL such as https://abc.lambda-url.eu-west-1.on.aws/ (http only for this machine)";
    if source.required(name).is_empty() {
        return Webhook::default();
    }
    source.parsed(name, expected).unwrap_or_default()
}

/// A webhook of another function, as Twilio gets it: `https` or this machine, with connection
/// overrides.
#[derive(Default)]
struct Webhook(String);

impl Webhook {
    /// The URL to which Twilio reports the end of a call: `/status` below the same function's URL.
    fn status(&self) -> String {
        let end = self.0.find(['?', '#']).unwrap_or(self.0.len());
        let (path, rest) = self.0.split_at(end);
        format!("{}/status{rest}", path.trim_end_matches('/'))
    }
}

impl FromStr for Webhook {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, overrides) = text.split_once('#').unwrap_or((text, ""));
        let (path, query) = address.split_at(address.find('?').unwrap_or(address.len()));
        path.parse::<BaseUrl>().map_err(drop)?;
        // A URL without a path is signed with a slash.
        let has_path = path.matches('/').count() > 2;
        let slash = if has_path { "" } else { "/" };
        let overrides = Some(overrides).filter(|text| !text.is_empty());
        let url = format!("{path}{slash}{query}#{}", overrides.unwrap_or(RETRIES));
        let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic());
        is_plain.then_some(Self(url)).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_get_overrides_unless_they_have_some() {
        let host = "https://x.on.aws";
        for (text, voice, status, overrides) in [
            ("", "/", "/status", RETRIES),
            ("/", "/", "/status", RETRIES),
            ("/call?a=1", "/call?a=1", "/call/status?a=1", RETRIES),
            ("/#rc=1", "/", "/status", "rc=1"),
        ] {
            let webhook: Webhook = format!("{host}{text}").parse().ok().unwrap();
            assert_eq!(webhook.0, format!("{host}{voice}#{overrides}"));
            assert_eq!(webhook.status(), format!("{host}{status}#{overrides}"));
        }
        assert!("http://127.0.0.1:4701/".parse::<Webhook>().is_ok());
        let texts = "|x.on.aws|http://x.on.aws/|https://u:p@x.on.aws/|https://x.on.aws/ y|ftp://x";
        for text in texts.split('|') {
            assert!(text.parse::<Webhook>().is_err(), "{text}");
        }
    }
}
