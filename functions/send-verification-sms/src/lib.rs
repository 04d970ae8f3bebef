//! Turns Auth0's mail to a proxy e-mail address, such as `acme+4512345678@sms.example.com`, into an
//! SMS to that phone. Stores the link until the reply YES.
//!
//! A Mailgun route posts the mail. The flow:
//!
//! 1. Check Mailgun's signature. It proves that Mailgun received the mail, not who sent it.
//! 2. Judge the mail: its sender, its DKIM signatures, the phone's country, and exactly one trusted
//!    link.
//! 3. Check the application's tag in the address.
//! 4. Ask Auth0 whether a user with this address waits for such a mail.
//! 5. Claim the mail and store its pending request in one transaction. Count it at the same time.
//! 6. Send one SMS.
//!
//! A mail that fails steps 2 to 4 is rejected and leaves nothing in the table. Mailgun retries
//! every answer except 200 and 406 for eight hours. So a temporary failure is answered with 503.
//!
//! Promises: no second SMS for a mail whose SMS was sent. No SMS without a stored pending request.
//! The function does not open the link. The SMS contains no words of the mail.

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
use shared::rules::sms::{Account, Outbound, Receipt, SendError};
use shared::vendors::auth0::{self, tokens::Tokens, users::Standing, users::Users};
use shared::vendors::mailgun::{self, mail::StoredMail};
use shared::vendors::twilio::{self, messages};

use budgets::Limits;
use decide::{Decision, Rules};
use tag::RecipientKeys;

const FORMS: [&str; 2] = ["application/x-www-form-urlencoded", "multipart/form-data"];
const BODY_LIMIT: usize = 5 * 1024 * 1024;
/// If the URL ends like this, Mailgun posts the whole mail in `body-mime`. The post then lacks the
/// fields that this function reads
/// (<https://documentation.mailgun.com/docs/mailgun/user-manual/receive-forward-store/receive-http>).
const RAW_PATH: &str = "/mime";
const DAY: u64 = 86_400;
/// The longest time to handle a mail, and the longest lease.
const LONGEST: Duration = Duration::from_secs(30);
/// The time limit for asking Auth0 for a user, including a new access token.
const TIME_TO_ASK: Duration = Duration::from_secs(10);
/// Time kept free for the closing writes and the answer.
const RESERVE: Duration = Duration::from_secs(2);

/// The function's settings and clients.
pub struct App {
    table: Table,
    twilio: Arc<Secret<twilio::RestCredentials>>,
    mailgun: Secret<mailgun::Credentials>,
    recipient: Option<Secret<RecipientKeys>>,
    directory: Option<Directory>,
    messages: Account<messages::Messages>,
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

/// The tenant's users, if the `auth0` secret has keys to ask for them.
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

