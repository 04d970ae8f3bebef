//! The providers that call people to read out a code, and what bounds these calls: a call costs more
//! than a text, and strangers earn money with calls to numbers of theirs.

use std::time::SystemTime;

use super::providers::Name;
use crate::platform::config::Source;
use crate::platform::table::Table;
use crate::rules::limits::{self, Budget, Counted, Reserve, Window};
use crate::rules::phone::{self, Countries, E164};
use crate::rules::voice::{Channel, is_language, languages};

/// The setting of the budget of all calls.
pub const OVERALL: &str = "VOICE_PER_HOUR";
/// A budget that is a part of it.
const PART: &str = "a part of VOICE_PER_HOUR";
/// The first part of the budgets' keys.
const WHAT: &str = "code-call";

/// The settings for calls.
pub struct Voice {
    order: Vec<Name>,
    senders: Vec<(Name, E164)>,
    countries: Countries,
    language: String,
    per_number: u64,
    overall: u64,
}

impl Voice {
    /// Reads `VOICE_PROVIDERS` and the other settings. `None`: nobody is called.
    pub fn read(source: &mut Source<'_>) -> Option<Self> {
        let order = order(source);
        let senders = senders(source);
        let per_number = source.number("VOICE_PER_NUMBER_PER_HOUR", 3, 1..=100);
        let overall = source.number("VOICE_PER_HOUR", 100, 1..=100_000);
        let language = source.text("VOICE_LANGUAGE", "en-US");
        if !is_language(&language) {
            let known: Vec<_> = languages().collect();
            source.problem(format!("VOICE_LANGUAGE is none of {}", known.join(", ")));
        }
        let our_number = senders.first().map(|(_, number)| number);
        let countries = phone::read_countries(source, "VOICE_COUNTRIES");
        let countries = countries.unwrap_or_else(|| phone::allowed_countries(source, our_number));
        if order.is_empty() {
            return None;
        }
        for name in order.iter().filter(|name| **name != Name::AwsVoice) {
            if !senders.iter().any(|(known, _)| known == name) {
                let word = name.setting();
                source.problem(format!(
                    "VOICE_FROM names no number for {word}, such as {word}:+15005550006"
                ));
            }
        }
        Some(Self {
            order,
            senders,
            countries,
            language,
            per_number,
            overall,
        })
    }

    /// Reads `FALLBACK_CHANNEL`. True if a code that did not arrive may go out by a call. `keeps`:
    /// its text is kept.
    pub fn is_fallback(voice: Option<&Self>, keeps: bool, source: &mut Source<'_>) -> bool {
        match source.optional("FALLBACK_CHANNEL").as_deref() {
            None => return false,
            Some("voice") => {}
            Some(_) => {
                source.problem("FALLBACK_CHANNEL is neither empty nor voice");
                return false;
            }
        }
        if voice.is_none() {
            source.problem(
                "FALLBACK_CHANNEL=voice needs VOICE_PROVIDERS: nobody could make the call",
            );
        }
        if !keeps {
            source.problem("FALLBACK_CHANNEL=voice needs KEEP_FOR_FAILOVER=true: without it no text is there to read out");
        }
        voice.is_some() && keeps
    }

    /// The providers, in the order to try them.
    pub fn order(&self) -> &[Name] {
        &self.order
    }

    /// Whether this number may be called.
    pub fn allows(&self, number: &E164) -> bool {
        number.is_allowed(&self.countries)
    }

    /// The number that calls through this provider.
    pub fn sender(&self, name: Name) -> Option<&str> {
        let known = self.senders.iter().find(|(known, _)| *known == name);
        known.map(|(_, number)| number.reveal())
    }

    /// The language for people of whom no other is known, as a tag.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// The budgets that a call counts against. `network`: a hash of where it was asked for.
    pub fn budgets(&self, number: &E164, network: Option<&str>) -> Vec<Budget> {
        let budget = |key: &str, max| Budget::new(WHAT, key, max, Window::Hour);
        let mut budgets = vec![
            budget(number.reveal(), self.per_number).set_by("VOICE_PER_NUMBER_PER_HOUR"),
            budget("all", self.overall).set_by(OVERALL),
        ];
        let range = Some(number.range());
        let countries = if self.countries.are_several() { 2 } else { 1 };
        for (what, key, part) in [
            ("range", range, 10),
            ("ip", network, 4),
            ("country", number.region(), countries),
        ] {
            // A part that is not larger than a number's budget would be the number's.
            let max = (self.overall / part).max(self.per_number);
            if let Some(key) = key.filter(|_| max < self.overall) {
                budgets.push(budget(&format!("{what}:{key}"), max).set_by(PART));
            }
        }
        budgets
    }

