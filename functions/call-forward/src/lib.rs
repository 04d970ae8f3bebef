//! Connects a call to a company number with the employee's own phone.
//!
//! Twilio posts the call. The flow:
//!
//! 1. Check Twilio's signature.
//! 2. Ask Okta whose number it is. At the same time note the call in the table, with the number's
//!    other calls.
//! 3. Decide whether to connect the call (`connection`).
//! 4. Answer with TwiML that greets and dials.
//!
//! When the dialled call is over, Twilio posts to `/after`. The caller may then leave a message,
//! and the employee gets an SMS about it. When the whole call is over, Twilio posts to `/status`,
//! also if the caller hangs up during the greeting. Then the call no longer counts for its number.
//! If nobody answered the call, the employee gets an SMS about it (`missed`).
//!
//! Each step of a call has its effect once. Twilio retries within seconds and gets the same answer.
//! A later request is a replay by an attacker, and its answer reveals nothing.
//!
//! The caller always hears words: a prompt if the number belongs to no employee or the call is a
//! loop, an apology if a failure is ours.
//!
//! Promises: no call to a premium-rate range. No call to a foreign number, unless the settings
//! allow it. No name becomes markup. Every call ends.

mod active;
mod connection;
mod greeting;
mod line;
mod missed;
mod speech;
mod voicemail;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ring::digest;
use shared::platform::Platform;
use shared::platform::base_url::BaseUrl;
use shared::platform::config::Source;
use shared::platform::reply::Reply;
use shared::platform::request::Request;
use shared::platform::runtime::Function;
use shared::platform::secrets::Secret;
use shared::platform::table::Table;
use shared::platform::time::epoch;
use shared::rules::phone::{Countries, E164, read_countries};
use shared::rules::sms::Account;
use shared::services::directory::Directory;
use shared::vendors::twilio::messages::{Messages, Sender};
use shared::vendors::twilio::twiml::{Dial, Response};
use shared::vendors::twilio::webhook::{self, Dialled, InboundCall, Recording};
use shared::vendors::twilio::{self, Credentials};

use connection::{Call, Connection, Limits, Refusal};
use speech::{Speaker, Speech};

const BODY_LIMIT: usize = 1024 * 1024;
const DAY: u64 = 86_400;
/// Twilio waits 15 s, but callers do not listen to silence for so long.
const TIME_TO_ANSWER: Duration = Duration::from_secs(9);
/// The time limit for the guards in the table. Without them Twilio still limits the call's length.
const TABLE_TIME: Duration = Duration::from_secs(3);
const RECORDING_SECONDS: u64 = 180;
/// How long the table remembers that a step of a call was answered, in seconds.
const REMEMBERED: u64 = 400 * DAY;

/// The function's settings and clients.
pub struct App {
    table: Table,
    directory: Directory,
    twilio: Arc<Secret<Credentials>>,
    messages: Account<Messages<Credentials>>,
    public_url: Option<BaseUrl>,
    /// Where delivery receipts go; `None` if no text asks for one.
    delivery_url: Option<BaseUrl>,
    speech: Speech,
    rules: Rules,
}

struct Rules {
    /// `GREETING`, in place of the catalogue's.
    greeting: Option<String>,
    ring_seconds: u64,
    call_seconds: u64,
    countries: Option<Countries>,
    voicemail: bool,
    missed_call_text: bool,
    limits: Limits,
}

