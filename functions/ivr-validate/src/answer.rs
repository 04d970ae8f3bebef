//! What a caller hears: the words of each answer, and the questions.

use std::time::{Duration, SystemTime};

use shared::platform::reply::Reply;
use shared::services::protected::{Failed, Template};
use shared::vendors::auth0::users::AccountHolder;
use shared::vendors::twilio::twiml::{Gather, Listen, Response, Utterance, Voice};
use shared::vendors::twilio::voices;

use crate::App;
use crate::dialogue::Place;
use crate::heard::{self, DigitWords};
use crate::languages::Speaker;
use crate::menu::{Action, Entry, Sentence};
use crate::pin::greeting;
use crate::step::{Said, Step};

const API_TIME: Duration = Duration::from_secs(6);

impl App {
    /// The answer at a place. It is made from the call's item only, so that it can be given again.
    pub(crate) async fn say(&self, speaker: &Speaker, place: &Place, now: SystemTime) -> Reply {
        let ask = |first, step, outcome| self.ask(speaker, first, step, place, outcome);
        let nothing = Utterance::default();
        match place.said() {
            Some(Said::Languages) => ask(self.welcome(speaker), Step::Language, "asked_language"),
            Some(Said::AskedAccount) => ask(nothing, Step::Account, "asked_account"),
            Some(Said::Welcome) => ask(self.welcome(speaker), Step::Account, "asked_account"),
            Some(Said::AskedPin) => ask(nothing, Step::Pin, "asked_pin"),
            Some(Said::AskedAgain(step)) => {
                ask(speaker.say(&words::NOT_UNDERSTOOD), step, "asked_again")
            }
            Some(Said::Refused) => {
                let refused = speaker.say(&words::NOT_ACCEPTED);
                ask(refused, Step::Account, "wrong_pin")
            }
            Some(Said::RefusedLast) => refuse(speaker, "wrong_pin"),
            Some(Said::Greeted) => {
                let holder = self.holder(place.account().as_ref(), now).await;
                self.greet(speaker, holder.as_ref(), place)
            }
            Some(Said::Goodbye) => over(speaker, "no_entry"),
            Some(Said::Told(digit)) => match self.rules.menu.find(&digit) {
                Some(Entry {
                    action: Action::Tell { path, say },
                    ..
                }) => self.tell(speaker, place, path, say, now).await,
                // The menu was changed meanwhile.
                _ => over(speaker, "out_of_order"),
            },
            None => over(speaker, "out_of_order"),
        }
    }

    /// Tells what the API knows, and offers the menu again.
    async fn tell(
        &self,
        speaker: &Speaker,
        place: &Place,
        path: &Template,
        say: &Sentence,
        now: SystemTime,
    ) -> Reply {
        let account = place.account();
        let path = account
            .as_ref()
            .and_then(|account| path.fill(|_| Some(account.as_str())));
        let found = match path {
            Some(path) => self.api.get(&path, API_TIME, now).await,
            None => Err(Failed::Unavailable("the call has no account".to_owned())),
        };
        let ask = |first, outcome| self.ask(speaker, first, Step::Menu, place, outcome);
        let nothing = || speaker.say(&words::NOTHING_TO_TELL);
        match found {
            Ok(Some((_, found))) => {
                let found = serde_json::from_str(found.get()).ok();
                let told = found.and_then(|found| say.said_by(speaker, &found, account.as_ref()));
                ask(told.unwrap_or_else(nothing), "told")
            }
            Ok(None) => ask(nothing(), "nothing_to_tell"),
            Err(failed) => ask(speaker.say(&words::NOT_NOW), "api_unavailable")
                .failed()
                .field("error", failed.to_string()),
        }
    }

