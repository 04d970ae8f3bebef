//! Auth0 mailed a proxy e-mail address such as `acme+4512345678@sms.example.com`: text that phone instead, and remember the link.
//!
//! A Mailgun route posts the mail. Its signature says that Mailgun received it, and nothing of who sent it, so that is asked next: sender
//! and its DKIM signatures, the application's tag in the address, country, exactly one link that may be trusted, and, of Auth0, whether
//! the address is that of a user who waits for such a mail. What fails there is refused without a trace. Then the mail is claimed in one
//! transaction together with its pending request, and counted beside it, and one text is sent. Mailgun repeats what is not
//! answered with 200 or 406 for eight hours, so everything that may pass is answered with 503.
//!
//! Never: a second text for a mail that was sent, a text whose pending request is not stored, a link followed from here, words
//! of the mail in the text.

mod budgets;
mod decide;
mod tag;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use shared::platform::Platform;
use shared::platform::config::Source;
use shared::platform::reply::{Failure, Reply};
use shared::platform::request::Request;
use shared::platform::runtime::Function;
use shared::platform::secrets::{self, Secret};
use shared::platform::table::{Item, Key, Table, Unavailable, Update, epoch, owner_id};
use shared::rules::journal::{Entry, Stage};
use shared::rules::limits::Counted;
use shared::rules::link::Kind;
use shared::rules::pending;
use shared::rules::phone::E164;
use shared::rules::sms::{Outbound, Receipt, SendError};
use shared::vendors::auth0::{self, tokens::Tokens, users::Standing, users::Users};
use shared::vendors::mailgun::{self, mail::StoredMail};
use shared::vendors::twilio::{self, messages};

use budgets::Limits;
use decide::{Decision, Rules};
use tag::RecipientKeys;

const FORMS: [&str; 2] = ["application/x-www-form-urlencoded", "multipart/form-data"];
const BODY_LIMIT: usize = 5 * 1024 * 1024;
/// To a URL that ends so Mailgun posts mails as they are, in `body-mime`, instead of the fields that are read here
/// (<https://documentation.mailgun.com/docs/mailgun/user-manual/receive-forward-store/receive-http>).
const RAW_PATH: &str = "/mime";
const DAY: u64 = 86_400;
/// A mail is handled, and leased, for at most this long.
const LONGEST: Duration = Duration::from_secs(30);
/// Asking for a user may take this long, a new access token included.
const TIME_TO_ASK: Duration = Duration::from_secs(10);
/// Kept free for the closing writes and the answer.
const RESERVE: Duration = Duration::from_secs(2);

/// The function's settings and clients.
pub struct App {
    table: Table,
    twilio: Secret<twilio::RestCredentials>,
    mailgun: Secret<mailgun::Credentials>,
    recipient: Option<Secret<RecipientKeys>>,
    directory: Option<Directory>,
    messages: messages::Messages,
    rules: Rules,
    limits: Limits,
    times: Times,
    verification_text: String,
    password_text: String,
}

struct Times {
    valid_hours: u64,
    max_age: u64,
}

/// The tenant's users, where there are keys to ask for them.
struct Directory {
    application: Secret<auth0::Application>,
    keys: Arc<Secret<auth0::Credentials>>,
    users: Users,
}

impl Directory {
    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        let base = source.base_url("AUTH0_URL", None);
        let keys = Arc::new(platform.secret(source, "AUTH0_SECRET"));
        let (http, table) = (platform.http.clone(), platform.table.clone());
        let (audience, secret) = (Users::audience(&base), Arc::clone(&keys));
        let tokens = Tokens::new(http.clone(), base.clone(), audience, secret, Some(table));
        Self {
            application: platform.secret(source, "AUTH0_SECRET"),
            keys,
            users: Users::new(http, base, tokens),
        }
    }

    /// Gets ahead, during INIT, what the first mail will need: a token by connections already made.
    async fn warm_up(&self, platform: &Platform, now: SystemTime) {
        let (application, _met_again, ()) = tokio::join!(
            self.application.get(now),
            self.keys.get(now),
            platform.warm_up(1)
        );
        if application.is_ok_and(|application| application.is_given) {
            tokio::join!(self.users.warm_up(now), self.users.connect());
        }
    }
}

