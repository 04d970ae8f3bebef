//! Whether a PIN is an account's, what that counts, and how long a refusal takes.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use secrecy::{ExposeSecret as _, SecretString};
use shared::platform::reply::Reply;
use shared::platform::table::{Table, Unavailable};
use shared::vendors::auth0::login::{Untold, Verdict};
use shared::vendors::auth0::users::{AccountHolder, AccountNumber, Found};

use crate::App;
use crate::attempts::{Attempt, Caller, Counted, Unheard};

/// By then a PIN has been judged, or it is refused.
const TIME_TO_JUDGE: Duration = Duration::from_millis(6_500);
/// Refusals take this long, or if they must a multiple of it: how long tells nothing of what was wrong.
const PACE: Duration = Duration::from_millis(1_500);
/// The same, when many PINs were wrong in a day.
const SLOW_PACE: Duration = Duration::from_secs(3);
/// What the table may take once a PIN has been judged.
const TIME_TO_SETTLE: Duration = Duration::from_secs(1);
const GREETING_LIMIT: usize = 100;

/// What became of an account number and a PIN.
enum Judgement {
    /// The PIN is this user's.
    Accepted(AccountHolder),
    /// The pair is wrong, or the user may not log in so: the outcome word. It counts.
    WrongPin(&'static str),
    /// Something of ours failed before anybody looked at the PIN.
    Failed {
        /// The outcome word.
        outcome: &'static str,
        /// For the log.
        cause: String,
    },
    /// Something of ours failed, but Auth0 may have judged the PIN: it counts.
    Unknown {
        /// For the log.
        cause: String,
    },
    /// Nobody looked at the PIN, since there was no attempt left, or since it can be none: the outcome word.
    Unheard(&'static str),
}

impl Judgement {
    fn failed(outcome: &'static str, error: &impl fmt::Display) -> Self {
        Self::Failed {
            outcome,
            cause: error.to_string(),
        }
    }

    /// Whether the PIN was wrong, or may have been.
    fn counts(&self) -> bool {
        matches!(self, Self::WrongPin(_) | Self::Unknown { .. })
    }
}

/// A judgement and what it is counted by.
pub(crate) struct Judged {
    judgement: Judgement,
    /// Not if nobody looked at the PIN.
    attempt: Option<Attempt>,
    /// With this one, half of the wrong PINs that a day may have are used.
    is_half_used: bool,
}

/// What the log says of a refusal, and its answer does not.
pub(crate) struct Refusal {
    /// The outcome word.
    pub(crate) outcome: &'static str,
    /// The cause, if it is ours.
    cause: Option<String>,
    is_half_used: bool,
}

impl Refusal {
    /// The answer, with what is logged and counted of it.
    pub(crate) fn log(self, answer: Reply) -> Reply {
        let reply = answer.metric("LoginFailed", 1);
        let reply = if self.is_half_used {
            reply.metric("HalfOfBudgetUsed", 1)
        } else {
            reply
        };
        match self.cause {
            Some(cause) => reply.failed().field("error", cause),
            None => reply,
        }
    }
}

impl Judged {
    fn without_attempt(judgement: Judgement, is_half_used: bool) -> Self {
        Self {
            judgement,
            attempt: None,
            is_half_used,
        }
    }

    /// Refused, since the table could not be used.
    pub(crate) fn without_table(error: &Unavailable) -> Self {
        Self::without_attempt(Judgement::failed("table_unavailable", error), false)
    }

    /// Who is let in, or what is logged of the refusal.
    pub(crate) fn verdict(&self) -> Result<&AccountHolder, Refusal> {
        let (outcome, cause) = match &self.judgement {
            Judgement::Accepted(holder) => return Ok(holder),
            Judgement::WrongPin(outcome) | Judgement::Unheard(outcome) => (*outcome, None),
            Judgement::Failed { outcome, cause } => (*outcome, Some(cause)),
            Judgement::Unknown { cause } => ("login_unavailable", Some(cause)),
        };
        Err(Refusal {
            outcome,
            cause: cause.cloned(),
            is_half_used: self.is_half_used,
        })
    }
}

impl App {
    /// Whether the PIN is this account's; what comes of it is counted by [`App::settle`].
    pub(crate) async fn check_pin(
        &self,
        account: Option<&AccountNumber>,
        pin: &SecretString,
        caller: Caller<'_>,
        (started, now): (Instant, SystemTime),
    ) -> Judged {
        let Some(account) = account.filter(|_| self.is_pin(pin)) else {
            return Judged::without_attempt(Judgement::Unheard("malformed"), false);
        };
        let limits = &self.rules.limits;
        let Counted { attempt, failures } = Attempt::count(
            &self.table,
            limits,
            account,
            caller,
            now + started.elapsed(),
        )
        .await;
        let is_half_used = failures.is_some_and(|failures| limits.is_half(failures));
        if failures.is_some() {
            self.is_slow.store(is_half_used, Ordering::Relaxed);
        }
        let attempt = match attempt {
            Ok(attempt) => attempt,
            Err(unheard) => {
                let judgement = match unheard {
                    Unheard::Spent(outcome) => Judgement::Unheard(outcome),
                    Unheard::Unavailable(error) => Judgement::failed("table_unavailable", &error),
                };
                return Judged::without_attempt(judgement, is_half_used);
            }
        };
        let within = TIME_TO_JUDGE.saturating_sub(started.elapsed());
        let judged = tokio::time::timeout(within, self.log_in(account, pin, now)).await;
        let judgement = judged.unwrap_or_else(|_| Judgement::Unknown {
            cause: "no answer in time".to_owned(),
        });
        let wrong = u64::from(judgement.counts());
        let is_half_used = failures.is_some_and(|failures| limits.is_half(failures + wrong));
        Judged {
            judgement,
            attempt: Some(attempt),
            is_half_used,
        }
    }

    /// Counts what came of an attempt, or takes its count back.
    pub(crate) async fn settle(&self, judged: &Judged, (started, now): (Instant, SystemTime)) {
        let Some(attempt) = &judged.attempt else {
            return;
        };
        let now = now + started.elapsed();
        let settling = async {
            match &judged.judgement {
                Judgement::Accepted(_) => attempt.right(&self.table, now).await,
                Judgement::Failed { .. } | Judgement::Unheard(_) => attempt.void(&self.table).await,
                Judgement::WrongPin(_) | Judgement::Unknown { .. } => {
                    attempt.wrong(&self.table, &self.rules.limits, now).await
                }
            }
        };
        if let Err(error) = in_time(settling).await {
            tracing::warn!(%error, "what came of an attempt could not be noted");
        }
    }

    async fn log_in(
        &self,
        account: &AccountNumber,
        pin: &SecretString,
        now: SystemTime,
    ) -> Judgement {
        let holder = match self
            .users
            .by_account_number(account, &self.realm, now)
            .await
        {
            Ok(Found::One(holder)) => holder,
            Ok(Found::Nobody) => return Judgement::WrongPin("unknown_account"),
            Ok(Found::Several) => {
                tracing::error!("several users have the same account number; none is let in");
                return Judgement::WrongPin("ambiguous_account");
            }
            Err(error) => return Judgement::failed("login_unavailable", &error),
        };
        match self.login.check(&holder.email, pin, now).await {
            Ok(Verdict::Accepted) => Judgement::Accepted(holder),
            Ok(Verdict::WrongPassword) => Judgement::WrongPin("wrong_pin"),
            Ok(Verdict::Barred(why)) => Judgement::WrongPin(why),
            Err(Untold { error, tried: true }) => Judgement::Unknown {
                cause: error.to_string(),
            },
            Err(Untold {
                error,
                tried: false,
            }) => Judgement::failed("login_unavailable", &error),
        }
    }

    /// Whether this can be a PIN.
    pub(crate) fn is_pin(&self, pin: &SecretString) -> bool {
        let pin = pin.expose_secret();
        pin.len() as u64 == self.rules.pin_length && pin.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// Who has an account, if Auth0 says so.
    pub(crate) async fn holder(
        &self,
        account: Option<&AccountNumber>,
        now: SystemTime,
    ) -> Option<AccountHolder> {
        let found = self
            .users
            .by_account_number(account?, &self.realm, now)
            .await;
        match found {
            Ok(Found::One(holder)) => Some(holder),
            _ => None,
        }
    }

    /// When a refusal is due: a whole number of paces after `started`.
    pub(crate) fn due(&self, started: Instant) -> Instant {
        let pace = if self.is_slow.load(Ordering::Relaxed) {
            SLOW_PACE
        } else {
            PACE
        };
        let paces = started.elapsed().as_millis() / pace.as_millis() + 1;
        started + pace * u32::try_from(paces).unwrap_or(1)
    }

    /// Waits until a refusal is due.
    pub(crate) async fn wait(&self, started: Instant) {
        tokio::time::sleep(self.due(started).saturating_duration_since(Instant::now())).await;
    }
}

/// The user's own words, cut; `None` if there are none.
pub(crate) fn greeting(holder: &AccountHolder) -> Option<String> {
    let words = holder
        .greeting
        .as_deref()?
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    Some(words.chars().take(GREETING_LIMIT).collect::<String>()).filter(|words| !words.is_empty())
}

/// What is settled after a PIN was judged may take only so long.
pub(crate) async fn in_time<T>(
    settling: impl Future<Output = Result<T, Unavailable>>,
) -> Result<T, Unavailable> {
    Table::within(TIME_TO_SETTLE, settling).await
}
