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
use shared::vendors::twilio::twiml::{Gather, Response};
use shared::vendors::twilio::webhook::{self, Form, InboundCall};

use crate::attempts::Caller;
use crate::dialogue::{Dialogue, Follows, Move, Place};
use crate::menu::{self, Action, Entry};
use crate::pin::{greeting, in_time};
use crate::step::{Said, Step};
use crate::{App, Arrival};

const API_TIME: Duration = Duration::from_secs(6);

const REFUSED: &str = "We are sorry, this account number and PIN could not be accepted.";
const GOODBYE: &str = "Goodbye.";
const ASK_ACCOUNT: &str = "Please enter your account number, followed by the pound key.";
const ASK_PIN: &str = "Please enter your PIN, followed by the pound key.";
const NOT_UNDERSTOOD: &str = "We did not get that.";
const NOTHING_TO_TELL: &str = "There is nothing to tell about this.";
const NOT_NOW: &str = "We are sorry, this is not available right now.";

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
        let reply = self.step(step, &dialogue, &call, &form, arrival).await;
        let reply = reply.map_err(Failure::from)?;
        let from = call.from.as_ref().map(ToString::to_string);
        let from = from.unwrap_or_else(|| "withheld".to_owned());
        Ok(reply.field("sid", call.sid).field("from", from))
    }

    async fn step(
        &self,
        step: Option<Step>,
        dialogue: &Dialogue<'_>,
        call: &InboundCall,
        form: &Verified<Form>,
        arrival: Arrival,
    ) -> Result<Reply, Unavailable> {
        let keys = webhook::keys(form);
        let keys = SecretString::from(keys.expose_secret().trim().trim_end_matches('#'));
        let moved = match step {
            None => dialogue.begin().await?,
            Some(Step::Account) => match keys.expose_secret().parse() {
                Ok(account) => dialogue.account(&account).await?,
                Err(_) => dialogue.again(Step::Account).await?,
            },
            Some(Step::Pin) if self.is_pin(&keys) => match dialogue.pin().await? {
                Move::Made(place) => {
                    return self.try_pin(dialogue, &place, &keys, call, arrival).await;
                }
                moved => moved,
            },
            Some(Step::Pin) => dialogue.again(Step::Pin).await?,
            Some(Step::Menu) => match self.rules.menu.find(keys.expose_secret()) {
                None => dialogue.again(Step::Menu).await?,
                Some(Entry {
                    action: Action::Exit,
                    ..
                }) => match dialogue.end(Step::Menu).await? {
                    Move::Made(_) => return Ok(self.over("exit")),
                    moved => moved,
                },
                Some(Entry { digit, .. }) => dialogue.turn(digit).await?,
            },
        };
        match moved {
            Move::Made(place) => Ok(self.say(&place, arrival.time).await),
            Move::Repeated(place) => {
                if place.said().is_some_and(|said| said.is_refusal()) {
                    self.wait(arrival.instant).await;
                }
                // The log line of the first request says what was done.
                let answer = self.say(&place, arrival.time).await;
                Ok(Reply::empty(answer.status, "repeated").answered_with(answer))
            }
            Move::OutOfOrder => Ok(self.over("out_of_order")),
        }
    }

    /// The answer at a place. It is made from the call's item only, so that it can be given again.
    async fn say(&self, place: &Place, now: SystemTime) -> Reply {
        match place.said() {
            Some(Said::Welcome) => {
                self.ask(&self.rules.welcome, Step::Account, place, "asked_account")
            }
            Some(Said::AskedPin) => self.ask("", Step::Pin, place, "asked_pin"),
            Some(Said::AskedAgain(step)) => self.ask(NOT_UNDERSTOOD, step, place, "asked_again"),
            Some(Said::Refused) => self.ask(REFUSED, Step::Account, place, "wrong_pin"),
            Some(Said::RefusedLast) => self.refuse("wrong_pin"),
            Some(Said::Greeted) => {
                let holder = self.holder(place.account().as_ref(), now).await;
                self.greet(holder.as_ref(), place)
            }
            Some(Said::Goodbye) => self.over("no_entry"),
            Some(Said::Told(digit)) => match self.rules.menu.find(&digit) {
                Some(Entry {
                    action: Action::Tell { path, say },
                    ..
                }) => self.tell(place, path, say, now).await,
                // The menu was changed meanwhile.
                _ => self.over("out_of_order"),
            },
            None => self.over("out_of_order"),
        }
    }

    async fn try_pin(
        &self,
        dialogue: &Dialogue<'_>,
        place: &Place,
        pin: &SecretString,
        call: &InboundCall,
        arrival: Arrival,
    ) -> Result<Reply, Unavailable> {
        let from = call.from.as_ref();
        let caller = from.map_or(Caller::Withheld, |from| Caller::Named(from.reveal()));
        let account = place.account();
        let judged = self.check_pin(account.as_ref(), pin, caller, arrival).await;
        let settling = self.settle(&judged, arrival);
        let refusal = match &judged.verdict {
            Ok(holder) => {
                let (moved, ()) = tokio::join!(dialogue.right(), settling);
                return Ok(match moved? {
                    Move::Made(place) => self.greet(Some(holder), &place),
                    _ => self.over("out_of_order"),
                });
            }
            Err(refusal) => refusal,
        };
        let moving = dialogue.wrong(place.is_last_pair(), self.due(arrival.instant));
        let (moved, ()) = tokio::join!(in_time(moving), settling);
        self.wait(arrival.instant).await;
        Ok(refusal.log(match moved {
            Ok(Move::Made(place)) if !place.is_over() => {
                self.ask(REFUSED, Step::Account, &place, refusal.outcome)
            }
            // If the table is unavailable, the words are the same, but the call ends.
            _ => self.refuse(refusal.outcome),
        }))
    }

    /// Tells what the API knows, and offers the menu again.
    async fn tell(&self, place: &Place, path: &Template, say: &str, now: SystemTime) -> Reply {
        let account = place.account();
        let path = account
            .as_ref()
            .and_then(|account| path.fill(|_| Some(account.as_str())));
        let found = match path {
            Some(path) => self.api.get(&path, API_TIME, now).await,
            None => Err(Failed::Unavailable("the call has no account".to_owned())),
        };
        let ask = |words: &str, outcome| self.ask(words, Step::Menu, place, outcome);
        match found {
            Ok(Some((_, found))) => {
                let found = serde_json::from_str(found.get()).ok();
                let told = found.and_then(|found| menu::tell(say, &found));
                ask(told.as_deref().unwrap_or(NOTHING_TO_TELL), "told")
            }
            Ok(None) => ask(NOTHING_TO_TELL, "nothing_to_tell"),
            Err(failed) => ask(NOT_NOW, "api_unavailable")
                .failed()
                .field("error", failed.to_string()),
        }
    }

    /// Welcomes the user by name, if it is known, and offers the menu.
    fn greet(&self, holder: Option<&AccountHolder>, place: &Place) -> Reply {
        let name = holder.and_then(greeting).map(|name| format!(" {name}"));
        let welcome = format!("Welcome{}.", name.unwrap_or_default());
        self.ask(&welcome, Step::Menu, place, "greeted")
    }

    /// An answer in the configured voice.
    pub(crate) fn speak(&self) -> Response {
        Response::new().voice(&self.rules.voice)
    }

    /// Asks for an entry. A key press interrupts the prompt. The next request brings the answer's
    /// number. If our answer to that request is lost, Twilio retries it.
    fn ask(&self, first: &str, step: Step, place: &Place, outcome: &'static str) -> Reply {
        let (question, digits) = match step {
            Step::Account => (ASK_ACCOUNT.to_owned(), None),
            Step::Pin => (ASK_PIN.to_owned(), Some(self.rules.pin_length)),
            Step::Menu => (self.rules.menu.offer(), Some(1)),
        };
        let prefix = self.public_url.as_ref().map(|url| url.as_url().path());
        let prefix = prefix.unwrap_or_default().trim_end_matches('/');
        // Twilio documents connection overrides for the URLs of a number, not for an action. So
        // there are none here.
        let action = format!("{prefix}/voice/{}?step={}", step.word(), place.answer());
        let prompt = format!("{first} {question}");
        let question = self.speak().gather(&Gather {
            action: &action,
            digits,
            prompt: prompt.trim(),
        });
        question.into_reply(outcome)
    }

    fn refuse(&self, outcome: &'static str) -> Reply {
        let response = self.speak().say(REFUSED).say(GOODBYE).hangup();
        response.into_reply(outcome)
    }

    fn over(&self, outcome: &'static str) -> Reply {
        self.speak().say(GOODBYE).hangup().into_reply(outcome)
    }
}