impl Function for App {
    /// A mail's lease has an end of its own.
    const TIME: Option<Duration> = None;

    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        let sender = messages::Sender::read(source);
        let recipient = platform.optional_secret(source, "RECIPIENT_KEY_SECRET");
        let has_application = source.optional("AUTH0_SECRET").is_some();
        Self {
            table: platform.table.clone(),
            twilio: platform.secret(source, "TWILIO_SECRET"),
            mailgun: platform.secret(source, "MAILGUN_SECRET"),
            directory: has_application.then(|| Directory::read(platform, source)),
            rules: Rules::read(source, sender.number.as_ref(), recipient.is_some()),
            recipient,
            messages: messages::Messages::new(platform.http.clone(), twilio::api(source), sender),
            limits: Limits::read(source),
            times: Times {
                valid_hours: source.number("RESET_VALID_HOURS", 8, 0..=720),
                max_age: source.number("MAX_MAIL_AGE_SECONDS", 32_400, 1..=3_153_600_000),
            },
            verification_text: source.message(
                "REG_SMS_BODY",
                "You have registered for an account. Reply YES to verify",
            ),
            password_text: source.message(
                "PWD_SMS_BODY",
                "Someone asked to change your password. If it was you, reply YES",
            ),
        }
    }

    async fn warm_up(&self, platform: &Platform, now: SystemTime) {
        let table = async {
            match &self.directory {
                Some(directory) => directory.warm_up(platform, now).await,
                None => platform.warm_up(1).await,
            }
        };
        let _met_again = tokio::join!(
            self.twilio.get(now),
            self.mailgun.get(now),
            secrets::warm_up(self.recipient.as_ref(), now),
            table,
            self.messages.warm_up()
        );
    }

    async fn flow(&self, request: &Request, now: SystemTime) -> Result<Reply, Reply> {
        let arrived = Instant::now();
        request.expect_post(
            if request.path() == RAW_PATH {
                RAW_PATH
            } else {
                "/"
            },
            &FORMS,
            BODY_LIMIT,
        )?;
        let form = mailgun::authenticate(request, &self.mailgun, self.times.max_age, now).await?;
        if request.path() == RAW_PATH || is_raw(&form) {
            return Err(Reply::refused(406, "mime_route"));
        }
        let mail = StoredMail::parse(&form);
        let (phone, tag, link) = match decide::decide(&mail, &self.rules) {
            Decision::Text { phone, tag, link } => (phone, tag, link),
            Decision::Refuse { reason, phone } => {
                let reply = Reply::refused(406, reason);
                return Ok(phone.into_iter().fold(reply, |reply, phone| {
                    reply.field("phone", phone.to_string())
                }));
            }
        };
        let (masked, kind) = (phone.to_string(), link.kind);
        let turn = async {
            let email = mail.recipient.unwrap_or_default();
            self.check_tag(&phone, tag.as_deref(), now + arrived.elapsed())
                .await?;
            self.check_user(email, kind, request, now + arrived.elapsed())
                .await?;
            // All this may have taken seconds; leases count from here.
            let now = now + arrived.elapsed();
            let work = Work {
                request: pending::Request::new(
                    &mail.id,
                    &link,
                    email,
                    mail.mailed_at,
                    now,
                    self.times.valid_hours,
                ),
                entry: self.entry(&mail.id, request, now),
                token: self.remember_token(form.token(), &mail.id, now),
                // The same mail is counted once in an hour, however often it comes.
                name: format!("{:02x}{}", epoch(now) / 3600 % 256, mail.id),
                phone,
            };
            self.act(&work, request, now).await
        };
        let reply = match turn.await {
            Ok(reply) | Err(reply) => reply,
        };
        let kind = if kind == Kind::Password {
            "password"
        } else {
            "verification"
        };
        Ok(reply.field("phone", masked).field("kind", kind))
    }
}

impl App {
    /// Where addresses have the application's tag, only the right one counts.
    async fn check_tag(
        &self,
        phone: &E164,
        given: Option<&str>,
        now: SystemTime,
    ) -> Result<(), Reply> {
        let (Some(secret), Some(given)) = (&self.recipient, given) else {
            return Ok(());
        };
        let fitting = secret.fitting(now, |keys| keys.fit(phone, given)).await;
        let fitting = fitting.map_err(Failure::from)?;
        fitting
            .map(drop)
            .ok_or_else(|| Reply::refused(406, "wrong_tag"))
    }

    /// What nothing can be done without: Twilio's credentials, and a user who waits for such a mail, where there are keys to ask with.
    async fn check_user(
        &self,
        email: &str,
        kind: Kind,
        request: &Request,
        now: SystemTime,
    ) -> Result<(), Reply> {
        let (credentials, standing) =
            tokio::join!(self.twilio.get(now), self.standing(email, request, now));
        match standing? {
            Some(Standing::Nobody) => return Err(Reply::refused(406, "no_such_user")),
            Some(Standing::Verified) if kind == Kind::Verification => {
                return Err(Reply::refused(406, "already_verified"));
            }
            _ => {}
        }
        credentials
            .map(drop)
            .map_err(|error| Failure::from(error).into())
    }

