//! Callers key an account number and a PIN, are greeted by name, and hear what a protected API knows of their account.
//!
//! `/validate` answers an IVR of any make: the greeting, or `error`. `/voice` and its steps are the whole dialogue for Twilio: each
//! step is authenticated, moves the call's state on in the table by one conditional write (`dialogue`), and answers with `TwiML`. A step
//! that comes again acts no second time. A PIN is tried only after the attempt was counted (`attempts`): then the user is looked up by the
//! account number and logged in.
//!
//! Every refusal sounds the same and takes the same time, whatever was wrong: the number, the PIN, a lock, or something of ours. When
//! many PINs of a day were wrong, all of them take longer.
//! Never: a PIN in a log, a URL or the table, a menu without a PIN, a stranger's text that becomes markup.

mod attempts;
mod dialogue;
mod menu;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use secrecy::{ExposeSecret as _, SecretString};
use shared::auth0;
use shared::auth0::login::{Login, Untold, Verdict};
use shared::auth0::tokens::Tokens;
use shared::auth0::users::{AccountHolder, AccountNumber, Found, Users};
use shared::bearer::{self, Token};
use shared::config::Source;
use shared::http::BaseUrl;
use shared::platform::Platform;
use shared::protected::{Api, Failed, Template};
use shared::reply::{Failure, Reply};
use shared::request::Request;
use shared::runtime::Function;
use shared::secrets::Secret;
use shared::table::{Table, Unavailable};
use shared::twilio::Credentials;
use shared::twilio::twiml::{Gather, Response, Voice};
use shared::twilio::webhook::{self, Form, InboundCall};
use shared::verified::Verified;

use attempts::{Attempt, Caller, Counted, Limits, Unheard};
use dialogue::{Dialogue, Follows, Move, Place};
use menu::{Action, Entry, Menu};

const BODY_LIMIT: usize = 1024 * 1024;
/// Twilio waits 15 s; nobody listens to silence for so long.
const TIME_TO_ANSWER: Duration = Duration::from_secs(10);
/// By then a PIN has been judged, or it is refused.
const TIME_TO_JUDGE: Duration = Duration::from_millis(6_500);
/// Refusals take this long, or if they must a multiple of it: how long tells nothing of what was wrong.
const PACE: Duration = Duration::from_millis(1_500);
/// The same, when many PINs were wrong in a day.
const SLOW_PACE: Duration = Duration::from_secs(3);
const API_TIME: Duration = Duration::from_secs(6);
/// What the table may take once a PIN has been judged.
const TIME_TO_SETTLE: Duration = Duration::from_secs(1);
const GREETING_LIMIT: usize = 100;

const REFUSED: &str = "We are sorry, this account number and PIN could not be accepted.";
const GOODBYE: &str = "Goodbye.";
const APOLOGY: &str =
    "We are sorry, something went wrong on our side. Please call again in a few minutes. Goodbye.";
const ASK_ACCOUNT: &str = "Please enter your account number, followed by the pound key.";
const ASK_PIN: &str = "Please enter your PIN, followed by the pound key.";
const NOT_UNDERSTOOD: &str = "We did not get that.";
const NOTHING_TO_TELL: &str = "There is nothing to tell about this.";
const NOT_NOW: &str = "We are sorry, this is not available right now.";

/// The function's settings and clients.
pub struct App {
    table: Table,
    twilio: Secret<Credentials>,
    ivr: Secret<Token>,
    auth0: Arc<Secret<auth0::Credentials>>,
    users: Users,
    login: Login,
    api: Api,
    realm: String,
    public_url: Option<BaseUrl>,
    rules: Rules,
    /// Many PINs were wrong in a day, when the table was last asked.
    is_slow: AtomicBool,
}

struct Rules {
    limits: Limits,
    pin_length: u64,
    menu: Menu,
    voice: Voice,
    welcome: String,
}

