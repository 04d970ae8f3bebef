//! Sends a code that did not arrive through the next provider of its route. With
//! `FALLBACK_CHANNEL=voice` a call reads it out after the last one.
//!
//! [`rules::failover`](shared::rules::failover) decides, and claims the one attempt at each provider.
//! A receipt starts this, and the run of the schedule, which also finds the codes of which nothing
//! is heard and those whose receipt met a crash.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::join_all;
use shared::platform::Platform;
use shared::platform::base_url::BaseUrl;
use shared::platform::config::Source;
use shared::platform::table::{Table, Unavailable, epoch, owner_id};
use shared::rules::delivery::Reference;
use shared::rules::failover::{self, Accepted, Action, Roads, Standing};
use shared::rules::kept::{self, Found, Text, Vault};
use shared::rules::limits::Counted;
use shared::rules::phone::E164;
use shared::rules::scoreboard::{self, Event, Line};
use shared::rules::sms::{Outbound, ReceiptRequest, SendError};
use shared::rules::voice::{Channel, Speech};
use shared::services::providers::{Name, Provider};
use shared::services::routes::{Routes, Senders};
use shared::services::voice::Voice;

/// The longest attempt.
const PATIENCE: Duration = Duration::from_secs(5);
/// With less time than this, an attempt is left to the next run. So its outcome can be stored.
const SHORTEST: Duration = Duration::from_secs(2);
/// Kept texts that one run looks at in each shard: 200 in all.
const MOST: i32 = 25;

/// What sends a code again.
pub(crate) struct Failover {
    table: Table,
    vault: Vault,
    routes: Routes,
    senders: Senders,
    /// `None`: no code goes out by a call.
    voice: Option<Voice>,
    providers: HashMap<Name, Provider>,
    /// How long a receipt may take, in seconds.
    timeout: u64,
}

impl Failover {
    /// `None`: no text is kept.
    pub(crate) fn read(platform: &Platform, source: &mut Source<'_>) -> Option<Self> {
        let vault = Vault::read(platform, source);
        let senders = Senders::read(source);
        let timeout = source.number("DELIVERY_TIMEOUT_SECONDS", 20, 5..=300);
        let voice = Voice::read(source);
        let is_fallback = Voice::is_fallback(voice.as_ref(), vault.is_some(), source);
        let voice = voice.filter(|_| is_fallback);
        let vault = vault?;
        let routes = Routes::read(source);
        let calls = voice.iter().flat_map(Voice::order).copied();
        let used = routes.used().into_iter().chain(calls);
        let connect = |name| (name, Provider::read(name, platform, source));
        Some(Self {
            table: platform.table.clone(),
            vault,
            providers: used.map(connect).collect(),
            routes,
            voice,
            senders,
            timeout,
        })
    }

    pub(crate) async fn warm_up(&self, now: SystemTime) {
        let providers = self.providers.values();
        join_all(providers.map(|provider| provider.warm_up(now))).await;
    }

    /// Deletes the kept text of a code.
    pub(crate) async fn forget(&self, reference: &Reference, name: &str) {
        if let Err(error) = self.vault.forget(reference, name).await {
            tracing::warn!(%error, "a kept text could not be deleted; it ends with its code");
        }
    }

    /// Sends a code to the next provider, if that is due. Returns the provider that took it.
    pub(crate) async fn pursue(
        &self,
        reference: &Reference,
        deadline: Instant,
        now: SystemTime,
    ) -> Result<Option<Name>, Unavailable> {
        let begun = Instant::now();
        let mut opened: Option<(Text, E164)> = None;
        let mut took_it = None;
        loop {
            let now = now + begun.elapsed();
            let Some(code) = failover::read(reference, &self.table, now).await? else {
                return Ok(took_it);
            };
            match self.next(&code, opened.as_ref(), now) {
                Action::Wait => return Ok(took_it),
                Action::Forget => {
                    self.forget(reference, &code.kept).await;
                    return Ok(took_it);
                }
                Action::Send(_) => {}
            }
            if opened.is_none() {
                opened = self.open(reference, &code, now).await?;
            }
            let Some((text, number)) = &opened else {
                return Ok(took_it);
            };
            // Only the number tells the route.
            let Action::Send(word) = self.next(&code, opened.as_ref(), now) else {
                continue;
            };
            let Some((name, provider)) = self.find(word) else {
                return Ok(took_it);
            };
            if deadline.saturating_duration_since(Instant::now()) < SHORTEST {
                return Ok(took_it);
            }
            let sent = self.attempt(
                reference,
                &code,
                (text, number),
                (name, provider),
                deadline,
                now,
            );
            match sent.await? {
                Outcome::Accepted => took_it = Some(name),
                Outcome::Refused => {}
                Outcome::Over => {
                    self.forget(reference, &code.kept).await;
                    return Ok(took_it);
                }
                Outcome::Elsewhere => return Ok(took_it),
            }
        }
    }

