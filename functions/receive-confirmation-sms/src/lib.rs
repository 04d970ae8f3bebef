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
//! Promises: another number learns nothing about pending requests. An HTTP status alone confirms
//! nothing. A password link is not opened, unless the settings ask for it. A message that opts out
//! gets no answer.

mod confirm;
mod decide;
mod message;
mod outcome;
mod texts;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use shared::platform::Platform;
use shared::platform::config::Source;
use shared::platform::http::{BaseUrl, Client};
use shared::platform::reply::Reply;
use shared::platform::request::Request;
use shared::platform::runtime::Function;
use shared::platform::secrets::Secret;
use shared::platform::table::{Key, Table, Unavailable, owner_id, random_below};
use shared::rules::limits::{self, Window};
use shared::rules::link;
use shared::rules::pending::{self, Held, confirmed};
use shared::vendors::auth0::{self, tokens::Tokens, users::Users};
use shared::vendors::twilio::webhook::{self, InboundSms};
use shared::vendors::twilio::{self, twiml};

use decide::{Decision, Known, Said, Words};
use message::{Begun, Turn};
use outcome::{Outcome, Silence};
use texts::Texts;

const BODY_LIMIT: usize = 1024 * 1024;
const DAY: u64 = 86_400;
/// Twilio waits 15 s for an answer (<https://www.twilio.com/docs/api/errors/11205>). The link must
/// have answered before that.
const TIME_TO_ANSWER: Duration = Duration::from_secs(12);
/// Time kept free for the closing writes and the answer.
const RESERVE: Duration = Duration::from_millis(1_500);
/// The longest list of requests. It fits into a few segments.
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
    /// No fixed time: the deadline of a message's turn limits the time.
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
        // A failure shows again on the first request.
        let _ = tokio::join!(
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
        // Do not answer short codes, alphanumeric senders, other channels or our own number: an
        // answer could start a loop.
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
            // Twilio has answered this keyword. It cancels nothing.
            _ => {
                return Ok(twiml::Response::new()
                    .into_reply("opt_out_keyword")
                    .field("sid", sms.sid));
            }
        };
        // Fetching the token may have taken seconds, and Twilio is waiting. The deadline counts
        // from the arrival, leases from here.
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
    /// Waits for this message's turn, acts, and stores the answer.
    async fn answer(&self, said: &Said, turn: &Turn<'_>) -> Result<Reply, Reply> {
        let (mut held, bound) = match self.begin(turn).await? {
            Begun::Answered(text) => return Ok(outcome::reply(&text, "repeated")),
            Begun::Ours { held, bound } => (held, bound),
        };
        let past = match self.past(said, held.as_ref(), turn).await {
            Ok(past) => past,
            Err(error) => return Err(self.abandon(turn, held, error).await),
        };
        let mut outcome = self
            .act(said, held.as_mut(), past, bound.as_deref(), turn)
            .await;
        if matches!(outcome, Outcome::Wrong) {
            match self.count_wrong(said, turn).await {
                Ok(true) => {}
                Ok(false) => outcome = Outcome::Silent(Silence::WrongReplyIgnored),
                Err(error) => return Err(self.abandon(turn, held, error).await),
            }
        }
        let closing = self.close(held, turn, &outcome);
        if let Err(error) = Table::within(turn.to_close(), closing).await {
            // If a request is confirmed, the person should know. In all other cases Twilio may
            // retry.
            if !outcome.is_confirmed() {
                return Err(self.abandon(turn, None, error).await);
            }
            tracing::error!(%error, "confirmed, but a closing write failed");
        }
        Ok(outcome.into_reply(&self.messages))
    }

    /// Reads what else this reply depends on. Most replies need nothing.
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

    /// Counts a wrong reply. Returns false if the number has had too many in the last 24 hours:
    /// then it gets no answer.
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
        let known = Known {
            requests,
            wrong_codes,
            confirmed,
            valid_hours: self.rules.valid_hours,
        };
        let decision = match decide::decide(said, &known, turn.now) {
            // An earlier attempt of this message was for another request. It must not confirm
            // this one.
            Decision::Act(id) if bound.is_some_and(|bound| bound != id) => {
                Decision::Silence(Silence::Repeated)
            }
            decision => decision,
        };
        let Some(held) = held else {
            return match decision {
                Decision::Repeat => Outcome::ConfirmedBefore { submitted },
                Decision::Silence(why) => Outcome::Silent(why),
                _ => Outcome::Silent(Silence::NothingPending),
            };
        };
        match decision {
            Decision::Silence(why) => Outcome::Silent(why),
            Decision::Repeat => Outcome::ConfirmedBefore { submitted },
            Decision::Cancel => {
                held.remove_all();
                Outcome::Cancelled
            }
            Decision::Wrong => Outcome::Wrong,
            Decision::Expired(ids) => {
                for id in &ids {
                    held.remove(id);
                }
                Outcome::Expired
            }
            Decision::List => {
                let known = Known {
                    requests: &held.requests,
                    wrong_codes: 0,
                    confirmed: None,
                    valid_hours: self.rules.valid_hours,
                };
                let valid: Vec<&pending::Request> = known.valid(turn.now).collect();
                // If there are too many for one list, show the newest: people mean the request that
                // they made last.
                let listed =
                    decide::codes(&valid[valid.len().saturating_sub(LISTED)..], random_below);
                let text = texts::list(&listed, &self.rules.words.shown, turn.now);
                for request in listed {
                    held.rewrite(request);
                }
                Outcome::Listed { text }
            }
            Decision::Act(id) => match held
                .requests
                .iter()
                .find(|request| request.id == id)
                .cloned()
            {
                Some(request) => self.confirm(&request, held, turn).await,
                None => Outcome::Unclear {
                    request: None,
                    why: None,
                },
            },
        }
    }
}

/// What the table says about the number, besides its requests.
struct Past {
    /// True if the last confirmed request was only submitted: Auth0's page did not say how it
    /// ended.
    submitted: bool,
    confirmed: Option<(u64, Option<String>)>,
    wrong_codes: u64,
}
