//! Callers key an account number and a PIN, are greeted by name, and hear what a protected API knows of their account.
//!
//! `/validate` answers an IVR of any make: the greeting, or `error`. `/voice` and its steps are the whole dialogue for Twilio: each
//! step is authenticated, moves the call's state on in the table by one conditional write (`dialogue`), and answers with `TwiML`. A PIN is
//! tried only after the attempt was counted (`attempts`): then the user is looked up by the account number and logged in.
//!
//! Every refusal sounds the same and takes the same time, whatever was wrong: the number, the PIN, a lock, or something of ours.
//! Never: a PIN in a log, a URL or the table, a menu without a PIN, a stranger's text that becomes markup.

mod attempts;
mod dialogue;
mod menu;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use secrecy::{ExposeSecret as _, SecretString};
use shared::auth0::login::{Login, Untold, Verdict};
use shared::auth0::tokens::Tokens;
use shared::auth0::users::{AccountHolder, AccountNumber, Found, Users};
use shared::aws;
use shared::bearer::{self, Token};
use shared::config::Source;
use shared::http::{self, BaseUrl};
use shared::protected::{Api, Failed};
use shared::reply::{Failure, Reply};
use shared::request::Request;
use shared::secrets::Secret;
use shared::table::{Table, Unavailable};
use shared::twilio::Credentials;
use shared::twilio::twiml::{Gather, Response, Voice};
use shared::twilio::webhook::{self, Form, InboundCall};
use shared::verified::Verified;

use attempts::{Attempt, Caller, Limits};
use dialogue::Dialogue;
use menu::{Action, Menu};

const BODY_LIMIT: usize = 1024 * 1024;
/// Twilio waits 15 s; nobody listens to silence for so long.
const TIME_TO_ANSWER: Duration = Duration::from_secs(10);
/// By then a PIN has been judged, or it is refused.
const TIME_TO_JUDGE: Duration = Duration::from_millis(6_500);
/// Refusals take this long, or if they must a multiple of it: how long tells nothing of what was wrong.
const PACE: Duration = Duration::from_millis(1_500);
const API_TIME: Duration = Duration::from_secs(6);
/// What the table may take once a PIN has been judged.
const TIME_TO_SETTLE: Duration = Duration::from_secs(1);
const GREETING_LIMIT: usize = 100;

const REFUSED: &str = "We are sorry, this account number and PIN could not be accepted.";
const GOODBYE: &str = "Goodbye.";
const APOLOGY: &str = "We are sorry, something went wrong on our side. Please call again in a few minutes. Goodbye.";
const ASK_ACCOUNT: &str = "Please enter your account number, followed by the pound key.";
const ASK_PIN: &str = "Please enter your PIN, followed by the pound key.";
const NOT_UNDERSTOOD: &str = "We did not get that.";
const NOTHING_TO_TELL: &str = "There is nothing to tell about this.";
const NOT_NOW: &str = "We are sorry, this is not available right now.";

/// The settings.
#[derive(Debug)]
pub struct Config {
    aws: aws::Settings,
    http: http::Settings,
    table: String,
    twilio_secret: String,
    ivr_secret: String,
    auth0_secret: String,
    tenant: BaseUrl,
    realm: String,
    api: BaseUrl,
    audience: String,
    public_url: Option<BaseUrl>,
    rules: Rules,
}

#[derive(Debug)]
struct Rules {
    limits: Limits,
    pin_length: u64,
    menu: Menu,
    voice: Voice,
    welcome: String,
}

