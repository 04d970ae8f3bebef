//! Records of what is under way: of sent texts, of replies, of calls to the menu; and leases.

use std::collections::{HashMap, HashSet};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::digest;
use serde_json::Value;

use super::{Round, number, of, text};
use crate::soak::world::{MOBILE, World};

/// Longer than any lease, in seconds: that of a run of `provision-numbers`.
const RUN: u64 = 300 + 2;
/// Longer than all other leases, in seconds: that of a mail.
const LEASE: u64 = 30 + 2;

/// No lease outlives its function. If nothing is broken, everything that was begun has ended.
pub(super) fn judge(round: &Round<'_>, broken: &mut Vec<String>) {
    for item in round.items {
        let (pk, sk) = (text(item, "pk"), text(item, "sk"));
        let most = if pk == "number#run" { RUN } else { LEASE };
        let leases = ["lease_until", "held_until"].map(|name| number(item, name));
        let last = leases.into_iter().flatten().max().unwrap_or_default();
        if last > round.time.1 + most {
            broken.push(format!("the lease of {pk} {sk} ends at {last}"));
        }
        // The account number goes when the call is over.
        if of(item, "call#").is_some() && text(item, "step") == "over" && !item["account"].is_null()
        {
            broken.push(format!("{pk} is over, and has an account number"));
        }
        if round.is_calm && is_under_way(item) {
            broken.push(format!(
                "{pk} {sk} is under way, and nothing was broken: {item}"
            ));
        }
    }
    texts(round, broken);
    roads(round, broken);
}

/// The newest code of a number, and the one before, have records of that number.
fn roads(round: &Round<'_>, broken: &mut Vec<String>) {
    for item in round.items {
        let Some(number) = of(item, "road#") else {
            continue;
        };
        for name in ["newest", "previous"] {
            let Some(id) = text(item, name).strip_prefix("code-") else {
                continue;
            };
            let mut items = round.items.iter();
            let record = items.find(|item| of(item, "sent#code#") == Some(id));
            if record.is_none_or(|record| text(record, "number") != number) {
                broken.push(format!(
                    "the {name} code of the number with hash {number} has no record"
                ));
            }
        }
    }
}

/// Whether somebody holds an item, or has not finished what was begun.
fn is_under_way(item: &Value) -> bool {
    let has = |name: &str| !item[name].is_null();
    let is = |kind: &str| of(item, kind).is_some();
    if is("sent#") {
        text(item, "stage") == "sending" || has("trying")
    } else if is("seen#twilio-confirmation#") {
        has("owner_id") && !has("answer")
    } else if is("call#") {
        text(item, "step") == "trying"
    } else {
        has("held_by") || has("lease_owner") || is("number#run") && has("lease_until")
    }
}

/// A text has one record, however often it was asked for. The records hold hashes of numbers.
fn texts(round: &Round<'_>, broken: &mut Vec<String>) {
    let asked = round.asked;
    let mut wanted: HashMap<(&str, String), HashSet<String>> = HashMap::new();
    let mut want = |kind, phone: &str, what: &str| {
        let texts = wanted.entry((kind, hash(phone))).or_default();
        texts.insert(what.to_owned());
    };
    for mail in &round.mails {
        want("sent#mail#", mail.phone, mail.ticket);
    }
    for code in &asked.codes {
        want("sent#code#", &code.phone, &code.digits);
    }
    for phone in &asked.insistent {
        for at in 0..World::INSISTS {
            want("sent#code#", phone, &World::insisted(phone, at));
        }
    }
    for call in 0..asked.calls.len() {
        want("sent#missed#", MOBILE, &call.to_string());
    }
    let mut records: HashMap<(&str, String), usize> = HashMap::new();
    for item in round.items {
        let kinds = [
            "sent#mail#",
            "sent#code#",
            "sent#missed#",
            "sent#voicemail#",
        ];
        if let Some(kind) = kinds.into_iter().find(|kind| of(item, kind).is_some()) {
            let number = text(item, "number").to_owned();
            *records.entry((kind, number)).or_default() += 1;
        }
    }
    for (record, count) in &records {
        let texts = wanted.get(record).map_or(0, HashSet::len);
        if *count > texts {
            let (kind, number) = record;
            broken.push(format!(
                "{count} records {kind}... are of the number with hash {number}, of {texts} texts"
            ));
        }
    }
    if round.is_calm {
        let mails = round.mails.iter().map(|mail| ("sent#mail#", mail.phone));
        // Of a code that came late Okta has been told nothing.
        let codes = asked.codes.iter().filter(|code| code.is_due);
        let codes = codes.map(|code| ("sent#code#", code.phone.as_str()));
        for (kind, phone) in mails.chain(codes) {
            if !records.contains_key(&(kind, hash(phone))) {
                broken.push(format!("{phone} has no record {kind}..."));
            }
        }
    }
}

