//! The phones' settings, and where a call to a number arrives.

use std::sync::Arc;

use tokio::sync::watch;

use super::{
    callee::{Callee, TALK, Talk},
    party::Party,
};
use crate::{twilio::account::Twilio, wire::lock};

/// How often a call may be forwarded before carriers end it.
pub(super) const MAX_HOPS: usize = 5;

impl Twilio {
    /// This phone answers from now on and hangs up after this many seconds. A phone without
    /// settings answers too, for 42 seconds.
    pub fn phone_answers(&self, number: &str, seconds: u32) {
        self.set_callee(number, Callee::Answers(seconds));
    }

    /// This phone answers from now on and talks until it is told to hang up. So several calls can
    /// be in progress at the same time.
    #[must_use]
    pub fn phone_talks(&self, number: &str) -> Talk {
        let (conversations, _) = watch::channel((0, None));
        self.set_callee(number, Callee::Talks(conversations.clone()));
        Talk(conversations)
    }

    /// A person decides from now on what happens when this phone rings.
    pub fn phone_held(&self, number: &str, party: Arc<dyn Party>) {
        self.set_callee(number, Callee::Held(party));
    }

    /// This phone is busy from now on.
    pub fn phone_busy(&self, number: &str) {
        self.set_callee(number, Callee::Busy);
    }

    /// This phone rings from now on without an answer.
    pub fn phone_rings_out(&self, number: &str) {
        self.set_callee(number, Callee::RingsOut);
    }

    /// Calls to this phone fail from now on.
    pub fn phone_unreachable(&self, number: &str) {
        self.set_callee(number, Callee::Unreachable);
    }

    /// This phone forwards all calls from now on, to another phone or to one of the account's
    /// numbers.
    pub fn phone_forwards(&self, number: &str, to: &str) {
        self.set_callee(number, Callee::Forwards(to.to_owned()));
    }

    fn set_callee(&self, number: &str, callee: Callee) {
        lock(&self.shared.state)
            .callees
            .insert(number.to_owned(), callee);
    }

    /// URL and method of the account's number for calls.
    pub(super) fn voice_url(&self, number: &str) -> Option<(String, String)> {
        let state = lock(&self.shared.state);
        let method = state.numbers.get(number)?.field("VoiceMethod").to_owned();
        Some((state.numbers.url(number, "VoiceUrl")?, method))
    }

    /// The account's number that a call to `number` reaches, if any, and the phone that forwarded
    /// it.
    pub(super) fn arrives_at(
        &self,
        number: &str,
        hops: &mut usize,
    ) -> Option<(String, Option<String>)> {
        let (mut number, mut forwarder) = (number.to_owned(), None);
        loop {
            let state = lock(&self.shared.state);
            if state.numbers.get(&number).is_some() {
                return Some((number, forwarder));
            }
            let Some(Callee::Forwards(next)) = state.callees.get(&number).cloned() else {
                return None;
            };
            drop(state);
            *hops += 1;
            if *hops > MAX_HOPS {
                self.server.complain(format!(
                    "a call is passed on again and again, at last by {number}"
                ));
                return None;
            }
            forwarder = Some(number);
            number = next;
        }
    }

