//! Auth0 has a one-time code to deliver: text it through whichever SMS provider works, never twice.
//!
//! Auth0 posts a number and a text, as the legacy SMS gateway of passwordless connections or from a custom phone provider Action. The
//! caller is authenticated, the number judged, the text claimed in one transaction with its limits, and then the providers of
//! the number's route are tried in order. Another provider is tried only after an answer that proves that nothing was accepted;
//! an unknown outcome ends it, since a code that comes twice confuses and one that is late is asked for again.
//!
//! Never: a text without a credential, the same text twice within the cooldown, the number or the code in a log or an answer.

mod credential;
mod decide;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use shared::config::Source;
use shared::http;
use shared::journal::{Entry, Stage};
use shared::phone::{self, Countries, E164};
use shared::reply::{Failure, Reply};
use shared::request::Request;
use shared::secrets::Secret;
use shared::sms::{Name, Outbound, Provider, Providers, Receipt, Routes, SendError, Senders, segments};
use shared::table::{Item, Table, epoch, owner_id};
use shared::{aws, limits};

use credential::Credentials;
use decide::{Avoidance, Message, Shape};

const JSON: [&str; 1] = ["application/json"];
const BODY_LIMIT: usize = 1024 * 1024;
/// The legacy gateway waits 30 s for an answer, an Action is ended after 20 s.
const LEGACY_TIME: Duration = Duration::from_secs(25);
const ACTION_TIME: Duration = Duration::from_secs(17);
const ATTEMPT_TIME: Duration = Duration::from_secs(8);
const SHORTEST_ATTEMPT: Duration = Duration::from_secs(1);
/// The settings behind what a text counts against.
const LIMITS: [&str; 3] = ["SMS_PER_NUMBER_PER_HOUR", "SMS_PER_RANGE_PER_HOUR", "SMS_PER_HOUR"];
/// Kept free for the closing write and the answer.
const RESERVE: Duration = Duration::from_secs(1);

/// The settings.
#[derive(Debug)]
pub struct Config {
    aws: aws::Settings,
    http: http::Settings,
    table: String,
    gateway_secret: String,
    providers: Providers,
    rules: Rules,
}

#[derive(Debug)]
struct Rules {
    routes: Routes,
    senders: Senders,
    countries: Countries,
    /// `aud` and `sub` of the gateway's tokens.
    token: Option<(String, String)>,
    per_number: u64,
    per_range: u64,
    overall: u64,
    cooldown: u64,
    go_on_after_unknown: bool,
}

impl Config {
    /// Reads the settings; what is wrong is noted in `source`.
    pub fn read(source: &mut Source<'_>) -> Option<Self> {
        let aws = aws::Settings::read(source);
        let http = http::Settings::read(source);
        let (table, gateway_secret) = (source.required("TABLE_NAME"), source.required("GATEWAY_SECRET"));
        let routes = Routes::read(source);
        let senders = Senders::read(source);
        let our_number = senders.find(Name::Twilio).and_then(|from| from.parse::<E164>().ok());
        let countries = phone::allowed_countries(source, our_number.as_ref());
        let (audience, subject) = (source.optional("GATEWAY_AUDIENCE"), source.optional("GATEWAY_SUBJECT"));
        if audience.is_some() != subject.is_some() {
            source.problem("GATEWAY_AUDIENCE and GATEWAY_SUBJECT go together: both are compared with the token's claims");
        }
        let (per_number, per_range) =
            (source.number("SMS_PER_NUMBER_PER_HOUR", 10, 1..=1_000), source.number("SMS_PER_RANGE_PER_HOUR", 25, 1..=1_000_000));
        let overall = source.number("SMS_PER_HOUR", 1_000, 1..=1_000_000);
        let cooldown = source.number("RESEND_COOLDOWN_SECONDS", 30, 1..=3_600);
        let go_on_after_unknown = source.choice("ON_UNKNOWN", &[("stop", false), ("failover", true)]);
        let providers = Providers::read(source, &routes.as_ref().map(Routes::used).unwrap_or_default());
        let rules = Rules {
            routes: routes?,
            senders,
            countries: countries?,
            token: audience.zip(subject),
            per_number,
            per_range,
            overall,
            cooldown,
            go_on_after_unknown,
        };
        Some(Self { aws: aws?, http, table: table?, gateway_secret: gateway_secret?, providers, rules })
    }
}

