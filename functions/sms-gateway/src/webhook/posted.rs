//! Reads Supabase's request: the number, the code, and who asked for it. It has no text.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use shared::platform::time::{epoch, from_iso};
use shared::rules::voice::Said;

use crate::code_text::CodeText;
use crate::gateway::{Asker, Message, hash, number, unfit};
use crate::posted::{IMPOSSIBLE_NUMBER, Wrong};

/// Supabase ends all attempts of a call after so many seconds.
const LIMIT: u64 = 5;

/// A call of the hook. No `Debug`: it holds a code.
pub(crate) struct Hook {
    pub(crate) message: Message,
    /// When Supabase began the call, in seconds. All its attempts say the same.
    begun: Option<u64>,
}

impl Hook {
    /// The time between the begin of the call and the signature of this attempt. Supabase makes no
    /// attempt after its limit, so a longer time says nothing.
    pub(super) fn spent(&self, signed_at: u64) -> Duration {
        let spent = self.begun.and_then(|begun| signed_at.checked_sub(begun));
        Duration::from_secs(spent.filter(|spent| *spent <= LIMIT).unwrap_or_default())
    }
}

/// Reads a request body.
pub(super) async fn parse(
    body: &[u8],
    text: &CodeText,
    life: Duration,
    now: SystemTime,
) -> Result<Hook, Wrong> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let at = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
    let filled = |pointer| at(pointer).filter(|text| !text.trim().is_empty());
    let code = filled("/sms/otp").ok_or(Wrong::malformed(
        "the body must be a JSON object with sms.otp, as Supabase's Send SMS hook posts it",
    ))?;
    // The number of a second factor is not the user's own. Older servers send only the latter.
    let to = filled("/sms/phone")
        .or(filled("/user/phone"))
        .ok_or(Wrong::malformed(
            "neither sms.phone nor user.phone is there",
        ))?;
    let to = with_plus(to.trim());
    let to = number(&to).ok_or(IMPOSSIBLE_NUMBER)?;
    // Supabase names no language unless the application keeps one in the user's data.
    let locale = filled("/user/user_metadata/locale");
    let text = text.with(code, locale, &to, now).await;
    if let Some(why) = unfit(&text) {
        return Err(Wrong::malformed(why));
    }
    let begun = at("/metadata/time").and_then(from_iso).map(epoch);
    let message = Message {
        by_voice: false,
        said: Some(Said {
            code: Some(code.to_owned()),
            ..Said::default()
        }),
        // Each attempt has a new `webhook-id`.
        id: hash(&format!("hook\n{}\n{code}", to.reveal())),
        asker: Asker::new(at("/metadata/ip_address"), None),
        from: None,
        to,
        body: text,
        life,
    };
    Ok(Hook { message, begun })
}

/// Parts of Supabase keep numbers without plus.
fn with_plus(number: &str) -> String {
    let plus = if number.starts_with('+') { "" } else { "+" };
    format!("{plus}{number}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code_text::tests::configured;

    async fn parsed(body: &str) -> Result<Hook, Wrong> {
        let text = configured(&[], CodeText::read);
        let now = SystemTime::UNIX_EPOCH;
        parse(body.as_bytes(), &text, Duration::ZERO, now).await
    }

    #[tokio::test]
    async fn the_factor_s_number_comes_before_the_user_s_and_gets_its_plus() {
        for (body, number) in [
            (
                r#"{"user":{"phone":"4531415161"},"sms":{"otp":"012345","phone":"+4520304050"}}"#,
                "+4520304050",
            ),
            (
                r#"{"user":{"phone":"4531415161"},"sms":{"otp":"012345","phone":""}}"#,
                "+4531415161",
            ),
            (
                r#"{"user":{"phone":"4531415161"},"sms":{"otp":"012345"}}"#,
                "+4531415161",
            ),
            (
                r#"{"user":null,"sms":{"otp":"012345","phone":"4520304050"},"metadata":null}"#,
                "+4520304050",
            ),
        ] {
            let Hook { message, begun } = parsed(body).await.ok().unwrap();
            assert_eq!(message.to.reveal(), number, "{body}");
            assert_eq!(
                (message.body.as_str(), begun),
                ("Your code is 012345", None)
            );
        }
    }

    #[tokio::test]
    async fn the_time_of_earlier_attempts_counts() {
        for (time, signed_at, spent) in [
            ("2026-11-27T12:00:00Z", 1_795_780_800, 0),
            ("2026-11-27T12:00:00.999999999Z", 1_795_780_800, 0),
            ("2026-11-27T13:00:00.5+01:00", 1_795_780_803, 3),
            ("2026-11-27T12:00:09Z", 1_795_780_800, 0),
            ("2026-11-27T11:59:55Z", 1_795_780_800, 5),
            ("2026-11-27T11:59:54Z", 1_795_780_800, 0),
            ("0000-01-01T00:00:00Z", 1_795_780_800, 0),
            ("yesterday", 1_795_780_800, 0),
        ] {
            let body = format!(
                r#"{{"sms":{{"otp":"1","phone":"+4520304050"}},"metadata":{{"time":"{time}"}}}}"#
            );
            let hook = parsed(&body).await.ok().unwrap();
            assert_eq!(hook.spent(signed_at), Duration::from_secs(spent), "{time}");
        }
    }

    #[tokio::test]
    async fn the_same_code_for_the_same_phone_is_the_same_message() {
        let id = async |phone: &str, otp: &str, ip: &str| {
            let body = format!(
                r#"{{"sms":{{"otp":"{otp}","phone":"{phone}"}},"metadata":{{"ip_address":"{ip}"}}}}"#
            );
            parsed(&body).await.ok().unwrap().message.id
        };
        let one = id("+4520304050", "012345", "203.0.113.7").await;
        assert_eq!(id("4520304050", "012345", "203.0.113.8").await, one);
        assert_ne!(id("+4520304050", "012346", "203.0.113.7").await, one);
        assert_ne!(id("+4520304051", "012345", "203.0.113.7").await, one);
    }
}
