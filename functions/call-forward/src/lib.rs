//! Somebody calls a company number: ring the employee's own phone.
//!
//! Twilio posts the call. It is authenticated; Okta is asked whose number it is, while the call is noted in the table beside the
//! other calls of that number; then it is decided (`decide`) and answered with TwiML that greets and dials. When the dialled call
//! is over Twilio asks again (`/after`): the caller may leave a message, of which the employee gets a text. When the call itself is
//! over Twilio tells (`/status`), in the greeting as well: its place among the number's calls is free again.
//!
//! Each step of a call acts once. Twilio asks again within seconds, and gets the same answer; what comes later is somebody who has
//! seen Twilio's request, and learns nothing.
//!
//! The caller always hears words: a regret where the number is nobody's or the call goes round in circles, an apology where
//! something of ours failed. Never: a premium or foreign number dialled unasked, a name that becomes markup, a call without end.

mod decide;

use std::time::{Duration, Instant, SystemTime};

use futures_util::future::join_all;
use ring::digest;
use shared::config::Source;
use shared::directory::Directory;
use shared::http::BaseUrl;
use shared::journal::{Entry, Stage};
use shared::limits::{Budget, Copies, Taken, Window};
use shared::phone::{COUNTRIES, Countries, E164};
use shared::platform::Platform;
use shared::reply::{Failure, Reply};
use shared::request::Request;
use shared::runtime::Function;
use shared::secrets::Secret;
use shared::sms::{Outbound, SendError};
use shared::table::{Key, Table, Unavailable, Update, Value, Write, epoch, owner_id};
use shared::twilio::messages::{Messages, Sender};
use shared::twilio::twiml::{Dial, Response};
use shared::twilio::webhook::{self, Dialled, InboundCall, Recording};
use shared::twilio::{self, Credentials};

use decide::{Call, Connection, Limits, Line};

const BODY_LIMIT: usize = 1024 * 1024;
const DAY: u64 = 86_400;
/// Twilio waits 15 s; nobody listens to silence for so long.
const TIME_TO_ANSWER: Duration = Duration::from_secs(9);
/// The guards in the table may take this much of it; without them the call is still bounded.
const TABLE_TIME: Duration = Duration::from_secs(3);
const RECORDING_SECONDS: u64 = 180;
/// Twilio tries again within this time (<https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides>: 15 s in all).
const RETRY_SECONDS: u64 = 60;
/// How long it is remembered that a step of a call was answered.
const REMEMBERED: u64 = 400 * DAY;
/// Longer than any greeting takes to speak.
const GREETING_SECONDS: u64 = 90;
/// Seconds within which a message is told of, or not.
const LEASE: u64 = 15;
/// Messages an hour of which an employee is told, in all and from one caller.
const VOICEMAILS: u64 = 30;
const VOICEMAILS_OF_CALLER: u64 = 5;

const REGRET: &str = "We are sorry, this number cannot be reached. Goodbye.";
const BUSY: &str = "We are sorry, this number is busy. Please try again later. Goodbye.";
const APOLOGY: &str =
    "We are sorry, something went wrong on our side. Please call again in a few minutes. Goodbye.";
const VOICEMAIL: &str = "Nobody can take your call right now. Please leave a message after the tone, and press the pound key when you are done.";
const GOODBYE: &str = "Goodbye.";

/// The function's settings and clients.
pub struct App {
    table: Table,
    directory: Directory,
    twilio: Secret<Credentials>,
    messages: Messages,
    public_url: Option<BaseUrl>,
    rules: Rules,
}

struct Rules {
    greeting: String,
    ring_seconds: u64,
    call_seconds: u64,
    countries: Option<Countries>,
    voicemail: bool,
    limits: Limits,
}

