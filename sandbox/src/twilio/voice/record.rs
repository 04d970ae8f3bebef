//! Executes `<Record>`.

use super::{
    call::{Ended, Recording},
    caller::HangsUp,
    happening::Happening,
    line::{Line, Request, Step},
    party::HungUp,
};
use crate::{random, twilio::ids::ACCOUNT_SID, twiml};

impl Line<'_> {
    pub(super) async fn record(&mut self, record: twiml::Record) -> Step {
        self.call.answered = true;
        self.happened(&Happening::Beep {
            max: record.max_length,
            finish: record.finish_on_key.clone(),
        });
        if let Some(party) = self.caller.party.clone() {
            match party.speaks(&self.call.sid, &record).await {
                Ok(message) => self.caller.message = Some(message),
                Err(HungUp) => return Step::End(Ended::CallerHungUp),
            }
        }
        if matches!(
            self.caller.hangs_up,
            HangsUp::AfterGreeting | HangsUp::AtTheBeep
        ) {
            return Step::End(Ended::CallerHungUp);
        }
        let Some((seconds @ 1.., key)) = self.caller.message.take() else {
            return Step::On; // the caller hears only silence
        };
        let left = recording(seconds.min(record.max_length));
        let mut params = vec![
            ("RecordingUrl", left.url.clone()),
            ("RecordingSid", left.sid.clone()),
            ("RecordingDuration", left.seconds.to_string()),
        ];
        let cut = seconds > record.max_length;
        let gone = !cut && key.is_none();
        params.extend(match key {
            _ if cut => None,
            Some(key) => record
                .finish_on_key
                .contains(key)
                .then(|| ("Digits", key.to_string())),
            None => Some(("Digits", "hangup".to_owned())),
        });
        self.happened(&Happening::Message {
            seconds: left.seconds,
            url: left.url.clone(),
        });
        self.call.recordings.push(left);
        Step::Ask(Request {
            url: record.action,
            method: record.method,
            params,
            last: gone,
        })
    }
}

pub(super) fn recording(seconds: u32) -> Recording {
    let sid = format!("RE{}", random::hex(16));
    let url = format!("https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT_SID}/Recordings/{sid}");
    Recording { sid, url, seconds }
}

#[cfg(test)]
mod tests {
    use crate::twilio::{
        NUMBER,
        voice::hook::{CALLER, each, line},
    };

    #[tokio::test]
    async fn messages_are_recorded() {
        let (twilio, hook) = line(&[
            (
                "/",
                "<Record action='/after' maxLength='30' finishOnKey='#'/><Say>Nothing?</Say>",
            ),
            ("/after", "<Say>Thanks.</Say>"),
        ])
        .await;
        for (caller, digits, seconds, heard, status) in [
            (
                twilio.caller(CALLER).records(9),
                "hangup",
                "9",
                vec![],
                "completed",
            ),
            (
                twilio.caller(CALLER).records(31),
                "-",
                "30",
                vec!["Thanks."],
                "in-progress",
            ),
            (
                twilio.caller(CALLER).records_until(5, '#'),
                "#",
                "5",
                vec!["Thanks."],
                "in-progress",
            ),
            (
                twilio.caller(CALLER).records_until(5, '*'),
                "-",
                "5",
                vec!["Thanks."],
                "in-progress",
            ),
        ] {
            hook.clear_exchanges();
            let call = caller.call(NUMBER).await;
            assert_eq!(
                (call.heard, call.documents.len()),
                (heard.into_iter().map(str::to_owned).collect(), 2)
            );
            let recording = &call.recordings[0];
            assert_eq!(each(&hook, "RecordingUrl"), ["-", &recording.url]);
            assert_eq!(each(&hook, "RecordingSid"), ["-", &recording.sid]);
            assert_eq!(
                (each(&hook, "RecordingDuration"), each(&hook, "Digits")),
                (
                    vec!["-".into(), seconds.into()],
                    vec!["-".into(), digits.into()]
                )
            );
            assert_eq!(each(&hook, "CallStatus"), ["ringing", status]);
        }
        assert_eq!(
            twilio.call(CALLER, NUMBER).await.heard,
            ["Nothing?"],
            "silence is no message"
        );
        assert_eq!(
            twilio
                .caller(CALLER)
                .hangs_up_at_the_beep()
                .call(NUMBER)
                .await
                .documents
                .len(),
            1
        );
    }
}
