//! Delivers Auth0's one-time codes by SMS. Uses the first SMS provider that works; never sends
//! twice.
//!
//! Auth0 posts a number and a text, in one of two ways: as the legacy SMS gateway of a passwordless
//! connection, or from a custom phone provider Action. The flow:
//!
//! 1. Check the caller's credential.
//! 2. Check the number.
//! 3. Claim the text and count it against the budgets.
//! 4. Try the providers of the number's route in order.
//!
//! The next provider is tried only if the answer proves that no SMS was accepted. An unknown
//! outcome ends the attempts: a code that arrives twice confuses, and for a late code the user asks
//! again.
//!
//! Promises: no SMS without a valid credential. The same text is not sent twice within the
//! cooldown. Neither the number nor the code appears in a log or an answer.

mod budgets;
mod credential;
mod decide;
mod health;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::platform::Platform;
use shared::platform::config::Source;
use shared::platform::reply::{Failure, Reply};
use shared::platform::request::Request;
use shared::platform::runtime::Function;
use shared::platform::secrets::Secret;
use shared::platform::table::{Item, Table, Write, epoch, owner_id};
use shared::rules::journal::{Entry, Stage};
use shared::rules::jwt::Expected;
use shared::rules::limits::Counted;
use shared::rules::phone::{self, Countries, E164};
use shared::rules::sms::{Outbound, Receipt, SendError, segments};
use shared::services::providers::{Name, Provider, Routes, Senders};

use budgets::Limits;
use credential::Credentials;
use decide::{Message, Shape};
use health::{Attempt, Health, PATIENCE, Trial, Untold};

const JSON: [&str; 1] = ["application/json"];
const BODY_LIMIT: usize = 1024 * 1024;
/// Auth0's legacy gateway waits 30 s for an answer. Auth0 ends an Action after 20 s.
const LEGACY_TIME: Duration = Duration::from_secs(25);
const ACTION_TIME: Duration = Duration::from_secs(17);
const SHORTEST_ATTEMPT: Duration = Duration::from_secs(1);
/// How inaccurate a timer may be.
const TICK: Duration = Duration::from_millis(50);
/// Time kept free for the closing write and the answer.
const RESERVE: Duration = Duration::from_secs(1);

/// The function's settings and clients.
pub struct App {
    table: Table,
    gateway: Secret<Credentials>,
    providers: HashMap<Name, Provider>,
    untold: Untold,
    rules: Rules,
}

struct Rules {
    routes: Routes,
    senders: Senders,
    countries: Countries,
    /// What a JWT for this gateway must say.
    token: Option<Expected>,
    limits: Limits,
    cooldown: u64,
    code_life: Duration,
    go_on_after_unknown: bool,
}

impl Rules {
    fn read(source: &mut Source<'_>) -> Self {
        let senders = Senders::read(source);
        let our_number = senders.find(Name::Twilio);
        let our_number: Option<E164> = our_number.and_then(|from| from.parse().ok());
        let countries = phone::allowed_countries(source, our_number.as_ref());
        Self {
            routes: Routes::read(source),
            senders,
            token: token(source),
            limits: Limits::read(source, countries.are_several()),
            countries,
            cooldown: source.number("RESEND_COOLDOWN_SECONDS", 30, 1..=3_600),
            code_life: Duration::from_secs(source.number("CODE_LIFE_SECONDS", 180, 60..=36_000)),
            go_on_after_unknown: source
                .choice("ON_UNKNOWN", &[("stop", false), ("failover", true)]),
        }
    }
}

