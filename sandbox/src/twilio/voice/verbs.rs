//! Executes the verbs of a document.

use super::{
    call::Ended,
    caller::{Entry, HangsUp},
    happening::Happening,
    line::{Line, Request, Step},
    party::HungUp,
};
use crate::twiml::{self, VoiceVerb};

impl Line<'_> {
    pub(super) async fn execute(&mut self, verbs: Vec<VoiceVerb>) -> Step {
        for verb in verbs {
            let step = match verb {
                VoiceVerb::Say { .. } | VoiceVerb::Play { .. } | VoiceVerb::Pause(_) => {
                    self.speak(verb).await
                }
                VoiceVerb::Gather(gather) => self.gather(gather).await,
                VoiceVerb::Dial(dial) => self.dial(dial).await,
                VoiceVerb::Record(record) => self.record(record).await,
                VoiceVerb::Redirect { url, method } => {
                    self.happened(&Happening::Redirect { url: url.clone() });
                    Step::Ask(Request {
                        url,
                        method,
                        params: vec![],
                        last: false,
                    })
                }
                VoiceVerb::Hangup => Step::End(Ended::HungUpByUs),
                VoiceVerb::Reject { reason } => {
                    self.happened(&Happening::Reject {
                        reason: reason.clone(),
                    });
                    self.call.refused = Some(reason);
                    Step::End(Ended::Rejected)
                }
            };
            if !matches!(step, Step::On) {
                return step;
            }
        }
        Step::On
    }

    /// Waits until a person on the line has heard everything.
    async fn wait_for_ears(&self) -> Step {
        let Some(party) = &self.caller.party else {
            return Step::On;
        };
        match party.hears(&self.call.sid).await {
            Ok(()) => Step::On,
            Err(HungUp) => Step::End(Ended::CallerHungUp),
        }
    }

    async fn speak(&mut self, verb: VoiceVerb) -> Step {
        self.call.answered = true;
        self.happened(&spoken(&verb));
        let step = self.wait_for_ears().await;
        if !matches!(step, Step::On) {
            return step;
        }
        match verb {
            VoiceVerb::Say { text, times, .. } => {
                self.call.heard.push(text);
                if self.caller.hangs_up == HangsUp::DuringGreeting || times == 0 {
                    return Step::End(Ended::CallerHungUp);
                }
                Step::On
            }
            VoiceVerb::Play { times: 0, .. } => Step::End(Ended::CallerHungUp),
            _ => Step::On,
        }
    }

    async fn gather(&mut self, gather: twiml::Gather) -> Step {
        self.call.answered = true;
        self.happened(&Happening::Gather {
            digits: gather.num_digits,
            finish: gather.finish_on_key,
            timeout: gather.timeout,
        });
        for verb in gather.verbs.clone() {
            // An endless prompt is ended by a key.
            if let (VoiceVerb::Say { text, .. }, true) =
                (&verb, self.caller.hangs_up != HangsUp::DuringGreeting)
            {
                self.call.heard.push(text.clone());
                self.happened(&spoken(&verb));
            } else if let Step::End(ended) = self.speak(verb).await {
                return Step::End(ended);
            }
        }
        if self.caller.hangs_up == HangsUp::AfterGreeting
            || self.caller.hangs_up == HangsUp::AfterKeys && self.caller.entries.is_empty()
        {
            return Step::End(Ended::CallerHungUp);
        }
        if let Some(party) = self.caller.party.clone() {
            match party.presses(&self.call.sid, &gather).await {
                Ok(keys) => self.caller.entries.push_front(Entry::Keys(keys)),
                Err(HungUp) => return Step::End(Ended::CallerHungUp),
            }
        }
        let pressed = match (self.caller.entries.pop_front(), gather.listens) {
            (Some(Entry::Keys(keys)), _) if gather.keys => keys,
            (Some(Entry::Speech(speech)), Some(language)) => {
                let params = vec![
                    ("SpeechResult", speech),
                    ("Confidence", "0.9128386".to_owned()),
                    ("Language", language),
                    ("msg", "Gather End".to_owned()),
                ];
                return Step::Ask(Request {
                    url: gather.action,
                    method: gather.method,
                    params,
                    last: false,
                });
            }
            _ => String::new(),
        };
        let (mut digits, mut finished) = (String::new(), String::new());
        for key in pressed.chars() {
            if gather.finish_on_key == Some(key) {
                finished.push(key);
                break;
            }
            digits.push(key);
            if Some(digits.len()) == gather.num_digits {
                break;
            }
        }
        self.happened(&Happening::Keys {
            digits: digits.clone(),
        });
        if digits.is_empty() && !gather.action_on_empty_result {
            return Step::On;
        }
        let params = vec![
            ("Digits", digits),
            ("FinishedOnKey", finished),
            ("msg", "Gather End".to_owned()),
        ];
        Step::Ask(Request {
            url: gather.action,
            method: gather.method,
            params,
            last: false,
        })
    }
}

