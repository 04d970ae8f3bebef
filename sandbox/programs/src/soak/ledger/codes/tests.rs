//! Each promise about codes, broken once.

use std::time::{Duration, Instant};

use serde_json::json;

use super::*;
use crate::soak::plan::Entrance;

const REFERENCE: &str = "code-AAAAAAAAAAAAAAAAAAAAAA";
const NUMBER: &str = "hash";
const PHONE: &str = "+573001234567";

/// A code that Plivo took and did not deliver, and that Clickatell delivered.
struct Story {
    code: Code,
    made: Vec<Made>,
    entry: Vec<Write>,
    road: Vec<Write>,
}

fn text(provider: &str) -> Made {
    Made {
        provider: provider.to_owned(),
        channel: Channel::Text,
        to: PHONE.to_owned(),
        words: vec!["Your code is 271828".to_owned()],
        reference: Some(REFERENCE.to_owned()),
        seconds: (0, 0),
    }
}

fn call(provider: &str) -> Made {
    Made {
        channel: Channel::Call,
        words: vec!["Your code is: 2. 7. 1. 8. 2. 8.".to_owned(); 2],
        seconds: (20, 90),
        ..text(provider)
    }
}

/// What the table has at this second.
fn write(begun: Instant, at: u64, item: Value, claims: Option<&str>) -> Write {
    let begun = begun + Duration::from_secs(at);
    Write {
        begun,
        ended: begun + Duration::from_millis(10),
        item,
        claims: claims.map(str::to_owned),
    }
}

impl Story {
    fn new() -> Self {
        let begun = Instant::now();
        let entry = |provider: &str, receipts: &[(&str, &str)]| {
            let mut item = json!({
                "stage": { "S": "sent" }, "number": { "S": NUMBER }, "provider": { "S": provider }, "kept": { "S": "name" },
                "sent_at": { "N": "1000" }, "kept_until": { "N": "1180" }, "receipts": { "M": {} },
            });
            for (name, state) in receipts {
                item["receipts"]["M"][*name] = json!({ "S": state });
            }
            item
        };
        let failed = ("plivo", "unreachable");
        let mut claimed = entry("plivo", &[failed]);
        claimed["tried_at"] = json!({ "N": "1002" });
        let arrived = entry("clickatell", &[failed, ("clickatell", "delivered")]);
        Self {
            code: Code {
                phone: PHONE.to_owned(),
                digits: "271828".to_owned(),
                by: Channel::Text,
                entrance: Entrance::Auth0,
                failing: &["Plivo"],
                is_due: true,
                is_refused: false,
                must_arrive: true,
            },
            made: vec![text("plivo"), text("clickatell")],
            entry: vec![
                write(begun, 0, entry("plivo", &[]), None),
                write(begun, 1, entry("plivo", &[failed]), None),
                write(begun, 2, claimed, Some("clickatell")),
                write(begun, 3, arrived, None),
            ],
            road: vec![write(
                begun,
                0,
                json!({ "newest": { "S": REFERENCE } }),
                None,
            )],
        }
    }

    fn claim(&mut self) -> &mut Value {
        &mut self.entry[2].item
    }

    /// A code that the person wanted by phone.
    fn by_phone(&mut self) {
        self.code.by = Channel::Call;
        self.code.failing = &[];
        self.made = vec![call("twilio_voice")];
        self.entry.truncate(1);
        self.entry[0].item["receipts"]["M"]["twilio_voice"] = json!({ "S": "delivered" });
    }

    fn judged(&self) -> (Vec<String>, bool) {
        let mut journal = Journal::default();
        for write in &self.entry {
            journal.add_entry(REFERENCE, write.clone());
        }
        for write in &self.road {
            journal.add_road(NUMBER, write.clone());
        }
        broken(&self.code, &self.made, &journal)
    }
}

type Change = fn(&mut Story);

#[test]
fn what_went_as_promised_breaks_nothing() {
    let changes: [Change; 7] = [
        |_| {},
        Story::by_phone,
        // Silence is a reason, too.
        |story| {
            story.claim()["receipts"]["M"] = json!({});
            story.claim()["tried_at"] = json!({ "N": "1005" });
        },
        // A newer code that comes after the claim cannot stop it.
        |story| {
            let mut newer = story.road[0].clone();
            newer.item["newest"] = json!({ "S": "code-newer" });
            newer.begun = story.entry[2].begun;
            newer.ended = story.entry[2].ended;
            story.road.push(newer);
        },
        // A landline can be called.
        |story| {
            story.claim()["receipts"]["M"]["plivo"] = json!({ "S": "landline" });
            story.entry[1].item = story.claim().clone();
            story.entry[3].item["receipts"]["M"] =
                json!({ "plivo": { "S": "landline" }, "vonage_voice": { "S": "delivered" } });
            story.entry[2].claims = Some("vonage_voice".to_owned());
            story.made[1] = call("vonage_voice");
        },
        |story| {
            story.code.must_arrive = false;
            story.made.truncate(1);
            story.entry.truncate(2);
        },
        |story| {
            (story.code.is_refused, story.code.is_due) = (true, false);
            story.made.clear();
            story.entry.clear();
        },
    ];
    for (at, change) in changes.iter().enumerate() {
        let mut story = Story::new();
        change(&mut story);
        assert_eq!(story.judged(), (vec![], false), "{at}");
    }
}

