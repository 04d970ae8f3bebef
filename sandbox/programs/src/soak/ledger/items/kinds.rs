//! The kinds of items that the functions write, and how long each of them lasts. An item of another
//! kind is a broken promise: whoever adds a kind says here what it is for and when it ends.

use serde_json::Value;

use super::{Round, number, text};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// A reply is awaited so long (`RESET_VALID_HOURS`).
const WAITS: u64 = 8 * HOUR;
/// Mailgun may post a mail for so long (`MAX_MAIL_AGE_SECONDS`).
const MAIL_AGE: u64 = 9 * HOUR;
/// Longer than any code lives.
const CODE_LIFE: u64 = 15 * MINUTE;
const FIVE_YEARS: u64 = 5 * 365 * DAY;

/// When an item ends after its last write.
#[derive(Clone, Copy)]
enum Ends {
    /// It is the operator's, and stays until somebody deletes it.
    Never,
    /// After these seconds.
    After(u64),
    /// After at least and at most these seconds.
    Within(u64, u64),
    /// A sliding window: it ends with the 13th or 14th of its twelfths, and is then kept for these seconds.
    Window(u64, u64),
}

/// One kind of item.
pub(super) struct Kind {
    /// The beginning of `pk`. Of several kinds that fit, the first counts.
    pk: &'static str,
    /// `sk`. With a star, its beginning.
    sk: &'static str,
    ends: Ends,
    /// The attributes that hold a person's number in the clear. The docs say so of each.
    pub(super) numbers: &'static [&'static str],
    /// What it is there for.
    what: &'static str,
}

const fn kind(pk: &'static str, sk: &'static str, ends: Ends, what: &'static str) -> Kind {
    Kind {
        pk,
        sk,
        ends,
        numbers: &[],
        what,
    }
}

/// A kind that holds numbers in the clear: docs/security.md, "What is stored".
const fn clear(
    pk: &'static str,
    sk: &'static str,
    ends: Ends,
    numbers: &'static [&'static str],
    what: &'static str,
) -> Kind {
    Kind {
        pk,
        sk,
        ends,
        numbers,
        what,
    }
}

use Ends::{After, Never, Window, Within};

