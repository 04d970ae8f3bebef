//! Somebody texts a company number: pass it on to the employee's own phone, and the employee's reply back to them.
//!
//! Twilio posts the text. It is authenticated and read; Okta is asked whose number it is, while the table is asked who wrote last.
//! Then it is decided where the text goes (`decide`): from others to the employee, headed by who wrote; from the employee's phone
//! to whoever wrote last, or to the number that it begins with (`+4512345678: text`). One transaction remembers the message by its
//! SID, counts it for its sender, and notes who wrote last; the answer is TwiML with the texts to send. Twilio's retry gets the
//! same answer again and changes nothing.
//!
//! What is not passed on is answered with an empty document: numbers of nobody, texts that opt out, loops, more texts from one
//! sender than a conversation has. An outage is a 503, and Twilio asks again.
//!
//! Never: an employee's words to somebody they were not meant for, as far as that can be known; a text to a costly range; the same
//! text twice because its answer was lost.

mod decide;

use std::pin::pin;
use std::time::{Duration, SystemTime};

use futures_util::future::{Either, FutureExt as _, ready, select};
use ring::digest;
use shared::aws;
use shared::config::Source;
use shared::directory::Directory;
use shared::http::{self, BaseUrl};
use shared::limits;
use shared::okta::Access;
use shared::okta::users::Users;
use shared::phone::{Countries, E164};
use shared::reply::{Failure, Reply};
use shared::request::Request;
use shared::secrets::Secret;
use shared::sms::segments;
use shared::table::{Item, Key, Table, Update, epoch};
use shared::twilio::twiml::Response;
use shared::twilio::webhook::InboundSms;
use shared::twilio::{self, webhook};

use decide::Way;

const BODY_LIMIT: usize = 1024 * 1024;
const DAY: u64 = 86_400;
/// Twilio waits 15 s for an answer (<https://www.twilio.com/docs/api/errors/11205>), and needs some of them to ask again.
const TIME_TO_ANSWER: Duration = Duration::from_secs(9);

/// The settings.
#[derive(Debug)]
pub struct Config {
    aws: aws::Settings,
    http: http::Settings,
    table: String,
    twilio_secret: String,
    okta_secret: String,
    okta: BaseUrl,
    public_url: Option<BaseUrl>,
    rules: Rules,
}

#[derive(Debug)]
struct Rules {
    countries: Option<Countries>,
    per_pair: u64,
    /// A number as sender is no proof of who sends: what somebody else could send in an employee's name is bounded.
    replies_per_day: u64,
}

impl Config {
    /// Reads the settings; what is wrong is noted in `source`.
    pub fn read(source: &mut Source<'_>) -> Option<Self> {
        let aws = aws::Settings::read(source);
        let http = http::Settings::read(source);
        let (table, twilio_secret) = (source.required("TABLE_NAME"), source.required("TWILIO_SECRET"));
        let (okta, okta_secret) = (source.base_url("OKTA_URL", None), source.required("OKTA_SECRET"));
        let public_url = webhook::public_url(source);
        let rules = Rules {
            countries: source.parsed("ALLOWED_COUNTRIES", "a comma list of ISO 3166 country codes such as DK,US"),
            per_pair: source.number("MESSAGES_PER_PAIR_PER_MINUTE", 5, 1..=1_000),
            replies_per_day: source.number("REPLIES_PER_DAY", 200, 1..=100_000),
        };
        Some(Self {
            aws: aws?,
            http,
            table: table?,
            twilio_secret: twilio_secret?,
            okta_secret: okta_secret?,
            okta: okta?,
            public_url,
            rules,
        })
    }
}

/// The function's state for the life of an instance.
pub struct App {
    http: http::Client,
    table: Table,
    directory: Directory,
    twilio: Secret<twilio::Credentials>,
    public_url: Option<BaseUrl>,
    rules: Rules,
}

