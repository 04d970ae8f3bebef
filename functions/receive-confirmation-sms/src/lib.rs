//! Handles an SMS to our number. The right word confirms the request that waits for the sender's
//! phone.
//!
//! Twilio posts the message. The flow:
//!
//! 1. Check Twilio's signature.
//! 2. Understand the message (`decide`): a word that confirms, STOP, or anything else.
//! 3. Claim the message and hold the number's requests.
//! 4. Act: confirm the request, or send its password link to the phone.
//! 5. Store the answer, and answer with TwiML.
//!
//! Each message is handled once, by its SID. Twilio's retry gets the first answer again. While one
//! reply holds a number's requests, a second reply waits. So a link is never followed twice by two
//! replies. A failed attempt leaves the request as it was.
//!
//! A message is no answer to a request that was stored after the message had come. And the table
//! knows which request a message confirms before its link is followed: if the answer is then not
//! stored, Twilio's retry confirms no other.
//!
//! Promises: another number learns nothing about pending requests. An HTTP status alone confirms
//! nothing. A password link is not opened, unless the settings ask for it. A message that opts out
//! gets no answer.

mod confirm;
mod decide;
mod intent;
mod message;
mod outcome;
mod texts;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use shared::platform::Platform;
use shared::platform::base_url::BaseUrl;
use shared::platform::config::Source;
use shared::platform::http::Client;
use shared::platform::random::random_below;
use shared::platform::reply::Reply;
use shared::platform::request::Request;
use shared::platform::runtime::Function;
use shared::platform::secrets::Secret;
use shared::platform::table::{Key, Table, Unavailable};
use shared::rules::limits::{self, Window};
use shared::rules::link;
use shared::rules::pending::{Held, confirmed};
use shared::rules::words::Words;
use shared::vendors::auth0::{self, tokens::Tokens, users::Users};
use shared::vendors::twilio::webhook::{self, InboundSms};
use shared::vendors::twilio::{self, twiml};
use tokio::time::Instant;

use decide::{Decision, History, LastConfirmation, Requests};
use intent::{Confirming, Intent};
use message::{Handling, MessageClaim, Step};
use outcome::{Outcome, Silence};

const BODY_LIMIT: usize = 1024 * 1024;
const DAY: u64 = 86_400;
/// The longest list of requests. It fits into a few segments.
const LISTED: usize = 8;

/// The function's settings and clients.
pub struct App {
    http: Client,
    table: Table,
    twilio: Secret<twilio::Credentials>,
    public_url: Option<BaseUrl>,
    words: Words,
    valid_hours: u64,
    open_password_links: bool,
    by_management: bool,
    links: link::Rules,
    tenant: Option<BaseUrl>,
    management: Option<Management>,
}