    /// What follows. While the text is not opened, every provider counts as one of its route.
    fn next(
        &self,
        code: &Standing,
        opened: Option<&(Text, E164)>,
        now: SystemTime,
    ) -> Action<'static> {
        let texts: Vec<Name> = match opened {
            None => Name::of(Channel::Sms).collect(),
            Some((_, number)) => self.routes.find(number).to_vec(),
        };
        let may_call = |voice: &&Voice| {
            opened.is_none_or(|(text, number)| text.speech.is_some() && voice.allows(number))
        };
        let calls = self.voice.as_ref().filter(may_call);
        let calls = calls.map_or(&[][..], Voice::order);
        let roads = Roads {
            texts: &words(&texts),
            calls: &words(calls),
        };
        failover::next(code, roads, self.timeout, epoch(now))
    }

    fn find(&self, word: &str) -> Option<(Name, &Provider)> {
        let name = word.parse().ok()?;
        Some((name, self.providers.get(&name)?))
    }

    async fn open(
        &self,
        reference: &Reference,
        code: &Standing,
        now: SystemTime,
    ) -> Result<Option<(Text, E164)>, Unavailable> {
        let text = self.vault.open(reference, &code.kept, now).await?;
        Ok(text.and_then(|text| {
            let number = text.to.parse().ok()?;
            Some((text, number))
        }))
    }

    async fn attempt(
        &self,
        reference: &Reference,
        code: &Standing,
        (text, number): (&Text, &E164),
        (name, provider): (Name, &Provider),
        deadline: Instant,
        now: SystemTime,
    ) -> Result<Outcome, Unavailable> {
        let owner = owner_id();
        // `log` sends no receipts, and `log` is a reserved word in a condition.
        let names = Name::ALL.into_iter().filter(|name| *name != Name::Log);
        let names: Vec<&str> = names.map(Name::word).collect();
        let ends = match name.channel() {
            Channel::Sms => &failover::NO_TEXT_AFTER[..],
            Channel::Voice => &failover::NOTHING_AFTER,
        };
        let (ends, table) = ((ends, &names[..]), (&self.table, now));
        let claim = failover::claim(reference, code, name.word(), &owner, ends, table);
        let claimed = match claim.await {
            Ok(false) => return Ok(Outcome::Elsewhere),
            // A newer code may have come since the code was read.
            Ok(true) => failover::is_newest(reference, code, &self.table, now).await,
            // It may have been written.
            Err(error) => Err(error),
        };
        if !matches!(claimed, Ok(true)) {
            failover::give_back(reference, name.word(), &owner, &self.table).await?;
            return claimed.map(|_| Outcome::Over);
        }
        if deadline.saturating_duration_since(Instant::now()) < SHORTEST {
            failover::give_back(reference, name.word(), &owner, &self.table).await?;
            return Ok(Outcome::Elsewhere);
        }
        let speech = text.speech.as_ref();
        let speech = speech.filter(|_| name.channel() == Channel::Voice);
        let call = match self.voice.as_ref().zip(speech) {
            Some((voice, speech)) => {
                let counted = voice
                    .count(number, reference.as_str(), &self.table, now)
                    .await;
                if counted.error.is_some() || !counted.full.is_empty() {
                    tracing::warn!(limit = counted.refused(), "a code did not go out by a call");
                    counted.give_back(&self.table).await;
                    failover::settle(reference, &owner, None, &self.table).await?;
                    return Ok(Outcome::Over);
                }
                Some(Call {
                    speech,
                    sender: voice.sender(name),
                    counted,
                })
            }
            None => None,
        };
        let url: Option<BaseUrl> = text.receipts.parse().ok();
        let sender = match &call {
            Some(call) => call.sender,
            None => self.senders.find(name).or(text.from.as_deref()),
        };
        let speech = call.as_ref().map(|call| call.speech);
        let sms = Outbound {
            to: number,
            from: sender,
            body: speech.map_or(&text.body, |speech| &speech.words),
            life: Some(Duration::from_secs(text.ends_at.saturating_sub(epoch(now)))),
            holds_code: true,
            language: speech.map(|speech| speech.language.as_str()),
            receipt: ReceiptRequest::new(url.as_ref(), Some(reference)),
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let within = left.saturating_sub(Duration::from_secs(1)).min(PATIENCE);
        let receipt = match provider.send(&sms, now, within).await {
            Ok(receipt) => receipt,
            Err(SendError::Unknown) => {
                tracing::warn!(
                    provider = name.word(),
                    "a second attempt has an unknown outcome"
                );
                return Ok(Outcome::Over);
            }
            Err(error) => {
                tracing::warn!(provider = name.word(), %error, "a second attempt was refused");
                if let Some(call) = &call {
                    call.counted.give_back(&self.table).await;
                }
                failover::settle(reference, &owner, None, &self.table).await?;
                let is_final = matches!(
                    error,
                    SendError::Refused {
                        recipient: true,
                        ..
                    }
                );
                return Ok(if is_final {
                    Outcome::Over
                } else {
                    Outcome::Refused
                });
            }
        };
        let accepted = Accepted {
            provider: name.word(),
            id: receipt.id.as_deref(),
            follows: code.sid.as_deref(),
            sender,
        };
        let line = Line {
            provider: name.word().to_owned(),
            region: code.region.clone(),
            sender: sender.unwrap_or("-").to_owned(),
        };
        let (settled, counted) = tokio::join!(
            failover::settle(reference, &owner, Some(&accepted), &self.table),
            scoreboard::count(&line, reference, Event::Sent, &self.table, now)
        );
        if let Err(error) = counted {
            tracing::warn!(%error, "a sent text was not counted");
        }
        settled?;
        Ok(Outcome::Accepted)
    }

    /// Goes through the kept texts that are old enough, the oldest first. Returns how many codes
    /// were sent again.
    pub(crate) async fn sweep(
        &self,
        deadline: Instant,
        now: SystemTime,
    ) -> Result<u64, Unavailable> {
        let before = (epoch(now) + 1).saturating_sub(self.timeout);
        let shards = (0..kept::SHARDS).map(async |shard| {
            let mut sent = 0;
            for found in self.vault.oldest(shard, before, MOST).await? {
                if deadline.saturating_duration_since(Instant::now()) < SHORTEST {
                    break;
                }
                sent += u64::from(self.look_at(&found, deadline, now).await?);
            }
            Ok(sent)
        });
        let results: Vec<Result<u64, Unavailable>> = join_all(shards).await;
        results.into_iter().sum()
    }

    async fn look_at(
        &self,
        found: &Found,
        deadline: Instant,
        now: SystemTime,
    ) -> Result<bool, Unavailable> {
        let reference = &found.reference;
        let is_over = found.ends_at <= epoch(now);
        if !is_over {
            match failover::read(reference, &self.table, now).await? {
                Some(code) if code.kept == found.name => {
                    return Ok(self.pursue(reference, deadline, now).await?.is_some());
                }
                // The gateway may be about to store the send.
                None => return Ok(false),
                // The same text has been sent anew since.
                Some(_) => {}
            }
        }
        self.forget(reference, &found.name).await;
        Ok(false)
    }
}

/// A call that reads a code out.
struct Call<'a> {
    speech: &'a Speech,
    sender: Option<&'a str>,
    counted: Counted,
}

fn words(names: &[Name]) -> Vec<&'static str> {
    names.iter().map(|name| name.word()).collect()
}

/// How an attempt ended.
enum Outcome {
    /// The provider took it.
    Accepted,
    /// Certainly not sent; another provider may.
    Refused,
    /// Nobody may send it any more: it may have been sent, or the number cannot receive it.
    Over,
    /// The claim was refused.
    Elsewhere,
}