/// The claims that a signed token must have; `None` if signed tokens are not accepted.
fn token(source: &mut Source<'_>) -> Option<Expected> {
    let (audience, subject) = (
        source.optional("GATEWAY_AUDIENCE"),
        source.optional("GATEWAY_SUBJECT"),
    );
    if audience.is_some() != subject.is_some() {
        source.problem("GATEWAY_AUDIENCE and GATEWAY_SUBJECT go together: both are compared with the token's claims");
    }
    let life = source.number("GATEWAY_TOKEN_LIFE_SECONDS", 3_600, 60..=31_536_000);
    let undated = source.choice(
        "GATEWAY_UNDATED_TOKENS",
        &[("accept", true), ("refuse", false)],
    );
    Some(Expected {
        audience: audience?,
        subject: subject?,
        life,
        undated,
    })
}

impl Function for App {
    /// No fixed time: the limit depends on the caller, legacy gateway or Action.
    const TIME: Option<Duration> = None;

    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        let rules = Rules::read(source);
        let mut connect = |name| (name, Provider::read(name, platform, source));
        Self {
            providers: rules.routes.used().into_iter().map(&mut connect).collect(),
            table: platform.table.clone(),
            gateway: platform.secret(source, "GATEWAY_SECRET"),
            rules,
            untold: Untold::default(),
        }
    }

    async fn warm_up(&self, platform: &Platform, now: SystemTime) {
        let providers = self.providers.values();
        let providers = join_all(providers.map(|provider| provider.warm_up(now)));
        // A failure shows again on the first request.
        let _ = tokio::join!(self.gateway.get(now), platform.warm_up(1), providers);
    }

    async fn flow(&self, request: &Request, now: SystemTime) -> Result<Reply, Reply> {
        let arrived = Instant::now();
        request.expect_post("/", &JSON, BODY_LIMIT)?;
        credential::check(request, &self.gateway, self.rules.token.as_ref(), now).await?;
        let message = decide::read(request.body())
            .map_err(|wrong| refused(wrong.status, wrong.outcome, wrong.public))?;
        let time = if message.shape == Shape::Legacy {
            LEGACY_TIME
        } else {
            ACTION_TIME
        };
        // The deadline counts from the arrival: the credential check used some of the caller's
        // waiting time.
        let deadline = (arrived + time).min(Instant::now() + request.remaining(RESERVE));
        let reply = match self
            .deliver(&message, deadline, now + arrived.elapsed())
            .await
        {
            Ok(reply) | Err(reply) => reply,
        };
        Ok(reply
            .field("phone", message.to.to_string())
            .field("segments", segments::count(&message.body)))
    }
}

impl App {
    async fn deliver(
        &self,
        message: &Message,
        deadline: Instant,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        if !message.to.is_allowed(&self.rules.countries) {
            return Err(refused(
                429,
                "country_not_allowed",
                "texts to this country or range are not allowed",
            ));
        }
        let route = self.rules.routes.find(&message.to);
        if route.is_empty() {
            return Err(refused(
                429,
                "no_route",
                "no provider is configured for this number",
            ));
        }
        let started = Instant::now();
        let left = deadline.saturating_duration_since(started);
        let entry = Entry::new(
            &format!("code#{}", message.id()),
            owner_id(),
            epoch(now) + left.as_secs() + 2,
            // The cooldown counts from the end of a send, also if the closing write fails.
            epoch(now) + left.as_secs() + 2 + self.rules.cooldown,
        );
        // With one provider there is no order to choose.
        let health = async {
            if route.len() > 1 {
                Health::read(&self.table, now).await
            } else {
                Health::default()
            }
        };
        let (counted, health) = tokio::join!(self.claim(message, &entry, deadline, now), health);
        let counted = counted?;
        let attempts = self.attempt(message, &health, route, deadline, now).await;
        let entry = entry.remembered_until(epoch(now + started.elapsed()) + self.rules.cooldown);
        let left = (deadline + RESERVE / 2).saturating_duration_since(Instant::now());
        let stage = attempts.stage();
        let count = async {
            match &stage {
                Stage::Failed => counted.give_back(&self.table).await,
                Stage::Sent { .. } => {
                    // A failure only means that this number does not become a known number.
                    let limits = &self.rules.limits;
                    let _ = limits.remember(message, &counted, &self.table, now).await;
                }
                // The SMS may have been sent, or the number cannot receive SMS. Such a code stays
                // counted: each one harms our standing with the provider, so made-up numbers must
                // reach a limit.
                _ => {}
            }
        };
        let noted = async {
            let now = now + started.elapsed();
            let notes = attempts.judged.iter().map(|(name, attempt)| {
                health.note(*name, *attempt, &self.untold, &self.table, now)
            });
            if route.len() > 1
                && let Some(error) = join_all(notes).await.into_iter().find_map(Result::err)
            {
                tracing::warn!(%error, "a provider's health could not be noted");
            }
        };
        let closing = async {
            if stage == Stage::Failed {
                // Give the counts back first: an instance that waits for a failure counts anew.
                count.await;
                entry.settle(&self.table, &stage).await
            } else {
                tokio::join!(entry.settle(&self.table, &stage), count).0
            }
        };
        let settle = async { tokio::join!(closing, noted).0 };
        let settled = tokio::time::timeout(left, settle).await;
        if let Some(error) = settled.map_or(Some("no answer in time".to_owned()), |settled| {
            Some(settled.err()?.to_string())
        }) {
            // Return the answer of the provider anyway. Until the cooldown ends the entry reads as
            // unknown, and nothing is sent.
            tracing::error!(error, "a closing write failed");
        }
        let reply = attempts.into_reply(message);
        Ok(if budgets::is_half_used(&counted) {
            reply.metric("HalfOfBudgetUsed", 1)
        } else {
            reply
        })
    }