/// The hash under which the table knows a number.
pub(super) fn hash(phone: &str) -> String {
    let hash = digest::digest(&digest::SHA256, phone.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::soak::{
        ledger::items::tests::{round, sign_up},
        world::Asked,
    };

    const ANN: &str = "+4520123456";
    const ZOE: &str = "+4534123456";

    fn judged(items: &[Value], asked: &Asked, is_calm: bool) -> Vec<String> {
        let mut broken = vec![];
        judge(&round(items, asked, is_calm), &mut broken);
        broken
    }

    fn item(pk: &str, attributes: &Value) -> Value {
        let mut item = attributes.clone();
        item["pk"] = json!({ "S": pk });
        item
    }

    #[test]
    fn what_is_under_way_after_a_calm_round_is_noticed() {
        for (pk, attributes) in [
            ("pending#+45", json!({ "held_by": { "S": "me" } })),
            ("token#api#x", json!({ "lease_owner": { "S": "me" } })),
            ("number#run", json!({ "lease_until": { "N": "1000060" } })),
            ("call#CA", json!({ "step": { "S": "trying" } })),
            (
                "seen#twilio-confirmation#SM",
                json!({ "owner_id": { "S": "me" } }),
            ),
        ] {
            let items = [item(pk, &attributes)];
            assert_eq!(judged(&items, &Asked::default(), true).len(), 1, "{pk}");
            assert!(judged(&items, &Asked::default(), false).is_empty(), "{pk}");
        }
        let answered = json!({ "owner_id": { "S": "me" }, "answer": { "S": "" }, "lease_until": { "N": "1000000" } });
        let noted = json!({ "fingerprint": { "S": "a" } });
        for (pk, attributes) in [
            ("seen#twilio-confirmation#SM", answered),
            ("seen#twilio-confirmation#SM", noted),
            ("call#CA", json!({ "step": { "S": "over" } })),
        ] {
            let items = [item(pk, &attributes)];
            assert!(judged(&items, &Asked::default(), true).is_empty(), "{pk}");
        }
    }

    #[test]
    fn a_lease_that_outlives_its_function_and_the_account_of_an_ended_call_are_always_noticed() {
        let lease =
            |pk, until: u64| item(pk, &json!({ "lease_until": { "N": until.to_string() } }));
        let held = item("pending#+45", &json!({ "held_until": { "N": "1000093" } }));
        let over = json!({ "step": { "S": "over" }, "account": { "S": "10042" } });
        for (item, is_noticed) in [
            (lease("token#api#x", 1_000_092), false),
            (lease("token#api#x", 1_000_093), true),
            (lease("number#run", 1_000_362), false),
            (lease("number#run", 1_000_363), true),
            (held, true),
            (item("call#CA", &over), true),
        ] {
            let broken = judged(&[item], &Asked::default(), false);
            assert_eq!(!broken.is_empty(), is_noticed, "{broken:?}");
        }
    }

    #[test]
    fn a_text_has_one_record() {
        let asked = Asked {
            sign_ups: vec![sign_up(ANN, "a1", true)],
            insistent: vec![ZOE.to_owned()],
            ..Asked::default()
        };
        let record = |pk: &str, phone| {
            item(
                pk,
                &json!({ "stage": { "S": "sent" }, "number": { "S": hash(phone) } }),
            )
        };
        let mail = || record("sent#mail#1", ANN);
        for (items, is_noticed) in [
            (vec![mail()], [false, false]),
            (vec![mail(), record("sent#mail#2", ANN)], [true, true]),
            (vec![mail(), record("sent#mail#2", ZOE)], [true, true]),
            (vec![mail(), record("sent#code#2", ANN)], [true, true]),
            (vec![mail(), record("sent#missed#2", MOBILE)], [true, true]),
            (vec![], [false, true]),
        ] {
            for (is_calm, is_noticed) in [false, true].into_iter().zip(is_noticed) {
                let broken = judged(&items, &asked, is_calm);
                assert_eq!(!broken.is_empty(), is_noticed, "{broken:?}");
            }
        }
        let mut many: Vec<_> = (0..12)
            .map(|at| record(&format!("sent#code#{at}"), ZOE))
            .collect();
        many.push(mail());
        assert!(judged(&many, &asked, true).is_empty());
        many.push(record("sent#code#13", ZOE));
        assert_eq!(judged(&many, &asked, false).len(), 1);
        // A record that was never closed.
        let mut open = mail();
        open["stage"] = json!({ "S": "sending" });
        assert_eq!(judged(&[open.clone()], &asked, true).len(), 1);
        assert!(judged(&[open], &asked, false).is_empty());
        let mut trying = mail();
        trying["trying"] = json!({ "S": "plivo" });
        assert_eq!(judged(&[trying], &asked, true).len(), 1);
    }

    #[test]
    fn a_newest_code_without_a_record_of_its_number_is_noticed() {
        let asked = Asked {
            insistent: vec![ZOE.to_owned()],
            ..Asked::default()
        };
        let zoe = hash(ZOE);
        let record = |number: &str| item("sent#code#A-b", &json!({ "number": { "S": number } }));
        let road = |newest: &str, previous: &str| {
            let codes = json!({ "newest": { "S": newest }, "previous": { "S": previous } });
            item(&format!("road#{zoe}"), &codes)
        };
        for (items, noticed) in [
            (vec![road("code-A-b", "-"), record(&zoe)], 0),
            (vec![road("code-A-b", "code-A-b"), record(&zoe)], 0),
            (vec![road("code-x", "code-A-b"), record(&zoe)], 1),
            (vec![road("code-A-b", "code-x"), record(&zoe)], 1),
            (vec![road("code-A-b", "-")], 1),
        ] {
            assert_eq!(judged(&items, &asked, false).len(), noticed);
        }
    }
}
