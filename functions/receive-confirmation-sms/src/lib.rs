//! A text came to our number: if it is the right word, confirm what waits for that phone.
//!
//! Twilio posts the text. It is authenticated, understood (`decide`), and answered with TwiML. Each message is handled once, by
//! its SID: Twilio's retry gets the first answer again. A number's requests are held while one reply acts on them, so two replies
//! never follow a link twice, and a failed attempt leaves the request as it was.
//!
//! Never: a word about what is pending to another number, a confirmation on a status alone, a password link opened (unless the
//! settings ask for it), an answer to a text that opts out.

mod decide;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use shared::auth0::{self, tokens::Tokens, users::Users, users::Verification};
use shared::config::Source;
use shared::http::{BaseUrl, Client};
use shared::limits::{self, Budget, Window};
use shared::link::{self, Confirmation, Kind};
use shared::pending::{self, Held, Hold, confirmed};
use shared::phone::E164;
use shared::platform::Platform;
use shared::reply::{Failure, Reply};
use shared::request::Request;
use shared::runtime::Function;
use shared::secrets::Secret;
use shared::table::{Item, Key, Table, Unavailable, Update, Write, epoch, owner_id, random_below};
use shared::twilio::webhook::{self, InboundSms};
use shared::twilio::{self, twiml};

use decide::{Decision, Known, Said, Words};

const BODY_LIMIT: usize = 1024 * 1024;
const DAY: u64 = 86_400;
/// Twilio waits 15 s for an answer (<https://www.twilio.com/docs/api/errors/11205>); the link has to have answered by then.
const TIME_TO_ANSWER: Duration = Duration::from_secs(12);
/// Kept free for the closing writes and the answer.
const RESERVE: Duration = Duration::from_millis(1_500);
/// A list of requests that fits a few segments.
const LISTED: usize = 8;

/// The function's settings and clients.
pub struct App {
    http: Client,
    table: Table,
    twilio: Secret<twilio::Credentials>,
    public_url: Option<BaseUrl>,
    rules: Rules,
    messages: Texts,
    links: link::Rules,
    tenant: Option<BaseUrl>,
    management: Option<Management>,
}

struct Rules {
    words: Words,
    valid_hours: u64,
    open_password_links: bool,
    by_management: bool,
}

impl Rules {
    fn read(source: &mut Source<'_>) -> Self {
        Self {
            words: Words::read(source),
            valid_hours: source.number("RESET_VALID_HOURS", 8, 0..=720),
            open_password_links: source
                .choice("PASSWORD_ACTION", &[("send-link", false), ("click", true)]),
            by_management: source
                .choice("CONFIRM_WITH", &[("link", false), ("management-api", true)]),
        }
    }
}

struct Texts {
    wrong: String,
    confirmed: String,
    submitted: String,
    retry: String,
    expired: String,
    password_link: String,
}

impl Texts {
    fn read(source: &mut Source<'_>) -> Self {
        let texts = Self {
            wrong: source.message("WRONG_SMS_MESSAGE", "Try again. Reply YES or don't reply"),
            confirmed: source.message(
                "CONFIRMED_SMS_MESSAGE",
                "Thank you. Your account is verified.",
            ),
            submitted: source.message("SUBMITTED_SMS_MESSAGE", "Thank you. You can sign in now."),
            retry: source.message(
                "RETRY_SMS_MESSAGE",
                "Something went wrong on our side. Please reply YES again in a few minutes.",
            ),
            expired: source.message(
                "EXPIRED_SMS_MESSAGE",
                "This request is no longer valid. Please start again.",
            ),
            password_link: source.message(
                "PASSWORD_LINK_MESSAGE",
                "Open this link to choose your password: {link}",
            ),
        };
        if !texts.password_link.contains("{link}")
            || texts.password_link.chars().count() > 1600 - link::LONGEST
        {
            source.problem("PASSWORD_LINK_MESSAGE must contain {link}, where the link goes, and at most 600 characters");
        }
        texts
    }
}

/// The users of the tenant, if the `auth0` secret names an application to ask with.
struct Management {
    application: Secret<auth0::Application>,
    users: Users,
}

impl Management {
    fn read(platform: &Platform, source: &mut Source<'_>, base: BaseUrl) -> Self {
        let (http, audience) = (platform.http.clone(), Users::audience(&base));
        let secret = Arc::new(platform.secret(source, "AUTH0_SECRET"));
        let tokens = Tokens::new(http.clone(), base.clone(), audience, secret, None);
        Self {
            application: platform.secret(source, "AUTH0_SECRET"),
            users: Users::new(http, base, tokens),
        }
    }
}

