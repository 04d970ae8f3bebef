//! The core: delivers a text by a deadline, at most once. It knows no entrance. A call that reads a
//! code out goes the same way (`voice`).
//!
//! 1. Check the number, and find its route of providers.
//! 2. Claim the text and count it against the budgets (`claim`, `budgets`). At the same time, read
//!    which providers are broken (`health`, `standing`) and which failed the number's earlier codes
//!    (`road`).
//! 3. Try the providers in order (`attempts`). At the same time, note the text as the number's newest one.
//! 4. Write the outcome, give back or keep the counts, record the providers' health.
//!
//! The next provider is tried only if the answer proves that no SMS was accepted. An unknown
//! outcome ends the attempts: a code that arrives twice confuses, and for a late code the user asks
//! again.

mod attempts;
mod budgets;
mod claim;
pub mod health;
mod keeping;
mod message;
mod outcome;
mod road;
mod standing;
mod voice;

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use shared::platform::Platform;
use shared::platform::base_url::BaseUrl;
use shared::platform::config::Source;
use shared::platform::table::{Table, epoch, owner_id};
use shared::rules::journal::{Entry, Stage};
use shared::rules::limits::Counted;
use shared::rules::met::Repeat;
use shared::rules::phone::{self, Countries, E164};
use shared::rules::sms::ReceiptRequest;
use shared::services::providers::{Name, Provider};
use shared::services::routes::{Routes, Senders};
use tokio::time::Instant;

use attempts::{Attempts, patience};
use budgets::Limits;
use claim::Claim;
use health::{Health, Untold};
use keeping::{Keeping, Sealing, sealed, while_sealing};
pub(crate) use message::{Asker, Message, hash, number, unfit};
pub(crate) use outcome::{Delivery, Outcome};
use standing::Standing;
use voice::Calls;

/// An entrance keeps this time free after the deadline, for the closing write and the answer.
pub(crate) const RESERVE: Duration = Duration::from_secs(1);

const LATE: &str = "no answer in time";

/// The settings and clients for deliveries.
pub(crate) struct Gateway {
    table: Table,
    /// Where delivery receipts go; `None` if no text asks for one.
    delivery_url: Option<BaseUrl>,
    /// `None`: no text is kept for another provider.
    keeping: Option<Keeping>,
    calls: Calls,
    providers: HashMap<Name, Provider>,
    untold: Untold,
    standing: Standing,
    rules: Rules,
}

struct Rules {
    routes: Routes,
    senders: Senders,
    countries: Countries,
    limits: Limits,
    cooldown: u64,
    go_on_after_unknown: bool,
}

impl Rules {
    fn read(source: &mut Source<'_>) -> Self {
        let senders = Senders::read(source);
        let our_number = senders.find(Name::Twilio);
        let our_number: Option<E164> = our_number.and_then(|from| from.parse().ok());
        let countries = phone::allowed_countries(source, our_number.as_ref());
        Self {
            routes: Routes::read(source),
            senders,
            limits: Limits::read(source, countries.are_several()),
            countries,
            cooldown: source.number("RESEND_COOLDOWN_SECONDS", 30, 1..=3_600),
            go_on_after_unknown: source
                .choice("ON_UNKNOWN", &[("stop", false), ("failover", true)]),
        }
    }
}

