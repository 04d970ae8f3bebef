//! The people at the page's phones: they hear, press keys, speak, answer and hang up.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, Weak},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{App, moment};
use crate::{
    twilio::{HungUp, Moment, Party, Rang},
    twiml::{Gather, Record},
    wire::lock,
};

/// How fast a voice speaks, characters a second.
const VOICE: f64 = 12.0;
/// The pause after a spoken text.
const BREATH: Duration = Duration::from_secs(1);
/// Maximum time for typing a message after the beep.
const TYPING: Duration = Duration::from_mins(2);
/// The longest conversation.
const LONGEST: Duration = Duration::from_hours(1);
/// The most keys that wait to be taken.
const MOST_KEYS: usize = 64;

/// The lines of the page.
pub(super) struct Lines {
    app: Weak<App>,
    calls: Mutex<HashMap<String, Arc<Line>>>,
}

/// One call at the page.
#[derive(Default)]
struct Line {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is its own fact about the call"
)]
struct State {
    fast: bool,
    hung_up: bool,
    /// The last step that is spoken, and when it will have been.
    speech: Option<(usize, Instant)>,
    keys: String,
    keyed: Option<Instant>,
    /// True if the last `<Gather>` had enough keys without the key that ends the input. A person
    /// may press that key nevertheless.
    counted: bool,
    /// True while a message is awaited.
    beep: bool,
    message: Option<(String, Option<char>)>,
    /// True while a phone rings.
    rings: bool,
    answer: Option<bool>,
    /// True while a conversation is held.
    talks: bool,
    callee_hung_up: bool,
}

impl Lines {
    pub(super) fn new(app: &Weak<App>) -> Self {
        Self {
            app: Weak::clone(app),
            calls: Mutex::default(),
        }
    }

    fn line(&self, call: &str) -> Arc<Line> {
        Arc::clone(lock(&self.calls).entry(call.to_owned()).or_default())
    }

    /// The line of a call in progress.
    fn open_line(&self, call: &str) -> Option<Arc<Line>> {
        lock(&self.calls).get(call).cloned()
    }

    pub(super) fn begin(&self, call: &str, fast: bool) {
        lock(&self.line(call).state).fast = fast;
    }

    pub(super) fn end(&self, call: &str) {
        lock(&self.calls).remove(call);
    }

    /// The number of calls in progress.
    pub(super) fn count(&self) -> usize {
        lock(&self.calls).len()
    }

    /// Step `n` is spoken now.
    pub(super) fn says(&self, call: &str, n: usize, text: &str) {
        let Some(line) = self.open_line(call) else {
            return;
        };
        let mut state = lock(&line.state);
        let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let takes = BREATH + Duration::from_secs_f64(f64::from(length) / VOICE);
        let now = Instant::now();
        let begins = state.speech.map_or(now, |(_, until)| until.max(now));
        state.speech = Some((n, begins + takes));
    }

    /// What a person does in a call. The error says why it is not possible.
    pub(super) fn act(&self, call: &str, deed: Deed) -> Result<(), &'static str> {
        let line = self
            .open_line(call)
            .ok_or("The call has ended, or this page is no side of it.")?;
        let mut state = lock(&line.state);
        match deed {
            Deed::Heard(step) => {
                if let Some((last, until)) = &mut state.speech
                    && *last <= step
                {
                    *until = Instant::now().min(*until);
                }
            }
            Deed::Keys(keys) => {
                if state.keys.len() + keys.len() > MOST_KEYS {
                    return Err("Too many keys wait already.");
                }
                state.keys.push_str(&keys);
                state.keyed = Some(Instant::now());
            }
            Deed::Message(text, key) => {
                if !state.beep {
                    return Err("Nothing is recorded now.");
                }
                state.message = Some((text, key));
            }
            Deed::Answer(answer) => {
                if !state.rings {
                    return Err("No phone rings in this call.");
                }
                state.answer = Some(answer);
            }
            Deed::HangUp => state.hung_up = true,
            Deed::CalleeHangsUp => {
                if !state.talks {
                    return Err("Nobody has answered.");
                }
                state.callee_hung_up = true;
            }
        }
        drop(state);
        line.changed.notify_waiters();
        Ok(())
    }

    /// Waits until `look` finds something. `look` gets the state and may set a deadline for the
    /// next look.
    async fn wait<T>(
        line: &Line,
        mut look: impl FnMut(&mut State, &mut Option<Instant>) -> Option<T>,
    ) -> T {
        loop {
            let changed = line.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let mut until = None;
            if let Some(found) = look(&mut lock(&line.state), &mut until) {
                return found;
            }
            match until {
                Some(until) => {
                    tokio::select! { () = changed => {}, () = tokio::time::sleep_until(until.into()) => {} }
                }
                None => changed.await,
            }
        }
    }

    fn waiting(&self, call: &str, waiting: Value) {
        if let Some(app) = self.app.upgrade() {
            app.call_waits(call, waiting);
        }
    }
}