impl App {
    /// Makes the state: everything that a request will need is fetched and connected to at once.
    ///
    /// # Errors
    /// When no HTTP client can be made from the settings. Upstreams that are down are met again by the first request.
    pub async fn connect(config: Config) -> Result<Self, String> {
        let http = http::Client::new(config.http)?;
        let secrets = config.aws.secrets_manager(&http);
        let table = Table::new(config.aws.dynamodb(&http), config.table);
        let users = Users::new(http.clone(), config.okta.clone(), Access::Read, Secret::new(config.okta_secret, secrets.clone()));
        let app = Self {
            directory: Directory::new(users, table.clone()),
            table,
            twilio: Secret::new(config.twilio_secret, secrets),
            public_url: config.public_url,
            rules: config.rules,
            http,
        };
        let (now, dynamodb) = (shared::runtime::now(), config.aws.dynamodb_url());
        let warm_up = async {
            tokio::join!(
                app.twilio.get(now),
                app.directory.warm_up(now),
                app.http.warm_up(dynamodb.as_ref()),
                app.http.warm_up(Some(&config.okta)),
            )
        };
        shared::runtime::warm_up(warm_up).await;
        app.http.take_waited();
        Ok(app)
    }

    /// Answers one request.
    pub async fn handle(&self, request: &Request, now: SystemTime) -> Reply {
        let within = TIME_TO_ANSWER.min(request.remaining(Duration::from_millis(500)));
        let reply = match tokio::time::timeout(within, self.flow(request, now)).await {
            Ok(Ok(reply) | Err(reply)) => reply,
            Err(_) => Reply::empty(503, "too_slow"),
        };
        reply.upstream(self.http.take_waited())
    }

    async fn flow(&self, request: &Request, now: SystemTime) -> Result<Reply, Reply> {
        request.expect_post("/", &webhook::FORMS, BODY_LIMIT)?;
        let form = webhook::authenticate(request, self.public_url.as_ref(), &self.twilio, now).await?;
        let sms = InboundSms::parse(&form)?;
        let reply = match &sms.to {
            _ if sms.opts_out() => Response::new().into_reply("opted_out"),
            Some(to) if sms.from.as_ref() == Some(to) => refusal("loop"),
            Some(to) if decide::is_served(&sms.sender) => match self.pass_on(&sms, to, now).await {
                Ok(reply) | Err(reply) => reply,
            },
            _ => refusal("channel_not_served"),
        };
        Ok(reply.field("sid", sms.sid).field("from", sms.from.map(|from| from.to_string())))
    }

    async fn pass_on(&self, sms: &InboundSms, company: &E164, now: SystemTime) -> Result<Reply, Reply> {
        // Who wrote last matters to replies only: where the employee is remembered, the table is not even asked for others.
        let find = pin!(self.directory.find(company, now));
        let thread = pin!(self.table.get(thread_key(company), now));
        let (listing, thread) = match select(find, thread).await {
            Either::Left((listing, thread)) => (listing, thread.left_future()),
            Either::Right((thread, find)) => (find.await, ready(thread).right_future()),
        };
        let (listing, countries) = (listing?, self.rules.countries.as_ref());
        let (way, mobile) = decide::way(sms, company, &listing, countries).map_err(refusal)?;
        let last = match way {
            Way::Back(_) => number(thread.await.map_err(Failure::from)?.as_ref(), "correspondent"),
            _ => None,
        };
        if let Some(last) = &last {
            decide::destination(last, company, mobile, countries).map_err(refusal)?;
        }
        let to = match &way {
            Way::To(number, _) => Some(number.clone()),
            _ => last,
        };
        let seen = self.note(sms, company, &way, to.as_ref(), now).await?;
        // Somebody else may have written since.
        let to = seen.as_ref().map_or(to, |seen| number(Some(seen), "to"));
        Ok(answer(sms, company, mobile, &way, to.as_ref(), seen.is_some()))
    }

