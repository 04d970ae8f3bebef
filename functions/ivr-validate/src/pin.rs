//! Checks a PIN, counts the attempt, and sets how long a rejection takes.

use std::fmt::Display;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use secrecy::{ExposeSecret as _, SecretString};
use shared::platform::reply::Reply;
use shared::platform::table::{Table, Unavailable};
use shared::rules::account::AccountNumber;
use shared::vendors::auth0::login::{NoVerdict, Tried, Verdict};
use shared::vendors::auth0::users::{AccountHolder, Found};

use crate::attempts::{Attempt, Caller, Counted, Unheard};
use crate::{App, Arrival};

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
pub(crate) struct Judged {
    /// The user who is let in, or what to log about the rejection.
    pub(crate) verdict: Result<AccountHolder, Refusal>,
    /// `None` if the PIN was not checked.
    attempt: Option<Attempt>,
}

/// What the log says about a rejection and the answer does not.
pub(crate) struct Refusal {
    /// The outcome.
    pub(crate) outcome: &'static str,
    /// The cause, if the failure is ours.
    cause: Option<String>,
    counts: Counts,
    /// True if, with this attempt, half of the day's limit is used.
    is_half_used: bool,
}

/// How a rejected attempt counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counts {
    /// The PIN was not checked.
    NotAtAll,
    /// Auth0 failed, and may have counted the PIN as wrong.
    Perhaps,
    /// The pair is wrong, or Auth0 bars this user's login, or its answer is not known.
    Fully,
}

impl From<Tried> for Counts {
    fn from(tried: Tried) -> Self {
        match tried {
            Tried::No => Self::NotAtAll,
            Tried::Perhaps => Self::Perhaps,
            Tried::Likely => Self::Fully,
        }
    }
}

impl Refusal {
    fn new(outcome: &'static str, counts: Counts) -> Self {
        Self {
            outcome,
            cause: None,
            counts,
            is_half_used: false,
        }
    }

    fn wrong_pin(outcome: &'static str) -> Self {
        Self::new(outcome, Counts::Fully)
    }

    fn failed(outcome: &'static str, counts: Counts, error: impl Display) -> Self {
        Self {
            cause: Some(error.to_string()),
            ..Self::new(outcome, counts)
        }
    }

    /// A rejection because the table is unavailable.
    pub(crate) fn without_table(error: &Unavailable) -> Self {
        Self::failed("table_unavailable", Counts::NotAtAll, error)
    }

    /// Adds to the answer what is logged and counted.
    pub(crate) fn log(&self, answer: Reply) -> Reply {
        let reply = answer.metric("LoginFailed", 1);
        let reply = if self.is_half_used {
            reply.metric("HalfOfBudgetUsed", 1)
        } else {
            reply
        };
        match &self.cause {
            Some(cause) => reply.failed().field("error", cause.as_str()),
            None => reply,
        }
    }
}

impl From<Refusal> for Judged {
    /// A rejection without an attempt.
    fn from(refusal: Refusal) -> Self {
        Self {
            verdict: Err(refusal),
            attempt: None,
        }
    }
}

impl App {
    /// Checks whether the PIN is this account's. [`App::settle`] then stores the result.
    pub(crate) async fn check_pin(
        &self,
        account: Option<&AccountNumber>,
        pin: &SecretString,
        caller: Caller<'_>,
        arrival: Arrival,
    ) -> Judged {
        let Some(account) = account.filter(|_| self.is_pin(pin)) else {
            return Refusal::new("malformed", Counts::NotAtAll).into();
        };
        let (table, limits) = (&self.table, &self.rules.limits);
        let Counted { attempt, failures } =
            Attempt::count(table, limits, account, caller, arrival.now()).await;
        let is_half = |more| failures.is_some_and(|failures| limits.is_half(failures + more));
        if failures.is_some() {
            self.is_slow.store(is_half(0), Ordering::Relaxed);
        }
        let (attempt, verdict) = match attempt {
            Ok(attempt) => {
                let within = TIME_TO_JUDGE.saturating_sub(arrival.instant.elapsed());
                let verdict = self.log_in(account, pin, arrival.time);
                let late = |_| Err(login_unavailable(Counts::Fully, "no answer in time"));
                let verdict = tokio::time::timeout(within, verdict).await;
                (Some(attempt), verdict.unwrap_or_else(late))
            }
            Err(Unheard::Spent(outcome)) => (None, Err(Refusal::new(outcome, Counts::NotAtAll))),
            Err(Unheard::Unavailable(error)) => (None, Err(Refusal::without_table(&error))),
        };
        let verdict = verdict.map_err(|refusal| Refusal {
            is_half_used: is_half(u64::from(refusal.counts == Counts::Fully)),
            ..refusal
        });
        Judged { verdict, attempt }
    }

    /// Counts the result of an attempt, or takes the attempt back.
    pub(crate) async fn settle(&self, judged: &Judged, arrival: Arrival) {
        let Some(attempt) = &judged.attempt else {
            return;
        };
        let (table, limits, now) = (&self.table, &self.rules.limits, arrival.now());
        let settling = async {
            match judged.verdict.as_ref().map_err(|refusal| refusal.counts) {
                Ok(_) => attempt.right(table, now).await,
                Err(Counts::NotAtAll) => attempt.void(table).await,
                Err(Counts::Perhaps) => attempt.perhaps_wrong(table, limits).await,
                Err(Counts::Fully) => attempt.wrong(table, limits, now).await,
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
    ) -> Result<AccountHolder, Refusal> {
        let found = self.users.by_account_number(account, &self.realm, now);
        let holder = match found.await {
            Ok(Found::One(holder)) => holder,
            Ok(Found::Nobody) => return Err(Refusal::wrong_pin("unknown_account")),
            Ok(Found::Several) => {
                tracing::error!("several users have the same account number; none is let in");
                return Err(Refusal::wrong_pin("ambiguous_account"));
            }
            Err(error) => return Err(login_unavailable(Counts::NotAtAll, error)),
        };
        match self.login.check(&holder.email, pin, now).await {
            Ok(Verdict::Accepted) => Ok(holder),
            Ok(Verdict::WrongPassword) => Err(Refusal::wrong_pin("wrong_pin")),
            Ok(Verdict::Blocked(why)) => Err(Refusal::wrong_pin(why)),
            Err(NoVerdict { error, tried }) => Err(login_unavailable(tried.into(), error)),
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
        let found = self.users.by_account_number(account?, &self.realm, now);
        match found.await {
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

fn login_unavailable(counts: Counts, error: impl Display) -> Refusal {
    Refusal::failed("login_unavailable", counts, error)
}

/// The greeting from the user's record, shortened. `None` if there is none.
pub(crate) fn greeting(holder: &AccountHolder) -> Option<String> {
    let words: Vec<&str> = holder.greeting.as_deref()?.split_whitespace().collect();
    let words: String = words.join(" ").chars().take(GREETING_LIMIT).collect();
    Some(words).filter(|words| !words.is_empty())
}

/// Limits the time for storing results after a PIN was judged.
pub(crate) async fn in_time<T>(
    settling: impl Future<Output = Result<T, Unavailable>>,
) -> Result<T, Unavailable> {
    Table::within(TIME_TO_SETTLE, settling).await
}
