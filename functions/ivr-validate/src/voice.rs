//! The dialogue with Twilio: each step is authenticated, moves the call on in the table, and is
//! answered with `TwiML`.

use std::time::{Duration, Instant, SystemTime};

use secrecy::{ExposeSecret as _, SecretString};
use shared::platform::reply::{Failure, Reply};
use shared::platform::request::Request;
use shared::platform::table::Unavailable;
use shared::rules::verified::Verified;
use shared::services::protected::{Failed, Template};
use shared::vendors::twilio::twiml::{Gather, Response};
use shared::vendors::twilio::webhook::{self, Form, InboundCall};

use crate::App;
use crate::attempts::Caller;
use crate::dialogue::{Dialogue, Follows, Move, Place};
use crate::menu::{self, Action, Entry};
use crate::pin::{greeting, in_time};
use crate::step::{Said, Step};

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
        clock: (Instant, SystemTime),
    ) -> Result<Reply, Reply> {
        let form =
            webhook::authenticate(request, self.public_url.as_ref(), &self.twilio, clock.1).await?;
        let call = InboundCall::parse(&form)?;
        let follows = Follows::of(request.query());
        let dialogue = Dialogue::new(&self.table, &call.sid, follows, clock);
        let reply = self
            .step(step, &dialogue, &call, &form, clock)
            .await
            .map_err(Failure::from)?;
        let from = call
            .from
            .as_ref()
            .map_or_else(|| "withheld".to_owned(), ToString::to_string);
        Ok(reply.field("sid", call.sid).field("from", from))
    }

    async fn step(
        &self,
        step: Option<Step>,
        dialogue: &Dialogue<'_>,
        call: &InboundCall,
        form: &Verified<Form>,
        (started, now): (Instant, SystemTime),
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
                    return self
                        .try_pin(dialogue, &place, &keys, call, (started, now))
                        .await;
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
            Move::Made(place) => Ok(self.say(&place, now).await),
            Move::Repeated(place) => {
                if place.said().is_some_and(|said| said.is_refusal()) {
                    self.wait(started).await;
                }
                // The log line of the first request says what was done.
                let answer = self.say(&place, now).await;
                Ok(Reply::empty(answer.status, "repeated").answered_with(answer))
            }
            Move::OutOfOrder => Ok(self.over("out_of_order")),
        }
    }

    /// The answer at a place. It is made from the call's item only, so that it can be given again.
    async fn say(&self, place: &Place, now: SystemTime) -> Reply {
        let answer = place.answer();
        match place.said() {
            Some(Said::Welcome) => self
                .ask(&self.rules.welcome, Step::Account, answer)
                .into_reply("asked_account"),
            Some(Said::AskedPin) => self.ask("", Step::Pin, answer).into_reply("asked_pin"),
            Some(Said::AskedAgain(step)) => self
                .ask(NOT_UNDERSTOOD, step, answer)
                .into_reply("asked_again"),
            Some(Said::Refused) => self
                .ask(REFUSED, Step::Account, answer)
                .into_reply("wrong_pin"),
            Some(Said::RefusedLast) => self.refuse().into_reply("wrong_pin"),
            Some(Said::Greeted) => {
                let holder = self.holder(place.account().as_ref(), now).await;
                let name = holder.as_ref().and_then(greeting);
                self.ask(&welcome(name), Step::Menu, answer)
                    .into_reply("greeted")
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
        (started, now): (Instant, SystemTime),
    ) -> Result<Reply, Unavailable> {
        let caller = call
            .from
            .as_ref()
            .map_or(Caller::Withheld, |from| Caller::Named(from.reveal()));
        let account = place.account();
        let judged = self
            .check_pin(account.as_ref(), pin, caller, (started, now))
            .await;
        let settling = self.settle(&judged, (started, now));
        let refusal = match judged.verdict() {
            Ok(holder) => {
                let (moved, ()) = tokio::join!(dialogue.right(), settling);
                return Ok(match moved? {
                    Move::Made(place) => self
                        .ask(&welcome(greeting(holder)), Step::Menu, place.answer())
                        .into_reply("greeted"),
                    _ => self.over("out_of_order"),
                });
            }
            Err(refusal) => refusal,
        };
        let moving = dialogue.wrong(place.is_last_pair(), self.due(started));
        let (moved, ()) = tokio::join!(in_time(moving), settling);
        self.wait(started).await;
        let words = match moved {
            Ok(Move::Made(place)) if !place.is_over() => {
                self.ask(REFUSED, Step::Account, place.answer())
            }
            // If the table is unavailable, the words are the same, but the call ends.
            _ => self.refuse(),
        };
        let answer = words.into_reply(refusal.outcome);
        Ok(refusal.log(answer))
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
        let answer = place.answer();
        match found {
            Ok(Some((_, found))) => {
                let told = serde_json::from_str(found.get())
                    .ok()
                    .and_then(|found| menu::tell(say, &found));
                let told = told.as_deref().unwrap_or(NOTHING_TO_TELL);
                self.ask(told, Step::Menu, answer).into_reply("told")
            }
            Ok(None) => self
                .ask(NOTHING_TO_TELL, Step::Menu, answer)
                .into_reply("nothing_to_tell"),
            Err(failed) => self
                .ask(NOT_NOW, Step::Menu, answer)
                .into_reply("api_unavailable")
                .failed()
                .field("error", failed.to_string()),
        }
    }

    /// An answer in the configured voice.
    pub(crate) fn speak(&self) -> Response {
        Response::new().voice(&self.rules.voice)
    }

    /// Asks for an entry. A key press interrupts the prompt. The next request brings the answer's
    /// number. If our answer to that request is lost, Twilio retries it.
    fn ask(&self, first: &str, step: Step, answer: u64) -> Response {
        let offer;
        let (question, digits) = match step {
            Step::Account => (ASK_ACCOUNT, None),
            Step::Pin => (ASK_PIN, Some(self.rules.pin_length)),
            Step::Menu => {
                offer = self.rules.menu.offer();
                (offer.as_str(), Some(1))
            }
        };
        let prefix = self
            .public_url
            .as_ref()
            .map_or("", |url| url.as_url().path().trim_end_matches('/'));
        // Twilio documents connection overrides for the URLs of a number, not for an action. So
        // there are none here.
        let action = format!("{prefix}{}?step={answer}", step.path());
        let prompt = format!("{first} {question}");
        self.speak().gather(&Gather {
            action: &action,
            digits,
            prompt: prompt.trim(),
        })
    }

    fn refuse(&self) -> Response {
        self.speak().say(REFUSED).say(GOODBYE).hangup()
    }

    fn over(&self, outcome: &'static str) -> Reply {
        self.speak().say(GOODBYE).hangup().into_reply(outcome)
    }
}

fn welcome(name: Option<String>) -> String {
    name.map_or_else(|| "Welcome.".to_owned(), |name| format!("Welcome {name}."))
}
