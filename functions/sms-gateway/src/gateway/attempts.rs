//! Tries the providers of a route until one has accepted the text, or may have accepted it.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use shared::platform::reply::Reply;
use shared::rules::sms::{Outbound, Receipt, ReceiptRequest, SendError};
use shared::services::providers::{Name, Provider};
use tokio::time::Instant;

use super::health::{Health, PATIENCE, Trial};
use super::message::Message;
use super::outcome::Outcome;
use super::{Gateway, in_time};

/// With less time than this our own timeout could cut off an accepted request, and its outcome
/// would be unknown.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(900);
/// The claim before the attempts usually takes less.
const CLAIM_TIME: Duration = Duration::from_millis(200);
/// How inaccurate a timer may be.
const TICK: Duration = Duration::from_millis(50);

/// The results of all attempts for one message.
#[derive(Default)]
pub(super) struct Attempts {
    tried: Vec<Name>,
    /// Whether a provider works, for its health.
    pub(super) verdicts: Vec<(Name, bool)>,
    /// Broken providers, which are tried last for now.
    broken: Vec<Name>,
    /// Providers that failed the number's earlier codes. They are tried after the others.
    pub(super) avoided: Vec<Name>,
    errors: Vec<String>,
    pub(super) receipt: Option<(Name, Receipt)>,
    /// The sender of the accepted text.
    pub(super) sender: Option<String>,
    recipient_refused: bool,
    not_allowed: bool,
    unknown: bool,
    /// Providers that have or may have the text.
    have_it: Vec<Name>,
    without_secret: usize,
}

impl Attempts {
    pub(super) fn note_broken(&mut self, name: Name) {
        if !self.broken.contains(&name) {
            self.broken.push(name);
        }
    }

    /// The names of the providers that have or may have the text.
    pub(super) fn have_it(&self) -> Vec<String> {
        self.have_it.iter().map(ToString::to_string).collect()
    }

    /// The caller waits no longer, or the code's life ends.
    fn note_no_time(&mut self, name: Name) {
        self.errors
            .push(format!("{name}: not asked, too little time was left"));
    }

    pub(super) fn outcome(&self) -> Outcome {
        match &self.receipt {
            Some((name, receipt)) => Outcome::Sent {
                provider: Some(name.to_string()),
                receipt: receipt.id.clone(),
                duplicate: false,
            },
            // After an unknown outcome a later rejection proves nothing: the SMS may have been
            // sent.
            None if self.unknown => Outcome::Unknown { cause: None },
            None if self.not_allowed => Outcome::CountryNotAllowed,
            None if self.recipient_refused => Outcome::RecipientRefused,
            None if self.without_secret == self.tried.len() && !self.tried.is_empty() => {
                Outcome::NoCredentials
            }
            None => Outcome::AllRefused,
        }
    }

    pub(super) fn log(&self, mut reply: Reply) -> Reply {
        if !self.broken.is_empty() {
            reply = reply
                .field("broken", words(&self.broken))
                .metric("ProviderBroken", self.broken.len() as u64);
        }
        if !self.avoided.is_empty() {
            reply = reply
                .field("avoided", words(&self.avoided))
                .metric("ProviderAvoided", self.avoided.len() as u64);
        }
        if self.tried.len() > 1 {
            reply = reply.metric("ProviderFailover", self.tried.len() as u64 - 1);
        }
        if !self.errors.is_empty() {
            reply = reply.field("error", self.errors.join("; "));
        }
        reply
    }
}

fn words(names: &[Name]) -> String {
    let words: Vec<&str> = names.iter().map(|name| name.word()).collect();
    words.join(",")
}

/// What one provider answered.
enum Answer {
    Accepted(Receipt),
    /// The number cannot receive texts.
    RecipientRefused,
    /// Our own rule at the provider forbids the text.
    NotAllowed,
    /// The provider does not take this text, which says nothing of the provider.
    TextRefused,
    Unknown,
    /// The provider did not accept the text, and would not accept another one now.
    Failing,
    NoCredentials,
}

impl Answer {
    fn of(error: &SendError) -> Self {
        match error {
            SendError::Refused {
                recipient: true, ..
            } => Self::RecipientRefused,
            SendError::Refused { .. } => Self::TextRefused,
            SendError::NotAllowed => Self::NotAllowed,
            SendError::Unknown => Self::Unknown,
            SendError::NoCredentials(_) => Self::NoCredentials,
            SendError::RateLimited { .. } | SendError::Unauthorized | SendError::Unavailable => {
                Self::Failing
            }
        }
    }

    /// Whether the provider works; `None` if the answer does not say that. `was_cut_short`: the
    /// attempt had less time than usual.
    fn verdict(&self, was_cut_short: bool) -> Option<bool> {
        match self {
            Self::Accepted(_) => Some(true),
            Self::RecipientRefused | Self::NotAllowed | Self::TextRefused | Self::NoCredentials => {
                None
            }
            Self::Unknown if was_cut_short => None,
            Self::Unknown | Self::Failing => Some(false),
        }
    }
}