    /// Welcomes the user by name, if it is known, and offers the menu.
    pub(crate) fn greet(
        &self,
        speaker: &Speaker,
        holder: Option<&AccountHolder>,
        place: &Place,
    ) -> Reply {
        let welcome = match holder.and_then(greeting) {
            Some(name) => speaker.with(&words::WELCOME_NAME, &[("greeting", name.into())]),
            None => speaker.text(&words::WELCOME_ACCOUNT),
        };
        self.ask(speaker, welcome.into(), Step::Menu, place, "greeted")
    }

    /// What a caller hears first.
    fn welcome(&self, speaker: &Speaker) -> Utterance {
        let own = self.rules.welcome.clone().map(Utterance::from);
        own.unwrap_or_else(|| speaker.say(&words::WELCOME))
    }

    /// Asks for an entry. A key press interrupts the prompt. The next request brings the answer's
    /// number. If our answer to that request is lost, Twilio retries it.
    pub(crate) fn ask(
        &self,
        speaker: &Speaker,
        first: Utterance,
        step: Step,
        place: &Place,
        outcome: &'static str,
    ) -> Reply {
        let (question, digits) = self.question(speaker, step);
        let mut prompts = vec![(speaker.voice.clone(), first.then(question.into()))];
        if step == Step::Language {
            prompts.extend(self.offers());
        }
        let hints = self.listens(Some(step)).then(|| match step {
            Step::Menu => heard::menu_hints(&self.rules.menu, speaker),
            _ => DigitWords::of(speaker).hints(),
        });
        let listen = hints.as_deref().and_then(|hints| {
            let language = voices::understood(speaker.tag)?;
            Some(Listen { language, hints })
        });
        let prefix = self.public_url.as_ref().map(|url| url.as_url().path());
        let prefix = prefix.unwrap_or_default().trim_end_matches('/');
        // Twilio documents connection overrides for the URLs of a number, not for an action. So
        // there are none here.
        let action = format!("{prefix}/voice/{}?step={}", step.word(), place.answer());
        let question = Response::new().gather(&Gather {
            action: &action,
            digits,
            prompts: &prompts,
            listen,
        });
        question.into_reply(outcome)
    }

    /// The question of a step, and after how many keys it is answered.
    fn question(&self, speaker: &Speaker, step: Step) -> (String, Option<u64>) {
        let length = self.rules.pin_length;
        match step {
            Step::Language => (String::new(), Some(1)),
            Step::Account if self.listens(Some(step)) => {
                (speaker.text(&words::ASK_ACCOUNT_SPEECH), None)
            }
            Step::Account => (speaker.text(&words::ASK_ACCOUNT), None),
            // Twilio takes the last digit as the end. A further key would answer the next question.
            Step::Pin => {
                let digits = [("digits", words::Value::count(length))];
                (speaker.with(&words::ASK_PIN_DIGITS, &digits), Some(length))
            }
            Step::Menu => (self.rules.menu.offer(speaker), Some(1)),
        }
    }

    /// Each language offers itself in its own voice.
    fn offers(&self) -> impl Iterator<Item = (Voice, Utterance)> {
        let languages = &self.rules.languages;
        languages.offered().map(|(key, language)| {
            let speaker = languages.speaker(language);
            let offer = speaker.with(&words::CHOOSE_LANGUAGE, &[("digit", key.into())]);
            (speaker.voice, offer.into())
        })
    }
}

pub(crate) fn refuse(speaker: &Speaker, outcome: &'static str) -> Reply {
    let refused = speaker.say(&words::NOT_ACCEPTED);
    let goodbye = speaker.say(&words::GOODBYE);
    let response = Response::new()
        .speak(&speaker.voice, refused)
        .speak(&speaker.voice, goodbye);
    response.hangup().into_reply(outcome)
}

pub(crate) fn over(speaker: &Speaker, outcome: &'static str) -> Reply {
    last(speaker, &words::GOODBYE, outcome)
}

/// The last words of a call.
pub(crate) fn last(speaker: &Speaker, message: &words::Message, outcome: &'static str) -> Reply {
    let response = Response::new().speak(&speaker.voice, speaker.say(message));
    response.hangup().into_reply(outcome)
}
