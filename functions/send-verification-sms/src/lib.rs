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
mod claim;
mod decide;
mod delivery;
mod recipient;
mod tag;
mod user;

/// For the fuzzers.
pub use recipient::Recipient;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use shared::platform::Platform;
use shared::platform::base_url::BaseUrl;
use shared::platform::config::Source;
use shared::platform::reply::{Failure, Reply};
use shared::platform::request::Request;
use shared::platform::runtime::Function;
use shared::platform::secrets::{self, Secret};
use shared::platform::table::{Table, Unavailable};
use shared::rules::link::Kind;
use shared::rules::phone::E164;
use shared::rules::sms::Account;
use shared::rules::words::Words;
use shared::vendors::mailgun::{self, mail::StoredMail};
use shared::vendors::twilio::{self, messages};

use budgets::Limits;
use claim::Work;
use decide::{Decision, Rules};
use tag::RecipientKeys;
use user::Directory;

const FORMS: [&str; 2] = ["application/x-www-form-urlencoded", "multipart/form-data"];
const BODY_LIMIT: usize = 5 * 1024 * 1024;
/// If the URL ends like this, Mailgun posts the whole mail in `body-mime`. The post then lacks the
/// fields that this function reads
/// (<https://documentation.mailgun.com/docs/mailgun/user-manual/receive-forward-store/receive-http>).
const RAW_PATH: &str = "/mime";
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
    /// The sender of each text, for the scoreboard.
    sender: Option<String>,
    /// Where delivery receipts go; `None` if no text asks for one.
    delivery_url: Option<BaseUrl>,
    rules: Rules,
    limits: Limits,
    valid_hours: u64,
    max_age: u64,
    words: Words,
}

impl Function for App {
    /// No fixed time: the lease of a mail limits the time.
    const TIME: Option<Duration> = None;

    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        let sender = messages::Sender::read(source);
        let twilio = Arc::new(platform.secret(source, "TWILIO_SECRET"));
        let recipient = platform.optional_secret(source, "RECIPIENT_KEY_SECRET");
        let has_application = source.optional("AUTH0_SECRET").is_some();
        let mut words = Words::read(platform, source);
        words.fix(source, "REG_SMS_BODY", &words::VERIFICATION_TEXT);
        words.fix(source, "PWD_SMS_BODY", &words::PASSWORD_TEXT);
        words.fix(source, "CORRECT_SMS_RESPONSE", &words::CONFIRM_WORDS);
        Self {
            table: platform.table.clone(),
            twilio: Arc::clone(&twilio),
            mailgun: platform.secret(source, "MAILGUN_SECRET"),
            directory: has_application.then(|| Directory::read(platform, source)),
            rules: Rules::read(source, sender.number.as_ref(), recipient.is_some()),
            recipient,
            sender: sender.name().map(str::to_owned),
            delivery_url: source.optional_base_url("DELIVERY_URL"),
            messages: Account::new(
                messages::Messages::new(sender),
                platform.http.clone(),
                twilio::api(source),
                twilio,
            ),
            limits: Limits::read(source),
            valid_hours: source.number("RESET_VALID_HOURS", 8, 0..=720),
            max_age: source.number("MAX_MAIL_AGE_SECONDS", 32_400, 1..=3_153_600_000),
            words,
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
            self.messages.warm_up(now),
            self.words.for_person(None, None, now)
        );
    }

    async fn flow(&self, request: &Request, now: SystemTime) -> Result<Reply, Reply> {
        let arrived = Instant::now();
        let is_raw_path = request.path() == RAW_PATH;
        let path = if is_raw_path { RAW_PATH } else { "/" };
        request.expect_post(path, &FORMS, BODY_LIMIT)?;
        let form = mailgun::authenticate(request, &self.mailgun, self.max_age, now).await?;
        if is_raw_path || is_raw(&form) {
            return Err(Reply::refused(406, "mime_route"));
        }
        let mail = StoredMail::parse(&form);
        let (phone, tag, link, language) = match decide::decide(&mail, &self.rules) {
            Decision::Text {
                phone,
                tag,
                link,
                language,
            } => (phone, tag, link, language),
            Decision::Refuse { reason, phone } => {
                let reply = Reply::refused(406, reason);
                return Ok(phone.into_iter().fold(reply, |reply, phone| {
                    reply.field("phone", phone.to_string())
                }));
            }
        };
        let (masked, kind) = (phone.to_string(), link.kind);
        let handle = async {
            self.check_tag(&phone, tag, now + arrived.elapsed()).await?;
            let email = mail.recipient.unwrap_or_default();
            let asked_at = now + arrived.elapsed();
            let (checked, texts) = tokio::join!(
                self.check_upstreams(email, kind, request, asked_at),
                self.words
                    .for_person(language.as_deref(), Some(&phone), asked_at)
            );
            checked?;
            // These checks may have taken seconds. Leases count from here.
            let now = now + arrived.elapsed();
            let mail = (&mail, form.token());
            let work = Work::new(self, mail, (phone, &link), &texts, request, now);
            let reply = self.send_once(&work, request, now).await;
            reply.map_err(|error| Failure::from(error).into())
        };
        let reply: Reply = handle.await.unwrap_or_else(|refusal| refusal);
        let kind = match kind {
            Kind::Password => "password",
            Kind::Verification => "verification",
        };
        Ok(reply.field("phone", masked).field("kind", kind))
    }
}

impl App {
    /// Checks the application's tag, if addresses have one.
    async fn check_tag(
        &self,
        phone: &E164,
        presented: Option<&str>,
        now: SystemTime,
    ) -> Result<(), Reply> {
        let (Some(secret), Some(presented)) = (&self.recipient, presented) else {
            return Ok(());
        };
        let fitting = secret.fitting(now, |keys| keys.fit(phone, presented)).await;
        match fitting.map_err(Failure::from)? {
            Some(_) => Ok(()),
            None => Err(Reply::refused(406, "wrong_tag")),
        }
    }

    /// Checks that the mail can be handled: Twilio's credentials are available and, with Auth0
    /// keys, a user waits for such a mail.
    async fn check_upstreams(
        &self,
        email: &str,
        kind: Kind,
        request: &Request,
        now: SystemTime,
    ) -> Result<(), Reply> {
        let user = async {
            match &self.directory {
                Some(directory) => directory.check(email, kind, request, now).await,
                None => Ok(()),
            }
        };
        let (credentials, user) = tokio::join!(self.twilio.get(now), user);
        user?;
        credentials.map_err(Failure::from)?;
        Ok(())
    }
}

/// True if a post holds the whole mail (`body-mime`) and none of its parts.
fn is_raw(form: &mailgun::Form) -> bool {
    let has = |name| form.all(name).next().is_some();
    has("body-mime") && !has("body-html") && !has("body-plain")
}

/// Stores an outcome and then withdraws the request, in the time that is left for the answer.
///
/// The order matters. If only the withdrawal were written, the outcome would be unknown. The next
/// delivery would take the missing request for one that was used, and would send nothing.
async fn closing_writes(
    request: &Request,
    settled: impl Future<Output = Result<(), Unavailable>>,
    withdrawn: impl Future<Output = Result<(), Unavailable>>,
) -> Result<(), Unavailable> {
    let writes = async {
        settled.await?;
        withdrawn.await
    };
    Table::within(request.remaining(Duration::from_millis(200)), writes).await
}
