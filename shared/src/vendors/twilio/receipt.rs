//! Twilio's status callback of a message
//! (<https://www.twilio.com/docs/messaging/guides/track-outbound-message-status>): a signed form.
//! The reference is the last segment of the callback's path, which the signature covers.

use super::is_sid;
use super::webhook::Form;
use crate::platform::reply::Reply;
use crate::rules::delivery::{DeliveryReceipt, Reason, Reference, State};
use crate::rules::verified::Verified;

/// Reads a verified callback.
///
/// # Errors
/// 403 if a parameter is missing that every signed callback has: Twilio did not sign this request
/// as it is.
pub fn parse(
    form: &Verified<Form>,
    reference: Option<Reference>,
) -> Result<DeliveryReceipt, Reply> {
    let sid = form
        .get("MessageSid")
        .filter(|sid| is_sid(sid, &["SM", "MM"]));
    let status = form.get("MessageStatus").or(form.get("SmsStatus"));
    let (Some(sid), Some(status)) = (sid, status) else {
        return Err(Reply::refused(403, "parameter_missing"));
    };
    let code: Option<u32> = form.get("ErrorCode").and_then(|code| code.parse().ok());
    Ok(DeliveryReceipt {
        reference,
        id: Some(sid.to_owned()),
        state: state(status, code),
        code,
    })
}

/// The meaning of `MessageStatus`. A text may end as `sent` if the network sends no receipts.
fn state(status: &str, code: Option<u32>) -> State {
    match status {
        "delivered" | "read" => State::Delivered,
        "undelivered" | "failed" | "canceled" => State::Undelivered(reason(code)),
        _ => State::OnItsWay,
    }
}

/// The error codes of a message that was not delivered (<https://www.twilio.com/docs/api/errors>).
fn reason(code: Option<u32>) -> Reason {
    match code {
        Some(30003) => Reason::Unreachable,
        Some(30002 | 30004 | 30034) => Reason::Blocked,
        Some(30005 | 30006 | 21614 | 21635) => Reason::Landline,
        Some(21610) => Reason::OptedOut,
        Some(30007) => Reason::Filtered,
        Some(30036) => Reason::Expired,
        _ => Reason::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states() {
        for (status, code, expected) in [
            ("queued", None, State::OnItsWay),
            ("sent", None, State::OnItsWay),
            ("partially_delivered", None, State::OnItsWay),
            ("something_new", None, State::OnItsWay),
            ("delivered", None, State::Delivered),
            ("read", None, State::Delivered),
            (
                "undelivered",
                Some(30003),
                State::Undelivered(Reason::Unreachable),
            ),
            (
                "undelivered",
                Some(30036),
                State::Undelivered(Reason::Expired),
            ),
            ("failed", Some(21610), State::Undelivered(Reason::OptedOut)),
            ("failed", None, State::Undelivered(Reason::Unknown)),
            (
                "undelivered",
                Some(30005),
                State::Undelivered(Reason::Landline),
            ),
        ] {
            assert_eq!(state(status, code), expected, "{status} {code:?}");
        }
    }
}
