//! Executes the verbs of a document.

use super::{
    call::Ended,
    caller::{Entry, HangsUp},
    line::{Line, Request, Step},
};
use crate::twiml::{self, VoiceVerb};

impl Line<'_> {
    pub(super) async fn execute(&mut self, verbs: Vec<VoiceVerb>) -> Step {
        for verb in verbs {
            let step = match verb {
                VoiceVerb::Say { .. } | VoiceVerb::Play { .. } | VoiceVerb::Pause(_) => {
                    self.speak(verb)
                }
                VoiceVerb::Gather(gather) => self.gather(gather),
                VoiceVerb::Dial(dial) => self.dial(dial).await,
                VoiceVerb::Record(record) => self.record(record),
                VoiceVerb::Redirect { url, method } => Step::Ask(Request {
                    url,
                    method,
                    params: vec![],
                    last: false,
                }),
                VoiceVerb::Hangup => Step::End(Ended::HungUpByUs),
                VoiceVerb::Reject { reason } => {
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

    fn speak(&mut self, verb: VoiceVerb) -> Step {
        self.call.answered = true;
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

    fn gather(&mut self, gather: twiml::Gather) -> Step {
        self.call.answered = true;
        for verb in gather.verbs {
            // An endless prompt is ended by a key.
            if let (VoiceVerb::Say { text, .. }, true) =
                (&verb, self.caller.hangs_up != HangsUp::DuringGreeting)
            {
                self.call.heard.push(text.clone());
            } else if let Step::End(ended) = self.speak(verb) {
                return Step::End(ended);
            }
        }
        if self.caller.hangs_up == HangsUp::AfterGreeting
            || self.caller.hangs_up == HangsUp::AfterKeys && self.caller.entries.is_empty()
        {
            return Step::End(Ended::CallerHungUp);
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