    /// The behaviour of the last phone in a chain of forwarding.
    pub(super) fn callee(&self, number: &str) -> Callee {
        let state = lock(&self.shared.state);
        let mut number = number;
        for _ in 0..=MAX_HOPS {
            match state.callees.get(number) {
                Some(Callee::Forwards(next)) => number = next,
                callee => return callee.cloned().unwrap_or(Callee::Answers(TALK)),
            }
        }
        Callee::Busy
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twilio::{
        NUMBER,
        voice::{
            Ended,
            hook::{CALLER, FORWARD, MOBILE, asked, each, line, webhook},
        },
    };

    #[tokio::test]
    async fn phones_and_callers_behave_as_told() {
        let (twilio, hook) = line(&[("/", FORWARD), ("/after", "<Say>Goodbye.</Say>")]).await;
        for (set, status) in [
            (Twilio::phone_busy as fn(&Twilio, &str), "busy"),
            (Twilio::phone_rings_out, "no-answer"),
            (Twilio::phone_unreachable, "failed"),
        ] {
            set(&twilio, MOBILE);
            let call = twilio.call(CALLER, NUMBER).await;
            assert_eq!(
                (
                    call.dialled[0].status,
                    call.dialled[0].seconds,
                    call.heard.len()
                ),
                (status, 0, 2)
            );
            let (_, after) = asked(&hook).pop().unwrap();
            assert_eq!(
                (
                    after["DialCallStatus"].as_str(),
                    after["DialBridged"].as_str()
                ),
                (status, "false")
            );
            assert!(!after.contains_key("DialCallDuration"));
        }
        twilio.phone_answers(MOBILE, 20);
        for (caller, seconds, heard, ended, after) in [
            (
                twilio.caller(CALLER),
                20,
                2,
                Ended::HungUpByUs,
                Some(("completed", "in-progress")),
            ),
            (
                twilio.caller(CALLER).hangs_up_after(60),
                20,
                2,
                Ended::HungUpByUs,
                Some(("completed", "in-progress")),
            ),
            (
                twilio.caller(CALLER).hangs_up_after(7),
                7,
                1,
                Ended::CallerHungUp,
                Some(("completed", "completed")),
            ),
            (
                twilio.caller(CALLER).hangs_up_after_greeting(),
                0,
                1,
                Ended::CallerHungUp,
                Some(("canceled", "completed")),
            ),
            (
                twilio.caller(CALLER).hangs_up_during_greeting(),
                0,
                1,
                Ended::CallerHungUp,
                None,
            ),
        ] {
            hook.clear_exchanges();
            let call = caller.call(NUMBER).await;
            assert_eq!((call.heard.len(), call.ended), (heard, ended));
            assert_eq!(
                call.dialled
                    .iter()
                    .map(|dialled| dialled.seconds)
                    .sum::<u32>(),
                seconds
            );
            let asked = asked(&hook);
            let told = asked.get(1).map(|(_, after)| {
                (
                    after["DialCallStatus"].as_str(),
                    after["CallStatus"].as_str(),
                )
            });
            assert_eq!((told, call.documents.len()), (after, asked.len()));
        }
        assert_eq!(twilio.server().complaints(), [""; 0]);
    }

    #[tokio::test]
    async fn calls_are_in_progress_until_the_phone_hangs_up() {
        let (twilio, hook) = line(&[("/", FORWARD), ("/after", "<Say>Goodbye.</Say>")]).await;
        let talk = twilio.phone_talks(MOBILE);
        let hang_up = async {
            talk.picked_up(2).await;
            assert_eq!(hook.exchanges().len(), 2);
            talk.hang_up(9);
        };
        let (first, second, ()) = tokio::join!(
            twilio.call(CALLER, NUMBER),
            twilio.call(CALLER, NUMBER),
            hang_up
        );
        assert_eq!(
            (
                first.dialled[0].seconds,
                second.dialled[0].seconds,
                hook.exchanges().len()
            ),
            (9, 9, 4)
        );
        drop(twilio.phone_talks(MOBILE));
        assert_eq!(
            twilio.call(CALLER, NUMBER).await.dialled[0].seconds,
            30,
            "the limit; nobody is left to hang up"
        );
    }

    #[tokio::test]
    async fn forwarding_phones_make_loops() {
        let (twilio, hook) = line(&[("/", FORWARD), ("/after", "<Say>Goodbye.</Say>")]).await;
        let office = webhook(&[("/", "<Reject reason='busy'/>")]).await;
        twilio.set_voice_url("+15005550011", &(office.url() + "/"));
        twilio.phone_forwards(MOBILE, "+4511111111");
        twilio.phone_rings_out("+4511111111");
        assert_eq!(
            twilio.call(CALLER, NUMBER).await.dialled[0].status,
            "no-answer"
        );

        twilio.phone_forwards("+4511111111", "+15005550011");
        let call = twilio.call(CALLER, NUMBER).await;
        let onward = call.dialled[0].onward.as_ref().unwrap();
        assert_eq!(
            (call.dialled[0].status, onward.refused.as_deref()),
            ("busy", Some("busy"))
        );
        let (_, params) = asked(&office).pop().unwrap();
        assert_eq!(
            (
                params["From"].as_str(),
                params["To"].as_str(),
                params["ForwardedFrom"].as_str()
            ),
            (CALLER, "+15005550011", "+4511111111")
        );
        assert!(params["CallSid"] == onward.sid && onward.sid != call.sid);
        assert_eq!(each(&hook, "DialCallSid").pop().unwrap(), onward.sid);
        assert_eq!(twilio.server().complaints(), [""; 0]);

        twilio.phone_forwards("+4511111111", NUMBER);
        hook.clear_exchanges();
        let call = twilio.call(CALLER, "+4511111111").await;
        assert_eq!(call.dialled.len(), 1);
        assert!(hook.exchanges().len() <= 6 && twilio.server().complaints().len() == 1);
        twilio.phone_forwards(MOBILE, MOBILE);
        assert_eq!(twilio.call(CALLER, NUMBER).await.dialled[0].status, "busy");
        assert_eq!(twilio.server().complaints().len(), 1);
    }
}