/// The moment after this time, as the page gets it.
fn after(left: Duration) -> u64 {
    moment() + u64::try_from(left.as_millis()).unwrap_or_default()
}

/// What a person does.
pub(super) enum Deed {
    /// Everything up to this step has been spoken.
    Heard(usize),
    Keys(String),
    /// A message, and the key after it.
    Message(String, Option<char>),
    Answer(bool),
    HangUp,
    CalleeHangsUp,
}

impl State {
    /// When everything has been spoken; `None`: it has.
    fn speech_left(&self, now: Instant) -> Option<Instant> {
        let (_, until) = self.speech?;
        (!self.fast && until > now).then_some(until)
    }

    /// The keys of a `<Gather>`, if they are complete.
    fn complete(&mut self, gather: &Gather) -> Option<String> {
        if self.counted && !self.keys.is_empty() {
            self.counted = false;
            if gather
                .finish_on_key
                .is_some_and(|key| self.keys.starts_with(key))
            {
                self.keys.remove(0);
            }
        }
        let finish = gather.finish_on_key.and_then(|key| self.keys.find(key));
        let enough = gather
            .num_digits
            .filter(|digits| self.keys.len() >= *digits);
        let end = match (finish, enough) {
            (Some(at), Some(digits)) if at >= digits => digits,
            (Some(at), _) => at + 1,
            (None, Some(digits)) => digits,
            (None, None) => return None,
        };
        self.counted = finish.is_none_or(|at| at >= end);
        Some(self.keys.drain(..end).collect())
    }
}

impl Party for Lines {
    fn hears<'a>(&'a self, call: &'a str) -> Moment<'a, Result<(), HungUp>> {
        Box::pin(async move {
            let line = self.line(call);
            Self::wait(&line, |state, until| {
                if state.hung_up {
                    return Some(Err(HungUp));
                }
                *until = state.speech_left(Instant::now());
                // Keys end a prompt.
                (until.is_none() || !state.keys.is_empty()).then_some(Ok(()))
            })
            .await
        })
    }

