//! Counts: budgets, wrong PINs, and which providers are broken.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::{Round, entries, number, of, text};
use crate::soak::{
    ledger::codes::Made,
    plan::Channel,
    world::{GUESSED, World},
};

/// Budgets of a number, an hour or a day: the settings, and the rule of wrong replies.
const MOST: [(&str, u64); 4] = [
    ("rate#code#+", 10),
    ("rate#code-call#+", 3),
    ("rate#sms#+", 5),
    ("rate#reply#", 5),
];

/// A budget counts every name once, is never passed, and has counted what was sent. If nothing is broken,
/// it has counted nothing else, and no provider is broken. `wrong_pins`: those that Auth0 has seen of the guessed account.
pub(super) fn judge(round: &Round<'_>, made: &[Made], wrong_pins: u32, broken: &mut Vec<String>) {
    for item in round.items {
        let Some(hits) = number(item, "hits") else {
            continue;
        };
        let pk = text(item, "pk");
        let named = slices(item);
        if hits != named {
            broken.push(format!("{pk} counts {hits}, and has {named} in its slices"));
        }
        let most = MOST.iter().find(|(beginning, _)| pk.starts_with(beginning));
        if let Some((_, most)) = most
            && hits > *most
        {
            broken.push(format!("{pk} counts {hits}, of at most {most}"));
        }
    }
    sent(round, made, broken);
    scores(round, made, broken);
    if round.is_calm {
        pins(round, u64::from(wrong_pins), broken);
        health(round, broken);
    }
}

/// What the slices of a budget have counted: numbers, or names with their weights.
fn slices(item: &Value) -> u64 {
    let weight = |name: &Value| {
        let weight = name.as_str().and_then(|name| name.rsplit_once('*'));
        weight
            .and_then(|(_, weight)| weight.parse().ok())
            .unwrap_or(1)
    };
    let attributes = item.as_object().into_iter().flatten();
    let slices = attributes.filter(|(name, _)| name.starts_with("s_") || name.starts_with("i_"));
    let counts = slices.map(|(name, value)| {
        let names = value["SS"].as_array().into_iter().flatten();
        number(item, name).unwrap_or(0) + names.map(weight).sum::<u64>()
    });
    counts.sum()
}

/// How often these items have counted together within an hour.
fn hits(round: &Round<'_>, is_one: impl Fn(&str) -> bool) -> usize {
    let items = round.items.iter();
    let items = items.filter(|item| text(item, "sk") == "hour" && is_one(text(item, "pk")));
    let hits: u64 = items.filter_map(|item| number(item, "hits")).sum();
    usize::try_from(hits).unwrap_or(usize::MAX)
}

/// A count is at least what was sent. If nothing is broken, it is at most what was asked for, and the
/// count of all is the sum of the numbers' counts.
fn sent(round: &Round<'_>, made: &[Made], broken: &mut Vec<String>) {
    let asked = round.asked;
    let mut check = |pk: String, least: usize, most: usize| {
        let counted = hits(round, |other| other == pk);
        // A count that could not be given back stays.
        if counted < least || round.is_calm && counted > most {
            broken.push(format!(
                "{pk} counts {counted}: {least} were sent and {most} asked for"
            ));
        }
    };
    let went_out = |phone: &str, channel| {
        let mine = made.iter();
        let mine = mine.filter(|made| made.to == phone && made.channel == channel);
        // Another provider may have written the same.
        let words: HashSet<_> = mine.map(|made| made.words.concat()).collect();
        words.len()
    };
    for mail in &round.mails {
        let mine = round.mails.iter().filter(|other| other.phone == mail.phone);
        let number = entries::hash(mail.phone);
        let records = round.items.iter().filter(|item| {
            let is_sent = text(item, "stage") == "sent" && of(item, "sent#mail#").is_some();
            is_sent && text(item, "number") == number
        });
        let budget = format!("rate#sms#{}", mail.phone);
        check(budget, records.count(), mine.count());
    }
    let phones = asked.codes.iter().map(|code| &code.phone);
    let phones: HashSet<_> = phones.chain(&asked.insistent).collect();
    for phone in phones {
        let wanted = |channels: &[Channel]| {
            let codes = asked.codes.iter();
            let codes = codes.filter(|code| code.phone == *phone && channels.contains(&code.by));
            let codes: HashSet<_> = codes.map(|code| &code.digits).collect();
            codes.len()
        };
        let insisted = asked.insistent.iter().filter(|other| *other == phone);
        let insisted = insisted.count() * World::INSISTS;
        let texts = wanted(&[Channel::Text]) + insisted;
        let least = went_out(phone, Channel::Text);
        check(format!("rate#code#{phone}"), least, texts);
        // A text that does not arrive goes on as a call.
        let calls = wanted(&[Channel::Text, Channel::Call]) + insisted;
        let least = went_out(phone, Channel::Call);
        check(format!("rate#code-call#{phone}"), least, calls);
    }
    if round.is_calm {
        sums(round, broken);
    }
}

