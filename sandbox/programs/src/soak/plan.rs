//! What happens in a round: a pure function of the seed.

mod faults;
mod refusals;
mod talk;

use std::time::Duration;

use fastrand::Rng;
use sandbox::{receipts::Fate, wire::Fault};

pub(super) use faults::unreachable;
use faults::{fate, fault};
pub(super) use refusals::{REFUSALS, Refusal};
pub(super) use talk::{About, Line, Says, Talk};

use super::{conversations, leavers};

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
const SERVERS: [&str; 10] = [
    "AWS",
    "Twilio",
    "Plivo",
    "Vonage",
    "Clickatell",
    "Auth0",
    "Okta",
    "DynamoDB",
    "Secrets Manager",
    "KMS",
];
/// The functions between which a code goes. Every second kill is of one of these.
pub(super) const OF_CODES: [&str; 2] = ["sms-gateway", "delivery-status"];
/// The providers whose receipts go wrong.
const PROVIDERS: [&str; 5] = ["AWS", "Twilio", "Plivo", "Vonage", "Clickatell"];

/// How a person wants a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Text,
    Call,
}

/// Where the gateway is asked for a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entrance {
    Auth0,
    Okta,
    Generic,
    Supabase,
    Cognito,
}

/// What the person does once the requests for a code are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Nothing,
    /// Asks for a newer code.
    Newer(String),
    /// Enters the code. The identity provider tells this so many times at once.
    Used(usize),
}

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
        by: Channel,
        entrance: Entrance,
        /// The providers that report that no message to this number arrives. They do so in calm
        /// rounds, too.
        failing: &'static [&'static str],
        then: Then,
    },
    /// A person asks for more codes at once than the budget of a number.
    Insist { phone: String },
    /// The schedule of `delivery-status` runs so many times at once. Its process is killed after this
    /// time.
    Schedule { runs: usize, kill: Option<Duration> },
    /// An employee is hired, and Okta tells so many times at once.
    Hire {
        name: String,
        mobile: String,
        tells: usize,
    },
    /// The schedule of `provision-numbers` runs.
    Provision,
    /// A customer texts the company number. The webhook comes so many times at once.
    Forward {
        from: String,
        body: String,
        copies: usize,
    },
    /// A customer calls the company number. The webhook comes so many times at once.
    Call { from: String, copies: usize },
    /// Another flow of Twilio asks for an account.
    Account,
    /// A caller of the phone menu has the right PIN, or guesses three times.
    Menu { from: String, is_right: bool },
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
    /// A server is gone for this time. It refuses connections, and those that are open are dropped.
    Gone {
        server: &'static str,
        time: Duration,
    },
    /// A server refuses the credentials of the next requests.
    Refuse {
        refusal: &'static Refusal,
        times: usize,
    },
    /// A person gets mails of several kinds, or texts other things than YES.
    Talk(Talk),
    /// An employee gets a number, and leaves.
    Leave(leavers::Plan),
    /// An employee answers the texts of customers.
    Converse(conversations::Plan),
}

impl Step {
    /// Whether something goes wrong.
    pub(super) fn is_trouble(&self) -> bool {
        matches!(
            self,
            Self::Break { .. }
                | Self::Receipts { .. }
                | Self::Kill { .. }
                | Self::Gone { .. }
                | Self::Refuse { .. }
                | Self::Schedule { kill: Some(_), .. }
        )
    }
}