impl Function for App {
    /// A message's turn has an end of its own.
    const TIME: Option<Duration> = None;

    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        let rules = Rules::read(source);
        let links = link::Rules::read(source);
        platform.http.public_only(links.public_hosts());
        let tenant = if rules.by_management {
            Some(source.base_url("AUTH0_URL", None))
        } else {
            source.optional_base_url("AUTH0_URL")
        };
        let has_application = rules.by_management || source.optional("AUTH0_SECRET").is_some();
        let managed = tenant.clone().filter(|_| has_application);
        Self {
            http: platform.http.clone(),
            table: platform.table.clone(),
            twilio: platform.secret(source, "TWILIO_SECRET"),
            public_url: webhook::public_url(source),
            rules,
            messages: Texts::read(source),
            links,
            tenant,
            management: managed.map(|base| Management::read(platform, source, base)),
        }
    }

    async fn warm_up(&self, platform: &Platform, now: SystemTime) {
        let _met_again = tokio::join!(
            self.twilio.get(now),
            platform.warm_up(1),
            platform.http.warm_up(self.tenant.as_ref())
        );
    }

    async fn flow(&self, request: &Request, now: SystemTime) -> Result<Reply, Reply> {
        let arrived = Instant::now();
        request.expect_post("/", &webhook::FORMS, BODY_LIMIT)?;
        let form =
            webhook::authenticate(request, self.public_url.as_ref(), &self.twilio, now).await?;
        let sms = InboundSms::parse(&form)?;
        // Short codes, names, other channels, and ourselves: an answer could only start a loop.
        let Some(phone) = sms
            .from
            .clone()
            .filter(|from| sms.to.as_ref() != Some(from))
        else {
            return Ok(twiml::Response::new()
                .into_reply("sender_not_answered")
                .field("sid", sms.sid));
        };
        let said = match (
            sms.opt_out_type.as_deref(),
            decide::understand(&sms.body, &self.rules.words),
        ) {
            (None, said) | (Some("START"), said @ Said::Word { .. }) => said,
            (Some("STOP"), _) => Said::Stop,
            // Twilio has answered; it takes nothing away.
            _ => {
                return Ok(twiml::Response::new()
                    .into_reply("opt_out_keyword")
                    .field("sid", sms.sid));
            }
        };
        // Fetching the token may have taken seconds: Twilio has waited for them, and leases count from here.
        let (started, now) = (Instant::now(), now + arrived.elapsed());
        let deadline =
            (arrived + TIME_TO_ANSWER).min(started + request.remaining(Duration::from_millis(500)));
        let key = Key::new(
            format!("seen#twilio-confirmation#{}", sms.sid),
            sms.fingerprint(),
        );
        let turn = Turn {
            key,
            phone: &phone,
            owner: owner_id(),
            started,
            deadline,
            now,
        };
        let reply = match self.answer(&said, &turn).await {
            Ok(reply) | Err(reply) => reply,
        };
        Ok(reply
            .field("phone", phone.to_string())
            .field("sid", sms.sid))
    }
}

impl App {
    /// Waits for this message's turn, acts, and remembers the answer.
    async fn answer(&self, said: &Said, turn: &Turn<'_>) -> Result<Reply, Reply> {
        let (mut held, bound) = match self.begin(turn).await? {
            Begun::Answered(text) => return Ok(reply(&text, "repeated")),
            Begun::Ours { held, bound } => (held, bound),
        };
        let past = match self.past(said, held.as_ref(), turn).await {
            Ok(past) => past,
            Err(error) => return Err(self.abandon(turn, held, error).await),
        };
        let mut outcome = self
            .act(said, held.as_mut(), past, bound.as_deref(), turn)
            .await;
        if outcome.word == "wrong_reply" {
            match self.count_wrong(said, turn).await {
                Ok(true) => {}
                Ok(false) => outcome = Outcome::silent("wrong_reply_ignored"),
                Err(error) => return Err(self.abandon(turn, held, error).await),
            }
        }
        let closing = self.close(held, turn, &outcome);
        if let Err(error) = Table::within(turn.to_close(), closing).await {
            // What was confirmed is confirmed, and the person should know; anything else Twilio may ask for again.
            if !outcome.is_confirmed() {
                return Err(self.abandon(turn, None, error).await);
            }
            tracing::error!(%error, "confirmed, but a closing write failed");
        }
        Ok(outcome.into_reply())
    }