impl Function for App {
    const TIME: Option<Duration> = Some(TIME_TO_ANSWER);

    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        let twilio = Arc::new(platform.secret(source, "TWILIO_SECRET"));
        let app = Self {
            table: platform.table.clone(),
            directory: Directory::read(platform, source),
            twilio: Arc::clone(&twilio),
            messages: Account::new(
                Messages::new(Sender::default()),
                platform.http.clone(),
                twilio::api(source),
                twilio,
            ),
            public_url: webhook::public_url(source),
            delivery_url: source.optional_base_url("DELIVERY_URL"),
            speech: Speech::read(platform, source),
            rules: Rules {
                greeting: source.optional("GREETING"),
                ring_seconds: source.number("DIAL_TIMEOUT_SECONDS", 25, 5..=600),
                call_seconds: source.number("MAX_CALL_SECONDS", 7_200, 60..=14_400),
                countries: read_countries(source, "ALLOWED_COUNTRIES"),
                voicemail: source.choice("VOICEMAIL", &[("off", false), ("on", true)]),
                missed_call_text: source
                    .choice("MISSED_CALL_TEXT", &[("off", false), ("on", true)]),
                limits: Limits {
                    concurrent: usize::try_from(source.number("MAX_CONCURRENT_CALLS", 5, 1..=100))
                        .unwrap_or(usize::MAX),
                    seconds_per_day: 60 * source.number("MAX_MINUTES_PER_DAY", 600, 1..=100_000),
                },
            },
        };
        let greeting = app.rules.greeting.as_deref().unwrap_or_default();
        source.placeholders("GREETING", greeting, &["firstName"]);
        if greeting.chars().count() > 1_000 {
            source.problem("GREETING is longer than 1000 characters, which nobody listens to");
        }
        app
    }

    async fn warm_up(&self, platform: &Platform, now: SystemTime) {
        // A failure shows again on the first request.
        let _ = tokio::join!(
            self.twilio.get(now),
            self.directory.warm_up(now),
            platform.warm_up(3)
        );
    }

    /// The caller must not hear Twilio's "application error". No person hears the answer to a
    /// status callback, and Twilio retries it.
    fn apology(&self, request: &Request) -> Option<Reply> {
        let speaker = || {
            let from = webhook::claimed_caller(request);
            self.speech.speaker(from.as_ref())
        };
        (request.path() != "/status").then(|| speaker().last(&words::APOLOGY).into_reply(""))
    }

    async fn flow(&self, request: &Request, now: SystemTime) -> Result<Reply, Reply> {
        let step = ["/after", "/status"]
            .into_iter()
            .find(|step| *step == request.path())
            .unwrap_or("/");
        request.expect_post(step, &webhook::FORMS, BODY_LIMIT)?;
        let form =
            webhook::authenticate(request, self.public_url.as_ref(), &self.twilio, now).await?;
        let call = InboundCall::parse(&form)?;
        let reply = match (&call.to, step) {
            (Some(to), "/status") if webhook::has_ended(&form) => {
                self.ended(&call, to, webhook::call_seconds(&form), now)
                    .await?
            }
            (_, "/status") => Reply::empty(204, "still_on"),
            (None, _) => {
                let from = call.from.as_ref();
                self.speech.fetch(from, now).await;
                refused(
                    &self.speech.speaker(from),
                    Refusal::Nobody("unknown_number"),
                )
            }
            (Some(to), "/after") => {
                self.after(
                    &call,
                    to,
                    Dialled::parse(&form),
                    Recording::parse(&form),
                    now,
                )
                .await?
            }
            (Some(to), _) => self.connect_call(&call, to, now).await?,
        };
        let from = call
            .from
            .as_ref()
            .map_or_else(|| "withheld".to_owned(), ToString::to_string);
        Ok(reply.field("sid", call.sid).field("from", from))
    }
}

/// What to do with a call.
enum Decision {
    /// Dial the mobile phone.
    Connect(Connection),
    /// Tell the caller why the call is not connected.
    Refuse(Refusal),
    /// A replay: an attacker has sent Twilio's request again.
    Replayed,
}

impl App {
    async fn connect_call(
        &self,
        call: &InboundCall,
        to: &E164,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        let caller = call.from.as_ref().map(hash);
        // The caller, or the number that passed the call on, may be another company number.
        let passed_on_by = call.forwarded_from.as_deref().and_then(E164::from_written);
        let is_ours = async {
            let ours = async |number: Option<&E164>| match number {
                Some(number) => self.directory.is_ours(number, now).await,
                None => Ok(false),
            };
            let (from, passed_on) =
                tokio::try_join!(ours(call.from.as_ref()), ours(passed_on_by.as_ref()))?;
            Ok(from || passed_on)
        };
        let guards = async {
            let guards = async {
                tokio::try_join!(
                    is_ours,
                    self.record_call(&call.sid, to, caller.as_deref(), now)
                )
            };
            Table::within(TABLE_TIME, guards).await
        };
        let is_replay = self.is_replay(&call.sid, "call", now);
        let from = call.from.as_ref();
        let (listing, guards, is_replay, ()) = tokio::join!(
            self.directory.find(to, now),
            guards,
            is_replay,
            self.speech.fetch(from, now)
        );
        let speaker = self.speech.speaker(from);
        let (from_is_ours, (active, is_noted)) = guards.unwrap_or_else(|error| {
            tracing::error!(%error, "the call is not guarded against loops and limits");
            Default::default()
        });
        let decision = listing.map(|listing| {
            if is_replay {
                return Decision::Replayed;
            }
            let call = Call {
                from: call.from.as_ref(),
                to,
                forwarded_from: call.forwarded_from.as_deref(),
                from_is_ours,
            };
            let (countries, limits) = (self.rules.countries.as_ref(), &self.rules.limits);
            let connection = connection::decide(
                &call,
                caller.as_deref(),
                &listing,
                &active,
                countries,
                limits,
                epoch(now),
            );
            connection.map_or_else(Decision::Refuse, Decision::Connect)
        });
        let is_over = is_noted && !matches!(decision, Ok(Decision::Connect(_)));
        let own = is_over.then(|| active::entry(&call.sid));
        let forgotten = active.stale.into_iter().chain(own).collect();
        let (dropped, seconds) = active.dropped;
        tokio::join!(
            self.forget(to, forgotten, 0, now),
            self.forget(to, dropped, seconds, now)
        );
        Ok(match decision? {
            Decision::Connect(connection) => self.dial(&speaker, &connection),
            Decision::Refuse(refusal) => refused(&speaker, refusal),
            Decision::Replayed => replayed(),
        })
    }