    /// Counts a call under this name.
    pub async fn count(
        &self,
        number: &E164,
        name: &str,
        table: &Table,
        now: SystemTime,
    ) -> Counted {
        let budgets = self.budgets(number, None).into_iter();
        let budgets: Vec<_> = budgets.map(|budget| budget.once_for(name)).collect();
        limits::take_all(&budgets, table, now, async |_| Ok(Reserve::Nothing)).await
    }
}

fn order(source: &mut Source<'_>) -> Vec<Name> {
    let mut order = Vec::new();
    for word in source.list("VOICE_PROVIDERS") {
        match Name::calling(&word) {
            Some(name) if order.contains(&name) => {
                source.problem(format!("VOICE_PROVIDERS names {word} twice"));
            }
            Some(name) => order.push(name),
            None => source.problem(format!(
                "VOICE_PROVIDERS names {word}, which is none of {}",
                calling()
            )),
        }
    }
    order
}

fn senders(source: &mut Source<'_>) -> Vec<(Name, E164)> {
    let mut senders = Vec::new();
    for entry in source.list("VOICE_FROM") {
        let parsed = entry.split_once(':').and_then(|(word, number)| {
            let number: E164 = number.trim().parse().ok()?;
            Some((Name::calling(word.trim())?, number))
        });
        match parsed {
            Some((name, _)) if senders.iter().any(|(known, _)| *known == name) => {
                source.problem(format!("VOICE_FROM names {} twice", name.setting()));
            }
            Some(sender) => senders.push(sender),
            None => source.problem(format!(
                "VOICE_FROM: {entry} is not provider:number, such as twilio:+15005550006"
            )),
        }
    }
    senders
}

/// The providers of calls, for a person.
fn calling() -> String {
    let words: Vec<_> = Name::of(Channel::Voice).map(Name::setting).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::config::read;

    fn settings(values: &[(&str, &str)]) -> Result<Option<Voice>, Vec<String>> {
        let lookup = |name: &str| {
            let value = values.iter().find(|(known, _)| *known == name);
            value.map(|(_, value)| (*value).to_owned())
        };
        read(&lookup, Voice::read).map_err(|problems| problems.0)
    }

    #[test]
    fn without_providers_nobody_is_called() {
        assert!(settings(&[("VOICE_PER_HOUR", "7")]).unwrap().is_none());
    }

    #[test]
    fn every_mistake_is_listed() {
        let problems = settings(&[
            ("VOICE_PROVIDERS", "twilio,twilio,plivo,vonage"),
            (
                "VOICE_FROM",
                "twilio:ACME,vonage:+15005550006,vonage:+15005550006",
            ),
            ("VOICE_LANGUAGE", "xx"),
        ]);
        let problems = problems.err().unwrap();
        assert_eq!(
            problems[..5],
            [
                "VOICE_PROVIDERS names twilio twice",
                "VOICE_PROVIDERS names plivo, which is none of twilio, vonage, aws",
                "VOICE_FROM: twilio:ACME is not provider:number, such as twilio:+15005550006",
                "VOICE_FROM names vonage twice",
                "VOICE_LANGUAGE is none of en-US, en-GB, da-DK, de-DE, es-ES, es-MX, fr-FR, fr-CA, it-IT, nl-NL, pl-PL, pt-BR, pt-PT, sv-SE",
            ]
        );
        assert_eq!(
            problems[5],
            "VOICE_FROM names no number for twilio, such as twilio:+15005550006"
        );
    }

    #[test]
    fn calls_may_go_to_fewer_countries_than_texts() {
        let voice = settings(&[
            ("VOICE_PROVIDERS", "aws,twilio"),
            ("VOICE_FROM", "twilio:+15005550006"),
            ("ALLOWED_COUNTRIES", "DK,SE,US"),
            ("VOICE_COUNTRIES", "DK"),
        ]);
        let voice = voice.unwrap().unwrap();
        let allows = |number: &str| voice.allows(&number.parse().unwrap());
        assert!(allows("+4520304050") && !allows("+46701234567"));
        // A premium number, in an allowed country.
        assert!(!allows("+4590123456"));
        assert_eq!(voice.order(), [Name::AwsVoice, Name::TwilioVoice]);
        assert_eq!(voice.sender(Name::TwilioVoice), Some("+15005550006"));
    }
}