    /// Reads what else can matter to this reply: most need nothing.
    async fn past(
        &self,
        said: &Said,
        held: Option<&Held>,
        turn: &Turn<'_>,
    ) -> Result<Past, Unavailable> {
        let requests = held.map_or(&[][..], |held| &held.requests[..]);
        let confirmed = async {
            if !decide::needs_the_past(said, requests, self.rules.valid_hours, turn.now) {
                return Ok(None);
            }
            self.table.get(confirmed::key(turn.phone), turn.now).await
        };
        let wrong_codes = async {
            if !matches!(said, Said::Word { code: Some(_) }) {
                return Ok(None);
            }
            self.table.get(turn.budget("guess").item(), turn.now).await
        };
        let work = async { Ok(tokio::join!(confirmed, wrong_codes)) };
        let (confirmed, wrong_codes) = Table::within(turn.left(), work).await?;
        Ok(Past {
            submitted: confirmed
                .as_ref()
                .is_ok_and(|item| item.as_ref().is_some_and(confirmed::was_submitted)),
            confirmed: confirmed?.as_ref().and_then(confirmed::read),
            wrong_codes: wrong_codes?.map_or(0, |item| limits::used(&item, Window::Day, turn.now)),
        })
    }

    /// Counts a wrong reply; whether it is still answered, after those of the last 24 hours.
    async fn count_wrong(&self, said: &Said, turn: &Turn<'_>) -> Result<bool, Unavailable> {
        let count = async |what| turn.budget(what).take(&self.table, turn.now).await;
        let code = async {
            match said {
                Said::Word { .. } => count("guess").await.map(drop),
                _ => Ok(()),
            }
        };
        let (answered, counted) = tokio::join!(count("wrong"), code);
        counted?;
        Ok(answered?.is_ok())
    }

    /// Writes down the answer and what became of the requests, in the order in which nothing is lost between the two: an answer
    /// is there before the request it uses up is gone, but the codes it lists, and the end of all requests, before the answer.
    async fn close(
        &self,
        mut held: Option<Held>,
        turn: &Turn<'_>,
        outcome: &Outcome,
    ) -> Result<(), Unavailable> {
        if matches!(outcome.word, "listed" | "cancelled") {
            self.release(held).await?;
            return self.finish(turn, outcome).await;
        }
        let remember = async {
            if !outcome.is_confirmed() {
                return Ok(());
            }
            let submitted = outcome.word == "submitted";
            self.table
                .update(confirmed::remember(
                    turn.phone,
                    outcome.code.as_deref(),
                    submitted,
                    turn.now,
                ))
                .await
                .map(drop)
        };
        let (remembered, finished) = tokio::join!(remember, self.finish(turn, outcome));
        let answered = remembered.and(finished);
        if let (Err(_), Some(held)) = (&answered, &mut held)
            && !outcome.is_confirmed()
        {
            held.keep_all();
        }
        let released = self.release(held).await;
        answered.and(released)
    }

    async fn release(&self, held: Option<Held>) -> Result<(), Unavailable> {
        match held {
            Some(held) => held.release(&self.table).await,
            None => Ok(()),
        }
    }

    /// Gives up because of `error`, and lets Twilio's retry begin at once, as far as the table allows, not only when our leases end.
    async fn abandon(&self, turn: &Turn<'_>, held: Option<Held>, error: Unavailable) -> Reply {
        let unclaim = Update::new(turn.key.clone())
            .set("lease_until", 0)
            .only_if("owner_id = :me AND attribute_not_exists(answer)")
            .bind(":me", turn.owner.as_str());
        let work = async { tokio::join!(self.release(held), self.table.update(unclaim)) };
        let _leases_end_anyway = tokio::time::timeout(RESERVE, work).await;
        Failure::from(error).into()
    }

