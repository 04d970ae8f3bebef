//! The dialogue with Twilio: each step is authenticated, moves the call on in the table, and is
//! answered with `TwiML`.

use std::time::SystemTime;

use secrecy::{ExposeSecret as _, SecretString};
use shared::platform::reply::{Failure, Reply};
use shared::platform::request::Request;
use shared::platform::table::Unavailable;
use shared::rules::verified::Verified;
use shared::vendors::auth0::users::AccountHolder;
use shared::vendors::twilio::webhook::{self, Form, InboundCall};

use crate::answer::{over, refuse};
use crate::attempts::Caller;
use crate::dialogue::{Dialogue, Follows, Move, Place};
use crate::heard::{self, DigitWords};
use crate::languages::Speaker;
use crate::menu::{Action, Entry};
use crate::pin::{Refusal, in_time};
use crate::step::Step;
use crate::{App, Arrival, Rules};

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
    pub(crate) fn listens(&self, step: Option<Step>) -> bool {
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
}
