//! The menus of the faults: what each switch is called, what it means, and what it puts into a
//! simulator.

use std::time::Duration;

use serde_json::json;

use crate::{receipts::Fate, wire::Fault};

/// How long a slow server waits. It is longer than some functions wait, and shorter than others do.
const SLOW: Duration = Duration::from_secs(4);

/// One line of a menu.
pub(super) struct Entry {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) means: &'static str,
    pub(super) group: &'static str,
}

const fn entry(
    id: &'static str,
    title: &'static str,
    means: &'static str,
    group: &'static str,
) -> Entry {
    Entry {
        id,
        title,
        means,
        group,
    }
}

pub(super) const NETWORK: [Entry; 12] = [
    entry("down", "Down", "Connections are refused.", "network"),
    entry(
        "slow",
        "Slow",
        "Each answer comes 4 seconds late.",
        "network",
    ),
    entry(
        "hang",
        "Silent",
        "Requests get no answer at all.",
        "network",
    ),
    entry(
        "lost_answer",
        "Lost answer",
        "The request takes effect, and the connection breaks before the answer.",
        "network",
    ),
    entry(
        "reset",
        "Broken connection",
        "The connection breaks before the request takes effect.",
        "network",
    ),
    entry(
        "truncate",
        "Half an answer",
        "The connection breaks in the middle of the answer.",
        "network",
    ),
    entry(
        "garbage",
        "Garbage",
        "The answer cannot be read.",
        "network",
    ),
    entry(
        "oversize",
        "Huge answer",
        "The answer has 16 MB.",
        "network",
    ),
    entry(
        "http_500",
        "Error 500",
        "Each answer is 500, and nothing takes effect.",
        "answers",
    ),
    entry(
        "http_503",
        "Error 503",
        "Each answer is 503, and nothing takes effect.",
        "answers",
    ),
    entry(
        "http_429",
        "Too many requests",
        "Each answer is 429, and nothing takes effect.",
        "answers",
    ),
    entry(
        "http_401",
        "Wrong credentials",
        "Each answer is 401, and nothing takes effect.",
        "answers",
    ),
];

pub(super) const RECEIPTS: [Entry; 7] = [
    entry(
        "receipt_failed",
        "Texts fail",
        "The receipt says that the text did not arrive.",
        "receipts",
    ),
    entry(
        "receipt_expired",
        "Texts expire",
        "The receipt says that the text waited too long.",
        "receipts",
    ),
    entry(
        "receipt_never",
        "No receipts",
        "Nothing is heard of a text.",
        "receipts",
    ),
    entry(
        "receipt_twice",
        "Receipts twice",
        "The last receipt of a text arrives twice.",
        "receipts",
    ),
    entry(
        "receipt_out_of_order",
        "Receipts out of order",
        "The last receipt of a text arrives first.",
        "receipts",
    ),
    entry(
        "receipt_forged",
        "Forged receipts",
        "A stranger posts the receipts, without the provider's key.",
        "receipts",
    ),
    entry(
        "receipt_late",
        "Late receipts",
        "The receipts arrive when the switch is turned off.",
        "receipts",
    ),
];

pub(super) const TABLE: [Entry; 2] = [
    entry(
        "throttled",
        "Throttled",
        "The table refuses every request: too many.",
        "table",
    ),
    entry(
        "conflict",
        "Conflicts",
        "The table refuses every request: another transaction holds the item.",
        "table",
    ),
];

pub(super) const MAIL: [Entry; 1] = [entry(
    "duplicate",
    "Mails twice",
    "Mailgun delivers each mail of this page twice.",
    "texts",
)];

/// The refusals of each provider: code, title.
pub(super) fn refusals(server: &str) -> &'static [(u32, &'static str, &'static str)] {
    match server {
        "Twilio" => &[
            (
                21_211,
                "refuse_21211",
                "Refuse a number: it is invalid (21211)",
            ),
            (
                21_408,
                "refuse_21408",
                "Refuse a number: its country is not allowed (21408)",
            ),
            (
                21_610,
                "refuse_21610",
                "Refuse a number: it has opted out (21610)",
            ),
            (
                21_614,
                "refuse_21614",
                "Refuse a number: it is no mobile (21614)",
            ),
            (
                20_429,
                "refuse_20429",
                "Refuse a number: too many requests (20429)",
            ),
        ],
        "Plivo" => &[
            (400, "refuse_400", "Refuse a number: bad request (400)"),
            (
                429,
                "refuse_429",
                "Refuse a number: too many requests (429)",
            ),
            (500, "refuse_500", "Refuse a number: server error (500)"),
        ],
        "Vonage" => &[
            (1, "refuse_1", "Refuse a number: throttled (1)"),
            (6, "refuse_6", "Refuse a number: invalid message (6)"),
            (9, "refuse_9", "Refuse a number: quota exceeded (9)"),
        ],
        _ => &[],
    }
}

fn answer(status: u16, kind: Option<&str>) -> Fault {
    let headers = vec![(
        "content-type".to_owned(),
        if kind.is_some() {
            "application/x-amz-json-1.0"
        } else {
            "text/plain"
        }
        .to_owned(),
    )];
    let body = kind.map_or(String::new(), |kind| {
        json!({
            "__type": format!("com.amazonaws.dynamodb.v20120810#{kind}"),
            "message": "The sandbox's page switched this on.",
        })
        .to_string()
    });
    Fault::Answer {
        status,
        headers,
        body,
    }
}

/// What a switch puts into the server.
pub(super) fn wired(id: &str) -> Option<Fault> {
    Some(match id {
        "slow" => Fault::Delay(SLOW),
        "hang" => Fault::Hang,
        "lost_answer" => Fault::ResetAfter,
        "reset" => Fault::ResetBefore,
        "truncate" => Fault::Truncate,
        "garbage" => Fault::Garbage,
        "oversize" => Fault::Oversize(16 * 1024 * 1024),
        "http_500" => answer(500, None),
        "http_503" => answer(503, None),
        "http_429" => answer(429, None),
        "http_401" => answer(401, None),
        "throttled" => answer(400, Some("ProvisionedThroughputExceededException")),
        "conflict" => answer(400, Some("TransactionConflictException")),
        _ => return None,
    })
}

/// True if a fault can end after a number of requests.
pub(super) fn counts(id: &str) -> bool {
    id != "down" && !id.starts_with("refuse_")
}

pub(super) fn fate(id: &str) -> Option<Fate> {
    Some(match id {
        "receipt_failed" => Fate::failed(30_003),
        "receipt_expired" => Fate::expired(),
        "receipt_never" => Fate::never(),
        "receipt_twice" => Fate::delivered().twice(),
        "receipt_out_of_order" => Fate::delivered().out_of_order(),
        "receipt_forged" => Fate::delivered().forged(),
        "receipt_late" => Fate::delivered().late(),
        _ => return None,
    })
}