    /// Prepares for the first mail during INIT: fetches a token and opens the connections.
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
    /// No fixed time: the lease of a mail limits the time.
    const TIME: Option<Duration> = None;

    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        let sender = messages::Sender::read(source);
        let twilio = Arc::new(platform.secret(source, "TWILIO_SECRET"));
        let recipient = platform.optional_secret(source, "RECIPIENT_KEY_SECRET");
        let has_application = source.optional("AUTH0_SECRET").is_some();
        Self {
            table: platform.table.clone(),
            twilio: Arc::clone(&twilio),
            mailgun: platform.secret(source, "MAILGUN_SECRET"),
            directory: has_application.then(|| Directory::read(platform, source)),
            rules: Rules::read(source, sender.number.as_ref(), recipient.is_some()),
            recipient,
            messages: Account::new(
                messages::Messages::new(sender),
                platform.http.clone(),
                twilio::api(source),
                twilio,
            ),
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
        // A failure shows again on the first request.
        let _ = tokio::join!(
            self.mailgun.get(now),
            secrets::warm_up(self.recipient.as_ref(), now),
            table,
            self.messages.warm_up(now)
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
            // These checks may have taken seconds. Leases count from here.
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
                // Within an hour a mail counts once, however often Mailgun posts it.
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
    /// Checks the application's tag, if addresses have one.
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

    /// Checks that the mail can be handled: Twilio's credentials are available and, with Auth0
    /// keys, a user waits for such a mail.
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

    /// Asks Auth0 for the user with this address. `None` without Auth0 keys.
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

    /// The mail's entry in the journal. It lives longer than the post can be repeated, by Mailgun
    /// or by a stranger who recorded it.
    fn entry(&self, mail: &str, request: &Request, now: SystemTime) -> Entry {
        // Two seconds more, because both terms are rounded down: the lease must not end before we
        // do.
        let lease_until = epoch(now) + request.remaining(Duration::ZERO).min(LONGEST).as_secs() + 2;
        Entry::new(
            &format!("mail#{mail}"),
            owner_id(),
            lease_until,
            epoch(now) + self.times.max_age + DAY,
        )
    }

    /// Remembers Mailgun's token: it is valid for one mail.
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
        // An earlier attempt may have delivered the SMS. If this attempt fails, the outcome stays
        // "unknown".
        let failed = if doubt { Stage::Unknown } else { Stage::Failed };
        let body = if work.request.kind == Kind::Password {
            &self.password_text
        } else {
            &self.verification_text
        };
        // A later reply is not valid.
        let life = Duration::from_secs(self.times.valid_hours * 3600);
        let sms = Outbound {
            to: &work.phone,
            from: None,
            body,
            life: Some(life),
            holds_code: false,
        };
        // Tidy up at the same time: Twilio takes longer than the table, so nothing waits for it.
        tokio::join!(
            self.deliver(work, &sms, &failed, request, now),
            self.tidy(work, request, now)
        )
        .0
    }

    /// Sends the SMS and stores the outcome.
    async fn deliver(
        &self,
        work: &Work,
        sms: &Outbound<'_>,
        failed: &Stage,
        request: &Request,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        let result = self
            .messages
            .send(sms, now, request.remaining(RESERVE))
            .await;
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
            Err(SendError::NoCredentials(error)) => {
                self.settle(work, failed, request).await;
                return Err(Failure::from(error).into());
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

    /// Every eighth mail removes the old requests of its number, so that few are left. Ids are
    /// hashes, so their first digit is uniform.
    async fn tidy(&self, work: &Work, request: &Request, now: SystemTime) {
        if !work.request.id.starts_with(['0', '1']) {
            return;
        }
        let tidying = pending::tidy(&self.table, &work.phone, now);
        if let Err(error) = Table::within(request.remaining(RESERVE), tidying).await {
            tracing::warn!(%error, "old requests of a number were left");
        }
    }

    /// Claims the mail for this instance, or returns the reply if it must not send. If another
    /// instance is sending the same mail, waits for its result. Returns true if the SMS of an
    /// earlier attempt may have arrived.
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
                // This is our own claim; the answer to its write was lost.
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

    /// Claims a mail whose last attempt failed or has an unknown outcome. Returns false if another
    /// instance was faster. The mail is counted only if it is not counted yet, because a limit
    /// rejected it before.
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
        // A mail that Mailgun signs again is not newer: keep the earliest time.
        let mailed_at = seen
            .number("first_at")
            .map_or(work.request.mailed_at, |first| {
                first.min(work.request.mailed_at)
            });
        let pending = pending::Request {
            mailed_at,
            ..work.request.clone()
        };
        // If the last outcome is unknown, the SMS may have arrived and the person may have replied.
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

    /// The claim is ours. If the budgets do not allow the SMS, everything is undone, and Mailgun's
    /// retry starts anew.
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

    /// Returns the counts if all budgets allow the SMS. Otherwise gives them back and returns the
    /// reply.
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

    /// Stores the outcome; returns whether that worked. If the SMS was certainly not sent, its
    /// pending request is withdrawn.
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

/// One mail on its way to one SMS.
struct Work {
    phone: E164,
    request: pending::Request,
    entry: Entry,
    token: Update,
    /// The name under which the mail is counted.
    name: String,
}

impl Work {
    /// The transaction that claims a mail on its first delivery: its token, its journal entry, its
    /// pending request. It contains no item that two mails share: their transactions would
    /// conflict.
    fn claiming(&self, now: SystemTime) -> Vec<Update> {
        let entry = self.entry.counted_as(&self.name);
        vec![
            self.token.clone(),
            entry.claim(now),
            pending::add(&self.phone, &self.request),
        ]
    }

    /// True if the journal says that the mail was counted under this delivery's name.
    fn is_counted_in(&self, seen: &Item) -> bool {
        seen.text("counted_as") == Some(&self.name)
    }
}

/// Why a claim was rejected: the existing items that its three updates met.
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
    /// The answer to a mail that no other instance is sending and that must not be sent.
    fn answer(&self, work: &Work) -> Reply {
        match (self.token, self.pending) {
            (Some(_), _) => Reply::refused(200, "replayed"),
            (None, Some(seen)) if work.request.is_replaced_in(seen) => {
                Reply::empty(200, "superseded")
            }
            // The earlier SMS did arrive: its request has been used meanwhile.
            (None, _) => Reply::empty(200, "duplicate"),
        }
    }
}

/// True if a post holds the whole mail (`body-mime`) and none of its parts.
fn is_raw(form: &mailgun::Form) -> bool {
    let has = |name| form.all(name).next().is_some();
    has("body-mime") && !has("body-html") && !has("body-plain")
}

/// The SMS is sent, so the answer is 200 even if the outcome was not stored: a retry would send it
/// again.
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