    /// Remembers the message, counts it, and notes who wrote last; or returns what is remembered of it.
    async fn note(
        &self,
        sms: &InboundSms,
        company: &E164,
        way: &Way<'_>,
        to: Option<&E164>,
        now: SystemTime,
    ) -> Result<Option<Item>, Reply> {
        let seen = Update::new(Key::new(format!("seen#twilio-forward#{}", sms.sid), sms.fingerprint()))
            .set("expires_at", epoch(now) + 7 * DAY)
            .only_if("attribute_not_exists(pk)");
        let seen = match to {
            Some(to) => seen.set("to", to.reveal()),
            None => seen,
        };
        let mut updates = vec![seen, self.count(sms, company, now)];
        if matches!(way, Way::Back(_) | Way::To(..)) {
            updates.push(limits::daily("text-reply", company.reveal(), self.rules.replies_per_day, now));
        }
        let thread = Update::new(thread_key(company)).set("expires_at", epoch(now) + 30 * DAY);
        match (way, &sms.from, to) {
            (Way::Forward, Some(from), _) if decide::is_reachable(from, self.rules.countries.as_ref()) => {
                updates.push(thread.set("correspondent", from.reveal()));
            }
            // Who cannot be answered wrote last: a reply must not go to whoever wrote before.
            (Way::Forward, ..) => updates.push(thread.remove("correspondent")),
            (Way::To(..), _, Some(to)) => updates.push(thread.set("correspondent", to.reveal())),
            _ => {}
        }
        let Some(refusals) = self.table.update_all(updates).await.map_err(Failure::from)? else { return Ok(None) };
        match refusals.into_iter().next().flatten() {
            Some(seen) => Ok(Some(seen)),
            None => Err(refusal("rate_limited")),
        }
    }

    /// Counts a text from this sender to this number, in the current minute.
    fn count(&self, sms: &InboundSms, company: &E164, now: SystemTime) -> Update {
        let hash = digest::digest(&digest::SHA256, sms.sender.as_bytes());
        let pk = format!("rate#text-pair#{}#{}", company.reveal(), hex::encode(&hash.as_ref()[..8]));
        let minute = epoch(now) / 60;
        Update::new(Key::new(pk, minute.to_string()))
            .add("hits", 1)
            .set("expires_at", (minute + 2) * 60)
            .only_if("attribute_not_exists(hits) OR hits < :max")
            .bind(":max", self.rules.per_pair)
    }
}

/// Who wrote to a company number last, or was written to: `correspondent`, absent if that was nobody who can be answered.
fn thread_key(company: &E164) -> Key {
    Key::new(format!("thread#{}", company.reveal()), "last")
}

fn number(item: Option<&Item>, name: &str) -> Option<E164> {
    item?.text(name)?.parse().ok()
}

/// The texts to send: the employee's own goes `to` somebody, if that is known.
fn answer(sms: &InboundSms, company: &E164, mobile: &E164, way: &Way<'_>, to: Option<&E164>, repeated: bool) -> Reply {
    let headed;
    let (outcome, to, text, media) = match (way, to) {
        (Way::Forward, _) => {
            headed = format!("From: {}\n\n{}", sms.sender, sms.body);
            ("forwarded", mobile, headed.as_str(), &sms.media[..])
        }
        (Way::Back(text) | Way::To(_, text), Some(to)) => ("replied", to, *text, &sms.media[..]),
        (Way::Barred, _) => ("not_allowed", mobile, decide::NOT_ALLOWED, &[][..]),
        (Way::Unclear | Way::Back(_) | Way::To(..), _) => ("no_correspondent", mobile, decide::NOTICE, &[][..]),
    };
    let messages = decide::messages(text);
    let segments: u64 = messages.iter().map(|text| segments::count(text)).sum();
    let media = std::iter::once(media).chain(std::iter::repeat(&[][..]));
    let response = Response::new();
    let response =
        messages.iter().zip(media).fold(response, |response, (text, media)| response.message_to(to, company, text, media));
    let reply = if repeated {
        response.into_reply("repeated")
    } else {
        response.into_reply(outcome).metric("SmsSent", messages.len() as u64).metric("SmsSegments", segments)
    };
    reply.field("phone", to.to_string()).field("segments", segments)
}

/// Nothing is sent to anybody; asking again would change nothing.
fn refusal(outcome: &'static str) -> Reply {
    Response::new().into_reply(outcome).metric("Refused", 1)
}
