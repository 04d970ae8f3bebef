//! The values that a flow posts, and whether they are of now.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::SystemTime;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use shared::platform::time::epoch;
use shared::vendors::twilio::webhook::Form;

/// A signed request is valid for this many seconds: from its `time`, or from its first use.
pub(crate) const FRESH: u64 = 5 * 60;
const VALUE_LIMIT: usize = 200;

/// The posted values by name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Posted(HashMap<String, String>);

impl Posted {
    /// Reads a form or a JSON object. `None` if it cannot be read, or a name occurs twice.
    pub(crate) fn read(media_type: &str, body: &[u8]) -> Option<Self> {
        if media_type == "application/json" {
            return serde_json::from_slice(body)
                .ok()
                .map(|Object(values)| Self(values));
        }
        let form = Form::parse(body).filter(|form| !form.repeats())?;
        Some(Self(form.into_pairs().into_iter().collect()))
    }

    /// A value for the path; `None` without one, and if it is too long.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| value.len() <= VALUE_LIMIT)
    }

    /// Whether the values say when they were posted.
    pub(crate) fn have_time(&self) -> bool {
        self.0.contains_key("time")
    }

    /// Whether signed values are of another time, or may once have had one.
    pub(crate) fn are_stale(&self, now: SystemTime) -> bool {
        match self.0.get("time") {
            Some(time) => !is_fresh(time, now),
            None => hides_time(&self.0),
        }
    }
}

/// True if a time, in seconds since 1970, is now, as exactly as clocks and networks are.
fn is_fresh(time: &str, now: SystemTime) -> bool {
    let seconds: Option<u64> = time
        .parse()
        .ok()
        .filter(|_| time.bytes().all(|byte| byte.is_ascii_digit()));
    seconds.is_some_and(|seconds| seconds.abs_diff(epoch(now)) <= FRESH)
}

/// True if this form may be another form that contained a time. Twilio's signature has no
/// separators between names and values, so it also matches if `time` is moved into the value before
/// it.
fn hides_time(values: &HashMap<String, String>) -> bool {
    let mut pairs: Vec<_> = values.iter().collect();
    pairs.sort_unstable();
    let signed: String = pairs
        .into_iter()
        .flat_map(|(name, value)| [name.as_str(), value])
        .collect();
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    signed
        .match_indices("time")
        .any(|(at, time)| digits(&signed[at + time.len()..]) >= 10)
}

/// The texts and numbers of a JSON object, numbers as they were written. Repeated names are an
/// error: a plain map would keep the last.
struct Object(HashMap<String, String>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members).map(Self)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = HashMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let (mut names, mut values) = (HashSet::new(), HashMap::new());
        while let Some((name, value)) = members.next_entry::<String, &RawValue>()? {
            if !names.insert(name.clone()) {
                return Err(A::Error::custom("a name came twice"));
            }
            let text = match value.get().as_bytes() {
                [b'"', ..] => Some(serde_json::from_str(value.get()).map_err(A::Error::custom)?),
                [b'-' | b'0'..=b'9', ..] => Some(value.get().to_owned()),
                _ => None,
            };
            values.extend(text.map(|text| (name, text)));
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const FORM: &str = "application/x-www-form-urlencoded";
    const JSON: &str = "application/json";

    fn json(body: &str) -> Option<Vec<(String, String)>> {
        let Posted(values) = Posted::read(JSON, body.as_bytes())?;
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_unstable();
        Some(values)
    }

    fn form(body: &str) -> Posted {
        Posted::read(FORM, body.as_bytes()).unwrap()
    }

    #[test]
    fn texts_and_numbers_of_an_object_are_values_as_they_were_written() {
        let pairs = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            let pairs = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            Some(pairs.collect::<Vec<_>>())
        };
        assert_eq!(
            json(r#"{"a":"x","b":"\u0041\"","c":0,"d":9,"e":-1.50,"f":1e400}"#),
            pairs(&[
                ("a", "x"),
                ("b", "A\""),
                ("c", "0"),
                ("d", "9"),
                ("e", "-1.50"),
                ("f", "1e400"),
            ])
        );
        assert_eq!(
            json(r#"{"a":null,"b":true,"c":{},"d":[1],"e":"x"}"#),
            pairs(&[("e", "x")])
        );
        assert_eq!(json("{}"), pairs(&[]));
    }

    #[test]
    fn what_is_no_object_or_repeats_a_name_is_not_read() {
        for body in [
            "",
            "[]",
            "1",
            r#""a""#,
            r#"{"a":"x""#,
            r#"{"a":"x","a":"y"}"#,
            // A value that does not count repeats its name all the same.
            r#"{"a":null,"a":"y"}"#,
            "a=x",
        ] {
            assert_eq!(json(body), None, "{body}");
        }
        let why = serde_json::from_str::<Object>("[]").err().unwrap();
        assert!(why.to_string().contains("expected an object"), "{why}");
        assert_eq!(Posted::read(FORM, b"a=x&a=y"), None);
        assert_eq!(form("a=x&b=y%20z").get("b"), Some("y z"));
        assert_eq!(form("a=x").get("b"), None);
    }

    #[test]
    fn a_value_has_at_most_200_bytes() {
        let longest = "x".repeat(200);
        assert_eq!(form(&format!("a={longest}")).get("a"), Some(&*longest));
        assert_eq!(form(&format!("a={longest}x")).get("a"), None);
    }

    #[test]
    fn signed_values_are_of_the_last_and_the_next_five_minutes() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
        for (time, stale) in [
            ("1795000000", false),
            ("1794999700", false),
            ("1795000300", false),
            ("1794999699", true),
            ("1795000301", true),
            ("+1795000000", true),
            ("1795000000.0", true),
            ("", true),
        ] {
            let values = Posted(HashMap::from([("time".to_owned(), time.to_owned())]));
            assert_eq!(values.are_stale(now), stale, "{time}");
            assert!(values.have_time());
        }
        assert!(!form("a=x").have_time());
        assert!(!form("a=x").are_stale(now));
    }

    #[test]
    fn a_time_that_was_moved_into_the_value_before_it_is_seen() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
        for (body, stale) in [
            // Signed as `account` = `1`, `time` = `1795000000`.
            ("account=1time1795000000", true),
            ("account1time=1795000000", true),
            ("accoun=t1time1795000000", true),
            // The signed text is sorted by name.
            ("b=1795000000&a=xtime", false),
            ("at=ime1795000000", true),
            ("ti=me&me=1795000000", false),
            ("a=xti&me=1795000000", true),
            // Fewer digits are no time of today, more could be one with a value after it.
            ("account=1time179500000", false),
            ("account=1time17950000001", true),
            ("account=timetime1795000000", true),
            ("account=time+1795000000", false),
            ("account=1795000000", false),
        ] {
            assert_eq!(form(body).are_stale(now), stale, "{body}");
        }
    }
}
