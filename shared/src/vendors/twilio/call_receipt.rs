//! Twilio's status callback of a call
//! (<https://www.twilio.com/docs/voice/api/call-resource#statuscallback>): a signed form. The
//! reference is the last segment of the callback's path, which the signature covers.

use super::is_sid;
use super::webhook::Form;
use crate::platform::reply::Reply;
use crate::rules::delivery::{DeliveryReceipt, Reason, Reference, State};
use crate::rules::verified::Verified;
use crate::rules::voice::HEARD_SECONDS;

/// Whether a verified callback is about a call, and not about a text.
pub fn is_call(form: &Verified<Form>) -> bool {
    form.get("CallSid").is_some() && form.get("MessageSid").is_none()
}

/// Reads a verified callback.
///
/// # Errors
/// 403 if a parameter is missing that every signed callback has: Twilio did not sign this request
/// as it is.
pub fn parse(
    form: &Verified<Form>,
    reference: Option<Reference>,
) -> Result<DeliveryReceipt, Reply> {
    let sid = form.get("CallSid").filter(|sid| is_sid(sid, &["CA"]));
    let (Some(sid), Some(status)) = (sid, form.get("CallStatus")) else {
        return Err(Reply::refused(403, "parameter_missing"));
    };
    let seconds = form.get("CallDuration").or(form.get("Duration"));
    let seconds = seconds.and_then(|seconds| seconds.parse().ok());
    Ok(DeliveryReceipt {
        reference,
        id: Some(sid.to_owned()),
        state: state(status, seconds),
        code: form
            .get("SipResponseCode")
            .and_then(|code| code.parse().ok()),
    })
}

/// The meaning of `CallStatus`. Who hangs up at once has not heard the code.
fn state(status: &str, seconds: Option<u64>) -> State {
    match (status, seconds) {
        ("completed", Some(0..=HEARD_SECONDS)) | ("busy" | "no-answer", _) => {
            State::Undelivered(Reason::NotAnswered)
        }
        ("completed", _) => State::Delivered,
        ("failed" | "canceled", _) => State::Undelivered(Reason::Unknown),
        _ => State::OnItsWay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states() {
        for (status, seconds, expected) in [
            ("queued", None, State::OnItsWay),
            ("ringing", None, State::OnItsWay),
            ("in-progress", None, State::OnItsWay),
            ("something-new", None, State::OnItsWay),
            ("completed", Some(20), State::Delivered),
            ("completed", Some(6), State::Delivered),
            ("completed", None, State::Delivered),
            (
                "completed",
                Some(5),
                State::Undelivered(Reason::NotAnswered),
            ),
            ("busy", Some(0), State::Undelivered(Reason::NotAnswered)),
            ("no-answer", None, State::Undelivered(Reason::NotAnswered)),
            ("failed", None, State::Undelivered(Reason::Unknown)),
            ("canceled", None, State::Undelivered(Reason::Unknown)),
        ] {
            assert_eq!(state(status, seconds), expected, "{status} {seconds:?}");
        }
    }
}