impl Config {
    /// Reads the settings; what is wrong is noted in `source`.
    pub fn read(source: &mut Source<'_>) -> Option<Self> {
        let aws = aws::Settings::read(source);
        let http = http::Settings::read(source);
        let (table, twilio_secret) = (source.required("TABLE_NAME"), source.required("TWILIO_SECRET"));
        let (ivr_secret, auth0_secret) = (source.required("IVR_SECRET"), source.required("AUTH0_SECRET"));
        let (tenant, api) = (source.base_url("AUTH0_URL", None), source.base_url("API_URL", None));
        let audience = source.required("API_AUDIENCE");
        let public_url = webhook::public_url(source);
        let limits = Limits::read(source);
        let pin_length = source.number("PIN_LENGTH", 4, 4..=32);
        let language = source.text("IVR_LANGUAGE", "en-US").trim().to_owned();
        if !language.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            source.problem("IVR_LANGUAGE is not a language such as en-US");
        }
        let voice = Voice { language: Some(language), name: source.optional("IVR_VOICE").map(|name| name.trim().to_owned()) };
        let welcome = source.text("IVR_WELCOME", "Welcome.");
        if welcome.chars().count() > 1_000 {
            source.problem("IVR_WELCOME is longer than 1000 characters, which nobody listens to");
        }
        let menu = Menu::read(source);
        Some(Self {
            aws: aws?,
            http,
            table: table?,
            twilio_secret: twilio_secret?,
            ivr_secret: ivr_secret?,
            auth0_secret: auth0_secret?,
            tenant: tenant?,
            realm: source.text("LOGIN_REALM", "Username-Password-Authentication").trim().to_owned(),
            api: api?,
            audience: audience?,
            public_url,
            rules: Rules { limits, pin_length, menu: menu?, voice, welcome },
        })
    }
}

/// The function's state for the life of an instance.
pub struct App {
    http: http::Client,
    table: Table,
    twilio: Secret<Credentials>,
    ivr: Secret<Token>,
    users: Users,
    login: Login,
    api: Api,
    realm: String,
    public_url: Option<BaseUrl>,
    rules: Rules,
}

/// What became of an account number and a PIN.
enum Judgement {
    Accepted(AccountHolder),
    /// The outcome word, and the cause if it is ours.
    Refused(&'static str, Option<String>),
    /// As refused, by something of ours, but Auth0 may have judged the PIN: it counts.
    Untold(String),
}

impl App {
    /// Makes the state: everything that a request will need is fetched and connected to at once.
    ///
    /// # Errors
    /// When no HTTP client can be made from the settings. Upstreams that are down are met again by the first request.
    pub async fn connect(config: Config) -> Result<Self, String> {
        let http = http::Client::new(config.http)?;
        let secrets = config.aws.secrets_manager(&http);
        let table = Table::new(config.aws.dynamodb(&http), config.table);
        let auth0 = Arc::new(Secret::new(config.auth0_secret, secrets.clone()));
        let tokens =
            |audience| Tokens::new(http.clone(), config.tenant.clone(), audience, Arc::clone(&auth0), Some(table.clone()));
        let app = Self {
            users: Users::new(http.clone(), config.tenant.clone(), tokens(Users::audience(&config.tenant))),
            api: Api::new(http.clone(), config.api.clone(), tokens(config.audience)),
            login: Login::new(http.clone(), config.tenant.clone(), config.realm.clone(), Arc::clone(&auth0)),
            realm: config.realm,
            twilio: Secret::new(config.twilio_secret, secrets.clone()),
            ivr: Secret::new(config.ivr_secret, secrets),
            table: table.clone(),
            public_url: config.public_url,
            rules: config.rules,
            http: http.clone(),
        };
        let (now, dynamodb) = (shared::runtime::now(), config.aws.dynamodb_url());
        // One secret for both, asked for once, while the connections are made by which both are then looked for.
        let tokens = async {
            let _met_again = tokio::join!(auth0.get(now), app.http.warm_up_for(2, dynamodb.as_ref()));
            tokio::join!(app.users.warm_up(now), app.api.warm_up(now))
        };
        let warm_up = async {
            tokio::join!(
                app.twilio.get(now),
                app.ivr.get(now),
                tokens,
                app.http.warm_up(Some(&config.tenant)),
                app.http.warm_up(Some(&config.api)),
            )
        };
        shared::runtime::warm_up(warm_up).await;
        app.http.take_waited();
        Ok(app)
    }

