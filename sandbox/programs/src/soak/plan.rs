//! What happens in a round: a pure function of the seed.

use std::time::Duration;

use fastrand::Rng;
use sandbox::{receipts::Fate, wire::Fault};

/// The functions that take part.
pub(super) const FUNCTIONS: [&str; 10] = [
    "send-verification-sms",
    "receive-confirmation-sms",
    "sms-gateway",
    "delivery-status",
    "provision-numbers",
    "sms-forward",
    "call-forward",
    "ivr-validate",
    "api-call",
    "secure-api",
];
/// The servers that break.
const SERVERS: [&str; 8] = [
    "Twilio",
    "Plivo",
    "Vonage",
    "Clickatell",
    "Auth0",
    "Okta",
    "DynamoDB",
    "Secrets Manager",
];
/// The providers whose receipts go wrong.
const PROVIDERS: [&str; 4] = ["Twilio", "Plivo", "Vonage", "Clickatell"];

/// One thing that happens.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A person signs up. The mail comes so many times at once, and so many YES come back at once.
    SignUp {
        phone: String,
        mails: usize,
        replies: usize,
    },
    /// A person wants a code, and the request comes so many times at once.
    Code {
        phone: String,
        code: String,
        requests: usize,
    },
    /// An employee is hired, and Okta tells so many times at once.
    Hire { name: String, tells: usize },
    /// The schedule of `provision-numbers` runs.
    Provision,
    /// A customer texts the company number.
    Forward { from: String, body: String },
    /// A customer calls the company number.
    Call { from: String },
    /// Another flow of Twilio asks for an account.
    Account { asked: usize },
    /// A caller of the phone menu keys a right or a wrong PIN.
    Menu { from: String, pin: &'static str },
    /// A server breaks for the next requests.
    Break {
        server: &'static str,
        fault: Fault,
        times: usize,
    },
    /// The next receipts of a provider go wrong.
    Receipts { provider: &'static str, fate: Fate },
    /// A process of a function is killed.
    Kill { function: &'static str },
}

impl Step {
    /// Whether something goes wrong.
    pub(super) fn is_trouble(&self) -> bool {
        matches!(
            self,
            Self::Break { .. } | Self::Receipts { .. } | Self::Kill { .. }
        )
    }
}

/// Whether nothing goes wrong in the round with this seed. Then everybody gets what he asks for.
pub(super) fn is_calm(seed: u64) -> bool {
    seed % 4 == 3
}

/// The steps of a round.
pub(super) fn steps(seed: u64, count: usize) -> Vec<Step> {
    let mut random = Rng::with_seed(seed);
    let steps = (0..count).map(|at| step(&mut random, at));
    let fits = |step: &Step| !(is_calm(seed) && step.is_trouble());
    steps.filter(fits).collect()
}

fn step(random: &mut Rng, at: usize) -> Step {
    let copies = |random: &mut Rng| if random.u8(..4) == 0 { 3 } else { 1 };
    // Each person has a number of their own: a range is not pumped.
    let place = at % 90 + 10;
    match random.u8(..100) {
        0..22 => Step::SignUp {
            phone: format!("+4520{place}{:04}", random.u16(1_000..9_999)),
            mails: copies(random),
            // Some people never answer.
            replies: if random.u8(..5) == 0 {
                0
            } else {
                copies(random)
            },
        },
        22..48 => Step::Code {
            phone: if random.bool() {
                format!("+57300{place}{:05}", random.u32(10_000..99_999))
            } else {
                format!("+4530{place}{:04}", random.u16(1_000..9_999))
            },
            code: format!("{:06}", random.u32(..1_000_000)),
            requests: copies(random),
        },
        48..54 => Step::Hire {
            name: format!("Employee{at}"),
            tells: copies(random),
        },
        54..58 => Step::Provision,
        58..66 => Step::Forward {
            from: format!("+4540{place}{:04}", random.u16(1_000..9_999)),
            body: format!("Message {at} of the customer"),
        },
        66..70 => Step::Menu {
            from: format!("+4550{place}{:04}", random.u16(1_000..9_999)),
            pin: if random.bool() { "2718" } else { "0000" },
        },
        70..73 => Step::Call {
            from: format!("+4560{place}{:04}", random.u16(1_000..9_999)),
        },
        73..75 => Step::Account { asked: at },
        75..89 => {
            let server = SERVERS[random.usize(..SERVERS.len())];
            Step::Break {
                server,
                fault: match fault(random) {
                    // The record of Twilio's answers tells only whether one arrived.
                    Fault::Truncate | Fault::Garbage if server == "Twilio" => Fault::ResetAfter,
                    other => other,
                },
                times: random.usize(1..4),
            }
        }
        89..94 => Step::Receipts {
            provider: PROVIDERS[random.usize(..PROVIDERS.len())],
            fate: fate(random),
        },
        _ => Step::Kill {
            function: FUNCTIONS[random.usize(..FUNCTIONS.len())],
        },
    }
}

fn fault(random: &mut Rng) -> Fault {
    let answer = |status| Fault::Answer {
        status,
        headers: vec![],
        body: String::new(),
    };
    match random.u8(..9) {
        0 => answer(500),
        1 => answer(503),
        2 => answer(429),
        3 => Fault::Delay(Duration::from_millis(random.u64(50..2_500))),
        4 => Fault::ResetBefore,
        5 | 6 => Fault::ResetAfter,
        7 => Fault::Truncate,
        _ => Fault::Garbage,
    }
}

fn fate(random: &mut Rng) -> Fate {
    match random.u8(..6) {
        0 => Fate::failed(30_003),
        1 => Fate::expired(),
        2 => Fate::never(),
        3 => Fate::delivered().twice(),
        4 => Fate::delivered().out_of_order(),
        _ => Fate::delivered().forged(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_plan() {
        let written = |seed| format!("{:?}", steps(seed, 200));
        assert_eq!(written(7), written(7));
        assert_ne!(written(7), written(8));
    }

    #[test]
    fn every_fourth_round_is_calm_and_the_others_are_not() {
        for seed in 0..8 {
            let troubles = steps(seed, 200)
                .iter()
                .filter(|step| step.is_trouble())
                .count();
            assert_eq!(troubles == 0, seed % 4 == 3, "{seed}");
        }
    }
}
