//! The dialogue with Twilio: each step is authenticated, moves the call on in the table, and is
//! answered with `TwiML`.

use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret as _, SecretString};
use shared::platform::reply::{Failure, Reply};
use shared::platform::request::Request;
use shared::platform::table::Unavailable;
use shared::rules::verified::Verified;
use shared::services::protected::{Failed, Template};
use shared::vendors::auth0::users::AccountHolder;
use shared::vendors::twilio::twiml::{Gather, Listen, Response, Utterance, Voice};
use shared::vendors::twilio::voices;
use shared::vendors::twilio::webhook::{self, Form, InboundCall};

use crate::attempts::Caller;
use crate::dialogue::{Dialogue, Follows, Move, Place};
use crate::heard::{self, DigitWords};
use crate::languages::Speaker;
use crate::menu::{Action, Entry, Sentence};
use crate::pin::{Refusal, greeting, in_time};
use crate::step::{Said, Step};
use crate::{App, Arrival, Rules};

const API_TIME: Duration = Duration::from_secs(6);

/// What a caller entered.
struct Input {
    keys: SecretString,
    /// What Twilio understood, if the question allows speech and no key was pressed.
    speech: Option<SecretString>,
}

/// What a request led to. The answer is made from it.
enum Act {
    /// The call is at this place.
    At(Place),
    /// The call was at this place before, by the same request.
    Repeated(Place),
    /// The PIN was right.
    Greeted(Place, AccountHolder),
    /// The PIN was wrong. Without a place, the call ends.
    Refused(Option<Place>, Refusal),
    /// The caller chose the exit.
    Exit(Place),
    /// The request does not fit.
    OutOfOrder,
}

impl App {
    /// Answers a request from Twilio: an incoming call or a step.
    pub(crate) async fn voice(
        &self,
        request: &Request,
        step: Option<Step>,
        arrival: Arrival,
    ) -> Result<Reply, Reply> {
        let (url, now) = (self.public_url.as_ref(), arrival.time);
        let form = webhook::authenticate(request, url, &self.twilio, now).await?;
        let call = InboundCall::parse(&form)?;
        let follows = Follows::of(request.query());
        let dialogue = Dialogue::new(&self.table, &call.sid, follows, arrival);
        let input = self.input(step, &form);
        let language = self.rules.languages.of_caller(call.from.as_ref());
        let acting = self.act(step, &dialogue, &call, &input, arrival);
        let texts = self.rules.languages.fetch(language, now);
        // A slow table delays the call only once.
        let (act, ()) = tokio::join!(acting, texts);
        let act = act.map_err(Failure::from)?;
        let reply = self.answer(act, &call, arrival).await;
        let from = call.from.as_ref().map(ToString::to_string);
        let from = from.unwrap_or_else(|| "withheld".to_owned());
        Ok(reply.field("sid", call.sid).field("from", from))
    }

    fn input(&self, step: Option<Step>, form: &Verified<Form>) -> Input {
        let keys = webhook::keys(form);
        let keys = SecretString::from(keys.expose_secret().trim().trim_end_matches('#'));
        let may_speak = keys.expose_secret().is_empty() && self.listens(step);
        let speech = may_speak.then(|| webhook::speech(form));
        let speech = speech.filter(|speech| !speech.expose_secret().is_empty());
        Input { keys, speech }
    }

    /// True if the answer to this question may be spoken. A PIN may not: it would be heard.
    fn listens(&self, step: Option<Step>) -> bool {
        self.rules.languages.listens && matches!(step, Some(Step::Account | Step::Menu))
    }

    async fn act(
        &self,
        step: Option<Step>,
        dialogue: &Dialogue<'_>,
        call: &InboundCall,
        input: &Input,
        arrival: Arrival,
    ) -> Result<Act, Unavailable> {
        let Rules {
            languages, menu, ..
        } = &self.rules;
        let keys = &input.keys;
        let moved = match step {
            None => {
                let language = languages.of_caller(call.from.as_ref());
                dialogue.begin(language, languages.offers()).await?
            }
            Some(Step::Language) => match languages.at(keys.expose_secret()) {
                None if !keys.expose_secret().is_empty() => dialogue.again(Step::Language).await?,
                chosen => dialogue.language(chosen).await?,
            },
            Some(Step::Account) => {
                let account = match &input.speech {
                    Some(speech) => {
                        let speaker = self.listener(dialogue, call, arrival.time).await?;
                        let digits = DigitWords::of(&speaker).digits(speech.expose_secret());
                        digits.and_then(|digits| digits.parse().ok())
                    }
                    None => keys.expose_secret().parse().ok(),
                };
                match account {
                    Some(account) => dialogue.account(&account).await?,
                    None => dialogue.again(Step::Account).await?,
                }
            }
            Some(Step::Pin) if self.is_pin(keys) => match dialogue.pin().await? {
                Move::Made(place) => {
                    return self.try_pin(dialogue, &place, keys, call, arrival).await;
                }
                moved => moved,
            },
            Some(Step::Pin) => dialogue.again(Step::Pin).await?,
            Some(Step::Menu) => {
                let key = match &input.speech {
                    Some(speech) => {
                        let speaker = self.listener(dialogue, call, arrival.time).await?;
                        heard::key(menu, &speaker, speech.expose_secret())
                    }
                    None => Some(keys.expose_secret().to_owned()),
                };
                match key.and_then(|key| menu.find(&key)) {
                    None => dialogue.again(Step::Menu).await?,
                    Some(Entry {
                        action: Action::Exit,
                        ..
                    }) => match dialogue.end(Step::Menu).await? {
                        Move::Made(place) => return Ok(Act::Exit(place)),
                        moved => moved,
                    },
                    Some(Entry { digit, .. }) => dialogue.turn(digit).await?,
                }
            }
        };
        Ok(match moved {
            Move::Made(place) => Act::At(place),
            Move::Repeated(place) => Act::Repeated(place),
            Move::OutOfOrder => Act::OutOfOrder,
        })
    }