    /// Asks Auth0 for the user with an address; `None` without keys to ask with.
    async fn standing(
        &self,
        email: &str,
        request: &Request,
        now: SystemTime,
    ) -> Result<Option<Standing>, Reply> {
        let Some(directory) = &self.directory else {
            return Ok(None);
        };
        if !directory
            .application
            .get(now)
            .await
            .map_err(Failure::from)?
            .is_given
        {
            return Ok(None);
        }
        let time = request.remaining(RESERVE).min(TIME_TO_ASK);
        let why = match tokio::time::timeout(time, directory.users.standing(email, now)).await {
            Ok(Ok(standing)) => return Ok(Some(standing)),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        Err(Reply::empty(503, "auth0_unavailable").field("error", why))
    }

    /// The journal outlives the time in which Mailgun, or whoever recorded the post, can deliver it again.
    fn entry(&self, mail: &str, request: &Request, now: SystemTime) -> Entry {
        // Two seconds more, as both terms are rounded down: it must not end while we live.
        let lease_until = epoch(now) + request.remaining(Duration::ZERO).min(LONGEST).as_secs() + 2;
        Entry::new(
            &format!("mail#{mail}"),
            owner_id(),
            lease_until,
            epoch(now) + self.times.max_age + DAY,
        )
    }

    /// A token is good for one mail.
    fn remember_token(&self, token: &str, mail: &str, now: SystemTime) -> Update {
        Update::new(Key::new(format!("seen#mailgun#{token}"), "token"))
            .set("mail", mail)
            .set("expires_at", epoch(now) + self.times.max_age + DAY)
            .only_if("attribute_not_exists(pk) OR mail = :mail OR expires_at <= :now")
            .bind(":mail", mail)
            .bind(":now", epoch(now))
    }

    async fn act(&self, work: &Work, request: &Request, now: SystemTime) -> Result<Reply, Reply> {
        let doubt = self.claim(work, request, now).await?;
        // A text of an attempt before may still be answered: this one's failure does not make that one unsent.
        let failed = if doubt { Stage::Unknown } else { Stage::Failed };
        let body = if work.request.kind == Kind::Password {
            &self.password_text
        } else {
            &self.verification_text
        };
        // Later than that no reply counts.
        let life = Duration::from_secs(self.times.valid_hours * 3600);
        let sms = Outbound {
            to: &work.phone,
            from: None,
            body,
            life: Some(life),
            holds_code: false,
        };
        // Beside it, as Twilio takes longer than the table; nothing waits for it.
        tokio::join!(
            self.deliver(work, &sms, &failed, request, now),
            self.tidy(work, request, now)
        )
        .0
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
        let result = match self
            .messages
            .send(sms, &self.twilio, now, request.remaining(RESERVE))
            .await
        {
            Ok(result) => result,
            Err(error) => {
                self.settle(work, failed, request).await;
                return Err(Failure::from(error).into());
            }
        };
        Ok(match result {
            Ok(receipt) => {
                let settled = self
                    .settle(
                        work,
                        &Stage::Sent {
                            sid: receipt.id.clone(),
                            provider: None,
                        },
                        request,
                    )
                    .await;
                sent(receipt, settled)
            }
            Err(SendError::Refused {
                recipient: true,
                code,
            }) => {
                self.settle(work, &Stage::Refused, request).await;
                Reply::refused(406, "recipient_refused")
                    .field("code", code)
                    .metric("SmsFailed", 1)
            }
            Err(SendError::Unknown) => {
                self.settle(work, &Stage::Unknown, request).await;
                Reply::empty(503, "outcome_unknown").metric("SmsFailed", 1)
            }
            Err(error) => {
                self.settle(work, failed, request).await;
                Reply::empty(503, "twilio_unavailable")
                    .field("error", error.to_string())
                    .metric("SmsFailed", 1)
            }
        })
    }

    /// One mail in eight (their ids are hashes) drops the old requests of its number, so that there are never many.
    async fn tidy(&self, work: &Work, request: &Request, now: SystemTime) {
        if !work.request.id.starts_with(['0', '1']) {
            return;
        }
        let tidying = pending::tidy(&self.table, &work.phone, now);
        if let Err(error) = Table::within(request.remaining(RESERVE), tidying).await {
            tracing::warn!(%error, "old requests of a number were left");
        }
    }

    /// Makes this invocation the one that sends, or tells how else to answer. A delivery of a mail that another invocation is
    /// sending waits for how that ends. True if the text of an attempt before may have arrived.
    async fn claim(&self, work: &Work, request: &Request, now: SystemTime) -> Result<bool, Reply> {
        let started = Instant::now();
        loop {
            let now = now + started.elapsed();
            let count = self.limits.count(&self.table, &work.phone, &work.name, now);
            let (refusals, counted) =
                tokio::join!(self.table.update_all(work.claiming(now)), count);
            let refusals = match refusals {
                Ok(None) => return self.admit(counted, work, request).await.map(|()| false),
                Ok(Some(refusals)) => refusals,
                Err(error) => {
                    // The mail comes again, and counts again what has no name.
                    counted.give_back_copy(&self.table, true).await;
                    return Err(Failure::from(error).into());
                }
            };
            let Refusals {
                token: None,
                journal: Some(seen),
                ..
            } = Refusals::from(&refusals)
            else {
                counted.give_back(&self.table).await;
                return Err(Refusals::from(&refusals).answer(work));
            };
            match work.entry.stage(seen, now) {
                // Our own claim, whose answer was lost.
                None => return self.admit(counted, work, request).await.map(|()| false),
                Some(stage @ (Stage::Failed | Stage::Unknown)) => {
                    if self.claim_again(work, seen, &stage, counted).await? {
                        return Ok(stage == Stage::Unknown);
                    }
                }
                Some(stage) => {
                    counted
                        .give_back_copy(&self.table, work.is_counted_in(seen))
                        .await;
                    match stage {
                        Stage::Sent { sid, .. } => {
                            return Err(Reply::empty(200, "duplicate").field("sid", sid));
                        }
                        Stage::Refused => return Err(Reply::refused(406, "recipient_refused")),
                        _ => {
                            let left = request
                                .remaining(RESERVE)
                                .min(LONGEST.saturating_sub(started.elapsed()));
                            work.entry
                                .wait_while_sending(&self.table, left, now)
                                .await
                                .map_err(Failure::from)?;
                        }
                    }
                }
            }
            if request.remaining(RESERVE).is_zero() || started.elapsed() > LONGEST {
                return Err(Reply::empty(503, "in_progress"));
            }
        }
    }

    /// Claims a mail that an attempt before did not get out, or may have; false if another one was faster. It is counted only if it was
    /// not then: a limit had refused it.
    async fn claim_again(
        &self,
        work: &Work,
        seen: &Item,
        stage: &Stage,
        counted: Counted,
    ) -> Result<bool, Reply> {
        let counted = if seen.text("counted_as").is_none() {
            Some(self.within_budgets(counted).await?)
        } else {
            counted
                .give_back_copy(&self.table, work.is_counted_in(seen))
                .await;
            None
        };
        let entry = work
            .entry
            .counted_as(seen.text("counted_as").unwrap_or(&work.name));
        // Signed anew, the mail is no newer than when it came first.
        let mailed_at = seen
            .number("first_at")
            .map_or(work.request.mailed_at, |first| {
                first.min(work.request.mailed_at)
            });
        let pending = pending::Request {
            mailed_at,
            ..work.request.clone()
        };
        // The text may have arrived, and been answered, if the last attempt's outcome is unknown.
        let store = if *stage == Stage::Unknown {
            pending::renew
        } else {
            pending::add
        };
        let updates = vec![
            work.token.clone(),
            entry.claim_again(seen),
            store(&work.phone, &pending),
        ];
        let refusals = match self.table.update_all(updates).await {
            Ok(None) => return Ok(true),
            Ok(Some(refusals)) => refusals,
            Err(error) => {
                if let Some(counted) = &counted {
                    counted.give_back_copy(&self.table, true).await;
                }
                return Err(Failure::from(error).into());
            }
        };
        let refusals = Refusals::from(&refusals);
        let overtaken = refusals.token.is_none() && refusals.journal.is_some();
        if let Some(counted) = counted {
            if overtaken {
                counted.give_back_copy(&self.table, true).await;
            } else {
                counted.give_back(&self.table).await;
            }
        }
        if overtaken {
            Ok(false)
        } else {
            Err(refusals.answer(work))
        }
    }

    /// The mail is ours to send, if the budgets allow that too; else it is as if it had not come, until Mailgun brings it again.
    async fn admit(&self, counted: Counted, work: &Work, request: &Request) -> Result<(), Reply> {
        let Err(refusal) = self.within_budgets(counted).await else {
            return Ok(());
        };
        let undone = async {
            tokio::join!(
                work.entry.give_up(&self.table),
                pending::withdraw(&self.table, &work.phone, &work.request)
            )
        };
        let undone =
            tokio::time::timeout(request.remaining(Duration::from_millis(200)), undone).await;
        let (freed, withdrawn) = undone.unwrap_or_else(|_| (Err(Unavailable::late()), Ok(())));
        for error in [freed.err(), withdrawn.err()].into_iter().flatten() {
            tracing::warn!(%error, "a claim that was refused could not be freed; it ends by itself");
        }
        Err(refusal)
    }

    /// What was counted, if it may be used; otherwise it is given back.
    async fn within_budgets(&self, counted: Counted) -> Result<Counted, Reply> {
        if counted.full.is_empty() && counted.error.is_none() {
            return Ok(counted);
        }
        counted.give_back(&self.table).await;
        let limit = counted.refused();
        Err(counted.error.map_or_else(
            || Reply::refused(503, "rate_limited").field("limit", limit),
            |error| Failure::from(error).into(),
        ))
    }

    /// Writes how it ended; whether that worked. What was certainly not sent waits for no reply.
    async fn settle(&self, work: &Work, stage: &Stage, request: &Request) -> bool {
        let withdrawn = async {
            match stage {
                Stage::Failed | Stage::Refused => {
                    pending::withdraw(&self.table, &work.phone, &work.request).await
                }
                _ => Ok(()),
            }
        };
        let writes = async { tokio::join!(work.entry.settle(&self.table, stage), withdrawn) };
        let closed =
            tokio::time::timeout(request.remaining(Duration::from_millis(200)), writes).await;
        let (settled, withdrawn) = closed.unwrap_or_else(|_| (Err(Unavailable::late()), Ok(())));
        for error in [settled.as_ref().err(), withdrawn.as_ref().err()]
            .into_iter()
            .flatten()
        {
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
    /// What it is counted as.
    name: String,
}

impl Work {
    /// The transaction that claims a mail which comes for the first time: its token, its journal, its pending request. Nothing that other
    /// mails need: they would refuse each other.
    fn claiming(&self, now: SystemTime) -> Vec<Update> {
        let entry = self.entry.counted_as(&self.name);
        vec![
            self.token.clone(),
            entry.claim(now),
            pending::add(&self.phone, &self.request),
        ]
    }

    /// Whether the mail, as the journal has it, was counted under our own name for it.
    fn is_counted_in(&self, seen: &Item) -> bool {
        seen.text("counted_as") == Some(&self.name)
    }
}

/// What refused a claim: the items that its three updates met.
struct Refusals<'a> {
    token: Option<&'a Item>,
    journal: Option<&'a Item>,
    pending: Option<&'a Item>,
}

impl<'a> From<&'a Vec<Option<Item>>> for Refusals<'a> {
    fn from(refusals: &'a Vec<Option<Item>>) -> Self {
        let place = |place: usize| refusals.get(place).and_then(Option::as_ref);
        Self {
            token: place(0),
            journal: place(1),
            pending: place(2),
        }
    }
}

impl Refusals<'_> {
    /// The answer to a mail that nobody else is sending, and that must not be sent.
    fn answer(&self, work: &Work) -> Reply {
        match (self.token, self.pending) {
            (Some(_), _) => Reply::refused(200, "replayed"),
            (None, Some(seen)) if work.request.is_replaced_in(seen) => {
                Reply::empty(200, "superseded")
            }
            // The text had arrived after all: its request was used up meanwhile.
            (None, _) => Reply::empty(200, "duplicate"),
        }
    }
}

/// Whether a post holds a mail as it is, and none of its parts.
fn is_raw(form: &mailgun::Form) -> bool {
    let has = |name| form.all(name).next().is_some();
    has("body-mime") && !has("body-html") && !has("body-plain")
}

/// The text is out, so the answer is 200 even if the journal could not be told: a retry would send it again.
fn sent(receipt: Receipt, settled: bool) -> Reply {
    let outcome = if settled { "sent" } else { "sent_unrecorded" };
    let reply = Reply::empty(200, outcome)
        .field("sid", receipt.id)
        .metric("SmsSent", 1);
    match receipt.segments {
        Some(segments) => reply
            .field("segments", segments)
            .metric("SmsSegments", segments),
        None => reply,
    }
}
