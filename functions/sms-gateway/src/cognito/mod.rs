//! The entrance for Amazon Cognito: the custom SMS sender of user pools. Cognito invokes the
//! function itself. The credential is the right to do so
//! (<https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-custom-sms-sender.html>).
//!
//! Nobody waits for the answer, and nothing is read from it. If the invocation fails, Lambda comes
//! again with the same event. So an invocation fails if certainly nothing was sent and a later
//! attempt may succeed, or if the settings are wrong, which an alarm must show. All other outcomes
//! end it with success, also an unknown one: a second code is worse than none.
//!
//! The event does not say when it was made. An old one is dropped by Lambda, as the template says
//! (`MaximumEventAgeInSeconds`).

mod texts;

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use shared::platform::Platform;
use shared::platform::config::Source;
use shared::platform::kms::{KeyArn, Kms, KmsError};
use shared::platform::reply::Reply;
use shared::rules::voice::Said;
use shared::rules::words::Words;
use shared::vendors::cognito::event::{self, Event, EventError, Trigger};
use shared::vendors::cognito::message;
use tokio::time::Instant;

use crate::gateway::{Asker, Gateway, Message, Outcome, RESERVE, hash, unfit};
use texts::Texts;

/// Lambda keeps an asynchronous event for at most six hours, and may deliver it more than once.
const EVENT_LIFE: Duration = Duration::from_hours(6);

/// The settings of this entrance.
pub(crate) struct Cognito {
    pools: Vec<String>,
    key: KeyArn,
    kms: Kms,
    texts: Texts,
    /// How long a code for a sign-in is valid.
    code_life: Duration,
}

impl Cognito {
    /// `None`: the entrance is not switched on.
    pub(crate) fn read(
        platform: &Platform,
        words: &Arc<Words>,
        source: &mut Source<'_>,
    ) -> Option<Self> {
        let pools = source.list("COGNITO_POOLS");
        let key = source.parsed(
            "COGNITO_KEY_ARN",
            "the ARN of a KMS key, such as arn:aws:kms:eu-west-1:123456789012:key/08303dfc-8073-4bbb-a8a9-fbf08657940e",
        );
        let texts = Texts::read(source, words);
        let code_life = Duration::from_secs(source.number("CODE_LIFE_SECONDS", 180, 60..=36_000));
        for pool in pools.iter().filter(|pool| !is_pool(pool)) {
            source.problem(format!(
                "COGNITO_POOLS: {pool} is not the id of a user pool, such as eu-west-1_EXAMPLE"
            ));
        }
        let has_key = source.optional("COGNITO_KEY_ARN").is_some();
        if has_key == pools.is_empty() {
            source.problem("COGNITO_POOLS and COGNITO_KEY_ARN go together: set both or neither");
        }
        Some(Self {
            pools,
            key: key?,
            kms: platform.kms.clone(),
            texts,
            code_life,
        })
    }

    /// Takes an event. `None`: it is not Cognito's.
    pub(crate) async fn answer(
        &self,
        event: &str,
        gateway: &Gateway,
        deadline: Instant,
        now: SystemTime,
    ) -> Option<Result<Reply, Reply>> {
        let event: Value = serde_json::from_str(event).ok()?;
        if !event::is_event(&event) {
            return None;
        }
        let deadline = deadline.checked_sub(RESERVE).unwrap_or(deadline);
        Some(self.take(&event, gateway, deadline, now).await)
    }

    async fn take(
        &self,
        event: &Value,
        gateway: &Gateway,
        deadline: Instant,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        let arrived = Instant::now();
        let pool = event["userPoolId"].as_str();
        if !self.pools.iter().any(|known| Some(known.as_str()) == pool) {
            let why = "COGNITO_POOLS does not name the user pool of this event";
            return Err(error(403, "unknown_pool", why).metric("Refused", 1));
        }
        let event = match Event::parse(event) {
            Ok(event) => event,
            Err(EventError::Number) => {
                return Ok(done("impossible_number").metric("Refused", 1));
            }
            Err(why @ EventError::Trigger) => return Err(error(400, "unknown_trigger", why)),
            Err(why) => return Err(error(400, "malformed_event", why)),
        };
        let log = |reply: Reply| {
            reply
                .field("phone", event.number.to_string())
                .field("kind", event.trigger.name())
        };
        let opened = self.open(&event, now);
        let secret = tokio::time::timeout_at(deadline, opened)
            .await
            .unwrap_or_else(|_| Err(error(503, "kms_unavailable", "KMS: no answer in time")))
            .map_err(log)?;
        let read_at = now + arrived.elapsed();
        let message = self.message(&event, &secret, read_at).await.map_err(log)?;
        let now = now + arrived.elapsed();
        let delivery = gateway
            .deliver_once_in(EVENT_LIFE, &message, deadline, now)
            .await;
        let ended = answer(&delivery.outcome);
        let log = |reply| log(delivery.log(&message, reply));
        ended.map(log).map_err(log)
    }

