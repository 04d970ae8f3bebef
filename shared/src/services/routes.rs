//! The providers for a number, and the sender of a text.

use super::providers::Name;
use crate::platform::config::Source;
use crate::rules::phone::E164;
use crate::rules::sms::{is_sender, lacks_plus};
use crate::rules::voice::Channel;

/// `SMS_ROUTES`: providers by number prefix, in failover order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routes(Vec<(String, Vec<Name>)>);

impl Routes {
    /// Reads `SMS_ROUTES` (`+57=plivo,clickatell;+1=twilio;*=vonage,twilio`) and
    /// `ALLOW_LOG_PROVIDER`; every problem is noted in `source`.
    pub fn read(source: &mut Source<'_>) -> Self {
        let text = source.required("SMS_ROUTES");
        let log_allowed = source.flag("ALLOW_LOG_PROVIDER", false);
        let mut routes: Vec<(String, Vec<Name>)> = Vec::new();
        for route in text
            .split(';')
            .map(str::trim)
            .filter(|route| !route.is_empty())
        {
            let Some((prefix, list)) = route.split_once('=') else {
                source.problem(format!(
                    "SMS_ROUTES: {route} is not prefix=provider,provider"
                ));
                continue;
            };
            let prefix = prefix.trim();
            let digits = prefix.strip_prefix('+').filter(|digits| {
                (1..=15).contains(&digits.len())
                    && !digits.starts_with('0')
                    && digits.bytes().all(|byte| byte.is_ascii_digit())
            });
            let key = match (prefix, digits) {
                ("*", _) => String::new(),
                (_, Some(digits)) => digits.to_owned(),
                _ => {
                    source.problem(format!(
                        "SMS_ROUTES: {prefix} is neither * nor a prefix such as +57"
                    ));
                    continue;
                }
            };
            if routes.iter().any(|(other, _)| *other == key) {
                source.problem(format!("SMS_ROUTES: {prefix} is routed twice"));
            }
            let mut names = Vec::new();
            for word in list.split(',').map(str::trim) {
                match Name::texting(word) {
                    Some(Name::Log) if !log_allowed => {
                        source.problem("SMS_ROUTES: log sends nothing; set ALLOW_LOG_PROVIDER=true if that is meant");
                    }
                    Some(name) if names.contains(&name) => {
                        source.problem(format!("SMS_ROUTES: {prefix} names {name} twice"));
                    }
                    Some(name) => names.push(name),
                    None => source.problem(format!(
                        "SMS_ROUTES: {prefix} names {}, which is none of {}",
                        if word.is_empty() { "nothing" } else { word },
                        texting()
                    )),
                }
            }
            routes.push((key, names));
        }
        if routes.is_empty() && !text.is_empty() {
            source.problem("SMS_ROUTES routes nothing");
        }
        routes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Self(routes)
    }

    /// All providers that any route names.
    pub fn used(&self) -> Vec<Name> {
        let mut names: Vec<Name> = self
            .0
            .iter()
            .flat_map(|(_, names)| names.iter().copied())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The providers for a number: those of the longest matching prefix; none if no route matches.
    pub fn find(&self, number: &E164) -> &[Name] {
        let route = self
            .0
            .iter()
            .find(|(prefix, _)| number.digits().starts_with(prefix.as_str()));
        route.map_or(&[], |(_, names)| names)
    }
}

/// `SMS_FROM`: the sender for each provider. It takes precedence over the sender that a request
/// asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Senders(Vec<(Name, String)>);

impl Senders {
    /// Reads `SMS_FROM` (`twilio:+15005550006,vonage:ACME`).
    pub fn read(source: &mut Source<'_>) -> Self {
        let mut senders = Vec::new();
        for entry in source.list("SMS_FROM") {
            let parsed = entry.split_once(':').and_then(|(name, from)| {
                let name = Name::texting(name.trim())?;
                is_sender(from.trim()).then(|| (name, from.trim().to_owned()))
            });
            match parsed {
                Some((name, _)) if senders.iter().any(|(other, _)| *other == name) => {
                    source.problem(format!("SMS_FROM names {name} twice"));
                }
                // Twilio takes no name of digits only. Other providers write numbers without plus.
                Some((Name::Twilio, from)) if lacks_plus(&from) => source.problem(format!(
                    "SMS_FROM: {entry} is neither a short code (3 to 6 digits) nor a number with plus sign and country code, such as twilio:+15005550006"
                )),
                Some(sender) => senders.push(sender),
                None => source
                    .problem(format!("SMS_FROM: {entry} is not provider:sender, such as twilio:+15005550006 or vonage:ACME")),
            }
        }
        Self(senders)
    }

