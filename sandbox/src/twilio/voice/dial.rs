//! Executes `<Dial>`: the phone is called.

use std::pin::Pin;

use super::{
    call::{Call, Dialled, Ended},
    callee::{Callee, TALK},
    caller::{Caller, HangsUp},
    happening::Happening,
    line::{Line, Request, Step},
    parameters::call_sid,
    party::Rang,
    phones::MAX_HOPS,
    record::recording,
};
use crate::{sms::e164, twiml, wire::lock};

/// The `From` of a withheld number (help.twilio.com/articles/223179988). No carrier accepts it as a
/// caller id.
const WITHHELD: [&str; 5] = [
    "+266696687",
    "+7378742833",
    "+2562533",
    "+8656696",
    "+86282452253",
];

/// Makes a call inside a call.
fn pass_on(caller: Caller<'_>, number: String) -> Pin<Box<dyn Future<Output = Call> + Send + '_>> {
    Box::pin(async move { caller.call(&number).await })
}

impl Line<'_> {
    pub(super) async fn dial(&mut self, dial: twiml::Dial) -> Step {
        let twilio = self.caller.twilio;
        self.call.answered |= !dial.answer_on_bridge;
        let caller_id = dial
            .caller_id
            .clone()
            .unwrap_or_else(|| self.caller.from.clone());
        let ours = |number: &String| lock(&twilio.shared.state).numbers.get(number).is_some();
        if dial.caller_id.is_some()
            && caller_id != self.caller.from
            && caller_id != self.to
            && !ours(&caller_id)
        {
            twilio.alert(
                13214,
                format!(
                    "Dial: Invalid callerId value: {caller_id} is neither the caller's nor ours"
                ),
                true,
            );
            return Step::End(self.fail(false));
        }
        self.happened(&Happening::Dial {
            number: dial.number.clone(),
            caller_id: caller_id.clone(),
            timeout: dial.timeout,
            ring_tone: dial.ring_tone.clone(),
        });
        let mut dialled = Dialled {
            number: dial.number.clone(),
            caller_id,
            status: "canceled",
            seconds: 0,
            time_limit: dial.time_limit,
            timeout: dial.timeout,
            answer_on_bridge: dial.answer_on_bridge,
            onward: None,
        };
        let mut left = false;
        if self.caller.hangs_up != HangsUp::AfterGreeting {
            let rang = self.ring(&mut dialled).await;
            (dialled.status, dialled.seconds) = (rang.status, rang.seconds);
            left = rang.caller_gone;
        }
        let talked = dialled.status == "completed";
        self.call.answered |= talked;
        let mut gone = left || dialled.status == "canceled";
        if talked {
            dialled.seconds = dialled.seconds.min(dial.time_limit);
            if let HangsUp::Talking(seconds) = self.caller.hangs_up
                && seconds < dialled.seconds
            {
                (dialled.seconds, gone) = (seconds, true);
            }
        }
        let mut params = vec![
            ("DialCallStatus", dialled.status.to_owned()),
            (
                "DialCallSid",
                dialled
                    .onward
                    .as_ref()
                    .map_or_else(call_sid, |call| call.sid.clone()),
            ),
            ("DialBridged", talked.to_string()),
        ];
        if talked {
            params.push(("DialCallDuration", dialled.seconds.to_string()));
            params.extend(
                dial.record
                    .then(|| ("RecordingUrl", recording(dialled.seconds).url)),
            );
        }
        self.happened(&Happening::Dialled {
            number: dialled.number.clone(),
            status: dialled.status,
            seconds: dialled.seconds,
        });
        self.call.dialled.push(dialled);
        match dial.action {
            Some(url) => Step::Ask(Request {
                url,
                method: dial.method,
                params,
                last: gone,
            }),
            None if gone => Step::End(Ended::CallerHungUp),
            None => Step::On,
        }
    }

    /// Calls the phone.
    async fn ring(&mut self, dialled: &mut Dialled) -> Rang {
        let twilio = self.caller.twilio;
        let rang = |status, seconds| Rang {
            status,
            seconds,
            caller_gone: false,
        };
        if !e164(&dialled.caller_id) || WITHHELD.contains(&dialled.caller_id.as_str()) {
            return rang("failed", 0);
        }
        let mut hops = self.caller.hops;
        if let Some((number, forwarder)) = twilio.arrives_at(&dialled.number, &mut hops) {
            if hops == self.caller.hops {
                hops += 1; // a number of the account, without a phone between
            }
            if hops > MAX_HOPS {
                twilio
                    .server
                    .complain(format!("a call goes round in circles, at last to {number}"));
                return rang("busy", 0);
            }
            let caller = Caller {
                hops,
                parent: Some(self.call.sid.clone()),
                forwarded_from: forwarder,
                ..twilio.caller(&dialled.caller_id)
            };
            let onward = pass_on(caller, number).await;
            let outcome = match onward.ended {
                Ended::Rejected => rang("busy", 0),
                _ if onward.answered => rang(
                    "completed",
                    onward.dialled.iter().map(|dialled| dialled.seconds).sum(),
                ),
                _ => rang("no-answer", 0),
            };
            dialled.onward = Some(onward);
            return outcome;
        }
        let callee = twilio.callee(&dialled.number);
        self.happened(&Happening::Ring {
            number: dialled.number.clone(),
            caller_id: dialled.caller_id.clone(),
            held: matches!(callee, Callee::Held(_)),
        });
        match callee {
            Callee::Answers(seconds) => rang("completed", seconds),
            Callee::Held(party) => {
                party
                    .rings(&self.call.sid, &dialled.number, dialled.timeout)
                    .await
            }
            Callee::Talks(conversations) => {
                conversations.send_modify(|(begun, _)| *begun += 1);
                let ended = conversations
                    .subscribe()
                    .wait_for(|(_, ended)| ended.is_some())
                    .await
                    .ok()
                    .and_then(|talk| talk.1);
                rang("completed", ended.unwrap_or(TALK))
            }
            Callee::Busy | Callee::Forwards(_) => rang("busy", 0),
            Callee::RingsOut => rang("no-answer", 0),
            Callee::Unreachable => rang("failed", 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twilio::{
        ACCOUNT_SID, AUTH_TOKEN, NUMBER,
        voice::hook::{CALLER, FORWARD, MOBILE, asked, each, line},
    };
    use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use std::collections::BTreeMap;

    #[tokio::test]
    async fn a_call_is_connected_and_the_action_told() {
        let (twilio, hook) = line(&[
            ("/", FORWARD),
            ("/after", "<Say>Goodbye.</Say><Hangup/><Say>never</Say>"),
        ])
        .await;
        let call = twilio.call(CALLER, NUMBER).await;
        assert_eq!(
            (call.status, call.requests, call.ended, call.answered),
            (200, 2, Ended::HungUpByUs, true)
        );
        assert_eq!(
            (&call.heard[..], call.documents.len()),
            (&["Please wait.".to_owned(), "Goodbye.".to_owned()][..], 2)
        );
        let dialled = &call.dialled[0];
        assert_eq!(
            (
                dialled.number.as_str(),
                dialled.caller_id.as_str(),
                dialled.status
            ),
            (MOBILE, CALLER, "completed")
        );
        assert_eq!(
            (
                dialled.seconds,
                dialled.time_limit,
                dialled.timeout,
                dialled.answer_on_bridge
            ),
            (30, 30, 25, true)
        );
        let asked = asked(&hook);
        assert_eq!(
            (asked[0].0.as_str(), asked[1].0.as_str()),
            ("/", "/after?x=1")
        );
        for (name, value) in [
            ("CallSid", call.sid.as_str()),
            ("AccountSid", ACCOUNT_SID),
            ("From", CALLER),
            ("Caller", CALLER),
            ("To", NUMBER),
            ("Called", NUMBER),
            ("CallStatus", "ringing"),
            ("Direction", "inbound"),
            ("ApiVersion", "2010-04-01"),
            ("FromCountry", "US"),
            ("CalledCity", ""),
            ("StirVerstat", "TN-Validation-Passed-A"),
        ] {
            assert_eq!(
                asked[0].1.get(name).map(String::as_str),
                Some(value),
                "{name}"
            );
        }
        assert!(
            call.sid.len() == 34
                && call.sid.starts_with("CA")
                && !asked[0].1.contains_key("ForwardedFrom")
        );
        for (name, value) in [
            ("CallStatus", "in-progress"),
            ("CallSid", &call.sid),
            ("DialCallStatus", "completed"),
            ("DialCallDuration", "30"),
            ("DialBridged", "true"),
        ] {
            assert_eq!(
                asked[1].1.get(name).map(String::as_str),
                Some(value),
                "{name}"
            );
        }
        for exchange in hook.exchanges() {
            let mut mac = Hmac::<sha1::Sha1>::new_from_slice(AUTH_TOKEN.as_bytes()).unwrap();
            mac.update((hook.url() + &exchange.target).as_bytes());
            for (name, value) in
                form_urlencoded::parse(&exchange.request).collect::<BTreeMap<_, _>>()
            {
                mac.update(name.as_bytes());
                mac.update(value.as_bytes());
            }
            let signature = (
                "x-twilio-signature".to_owned(),
                BASE64.encode(mac.finalize().into_bytes()),
            );
            assert!(exchange.headers.contains(&signature), "{}", exchange.target);
        }
        assert_eq!(twilio.server().complaints(), [""; 0]);
    }

    #[tokio::test]
    async fn without_an_action_the_document_goes_on() {
        let dial = "<Dial answerOnBridge='true'>+4512345678</Dial><Say>Nobody is there.</Say>";
        let (twilio, hook) = line(&[
            ("/", dial),
            (
                "/none",
                "<Dial answerOnBridge='true' action='/'>+4512345678</Dial>",
            ),
        ])
        .await;
        twilio.phone_busy(MOBILE);
        assert_eq!(
            twilio.call(CALLER, NUMBER).await.heard,
            ["Nobody is there."]
        );
        assert_eq!(hook.exchanges().len(), 1);
        twilio.set_voice_url(NUMBER, &(hook.url() + "/none"));
        hook.clear_exchanges();
        twilio
            .caller(CALLER)
            .hangs_up_after_greeting()
            .call(NUMBER)
            .await;
        assert_eq!(
            each(&hook, "CallStatus"),
            ["ringing", "no-answer"],
            "it was never answered"
        );
        let call = twilio.call("+266696687", NUMBER).await;
        assert_eq!(
            call.dialled[0].status, "failed",
            "no carrier takes that caller id"
        );
        assert!(!each(&hook, "StirVerstat").last().unwrap().starts_with("TN"));
    }
}