/// What a caller hears.
fn spoken(verb: &VoiceVerb) -> Happening {
    match verb {
        VoiceVerb::Say {
            text,
            voice,
            language,
            times,
        } => Happening::Say {
            text: text.clone(),
            language: language.clone(),
            voice: voice.clone(),
            times: *times,
        },
        VoiceVerb::Play { url, times } => Happening::Play {
            url: url.clone(),
            times: *times,
        },
        VoiceVerb::Pause(seconds) => Happening::Pause { seconds: *seconds },
        _ => Happening::Pause { seconds: 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twilio::{
        NUMBER,
        voice::hook::{CALLER, asked, each, line},
    };

    #[tokio::test]
    async fn keys_go_to_one_prompt_each() {
        let menu = [
            (
                "/",
                "<Gather action='pin?try=1'><Say>Account?</Say></Gather><Say>Nothing heard.</Say>",
            ),
            (
                "/pin",
                "<Gather numDigits='4' finishOnKey='' action='/menu'><Say>PIN?</Say></Gather><Redirect>/</Redirect>",
            ),
            (
                "/menu",
                "<Gather actionOnEmptyResult='true' action='/end'/>",
            ),
            ("/end", "<Reject/>"),
        ];
        let (twilio, hook) = line(&menu).await;
        let call = twilio
            .caller(CALLER)
            .keys(["123456#9", "12#45", ""])
            .call(NUMBER)
            .await;
        assert_eq!(each(&hook, "Digits"), ["-", "123456", "12#4", ""]);
        assert_eq!(each(&hook, "FinishedOnKey"), ["-", "#", "", ""]);
        assert_eq!(
            each(&hook, "msg"),
            ["-", "Gather End", "Gather End", "Gather End"]
        );
        assert_eq!(
            (call.heard.len(), call.ended, call.refused.as_deref()),
            (2, Ended::Rejected, Some("rejected"))
        );
        assert_eq!(asked(&hook)[1].0, "/pin?try=1");
        let call = twilio.caller(CALLER).keys(["#"]).call(NUMBER).await;
        assert_eq!(
            (call.heard.join(" "), call.ended),
            ("Account? Nothing heard.".to_owned(), Ended::HungUpByUs)
        );
        let call = twilio
            .caller(CALLER)
            .keys(["1#"])
            .hangs_up_after_keys()
            .call(NUMBER)
            .await;
        assert_eq!(
            (call.heard.join(" "), call.ended),
            ("Account? PIN?".to_owned(), Ended::CallerHungUp)
        );
        let call = twilio
            .caller(CALLER)
            .keys(["1#", "", "2#"])
            .call(NUMBER)
            .await;
        assert_eq!(
            call.heard.join(" "),
            "Account? PIN? Account? PIN? Account? Nothing heard.",
            "an empty text skips a prompt"
        );
    }
    #[tokio::test]
    async fn a_prompt_that_listens_takes_keys_or_speech() {
        let asks = [
            (
                "/",
                "<Gather input='dtmf speech' language='da-DK' hints='en, to' action='/pin'/>",
            ),
            ("/pin", "<Gather action='/end' actionOnEmptyResult='true'/>"),
            ("/end", "<Reject/>"),
        ];
        let (twilio, hook) = line(&asks).await;
        let speech = |words: &str| Entry::Speech(words.to_owned());
        for first in [speech("en to"), "12#".into()] {
            let caller = twilio.caller(CALLER).keys([first, speech("tre fire")]);
            caller.call(NUMBER).await;
        }
        let nothing = "-".to_owned();
        assert_eq!(each(&hook, "SpeechResult")[1], "en to");
        assert_eq!(each(&hook, "Language")[1], "da-DK");
        assert_eq!(each(&hook, "Digits")[1], nothing);
        assert_eq!(each(&hook, "Digits")[2], "", "keys only: nothing is heard");
        assert_eq!(each(&hook, "SpeechResult")[2], nothing);
        assert_eq!(each(&hook, "Digits")[4], "12");
        assert_eq!(each(&hook, "SpeechResult")[4], nothing);
    }
}