/// The tenant's users, if the `auth0` secret names an application to ask with.
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
    /// No fixed time: the deadline of a message limits the time.
    const TIME: Option<Duration> = None;

    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        let by_management =
            source.choice("CONFIRM_WITH", &[("link", false), ("management-api", true)]);
        let links = link::Rules::read(source);
        platform.http.public_only(links.public_hosts());
        let tenant = if by_management {
            Some(source.base_url("AUTH0_URL", None))
        } else {
            source.optional_base_url("AUTH0_URL")
        };
        let has_application = by_management || source.optional("AUTH0_SECRET").is_some();
        let managed = tenant.clone().filter(|_| has_application);
        Self {
            http: platform.http.clone(),
            table: platform.table.clone(),
            twilio: platform.secret(source, "TWILIO_SECRET"),
            public_url: webhook::public_url(source),
            words: texts::read(platform, source),
            valid_hours: source.number("RESET_VALID_HOURS", 8, 0..=720),
            open_password_links: source
                .choice("PASSWORD_ACTION", &[("send-link", false), ("click", true)]),
            by_management,
            links,
            tenant,
            management: managed.map(|base| Management::read(platform, source, base)),
        }
    }

    async fn warm_up(&self, platform: &Platform, now: SystemTime) {
        // A failure shows again on the first request.
        let _ = tokio::join!(
            self.twilio.get(now),
            platform.warm_up(1),
            platform.http.warm_up(self.tenant.as_ref()),
            self.words.confirming(now)
        );
    }

    async fn flow(&self, request: &Request, now: SystemTime) -> Result<Reply, Reply> {
        let arrived = Instant::now();
        request.expect_post("/", &webhook::FORMS, BODY_LIMIT)?;
        let form =
            webhook::authenticate(request, self.public_url.as_ref(), &self.twilio, now).await?;
        let sms = InboundSms::parse(&form)?;
        let silence = |outcome| twiml::Response::new().into_reply(outcome);
        // Do not answer short codes, alphanumeric senders, other channels or our own number: an
        // answer could start a loop.
        let Some(phone) = sms
            .from
            .as_ref()
            .filter(|from| sms.to.as_ref() != Some(*from))
        else {
            return Ok(silence("sender_not_answered").field("sid", sms.sid));
        };
        let confirming = self.words.confirming(now + arrived.elapsed()).await;
        let intent = intent::understand(&sms.body, &Confirming::new(&confirming));
        let intent = match (sms.opt_out_type.as_deref(), intent) {
            (None, intent) | (Some("START"), intent @ Intent::Confirm { .. }) => intent,
            (Some("STOP"), _) => Intent::OptOut,
            // Twilio has answered this keyword. It cancels nothing.
            _ => return Ok(silence("opt_out_keyword").field("sid", sms.sid)),
        };
        // Fetching the token may have taken seconds, and Twilio is waiting. The deadline counts
        // from the arrival, leases from here.
        let now = now + arrived.elapsed();
        let handling = Handling::new(&sms, phone, arrived, request, now);
        let reply = self.answer(&intent, &handling).await;
        let reply = reply.unwrap_or_else(|failure| failure);
        Ok(reply
            .field("phone", phone.to_string())
            .field("sid", sms.sid))
    }
}

impl App {
    /// Claims the message, acts, and stores the answer.
    async fn answer(&self, intent: &Intent, handling: &Handling<'_>) -> Result<Reply, Reply> {
        let (mut held, has_asked) = match self.claim(handling).await? {
            MessageClaim::AlreadyAnswered(text) => return Ok(outcome::reply(&text, "repeated")),
            MessageClaim::Claimed {
                requests,
                has_asked,
            } => (requests, has_asked),
        };
        let newest = held.as_ref().and_then(|held| held.requests.last());
        let language = newest.and_then(|request| request.language.clone());
        let outcome = self.act(intent, held.as_mut(), has_asked, handling);
        let outcome = match outcome.await {
            Ok(outcome) => outcome,
            Err(error) => return Err(self.abandon(handling, held, error).await),
        };
        let language = outcome.language().or(language.as_deref());
        let texts = self
            .words
            .for_person(language, Some(handling.phone), handling.now);
        let answer = outcome.answer(&texts.await, handling.now);
        let closing = self.close(held, handling, &outcome, &answer);
        if let Err(error) = Table::within(handling.to_close(), closing).await {
            // If a request is confirmed, the person should know. In all other cases Twilio may
            // retry.
            if !outcome.is_confirmed() {
                return Err(self.abandon(handling, None, error).await);
            }
            tracing::error!(%error, "confirmed, but a closing write failed");
        }
        Ok(outcome.into_reply(&answer))
    }

    async fn act(
        &self,
        intent: &Intent,
        held: Option<&mut Held>,
        has_asked: bool,
        handling: &Handling<'_>,
    ) -> Result<Outcome, Unavailable> {
        let requests = Requests {
            all: held.as_ref().map_or(&[], |held| &held.requests),
            valid_hours: self.valid_hours,
            now: handling.now,
        };
        let history = self.history(intent, requests, handling).await?;
        let decision = match decide::decide(intent, requests, &history) {
            // Several requests waited when the message came. It chose none of them.
            Decision::Act(_) if has_asked => Decision::List,
            decision => decision,
        };
        match self.apply(decision, held, &history, handling).await? {
            Outcome::Wrong if !self.count_wrong(intent, handling).await? => {
                Ok(Outcome::Silent(Silence::WrongReplyIgnored))
            }
            outcome => Ok(outcome),
        }
    }