    /// Answers one request.
    pub async fn handle(&self, request: &Request, now: SystemTime) -> Reply {
        let started = Instant::now();
        let within = TIME_TO_ANSWER.min(request.remaining(Duration::from_millis(500)));
        let reply = match tokio::time::timeout(within, self.flow(request, started, now)).await {
            Ok(Ok(reply) | Err(reply)) => reply,
            Err(_) => Reply::empty(503, "too_slow"),
        };
        // A caller must not hear Twilio's "application error".
        let reply = match request.path.as_str() {
            path if reply.status == 503 && path.starts_with("/voice") => {
                reply.answered_with(self.speak().say(APOLOGY).hangup().into_reply(""))
            }
            _ => reply,
        };
        reply.upstream(self.http.take_waited())
    }

    async fn flow(&self, request: &Request, started: Instant, now: SystemTime) -> Result<Reply, Reply> {
        let path = request.path.as_str();
        let known =
            ["/validate", "/voice", "/voice/account", "/voice/pin", "/voice/menu"].into_iter().find(|known| *known == path);
        request.expect_post(known.unwrap_or("/validate"), &webhook::FORMS, BODY_LIMIT)?;
        if path == "/validate" {
            return self.validate(request, started, now).await;
        }
        let form = webhook::authenticate(request, self.public_url.as_ref(), &self.twilio, now).await?;
        let call = InboundCall::parse(&form)?;
        let step = self.step(path, &call, &form, (started, now)).await;
        let from = call.from.as_ref().map_or_else(|| "withheld".to_owned(), ToString::to_string);
        step.map(|reply| reply.field("sid", call.sid).field("from", from)).map_err(|error| Failure::from(error).into())
    }

    /// For an IVR of any make.
    async fn validate(&self, request: &Request, started: Instant, now: SystemTime) -> Result<Reply, Reply> {
        let given = bearer::presented(request);
        if given.is_none() && request.header("x-twilio-signature").is_some() {
            webhook::authenticate(request, self.public_url.as_ref(), &self.twilio, now).await?;
        } else {
            bearer::check(given.as_ref(), &self.ivr, now).await?;
        }
        let form = Form::parse(&request.body).filter(|form| !form.repeats());
        let form = form.ok_or_else(|| Reply::refused(400, "bad_form"))?;
        let caller =
            [form.get("caller"), form.get("From")].into_iter().flatten().map(str::trim).find(|caller| !caller.is_empty());
        let caller = match caller {
            None => Caller::Untold,
            Some(caller) if webhook::is_withheld(caller) => Caller::Withheld,
            Some(caller) => Caller::Known(caller),
        };
        let pin = SecretString::from(form.get("pin").unwrap_or_default().trim());
        let account = form.get("account_number").unwrap_or_default().trim().parse().ok();
        let plain = |outcome, text: String| Reply::body(200, outcome, "text/plain; charset=utf-8", text);
        let (outcome, cause) = match self.judge(account.as_ref(), &pin, caller, started, now).await {
            Judgement::Accepted(holder) => {
                // The word for a refusal is nobody's name.
                let greeting = greeting(&holder).filter(|greeting| greeting != "error");
                return Ok(plain("greeted", greeting.unwrap_or_else(|| "Welcome".to_owned())));
            }
            Judgement::Refused(outcome, cause) => (outcome, cause),
            Judgement::Untold(cause) => ("login_unavailable", Some(cause)),
        };
        pace(started).await;
        Ok(refusal(plain(outcome, "error".to_owned()), cause))
    }

