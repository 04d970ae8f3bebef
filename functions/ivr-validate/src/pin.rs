//! Checks a PIN, counts the attempt, and sets how long a rejection takes.

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

/// A PIN that is not judged within this time is rejected.
const TIME_TO_JUDGE: Duration = Duration::from_millis(6_500);
/// A rejection takes a multiple of this time. So its time does not tell what was wrong.
const PACE: Duration = Duration::from_millis(1_500);
/// The same, if many PINs were wrong within a day.
const SLOW_PACE: Duration = Duration::from_secs(3);
/// The time limit for the table after a PIN was judged.
const TIME_TO_SETTLE: Duration = Duration::from_secs(1);
const GREETING_LIMIT: usize = 100;

/// The result of checking an account number and a PIN.
enum Judgement {
    /// The PIN is right. Holds the user.
    Accepted(AccountHolder),
    /// The pair is wrong, or Auth0 bars this user's login. Holds the outcome. It counts.
    WrongPin(&'static str),
    /// A failure of ours before the PIN was checked.
    Failed {
        /// The outcome.
        outcome: &'static str,
        /// The cause, for the log.
        cause: String,
    },
    /// A failure of ours, but Auth0 may have judged the PIN. It counts.
    Unknown {
        /// The cause, for the log.
        cause: String,
    },
    /// The PIN was not checked: no attempt was left, or it cannot be a PIN. Holds the outcome.
    Unheard(&'static str),
}

impl Judgement {
    fn failed(outcome: &'static str, error: &impl fmt::Display) -> Self {
        Self::Failed {
            outcome,
            cause: error.to_string(),
        }
    }

    /// True if the PIN was wrong or may have been.
    fn counts(&self) -> bool {
        matches!(self, Self::WrongPin(_) | Self::Unknown { .. })
    }
}

/// A judgement, and the attempt that counts for it.
pub(crate) struct Judged {
    judgement: Judgement,
    /// `None` if the PIN was not checked.
    attempt: Option<Attempt>,
    /// True if, with this attempt, half of the day's limit is used.
    is_half_used: bool,
}

/// What the log says about a rejection and the answer does not.
pub(crate) struct Refusal {
    /// The outcome.
    pub(crate) outcome: &'static str,
    /// The cause, if the failure is ours.
    cause: Option<String>,
    is_half_used: bool,
}

impl Refusal {
    /// Adds to the answer what is logged and counted.
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

    /// A rejection because the table is unavailable.
    pub(crate) fn without_table(error: &Unavailable) -> Self {
        Self::without_attempt(Judgement::failed("table_unavailable", error), false)
    }

    /// The user who is let in, or what to log about the rejection.
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
    /// Checks whether the PIN is this account's. [`App::settle`] then stores the result.
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

    /// Counts the result of an attempt, or takes the attempt back.
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

    /// True if this can be a PIN.
    pub(crate) fn is_pin(&self, pin: &SecretString) -> bool {
        let pin = pin.expose_secret();
        pin.len() as u64 == self.rules.pin_length && pin.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// The user with this account number. `None` if there is none, or Auth0 gives no answer.
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

    /// When a rejection may be sent: a whole number of paces after `started`.
    pub(crate) fn due(&self, started: Instant) -> Instant {
        let pace = if self.is_slow.load(Ordering::Relaxed) {
            SLOW_PACE
        } else {
            PACE
        };
        let paces = started.elapsed().as_millis() / pace.as_millis() + 1;
        started + pace * u32::try_from(paces).unwrap_or(1)
    }

    /// Waits until a rejection may be sent.
    pub(crate) async fn wait(&self, started: Instant) {
        tokio::time::sleep(self.due(started).saturating_duration_since(Instant::now())).await;
    }
}

/// The greeting from the user's record, shortened. `None` if there is none.
pub(crate) fn greeting(holder: &AccountHolder) -> Option<String> {
    let words = holder
        .greeting
        .as_deref()?
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    Some(words.chars().take(GREETING_LIMIT).collect::<String>()).filter(|words| !words.is_empty())
}

/// Limits the time for storing results after a PIN was judged.
pub(crate) async fn in_time<T>(
    settling: impl Future<Output = Result<T, Unavailable>>,
) -> Result<T, Unavailable> {
    Table::within(TIME_TO_SETTLE, settling).await
}