    /// Whose words a caller used. Only the table knows which language a caller chose.
    async fn listener(
        &self,
        dialogue: &Dialogue<'_>,
        call: &InboundCall,
        now: SystemTime,
    ) -> Result<Speaker, Unavailable> {
        let languages = &self.rules.languages;
        let stored = if languages.offers() {
            dialogue.spoken().await?
        } else {
            None
        };
        let language = languages.now(stored, call.from.as_ref());
        languages.fetch(language, now).await;
        Ok(languages.speaker(language))
    }

    /// The answer to a request.
    async fn answer(&self, act: Act, call: &InboundCall, arrival: Arrival) -> Reply {
        let languages = &self.rules.languages;
        let speaker = |place: Option<&Place>| {
            let stored = place.and_then(Place::language);
            languages.speaker(languages.now(stored, call.from.as_ref()))
        };
        match act {
            Act::At(place) => self.say(&speaker(Some(&place)), &place, arrival.time).await,
            Act::Repeated(place) => {
                if place.said().is_some_and(|said| said.is_refusal()) {
                    self.wait(arrival.instant).await;
                }
                // The log line of the first request says what was done.
                let answer = self.say(&speaker(Some(&place)), &place, arrival.time).await;
                Reply::empty(answer.status, "repeated").answered_with(answer)
            }
            Act::Greeted(place, holder) => {
                self.greet(&speaker(Some(&place)), Some(&holder), &place)
            }
            Act::Refused(place, refusal) => {
                let speaker = speaker(place.as_ref());
                refusal.log(match place.filter(|place| !place.is_over()) {
                    Some(place) => {
                        let refused = speaker.say(&words::NOT_ACCEPTED);
                        self.ask(&speaker, refused, Step::Account, &place, refusal.outcome)
                    }
                    None => refuse(&speaker, refusal.outcome),
                })
            }
            Act::Exit(place) => over(&speaker(Some(&place)), "exit"),
            Act::OutOfOrder => over(&speaker(None), "out_of_order"),
        }
    }

    /// The answer at a place. It is made from the call's item only, so that it can be given again.
    async fn say(&self, speaker: &Speaker, place: &Place, now: SystemTime) -> Reply {
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

    async fn try_pin(
        &self,
        dialogue: &Dialogue<'_>,
        place: &Place,
        pin: &SecretString,
        call: &InboundCall,
        arrival: Arrival,
    ) -> Result<Act, Unavailable> {
        let from = call.from.as_ref();
        let caller = from.map_or(Caller::Withheld, |from| Caller::Named(from.reveal()));
        let account = place.account();
        let judged = self.check_pin(account.as_ref(), pin, caller, arrival).await;
        let settling = self.settle(&judged, arrival);
        if judged.verdict.is_ok() {
            let (moved, ()) = tokio::join!(dialogue.right(), settling);
            return Ok(match (moved?, judged.verdict) {
                (Move::Made(place), Ok(holder)) => Act::Greeted(place, holder),
                _ => Act::OutOfOrder,
            });
        }
        let moving = dialogue.wrong(place.is_last_pair(), self.due(arrival.instant));
        let (moved, ()) = tokio::join!(in_time(moving), settling);
        self.wait(arrival.instant).await;
        Ok(match (moved, judged.verdict) {
            (Ok(Move::Made(place)), Err(refusal)) => Act::Refused(Some(place), refusal),
            // If the table is unavailable, the words are the same, but the call ends.
            (_, Err(refusal)) => Act::Refused(None, refusal),
            (_, Ok(_)) => Act::OutOfOrder,
        })
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
    fn greet(&self, speaker: &Speaker, holder: Option<&AccountHolder>, place: &Place) -> Reply {
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
    fn ask(
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
            Step::Pin if speaker.is_by_call => {
                let digits = [("digits", words::Value::count(length))];
                (speaker.with(&words::ASK_PIN_DIGITS, &digits), Some(length))
            }
            Step::Pin => (speaker.text(&words::ASK_PIN), Some(length)),
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

fn refuse(speaker: &Speaker, outcome: &'static str) -> Reply {
    let refused = speaker.say(&words::NOT_ACCEPTED);
    let goodbye = speaker.say(&words::GOODBYE);
    let response = Response::new()
        .speak(&speaker.voice, refused)
        .speak(&speaker.voice, goodbye);
    response.hangup().into_reply(outcome)
}

fn over(speaker: &Speaker, outcome: &'static str) -> Reply {
    last(speaker, &words::GOODBYE, outcome)
}

/// The last words of a call.
pub(crate) fn last(speaker: &Speaker, message: &words::Message, outcome: &'static str) -> Reply {
    let response = Response::new().speak(&speaker.voice, speaker.say(message));
    response.hangup().into_reply(outcome)
}