impl Rules {
    fn read(source: &mut Source<'_>) -> Self {
        let rules = Self {
            limits: Limits::read(source),
            pin_length: source.number("PIN_LENGTH", 4, 4..=32),
            menu: Menu::read(source),
            voice: Voice {
                language: Some(source.text("IVR_LANGUAGE", "en-US").trim().to_owned()),
                name: source
                    .optional("IVR_VOICE")
                    .map(|name| name.trim().to_owned()),
            },
            welcome: source.text("IVR_WELCOME", "Welcome."),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !rules
            .voice
            .language
            .iter()
            .all(|name| name.bytes().all(plain))
        {
            source.problem("IVR_LANGUAGE is not a language such as en-US");
        }
        if rules.welcome.chars().count() > 1_000 {
            source.problem("IVR_WELCOME is longer than 1000 characters, which nobody listens to");
        }
        rules
    }
}

impl Function for App {
    const TIME: Option<Duration> = Some(TIME_TO_ANSWER);

    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        let (http, table) = (&platform.http, &platform.table);
        let auth0 = Arc::new(platform.secret(source, "AUTH0_SECRET"));
        let tenant = source.base_url("AUTH0_URL", None);
        let tokens = |audience| {
            let (base, secret) = (tenant.clone(), Arc::clone(&auth0));
            Tokens::new(http.clone(), base, audience, secret, Some(table.clone()))
        };
        let for_users = tokens(Users::audience(&tenant));
        let for_api = tokens(source.required("API_AUDIENCE"));
        let realm = source.text("LOGIN_REALM", "Username-Password-Authentication");
        let realm = realm.trim().to_owned();
        Self {
            table: table.clone(),
            twilio: platform.secret(source, "TWILIO_SECRET"),
            ivr: platform.secret(source, "IVR_SECRET"),
            users: Users::new(http.clone(), tenant.clone(), for_users),
            login: Login::new(http.clone(), tenant, realm.clone(), Arc::clone(&auth0)),
            api: Api::new(http.clone(), source.base_url("API_URL", None), for_api),
            auth0,
            realm,
            public_url: webhook::public_url(source),
            rules: Rules::read(source),
            is_slow: AtomicBool::new(false),
        }
    }

    async fn warm_up(&self, platform: &Platform, now: SystemTime) {
        // One secret for both, asked for once, while the connections are made by which both are then looked for.
        let tokens = async {
            let _met_again = tokio::join!(self.auth0.get(now), platform.warm_up(2));
            tokio::join!(self.users.warm_up(now), self.api.warm_up(now))
        };
        let _met_again = tokio::join!(
            self.twilio.get(now),
            self.ivr.get(now),
            tokens,
            self.login.connect(),
            self.api.connect()
        );
    }

    /// A caller must not hear Twilio's "application error".
    fn apology(&self, path: &str) -> Option<Reply> {
        path.starts_with("/voice")
            .then(|| self.speak().say(APOLOGY).hangup().into_reply(""))
    }

    async fn flow(&self, request: &Request, now: SystemTime) -> Result<Reply, Reply> {
        let started = Instant::now();
        let path = request.path.as_str();
        let known = [
            "/validate",
            "/voice",
            "/voice/account",
            "/voice/pin",
            "/voice/menu",
        ]
        .into_iter()
        .find(|known| *known == path);
        request.expect_post(known.unwrap_or("/validate"), &webhook::FORMS, BODY_LIMIT)?;
        if path == "/validate" {
            return self.validate(request, started, now).await;
        }
        let form =
            webhook::authenticate(request, self.public_url.as_ref(), &self.twilio, now).await?;
        let call = InboundCall::parse(&form)?;
        let dialogue = Dialogue::new(
            &self.table,
            &call.sid,
            Follows::of(&request.query),
            (started, now),
        );
        let step = self
            .step(path, &dialogue, &call, &form, (started, now))
            .await;
        let from = call
            .from
            .as_ref()
            .map_or_else(|| "withheld".to_owned(), ToString::to_string);
        step.map(|reply| reply.field("sid", call.sid).field("from", from))
            .map_err(|error| Failure::from(error).into())
    }
}