    /// Decrypts the code.
    async fn open(&self, event: &Event, now: SystemTime) -> Result<SecretString, Reply> {
        let unreadable = |why: message::Refused| error(400, "unreadable_code", why);
        let message = message::Message::parse(&event.code).map_err(unreadable)?;
        let blob = message.data_key(&event.pool, &self.key);
        let blob = blob.map_err(unreadable)?;
        let opened = self.kms.decrypt(&self.key, blob, message.context(), now);
        let data_key = opened.await.map_err(|why| match why {
            KmsError::Unavailable(_) => error(503, "kms_unavailable", why),
            KmsError::Refused(_) => error(503, "kms_refused", why),
        })?;
        message.open(data_key.expose_secret()).map_err(unreadable)
    }

    pub(crate) async fn message(
        &self,
        event: &Event,
        secret: &SecretString,
        now: SystemTime,
    ) -> Result<Message, Reply> {
        let secret = secret.expose_secret().trim();
        let secret = if event.trigger.is_password() {
            unescaped(secret)
        } else {
            secret.to_owned()
        };
        if secret.is_empty() {
            return Err(error(400, "unreadable_code", "the code is empty"));
        }
        let body = self.texts.with(&secret, event, now).await;
        if let Some(why) = unfit(&body) {
            return Err(error(400, "unreadable_code", why));
        }
        Ok(Message {
            by_voice: false,
            // Nobody can write a password down that is read out.
            said: (!event.trigger.is_password()).then(|| Said {
                code: Some(secret.clone()),
                words: None,
                locale: event.locale.clone(),
            }),
            to: event.number.clone(),
            body,
            from: None,
            id: hash(&format!("cognito\n{}", event.identity())),
            life: life(event.trigger, self.code_life),
            asker: Asker::default(),
        })
    }
}

/// <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_DescribeUserPool.html>
fn is_pool(id: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let parts = id.split_once('_').filter(|_| id.len() <= 55);
    parts.is_some_and(|(region, rest)| {
        !region.is_empty()
            && region.bytes().all(fits)
            && !rest.is_empty()
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Cognito escapes some characters of a temporary password, as HTML does
/// (<https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-custom-sender-triggers.html>).
fn unescaped(password: &str) -> String {
    // The ampersand is the last: `&amp;lt;` stands for `&lt;`.
    let all = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ];
    all.iter().fold(password.to_owned(), |text, (from, to)| {
        text.replace(from, to)
    })
}

/// How long Cognito accepts the code. The pool's settings may say otherwise; the event does not.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/limits.html>
fn life(trigger: Trigger, sign_in: Duration) -> Duration {
    match trigger {
        Trigger::Authentication => sign_in,
        Trigger::ForgotPassword => Duration::from_hours(1),
        Trigger::SignUp
        | Trigger::ResendCode
        | Trigger::VerifyUserAttribute
        | Trigger::UpdateUserAttribute => Duration::from_hours(24),
        Trigger::AdminCreateUser => Duration::from_hours(7 * 24),
    }
}

/// The end of an invocation that is not to be repeated.
fn done(outcome: &'static str) -> Reply {
    Reply::body(200, outcome, "application/json", "{}".to_owned())
}

/// The end of an invocation that Lambda repeats. The status is for the log only.
fn error(status: u16, outcome: &'static str, why: impl Display) -> Reply {
    Reply::empty(status, outcome)
        .failed()
        .field("error", why.to_string())
}

fn answer(outcome: &Outcome) -> Result<Reply, Reply> {
    let word = outcome.word();
    match outcome {
        Outcome::Sent { .. }
        | Outcome::RecipientRefused
        | Outcome::CountryNotAllowed
        | Outcome::NoRoute
        | Outcome::Limited { .. } => Ok(done(word)),
        Outcome::Unknown { .. } => Ok(done(word).failed()),
        Outcome::AllRefused => Err(Reply::empty(502, word)),
        Outcome::NoCredentials | Outcome::Unavailable { .. } => Err(Reply::empty(503, word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pool_ids() {
        for id in ["eu-west-1_EXAMPLE", "us-gov-west-1_aB3dE6gH9"] {
            assert!(is_pool(id), "{id}");
        }
        let long = format!("eu-west-1_{}", "x".repeat(46));
        for id in [
            "",
            "_",
            "eu-west-1",
            "_x",
            "eu-west-1_",
            "a b_x",
            "a_b_c",
            &long,
        ] {
            assert!(!is_pool(id), "{id}");
        }
    }

    #[test]
    fn a_password_is_as_the_user_must_type_it() {
        for (escaped, typed) in [
            ("Ab1!cdef", "Ab1!cdef"),
            ("a&lt;b&gt;c&amp;d", "a<b>c&d"),
            ("&quot;x&#39;", "\"x'"),
            ("&amp;lt;", "&lt;"),
            ("a&b;", "a&b;"),
        ] {
            assert_eq!(unescaped(escaped), typed);
        }
    }
}