    fn presses<'a>(
        &'a self,
        call: &'a str,
        gather: &'a Gather,
    ) -> Moment<'a, Result<String, HungUp>> {
        Box::pin(async move {
            let line = self.line(call);
            let begun = Instant::now();
            let patience = Duration::from_secs(gather.timeout.into());
            let mut told = None;
            let keys = Self::wait(&line, |state, until| {
                if state.hung_up {
                    return Some(Err(HungUp));
                }
                if gather.keys && let Some(keys) = state.complete(gather) {
                    return Some(Ok(keys));
                }
                let now = Instant::now();
                let spoken = state.speech_left(now);
                let silent = spoken.or(state.speech.map(|(_, until)| until)).unwrap_or(begun);
                let silent = if state.fast { begun } else { silent.max(begun) };
                let quiet = state.keyed.map_or(silent, |keyed| keyed.max(silent));
                let end = quiet + patience;
                if now >= end {
                    return Some(Ok(std::mem::take(&mut state.keys)));
                }
                *until = Some(end);
                if told != Some(end) {
                    told = Some(end);
                    let waiting = json!({
                        "for": "keys", "step": state.speech.map(|(step, _)| step), "digits": gather.num_digits,
                        "finish": gather.finish_on_key, "until": after(end - now),
                    });
                    self.waiting(call, waiting);
                }
                None
            })
            .await;
            self.waiting(call, Value::Null);
            keys
        })
    }

    fn speaks<'a>(
        &'a self,
        call: &'a str,
        record: &'a Record,
    ) -> Moment<'a, Result<(u32, Option<char>), HungUp>> {
        Box::pin(async move {
            let line = self.line(call);
            lock(&line.state).beep = true;
            let end = Instant::now() + TYPING;
            self.waiting(
                call,
                json!({
                    "for": "message", "step": null, "digits": null,
                    "finish": record.finish_on_key.chars().next(), "until": after(TYPING),
                }),
            );
            let spoken = Self::wait(&line, |state, until| {
                if let Some((text, key)) = state.message.take() {
                    let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
                    return Some(Ok((length.div_ceil(15).max(1), key)));
                }
                if state.hung_up {
                    return Some(Err(HungUp));
                }
                *until = Some(end);
                (Instant::now() >= end).then_some(Ok((0, None)))
            })
            .await;
            lock(&line.state).beep = false;
            self.waiting(call, Value::Null);
            spoken
        })
    }

    fn rings<'a>(&'a self, call: &'a str, number: &'a str, timeout: u32) -> Moment<'a, Rang> {
        Box::pin(async move {
            let line = self.line(call);
            let patience = Duration::from_secs(timeout.into());
            let end = Instant::now() + patience;
            {
                let mut state = lock(&line.state);
                (state.rings, state.answer, state.callee_hung_up) = (true, None, false);
            }
            self.waiting(
                call,
                json!({
                    "for": "answer", "step": null, "digits": null, "finish": null,
                    "number": number, "until": after(patience),
                }),
            );
            let rang = |status, seconds, caller_gone| Rang {
                status,
                seconds,
                caller_gone,
            };
            let answer = Self::wait(&line, |state, until| {
                *until = Some(end);
                match state.answer.take() {
                    _ if state.hung_up => Some(Err(rang("canceled", 0, true))),
                    Some(true) => Some(Ok(())),
                    Some(false) => Some(Err(rang("busy", 0, false))),
                    None if Instant::now() >= end => Some(Err(rang("no-answer", 0, false))),
                    None => None,
                }
            })
            .await;
            {
                let mut state = lock(&line.state);
                (state.rings, state.talks) = (false, answer.is_ok());
            }
            self.waiting(call, Value::Null);
            if let Err(unanswered) = answer {
                return unanswered;
            }
            if let Some(app) = self.app.upgrade() {
                app.call_talks(call);
            }
            let begun = Instant::now();
            let caller_gone = Self::wait(&line, |state, until| {
                *until = Some(begun + LONGEST);
                if begun.elapsed() >= LONGEST || state.callee_hung_up {
                    return Some(false);
                }
                state.hung_up.then_some(true)
            })
            .await;
            lock(&line.state).talks = false;
            let seconds = u32::try_from(begun.elapsed().as_secs()).unwrap_or(u32::MAX);
            rang("completed", seconds.max(1), caller_gone)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twiml::{VoiceVerb, voice};

    fn gather(attributes: &str) -> Gather {
        let document = format!("<Response><Gather {attributes}/></Response>");
        match voice(&document).unwrap().remove(0) {
            VoiceVerb::Gather(gather) => gather,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn keys_go_to_one_gather_each() {
        let (account, pin) = (gather(""), gather("numDigits='4'"));
        let mut state = State::default();
        state.keys.push_str("100");
        assert_eq!(state.complete(&account), None);
        state.keys.push_str("42#27");
        assert_eq!(state.complete(&account).as_deref(), Some("10042#"));
        assert_eq!(state.complete(&pin), None);
        state.keys.push_str("18#");
        assert_eq!(state.complete(&pin).as_deref(), Some("2718"));
        // The key after the PIN is not the answer to the next question.
        let menu = gather("numDigits='1'");
        assert_eq!(state.complete(&menu), None);
        state.keys.push('1');
        assert_eq!(state.complete(&menu).as_deref(), Some("1"));
        state.keys.push_str("2#");
        assert_eq!(state.complete(&menu).as_deref(), Some("2"));
    }
}
