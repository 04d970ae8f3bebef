//! What must be true of each code: of its texts, of its calls, and of what the table knew before.

use sandbox::Sandbox;
use serde_json::Value;

use super::journal::{Journal, Write, seconds};
pub(super) use crate::soak::codes::Code;
use crate::soak::{
    codes::{Stayed, TIMEOUT},
    plan::Channel,
};

/// A code with less of its life is not sent again, in seconds.
const SHORTEST_LIFE: u64 = 5;
/// After these states, of any provider, nothing is sent.
const ENDS: [&str; 2] = ["delivered", "opted_out"];

/// A text or a call that a provider took.
#[derive(Clone, Debug)]
pub(super) struct Made {
    /// The provider's word in the table.
    pub(super) provider: String,
    pub(super) channel: Channel,
    pub(super) to: String,
    /// What is written or said.
    pub(super) words: Vec<String>,
    /// The code's name.
    pub(super) reference: Option<String>,
    /// How long the phone rings, and the longest call, in seconds.
    pub(super) seconds: (u64, u64),
}

impl Made {
    /// All texts and calls of a round.
    pub(super) fn all(sandbox: &Sandbox) -> Vec<Self> {
        let of_url = |url: &Option<String>| {
            // The fragment tells Twilio when to try again.
            let path = url.as_ref()?.split('#').next()?;
            let last = path.rsplit('/').next()?;
            last.starts_with("code-").then(|| last.to_owned())
        };
        let text = |provider: &str, to, body, reference| Self {
            provider: provider.to_owned(),
            channel: Channel::Text,
            to,
            words: vec![body],
            reference,
            seconds: (0, 0),
        };
        let mut all = vec![];
        for sent in sandbox.twilio.messages() {
            let reference = of_url(&sent.receipt_url);
            all.push(text("twilio", sent.to, sent.body, reference));
        }
        for provider in sandbox.providers() {
            let name = provider.name.to_ascii_lowercase();
            for sent in provider.messages {
                let reference = sent.reference.or_else(|| of_url(&sent.receipt_url));
                all.push(text(&name, sent.to, sent.text, reference));
            }
        }
        for (provider, calls) in [
            ("twilio_voice", sandbox.twilio.made_calls()),
            ("vonage_voice", sandbox.vonage.made_calls()),
        ] {
            all.extend(calls.into_iter().map(|call| Self {
                provider: provider.to_owned(),
                channel: Channel::Call,
                reference: of_url(&call.receipt_url),
                to: call.to,
                words: call.says,
                seconds: (call.rings, call.longest),
            }));
        }
        all
    }

    /// Whether these digits are written or said.
    pub(super) fn carries(&self, digits: &str) -> bool {
        let holds = |words: &String| match self.channel {
            Channel::Text => words.contains(digits),
            Channel::Call => words.contains(&spelt(digits)),
        };
        self.words.iter().any(holds)
    }

    /// Whether it carries this code.
    fn is_of(&self, code: &Code) -> bool {
        self.to == code.phone && self.carries(&code.digits)
    }
}

/// Digits as a call says them.
fn spelt(digits: &str) -> String {
    let digits: Vec<_> = digits.chars().map(String::from).collect();
    digits.join(". ")
}

/// What is not true of a code, and whether it may stay where it is because it could not be kept.
pub(super) fn broken(code: &Code, all: &[Made], journal: &Journal) -> (Vec<String>, bool) {
    let mine: Vec<_> = all.iter().filter(|made| made.is_of(code)).collect();
    let reference = mine.iter().find_map(|made| made.reference.as_deref());
    let reference = reference.unwrap_or_default();
    let entry = journal.entry(reference);
    let mut broken = vec![];
    channels(code, &mine, &mut broken);
    attempts(&mine, entry, &mut broken);
    for made in &mine {
        claim(made, reference, journal, &mut broken);
        states(made, entry, &mut broken);
    }
    let is_there = |made: &&Made| {
        entry
            .iter()
            .any(|write| write.receipt(&made.provider) == Some("delivered"))
    };
    let stays = code.must_arrive && !mine.is_empty() && !mine.iter().any(is_there);
    let is_excused = stays && !code.failing.is_empty() && !journal.can_go_on(reference);
    if stays && !is_excused {
        broken.push(format!(
            "did not arrive, after {} failed",
            code.failing.len()
        ));
    }
    if mine.is_empty() && code.is_due {
        broken.push("never went out, and nothing was broken".to_owned());
    }
    if code.is_refused && !mine.is_empty() {
        broken.push("went out after its caller was told that it did not".to_owned());
    }
    let about = |what| format!("the code {} for {}: {what}", code.digits, code.phone);
    (broken.into_iter().map(about).collect(), is_excused)
}

/// A code by phone is never written. There is one call for a code, which reads it out twice.
fn channels(code: &Code, mine: &[&Made], broken: &mut Vec<String>) {
    let calls: Vec<_> = mine
        .iter()
        .filter(|made| made.channel == Channel::Call)
        .collect();
    if code.by == Channel::Call && mine.len() > calls.len() {
        broken.push("was asked for by phone, and was written".to_owned());
    }
    if calls.len() > 1 {
        broken.push(format!("was read out in {} calls", calls.len()));
    }
    for call in calls {
        let is_twice = matches!(&call.words[..], [first, second] if first == second);
        if !is_twice || call.seconds != (20, 90) {
            let (words, seconds) = (call.words.len(), call.seconds);
            broken.push(format!(
                "was read out {words} times in a call of {seconds:?}"
            ));
        }
    }
}