#[test]
fn each_broken_promise_is_noticed() {
    let cases: &[(&str, Change)] = &[
        ("went out through plivo twice", |story| {
            story.made.push(text("plivo"));
        }),
        ("went out 2 times without a claim", |story| {
            story.entry[2].claims = None;
        }),
        (
            "went out through clickatell after plivo had reported delivered",
            |story| {
                story.claim()["receipts"]["M"]["plivo"] = json!({ "S": "delivered" });
            },
        ),
        ("after plivo had reported opted_out", |story| {
            story.claim()["receipts"]["M"]["plivo"] = json!({ "S": "opted_out" });
        }),
        ("after plivo had reported landline", |story| {
            story.claim()["receipts"]["M"]["plivo"] = json!({ "S": "landline" });
        }),
        ("after it was used", |story| {
            story.claim()["used_at"] = json!({ "N": "1001" });
        }),
        ("after a newer code", |story| {
            let mut newer = story.road[0].clone();
            newer.item["newest"] = json!({ "S": "code-newer" });
            newer.begun += Duration::from_millis(500);
            newer.ended += Duration::from_millis(500);
            story.road.push(newer);
        }),
        ("after its life", |story| {
            story.claim()["kept_until"] = json!({ "N": "1006" });
        }),
        ("its receipt was still awaited", |story| {
            story.claim()["receipts"]["M"] = json!({});
        }),
        ("is unknown and unreachable of plivo", |story| {
            story.entry[3].item["receipts"]["M"]["plivo"] = json!({ "S": "unknown" });
        }),
        ("did not arrive", |story| {
            story.made.truncate(1);
            story.entry.truncate(2);
        }),
        ("never went out", |story| story.made.clear()),
        ("was told that it did not", |story| {
            story.code.is_refused = true;
        }),
        ("was asked for by phone, and was written", |story| {
            story.by_phone();
            story.made.push(text("vonage"));
        }),
        ("was read out in 2 calls", |story| {
            story.by_phone();
            story.made.push(call("vonage_voice"));
        }),
        ("was read out 1 times", |story| {
            story.by_phone();
            story.made[0].words.pop();
        }),
        ("a call of (20, 600)", |story| {
            story.by_phone();
            story.made[0].seconds = (20, 600);
        }),
    ];
    for (expected, change) in cases {
        let mut story = Story::new();
        change(&mut story);
        let (broken, is_excused) = story.judged();
        let is_noticed = broken.iter().any(|what| what.contains(expected));
        assert!(is_noticed && !is_excused, "{expected}: {broken:?}");
    }
}

#[test]
fn a_code_that_could_not_be_kept_or_noted_in_time_need_not_go_on() {
    let changes: [Change; 2] = [
        |story| {
            for write in &mut story.entry {
                write.item["kept"] = Value::Null;
            }
        },
        |story| story.road.clear(),
    ];
    for change in changes {
        let mut story = Story::new();
        story.made.truncate(1);
        story.entry.truncate(2);
        change(&mut story);
        assert_eq!(story.judged(), (vec![], true));
        story.code.failing = &[];
        assert_ne!(story.judged().0, Vec::<String>::new());
    }
}

#[test]
fn a_kept_text_stays_only_if_its_send_is_not_known_or_its_receipt_is_awaited() {
    let stayed = |run_at| Stayed {
        item: json!({ "pk": { "S": "kept#1" }, "sk": { "S": format!("000000001000#{REFERENCE}") } }),
        run_at,
    };
    let entry = |change: fn(&mut Value)| {
        let mut item = json!({
            "pk": { "S": "sent#code#AAAAAAAAAAAAAAAAAAAAAA" }, "stage": { "S": "sent" }, "provider": { "S": "plivo" },
            "sent_at": { "N": "1000" }, "receipts": { "M": {} },
        });
        change(&mut item);
        [item]
    };
    let is_fine = |run_at, change| has_reason(&stayed(run_at), &entry(change));
    assert!(!is_fine(1_020, |_| {}));
    assert!(is_fine(1_004, |_| {}));
    assert!(!is_fine(1_004, |item| item["receipts"]["M"]["plivo"] =
        json!({ "S": "blocked" })));
    assert!(is_fine(1_020, |item| item["trying"] = json!({ "S": "owner" })));
    assert!(is_fine(1_020, |item| item["stage"] = json!({ "S": "sending" })));
    assert!(has_reason(&stayed(1_020), &[]));
}

#[test]
fn a_kept_text_and_a_log_line_show_no_code() {
    let code = Story::new().code;
    let item = |ciphertext: &str| json!({ "ciphertext": { "S": ciphertext } });
    assert!(!is_readable(&item("qLmVsbG8="), &code));
    for shown in ["271828", "3001234567", "Your code is", "to sign in is"] {
        assert!(is_readable(&item(shown), &code), "{shown}");
    }
    let line =
        |said: &str| json!({ "outcome": "sent", "said": said, "duration_ms": 271_828 }).to_string();
    assert!(!is_told(&line("sent271828"), &code));
    for told in ["271828", "code 271828.", "2. 7. 1. 8. 2. 8."] {
        assert!(is_told(&line(told), &code), "{told}");
    }
}