/// A number that stands for the plan of a round. Another version of this program may make another plan
/// of the same seed.
pub(super) fn fingerprint(steps: &[Step]) -> u64 {
    // FNV-1a. It is the same on every machine.
    let written = format!("{steps:?}");
    written.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
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
    // Each person has a number of their own: a range is not pumped.
    let place = at % 90 + 10;
    match random.u8(..100) {
        0..2 => Step::Insist {
            phone: format!("+4534{place}{:04}", random.u16(1_000..9_999)),
        },
        2..14 => Step::SignUp {
            phone: format!("+4520{place}{:04}", random.u16(1_000..9_999)),
            mails: copies(random),
            // Some people never answer.
            replies: if random.u8(..5) == 0 {
                0
            } else {
                copies(random)
            },
        },
        14..22 => {
            let phone = format!("+4522{place}{:04}", random.u16(1_000..9_999));
            Step::Talk(Talk::draw(random, phone))
        }
        22..46 => code(random, place),
        46..48 => Step::Schedule {
            runs: copies(random),
            kill: None,
        },
        48..52 => Step::Hire {
            name: format!("Employee{at}"),
            mobile: format!("+4525{place}{:04}", random.u16(1_000..9_999)),
            tells: copies(random),
        },
        52..55 => Step::Leave(leavers::Plan {
            name: format!("Leaver{at}"),
            mobile: format!("+4523{place}{:04}", random.u16(1_000..9_999)),
            customer: format!("+4541{place}{:04}", random.u16(1_000..9_999)),
            is_released: random.u8(..4) > 0,
            is_known: random.u8(..3) == 0,
            comes_back: random.u8(..3) == 0,
        }),
        55..58 => Step::Provision,
        58..61 => Step::Converse(conversations::Plan {
            name: format!("Colleague{at}"),
            mobile: format!("+4524{place}{:04}", random.u16(1_000..9_999)),
            number: format!("+1500557{:04}", 1_000 + at % 9_000),
            customers: ["+4542", "+4543"]
                .map(|range| format!("{range}{place}{:04}", random.u16(1_000..9_999))),
            copies: copies(random),
        }),
        61..66 => Step::Forward {
            from: format!("+4540{place}{:04}", random.u16(1_000..9_999)),
            body: format!("Message {at} of the customer"),
            copies: copies(random),
        },
        66..70 => Step::Menu {
            from: format!("+4550{place}{:04}", random.u16(1_000..9_999)),
            is_right: random.bool(),
        },
        70..73 => Step::Call {
            from: format!("+4560{place}{:04}", random.u16(1_000..9_999)),
            copies: copies(random),
        },
        73..75 => Step::Account,
        75..85 => {
            let server = SERVERS[random.usize(..SERVERS.len())];
            let fault = match fault(random) {
                // The record of Twilio's answers tells only whether one arrived.
                Fault::Truncate | Fault::Garbage if server == "Twilio" => Fault::ResetAfter,
                other => other,
            };
            let times = random.usize(1..4);
            Step::Break {
                server,
                // Each takes a function's whole patience.
                times: if matches!(fault, Fault::Hang | Fault::Trickle(_)) {
                    1
                } else {
                    times
                },
                fault,
            }
        }
        85..87 => Step::Gone {
            server: SERVERS[random.usize(..SERVERS.len())],
            time: Duration::from_millis(random.u64(50..1_500)),
        },
        87..89 => Step::Refuse {
            refusal: &REFUSALS[random.usize(..REFUSALS.len())],
            times: random.usize(1..4),
        },
        89..94 => {
            let provider = PROVIDERS[random.usize(..PROVIDERS.len())];
            Step::Receipts {
                provider,
                fate: fate(random, provider),
            }
        }
        94..96 => Step::Schedule {
            runs: copies(random),
            kill: Some(Duration::from_millis(random.u64(1..150))),
        },
        _ => Step::Kill {
            function: if random.bool() {
                OF_CODES[random.usize(..OF_CODES.len())]
            } else {
                FUNCTIONS[random.usize(..FUNCTIONS.len())]
            },
        },
    }
}

pub(super) fn copies(random: &mut Rng) -> usize {
    if random.u8(..4) == 0 { 3 } else { 1 }
}

/// Where a person's number is. Each country has its own route.
enum Country {
    Colombia,
    Denmark,
    Sweden,
}

/// A person who wants a code.
fn code(random: &mut Rng, place: usize) -> Step {
    let digits = |random: &mut Rng| format!("{:06}", random.u32(..1_000_000));
    let country = match random.u8(..3) {
        0 => Country::Colombia,
        1 => Country::Denmark,
        _ => Country::Sweden,
    };
    let by = if random.u8(..5) == 0 {
        Channel::Call
    } else {
        Channel::Text
    };
    let failing: &[&str] = match (by, random.u8(..10), &country) {
        (Channel::Call, ..) | (_, 4.., _) => &[],
        // Twilio would fail the call, too.
        (_, 0, Country::Colombia) => &["Plivo", "Clickatell"],
        (_, 0, Country::Sweden) => &["AWS", "Plivo"],
        (_, _, Country::Colombia) => &["Plivo"],
        (_, _, Country::Denmark) => &["Vonage"],
        (_, _, Country::Sweden) => &["AWS"],
    };
    Step::Code {
        phone: match country {
            Country::Colombia => format!("+57300{place}{:05}", random.u32(10_000..99_999)),
            Country::Denmark => format!("+4530{place}{:04}", random.u16(1_000..9_999)),
            Country::Sweden => format!("+4673{place}{:05}", random.u32(10_000..99_999)),
        },
        code: digits(random),
        requests: copies(random),
        by,
        entrance: match (by, random.u8(..7)) {
            (Channel::Text, 0) => Entrance::Okta,
            (Channel::Text, 1) => Entrance::Generic,
            (Channel::Text, 2) => Entrance::Supabase,
            (Channel::Text, 3) => Entrance::Cognito,
            _ => Entrance::Auth0,
        },
        failing,
        then: match random.u8(..6) {
            0 => Then::Newer(digits(random)),
            1 => Then::Used(copies(random)),
            _ => Then::Nothing,
        },
    }
}

#[cfg(test)]
mod tests;