    /// Claims the text for this instance and counts it. Returns the counts, or the reply if this
    /// instance must not send. Claim and counts are written at the same time; if one is rejected,
    /// the other is taken back.
    async fn claim(
        &self,
        message: &Message,
        entry: &Entry,
        deadline: Instant,
        now: SystemTime,
    ) -> Result<Counted, Reply> {
        let started = Instant::now();
        let mut again: Option<Item> = None;
        let mut is_another_sending = false;
        loop {
            let now = now + started.elapsed();
            // Within one cooldown all copies of a text count once. After it the same text counts
            // again.
            let name = format!(
                "{:02x}{}",
                epoch(now) / self.rules.cooldown % 256,
                message.id()
            );
            let entry = entry.counted_as(&name);
            let claim = self.table.update(
                again
                    .as_ref()
                    .map_or_else(|| entry.claim(now), |seen| entry.claim_again(seen)),
            );
            let count = self.rules.limits.count(message, &name, &self.table, now);
            let (claim, counted) = tokio::join!(claim, count);
            let seen = match claim {
                Ok(Write::Done(_)) => return self.admit(counted, &entry).await,
                Ok(Write::Refused(seen)) => seen,
                Err(error) => {
                    let left = (deadline + RESERVE / 2).saturating_duration_since(Instant::now());
                    let undo = self.undo(&entry, &name, &counted, now);
                    if tokio::time::timeout(left, undo).await.is_err() {
                        tracing::warn!("a claim that failed may have been left; it ends by itself");
                    }
                    return Err(if is_another_sending {
                        unknown().field("error", error.to_string())
                    } else {
                        unavailable(error)
                    });
                }
            };
            let Some(stage) = entry.stage(&seen, now) else {
                return self.admit(counted, &entry).await;
            };
            counted
                .give_back_copy(&self.table, seen.text("counted_as") == Some(&name))
                .await;
            is_another_sending = stage == Stage::Sending;
            again = match stage {
                Stage::Sent { sid, provider } => {
                    return Err(receipt(provider.as_deref(), sid.as_deref(), "duplicate"));
                }
                Stage::Refused => return Err(recipient_refused()),
                Stage::Unknown => return Err(unknown()),
                Stage::Failed => Some(seen),
                Stage::Sending => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    entry
                        .wait_while_sending(&self.table, left, now)
                        .await
                        .map_err(|error| unknown().field("error", error.to_string()))?;
                    None
                }
            };
            if Instant::now() >= deadline {
                return Err(if again.is_some() {
                    all_refused()
                } else {
                    unknown()
                });
            }
        }
    }

    /// Takes back a claim whose write had no answer; it may have been written or not. If that
    /// cannot be read, the counts under `name` stay: they may belong to a copy that another
    /// instance is sending.
    async fn undo(&self, entry: &Entry, name: &str, counted: &Counted, now: SystemTime) {
        let seen = entry.read(&self.table, now).await.ok().flatten();
        let is_ours = seen
            .as_ref()
            .is_some_and(|seen| entry.stage(seen, now).is_none());
        if is_ours {
            counted.give_back(&self.table).await;
            self.free(entry).await;
        } else {
            let theirs = seen.as_ref().map(|seen| seen.text("counted_as"));
            let same_name = theirs.is_none_or(|theirs| theirs == Some(name));
            counted.give_back_copy(&self.table, same_name).await;
        }
    }

    async fn free(&self, entry: &Entry) {
        if let Err(error) = entry.settle(&self.table, &Stage::Failed).await {
            tracing::warn!(%error, "a claim that was refused could not be freed; it ends by itself");
        }
    }

    /// The claim is ours. Returns the counts if the budgets allow the text; otherwise frees the
    /// claim.
    async fn admit(&self, counted: Counted, entry: &Entry) -> Result<Counted, Reply> {
        if counted.full.is_empty() && counted.error.is_none() {
            return Ok(counted);
        }
        counted.give_back(&self.table).await;
        let limit = counted.refused();
        let refusal = counted.error.map_or_else(
            || {
                refused(429, "rate_limited", "too many texts; try again later")
                    .field("limit", limit)
            },
            unavailable,
        );
        self.free(entry).await;
        Err(refusal)
    }

    /// Tries the providers in order until one has accepted the message, or may have accepted it.
    async fn attempt(
        &self,
        message: &Message,
        health: &Health,
        route: &[Name],
        deadline: Instant,
        now: SystemTime,
    ) -> Attempts {
        let mut attempts = Attempts::default();
        let begun = Instant::now();
        let mut order = VecDeque::from(health.order(route, now));
        attempts.broken = order
            .iter()
            .filter(|(_, trial)| *trial == Trial::Last)
            .map(|(name, _)| *name)
            .collect();
        while let Some((name, trial)) = order.pop_front() {
            let Some(provider) = self.providers.get(&name) else {
                continue;
            };
            if trial == Trial::Probe && !health.probe(name, &self.table, now).await {
                attempts.broken.push(name);
                order.push_back((name, Trial::Last));
                continue;
            }
            let within = trial
                .patience()
                .min(deadline.saturating_duration_since(Instant::now()));
            // With less than a second left our own timeout could cut off an accepted request, and
            // its outcome would be unknown.
            if within < SHORTEST_ATTEMPT {
                break;
            }
            let from = self.rules.senders.find(name).or(message.from.as_deref());
            // In whole seconds. Earlier attempts have used some of the code's life.
            let life = self
                .rules
                .code_life
                .saturating_sub(Duration::from_secs(begun.elapsed().as_secs()));
            let sms = Outbound {
                to: &message.to,
                from,
                body: &message.body,
                life: Some(life),
                holds_code: true,
            };
            let asked = Instant::now();
            let result = provider.send(&sms, now, within).await;
            let was_cut_short = within < PATIENCE && asked.elapsed() + TICK >= within;
            attempts
                .judged
                .push((name, Attempt::of(&result, was_cut_short)));
            attempts.tried.push(name);
            match result {
                Ok(receipt) => {
                    attempts.receipt = Some((name, receipt));
                    break;
                }
                Err(error) => {
                    attempts.errors.push(format!("{name}: {error}"));
                    match error {
                        SendError::Refused {
                            recipient: true, ..
                        } => {
                            attempts.recipient_refused = true;
                            break;
                        }
                        SendError::Unknown => {
                            attempts.unknown = true;
                            if !self.rules.go_on_after_unknown {
                                break;
                            }
                        }
                        SendError::NoCredentials(_) => attempts.without_secret += 1,
                        _ => {}
                    }
                }
            }
        }
        attempts
    }
}