/// What became of an account number and a PIN.
enum Judgement {
    Accepted(AccountHolder),
    /// The outcome word, and the cause if it is ours.
    Refused(&'static str, Option<String>),
    /// As refused, by something of ours, but Auth0 may have judged the PIN: it counts.
    Untold(String),
}

/// A judgement and what it is counted by.
struct Judged {
    judgement: Judgement,
    /// Not if nobody looked at the PIN.
    attempt: Option<Attempt>,
    /// With this one, half of the wrong PINs that a day may have are used.
    is_half_used: bool,
}

impl Judged {
    fn unheard(outcome: &'static str, cause: Option<String>, is_half_used: bool) -> Self {
        Self {
            judgement: Judgement::Refused(outcome, cause),
            attempt: None,
            is_half_used,
        }
    }
}

impl App {
    /// For an IVR of any make.
    async fn validate(
        &self,
        request: &Request,
        started: Instant,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        let given = bearer::presented(request);
        if given.is_none() && request.header("x-twilio-signature").is_some() {
            webhook::authenticate(request, self.public_url.as_ref(), &self.twilio, now).await?;
        } else {
            bearer::check(given.as_ref(), &self.ivr, now).await?;
        }
        let form = Form::parse(&request.body).filter(|form| !form.repeats());
        let form = form.ok_or_else(|| Reply::refused(400, "bad_form"))?;
        let caller = [form.get("caller"), form.get("From")]
            .into_iter()
            .flatten()
            .map(str::trim)
            .find(|caller| !caller.is_empty());
        let caller = match caller {
            None => Caller::Untold,
            Some(caller) if webhook::is_withheld(caller) => Caller::Withheld,
            Some(caller) => Caller::Named(caller),
        };
        let pin = SecretString::from(form.get("pin").unwrap_or_default().trim());
        let account = form
            .get("account_number")
            .unwrap_or_default()
            .trim()
            .parse()
            .ok();
        let plain =
            |outcome, text: String| Reply::body(200, outcome, "text/plain; charset=utf-8", text);
        let judged = self
            .judge(account.as_ref(), &pin, caller, started, now)
            .await;
        self.settle(&judged, started, now).await;
        let (outcome, cause) = match judged.judgement {
            Judgement::Accepted(holder) => {
                // The word for a refusal is nobody's name.
                let greeting = greeting(&holder).filter(|greeting| greeting != "error");
                return Ok(plain(
                    "greeted",
                    greeting.unwrap_or_else(|| "Welcome".to_owned()),
                ));
            }
            Judgement::Refused(outcome, cause) => (outcome, cause),
            Judgement::Untold(cause) => ("login_unavailable", Some(cause)),
        };
        self.wait(started).await;
        Ok(refusal(
            plain(outcome, "error".to_owned()),
            cause,
            judged.is_half_used,
        ))
    }

    async fn step(
        &self,
        path: &str,
        dialogue: &Dialogue<'_>,
        call: &InboundCall,
        form: &Verified<Form>,
        (started, now): (Instant, SystemTime),
    ) -> Result<Reply, Unavailable> {
        let keys = webhook::keys(form);
        let keys = SecretString::from(keys.expose_secret().trim().trim_end_matches('#'));
        let moved = match path {
            "/voice" => dialogue.begin().await?,
            "/voice/account" => match keys.expose_secret().parse() {
                Ok(account) => dialogue.account(&account).await?,
                Err(_) => dialogue.again("account").await?,
            },
            "/voice/pin" if self.is_pin(&keys) => match dialogue.pin().await? {
                Move::Made(place) => {
                    return self
                        .try_pin(dialogue, &place, &keys, call, (started, now))
                        .await;
                }
                moved => moved,
            },
            "/voice/pin" => dialogue.again("pin").await?,
            _ => match self.rules.menu.find(keys.expose_secret()) {
                None => dialogue.again("menu").await?,
                Some(Entry {
                    action: Action::Exit,
                    ..
                }) => match dialogue.end("menu").await? {
                    Move::Made(_) => return Ok(self.over("exit")),
                    moved => moved,
                },
                Some(Entry { digit, .. }) => dialogue.turn(digit).await?,
            },
        };
        match moved {
            Move::Made(place) => Ok(self.say(&place, now).await),
            Move::Repeated(place) => {
                if place.said().starts_with("refused") {
                    self.wait(started).await;
                }
                // What was done is in another line.
                let answer = self.say(&place, now).await;
                Ok(Reply::empty(answer.status, "repeated").answered_with(answer))
            }
            Move::OutOfOrder => Ok(self.over("out_of_order")),
        }
    }