    /// The sender to use with this provider.
    pub fn find(&self, name: Name) -> Option<&str> {
        self.0
            .iter()
            .find(|(other, _)| *other == name)
            .map(|(_, from)| from.as_str())
    }
}

/// The providers of texts, for a person.
fn texting() -> String {
    let words: Vec<_> = Name::of(Channel::Sms).map(Name::word).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::config::read;

    fn routes(text: &str) -> Result<Routes, Vec<String>> {
        let lookup = |name: &str| (name == "SMS_ROUTES").then(|| text.to_owned());
        read(&lookup, Routes::read).map_err(|problems| problems.0)
    }

    #[test]
    fn the_longest_prefix_wins() {
        let routes =
            routes("+57=plivo,clickatell; +1=twilio;+1876 = vonage;*=vonage,twilio;").unwrap();
        for (number, expected) in [
            ("+573001234567", &[Name::Plivo, Name::Clickatell][..]),
            ("+12025550123", &[Name::Twilio]),
            ("+18765550123", &[Name::Vonage]),
            ("+4512345678", &[Name::Vonage, Name::Twilio]),
        ] {
            assert_eq!(routes.find(&number.parse().unwrap()), expected, "{number}");
        }
        assert_eq!(
            routes.used(),
            [Name::Twilio, Name::Clickatell, Name::Plivo, Name::Vonage]
        );
    }

    #[test]
    fn without_a_default_some_numbers_have_no_route() {
        assert_eq!(
            routes("+1=twilio")
                .unwrap()
                .find(&"+4512345678".parse().unwrap()),
            []
        );
    }

    #[test]
    fn every_mistake_is_listed() {
        let all = texting();
        assert!(
            all.starts_with("twilio, clickatell, plivo, vonage"),
            "{all}"
        );
        assert_eq!(
            routes("+57=plivo,plivo;twilio;57=twilio;+57=sms77,;*=log;+0=twilio").unwrap_err(),
            [
                "SMS_ROUTES: +57 names plivo twice",
                "SMS_ROUTES: twilio is not prefix=provider,provider",
                "SMS_ROUTES: 57 is neither * nor a prefix such as +57",
                "SMS_ROUTES: +57 is routed twice",
                &format!("SMS_ROUTES: +57 names sms77, which is none of {all}"),
                &format!("SMS_ROUTES: +57 names nothing, which is none of {all}"),
                "SMS_ROUTES: log sends nothing; set ALLOW_LOG_PROVIDER=true if that is meant",
                "SMS_ROUTES: +0 is neither * nor a prefix such as +57",
            ]
        );
        assert_eq!(routes(" ").unwrap_err(), ["SMS_ROUTES is missing"]);
    }

    fn read_from(text: &str) -> Result<Senders, Vec<String>> {
        let lookup = |name: &str| (name == "SMS_FROM").then(|| text.to_owned());
        read(&lookup, Senders::read).map_err(|problems| problems.0)
    }

    #[test]
    fn a_number_of_twilio_needs_its_plus() {
        let digits = "5005550006";
        let told = read_from(&format!("twilio:{digits}")).unwrap_err();
        assert_eq!(
            told,
            [
                "SMS_FROM: twilio:5005550006 is neither a short code (3 to 6 digits) nor a number with plus sign and country code, such as twilio:+15005550006"
            ]
        );
        for name in Name::of(Channel::Sms).filter(|name| *name != Name::Twilio) {
            let senders = read_from(&format!("{name}:{digits}")).unwrap();
            assert_eq!(senders.find(name), Some(digits));
        }
        let documented = ["+15005550006", "12345", "ACME", "2 Go", "4Acme"];
        let service = "MG0123456789abcdef0123456789abcdef";
        for from in documented.into_iter().chain([service]) {
            let senders = read_from(&format!("twilio:{from}")).unwrap();
            assert_eq!(senders.find(Name::Twilio), Some(from));
        }
    }

    #[test]
    fn senders() {
        let good = read_from("twilio:+15005550006, vonage:ACME").unwrap();
        assert_eq!(
            (
                good.find(Name::Twilio),
                good.find(Name::Vonage),
                good.find(Name::Plivo)
            ),
            (Some("+15005550006"), Some("ACME"), None)
        );
        assert_eq!(
            read_from("acme,plivo:,sms77:ACME,vonage:TOO LONG A NAME")
                .unwrap_err()
                .len(),
            4
        );
    }
}