/// The count of all is the sum of the numbers' counts, and every forwarded text has a segment.
fn sums(round: &Round<'_>, broken: &mut Vec<String>) {
    for what in ["rate#sms#", "rate#code#", "rate#code-call#"] {
        let keys = |beginning| {
            move |pk: &str| {
                let key = pk.strip_prefix(what);
                key.is_some_and(|key| key.starts_with(beginning))
            }
        };
        let (numbers, all) = (hits(round, keys("+")), hits(round, keys("all")));
        if numbers != all {
            broken.push(format!(
                "{what}all counts {all}, and all numbers together {numbers}"
            ));
        }
    }
    let forwarded = hits(round, |pk| pk == "rate#text#all");
    let texts = round.asked.forwarded.len();
    if forwarded < texts {
        broken.push(format!(
            "rate#text#all counts {forwarded} segments of {texts} texts"
        ));
    }
}

/// The scoreboard counts no text of a provider that the provider has not taken. `made`: every text and
/// every call.
fn scores(round: &Round<'_>, made: &[Made], broken: &mut Vec<String>) {
    let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
    for item in round.items {
        if of(item, "score#").is_some()
            && let Some(sent) = number(item, "sent")
        {
            let provider = text(item, "sk").split('#').next().unwrap_or_default();
            *counted.entry(provider).or_default() += sent;
        }
    }
    for (provider, sent) in counted {
        let taken = made.iter().filter(|made| made.provider == provider);
        let taken = taken.count() as u64;
        if sent > taken {
            broken.push(format!(
                "the score counts {sent} texts of {provider}, which took {taken}"
            ));
        }
    }
}

/// The counters of wrong PINs mirror Auth0's.
fn pins(round: &Round<'_>, wrong_pins: u64, broken: &mut Vec<String>) {
    let lock = format!("lock#{GUESSED}");
    for (pk, sk, name) in [
        (lock.as_str(), "all", "wrong"),
        ("rate#pin-failures#all", "day", "hits"),
    ] {
        let mut items = round.items.iter();
        let item = items.find(|item| text(item, "pk") == pk && text(item, "sk") == sk);
        let counted = item.and_then(|item| number(item, name)).unwrap_or_default();
        if counted != wrong_pins {
            broken.push(format!(
                "{pk} counts {counted} wrong PINs, and Auth0 {wrong_pins}"
            ));
        }
    }
}