    fn dial(&self, speaker: &Speaker, connection: &Connection) -> Reply {
        let dial = Dial {
            number: &connection.mobile,
            caller_id: &connection.caller_id,
            timeout: self.rules.ring_seconds,
            time_limit: self.rules.call_seconds,
            action: &self.after_path(),
        };
        let own = self.rules.greeting.as_deref();
        let greeting = greeting::greeting(own, connection.first_name.as_deref(), speaker);
        speaker
            .response()
            .say(&greeting)
            .dial(&dial)
            .into_reply("connected")
            .field("phone", connection.mobile.to_string())
    }

    /// Twilio resolves this path against the URL that it called. That URL may have a path in front
    /// of ours.
    fn after_path(&self) -> String {
        let prefix = self
            .public_url
            .as_ref()
            .map_or("/", |url| url.as_url().path());
        format!("{prefix}after")
    }

    async fn after(
        &self,
        call: &InboundCall,
        to: &E164,
        dialled: Option<Dialled>,
        recording: Option<Recording>,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        if let Some(dialled) = dialled {
            let hung_up = self.hung_up(&call.sid, to, dialled.seconds, now);
            let is_replay = self.is_replayed_end(&call.sid, dialled.answered, now);
            let fetch = self.speech.fetch(call.from.as_ref(), now);
            let (is_replay, (), ()) = tokio::join!(is_replay, hung_up, fetch);
            if is_replay {
                return Ok(replayed());
            }
            let speaker = self.speech.speaker(call.from.as_ref());
            return Ok(match dialled.answered {
                true => speaker
                    .goodbye("completed")
                    .field("seconds", dialled.seconds),
                false if self.rules.voicemail => speaker
                    .response()
                    .say(&speaker.text(&words::LEAVE_MESSAGE))
                    .record(&self.after_path(), RECORDING_SECONDS)
                    .say(&speaker.text(&words::GOODBYE))
                    .hangup()
                    .into_reply("voicemail_offered")
                    .metric("MissedCalls", 1),
                false => speaker.goodbye("not_answered").metric("MissedCalls", 1),
            });
        }
        match recording {
            Some(recording) if self.rules.voicemail && recording.seconds > 0 => {
                self.voicemail(call, to, &recording, now).await
            }
            _ => {
                let from = call.from.as_ref();
                self.speech.fetch(from, now).await;
                Ok(self.speech.speaker(from).goodbye("ended"))
            }
        }
    }
}

/// The hash that the table holds instead of a caller's number.
fn hash(number: &E164) -> String {
    hex::encode(&digest::digest(&digest::SHA256, number.reveal().as_bytes()).as_ref()[..8])
}

/// The answer to a replay: an attacker learns nothing.
fn replayed() -> Reply {
    Response::new()
        .hangup()
        .into_reply("replayed")
        .metric("Refused", 1)
}

fn refused(speaker: &Speaker, refusal: Refusal) -> Reply {
    let words = if refusal.is_busy() {
        &words::NUMBER_BUSY
    } else {
        &words::NUMBER_NOT_REACHED
    };
    speaker
        .last(words)
        .into_reply(refusal.word())
        .metric("Refused", 1)
}
