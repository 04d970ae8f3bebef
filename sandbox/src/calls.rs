//! Calls that an account makes: the common part of the simulators.

use crate::twiml;

/// A call that a provider accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// The called number, E.164.
    pub to: String,
    /// The calling number, E.164, or the ARN of it.
    pub from: String,
    /// What is said, one text after the other.
    pub says: Vec<String>,
    /// The tag of the language, or the name of the voice.
    pub language: String,
    /// The provider's id.
    pub id: String,
    /// How long the phone rings, in seconds; 0 if the request does not say.
    pub rings: u64,
    /// The longest call, in seconds; 0 if the request does not say.
    pub longest: u64,
    /// The URL that hears of the call.
    pub receipt_url: Option<String>,
    /// The name of the code that an event hands back.
    pub reference: Option<String>,
}

/// The texts of a speech in SSML: those between its pauses. Only `<speak>` and `<break>` are
/// simulated.
pub(crate) fn spoken(ssml: &str) -> Result<Vec<String>, String> {
    let speak = twiml::parse(ssml).map_err(|error| error.detail)?;
    if speak.name != "speak" {
        return Err(format!("<{}> is not <speak>", speak.name));
    }
    let is_pause = |child: &twiml::Element| {
        let time = child.attribute("time").unwrap_or_default();
        let seconds = time.strip_suffix('s').and_then(|time| time.parse().ok());
        child.name == "break" && seconds.is_some_and(|seconds: u64| (1..=10).contains(&seconds))
    };
    if !speak.children.iter().all(is_pause) {
        return Err("an element that is no break of whole seconds".to_owned());
    }
    let inner = ssml.trim_start_matches("<speak>");
    let inner = inner.trim_end_matches("</speak>");
    let parts = inner
        .split("/>")
        .map(|part| part.split("<break").next().unwrap_or_default());
    let texts = parts.filter(|part| !part.trim().is_empty());
    let text = |part| twiml::parse(&format!("<speak>{part}</speak>"));
    let texts: Result<Vec<_>, _> = texts.map(text).collect();
    let texts = texts.map_err(|error| error.detail)?;
    if texts.is_empty() {
        return Err("no words".to_owned());
    }
    Ok(texts.into_iter().map(|part| part.text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_between_pauses() {
        let pause = "<break time=\"1s\"/>";
        let ssml = format!("<speak>{pause}a &lt; 1.{pause}{pause}b</speak>");
        assert_eq!(spoken(&ssml), Ok(vec!["a < 1.".to_owned(), "b".to_owned()]));
        for wrong in [
            "a",
            "<speak/>",
            "<speak><b>a</b></speak>",
            "<speak>a & b</speak>",
        ] {
            assert!(spoken(wrong).is_err(), "{wrong}");
        }
    }
}