/// The function's state for the life of an instance.
pub struct App {
    http: http::Client,
    table: Table,
    gateway: Secret<Credentials>,
    providers: HashMap<Name, Provider>,
    rules: Rules,
    avoidance: Mutex<Avoidance>,
}

impl App {
    /// Makes the state: everything that a request will need is fetched and connected to at once.
    ///
    /// # Errors
    /// When no HTTP client can be made from the settings. Upstreams that are down are met again by the first request.
    pub async fn connect(config: Config) -> Result<Self, String> {
        let http = http::Client::new(config.http)?;
        let secrets = config.aws.secrets_manager(&http);
        let connect = |name| Some((name, config.providers.connect(name, &http, &secrets)?));
        let app = Self {
            table: Table::new(config.aws.dynamodb(&http), config.table),
            gateway: Secret::new(config.gateway_secret, secrets.clone()),
            providers: config.rules.routes.used().into_iter().filter_map(connect).collect(),
            rules: config.rules,
            avoidance: Mutex::default(),
            http,
        };
        let (now, dynamodb) = (shared::runtime::now(), config.aws.dynamodb_url());
        let warm_up = async {
            let providers = futures_util::future::join_all(app.providers.values().map(|provider| provider.warm_up(now)));
            tokio::join!(app.gateway.get(now), app.http.warm_up(dynamodb.as_ref()), providers)
        };
        shared::runtime::warm_up(warm_up).await;
        app.http.take_waited();
        Ok(app)
    }

    /// Answers one request.
    pub async fn handle(&self, request: &Request, now: SystemTime) -> Reply {
        let reply = self.flow(request, now).await.unwrap_or_else(|refusal| refusal);
        reply.upstream(self.http.take_waited())
    }

    async fn flow(&self, request: &Request, now: SystemTime) -> Result<Reply, Reply> {
        let arrived = Instant::now();
        request.expect_post("/", &JSON, BODY_LIMIT)?;
        credential::check(request, &self.gateway, self.rules.token.as_ref(), now).await?;
        let message = decide::read(&request.body).map_err(|wrong| refused(400, wrong.outcome, wrong.public))?;
        let time = if message.shape == Shape::Legacy { LEGACY_TIME } else { ACTION_TIME };
        // From its arrival: what the credential check took is gone for the caller too.
        let deadline = (arrived + time).min(Instant::now() + request.remaining(RESERVE));
        let reply = match self.deliver(&message, deadline, now + arrived.elapsed()).await {
            Ok(reply) | Err(reply) => reply,
        };
        Ok(reply.field("phone", message.to.to_string()).field("segments", segments::count(&message.body)))
    }

