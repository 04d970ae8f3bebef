//! What goes wrong at a server, and what a provider reports of a message.

use std::time::Duration;

use fastrand::Rng;
use sandbox::{
    end_user_messaging::{BLOCKED, LANDLINE, UNREACHABLE},
    receipts::Fate,
    wire::Fault,
};

pub(super) fn fault(random: &mut Rng) -> Fault {
    let answer = |status| Fault::Answer {
        status,
        headers: vec![],
        body: String::new(),
    };
    match random.u8(..22) {
        0..2 => answer(500),
        2..4 => answer(503),
        4..6 => answer(429),
        6..8 => Fault::Delay(Duration::from_millis(random.u64(50..2_500))),
        8..10 => Fault::ResetBefore,
        10..14 => Fault::ResetAfter,
        14..16 => Fault::Truncate,
        16..18 => Fault::Garbage,
        // Of texts, functions read a quarter of a megabyte at most, and of the table's answers four.
        18 => Fault::Oversize(300_000),
        19 => Fault::Oversize(5_000_000),
        // An answer comes late, or not in time.
        20 => Fault::Trickle(Duration::from_millis(random.u64(1..40))),
        _ => Fault::Hang,
    }
}

/// The provider's code of a phone that its network does not find, of an opt-out or, from Vonage, of a
/// number that nobody has, or, from AWS, of a blocked text, and of a landline.
fn failures(provider: &str) -> [u32; 3] {
    match provider {
        "Twilio" => [30_003, 21_610, 30_006],
        "Plivo" => [80, 200, 50],
        "Vonage" => [2, 9, 3],
        "AWS" => [UNREACHABLE, BLOCKED, LANDLINE],
        _ => [100, 21, 29],
    }
}

/// No message of this provider arrives.
pub(in crate::soak) fn unreachable(provider: &str) -> Fate {
    Fate::failed(failures(provider)[0])
}

pub(super) fn fate(random: &mut Rng, provider: &str) -> Fate {
    match random.u8(..8) {
        0 => unreachable(provider),
        1 => Fate::expired(),
        2 | 3 => Fate::never(),
        4 => Fate::failed(failures(provider)[random.usize(1..3)]),
        5 => Fate::delivered().twice(),
        6 => Fate::delivered().out_of_order(),
        _ => Fate::delivered().forged(),
    }
}
