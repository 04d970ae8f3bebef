//! The end of a call: the account's records and the number's status callback.

use axum::http::Method;

use super::{
    call::Finished,
    line::Line,
    parameters::{ended, inbound},
};
use crate::{twilio::webhook::Reply, wire::lock};

impl Line<'_> {
    /// Adds the call to the account's records.
    pub(super) fn keep(&self) {
        let status = match &self.call.refused {
            None => "completed",
            Some(reason) if reason == "busy" => "busy",
            Some(_) => "failed",
        };
        let (sid, from, to, at) = (
            self.call.sid.clone(),
            self.caller.from.clone(),
            self.to.clone(),
            crate::now().as_secs(),
        );
        lock(&self.caller.twilio.shared.state).calls.push(Finished {
            sid,
            from,
            to,
            status,
            at,
        });
    }

    /// Tells the number's status callback, if there is one, that the call has ended.
    pub(super) async fn tell_end(&mut self) {
        let twilio = self.caller.twilio;
        let callback = {
            let state = lock(&twilio.shared.state);
            state
                .numbers
                .get(&self.to)
                .map(|number| number.field("StatusCallbackMethod").to_owned())
                .zip(state.numbers.url(&self.to, "StatusCallback"))
        };
        let Some((method, url)) = callback else {
            return;
        };
        let status = match (self.call.answered, self.call.refused.as_deref()) {
            (true, _) => "completed",
            (false, Some("busy")) => "busy",
            (false, _) => "no-answer",
        };
        let talked = self
            .call
            .dialled
            .iter()
            .map(|dialled| dialled.seconds)
            .sum();
        let params = ended(
            &inbound(
                &self.call.sid,
                &self.caller.from,
                &self.to,
                self.caller.forwarded_from.as_deref(),
            ),
            status,
            if self.call.answered { talked } else { 0 },
        );
        let Some((url, method)) = (if method == "GET" {
            twilio.follow(&url, &url, &method, &params)
        } else {
            Some((url, Method::POST))
        }) else {
            return;
        };
        let signature = twilio.sign(&url, if method == Method::GET { &[] } else { &params });
        let mut reply = Reply::default();
        twilio
            .fetch(&mut reply, &params, &url, &signature, &method)
            .await;
        self.call.told = reply.status;
    }
}

#[cfg(test)]
mod tests {
    use super::super::hook::{CALLER, FORWARD, MOBILE, asked, line};
    use crate::twilio::{ACCOUNT_SID, NUMBER};

    #[tokio::test]
    async fn a_status_callback_is_told_of_every_end() {
        let documents = [
            ("/", FORWARD),
            ("/after", "<Say>Goodbye.</Say>"),
            ("/reject", "<Reject reason='busy'/>"),
            ("/status", ""),
            (
                "/ring",
                "<Dial answerOnBridge='true' action='/after'>+4512345678</Dial>",
            ),
        ];
        let (twilio, hook) = line(&documents).await;
        twilio.set_status_callback(NUMBER, &(hook.url() + "/status#rc=1"));
        twilio.phone_answers(MOBILE, 20);
        for (path, caller, asked_before, status, seconds) in [
            ("/", twilio.caller(CALLER), 2, "completed", "20"),
            (
                "/",
                twilio.caller(CALLER).hangs_up_during_greeting(),
                1,
                "completed",
                "0",
            ),
            (
                "/",
                twilio.caller(CALLER).hangs_up_after(7),
                2,
                "completed",
                "7",
            ),
            ("/reject", twilio.caller(CALLER), 1, "busy", "0"),
            (
                "/ring",
                twilio.caller(CALLER).hangs_up_after_greeting(),
                2,
                "no-answer",
                "0",
            ),
        ] {
            twilio.set_voice_url(NUMBER, &(hook.url() + path));
            hook.clear_exchanges();
            let call = caller.call(NUMBER).await;
            let asked = asked(&hook);
            assert_eq!(
                (call.told, asked.len(), call.requests),
                (200, asked_before + 1, u32::try_from(asked_before).unwrap())
            );
            let (target, told) = asked.last().unwrap();
            assert_eq!(
                (target.as_str(), told["CallSid"].as_str()),
                ("/status", call.sid.as_str()),
                "{path}"
            );
            assert_eq!(
                (told["CallStatus"].as_str(), told["CallDuration"].as_str()),
                (status, seconds),
                "{path}"
            );
            assert_eq!(
                (
                    told["From"].as_str(),
                    told["To"].as_str(),
                    told["AccountSid"].as_str()
                ),
                (CALLER, NUMBER, ACCOUNT_SID)
            );
        }
        twilio.set_status_callback(NUMBER, "");
        twilio.set_voice_url(NUMBER, &(hook.url() + "/"));
        hook.clear_exchanges();
        assert_eq!(
            (
                twilio.call(CALLER, NUMBER).await.told,
                hook.exchanges().len()
            ),
            (0, 2),
            "nobody wants to know"
        );
        assert_eq!(twilio.server().complaints(), [""; 0]);
    }
}
