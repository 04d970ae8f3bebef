//! What the functions wrote: no line holds a number, a code, a ticket or a PIN.

use serde_json::Value;

use super::codes;
use crate::soak::{
    replies,
    world::{Asked, GUESSED_PIN, MOBILE, PIN, World},
};

/// The functions that get PINs.
const OF_PINS: [&str; 3] = ["ivr-validate", "api-call", "secure-api"];

/// No process ended by itself, none wrote of a panic, and none wrote a secret.
pub(super) fn judge(world: &World, asked: &Asked, broken: &mut Vec<String>) {
    for (name, lambda) in &world.functions {
        let kills = asked.kills.iter();
        let killed = kills.filter(|(function, _)| function == name).count();
        ends(
            name,
            lambda.exits().len(),
            killed,
            lambda.timeouts(),
            broken,
        );
        for line in lambda.log().into_iter().chain(lambda.errors()) {
            if let Some(what) = told(&line, asked, OF_PINS.contains(name)) {
                broken.push(format!("{name} wrote {what}: {line}"));
            }
        }
    }
}

/// A function answers before its time limit, whatever hangs: Lambda never has to end it. It ends only
/// if it is killed.
fn ends(name: &str, ended: usize, killed: usize, late: usize, broken: &mut Vec<String>) {
    if late > 0 {
        broken.push(format!("{name} was at work at its time limit {late} times"));
    }
    if ended > killed + late {
        broken.push(format!(
            "{name} ended {ended} times, and was killed {killed} times"
        ));
    }
}

/// What a line tells and must not. `gets_pins`: other functions write ids of messages, whose groups of
/// four digits may be a PIN by chance.
fn told(line: &str, asked: &Asked, gets_pins: bool) -> Option<String> {
    // The last digits of a number may be those of a PIN.
    let line = &without_masked(line);
    let parsed: Value = serde_json::from_str(line).unwrap_or_else(|_| line.as_str().into());
    let is_pin = |pin: &&str| gets_pins && codes::holds(&parsed, pin);
    let is_code = |code: &&codes::Code| codes::is_told(line, code);
    let mut tickets = replies::tickets(asked);
    if line.contains("panicked") {
        Some("of a panic".to_owned())
    } else if line.contains("code is") {
        Some("a text".to_owned())
    } else if tickets.any(|ticket| line.contains(ticket)) {
        Some("a ticket".to_owned())
    } else if let Some(code) = asked.codes.iter().find(is_code) {
        Some(format!("the code {}", code.digits))
    } else if let Some(pin) = [PIN, GUESSED_PIN].into_iter().find(is_pin) {
        Some(format!("the PIN {pin}"))
    } else {
        let mut phones = phones(asked);
        let phone = phones.find(|phone| line.contains(&phone[3..]));
        phone.map(str::to_owned)
    }
}

/// The line without the digits that masked numbers show.
fn without_masked(line: &str) -> String {
    let mut parts = line.split("••••");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + "••••" + part.trim_start_matches(|c: char| c.is_ascii_digit())
    })
}

/// The numbers of all people of a round.
pub(in crate::soak) fn phones(asked: &Asked) -> impl Iterator<Item = &str> {
    let of_codes = asked.codes.iter().map(|code| &code.phone);
    let of_sign_ups = asked.sign_ups.iter().map(|sign_up| &sign_up.phone);
    let others = asked.strangers.iter().chain(&asked.insistent);
    let all = of_codes.chain(of_sign_ups).chain(others);
    all.map(String::as_str).chain([MOBILE])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_ends_only_if_it_is_killed_and_never_at_its_time_limit() {
        let noticed = |ended, killed, late| {
            let mut broken = vec![];
            ends("sms-gateway", ended, killed, late, &mut broken);
            broken
        };
        // A process that was killed as the round ended may not have ended yet.
        for (ended, killed) in [(0, 0), (2, 2), (1, 2)] {
            assert!(noticed(ended, killed, 0).is_empty());
        }
        assert_eq!(
            noticed(2, 1, 0),
            ["sms-gateway ended 2 times, and was killed 1 times"]
        );
        assert_eq!(
            noticed(2, 1, 1),
            ["sms-gateway was at work at its time limit 1 times"]
        );
        assert_eq!(noticed(3, 1, 1).len(), 2);
    }

    #[test]
    fn a_line_with_a_number_or_a_pin_is_noticed() {
        let asked = Asked {
            strangers: vec!["+4550123456".to_owned()],
            insistent: vec!["+4534123456".to_owned()],
            ..Asked::default()
        };
        let is_noticed = |said: &str| {
            let line = serde_json::json!({ "outcome": "told", "said": said }).to_string();
            told(&line, &asked, true).is_some()
        };
        for harmless in ["+45••••3456 took 1271845 ns", "+45••••2718"] {
            assert!(!is_noticed(harmless), "{harmless}");
        }
        assert!(is_noticed("+45••••2718 has the PIN 2718"));
        for secret in [
            "+4550123456",
            "4534123456",
            "21223344",
            "the PIN 2718",
            "1618",
            "panicked at",
            "Your code is 1",
        ] {
            assert!(is_noticed(secret), "{secret}");
        }
        assert!(told("PIN 2718", &asked, true).is_some());
        assert!(told(r#"{"sid":"a-2718-b"}"#, &asked, false).is_none());
    }
}