/// The results of all attempts for one message.
#[derive(Default)]
struct Attempts {
    tried: Vec<Name>,
    judged: Vec<(Name, Attempt)>,
    /// Broken providers, which are tried last for now.
    broken: Vec<Name>,
    errors: Vec<String>,
    receipt: Option<(Name, Receipt)>,
    recipient_refused: bool,
    unknown: bool,
    without_secret: usize,
}

impl Attempts {
    fn stage(&self) -> Stage {
        match &self.receipt {
            Some((name, receipt)) => Stage::Sent {
                sid: receipt.id.clone(),
                provider: Some(name.to_string()),
            },
            // After an unknown outcome a later rejection proves nothing: the SMS may have been
            // sent.
            None if self.unknown => Stage::Unknown,
            None if self.recipient_refused => Stage::Refused,
            None => Stage::Failed,
        }
    }

    fn into_reply(self, message: &Message) -> Reply {
        let failovers = self.tried.len().saturating_sub(1) as u64;
        let reply = match &self.receipt {
            Some((name, sent)) => {
                let segments = sent
                    .segments
                    .unwrap_or_else(|| segments::count(&message.body));
                receipt(Some(name.word()), sent.id.as_deref(), "sent")
                    .metric("SmsSent", 1)
                    .metric("SmsSegments", segments)
            }
            None if self.unknown => unknown().metric("SmsFailed", 1),
            None if self.recipient_refused => recipient_refused().metric("SmsFailed", 1),
            None if self.without_secret == self.tried.len() && !self.tried.is_empty() => error(
                503,
                "secret_unavailable",
                "the gateway's credentials are unavailable; try again",
            )
            .metric("SmsFailed", 1),
            None => all_refused().metric("SmsFailed", 1),
        };
        let broken: Vec<&str> = self.broken.iter().map(|name| name.word()).collect();
        let reply = if broken.is_empty() {
            reply
        } else {
            reply
                .field("broken", broken.join(","))
                .metric("ProviderBroken", broken.len() as u64)
        };
        let reply = if failovers > 0 {
            reply.metric("ProviderFailover", failovers)
        } else {
            reply
        };
        if self.errors.is_empty() {
            reply
        } else {
            reply.field("error", self.errors.join("; "))
        }
    }
}