/// The gateway sends a code once, and failover once through each provider that it has claimed.
fn attempts(mine: &[&Made], entry: &[Write], broken: &mut Vec<String>) {
    let is_claimed = |made: &&&Made| {
        let mut claims = entry.iter().filter_map(|write| write.claims.as_ref());
        claims.any(|claimed| *claimed == made.provider)
    };
    for (at, made) in mine.iter().enumerate() {
        if mine[..at]
            .iter()
            .any(|other| other.provider == made.provider)
        {
            broken.push(format!("went out through {} twice", made.provider));
        }
    }
    let unclaimed = mine.iter().filter(|made| !is_claimed(made)).count();
    if unclaimed > 1 {
        broken.push(format!(
            "went out {unclaimed} times without a claim of failover"
        ));
    }
}

/// No attempt is made after the table knew, when it was claimed, that it must not be; and none without
/// a reason.
fn claim(made: &Made, reference: &str, journal: &Journal, broken: &mut Vec<String>) {
    let entry = journal.entry(reference);
    let claims = || entry.iter().filter(|write| write.claims.is_some());
    let of_provider = claims().filter(|write| write.claims.as_ref() == Some(&made.provider));
    // A claim that was given back had no attempt.
    let Some(claim) = of_provider.max_by_key(|write| write.begun) else {
        return;
    };
    let through = |what: &str| format!("went out through {} after {what}", made.provider);
    for (provider, state) in claim.receipts() {
        let is_landline = state == "landline" && made.channel == Channel::Text;
        if ENDS.contains(&state) || is_landline {
            broken.push(through(&format!("{provider} had reported {state}")));
        }
    }
    if !claim.item["used_at"].is_null() {
        broken.push(through("it was used"));
    }
    if journal.knew_newer(reference, claim) {
        broken.push(through("a newer code"));
    }
    let now = claim.seconds("tried_at");
    if now + SHORTEST_LIFE > claim.seconds("kept_until") {
        broken.push(through("its life"));
    }
    let earlier = claims().filter(|write| write.begun < claim.begun);
    let earlier = earlier.map(|write| write.seconds("tried_at"));
    let begun = earlier
        .chain([claim.seconds("sent_at")])
        .max()
        .unwrap_or_default();
    let has_failed = claim
        .text("provider")
        .is_some_and(|before| claim.receipt(before).is_some());
    if !has_failed && begun + TIMEOUT.as_secs() > now {
        broken.push(through("nothing: its receipt was still awaited"));
    }
}

/// The first final state of a provider stays.
fn states(made: &Made, entry: &[Write], broken: &mut Vec<String>) {
    let mut states: Vec<_> = entry
        .iter()
        .filter_map(|write| write.receipt(&made.provider))
        .collect();
    states.sort_unstable();
    states.dedup();
    if states.len() > 1 {
        broken.push(format!("is {} of {}", states.join(" and "), made.provider));
    }
}

/// A kept text that stays until its life ends has a reason. `items`: the table.
pub(super) fn has_reason(stayed: &Stayed, items: &[Value]) -> bool {
    let name = stayed.item["sk"]["S"].as_str().unwrap_or_default();
    let reference = name.split_once('#').map_or("", |(_, reference)| reference);
    let pk = format!("sent#{}", reference.replacen('-', "#", 1));
    let Some(entry) = items.iter().find(|item| item["pk"]["S"] == pk.as_str()) else {
        return true;
    };
    let provider = entry["provider"]["S"].as_str().unwrap_or_default();
    let is_awaited = seconds(entry, "tried_at").max(seconds(entry, "sent_at")) + TIMEOUT.as_secs()
        > stayed.run_at
        && entry["receipts"]["M"][provider].is_null();
    // The gateway did not store the send, or an attempt has an unknown outcome.
    entry["stage"]["S"] != "sent" || !entry["trying"].is_null() || is_awaited
}

/// What shows that a kept text can be read.
pub(super) fn is_readable(item: &Value, code: &Code) -> bool {
    let written = item.to_string();
    written.contains(&code.phone[3..])
        || written.contains(&code.digits)
        || written.contains("code is")
        || written.contains("sign in is")
}

/// Whether a log line has the code, written or spelt.
pub(super) fn is_told(line: &str, code: &Code) -> bool {
    let parsed = serde_json::from_str(line).unwrap_or_default();
    holds(&parsed, &code.digits) || line.contains(&spelt(&code.digits))
}

/// Whether a text of the line has this code as a word. Times and ids hold such digits by chance.
pub(super) fn holds(line: &Value, code: &str) -> bool {
    match line {
        Value::String(text) => text
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| word == code),
        Value::Array(values) => values.iter().any(|value| holds(value, code)),
        Value::Object(fields) => fields.values().any(|value| holds(value, code)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests;