#[rustfmt::skip]
const KINDS: [Kind; 61] = [
    // The operator's.
    kind("account#", "account", Never, "an account of the protected API"),
    clear("phone#", "account", Never, &["pk"], "finds an account by its phone"),
    kind("words#", "texts", Never, "texts of the operator in a language"),
    // Confirmations.
    clear("pending#", "pending", After(WAITS + DAY), &["pk", "email"], "requests that wait for a reply, and a day for the answer to a late one"),
    clear("seen#confirmed#", "confirmed", After(DAY), &["pk"], "the last confirmation, for a repeated reply"),
    kind("seen#mailgun#", "token", After(MAIL_AGE + DAY), "a token of Mailgun is for one mail"),
    kind("seen#twilio-confirmation#", "first", After(400 * DAY), "the first content of a reply, since a signature never expires"),
    kind("seen#twilio-confirmation#", "*#link", After(DAY), "an answer with a link, for Twilio's retry"),
    kind("seen#twilio-confirmation#", "*", After(7 * DAY), "the answer to a reply"),
    clear("rate#reply#", "day", Window(DAY, 0), &["pk"], "counts wrong replies"),
    clear("rate#sms#", "hour", Window(HOUR, 0), &["pk"], "counts verification texts"),
    // Sent texts. Voicemails are not played.
    kind("sent#mail#", "send", After(2 * DAY), "the record of a verification text"),
    kind("sent#code#", "send", After(2 * DAY), "the record of a code"),
    kind("sent#missed#", "send", After(400 * DAY), "the record of a text about a missed call"),
    kind("sent#voicemail#", "send", After(400 * DAY), "the record of a text about a voicemail"),
    // Codes.
    kind("road#", "road", After(DAY), "the newest code of a number's hash"),
    kind("kept#", "*", Within(0, CODE_LIFE), "an encrypted text, for another provider"),
    kind("score#summary", "summary", After(15 * MINUTE), "how the providers stand"),
    kind("score#", "*", After(3 * DAY), "counts of a provider in a country"),
    kind("rate#code-provider#health", "state", After(DAY), "which providers are broken"),
    kind("rate#code-range#", "hour", Window(HOUR, 0), "counts codes of a range of numbers"),
    kind("rate#code-ip#", "hour", Window(HOUR, 0), "counts codes of a hashed network"),
    kind("rate#code-country#", "hour", Window(HOUR, 0), "counts codes to a country"),
    kind("rate#code-from#", "hour", Window(HOUR, 0), "counts codes from a country"),
    kind("rate#code-call#all", "hour", Window(HOUR, 0), "counts all calls"),
    kind("rate#code-call#range:", "hour", Window(HOUR, 0), "counts calls to a range of numbers"),
    kind("rate#code-call#ip:", "hour", Window(HOUR, 0), "counts calls of a hashed network"),
    kind("rate#code-call#country:", "hour", Window(HOUR, 0), "counts calls to a country"),
    clear("rate#code-call#+", "hour", Window(HOUR, 0), &["pk"], "counts calls to a number"),
    kind("rate#code#all", "hour", Window(HOUR, 0), "counts all codes"),
    clear("rate#code#+", "hour", Window(HOUR, 90 * DAY), &["pk"], "counts codes of a number, which is then known for 90 days"),
    // The company's phones.
    clear("directory#", "entry", After(30 * DAY), &["mobile"], "Okta's last answer, for its outages"),
    clear("thread#", "last", After(30 * DAY), &["correspondent"], "who wrote to a company number last"),
    kind("thread#", "known#*", After(90 * DAY), "a hash of somebody to whom the employee has written"),
    clear("seen#twilio-forward#", "to", After(DAY), &["to"], "to whom an employee's text went, for Twilio's retry"),
    kind("seen#twilio-forward#", "*", After(400 * DAY), "that a text was answered, since a signature never expires"),
    kind("seen#call#", "*", After(400 * DAY), "that a step of a call was answered, since a signature never expires"),
    kind("rate#calls#", "active", After(2 * DAY), "the calls and minutes of a company number"),
    kind("rate#voicemail#", "hour", Window(HOUR, 0), "counts texts about voicemails"),
    kind("rate#missed#", "hour", Window(HOUR, 0), "counts texts about missed calls"),
    kind("rate#text#", "hour", Window(HOUR, 0), "counts segments to a company number"),
    kind("rate#text#", "day", Window(DAY, 0), "counts segments to a company number"),
    kind("rate#text-pair#", "minute", Window(MINUTE, 0), "counts texts of a hashed sender"),
    kind("rate#text-pair#", "hour", Window(HOUR, 0), "counts segments of a hashed sender"),
    kind("rate#text-reply#", "hour", Window(HOUR, 0), "counts replies of an employee"),
    kind("rate#text-reply#", "day", Window(DAY, 0), "counts replies of an employee"),
    // The phone menu and the API.
    kind("call#", "state", After(7 * DAY), "how far a call to the menu is"),
    kind("lock#", "all", After(180 * DAY), "counts wrong PINs of an account"),
    kind("lock#", "known#*", After(180 * DAY), "a hashed caller who had the right PIN"),
    kind("lock#", "caller#*", Within(30 * MINUTE, 180 * DAY), "counts wrong PINs of a hashed caller"),
    kind("rate#pin#", "hour", Window(HOUR, 0), "counts wrong PINs of a hashed caller"),
    kind("rate#pin-failures#", "day", Window(DAY, 0), "counts wrong PINs"),
    kind("seen#ivr#", "request", After(365 * DAY), "a signed request is for one PIN"),
    kind("seen#studio#", "request", After(365 * DAY), "a signed request is answered once"),
    kind("token#", "token", Within(0, DAY), "an access token that the instances share"),
    // Company numbers.
    kind("seen#okta#", "event", After(7 * DAY), "a delivery of Okta's hook"),
    kind("number#new", "queue", After(FIVE_YEARS), "the employees to look at first"),
    kind("number#run", "lock", Within(DAY, DAY + 6 * MINUTE), "which run is at work"),
    kind("number#run", "cursor", After(DAY), "where the last run stopped"),
    kind("number#+", "owner", Within(0, FIVE_YEARS), "whose a company number is; one that is released ends at once"),
    clear("number#", "number", After(FIVE_YEARS), &["mobile", "mobile_written"], "how far the number of an employee is"),
];

