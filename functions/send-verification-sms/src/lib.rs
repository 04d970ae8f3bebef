//! Auth0 mailed a pseudo-address such as `acme+4512345678@sms.example.com`: text that phone instead, and remember the link.
//!
//! A Mailgun route posts the mail. It is authenticated (signature, age), judged (recipient, sender, country, exactly one link that may
//! be trusted), claimed in one transaction together with its limits and its pending request, and then one text is sent. Mailgun
//! repeats what is not answered with 200 or 406 for eight hours, so everything that may pass is answered with 503.
//!
//! Never: a second text for a mail that was sent, a text whose pending request is not stored, a link followed from here, words
//! of the mail in the text.

mod decide;

use std::time::{Duration, Instant, SystemTime};

use shared::aws;
use shared::config::Source;
use shared::http::{self, BaseUrl};
use shared::journal::{Entry, Stage};
use shared::limits;
use shared::link::Kind;
use shared::mailgun::{self, mail::StoredMail};
use shared::pending;
use shared::phone::E164;
use shared::reply::{Failure, Reply};
use shared::request::Request;
use shared::secrets::Secret;
use shared::sms::{Outbound, Receipt, SendError};
use shared::table::{Item, Key, Table, Unavailable, Update, epoch, owner_id};
use shared::twilio::{self, messages};

use decide::{Decision, Rules};

const FORMS: [&str; 2] = ["application/x-www-form-urlencoded", "multipart/form-data"];
const BODY_LIMIT: usize = 5 * 1024 * 1024;
const DAY: u64 = 86_400;
/// A mail is handled, and leased, for at most this long.
const LONGEST: Duration = Duration::from_secs(30);
/// Kept free for the closing writes and the answer.
const RESERVE: Duration = Duration::from_secs(2);

/// The settings.
#[derive(Debug)]
pub struct Config {
    aws: aws::Settings,
    http: http::Settings,
    table: String,
    twilio_secret: String,
    mailgun_secret: String,
    twilio_url: BaseUrl,
    sender: messages::Sender,
    rules: Rules,
    limits: Limits,
    verification_text: String,
    password_text: String,
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    per_number: u64,
    overall: u64,
    valid_hours: u64,
    max_age: u64,
}

impl Config {
    /// Reads the settings; what is wrong is noted in `source`.
    pub fn read(source: &mut Source<'_>) -> Option<Self> {
        let aws = aws::Settings::read(source);
        let http = http::Settings::read(source);
        let table = source.required("TABLE_NAME");
        let (twilio_secret, mailgun_secret) = (source.required("TWILIO_SECRET"), source.required("MAILGUN_SECRET"));
        let twilio_url = twilio::api(source);
        let sender = messages::Sender::read(source);
        let rules = Rules::read(source, sender.number.as_ref());
        let limits = Limits {
            per_number: source.number("SMS_PER_NUMBER_PER_HOUR", 5, 1..=1_000),
            overall: source.number("SMS_PER_HOUR", 1_000, 1..=1_000_000),
            valid_hours: source.number("RESET_VALID_HOURS", 8, 0..=720),
            max_age: source.number("MAX_MAIL_AGE_SECONDS", 32_400, 1..=3_153_600_000),
        };
        let verification_text = source.message("REG_SMS_BODY", "You have registered for an account. Reply YES to verify");
        let password_text = source.message("PWD_SMS_BODY", "Someone asked to change your password. If it was you, reply YES");
        Some(Self {
            aws: aws?,
            http,
            table: table?,
            twilio_secret: twilio_secret?,
            mailgun_secret: mailgun_secret?,
            twilio_url: twilio_url?,
            sender,
            rules: rules?,
            limits,
            verification_text,
            password_text,
        })
    }
}

/// The function's state for the life of an instance.
pub struct App {
    http: http::Client,
    table: Table,
    twilio: Secret<twilio::RestCredentials>,
    mailgun: Secret<mailgun::Credentials>,
    messages: messages::Messages,
    rules: Rules,
    limits: Limits,
    verification_text: String,
    password_text: String,
}