    async fn deliver(&self, message: &Message, deadline: Instant, now: SystemTime) -> Result<Reply, Reply> {
        if !message.to.is_allowed(&self.rules.countries) {
            return Err(refused(429, "country_not_allowed", "texts to this country or range are not allowed"));
        }
        let route = self.rules.routes.find(&message.to);
        if route.is_empty() {
            return Err(refused(429, "no_route", "no provider is configured for this number"));
        }
        let started = Instant::now();
        let left = deadline.saturating_duration_since(started);
        let entry = Entry::new(
            &format!("code#{}", message.id()),
            owner_id(),
            epoch(now) + left.as_secs() + 2,
            epoch(now) + self.rules.cooldown.max(left.as_secs() + 2),
        );
        let counted = self.claim(message, &entry, deadline, now).await?;
        let order = self.avoidance().order(route, Instant::now());
        let attempts = self.attempt(message, &order, deadline, now).await;
        let entry = entry.remembered_until(epoch(now + started.elapsed()) + self.rules.cooldown);
        let left = (deadline + RESERVE / 2).saturating_duration_since(Instant::now());
        let stage = attempts.stage();
        let give_back = async {
            if stage == Stage::Failed {
                let _only_counts = self.table.update_all(self.limits(message, counted).map(|limit| limit.undo).into()).await;
            }
        };
        let settle = async { tokio::join!(entry.settle(&self.table, &stage), give_back).0 };
        let settled = tokio::time::timeout(left, settle).await;
        if let Some(error) = settled.map_or(Some("no answer in time".to_owned()), |settled| Some(settled.err()?.to_string())) {
            // The answer is what happened; until the cooldown is over the entry reads as unknown, which sends nothing.
            tracing::error!(error, "a closing write failed");
        }
        Ok(attempts.into_reply(message))
    }

    /// What a text counts against, in the order of [`LIMITS`].
    fn limits(&self, message: &Message, now: SystemTime) -> [limits::Hourly; 3] {
        [
            limits::Hourly::new("code", message.to.reveal(), self.rules.per_number, now),
            limits::Hourly::new("code-range", message.to.range(), self.rules.per_range, now),
            limits::Hourly::new("code", "all", self.rules.overall, now),
        ]
    }

    /// Makes this invocation the one that sends, and says when that was counted, or tells how else to answer.
    async fn claim(&self, message: &Message, entry: &Entry, deadline: Instant, now: SystemTime) -> Result<SystemTime, Reply> {
        let started = Instant::now();
        let mut again: Option<Item> = None;
        loop {
            let now = now + started.elapsed();
            let mut updates = vec![again.as_ref().map_or_else(|| entry.claim(now), |seen| entry.claim_again(seen))];
            updates.extend(self.limits(message, now).map(|limit| limit.count));
            let refusals = self.table.update_all(updates).await.map_err(unavailable)?;
            let Some(refusals) = refusals else { return Ok(now) };
            let Some(seen) = refusals.first().and_then(Option::as_ref) else {
                let limits = LIMITS.iter().zip(refusals.iter().skip(1));
                let hit = limits.filter(|(_, refusal)| refusal.is_some()).map(|(name, _)| *name).next();
                return Err(refused(429, "rate_limited", "too many texts; try again later").field("limit", hit));
            };
            again = match entry.stage(seen, now) {
                None => return Ok(now),
                Some(Stage::Sent { sid, provider }) => return Err(receipt(provider.as_deref(), sid.as_deref(), "duplicate")),
                Some(Stage::Refused) => return Err(recipient_refused()),
                Some(Stage::Unknown) => return Err(unknown()),
                Some(Stage::Failed) => Some(seen.clone()),
                Some(Stage::Sending) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    entry.wait_while_sending(&self.table, left, now).await.map_err(unavailable)?;
                    None
                }
            };
            if Instant::now() >= deadline {
                return Err(if again.is_some() { all_refused() } else { unknown() });
            }
        }
    }

    /// Tries the providers in order until one has the message, or may have it.
    async fn attempt(&self, message: &Message, order: &[Name], deadline: Instant, now: SystemTime) -> Attempts {
        let mut attempts = Attempts::default();
        for name in order {
            let Some(provider) = self.providers.get(name) else { continue };
            let within = ATTEMPT_TIME.min(deadline.saturating_duration_since(Instant::now()));
            // Cut off by us, a text that was taken would end as unknown.
            if within < SHORTEST_ATTEMPT {
                break;
            }
            let from = self.rules.senders.find(*name).or(message.from.as_deref());
            let sms = Outbound { to: &message.to, from, body: &message.body };
            let result = provider.send(&sms, now, within).await;
            let healthy = matches!(result, Ok(Ok(_) | Err(SendError::Refused { recipient: true, .. })));
            self.avoidance().note(*name, healthy, Instant::now());
            attempts.tried.push(*name);
            match result {
                Ok(Ok(receipt)) => {
                    attempts.receipt = Some((*name, receipt));
                    break;
                }
                Ok(Err(error)) => {
                    attempts.errors.push(format!("{name}: {error}"));
                    match error {
                        SendError::Refused { recipient: true, .. } => {
                            attempts.recipient_refused = true;
                            break;
                        }
                        SendError::Unknown => {
                            attempts.unknown = true;
                            if !self.rules.go_on_after_unknown {
                                break;
                            }
                        }
                        _ => {}
                    }
                }
                Err(error) => {
                    attempts.without_secret += 1;
                    attempts.errors.push(format!("{name}: {error}"));
                }
            }
        }
        attempts
    }

    fn avoidance(&self) -> std::sync::MutexGuard<'_, Avoidance> {
        self.avoidance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came of trying.
