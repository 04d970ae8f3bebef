//! Fills sentences with the values of the API's answer, so that a voice reads them as what they are:
//! amounts with the language's decimal separator, days as dates, account numbers digit by digit.

use serde_json::Value;
use shared::rules::account::AccountNumber;
use shared::vendors::twilio::twiml::{ReadAs, Utterance};
use words::Message;

use crate::languages::Speaker;

/// Stands for a value while a message is written. It is a private character of Unicode, which no
/// person's text has; it is removed from all values.
const HOLD: char = '\u{e000}';

/// The values of the API's answer.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) found: &'a Value,
    /// What stands before the decimals of a number.
    pub(super) decimal: &'a str,
    /// The caller's account number.
    pub(super) account: Option<&'a AccountNumber>,
}

impl Values<'_> {
    /// A message of the catalogue. `places`: for each variable, the place of its value. `None` if a
    /// value is missing.
    pub(super) fn message(
        self,
        speaker: &Speaker,
        message: &Message,
        places: &[(&str, &str)],
    ) -> Option<Utterance> {
        let found = places.iter().map(|(_, place)| self.at(place));
        let found: Vec<String> = found.collect::<Option<_>>()?;
        // Each value is held by its own number of characters, so that a language may use the values
        // in any order.
        let holds = (1..).map(|nth| HOLD.to_string().repeat(nth) + ".");
        let held: Vec<_> = places.iter().zip(holds).collect();
        let values: Vec<(&str, words::Value<'_>)> = held
            .iter()
            .map(|((name, _), hold)| (*name, hold.as_str().into()))
            .collect();
        let text = speaker.with(message, &values);
        let mut told = Utterance::default();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once(HOLD) {
            told = told.text(before);
            let more = after.chars().take_while(|c| *c == HOLD).count();
            let after = after.trim_start_matches(HOLD);
            rest = after.strip_prefix('.').unwrap_or(after);
            told = match found.get(more) {
                Some(value) => self.add(told, value),
                None => told,
            };
        }
        Some(told.text(rest))
    }

    /// Fills the braces of a sentence (`{balance.amount}`, `{payments.0.date}`). `None` if a value
    /// is missing. Braces in a filled-in value stay as they are.
    pub(super) fn fill(self, say: &str) -> Option<Utterance> {
        let mut told = Utterance::default();
        let mut rest = say;
        while let Some((before, after)) = rest.split_once('{') {
            let (place, after) = after.split_once('}')?;
            told = self.add(told.text(before), &self.at(place)?);
            rest = after;
        }
        Some(told.text(rest))
    }

    /// The value at a place: names, and positions in lists from 0, with dots. `None` if there is no
    /// text or number.
    fn at(self, place: &str) -> Option<String> {
        let mut steps = place.split('.');
        let value = steps.try_fold(self.found, |value, step| match value {
            Value::Array(list) => list.get(step.parse::<usize>().ok()?),
            value => value.get(step),
        });
        match value? {
            Value::String(text) => Some(text.replace(HOLD, "")),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn add(self, told: Utterance, value: &str) -> Utterance {
        if is_day(value) {
            told.value(value, ReadAs::Date)
        } else if self
            .account
            .is_some_and(|account| account.as_str() == value)
        {
            told.value(value, ReadAs::Digits)
        } else if is_decimal(value) {
            told.text(value.replace('.', self.decimal))
        } else {
            told.text(value)
        }
    }
}

/// True for a day such as `2026-11-02`.
fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else {
        return false;
    };
    let number = |text: &str, length| {
        let fits = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| fits)
    };
    number(year, 4).is_some()
        && number(month, 2).is_some_and(|month| (1..=12).contains(&month))
        && number(day, 2).is_some_and(|day| (1..=31).contains(&day))
}