    /// Reads what else this reply depends on. Most replies need nothing.
    async fn history(
        &self,
        intent: &Intent,
        requests: Requests<'_>,
        handling: &Handling<'_>,
    ) -> Result<History, Unavailable> {
        let has_code = matches!(intent, Intent::Confirm { code: Some(_) });
        let needs_confirmed = decide::needs_last_confirmation(intent, requests);
        let get = async |is_needed: bool, key: Key| {
            if is_needed {
                self.table.get(key, handling.now).await
            } else {
                Ok(None)
            }
        };
        let work = async {
            let (confirmed, wrong_codes) = tokio::join!(
                get(needs_confirmed, confirmed::key(handling.phone)),
                get(has_code, handling.budget("guess").item()),
            );
            Ok((confirmed?, wrong_codes?))
        };
        let (confirmed, wrong_codes) = Table::within(handling.left(), work).await?;
        let used = |item| limits::used(&item, Window::Day, handling.now);
        Ok(History {
            wrong_codes: wrong_codes.map_or(0, used),
            confirmed: confirmed.as_ref().and_then(LastConfirmation::from_item),
        })
    }

    /// Counts a wrong reply. Returns false if the number has had too many in the last 24 hours:
    /// then it gets no answer.
    async fn count_wrong(
        &self,
        intent: &Intent,
        handling: &Handling<'_>,
    ) -> Result<bool, Unavailable> {
        let count = async |what| handling.budget(what).take(&self.table, handling.now).await;
        let code = async {
            match intent {
                Intent::Confirm { .. } => count("guess").await.map(drop),
                _ => Ok(()),
            }
        };
        let (answered, counted) = tokio::join!(count("wrong"), code);
        counted?;
        Ok(answered?.is_ok())
    }

    async fn apply(
        &self,
        decision: Decision,
        held: Option<&mut Held>,
        history: &History,
        handling: &Handling<'_>,
    ) -> Result<Outcome, Unavailable> {
        Ok(match (decision, held) {
            (Decision::Silence(why), _) => Outcome::Silent(why),
            (Decision::Repeat, _) => Outcome::ConfirmedBefore {
                is_submitted: history.confirmed.iter().any(|last| last.is_submitted),
                language: history
                    .confirmed
                    .as_ref()
                    .and_then(|last| last.language.clone()),
            },
            (_, None) => Outcome::Silent(Silence::NothingPending),
            (Decision::Wrong, _) => Outcome::Wrong,
            (Decision::Cancel, Some(held)) => {
                held.remove_all();
                Outcome::Cancelled
            }
            (Decision::Expired(ids), Some(held)) => {
                for id in &ids {
                    held.remove(id);
                }
                Outcome::Expired
            }
            (Decision::List, Some(held)) => {
                self.begin(Step::Ask, handling).await?;
                self.list(held, handling.now)
            }
            (Decision::Act(id), Some(held)) => {
                let Some(request) = held.requests.iter().find(|request| request.id == id) else {
                    return Ok(Outcome::Silent(Silence::NothingPending));
                };
                self.begin(Step::Act(&id), handling).await?;
                let outcome = self.confirm(request.clone(), handling).await;
                // The request is used, unless the person may try again.
                if !matches!(outcome, Outcome::Unclear { .. }) {
                    held.remove(&id);
                }
                outcome
            }
        })
    }

    /// Lists the valid requests, each with a code. If there are too many for one list, it shows the
    /// newest: people mean the request that they made last.
    fn list(&self, held: &mut Held, now: SystemTime) -> Outcome {
        let requests = Requests {
            all: &held.requests,
            valid_hours: self.valid_hours,
            now,
        };
        let valid = requests.valid();
        let newest = &valid[valid.len().saturating_sub(LISTED)..];
        let requests = decide::codes(newest, random_below);
        for request in requests.clone() {
            held.rewrite(request);
        }
        Outcome::Listed { requests }
    }
}
