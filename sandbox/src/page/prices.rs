//! List prices. `docs/operate.md` tells where they come from.

use axum::Json;
use serde_json::{Value, json};

pub(super) const CURRENCY: &str = "USD";
/// A segment, without what the carrier takes.
const SEGMENT: f64 = 0.0083;
/// A minute of a call to one of our numbers.
const CALL_IN: f64 = 0.0085;
/// A minute of a call from us.
const CALL_OUT: f64 = 0.0140;
const NUMBER: f64 = 1.15;
const LAMBDA_REQUEST: f64 = 0.20 / 1e6;
const LAMBDA_GB_SECOND: f64 = 0.000_013_333_4;
const WRITE: f64 = 0.625 / 1e6;
const READ: f64 = 0.125 / 1e6;

/// The price of this many segments.
pub(super) fn texts(segments: usize) -> f64 {
    rounded(SEGMENT * f64::from(u32::try_from(segments).unwrap_or(u32::MAX)))
}

/// The price of a call: its own minutes, and those of the phones that it dialled.
pub(super) fn call(seconds: u32, dialled: u32) -> f64 {
    let minutes = |seconds: u32| f64::from(seconds.div_ceil(60));
    rounded(minutes(seconds) * CALL_IN + minutes(dialled) * CALL_OUT)
}

/// The price of invocations of this many milliseconds with this memory, and of requests to the
/// table.
pub(super) fn aws(invocations: u32, gb_seconds: f64, writes: u32, reads: u32) -> f64 {
    f64::from(invocations) * LAMBDA_REQUEST
        + gb_seconds * LAMBDA_GB_SECOND
        + f64::from(writes) * WRITE
        + f64::from(reads) * READ
}

fn rounded(price: f64) -> f64 {
    (price * 1e6).round() / 1e6
}

/// `GET /api/prices`.
pub(super) async fn list() -> Json<Value> {
    Json(json!({
        "currency": CURRENCY, "source": "docs/operate.md", "text_segment": SEGMENT,
        "call_in_minute": CALL_IN, "call_out_minute": CALL_OUT, "number_month": NUMBER,
        "lambda_request": LAMBDA_REQUEST, "lambda_gb_second": LAMBDA_GB_SECOND,
        "dynamodb_write": WRITE, "dynamodb_read": READ,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_those_of_the_docs() {
        let docs = std::fs::read_to_string(crate::template::root().join("docs/operate.md"));
        let docs = docs.unwrap();
        for quoted in [
            "$0.0083",
            "$0.0085 a minute",
            "$0.0140 a minute",
            "$1.15 a month",
            "$0.625",
            "$0.125",
            "$0.0000133334",
            "$0.20 for a million",
        ] {
            assert!(docs.contains(quoted), "docs/operate.md lacks {quoted}");
        }
        assert_eq!(
            (texts(2), call(61, 0), call(30, 180)),
            (0.0166, 0.017, 0.0505)
        );
    }
}