    async fn begin(&self, turn: &Turn<'_>) -> Result<Begun, Reply> {
        loop {
            let clock = turn.now + turn.started.elapsed();
            // Both terms are rounded down; the leases must not end before we do.
            let lease_until = epoch(clock)
                + turn
                    .deadline
                    .saturating_duration_since(Instant::now())
                    .as_secs()
                + 2;
            let (message, requests) = tokio::join!(
                self.table.update(turn.claim(lease_until, clock)),
                pending::hold(&self.table, turn.phone, &turn.owner, lease_until, clock),
            );
            let (message, requests) = match (message, requests) {
                (Ok(message), Ok(requests)) => (message, requests),
                (Err(error), Ok(Hold::Held(held))) => {
                    return Err(self.abandon(turn, Some(held), error).await);
                }
                (Err(error), _) | (_, Err(error)) => {
                    return Err(self.abandon(turn, None, error).await);
                }
            };
            match (&message, requests) {
                (Write::Done(item), Hold::Held(held)) => return Ok(Begun::ours(Some(held), item)),
                (Write::Done(item), Hold::Nothing) => return Ok(Begun::ours(None, item)),
                (Write::Refused(_), Hold::Held(held)) => {
                    held.release(&self.table).await.map_err(Failure::from)?;
                }
                (_, Hold::Busy) | (Write::Refused(_), Hold::Nothing) => {}
            }
            if let Write::Refused(item) = &message
                && let Some(text) = item.text("answer")
            {
                if item.text("kept").is_none() {
                    return Ok(Begun::Answered(text.to_owned()));
                }
                let kept = self
                    .table
                    .get(turn.kept_key(), turn.now)
                    .await
                    .map_err(Failure::from)?;
                return Ok(Begun::Answered(
                    kept.as_ref()
                        .and_then(|item| item.text("text"))
                        .unwrap_or_default()
                        .to_owned(),
                ));
            }
            if turn.left().is_zero() {
                return Err(Reply::empty(503, "in_progress"));
            }
            tokio::time::sleep(Duration::from_millis(60 + random_below(60))).await;
        }
    }

    async fn finish(&self, turn: &Turn<'_>, outcome: &Outcome) -> Result<(), Unavailable> {
        let update = Update::new(turn.key.clone())
            .only_if("owner_id = :me")
            .bind(":me", turn.owner.as_str());
        let update = match (outcome.word, &outcome.tried) {
            // Nothing came of it: if Twilio asks again, it is tried again, but for no other request.
            ("unclear", Some(request)) => update
                .set("lease_until", 0)
                .set("request", request.as_str()),
            ("unclear", None) => update.set("lease_until", 0),
            // A link is kept apart, no longer than Twilio could ask for it again; that there was an answer, as long as ever.
            ("password_link", _) => {
                let kept = Update::new(turn.kept_key())
                    .set("text", outcome.text.as_str())
                    .set("expires_at", epoch(turn.now) + DAY);
                self.table.update(kept).await?;
                update.set("answer", "").set("kept", "link")
            }
            _ => update.set("answer", outcome.text.as_str()),
        };
        self.table.update(update).await.map(drop)
    }

    async fn act(
        &self,
        said: &Said,
        held: Option<&mut Held>,
        past: Past,
        bound: Option<&str>,
        turn: &Turn<'_>,
    ) -> Outcome {
        let requests = held.as_ref().map_or(&[][..], |held| &held.requests[..]);
        let Past {
            submitted,
            confirmed,
            wrong_codes,
        } = past;
        let before = if submitted {
            &self.messages.submitted
        } else {
            &self.messages.confirmed
        };
        let known = Known {
            requests,
            wrong_codes,
            confirmed,
            valid_hours: self.rules.valid_hours,
        };
        let decision = match decide::decide(said, &known, turn.now) {
            // This very message was for another request, which did not work out: it never meant this one.
            Decision::Act(id) if bound.is_some_and(|bound| bound != id) => {
                Decision::Silence("repeated")
            }
            decision => decision,
        };
        let Some(held) = held else {
            return match decision {
                Decision::Repeat => Outcome::new("confirmed_before", before),
                Decision::Silence(word) => Outcome::silent(word),
                _ => Outcome::silent("nothing_pending"),
            };
        };
        match decision {
            Decision::Silence(word) => Outcome::silent(word),
            Decision::Repeat => Outcome::new("confirmed_before", before),
            Decision::Cancel => {
                held.remove_all();
                Outcome::silent("cancelled")
            }
            Decision::Wrong => Outcome::new("wrong_reply", &self.messages.wrong),
            Decision::Expired(ids) => {
                for id in &ids {
                    held.remove(id);
                }
                Outcome::new("expired", &self.messages.expired)
            }
            Decision::List => {
                let known = Known {
                    requests: &held.requests,
                    wrong_codes: 0,
                    confirmed: None,
                    valid_hours: self.rules.valid_hours,
                };
                let valid: Vec<&pending::Request> = known.valid(turn.now).collect();
                // The newest: what a person asked for last is what they mean, if they cannot be told all.
                let listed =
                    decide::codes(&valid[valid.len().saturating_sub(LISTED)..], random_below);
                let text = self.list(&listed, turn.now);
                for request in listed {
                    held.rewrite(request);
                }
                Outcome::new("listed", &text)
            }
            Decision::Act(id) => match held
                .requests
                .iter()
                .find(|request| request.id == id)
                .cloned()
            {
                Some(request) => self.confirm(&request, held, turn).await,
                None => Outcome::new("unclear", &self.messages.retry),
            },
        }
    }