/// The kind of an item, if it is known.
pub(super) fn kind_of(item: &Value) -> Option<&'static Kind> {
    let (pk, sk) = (text(item, "pk"), text(item, "sk"));
    let fits = |pattern: &str| match pattern.split_once('*') {
        Some((first, last)) => sk.starts_with(first) && sk.ends_with(last),
        None => sk == pattern,
    };
    KINDS
        .iter()
        .find(|kind| pk.starts_with(kind.pk) && fits(kind.sk))
}

pub(super) fn judge(round: &Round<'_>, broken: &mut Vec<String>) {
    for item in round.items {
        let Some(kind) = kind_of(item) else {
            let (pk, sk) = (text(item, "pk"), text(item, "sk"));
            broken.push(format!("the item {pk} {sk} is of no known kind"));
            continue;
        };
        let (begun, ended) = round.time;
        let (least, most) = match kind.ends {
            Never => continue,
            After(seconds) => (seconds, seconds),
            Within(least, most) => (least, most),
            Window(window, kept) => (window * 13 / 12 + kept, window * 14 / 12 + kept),
        };
        let ends = number(item, "expires_at");
        if ends.is_none_or(|ends| !(begun + least..=ended + most).contains(&ends)) {
            let life = ends.map_or("has no end".to_owned(), |ends| {
                format!(
                    "ends {} s after the round, not {least} to {most} s after a write",
                    ends.cast_signed() - ended.cast_signed()
                )
            });
            broken.push(format!(
                "the item {}... {} ({}) {life}",
                kind.pk, kind.sk, kind.what
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::soak::{ledger::items::tests::round, world::Asked};

    fn judged(pk: &str, sk: &str, ends: Option<u64>) -> Vec<String> {
        let mut item = json!({ "pk": { "S": pk }, "sk": { "S": sk } });
        if let Some(ends) = ends {
            item["expires_at"] = json!({ "N": ends.to_string() });
        }
        let mut broken = vec![];
        judge(&round(&[item], &Asked::default(), true), &mut broken);
        broken
    }

    #[test]
    fn an_item_of_an_unknown_kind_is_noticed() {
        let unknown = judged("queue#1", "x", Some(1_000_000));
        assert_eq!(unknown, ["the item queue#1 x is of no known kind"]);
        assert_eq!(judged("pending#+45", "other", None).len(), 1);
        assert!(judged("account#10042", "account", None).is_empty());
    }

    #[test]
    fn an_item_without_an_end_is_noticed() {
        for (pk, sk) in [
            ("pending#+45", "pending"),
            ("number#new", "queue"),
            ("rate#code#all", "hour"),
            ("sent#code#a", "send"),
        ] {
            let broken = judged(pk, sk, None);
            assert!(broken[0].contains("has no end"), "{broken:?}");
        }
    }

    #[test]
    fn an_item_that_ends_too_soon_or_too_late_is_noticed() {
        // The round of the tests lasts from 1,000,000 to 1,000,060.
        for (pk, sk, least, most) in [
            ("pending#+45", "pending", 1_115_200, 1_115_260),
            (
                "seen#twilio-confirmation#SM",
                "first",
                35_560_000,
                35_560_060,
            ),
            (
                "seen#twilio-confirmation#SM",
                "ab#link",
                1_086_400,
                1_086_460,
            ),
            ("seen#twilio-confirmation#SM", "ab", 1_604_800, 1_604_860),
            ("rate#code#all#1", "hour", 1_003_900, 1_004_260),
            ("rate#code#+45", "hour", 8_779_900, 8_780_260),
            ("rate#text#all", "day", 1_093_600, 1_100_860),
            ("score#summary", "summary", 1_000_900, 1_000_960),
            ("token#api#x", "token", 1_000_000, 1_086_460),
        ] {
            for (ends, is_noticed) in [
                (least - 1, true),
                (least, false),
                (most, false),
                (most + 1, true),
            ] {
                let broken = judged(pk, sk, Some(ends));
                assert_eq!(!broken.is_empty(), is_noticed, "{pk} {ends}: {broken:?}");
            }
        }
    }
}