impl App {
    /// Makes the state: everything that a request will need is fetched and connected to at once.
    ///
    /// # Errors
    /// When no HTTP client can be made from the settings. Upstreams that are down are met again by the first request.
    pub async fn connect(config: Config) -> Result<Self, String> {
        let http = http::Client::new(config.http)?;
        let secrets = config.aws.secrets_manager(&http);
        let app = Self {
            table: Table::new(config.aws.dynamodb(&http), config.table),
            twilio: Secret::new(config.twilio_secret, secrets.clone()),
            mailgun: Secret::new(config.mailgun_secret, secrets),
            messages: messages::Messages::new(http.clone(), config.twilio_url.clone(), config.sender),
            rules: config.rules,
            limits: config.limits,
            verification_text: config.verification_text,
            password_text: config.password_text,
            http,
        };
        let (now, dynamodb) = (shared::runtime::now(), config.aws.dynamodb_url());
        let warm_up = async {
            tokio::join!(
                app.twilio.get(now),
                app.mailgun.get(now),
                app.http.warm_up(dynamodb.as_ref()),
                app.http.warm_up(Some(&config.twilio_url)),
            )
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
        request.expect_post("/", &FORMS, BODY_LIMIT)?;
        let form = mailgun::authenticate(request, &self.mailgun, self.limits.max_age, now).await?;
        // Fetching the key may have taken seconds; leases count from here.
        let now = now + arrived.elapsed();
        let mail = StoredMail::parse(&form);
        let (phone, link) = match decide::decide(&mail, &self.rules) {
            Decision::Text { phone, link } => (phone, link),
            Decision::Refuse { reason, phone } => {
                let reply = Reply::refused(406, reason);
                return Ok(phone.into_iter().fold(reply, |reply, phone| reply.field("phone", phone.to_string())));
            }
        };
        let email = mail.recipient.unwrap_or_default();
        let work = Work {
            request: pending::Request::new(&mail.id, &link, email, now, self.limits.valid_hours),
            entry: self.entry(&mail.id, request, now),
            token: self.remember_token(form.token(), &mail.id, now),
            phone,
        };
        let reply = match self.act(&work, request, now).await {
            Ok(reply) | Err(reply) => reply,
        };
        let kind = if link.kind == Kind::Password { "password" } else { "verification" };
        Ok(reply.field("phone", work.phone.to_string()).field("kind", kind))
    }

    /// The journal outlives the time in which Mailgun, or whoever recorded the post, can deliver it again.
    fn entry(&self, mail: &str, request: &Request, now: SystemTime) -> Entry {
        // Two seconds more, as both terms are rounded down: it must not end while we live.
        let lease_until = epoch(now) + request.remaining(Duration::ZERO).min(LONGEST).as_secs() + 2;
        Entry::new(&format!("mail#{mail}"), owner_id(), lease_until, epoch(now) + self.limits.max_age + DAY)
    }

    /// A token is good for one mail.
    fn remember_token(&self, token: &str, mail: &str, now: SystemTime) -> Update {
        Update::new(Key::new(format!("seen#mailgun#{token}"), "token"))
            .set("mail", mail)
            .set("expires_at", epoch(now) + self.limits.max_age + DAY)
            .only_if("attribute_not_exists(pk) OR mail = :mail OR expires_at <= :now")
            .bind(":mail", mail)
            .bind(":now", epoch(now))
    }

    async fn act(&self, work: &Work, request: &Request, now: SystemTime) -> Result<Reply, Reply> {
        // Before anything is written: without credentials nothing can be sent.
        self.twilio.get(now).await.map_err(Failure::from)?;
        let doubt = self.claim(work, request, now).await?;
        // A text of an attempt before may still be answered: this one's failure does not make that one unsent.
        let failed = if doubt { Stage::Unknown } else { Stage::Failed };
        let body = if work.request.kind == Kind::Password { &self.password_text } else { &self.verification_text };
        // Later than that no reply counts.
        let life = Duration::from_secs(self.limits.valid_hours * 3600);
        let sms = Outbound { to: &work.phone, from: None, body, life: Some(life), holds_code: false };
        // Beside it, as Twilio takes longer than the table; nothing waits for it.
        tokio::join!(self.deliver(work, &sms, &failed, request, now), self.tidy(work, request, now)).0
    }

    /// Sends the text, and writes how that ended.
    async fn deliver(
        &self,
        work: &Work,
        sms: &Outbound<'_>,
        failed: &Stage,
        request: &Request,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        let result = match self.messages.send(sms, &self.twilio, now, request.remaining(RESERVE)).await {
            Ok(result) => result,
            Err(error) => {
                self.settle(work, failed, request).await;
                return Err(Failure::from(error).into());
            }
        };
        Ok(match result {
            Ok(receipt) => {
                let settled = self.settle(work, &Stage::Sent { sid: receipt.id.clone(), provider: None }, request).await;
                sent(receipt, settled)
            }
            Err(SendError::Refused { recipient: true, code }) => {
                self.settle(work, &Stage::Refused, request).await;
                Reply::refused(406, "recipient_refused").field("code", code).metric("SmsFailed", 1)
            }
            Err(SendError::Unknown) => {
                self.settle(work, &Stage::Unknown, request).await;
                Reply::empty(503, "outcome_unknown").metric("SmsFailed", 1)
            }
            Err(error) => {
                self.settle(work, failed, request).await;
                Reply::empty(503, "twilio_unavailable").field("error", error.to_string()).metric("SmsFailed", 1)
            }
        })
    }

    /// One mail in eight (their ids are hashes) drops the old requests of its number, so that there are never many.
    async fn tidy(&self, work: &Work, request: &Request, now: SystemTime) {
        if !work.request.id.starts_with(['0', '1']) {
            return;
        }
        let tidied = tokio::time::timeout(request.remaining(RESERVE), pending::tidy(&self.table, &work.phone, now));
        if let Err(error) = tidied.await.unwrap_or_else(|_| Err(Unavailable::late())) {
            tracing::warn!(%error, "old requests of a number were left");
        }
    }

    /// Makes this invocation the one that sends, or tells how else to answer. A delivery of a mail that another invocation is
    /// sending waits for how that ends. True if the text of an attempt before may have arrived.
    async fn claim(&self, work: &Work, request: &Request, now: SystemTime) -> Result<bool, Reply> {
        let started = Instant::now();
        let mut earlier: Option<(Item, Stage)> = None;
        loop {
            let now = now + started.elapsed();
            let updates = self.claiming(work, earlier.as_ref(), now);
            let refusals = self.table.update_all(updates).await.map_err(Failure::from)?;
            let doubt = matches!(earlier, Some((_, Stage::Unknown)));
            let Some(refusals) = refusals else { return Ok(doubt) };
            let refused = |place: usize| refusals.get(place).and_then(Option::as_ref);
            if refused(0).is_some() {
                return Err(Reply::refused(200, "replayed"));
            }
            let Some(seen) = refused(1) else {
                return Err(match earlier {
                    None => {
                        let limit = if refused(2).is_some() { "SMS_PER_NUMBER_PER_HOUR" } else { "SMS_PER_HOUR" };
                        Reply::refused(406, "rate_limited").field("limit", limit)
                    }
                    // The text had arrived after all: its request was used up meanwhile.
                    Some(_) => Reply::empty(200, "duplicate"),
                });
            };
            earlier = match work.entry.stage(seen, now) {
                None => return Ok(doubt),
                Some(Stage::Sent { sid, .. }) => return Err(Reply::empty(200, "duplicate").field("sid", sid)),
                Some(Stage::Refused) => return Err(Reply::refused(406, "recipient_refused")),
                Some(Stage::Sending) => {
                    let left = request.remaining(RESERVE).min(LONGEST.saturating_sub(started.elapsed()));
                    work.entry.wait_while_sending(&self.table, left, now).await.map_err(Failure::from)?;
                    None
                }
                Some(stage @ (Stage::Failed | Stage::Unknown)) => Some((seen.clone(), stage)),
            };
            if request.remaining(RESERVE).is_zero() || started.elapsed() > LONGEST {
                return Err(Reply::empty(503, "in_progress"));
            }
        }
    }

    /// The transaction that claims a mail: its token, its journal, then the two limits (for the first delivery only) and the
    /// pending request, whose text may have arrived, and been answered, if the last attempt's outcome is unknown.
    fn claiming(&self, work: &Work, earlier: Option<&(Item, Stage)>, now: SystemTime) -> Vec<Update> {
        let (phone, pending) = (&work.phone, &work.request);
        match earlier {
            None => vec![
                work.token.clone(),
                work.entry.claim(now),
                limits::Hourly::new("sms", phone.reveal(), self.limits.per_number, now).count,
                limits::Hourly::new("sms", "all", self.limits.overall, now).count,
                pending::add(phone, pending),
            ],
            Some((seen, Stage::Unknown)) => {
                vec![work.token.clone(), work.entry.claim_again(seen), pending::renew(phone, pending)]
            }
            Some((seen, _)) => vec![work.token.clone(), work.entry.claim_again(seen), pending::add(phone, pending)],
        }
    }

    /// Writes how it ended; whether that worked. What was certainly not sent waits for no reply.
    async fn settle(&self, work: &Work, stage: &Stage, request: &Request) -> bool {
        let withdrawn = async {
            match stage {
                Stage::Failed | Stage::Refused => pending::withdraw(&self.table, &work.phone, &work.request).await,
                _ => Ok(()),
            }
        };
        let writes = async { tokio::join!(work.entry.settle(&self.table, stage), withdrawn) };
        let closed = tokio::time::timeout(request.remaining(Duration::from_millis(200)), writes).await;
        let (settled, withdrawn) = closed.unwrap_or_else(|_| (Err(Unavailable::late()), Ok(())));
        for error in [settled.as_ref().err(), withdrawn.as_ref().err()].into_iter().flatten() {
            tracing::error!(%error, "a closing write failed");
        }
        settled.is_ok()
    }
}

/// One mail being turned into one text.
struct Work {
    phone: E164,
    request: pending::Request,
    entry: Entry,
    token: Update,
}

/// The text is out, so the answer is 200 even if the journal could not be told: a retry would send it again.
fn sent(receipt: Receipt, settled: bool) -> Reply {
    let outcome = if settled { "sent" } else { "sent_unrecorded" };
    let reply = Reply::empty(200, outcome).field("sid", receipt.id).metric("SmsSent", 1);
    match receipt.segments {
        Some(segments) => reply.field("segments", segments).metric("SmsSegments", segments),
        None => reply,
    }
}