/// No provider is broken, and none has failed.
fn health(round: &Round<'_>, broken: &mut Vec<String>) {
    for item in round.items {
        let Some("") = of(item, "rate#code-provider#health") else {
            continue;
        };
        for (name, value) in item.as_object().into_iter().flatten() {
            let state = value["S"].as_str().unwrap_or_default();
            // The last attempts, and three times.
            let mut parts = state.split(' ');
            let has_failed = parts.next().is_some_and(|attempts| attempts.contains('f'));
            let is_broken = parts.nth(1).is_some_and(|until| until != "0");
            if name.starts_with("p_") && (has_failed || is_broken) {
                broken.push(format!(
                    "{name} counts as {state:?}, and nothing was broken"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::soak::{
        codes::Code,
        ledger::items::tests::{round, sign_up},
        plan::Entrance,
        world::Asked,
    };

    const ANN: &str = "+4520123456";
    const BEN: &str = "+4530123456";

    fn budget(pk: &str, hits: u64) -> Value {
        json!({
            "pk": { "S": pk }, "sk": { "S": "hour" }, "hits": { "N": hits.to_string() },
            "s_1": { "N": hits.to_string() },
        })
    }

    /// Ann signed up, and Ben wanted a code.
    fn judged(items: &[Value], wrong_pins: u32, is_calm: bool) -> Vec<String> {
        let code = Code {
            phone: BEN.to_owned(),
            digits: "271828".to_owned(),
            by: Channel::Text,
            entrance: Entrance::Auth0,
            failing: &[],
            is_due: true,
            must_arrive: true,
            is_refused: false,
        };
        let asked = Asked {
            sign_ups: vec![sign_up(ANN, "a1", true)],
            codes: vec![code],
            ..Asked::default()
        };
        let made = Made {
            provider: "vonage".to_owned(),
            channel: Channel::Text,
            to: BEN.to_owned(),
            words: vec!["Your code is 271828".to_owned()],
            reference: None,
            seconds: (0, 0),
        };
        let mut broken = vec![];
        judge(
            &round(items, &asked, is_calm),
            &[made],
            wrong_pins,
            &mut broken,
        );
        broken
    }

    /// What the budgets have after this.
    fn counted(sms: u64, code: u64, all: u64) -> Vec<Value> {
        let numbers = [
            (format!("rate#sms#{ANN}"), sms),
            (format!("rate#code#{BEN}"), code),
        ];
        let all = [("rate#sms#all#2", 1), ("rate#code#all", all)];
        let all = all.map(|(pk, hits)| (pk.to_owned(), hits));
        let both = numbers.into_iter().chain(all);
        let record = json!({
            "pk": { "S": "sent#mail#a" }, "stage": { "S": "sent" }, "number": { "S": entries::hash(ANN) },
        });
        both.map(|(pk, hits)| budget(&pk, hits))
            .chain([record])
            .collect()
    }

    #[test]
    fn in_a_calm_round_budgets_have_counted_what_was_sent() {
        for (items, noticed) in [
            (counted(1, 1, 1), 0),
            // What was not counted, what was counted twice, and a total that is not the sum.
            (counted(1, 0, 0), 1),
            (counted(1, 2, 2), 1),
            (counted(1, 1, 2), 1),
            (counted(0, 1, 1), 2),
            (counted(2, 1, 1), 2),
        ] {
            let broken = judged(&items, 0, true);
            assert_eq!(broken.len(), noticed, "{broken:?}");
        }
    }

    #[test]
    fn a_budget_has_always_counted_what_was_sent() {
        for (items, noticed) in [
            (counted(1, 1, 1), 0),
            // Counts that could not be given back.
            (counted(2, 2, 3), 0),
            (counted(1, 0, 1), 1),
            (counted(0, 1, 1), 1),
            (vec![], 1),
        ] {
            let broken = judged(&items, 0, false);
            assert_eq!(broken.len(), noticed, "{broken:?}");
        }
    }

    #[test]
    fn the_score_counts_no_text_that_was_not_sent() {
        let score = |provider: &str, sent: &str| {
            let sk = format!("{provider}#DK#15005550006");
            json!({ "pk": { "S": "score#1#2" }, "sk": { "S": sk }, "sent": { "N": sent } })
        };
        for (lines, noticed) in [
            (vec![score("vonage", "1")], 0),
            (vec![score("vonage", "1"), score("vonage", "1")], 1),
            (vec![score("plivo", "1")], 1),
            (
                vec![json!({ "pk": { "S": "score#summary" }, "sk": { "S": "summary" } })],
                0,
            ),
        ] {
            for is_calm in [true, false] {
                let items = [counted(1, 1, 1), lines.clone()].concat();
                assert_eq!(judged(&items, 0, is_calm).len(), noticed);
            }
        }
    }

    #[test]
    fn a_budget_is_never_passed_and_counts_each_name_once() {
        let named = json!({ "SS": ["a*2", "b", "c"] });
        for (pk, hits, names, is_noticed) in [
            ("rate#code#+4530", 10, json!({ "N": "10" }), false),
            ("rate#code#+4530", 11, json!({ "N": "11" }), true),
            ("rate#sms#+4530", 6, json!({ "N": "6" }), true),
            ("rate#code#all", 11, json!({ "N": "11" }), false),
            ("rate#text#all", 4, named.clone(), false),
            ("rate#text#all", 3, named, true),
            ("rate#text#all", 1, Value::Null, true),
        ] {
            let mut item = budget(pk, hits);
            item["s_1"] = names;
            let items = [counted(1, 1, 1), vec![item]].concat();
            let broken = judged(&items, 0, false);
            assert_eq!(!broken.is_empty(), is_noticed, "{pk} {broken:?}");
        }
    }

    #[test]
    fn in_a_calm_round_wrong_pins_are_those_of_auth0() {
        let item = |pk: &str, sk: &str, name: &str, count: &str| json!({ "pk": { "S": pk }, "sk": { "S": sk }, name: { "N": count }, "s_1": { "N": count } });
        let lock = |count| item(&format!("lock#{GUESSED}"), "all", "wrong", count);
        let failures = |count| item("rate#pin-failures#all", "day", "hits", count);
        for (lock_count, failures_count, noticed) in [("3", "3", 0), ("2", "3", 1), ("3", "4", 1)] {
            let mut items = counted(1, 1, 1);
            items.extend([lock(lock_count), failures(failures_count)]);
            assert_eq!(judged(&items, 3, true).len(), noticed);
            assert!(judged(&items, 3, false).is_empty());
        }
    }

    #[test]
    fn in_a_calm_round_no_provider_is_broken() {
        for (state, noticed) in [
            ("sss 1000000 0 0", 0),
            ("ssf 1000000 0 0 1 1", 1),
            (" 1000000 1000030 0", 1),
        ] {
            let mut items = counted(1, 1, 1);
            let pk = json!({ "S": "rate#code-provider#health" });
            items.push(json!({ "pk": pk, "sk": { "S": "state" }, "p_plivo": { "S": state } }));
            assert_eq!(judged(&items, 0, true).len(), noticed, "{state}");
            assert!(judged(&items, 0, false).is_empty());
        }
    }
}