    async fn step(
        &self,
        path: &str,
        call: &InboundCall,
        form: &Verified<Form>,
        (started, now): (Instant, SystemTime),
    ) -> Result<Reply, Unavailable> {
        let dialogue = Dialogue::new(&self.table, &call.sid, now);
        let keys = webhook::keys(form);
        let keys = SecretString::from(keys.expose_secret().trim().trim_end_matches('#'));
        match path {
            "/voice" => Ok(match dialogue.begin().await? {
                Some(_) => self.ask_account(&self.rules.welcome).into_reply("asked_account"),
                None => self.over("out_of_order"),
            }),
            "/voice/account" => {
                let Ok(account) = keys.expose_secret().parse::<AccountNumber>() else {
                    return self.again(&dialogue, "account", self.ask_account(NOT_UNDERSTOOD)).await;
                };
                Ok(match dialogue.account(&account).await? {
                    Some(_) => self.ask_pin("").into_reply("asked_pin"),
                    None => self.over("out_of_order"),
                })
            }
            "/voice/pin" => {
                if !self.is_pin(&keys) {
                    return self.again(&dialogue, "pin", self.ask_pin(NOT_UNDERSTOOD)).await;
                }
                let Some(place) = dialogue.pin().await? else { return Ok(self.over("out_of_order")) };
                self.try_pin(&dialogue, place.account(), &keys, call, (started, now)).await
            }
            _ => self.choose(&dialogue, keys.expose_secret(), now).await,
        }
    }

    async fn try_pin(
        &self,
        dialogue: &Dialogue<'_>,
        account: Option<AccountNumber>,
        pin: &SecretString,
        call: &InboundCall,
        (started, now): (Instant, SystemTime),
    ) -> Result<Reply, Unavailable> {
        let caller = call.from.as_ref().map_or(Caller::Withheld, |from| Caller::Known(from.reveal()));
        let (outcome, cause) = match self.judge(account.as_ref(), pin, caller, started, now).await {
            Judgement::Accepted(holder) => {
                let greeting = greeting(&holder).map_or_else(|| "Welcome.".to_owned(), |name| format!("Welcome {name}."));
                return Ok(match dialogue.right().await? {
                    Some(_) => self.offer(&greeting).into_reply("greeted"),
                    None => self.over("out_of_order"),
                });
            }
            Judgement::Refused(outcome, cause) => (outcome, cause),
            Judgement::Untold(cause) => ("login_unavailable", Some(cause)),
        };
        // Without the table the words are the same, but the call cannot go on.
        let more = in_time(dialogue.wrong()).await.unwrap_or(false);
        pace(started).await;
        let words = if more { self.ask_account(REFUSED) } else { self.speak().say(REFUSED).say(GOODBYE).hangup() };
        Ok(refusal(words.into_reply(outcome), cause))
    }

    async fn choose(&self, dialogue: &Dialogue<'_>, digit: &str, now: SystemTime) -> Result<Reply, Unavailable> {
        let Some(entry) = self.rules.menu.find(digit) else {
            return self.again(dialogue, "menu", self.offer(NOT_UNDERSTOOD)).await;
        };
        let Some(place) = dialogue.turn().await? else { return Ok(self.over("out_of_order")) };
        let Action::Tell { path, say } = &entry.action else {
            dialogue.end().await?;
            return Ok(self.over("exit"));
        };
        let account = place.account();
        let path = account.as_ref().and_then(|account| path.fill(|_| Some(account.as_str())));
        let found = match path {
            Some(path) => self.api.get(&path, API_TIME, now).await,
            None => Err(Failed::Unavailable("the call has no account".to_owned())),
        };
        Ok(match found {
            Ok(Some((_, found))) => {
                let told = serde_json::from_str(found.get()).ok().and_then(|found| menu::tell(say, &found));
                self.offer(&told.unwrap_or_else(|| NOTHING_TO_TELL.to_owned())).into_reply("told")
            }
            Ok(None) => self.offer(NOTHING_TO_TELL).into_reply("nothing_to_tell"),
            Err(failed) => self.offer(NOT_NOW).into_reply("api_unavailable").failed().field("error", failed.to_string()),
        })
    }