impl Gateway {
    pub(crate) fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        let rules = Rules::read(source);
        let delivery_url = source.optional_base_url("DELIVERY_URL");
        let keeping = Keeping::read(platform, source, delivery_url.as_ref());
        let calls = Calls::read(source, keeping.is_some());
        let used = rules.routes.used().into_iter().chain(calls.used());
        let connect = |name| (name, Provider::read(name, platform, source));
        Self {
            providers: used.map(connect).collect(),
            table: platform.table.clone(),
            keeping,
            calls,
            delivery_url,
            rules,
            untold: Untold::default(),
            standing: Standing::read(source),
        }
    }

    pub(crate) async fn warm_up(&self, now: SystemTime) {
        let providers = self.providers.values();
        join_all(providers.map(|provider| provider.warm_up(now))).await;
    }

    /// Delivers a text. No attempt goes on after `deadline`. A copy within the cooldown is not sent
    /// again.
    pub(crate) async fn deliver(
        &self,
        message: &Message,
        deadline: Instant,
        now: SystemTime,
    ) -> Delivery {
        self.deliver_once_in(Duration::ZERO, message, deadline, now)
            .await
    }

    /// As [`Gateway::deliver`]. A copy within this time is not sent again either: for callers that
    /// repeat a request after the cooldown.
    pub(crate) async fn deliver_once_in(
        &self,
        time: Duration,
        message: &Message,
        deadline: Instant,
        now: SystemTime,
    ) -> Delivery {
        let copies = (time, Repeat::AfterFailure);
        self.take(copies, message, deadline, now).await
    }

    /// As [`Gateway::deliver_once_in`]. A copy is not sent after a failure either: for callers that
    /// then do without us.
    pub(crate) async fn deliver_or_fail_once_in(
        &self,
        time: Duration,
        message: &Message,
        deadline: Instant,
        now: SystemTime,
    ) -> Delivery {
        let copies = (time, Repeat::Never);
        self.take(copies, message, deadline, now).await
    }

    async fn take(
        &self,
        (time, repeat): (Duration, Repeat),
        message: &Message,
        deadline: Instant,
        now: SystemTime,
    ) -> Delivery {
        let route = match self.route(message) {
            Ok(route) => route,
            Err(outcome) => return outcome.into(),
        };
        let remembered = time.as_secs().max(self.rules.cooldown);
        let fallback = self.calls.fallback(message);
        // With one provider no other one could send the text. Nothing follows a call.
        let is_kept = !message.by_voice && (route.len() > 1 || fallback.is_some());
        let keeping = self.keeping.as_ref().filter(|_| is_kept);
        while_sealing(keeping, message, fallback, now, async |sealing| {
            let sealing = keeping.map(|keeping| (keeping, sealing));
            self.deliver_by(route, (remembered, repeat), message, sealing, deadline, now)
                .await
        })
        .await
    }

    /// The journal's entry of a message.
    fn entry(&self, message: &Message, remembered: u64, time: Duration, now: SystemTime) -> Entry {
        let lease = epoch(now) + time.as_secs() + 2;
        let entry = Entry::new(
            &format!("code#{}", message.id),
            owner_id(),
            lease,
            // The cooldown counts from the end of a send, also if the closing write fails.
            lease + remembered,
        );
        match &self.delivery_url {
            Some(_) => entry.awaiting_receipts(&message.to, now),
            None => entry,
        }
    }

    async fn deliver_by(
        &self,
        route: &[Name],
        (remembered, repeat): (u64, Repeat),
        message: &Message,
        sealing: Option<(&Keeping, Sealing)>,
        deadline: Instant,
        now: SystemTime,
    ) -> Delivery {
        let started = Instant::now();
        let time = deadline.saturating_duration_since(started);
        let entry = self.entry(message, remembered, time, now);
        let reference = entry.reference();
        // With one provider there is no order to choose.
        let health = async {
            if route.len() > 1 {
                let health = async { in_time(deadline, Health::read(&self.table, now)).await };
                let left = deadline.saturating_duration_since(started);
                let refresh = self.standing.refresh(&self.table, left, now);
                tokio::join!(health, refresh).0.unwrap_or_default()
            } else {
                Health::default()
            }
        };
        let claim = self.claim(message, &entry, repeat, deadline, now);
        let ((claim, health), road) = road::together(
            async { tokio::join!(claim, health) },
            self.read_road(message, reference.as_ref(), now),
        )
        .await;
        let counted = match claim {
            Claim::Ours(counted) => counted,
            Claim::Ended(outcome) => return outcome.into(),
        };
        let avoided = road::avoided(route, &road);
        let known = self.standing.of(&message.to, now);
        let mut order = health.order(&known.order(route), &avoided, now);
        let broken = known.put_broken_last(&mut order);
        let receipt = ReceiptRequest::new(self.delivery_url.as_ref(), reference.as_ref());
        let time = (deadline, patience(time));
        let attempts = self.attempt(message, &health, order, receipt, time, now);
        let note = self.note_newest(message, reference.as_ref(), now);
        let mut attempts = road::beside(attempts, note).await;
        attempts.avoided = avoided;
        for name in broken {
            attempts.note_broken(name);
        }
        let outcome = attempts.outcome();
        let entry = entry.remembered_until(epoch(now + started.elapsed()) + remembered);
        let stage = outcome.stage(attempts.sender.as_deref());
        let closing = async {
            let (entry, keep) = keep(entry.clone(), sealing, &stage, &attempts).await;
            let close = self.close(message, &entry, &stage, &counted, now);
            let record = async {
                if route.len() > 1 {
                    let now = now + started.elapsed();
                    self.record_health(&health, &attempts, now).await;
                }
            };
            tokio::join!(close, record, keep).0
        };
        let count = self.count_sent(&entry, &stage, now + started.elapsed());
        let (closed, ()) = tokio::join!(in_time(deadline, closing), count);
        let error = closed.map_or(Some(LATE.to_owned()), Result::err);
        if let Some(error) = error {
            // Return the answer of the provider anyway. Until the cooldown ends the entry reads as
            // unknown, and nothing is sent.
            tracing::error!(error, "a closing write failed");
        }
        Delivery {
            outcome,
            attempts: Some(attempts),
            is_half_of_budget_used: budgets::is_half_used(&counted),
        }
    }

    /// Writes the outcome. Gives the counts back, or makes the number a known one.
    async fn close(
        &self,
        message: &Message,
        entry: &Entry,
        stage: &Stage,
        counted: &Counted,
        now: SystemTime,
    ) -> Result<(), String> {
        let settle = entry.settle(&self.table, stage);
        let settled = match stage {
            Stage::Failed => {
                // Give the counts back first: an instance that waits for a failure counts anew.
                counted.give_back(&self.table).await;
                settle.await
            }
            Stage::Sent { .. } if !message.by_voice => {
                let limits = &self.rules.limits;
                let remember = limits.remember(message, counted, &self.table, now);
                // A failure only means that this number does not become a known number.
                tokio::join!(settle, remember).0
            }
            // The SMS may have been sent, or the number cannot receive SMS. Such a code stays
            // counted: each one harms our standing with the provider, so made-up numbers must reach
            // a limit.
            _ => settle.await,
        };
        settled.map_err(|error| error.to_string())
    }

    async fn record_health(&self, health: &Health, attempts: &Attempts, now: SystemTime) {
        let verdicts = attempts.verdicts.iter();
        let records = verdicts
            .map(|(name, works)| health.record(*name, *works, &self.untold, &self.table, now));
        if let Some(error) = join_all(records).await.into_iter().find_map(Result::err) {
            tracing::warn!(%error, "a provider's health could not be noted");
        }
    }
}

/// Has the entry say where the text of an accepted send is kept. Returns the write that keeps it.
async fn keep(
    entry: Entry,
    sealing: Option<(&Keeping, Sealing)>,
    stage: &Stage,
    attempts: &Attempts,
) -> (Entry, impl Future<Output = ()>) {
    let is_sent = matches!(stage, Stage::Sent { .. });
    let kept = match sealing.filter(|_| is_sent) {
        Some((keeping, sealing)) => sealed(sealing).await.map(|sealed| (keeping, sealed)),
        None => None,
    };
    let entry = match &kept {
        Some((_, sealed)) => entry.keeping(sealed, attempts.have_it()),
        None => entry,
    };
    let write = async move {
        if let Some((keeping, sealed)) = kept {
            keeping.keep(&sealed).await;
        }
    };
    (entry, write)
}

/// Does work with the table, which must end with the answer: half of the reserve after the
/// deadline. `None`: it took longer.
async fn in_time<T>(deadline: Instant, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout_at(deadline + RESERVE / 2, work)
        .await
        .ok()
}