    /// The answer with which a place is reached: made from what the table has of the call, so that it can be given again.
    async fn say(&self, place: &Place, now: SystemTime) -> Reply {
        let answer = place.answer();
        match place.said() {
            "welcome" => self
                .ask_account(&self.rules.welcome, answer)
                .into_reply("asked_account"),
            "pin" => self.ask_pin("", answer).into_reply("asked_pin"),
            "again_account" => self
                .ask_account(NOT_UNDERSTOOD, answer)
                .into_reply("asked_again"),
            "again_pin" => self
                .ask_pin(NOT_UNDERSTOOD, answer)
                .into_reply("asked_again"),
            "again_menu" => self.offer(NOT_UNDERSTOOD, answer).into_reply("asked_again"),
            "refused" => self.ask_account(REFUSED, answer).into_reply("wrong_pin"),
            "refused_last" => self.refuse().into_reply("wrong_pin"),
            "greeted" => {
                let found = match place.account() {
                    Some(account) => self
                        .users
                        .by_account_number(&account, &self.realm, now)
                        .await
                        .ok(),
                    None => None,
                };
                let name = if let Some(Found::One(holder)) = &found {
                    greeting(holder)
                } else {
                    None
                };
                self.offer(&welcome(name), answer).into_reply("greeted")
            }
            "goodbye" => self.over("no_entry"),
            said => match said
                .strip_prefix("told_")
                .and_then(|digit| self.rules.menu.find(digit))
            {
                Some(Entry {
                    action: Action::Tell { path, say },
                    ..
                }) => self.tell(place, path, say, now).await,
                _ => self.over("out_of_order"),
            },
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
            .judge(account.as_ref(), pin, caller, started, now)
            .await;
        let settling = self.settle(&judged, started, now);
        let (outcome, cause) = match &judged.judgement {
            Judgement::Accepted(holder) => {
                let (moved, ()) = tokio::join!(dialogue.right(), settling);
                return Ok(match moved? {
                    Move::Made(place) => self
                        .offer(&welcome(greeting(holder)), place.answer())
                        .into_reply("greeted"),
                    _ => self.over("out_of_order"),
                });
            }
            Judgement::Refused(outcome, cause) => (*outcome, cause.clone()),
            Judgement::Untold(cause) => ("login_unavailable", Some(cause.clone())),
        };
        let moving = dialogue.wrong(place.is_last_pair(), self.due(started));
        let (moved, ()) = tokio::join!(Table::within(TIME_TO_SETTLE, moving), settling);
        self.wait(started).await;
        let words = match moved {
            Ok(Move::Made(place)) if !place.is_over() => self.ask_account(REFUSED, place.answer()),
            // Without the table the words are the same, but the call cannot go on.
            _ => self.refuse(),
        };
        Ok(refusal(
            words.into_reply(outcome),
            cause,
            judged.is_half_used,
        ))
    }

    /// What the API knows, and what can be asked next.
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
                self.offer(&told.unwrap_or_else(|| NOTHING_TO_TELL.to_owned()), answer)
                    .into_reply("told")
            }
            Ok(None) => self
                .offer(NOTHING_TO_TELL, answer)
                .into_reply("nothing_to_tell"),
            Err(failed) => self
                .offer(NOT_NOW, answer)
                .into_reply("api_unavailable")
                .failed()
                .field("error", failed.to_string()),
        }
    }

    /// Whether the PIN is this account's; what comes of it is counted by [`App::settle`].
    async fn judge(
        &self,
        account: Option<&AccountNumber>,
        pin: &SecretString,
        caller: Caller<'_>,
        started: Instant,
        now: SystemTime,
    ) -> Judged {
        let Some(account) = account.filter(|_| self.is_pin(pin)) else {
            return Judged::unheard("malformed", None, false);
        };
        let limits = &self.rules.limits;
        let Counted { attempt, failures } = Attempt::count(
            &self.table,
            limits,
            account,
            caller,
            now + started.elapsed(),
        )
        .await;
        let is_half_used = failures.is_some_and(|failures| limits.is_half(failures));
        if failures.is_some() {
            self.is_slow.store(is_half_used, Ordering::Relaxed);
        }
        let attempt = match attempt {
            Ok(attempt) => attempt,
            Err(Unheard::Spent(outcome)) => return Judged::unheard(outcome, None, is_half_used),
            Err(Unheard::Unavailable(error)) => {
                return Judged::unheard("table_unavailable", Some(error.to_string()), is_half_used);
            }
        };
        let within = TIME_TO_JUDGE.saturating_sub(started.elapsed());
        let judged = tokio::time::timeout(within, self.log_in(account, pin, now)).await;
        let judgement =
            judged.unwrap_or_else(|_| Judgement::Untold("no answer in time".to_owned()));
        let is_wrong = matches!(
            judgement,
            Judgement::Refused(_, None) | Judgement::Untold(_)
        );
        let is_half_used =
            failures.is_some_and(|failures| limits.is_half(failures + u64::from(is_wrong)));
        Judged {
            judgement,
            attempt: Some(attempt),
            is_half_used,
        }
    }

    async fn settle(&self, judged: &Judged, started: Instant, now: SystemTime) {
        let Some(attempt) = &judged.attempt else {
            return;
        };
        let now = now + started.elapsed();
        let settling = async {
            match &judged.judgement {
                Judgement::Accepted(_) => attempt.right(&self.table, now).await,
                // Nobody looked at the PIN.
                Judgement::Refused(_, Some(_)) => attempt.void(&self.table).await,
                Judgement::Refused(_, None) | Judgement::Untold(_) => {
                    attempt.wrong(&self.table, &self.rules.limits, now).await
                }
            }
        };
        if let Err(error) = Table::within(TIME_TO_SETTLE, settling).await {
            tracing::warn!(%error, "what came of an attempt could not be noted");
        }
    }

    async fn log_in(
        &self,
        account: &AccountNumber,
        pin: &SecretString,
        now: SystemTime,
    ) -> Judgement {
        let holder = match self
            .users
            .by_account_number(account, &self.realm, now)
            .await
        {
            Ok(Found::One(holder)) => holder,
            Ok(Found::Nobody) => return Judgement::Refused("unknown_account", None),
            Ok(Found::Several) => {
                tracing::error!("several users have the same account number; none is let in");
                return Judgement::Refused("ambiguous_account", None);
            }
            Err(error) => return Judgement::Refused("login_unavailable", Some(error.to_string())),
        };
        match self.login.check(&holder.email, pin, now).await {
            Ok(Verdict::Accepted) => Judgement::Accepted(holder),
            Ok(Verdict::WrongPassword) => Judgement::Refused("wrong_pin", None),
            Ok(Verdict::Barred(why)) => Judgement::Refused(why, None),
            Err(Untold { error, tried: true }) => Judgement::Untold(error.to_string()),
            Err(Untold {
                error,
                tried: false,
            }) => Judgement::Refused("login_unavailable", Some(error.to_string())),
        }
    }

    fn is_pin(&self, pin: &SecretString) -> bool {
        let pin = pin.expose_secret();
        pin.len() as u64 == self.rules.pin_length && pin.bytes().all(|byte| byte.is_ascii_digit())
    }

    fn speak(&self) -> Response {
        Response::new().voice(&self.rules.voice)
    }

    fn ask_account(&self, first: &str, answer: u64) -> Response {
        self.ask(first, ASK_ACCOUNT, "account", answer, None)
    }

    fn ask_pin(&self, first: &str, answer: u64) -> Response {
        self.ask(first, ASK_PIN, "pin", answer, Some(self.rules.pin_length))
    }

    fn offer(&self, first: &str, answer: u64) -> Response {
        self.ask(first, &self.rules.menu.offer(), "menu", answer, Some(1))
    }

    /// All of it can be cut short by pressing a key. The answer's number comes back with what is keyed.
    fn ask(
        &self,
        first: &str,
        question: &str,
        step: &str,
        answer: u64,
        digits: Option<u64>,
    ) -> Response {
        let prefix = self
            .public_url
            .as_ref()
            .map_or("/", |url| url.as_url().path());
        let (action, prompt) = (
            format!("{prefix}voice/{step}?step={answer}"),
            format!("{first} {question}"),
        );
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

    /// When a refusal is due: a whole number of paces after `started`.
    fn due(&self, started: Instant) -> Instant {
        let pace = if self.is_slow.load(Ordering::Relaxed) {
            SLOW_PACE
        } else {
            PACE
        };
        let paces = started.elapsed().as_millis() / pace.as_millis() + 1;
        started + pace * u32::try_from(paces).unwrap_or(1)
    }

    async fn wait(&self, started: Instant) {
        tokio::time::sleep(self.due(started).saturating_duration_since(Instant::now())).await;
    }
}

/// The user's own words, cut; `None` if there are none.
fn greeting(holder: &AccountHolder) -> Option<String> {
    let words = holder
        .greeting
        .as_deref()?
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    Some(words.chars().take(GREETING_LIMIT).collect::<String>()).filter(|words| !words.is_empty())
}

fn welcome(name: Option<String>) -> String {
    name.map_or_else(|| "Welcome.".to_owned(), |name| format!("Welcome {name}."))
}

/// A refusal's log line says what its answer does not.
fn refusal(reply: Reply, cause: Option<String>, is_half_used: bool) -> Reply {
    let reply = reply.metric("LoginFailed", 1);
    let reply = if is_half_used {
        reply.metric("HalfOfBudgetUsed", 1)
    } else {
        reply
    };
    match cause {
        Some(cause) => reply.failed().field("error", cause),
        None => reply,
    }
}