#[derive(Default)]
struct Attempts {
    tried: Vec<Name>,
    errors: Vec<String>,
    receipt: Option<(Name, Receipt)>,
    recipient_refused: bool,
    unknown: bool,
    without_secret: usize,
}

impl Attempts {
    fn stage(&self) -> Stage {
        match &self.receipt {
            Some((name, receipt)) => Stage::Sent { sid: receipt.id.clone(), provider: Some(name.to_string()) },
            // Once it may be out, no later refusal makes it certain again.
            None if self.unknown => Stage::Unknown,
            None if self.recipient_refused => Stage::Refused,
            None => Stage::Failed,
        }
    }

    fn into_reply(self, message: &Message) -> Reply {
        let failovers = self.tried.len().saturating_sub(1) as u64;
        let reply = match &self.receipt {
            Some((name, sent)) => {
                let segments = sent.segments.unwrap_or_else(|| segments::count(&message.body));
                receipt(Some(name.word()), sent.id.as_deref(), "sent").metric("SmsSent", 1).metric("SmsSegments", segments)
            }
            None if self.unknown => unknown().metric("SmsFailed", 1),
            None if self.recipient_refused => recipient_refused().metric("SmsFailed", 1),
            None if self.without_secret == self.tried.len() && !self.tried.is_empty() => {
                error(503, "secret_unavailable", "the gateway's credentials are unavailable; try again").metric("SmsFailed", 1)
            }
            None => all_refused().metric("SmsFailed", 1),
        };
        let reply = if failovers > 0 { reply.metric("ProviderFailover", failovers) } else { reply };
        if self.errors.is_empty() { reply } else { reply.field("error", self.errors.join("; ")) }
    }
}

fn receipt(provider: Option<&str>, id: Option<&str>, outcome: &'static str) -> Reply {
    json_reply(200, outcome, &json!({ "provider": provider, "id": id })).field("provider", provider).field("sid", id)
}

fn all_refused() -> Reply {
    error(502, "all_refused", "no provider took the text")
}

fn unknown() -> Reply {
    error(504, "outcome_unknown", "the text may or may not have been sent; it will not be sent again for now")
}

fn recipient_refused() -> Reply {
    error(422, "recipient_refused", "this number cannot receive texts")
}

fn unavailable(cause: impl Into<Failure>) -> Reply {
    let failure: Failure = cause.into();
    error(failure.status, failure.outcome, "temporarily unavailable; nothing was sent").field("error", failure.cause)
}

fn refused(status: u16, outcome: &'static str, public: &'static str) -> Reply {
    error(status, outcome, public).metric("Refused", 1)
}

/// A JSON error in words of our own: what came in is never echoed.
fn error(status: u16, outcome: &'static str, public: &'static str) -> Reply {
    json_reply(status, outcome, &json!({ "error": public }))
}

fn json_reply(status: u16, outcome: &'static str, body: &Value) -> Reply {
    Reply::body(status, outcome, "application/json", body.to_string())
}