fn receipt(provider: Option<&str>, id: Option<&str>, outcome: &'static str) -> Reply {
    json_reply(200, outcome, &json!({ "provider": provider, "id": id }))
        .field("provider", provider)
        .field("sid", id)
}

fn all_refused() -> Reply {
    error(502, "all_refused", "no provider took the text")
}

fn unknown() -> Reply {
    error(
        504,
        "outcome_unknown",
        "the text may or may not have been sent; it will not be sent again for now",
    )
}

fn recipient_refused() -> Reply {
    error(422, "recipient_refused", "this number cannot receive texts")
}

fn unavailable(cause: impl Into<Failure>) -> Reply {
    let failure: Failure = cause.into();
    error(
        failure.status,
        failure.outcome,
        "temporarily unavailable; nothing was sent",
    )
    .field("error", failure.cause)
}

fn refused(status: u16, outcome: &'static str, public: &'static str) -> Reply {
    error(status, outcome, public).metric("Refused", 1)
}

/// A JSON error with a fixed text. Input is never echoed.
fn error(status: u16, outcome: &'static str, public: &'static str) -> Reply {
    json_reply(status, outcome, &json!({ "error": public }))
}

fn json_reply(status: u16, outcome: &'static str, body: &Value) -> Reply {
    Reply::body(status, outcome, "application/json", body.to_string())
}
