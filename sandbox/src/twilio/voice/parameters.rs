//! The parameters of the webhooks of calls, and requests with any parameters.

use axum::http::Method;

use crate::{
    random,
    twilio::{account::Twilio, countries::country, ids::ACCOUNT_SID, webhook::Reply},
};

impl Twilio {
    /// The parameters of the status callback for a call; `params` are those of the call's webhook.
    pub fn ended_call(
        &self,
        params: &[(String, String)],
        status: &str,
        seconds: u32,
    ) -> Vec<(String, String)> {
        ended(params, status, seconds)
    }

    /// The parameters of the webhook for a new call.
    pub fn inbound_call(&self, from: &str, to: &str) -> Vec<(String, String)> {
        inbound(&call_sid(), from, to, None)
    }

    /// Calls a webhook with these parameters, signed, and executes nothing. Returns status (0: no
    /// answer) and body.
    pub async fn post_call(&self, params: Vec<(String, String)>, url: &str) -> (u16, String) {
        let signature = self.sign(url, &params);
        self.post_call_signed(params, url, &signature).await
    }

    /// Calls a webhook with any signature and executes nothing.
    pub async fn post_call_signed(
        &self,
        params: Vec<(String, String)>,
        url: &str,
        signature: &str,
    ) -> (u16, String) {
        let mut reply = Reply::default();
        self.fetch(&mut reply, &params, url, signature, &Method::POST)
            .await;
        (reply.status, reply.body)
    }
}

/// The parameters of a status callback
/// (<https://www.twilio.com/docs/voice/twiml#ending-the-call-callback-requests>).
pub(super) fn ended(
    params: &[(String, String)],
    status: &str,
    seconds: u32,
) -> Vec<(String, String)> {
    let more = [
        ("CallStatus", status.to_owned()),
        ("CallDuration", seconds.to_string()),
        ("Duration", seconds.div_ceil(60).to_string()),
        ("Timestamp", crate::mail::date(crate::now().as_secs())),
        ("CallbackSource", "call-progress-events".to_owned()),
        ("SequenceNumber", "0".to_owned()),
    ];
    let kept = params
        .iter()
        .filter(|(name, _)| more.iter().all(|(other, _)| other != name))
        .cloned();
    kept.chain(
        more.iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone())),
    )
    .collect()
}

pub(super) fn call_sid() -> String {
    format!("CA{}", random::hex(16))
}

pub(super) fn inbound(
    sid: &str,
    from: &str,
    to: &str,
    forwarded_from: Option<&str>,
) -> Vec<(String, String)> {
    let token = format!(
        "{{\"parentCallInfoToken\":\"{}\",\"identityHeaderTokens\":[]}}",
        random::hex(24)
    );
    let mut pairs = vec![
        ("AccountSid", ACCOUNT_SID),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", sid),
        ("CallStatus", "ringing"),
        ("CallToken", &token),
        ("Direction", "inbound"),
    ];
    for (names, number) in [
        (
            ["From", "FromCity", "FromState", "FromZip", "FromCountry"],
            from,
        ),
        (
            [
                "Caller",
                "CallerCity",
                "CallerState",
                "CallerZip",
                "CallerCountry",
            ],
            from,
        ),
        (["To", "ToCity", "ToState", "ToZip", "ToCountry"], to),
        (
            [
                "Called",
                "CalledCity",
                "CalledState",
                "CalledZip",
                "CalledCountry",
            ],
            to,
        ),
    ] {
        pairs.extend(names.into_iter().zip([number, "", "", "", country(number)]));
    }
    pairs.extend(forwarded_from.map(|number| ("ForwardedFrom", number)));
    if from.starts_with("+1") {
        pairs.push(("StirVerstat", "TN-Validation-Passed-A"));
    }
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::twilio::{
        NUMBER,
        voice::hook::{CALLER, MOBILE, asked, line},
    };

    #[tokio::test]
    async fn requests_can_be_tampered_with() {
        let (twilio, hook) = line(&[("/", "<Say>x</Say>")]).await;
        let params = twilio.inbound_call(CALLER, NUMBER);
        let url = hook.url() + "/";
        assert_eq!(
            twilio.post_call(params.clone(), &url).await,
            (200, "<Response><Say>x</Say></Response>".to_owned())
        );
        twilio
            .post_call_signed(params.clone(), &url, "forged")
            .await;
        let signatures = hook.exchanges().into_iter().map(|exchange| {
            exchange
                .headers
                .into_iter()
                .find(|(name, _)| name == "x-twilio-signature")
                .map(|(_, value)| value)
                .unwrap()
        });
        assert_eq!(
            signatures.collect::<Vec<_>>(),
            [twilio.sign(&url, &params), "forged".to_owned()]
        );
        let sid = twilio
            .caller(CALLER)
            .sid("CA00000000000000000000000000000001")
            .forwarded_from(MOBILE)
            .call(NUMBER)
            .await
            .sid;
        let (_, params) = asked(&hook).pop().unwrap();
        assert_eq!(
            (&params["CallSid"], params["ForwardedFrom"].as_str()),
            (&sid, MOBILE)
        );
    }
}