    /// Confirms a request, or hands its link over; uses it up unless it may be tried again.
    async fn confirm(
        &self,
        request: &pending::Request,
        held: &mut Held,
        turn: &Turn<'_>,
    ) -> Outcome {
        // The rules may have been tightened since it was stored.
        let Some(link) = self.links.judge(&request.link, None) else {
            held.remove(&request.id);
            return Outcome::new("link_no_longer_allowed", &self.messages.expired);
        };
        if request.kind == Kind::Password && !self.rules.open_password_links {
            held.remove(&request.id);
            return Outcome::new(
                "password_link",
                &self.messages.password_link.replace("{link}", link.reveal()),
            );
        }
        let confirmation = match &self.management {
            Some(Management { users, .. })
                if self.rules.by_management && request.kind == Kind::Verification =>
            {
                by_management(users, &request.email, turn).await
            }
            management => {
                self.by_link(&link, management.as_ref(), &request.email, turn)
                    .await
            }
        };
        match confirmation {
            Confirmation::Confirmed => {
                held.remove(&request.id);
                Outcome {
                    code: request.code.clone(),
                    ..Outcome::new("confirmed", &self.messages.confirmed)
                }
            }
            Confirmation::Submitted => {
                held.remove(&request.id);
                Outcome {
                    code: request.code.clone(),
                    ..Outcome::new("submitted", &self.messages.submitted)
                }
            }
            Confirmation::Refused => {
                held.remove(&request.id);
                Outcome::new("link_refused", &self.messages.expired)
            }
            Confirmation::Unclear(why) => Outcome {
                tried: Some(request.id.clone()),
                error: Some(why),
                ..Outcome::new("unclear", &self.messages.retry)
            },
        }
    }

    /// Follows a link. Where that did not end in a clear success, the user's record is asked, if we may read it: an earlier attempt
    /// whose answer was lost has used the link up, and the person should hear the truth.
    async fn by_link(
        &self,
        link: &link::Link,
        management: Option<&Management>,
        email: &str,
        turn: &Turn<'_>,
    ) -> Confirmation {
        let followed = link::confirm(&self.http, link, Instant::now() + turn.left()).await;
        let unsaid = |why: &str| Confirmation::Unclear(why.to_owned());
        if link.kind == Kind::Password {
            let submitted = followed == Confirmation::Submitted;
            return if submitted {
                unsaid("an answer that does not tell whether it succeeded")
            } else {
                followed
            };
        }
        let Some(Management { application, users }) =
            management.filter(|_| followed != Confirmation::Confirmed)
        else {
            return followed;
        };
        let asked = async {
            match application.get(turn.now).await {
                Ok(application) if !application.is_given => None,
                Ok(_) => Some(users.is_verified(email, turn.now).await.ok()),
                Err(_) => Some(None),
            }
        };
        match (
            tokio::time::timeout(turn.left(), asked)
                .await
                .unwrap_or(Some(None)),
            followed,
        ) {
            (Some(Some(true)), _) => Confirmation::Confirmed,
            // Whoever can ask says nothing that is not so.
            (Some(_), Confirmation::Submitted) => {
                unsaid("the form was answered by a page, and the record does not say verified")
            }
            (_, followed) => followed,
        }
    }

    fn list(&self, requests: &[pending::Request], now: SystemTime) -> String {
        let mut text = "Several requests are waiting for you.".to_owned();
        for request in requests {
            let kind = if request.kind == Kind::Password {
                "password change"
            } else {
                "account verification"
            };
            let code = request.code.as_deref().unwrap_or_default();
            let age = age(epoch(now).saturating_sub(request.created_at));
            let _infallible = write!(
                text,
                "\nReply {} {code} for {kind} ({age})",
                self.rules.words.shown
            );
        }
        text
    }
}