/// True for an amount such as `-12.50`.
fn is_decimal(text: &str) -> bool {
    let are_digits =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    text.split_once('.')
        .is_some_and(|(whole, decimals)| are_digits(whole) && are_digits(decimals))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn values<'a>(found: &'a Value, account: Option<&'a AccountNumber>) -> Values<'a> {
        Values {
            found,
            decimal: ",",
            account,
        }
    }

    #[test]
    fn a_sentence_is_filled_once() {
        let found = json!({"balance": {"amount": "-12.50", "currency": "EUR"}, "payments": [{"amount": 3, "date": "{balance.amount}"}]});
        for (say, told) in [
            (
                "It is {balance.amount} {balance.currency}.",
                Some("It is -12,50 EUR."),
            ),
            (
                "{payments.0.amount} on {payments.0.date}",
                Some("3 on {balance.amount}"),
            ),
            ("nothing to fill", Some("nothing to fill")),
            ("{payments.1.amount}", None),
            ("{balance}", None),
            ("{nothing.there}", None),
            ("{balance.amount", None),
        ] {
            let filled = values(&found, None).fill(say);
            assert_eq!(
                filled.map(|filled| filled.to_string()).as_deref(),
                told,
                "{say}"
            );
        }
    }

    #[test]
    fn values_are_read_as_what_they_are() {
        let account = "0010042".parse().unwrap();
        let found = json!({"day": "2026-11-02", "account": "0010042", "other": "0010043", "release": "1.2.3", "hold": "a\u{e000}b"});
        let told = values(&found, Some(&account)).fill("{day} {account} {other} {release} {hold}");
        let expected = Utterance::default()
            .text("")
            .value("2026-11-02", ReadAs::Date)
            .text(" ")
            .value("0010042", ReadAs::Digits)
            .text(" ")
            .text("0010043")
            .text(" ")
            .text("1.2.3")
            .text(" ")
            .text("ab")
            .text("");
        assert_eq!(told, Some(expected));
        for text in [
            "2026-13-02",
            "2026-1-02",
            "26-11-02",
            "2026-11-02-",
            "2026-11-32",
            "x",
        ] {
            assert!(!is_day(text), "{text}");
        }
    }

    #[test]
    fn a_message_of_the_catalogue_has_its_values() {
        let speaker = Speaker::of(words::Language::ENGLISH);
        let found = json!({"amount": "12.50", "currency": "E\u{e000}UR", "date": "2026-11-02"});
        let places = [
            ("amount", "amount"),
            ("currency", "currency"),
            ("date", "date"),
        ];
        let told = |places: &[(&str, &str)]| {
            values(&found, None).message(&speaker, &words::LAST_PAYMENT, places)
        };
        let expected = Utterance::default()
            .text("Your last payment was ")
            .text("12,50")
            .text(" ")
            .text("EUR")
            .text(" on ")
            .value("2026-11-02", ReadAs::Date)
            .text(".");
        assert_eq!(told(&places), Some(expected));
        let missing = [places[0], places[1], ("date", "nothing.there")];
        assert_eq!(told(&missing), None);
    }

    #[test]
    fn only_an_amount_with_decimals_has_a_separator() {
        for text in ["12.50", "-12.50", "0.5"] {
            assert!(is_decimal(text), "{text}");
        }
        for text in [
            "12", "-", ".", ".5", "5.", "-.5", "1.2.3", "1,5", "--1.5", "+1.5", "1.-5", "x.5",
            "5.x",
        ] {
            assert!(!is_decimal(text), "{text}");
        }
    }

    #[test]
    fn a_day_has_a_year_a_month_and_a_day() {
        for text in ["2026-01-01", "2026-12-31", "0000-01-01"] {
            assert!(is_day(text), "{text}");
        }
        for text in [
            "2026-00-01",
            "2026-01-00",
            "+026-01-01",
            "2026-+1-01",
            "2026-01-+1",
            "2026-01-1",
            "2026-01",
            "",
        ] {
            assert!(!is_day(text), "{text}");
        }
    }
}
