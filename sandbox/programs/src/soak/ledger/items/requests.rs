//! Requests that wait for a reply.

use std::collections::HashSet;

use serde_json::Value;

use super::{Round, number, of, text};

/// A reply is awaited so long (`RESET_VALID_HOURS`), in seconds.
const WAITS: u64 = 8 * 3_600;

/// A request leads to the account of its own number, and ends in time. If nothing is broken, each
/// sign-up that nobody answered has one, and a link that was used has none. `used`: tickets.
pub(super) fn judge(round: &Round<'_>, used: &HashSet<&str>, broken: &mut Vec<String>) {
    for item in round.items {
        if let Some(phone) = of(item, "pending#") {
            requests(round, item, phone, broken);
        }
    }
    if !round.is_calm {
        return;
    }
    for mail in &round.mails {
        let (phone, ticket) = (mail.phone, mail.ticket);
        let links = round.items.iter().flat_map(links);
        let kept = links.filter(|link| link.contains(ticket)).count();
        if used.contains(ticket) && kept > 0 {
            broken.push(format!("the link that {phone} has used waits for a YES"));
        }
        // A newer mail replaces an older one.
        let mut mine = round.mails.iter();
        let is_only = mine.all(|other| other.phone != phone || other.ticket == ticket);
        if is_only && !mail.has_reply && kept != 1 {
            broken.push(format!("{kept} requests wait for the answer of {phone}"));
        }
    }
}

fn requests(round: &Round<'_>, item: &Value, phone: &str, broken: &mut Vec<String>) {
    let mut count = 0;
    for (_, request) in maps(item) {
        count += 1;
        let link = text(request, "link");
        let mut mails = round.mails.iter();
        let mail = mails.find(|mail| link.contains(mail.ticket));
        let is_own =
            mail.is_some_and(|mail| mail.phone == phone && mail.email == text(request, "email"));
        if !is_own {
            broken.push(format!("{phone} may say YES to a link of somebody else"));
        }
        let (begun, ended) = round.time;
        let ends = number(request, "expires_at").unwrap_or_default();
        if !(begun + WAITS..=ended + WAITS).contains(&ends) {
            broken.push(format!("a request of {phone} waits until {ends}"));
        }
    }
    if round.is_calm && count == 0 {
        broken.push(format!("the item of {phone} waits for nothing"));
    }
}

/// The requests of an item.
fn maps(item: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let attributes = item.as_object().into_iter().flatten();
    attributes.filter_map(|(name, value)| Some((name.strip_prefix("r_")?, &value["M"])))
}

fn links(item: &Value) -> impl Iterator<Item = &str> {
    let requests = of(item, "pending#").map(|_| maps(item));
    let requests = requests.into_iter().flatten();
    requests.map(|(_, request)| text(request, "link"))
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
    const BEN: &str = "+4520234567";

    /// The item of this number with the requests of these tickets, each for an address and until a time.
    fn item(phone: &str, requests: &[(&str, &str, u64)]) -> Value {
        let mut item = json!({ "pk": { "S": format!("pending#{phone}") } });
        for (ticket, address, ends) in requests {
            item[format!("r_{ticket}")] = json!({ "M": {
                "link": { "S": format!("https://tenant.example/u/email-verification?ticket={ticket}") },
                "email": { "S": format!("acme{address}@sms.example.com") },
                "expires_at": { "N": ends.to_string() },
            } });
        }
        item
    }

    fn judged(items: &[Value], used: &[&str], is_calm: bool) -> Vec<String> {
        // Ann has answered, and Ben has not.
        let sign_ups = vec![sign_up(ANN, "a1", true), sign_up(BEN, "b1", false)];
        let asked = Asked {
            sign_ups,
            ..Asked::default()
        };
        let mut broken = vec![];
        let used = used.iter().copied().collect();
        judge(&round(items, &asked, is_calm), &used, &mut broken);
        broken
    }

    #[test]
    fn in_a_calm_round_a_request_waits_for_everybody_who_has_not_answered_and_for_nobody_else() {
        let ann = item(ANN, &[("a1", ANN, 1_028_830)]);
        let ben = item(BEN, &[("b1", BEN, 1_028_830)]);
        let empty = item(ANN, &[]);
        for (items, said) in [
            (vec![ben.clone()], None),
            (
                vec![],
                Some("0 requests wait for the answer of +4520234567"),
            ),
            (vec![ben.clone(), ben.clone()], Some("2 requests wait for")),
            (
                vec![ben.clone(), ann],
                Some("the link that +4520123456 has used waits"),
            ),
            (
                vec![ben, empty],
                Some("the item of +4520123456 waits for nothing"),
            ),
        ] {
            let broken = judged(&items, &["a1"], true);
            assert_eq!(broken.len(), usize::from(said.is_some()), "{broken:?}");
            assert!(
                said.is_none_or(|said| broken[0].contains(said)),
                "{broken:?}"
            );
            // A release may have met a fault.
            assert!(judged(&items, &["a1"], false).is_empty());
        }
    }

    #[test]
    fn a_request_of_somebody_else_or_that_waits_too_long_is_always_noticed() {
        for is_calm in [true, false] {
            for request in [
                ("b1", ANN, 1_028_830),
                ("b1", BEN, 1_028_799),
                ("b1", BEN, 1_028_861),
            ] {
                assert_eq!(judged(&[item(BEN, &[request])], &[], is_calm).len(), 1);
            }
            let strange = item(BEN, &[("b1", BEN, 1_028_830), ("x", BEN, 1_028_830)]);
            assert_eq!(judged(&[strange], &[], is_calm).len(), 1);
        }
    }
}
