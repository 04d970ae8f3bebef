//! A second reader of the signatures of mails (<https://www.rfc-editor.org/rfc/rfc6376>).

use serde_json::Value;

/// The domain of every sender that the functions know.
const SENDERS: &str = "acme.example";

/// Whether a mail names no signer but its sender, Mailgun found its signature good, and the
/// signature covers the recipient.
pub(crate) fn is_signed_by_sender(fields: &[(String, String)]) -> bool {
    let listed = fields.iter().filter(|(name, _)| name == "message-headers");
    let listed: Vec<(String, String)> = listed
        .filter_map(|(_, list)| serde_json::from_str::<Vec<Vec<Value>>>(list).ok())
        .flatten()
        .filter_map(|header| match &*header {
            [Value::String(name), Value::String(value)] => Some((name.clone(), value.clone())),
            _ => None,
        })
        .collect();
    let all = |wanted: &str| {
        let headers = fields.iter().chain(&listed);
        let found = headers.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    let (signatures, verdicts) = (all("dkim-signature"), all("x-mailgun-dkim-check-result"));
    let is_good = |verdict: &String| verdict.trim().eq_ignore_ascii_case("pass");
    !signatures.is_empty()
        && signatures.iter().all(|signature| is_by_sender(signature))
        && !verdicts.is_empty()
        && verdicts.iter().all(is_good)
}

fn is_by_sender(signature: &str) -> bool {
    let values = |wanted: &str| {
        let tags = signature.split(';').filter_map(|tag| tag.split_once('='));
        let tags = tags.filter(|(name, _)| name.trim().eq_ignore_ascii_case(wanted));
        let values = tags.map(|(_, value)| value.trim().to_ascii_lowercase());
        values.collect::<Vec<_>>()
    };
    let (domain, covered) = (values("d"), values("h"));
    let covers_to = |headers: &String| headers.split(':').any(|name| name.trim() == "to");
    domain == [SENDERS]
        && covered.len() <= 1
        && covered.iter().all(covers_to)
        && values("l").is_empty()
}