async fn by_management(users: &Users, email: &str, turn: &Turn<'_>) -> Confirmation {
    match tokio::time::timeout(turn.left(), users.verify_email(email, turn.now)).await {
        Ok(Ok(Verification::Verified)) => Confirmation::Confirmed,
        Ok(Ok(Verification::NoUser)) => Confirmation::Refused,
        Ok(Ok(Verification::Several)) => {
            Confirmation::Unclear("several users have this address".to_owned())
        }
        Ok(Err(error)) => Confirmation::Unclear(error.to_string()),
        Err(_) => Confirmation::Unclear("no answer in time".to_owned()),
    }
}

fn age(seconds: u64) -> String {
    let counted = |number: u64, unit: &str| {
        format!("{number} {unit}{} ago", if number == 1 { "" } else { "s" })
    };
    match seconds {
        0..60 => "just now".to_owned(),
        60..3600 => counted(seconds / 60, "minute"),
        _ => counted(seconds / 3600, "hour"),
    }
}

/// One message being answered.
struct Turn<'a> {
    key: Key,
    phone: &'a E164,
    owner: String,
    started: Instant,
    deadline: Instant,
    now: SystemTime,
}

impl Turn<'_> {
    /// Ours if nobody answered this message, or is about to.
    fn claim(&self, lease_until: u64, clock: SystemTime) -> Update {
        Update::new(self.key.clone())
            .set("owner_id", self.owner.as_str())
            .set("lease_until", lease_until)
            .set("expires_at", epoch(clock) + 7 * DAY)
            .only_if(
                "attribute_not_exists(pk) OR expires_at <= :now \
                 OR (attribute_not_exists(answer) AND (lease_until <= :now OR owner_id = :me))",
            )
            .bind(":now", epoch(clock))
            .bind(":me", self.owner.as_str())
    }

    /// How many replies of a kind count in a day.
    fn budget(&self, what: &str) -> Budget {
        Budget::new(
            &format!("reply#{what}"),
            self.phone.reveal(),
            decide::WRONG_PER_DAY,
            Window::Day,
        )
    }

    /// Where the text of an answer with a link is kept.
    fn kept_key(&self) -> Key {
        Key::new(self.key.pk.clone(), format!("{}#link", self.key.sk))
    }

    /// Time for acting.
    fn left(&self) -> Duration {
        self.deadline
            .saturating_duration_since(Instant::now())
            .saturating_sub(RESERVE)
    }

    /// Time for writing down what came of it.
    fn to_close(&self) -> Duration {
        self.deadline
            .saturating_duration_since(Instant::now())
            .max(Duration::from_millis(500))
    }
}

enum Begun {
    /// This message was answered before, with this text.
    Answered(String),
    /// We answer it.
    Ours {
        /// The number's requests, if it has any, held by us.
        held: Option<Held>,
        /// The one request that an earlier attempt at this message tried in vain.
        bound: Option<String>,
    },
}

impl Begun {
    fn ours(held: Option<Held>, message: &Item) -> Self {
        Self::Ours {
            held,
            bound: message.text("request").map(str::to_owned),
        }
    }
}

/// What is known beyond the requests themselves.
struct Past {
    /// Whether what was confirmed last was only submitted.
    submitted: bool,
    confirmed: Option<(u64, Option<String>)>,
    wrong_codes: u64,
}

/// How a message is answered.
struct Outcome {
    word: &'static str,
    /// Empty for no answer.
    text: String,
    /// The code that something was confirmed with, if any.
    code: Option<String>,
    /// The request that was tried in vain, if any.
    tried: Option<String>,
    error: Option<String>,
}

impl Outcome {
    fn new(word: &'static str, text: &str) -> Self {
        Self {
            word,
            text: text.to_owned(),
            code: None,
            tried: None,
            error: None,
        }
    }

    fn silent(word: &'static str) -> Self {
        Self::new(word, "")
    }

    /// Whether a request was used up for good just now.
    fn is_confirmed(&self) -> bool {
        matches!(self.word, "confirmed" | "submitted")
    }

    fn into_reply(self) -> Reply {
        let mut reply = reply(&self.text, self.word);
        if self.word == "confirmed" {
            reply = reply.metric("Confirmed", 1);
        }
        match self.error {
            Some(error) => reply.field("error", error),
            None => reply,
        }
    }
}

fn reply(text: &str, outcome: &'static str) -> Reply {
    let response = twiml::Response::new();
    if text.is_empty() {
        response
    } else {
        response.message(text)
    }
    .into_reply(outcome)
}