impl Function for App {
    const TIME: Option<Duration> = Some(TIME_TO_ANSWER);

    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        let nobody = Sender {
            number: None,
            service: None,
        };
        let app = Self {
            table: platform.table.clone(),
            directory: Directory::read(platform, source),
            twilio: platform.secret(source, "TWILIO_SECRET"),
            messages: Messages::new(platform.http.clone(), twilio::api(source), nobody),
            public_url: webhook::public_url(source),
            rules: Rules {
                greeting: source.text(
                    "GREETING",
                    "Please wait. You are being connected to {firstName}.",
                ),
                ring_seconds: source.number("DIAL_TIMEOUT_SECONDS", 25, 5..=600),
                call_seconds: source.number("MAX_CALL_SECONDS", 7_200, 60..=14_400),
                countries: source.parsed("ALLOWED_COUNTRIES", COUNTRIES),
                voicemail: source.choice("VOICEMAIL", &[("off", false), ("on", true)]),
                limits: Limits {
                    concurrent: usize::try_from(source.number("MAX_CONCURRENT_CALLS", 5, 1..=100))
                        .unwrap_or(usize::MAX),
                    seconds_per_day: 60 * source.number("MAX_MINUTES_PER_DAY", 600, 1..=100_000),
                },
            },
        };
        if app.rules.greeting.chars().count() > 1_000 {
            source.problem("GREETING is longer than 1000 characters, which nobody listens to");
        }
        app
    }

    async fn warm_up(&self, platform: &Platform, now: SystemTime) {
        let _met_again = tokio::join!(
            self.twilio.get(now),
            self.directory.warm_up(now),
            platform.warm_up(3)
        );
    }

    /// A caller must not hear Twilio's "application error"; a status callback is nobody's to hear, and comes again.
    fn apology(&self, path: &str) -> Option<Reply> {
        (path != "/status").then(|| last_words(APOLOGY).into_reply(""))
    }

    async fn flow(&self, request: &Request, now: SystemTime) -> Result<Reply, Reply> {
        let step = ["/after", "/status"]
            .into_iter()
            .find(|step| *step == request.path)
            .unwrap_or("/");
        request.expect_post(step, &webhook::FORMS, BODY_LIMIT)?;
        let form =
            webhook::authenticate(request, self.public_url.as_ref(), &self.twilio, now).await?;
        let call = InboundCall::parse(&form)?;
        let reply = match (&call.to, step) {
            (Some(to), "/status") if webhook::has_ended(&form) => {
                self.end(&call.sid, to, now).await?
            }
            (_, "/status") => Reply::empty(204, "still_on"),
            (None, _) => refusal("unknown_number"),
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

impl App {
    async fn connect_call(
        &self,
        call: &InboundCall,
        to: &E164,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        let caller = call.from.as_ref().map(hash);
        // Who calls, or passed the call on, may be another company number.
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
                tokio::try_join!(is_ours, self.note(&call.sid, to, caller.as_deref(), now))
            };
            Table::within(TABLE_TIME, guards).await
        };
        let is_replay = self.is_replay(&call.sid, "call", now);
        let (listing, guards, is_replay) =
            tokio::join!(self.directory.find(to, now), guards, is_replay);
        let (from_is_ours, (line, is_noted)) = guards.unwrap_or_else(|error| {
            tracing::error!(%error, "the call is not guarded against loops and limits");
            Default::default()
        });
        let connection = listing.map(|listing| {
            if is_replay {
                return Err("replayed");
            }
            let call = Call {
                from: call.from.as_ref(),
                to,
                forwarded_from: call.forwarded_from.as_deref(),
                from_is_ours,
            };
            let (countries, limits) = (self.rules.countries.as_ref(), &self.rules.limits);
            decide::connection(
                &call,
                caller.as_deref(),
                &listing,
                &line,
                countries,
                limits,
                epoch(now),
            )
        });
        let is_over = is_noted && !matches!(connection, Ok(Ok(_)));
        let forget: Vec<String> = line
            .stale
            .into_iter()
            .chain(is_over.then(|| decide::entry(&call.sid)))
            .collect();
        if !forget.is_empty() {
            let update = forget
                .into_iter()
                .fold(Update::new(line_key(to)), Update::remove);
            let update = update.only_if("attribute_exists(pk)");
            let _expires = tokio::time::timeout(TABLE_TIME, self.table.update(update)).await;
        }
        match connection? {
            Err("replayed") => Ok(replayed()),
            Ok(connection) => Ok(self.dial(&connection)),
            Err(outcome) => Ok(refusal(outcome)),
        }
    }

    fn dial(&self, connection: &Connection) -> Reply {
        let dial = Dial {
            number: &connection.mobile,
            caller_id: &connection.caller_id,
            timeout: self.rules.ring_seconds,
            time_limit: self.rules.call_seconds,
            action: &self.after_path(),
        };
        let greeting = decide::greeting(&self.rules.greeting, connection.first_name.as_deref());
        Response::new()
            .say(&greeting)
            .dial(&dial)
            .into_reply("connected")
            .field("phone", connection.mobile.to_string())
    }

    /// Twilio resolves it against the address it called, which may have a path in front of ours.
    fn after_path(&self) -> String {
        let prefix = self
            .public_url
            .as_ref()
            .map_or("/", |url| url.as_url().path());
        format!("{prefix}after")
    }

    /// Notes a call beside the others of its number, which it returns, and whether it was not there yet: a step that comes again
    /// neither brings a call back that has ended nor lets one begin anew.
    async fn note(
        &self,
        sid: &str,
        to: &E164,
        caller: Option<&str>,
        now: SystemTime,
    ) -> Result<(Line, bool), Unavailable> {
        let seconds = epoch(now);
        // Where no status callback is registered nobody tells when a caller hangs up during the greeting, so a call without an end
        // counts only as long as one that rings.
        let until = seconds + self.rules.ring_seconds + GREETING_SECONDS;
        let longest = until - seconds + self.rules.call_seconds;
        let mut entry = vec![("since", Value::N(seconds)), ("until", Value::N(until))];
        entry.extend(caller.map(|caller| ("from", Value::from(caller))));
        let (call, ending) = (decide::entry(sid), decide::ending(sid));
        let update = Update::new(line_key(to))
            .only_if(format!(
                "attribute_not_exists({call}) AND attribute_not_exists({ending})"
            ))
            .set(call, Value::M(entry))
            .set("expires_at", seconds + 2 * DAY);
        Ok(match self.table.update(update).await? {
            Write::Done(item) => (Line::read(&item, sid, longest, seconds), true),
            Write::Refused(item) => (Line::read(&item, sid, longest, seconds), false),
        })
    }

    /// Whether this step of a call was answered before, and longer ago than Twilio asks again. Where that cannot be known, it was not.
    async fn is_replay(&self, sid: &str, step: &str, now: SystemTime) -> bool {
        let seconds = epoch(now);
        let update = Update::new(Key::new(format!("seen#call#{sid}"), step))
            .set("at", seconds)
            .set("expires_at", seconds + REMEMBERED)
            .only_if("attribute_not_exists(pk)");
        match Table::within(TABLE_TIME, self.table.update(update)).await {
            Ok(Write::Done(_)) => false,
            Ok(Write::Refused(seen)) => seen
                .number("at")
                .is_none_or(|at| at + RETRY_SECONDS <= seconds),
            Err(error) => {
                tracing::warn!(%error, "whether the step was answered before is not known");
                false
            }
        }
    }

    /// A call is over: its place is free. Its entry goes, but for a mark by which its minutes are counted once if they are told later.
    async fn end(&self, sid: &str, to: &E164, now: SystemTime) -> Result<Reply, Reply> {
        let call = decide::entry(sid);
        let update = Update::new(line_key(to))
            .only_if(format!("attribute_exists({call})"))
            .remove(call)
            .set(decide::ending(sid), epoch(now))
            .set("expires_at", epoch(now) + 2 * DAY);
        let written = Table::within(TABLE_TIME, self.table.update(update)).await;
        let written = written.map_err(Failure::from)?;
        // Or it was never connected, or `/after` has ended it.
        Ok(Reply::empty(
            204,
            if matches!(written, Write::Done(_)) {
                "call_ended"
            } else {
                "nothing_to_end"
            },
        ))
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
            let (is_replay, ()) = tokio::join!(self.is_replay(&call.sid, "dialled", now), hung_up);
            if is_replay {
                return Ok(replayed());
            }
            return Ok(match dialled.answered {
                true => goodbye("completed").field("seconds", dialled.seconds),
                false if self.rules.voicemail => Response::new()
                    .say(VOICEMAIL)
                    .record(&self.after_path(), RECORDING_SECONDS)
                    .say(GOODBYE)
                    .hangup()
                    .into_reply("voicemail_offered"),
                false => goodbye("not_answered"),
            });
        }
        match recording {
            Some(recording) if self.rules.voicemail && recording.seconds > 0 => {
                self.voicemail(call, to, &recording, now).await
            }
            _ => Ok(goodbye("ended")),
        }
    }

    /// Takes a call off its number's list, and counts what was talked, once.
    async fn hung_up(&self, sid: &str, to: &E164, seconds: u64, now: SystemTime) {
        let (call, ending) = (decide::entry(sid), decide::ending(sid));
        let talked = decide::talked_on(epoch(now));
        let update = Update::new(line_key(to))
            .only_if(format!(
                "attribute_exists({call}) OR attribute_exists({ending})"
            ))
            .remove(call)
            .remove(ending)
            .remove(decide::talked_on(epoch(now).saturating_sub(2 * DAY)))
            .add(talked, seconds.min(DAY).cast_signed())
            .set("expires_at", epoch(now) + 2 * DAY);
        if let Err(error) = Table::within(TABLE_TIME, self.table.update(update)).await {
            tracing::warn!(%error, "the end of a call could not be noted; its entry ends by itself");
        }
    }

    /// Tells the employee of a message, once. The caller may have hung up long ago, so this is no TwiML.
    async fn voicemail(
        &self,
        call: &InboundCall,
        to: &E164,
        recording: &Recording,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        let started = Instant::now();
        let entry = Entry::new(
            &format!("voicemail#{}", call.sid),
            owner_id(),
            epoch(now) + LEASE,
            epoch(now) + REMEMBERED,
        );
        let (listing, claimed, counted) = tokio::join!(
            self.directory.find(to, now),
            self.table.update(entry.claim(now)),
            self.count_voicemail(call, to, now)
        );
        let (taken, is_over_limit) = match (claimed, counted) {
            (Ok(Write::Refused(seen)), counted) if entry.stage(&seen, now).is_some() => {
                // Copies at the same moment are counted once, under the same name.
                let is_long_ago = seen
                    .number("lease_until")
                    .is_none_or(|end| end < epoch(now));
                let taken = counted.map(|(taken, _)| taken).unwrap_or_default();
                let surplus = taken
                    .into_iter()
                    .filter(|taken| is_long_ago && taken.copies == Copies::Counted);
                self.give_back(surplus).await;
                return Ok(goodbye("duplicate"));
            }
            (Ok(_), Ok(counted)) => counted,
            (Err(error), counted) => {
                self.give_back(counted.map(|(taken, _)| taken).unwrap_or_default())
                    .await;
                return Err(Failure::from(error).into());
            }
            (Ok(_), Err(error)) => return Err(Failure::from(error).into()),
        };
        if is_over_limit {
            tokio::join!(self.give_back(taken), self.settle(&entry, &Stage::Failed));
            return Ok(goodbye("voicemail_limit").metric("Refused", 1));
        }
        let listing = listing?;
        let (mobile, _) = match decide::destination(&listing, to, self.rules.countries.as_ref()) {
            Ok(destination) => destination,
            Err(outcome) => return Ok(goodbye(outcome)),
        };
        let from = call.from.as_ref().map_or("a withheld number", E164::reveal);
        let text = format!(
            "Voicemail from {from} ({} s): {}.mp3",
            recording.seconds, recording.url
        );
        let sms = Outbound {
            to: mobile,
            from: Some(to.reveal()),
            body: &text,
            life: None,
            holds_code: false,
        };
        let within = TIME_TO_ANSWER.saturating_sub(started.elapsed() + Duration::from_secs(1));
        let sent = self.messages.send(&sms, &self.twilio, now, within).await;
        let (stage, reply) = match sent {
            Ok(Ok(receipt)) => (
                Stage::Sent {
                    sid: receipt.id,
                    provider: None,
                },
                goodbye("voicemail").metric("SmsSent", 1),
            ),
            Ok(Err(error)) => {
                let stage = if error == SendError::Unknown {
                    Stage::Unknown
                } else {
                    Stage::Failed
                };
                (
                    stage,
                    goodbye("voicemail_text_failed")
                        .failed()
                        .metric("SmsFailed", 1)
                        .field("error", error.to_string()),
                )
            }
            Err(error) => (
                Stage::Failed,
                goodbye("voicemail_text_failed")
                    .failed()
                    .metric("SmsFailed", 1)
                    .field("error", error.to_string()),
            ),
        };
        self.settle(&entry, &stage).await;
        Ok(reply
            .field("phone", mobile.to_string())
            .field("seconds", recording.seconds))
    }

    /// Counts a message for its number and its caller: what was counted, and whether one of them had too many.
    async fn count_voicemail(
        &self,
        call: &InboundCall,
        to: &E164,
        now: SystemTime,
    ) -> Result<(Vec<Taken>, bool), Unavailable> {
        let budget = |key: &str, max| {
            Budget::new("voicemail", key, max, Window::Hour)
                .once_for(call.sid.trim_start_matches("CA"))
        };
        let mut budgets = vec![budget(to.reveal(), VOICEMAILS)];
        let of_caller =
            |caller: String| budget(&format!("{}#{caller}", to.reveal()), VOICEMAILS_OF_CALLER);
        budgets.extend(call.from.as_ref().map(hash).map(of_caller));
        let (mut taken, mut is_over_limit) = (Vec::new(), false);
        for result in join_all(budgets.iter().map(|budget| budget.take(&self.table, now))).await {
            match result? {
                Ok(one) => taken.push(one),
                Err(_) => is_over_limit = true,
            }
        }
        Ok((taken, is_over_limit))
    }

    /// What cannot be taken back stays counted.
    async fn give_back(&self, taken: impl IntoIterator<Item = Taken>) {
        join_all(
            taken
                .into_iter()
                .map(async |taken| taken.give_back(&self.table).await),
        )
        .await;
    }

    async fn settle(&self, entry: &Entry, stage: &Stage) {
        if let Err(error) = entry.settle(&self.table, stage).await {
            tracing::warn!(%error, "a closing write failed");
        }
    }
}

/// What stands for a caller in the table.
fn hash(number: &E164) -> String {
    hex::encode(&digest::digest(&digest::SHA256, number.reveal().as_bytes()).as_ref()[..8])
}

fn line_key(company: &E164) -> Key {
    Key::new(format!("rate#calls#{}", company.reveal()), "active")
}

fn last_words(words: &str) -> Response {
    Response::new().say(words).hangup()
}

fn goodbye(outcome: &'static str) -> Reply {
    last_words(GOODBYE).into_reply(outcome)
}

/// Whoever sends Twilio's request once more hears nothing.
fn replayed() -> Reply {
    Response::new()
        .hangup()
        .into_reply("replayed")
        .metric("Refused", 1)
}

fn refusal(outcome: &'static str) -> Reply {
    last_words(if matches!(outcome, "line_limit" | "repeated_call") {
        BUSY
    } else {
        REGRET
    })
    .into_reply(outcome)
    .metric("Refused", 1)
}