    /// Whether the PIN is this account's.
    async fn judge(
        &self,
        account: Option<&AccountNumber>,
        pin: &SecretString,
        caller: Caller<'_>,
        started: Instant,
        now: SystemTime,
    ) -> Judgement {
        let Some(account) = account.filter(|_| self.is_pin(pin)) else { return Judgement::Refused("malformed", None) };
        let attempt = match Attempt::count(&self.table, &self.rules.limits, account, caller, now).await {
            Ok(Some(attempt)) => attempt,
            Ok(None) => return Judgement::Refused("locked", None),
            Err(error) => return Judgement::Refused("table_unavailable", Some(error.to_string())),
        };
        let within = TIME_TO_JUDGE.saturating_sub(started.elapsed());
        let judged = tokio::time::timeout(within, self.log_in(account, pin, now)).await;
        let judgement = judged.unwrap_or_else(|_| Judgement::Untold("no answer in time".to_owned()));
        let settle = async {
            match &judgement {
                Judgement::Accepted(_) => attempt.right(&self.table).await,
                // Nobody looked at the PIN.
                Judgement::Refused(_, Some(_)) => attempt.void(&self.table).await,
                Judgement::Refused(_, None) | Judgement::Untold(_) => {
                    attempt.wrong(&self.table, &self.rules.limits, now + started.elapsed()).await
                }
            }
        };
        if let Err(error) = in_time(settle).await {
            tracing::warn!(%error, "what came of an attempt could not be noted");
        }
        judgement
    }

    async fn log_in(&self, account: &AccountNumber, pin: &SecretString, now: SystemTime) -> Judgement {
        let holder = match self.users.by_account_number(account, &self.realm, now).await {
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
            Err(Untold { error, tried: false }) => Judgement::Refused("login_unavailable", Some(error.to_string())),
        }
    }

    fn is_pin(&self, pin: &SecretString) -> bool {
        let pin = pin.expose_secret();
        pin.len() as u64 == self.rules.pin_length && pin.bytes().all(|byte| byte.is_ascii_digit())
    }

    fn speak(&self) -> Response {
        Response::new().voice(&self.rules.voice)
    }

    fn ask_account(&self, first: &str) -> Response {
        self.ask(first, ASK_ACCOUNT, "account", None)
    }

    fn ask_pin(&self, first: &str) -> Response {
        self.ask(first, ASK_PIN, "pin", Some(self.rules.pin_length))
    }

    fn offer(&self, first: &str) -> Response {
        self.ask(first, &self.rules.menu.offer(), "menu", Some(1))
    }

    /// All of it can be cut short by pressing a key.
    fn ask(&self, first: &str, question: &str, step: &str, digits: Option<u64>) -> Response {
        let prefix = self.public_url.as_ref().map_or("/", |url| url.as_url().path());
        let (action, prompt) = (format!("{prefix}voice/{step}"), format!("{first} {question}"));
        self.speak().gather(&Gather { action: &action, digits, prompt: prompt.trim() })
    }

    /// Asks again, for a limited number of times.
    async fn again(&self, dialogue: &Dialogue<'_>, step: &'static str, question: Response) -> Result<Reply, Unavailable> {
        if dialogue.again(step).await? {
            return Ok(question.into_reply("asked_again"));
        }
        dialogue.end().await?;
        Ok(self.over("no_entry"))
    }

    fn over(&self, outcome: &'static str) -> Reply {
        self.speak().say(GOODBYE).hangup().into_reply(outcome)
    }
}

/// The user's own words, cut; `None` if there are none.
fn greeting(holder: &AccountHolder) -> Option<String> {
    let words = holder.greeting.as_deref()?.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(words.chars().take(GREETING_LIMIT).collect::<String>()).filter(|words| !words.is_empty())
}

/// A refusal's log line says what its answer does not.
fn refusal(reply: Reply, cause: Option<String>) -> Reply {
    let reply = reply.metric("LoginFailed", 1);
    match cause {
        Some(cause) => reply.failed().field("error", cause),
        None => reply,
    }
}

async fn in_time<T>(settling: impl Future<Output = Result<T, Unavailable>>) -> Result<T, Unavailable> {
    tokio::time::timeout(TIME_TO_SETTLE, settling).await.unwrap_or_else(|_| Err(Unavailable::late()))
}

/// Waits until a whole number of paces has passed since `started`.
async fn pace(started: Instant) {
    let paces = started.elapsed().as_millis() / PACE.as_millis() + 1;
    let until = started + PACE * u32::try_from(paces).unwrap_or(1);
    tokio::time::sleep(until.saturating_duration_since(Instant::now())).await;
}