/// Asks one provider. Returns its answer, and the error for the log.
async fn ask(
    provider: &Provider,
    sms: &Outbound<'_>,
    now: SystemTime,
    within: Duration,
) -> (Answer, Option<String>) {
    match provider.send(sms, now, within).await {
        Ok(receipt) => (Answer::Accepted(receipt), None),
        Err(error) => (Answer::of(&error), Some(error.to_string())),
    }
}

/// The time limit of an attempt for a caller who waits for this `time` in all. A provider that
/// hangs leaves time for the next one.
pub(super) fn patience(time: Duration) -> Duration {
    let half = time.saturating_sub(CLAIM_TIME) / 2;
    half.clamp(SHORTEST_ATTEMPT, PATIENCE)
}

impl Gateway {
    /// Tries the providers in this order. The next one is tried only if the answer proves that no SMS
    /// was accepted.
    pub(super) async fn attempt(
        &self,
        message: &Message,
        health: &Health,
        order: Vec<(Name, Trial)>,
        receipt: Option<ReceiptRequest<'_>>,
        (deadline, patience): (Instant, Duration),
        now: SystemTime,
    ) -> Attempts {
        let mut attempts = Attempts::default();
        let speech = message
            .by_voice
            .then(|| self.calls.speech(message))
            .flatten();
        let begun = Instant::now();
        let mut order = VecDeque::from(order);
        let last = order.iter().filter(|(_, trial)| *trial == Trial::Last);
        attempts.broken = last.map(|(name, _)| *name).collect();
        while let Some((name, trial)) = order.pop_front() {
            let Some(provider) = self.providers.get(&name) else {
                continue;
            };
            if trial == Trial::Probe
                && in_time(deadline, health.probe(name, &self.table, now)).await != Some(true)
            {
                attempts.note_broken(name);
                order.push_back((name, Trial::Last));
                continue;
            }
            let asked = Instant::now();
            let left = deadline.saturating_duration_since(asked);
            // The last one need not leave time for another.
            let share = if order.is_empty() { left } else { patience };
            let within = trial.patience().min(share).min(left);
            if within < SHORTEST_ATTEMPT {
                attempts.note_no_time(name);
                break;
            }
            // In whole seconds. Earlier attempts have used some of the code's life.
            let used = Duration::from_secs(begun.elapsed().as_secs());
            let life = message.life.saturating_sub(used);
            if life.is_zero() {
                attempts.note_no_time(name);
                break;
            }
            let sms = Outbound {
                to: &message.to,
                from: self.sender(message, name),
                body: speech
                    .as_ref()
                    .map_or(&message.body, |speech| &speech.words),
                life: Some(life),
                holds_code: true,
                language: speech.as_ref().map(|speech| speech.language.as_str()),
                receipt,
            };
            let (answer, error) = ask(provider, &sms, now, within).await;
            let had_less_time = within < patience || trial == Trial::Last;
            let was_cut_short = had_less_time && asked.elapsed() + TICK >= within;
            attempts.tried.push(name);
            let verdict = answer.verdict(was_cut_short);
            attempts.verdicts.extend(verdict.map(|works| (name, works)));
            let error = error.map(|error| format!("{name}: {error}"));
            attempts.errors.extend(error);
            match answer {
                Answer::Accepted(receipt) => {
                    attempts.have_it.push(name);
                    attempts.receipt = Some((name, receipt));
                    attempts.sender = sms.from.map(str::to_owned);
                    break;
                }
                Answer::RecipientRefused => {
                    attempts.recipient_refused = true;
                    break;
                }
                Answer::NotAllowed => {
                    attempts.not_allowed = true;
                    break;
                }
                Answer::Unknown => {
                    attempts.have_it.push(name);
                    attempts.unknown = true;
                    if !self.rules.go_on_after_unknown {
                        break;
                    }
                }
                Answer::NoCredentials => attempts.without_secret += 1,
                Answer::TextRefused | Answer::Failing => {}
            }
        }
        attempts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_text_says_nothing_of_its_provider() {
        for recipient in [true, false] {
            let refused = SendError::Refused {
                recipient,
                code: None,
            };
            assert_eq!(Answer::of(&refused).verdict(false), None);
        }
        for error in [
            SendError::Unknown,
            SendError::Unavailable,
            SendError::Unauthorized,
            SendError::RateLimited { after: None },
        ] {
            assert_eq!(Answer::of(&error).verdict(false), Some(false), "{error}");
        }
    }

    #[test]
    fn a_short_wait_has_time_for_two_attempts() {
        for (waits, each) in [(25_000, 8_000), (17_000, 8_000), (2_200, 1_000), (500, 900)] {
            let [waits, each] = [waits, each].map(Duration::from_millis);
            assert_eq!(patience(waits), each, "{waits:?}");
        }
    }

    #[test]
    fn an_attempt_that_was_cut_short_says_nothing_by_its_time() {
        assert_eq!(Answer::Unknown.verdict(true), None);
        assert_eq!(Answer::Failing.verdict(true), Some(false));
    }
}
