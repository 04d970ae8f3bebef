//! Calls: people call the account's numbers, the `TwiML` of the webhooks' answers is executed, and
//! phones are dialled.
//!
//! Imitates <https://www.twilio.com/docs/voice/twiml>. A call takes no real time: seconds of talk
//! are only counted. The number's status callback is called after everything else. The real one may
//! be called earlier.

use std::{
    collections::VecDeque,
    pin::Pin,
    time::{Duration, Instant},
};

use axum::http::Method;
use tokio::sync::watch::{self, Sender};

use super::{ACCOUNT_SID, Reply, Twilio, e164, phone::country};
use crate::{
    random,
    twiml::{self, VoiceVerb},
    wire::lock,
};

/// The caller hears this when a document cannot be fetched or executed. Then Twilio hangs up.
pub const APPLICATION_ERROR: &str = "We are sorry, an application error has occurred. Goodbye.";

/// The `From` of a withheld number (help.twilio.com/articles/223179988). No carrier accepts it as a
/// caller id.
const WITHHELD: [&str; 5] = [
    "+266696687",
    "+7378742833",
    "+2562533",
    "+8656696",
    "+86282452253",
];
/// How often a call may be forwarded before carriers end it.
const MAX_HOPS: usize = 5;
/// The caller hangs up after this many documents in one call.
const MAX_DOCUMENTS: usize = 50;
/// Seconds of talk, unless a test sets another value.
const TALK: u32 = 42;

/// What a phone does when it is called.
#[derive(Clone, Debug)]
pub(super) enum Callee {
    /// Talks for this many seconds, then hangs up.
    Answers(u32),
    /// Talks until [`Talk::hang_up`].
    Talks(Sender<Conversations>),
    Busy,
    RingsOut,
    Unreachable,
    /// Forwards every call to this number.
    Forwards(String),
}

/// Number of answered calls, and the seconds after which they end, if already known.
type Conversations = (usize, Option<u32>);

/// A phone whose calls stay in progress until this is dropped or [`Talk::hang_up`] is called.
pub struct Talk(Sender<Conversations>);

impl Talk {
    /// Waits until the phone has answered this many calls.
    pub async fn picked_up(&self, calls: usize) {
        let _ = self
            .0
            .subscribe()
            .wait_for(|(begun, _)| *begun >= calls)
            .await;
    }

    /// Ends all its calls, later ones too, as if each had lasted this many seconds.
    pub fn hang_up(&self, seconds: u32) {
        self.0.send_modify(|(_, ended)| *ended = Some(seconds));
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.0
            .send_modify(|(_, ended)| *ended = ended.or(Some(TALK)));
    }
}

/// The result of a call to one of the account's numbers.
#[derive(Clone, Debug)]
pub struct Call {
    /// `CA` and 32 hexadecimal digits.
    pub sid: String,
    /// HTTP status of the last webhook request; 0 if there was no request or no answer.
    pub status: u16,
    /// The texts spoken to the caller, in order. They include prompts and [`APPLICATION_ERROR`].
    pub heard: Vec<String>,
    /// All executed `<Dial>` verbs, in order.
    pub dialled: Vec<Dialled>,
    /// The caller's recordings, in order.
    pub recordings: Vec<Recording>,
    /// All documents from the webhooks, in order. If the caller had hung up, the last one was not
    /// executed.
    pub documents: Vec<String>,
    /// Number of webhook requests with retries, without those to the status callback.
    pub requests: u32,
    /// True if the call was answered. `<Reject>`, `<Redirect>` and an unanswered
    /// `<Dial answerOnBridge>` leave it ringing.
    pub answered: bool,
    /// How it ended.
    pub ended: Ended,
    /// HTTP status of the status callback's answer; 0 if there is no callback or no answer.
    pub told: u16,
    /// Why Twilio ended the call: the reason of `<Reject>` or the text of the alert.
    pub refused: Option<String>,
    /// Time from the first request to the last answer.
    pub took: Duration,
}

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// `<Hangup>`, or the end of the document.
    HungUpByUs,
    /// The caller.
    CallerHungUp,
    /// `<Reject>`.
    Rejected,
    /// A document could not be fetched or executed.
    ApplicationError,
}

/// One `<Dial>` and its result.
#[derive(Clone, Debug)]
pub struct Dialled {
    /// The dialled number.
    pub number: String,
    /// The caller id that the phone showed.
    pub caller_id: String,
    /// `DialCallStatus`: `completed`, `busy`, `no-answer`, `failed`, `canceled`.
    pub status: &'static str,
    /// Length of the conversation, seconds.
    pub seconds: u32,
    /// Maximum length of the conversation, seconds.
    pub time_limit: u32,
    /// Maximum ringing time, seconds.
    pub timeout: u32,
    /// True if the caller's side was answered only when the phone answered.
    pub answer_on_bridge: bool,
    /// The second call, if the number is the account's own or its phone forwards to one.
    pub onward: Option<Call>,
}

/// A recording of the caller after the beep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// `RE` and 32 hexadecimal digits.
    pub sid: String,
    /// URL of the recording.
    pub url: String,
    /// Length of the recording.
    pub seconds: u32,
}

/// When a caller hangs up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HangsUp {
    Never,
    DuringGreeting,
    AfterGreeting,
    AfterKeys,
    AtTheBeep,
    /// After this many seconds of talk.
    Talking(u32),
}

/// A person who is about to call. By default the caller is patient, says nothing and presses no
/// keys.
#[derive(Clone)]
pub struct Caller<'a> {
    twilio: &'a Twilio,
    from: String,
    sid: String,
    keys: VecDeque<String>,
    message: Option<(u32, Option<char>)>,
    forwarded_from: Option<String>,
    hangs_up: HangsUp,
    /// How often the call was already forwarded.
    hops: usize,
}

impl Caller<'_> {
    /// Sets the pressed keys, one text for each `<Gather>`. An empty text presses nothing. Keys
    /// that a `<Gather>` does not take are lost.
    #[must_use]
    pub fn keys<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.keys = keys.into_iter().map(Into::into).collect();
        self
    }

    /// Speaks for this time after the first beep, then hangs up.
    #[must_use]
    pub fn records(mut self, seconds: u32) -> Self {
        self.message = Some((seconds, None));
        self
    }

    /// Speaks for this time after the first beep, then presses the key.
    #[must_use]
    pub fn records_until(mut self, seconds: u32, key: char) -> Self {
        self.message = Some((seconds, Some(key)));
        self
    }

    /// Sets the number that was called first and forwarded the call.
    #[must_use]
    pub fn forwarded_from(mut self, number: &str) -> Self {
        self.forwarded_from = Some(number.to_owned());
        self
    }

    /// Calls with this `CallSid`.
    #[must_use]
    pub fn sid(mut self, sid: &str) -> Self {
        sid.clone_into(&mut self.sid);
        self
    }

    /// Hangs up during the first spoken text. Twilio reports such a hang-up only to a status
    /// callback.
    #[must_use]
    pub fn hangs_up_during_greeting(self) -> Self {
        self.hangs(HangsUp::DuringGreeting)
    }

    /// Hangs up as soon as the call waits: while a phone rings (`canceled`), at a prompt or at a
    /// beep.
    #[must_use]
    pub fn hangs_up_after_greeting(self) -> Self {
        self.hangs(HangsUp::AfterGreeting)
    }

    /// Hangs up at the first prompt for which no keys are left.
    #[must_use]
    pub fn hangs_up_after_keys(self) -> Self {
        self.hangs(HangsUp::AfterKeys)
    }

    /// Hangs up at the first beep without a word.
    #[must_use]
    pub fn hangs_up_at_the_beep(self) -> Self {
        self.hangs(HangsUp::AtTheBeep)
    }

    /// Hangs up after this many seconds of talk, unless the other side hangs up earlier.
    #[must_use]
    pub fn hangs_up_after(self, seconds: u32) -> Self {
        self.hangs(HangsUp::Talking(seconds))
    }

    fn hangs(mut self, hangs_up: HangsUp) -> Self {
        self.hangs_up = hangs_up;
        self
    }

    /// Calls a number and waits for the end of the call. The number is the account's or that of a
    /// phone which forwards to one.
    pub async fn call(mut self, to: &str) -> Call {
        let started = Instant::now();
        let target = self.twilio.arrives_at(to, &mut self.hops);
        let number = target.map(|(number, forwarder)| {
            self.forwarded_from = forwarder.or(self.forwarded_from.take());
            number
        });
        let mut line = Line {
            call: Call {
                sid: self.sid.clone(),
                status: 0,
                heard: vec![],
                dialled: vec![],
                recordings: vec![],
                documents: vec![],
                requests: 0,
                answered: false,
                ended: Ended::ApplicationError,
                told: 0,
                refused: None,
                took: Duration::ZERO,
            },
            to: number.clone().unwrap_or_else(|| to.to_owned()),
            caller: self,
        };
        if let Some((url, method)) = number.and_then(|number| line.caller.twilio.voice_url(&number))
        {
            line.call.ended = line.run(url, method).await;
            line.tell_end().await;
        } else {
            line.call.ended = Ended::Rejected;
            line.call.refused = Some(format!("nobody answers calls to {to}"));
        }
        line.call.took = started.elapsed();
        line.keep();
        line.call
    }
}

impl Twilio {
    /// A caller with this number. Set its behaviour before [`Caller::call`].
    pub fn caller(&self, from: &str) -> Caller<'_> {
        Caller {
            twilio: self,
            from: from.to_owned(),
            sid: call_sid(),
            keys: VecDeque::new(),
            message: None,
            forwarded_from: None,
            hangs_up: HangsUp::Never,
            hops: 0,
        }
    }

    /// A person calls one of the account's numbers and waits until the other side hangs up.
    pub async fn call(&self, from: &str, to: &str) -> Call {
        self.caller(from).call(to).await
    }

    /// This phone answers from now on and hangs up after this many seconds. A phone without
    /// settings answers too, for 42 seconds.
    pub fn phone_answers(&self, number: &str, seconds: u32) {
        self.set_callee(number, Callee::Answers(seconds));
    }

    /// This phone answers from now on and talks until it is told to hang up. So several calls can
    /// be in progress at the same time.
    #[must_use]
    pub fn phone_talks(&self, number: &str) -> Talk {
        let (conversations, _) = watch::channel((0, None));
        self.set_callee(number, Callee::Talks(conversations.clone()));
        Talk(conversations)
    }

    /// This phone is busy from now on.
    pub fn phone_busy(&self, number: &str) {
        self.set_callee(number, Callee::Busy);
    }

    /// This phone rings from now on without an answer.
    pub fn phone_rings_out(&self, number: &str) {
        self.set_callee(number, Callee::RingsOut);
    }

    /// Calls to this phone fail from now on.
    pub fn phone_unreachable(&self, number: &str) {
        self.set_callee(number, Callee::Unreachable);
    }

    /// This phone forwards all calls from now on, to another phone or to one of the account's
    /// numbers.
    pub fn phone_forwards(&self, number: &str, to: &str) {
        self.set_callee(number, Callee::Forwards(to.to_owned()));
    }

    /// The parameters of the status callback for a call; `params` are those of the call's webhook.
    pub fn ended_call(
        &self,
        params: &[(String, String)],
        status: &str,
        seconds: u32,
    ) -> Vec<(String, String)> {
        ended(params, status, seconds)
    }

    /// The parameters of the webhook for a new call.
    pub fn inbound_call(&self, from: &str, to: &str) -> Vec<(String, String)> {
        inbound(&call_sid(), from, to, None)
    }

    /// Calls a webhook with these parameters, signed, and executes nothing. Returns status (0: no
    /// answer) and body.
    pub async fn post_call(&self, params: Vec<(String, String)>, url: &str) -> (u16, String) {
        let signature = self.sign(url, &params);
        self.post_call_signed(params, url, &signature).await
    }

    /// Calls a webhook with any signature and executes nothing.
    pub async fn post_call_signed(
        &self,
        params: Vec<(String, String)>,
        url: &str,
        signature: &str,
    ) -> (u16, String) {
        let mut reply = Reply::default();
        self.fetch(&mut reply, &params, url, signature, &Method::POST)
            .await;
        (reply.status, reply.body)
    }

    fn set_callee(&self, number: &str, callee: Callee) {
        lock(&self.shared.state)
            .callees
            .insert(number.to_owned(), callee);
    }

    /// URL and method of the account's number for calls.
    fn voice_url(&self, number: &str) -> Option<(String, String)> {
        let state = lock(&self.shared.state);
        let method = state.numbers.get(number)?.field("VoiceMethod").to_owned();
        Some((state.numbers.url(number, "VoiceUrl")?, method))
    }

    /// The account's number that a call to `number` reaches, if any, and the phone that forwarded
    /// it.
    fn arrives_at(&self, number: &str, hops: &mut usize) -> Option<(String, Option<String>)> {
        let (mut number, mut forwarder) = (number.to_owned(), None);
        loop {
            let state = lock(&self.shared.state);
            if state.numbers.get(&number).is_some() {
                return Some((number, forwarder));
            }
            let Some(Callee::Forwards(next)) = state.callees.get(&number).cloned() else {
                return None;
            };
            drop(state);
            *hops += 1;
            if *hops > MAX_HOPS {
                self.server.complain(format!(
                    "a call is passed on again and again, at last by {number}"
                ));
                return None;
            }
            forwarder = Some(number);
            number = next;
        }
    }

    /// The behaviour of the last phone in a chain of forwarding.
    fn callee(&self, number: &str) -> Callee {
        let state = lock(&self.shared.state);
        let mut number = number;
        for _ in 0..=MAX_HOPS {
            match state.callees.get(number) {
                Some(Callee::Forwards(next)) => number = next,
                callee => return callee.cloned().unwrap_or(Callee::Answers(TALK)),
            }
        }
        Callee::Busy
    }
}

/// The parameters of a status callback
/// (<https://www.twilio.com/docs/voice/twiml#ending-the-call-callback-requests>).
fn ended(params: &[(String, String)], status: &str, seconds: u32) -> Vec<(String, String)> {
    let more = [
        ("CallStatus", status.to_owned()),
        ("CallDuration", seconds.to_string()),
        ("Duration", seconds.div_ceil(60).to_string()),
        ("Timestamp", crate::mail::date(crate::now().as_secs())),
        ("CallbackSource", "call-progress-events".to_owned()),
        ("SequenceNumber", "0".to_owned()),
    ];
    let kept = params
        .iter()
        .filter(|(name, _)| more.iter().all(|(other, _)| other != name))
        .cloned();
    kept.chain(
        more.iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone())),
    )
    .collect()
}

fn call_sid() -> String {
    format!("CA{}", random::hex(16))
}

fn inbound(sid: &str, from: &str, to: &str, forwarded_from: Option<&str>) -> Vec<(String, String)> {
    let token = format!(
        "{{\"parentCallInfoToken\":\"{}\",\"identityHeaderTokens\":[]}}",
        random::hex(24)
    );
    let mut pairs = vec![
        ("AccountSid", ACCOUNT_SID),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", sid),
        ("CallStatus", "ringing"),
        ("CallToken", &token),
        ("Direction", "inbound"),
    ];
    for (names, number) in [
        (
            ["From", "FromCity", "FromState", "FromZip", "FromCountry"],
            from,
        ),
        (
            [
                "Caller",
                "CallerCity",
                "CallerState",
                "CallerZip",
                "CallerCountry",
            ],
            from,
        ),
        (["To", "ToCity", "ToState", "ToZip", "ToCountry"], to),
        (
            [
                "Called",
                "CalledCity",
                "CalledState",
                "CalledZip",
                "CalledCountry",
            ],
            to,
        ),
    ] {
        pairs.extend(names.into_iter().zip([number, "", "", "", country(number)]));
    }
    pairs.extend(forwarded_from.map(|number| ("ForwardedFrom", number)));
    if from.starts_with("+1") {
        pairs.push(("StirVerstat", "TN-Validation-Passed-A"));
    }
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Makes a call inside a call.
fn pass_on(caller: Caller<'_>, number: String) -> Pin<Box<dyn Future<Output = Call> + Send + '_>> {
    Box::pin(async move { caller.call(&number).await })
}

/// A request for a document, with the parameters of the call.
struct Request {
    /// Relative to the current document's URL.
    url: String,
    method: String,
    params: Vec<(&'static str, String)>,
    /// True if the caller has hung up. This request is then the last, and its document is not
    /// executed.
    last: bool,
}

/// The result of a verb.
enum Step {
    /// Continue with the next verb.
    On,
    Ask(Request),
    End(Ended),
}

/// A call in progress.
struct Line<'a> {
    caller: Caller<'a>,
    to: String,
    call: Call,
}

impl Line<'_> {
    /// Adds the call to the account's records.
    fn keep(&self) {
        let status = match &self.call.refused {
            None => "completed",
            Some(reason) if reason == "busy" => "busy",
            Some(_) => "failed",
        };
        let (sid, from, to, at) = (
            self.call.sid.clone(),
            self.caller.from.clone(),
            self.to.clone(),
            crate::now().as_secs(),
        );
        lock(&self.caller.twilio.shared.state)
            .calls
            .push(super::messages::Ended {
                sid,
                from,
                to,
                status,
                at,
            });
    }

    async fn run(&mut self, url: String, method: String) -> Ended {
        let base = inbound(
            &self.call.sid,
            &self.caller.from,
            &self.to,
            self.caller.forwarded_from.as_deref(),
        );
        // The first URL is its own base. Its connection overrides are kept.
        let (mut current, mut request) = (
            url,
            Request {
                url: String::new(),
                method,
                params: vec![],
                last: false,
            },
        );
        let mut first = true;
        loop {
            if self.call.documents.len() == MAX_DOCUMENTS {
                self.caller
                    .twilio
                    .server
                    .complain(format!("a call of more than {MAX_DOCUMENTS} documents"));
                return Ended::CallerHungUp;
            }
            let status = match (self.call.answered, request.last) {
                (false, false) => "ringing",
                (true, false) => "in-progress",
                (true, true) => "completed",
                (false, true) => "no-answer",
            };
            let mut params = base.clone();
            for (_, value) in params.iter_mut().filter(|(name, _)| name == "CallStatus") {
                status.clone_into(value);
            }
            params.extend(
                request
                    .params
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), value.clone())),
            );
            let fetched = if first && request.method != "GET" {
                Some((current.clone(), Method::POST))
            } else {
                self.caller
                    .twilio
                    .follow(&current, &request.url, &request.method, &params)
            };
            first = false;
            let Some((url, method)) = fetched else {
                return self.fail(request.last);
            };
            let Some(document) = self.fetch(&params, &url, &method).await else {
                return self.fail(request.last);
            };
            if request.last {
                return Ended::CallerHungUp;
            }
            current = url;
            let verbs = match twiml::voice(&document) {
                Ok(verbs) => verbs,
                Err(error) => {
                    self.caller.twilio.alert(error.code, error.detail, true);
                    return self.fail(false);
                }
            };
            request = match self.execute(verbs).await {
                Step::Ask(next) => next,
                Step::End(ended) => return ended,
                Step::On => return Ended::HungUpByUs,
            };
        }
    }

    /// Tells the number's status callback, if there is one, that the call has ended.
    async fn tell_end(&mut self) {
        let twilio = self.caller.twilio;
        let callback = {
            let state = lock(&twilio.shared.state);
            state
                .numbers
                .get(&self.to)
                .map(|number| number.field("StatusCallbackMethod").to_owned())
                .zip(state.numbers.url(&self.to, "StatusCallback"))
        };
        let Some((method, url)) = callback else {
            return;
        };
        let status = match (self.call.answered, self.call.refused.as_deref()) {
            (true, _) => "completed",
            (false, Some("busy")) => "busy",
            (false, _) => "no-answer",
        };
        let talked = self
            .call
            .dialled
            .iter()
            .map(|dialled| dialled.seconds)
            .sum();
        let params = ended(
            &inbound(
                &self.call.sid,
                &self.caller.from,
                &self.to,
                self.caller.forwarded_from.as_deref(),
            ),
            status,
            if self.call.answered { talked } else { 0 },
        );
        let Some((url, method)) = (if method == "GET" {
            twilio.follow(&url, &url, &method, &params)
        } else {
            Some((url, Method::POST))
        }) else {
            return;
        };
        let signature = twilio.sign(&url, if method == Method::GET { &[] } else { &params });
        let mut reply = Reply::default();
        twilio
            .fetch(&mut reply, &params, &url, &signature, &method)
            .await;
        self.call.told = reply.status;
    }

    async fn fetch(
        &mut self,
        params: &[(String, String)],
        url: &str,
        method: &Method,
    ) -> Option<String> {
        let twilio = self.caller.twilio;
        let signature = twilio.sign(url, if *method == Method::GET { &[] } else { params });
        let mut reply = Reply::default();
        let answer = twilio
            .fetch(&mut reply, params, url, &signature, method)
            .await;
        self.call.requests += reply.attempts;
        self.call.status = reply.status;
        let answer = answer?;
        self.call.documents.push(answer.body.clone());
        twilio.document(&answer, |text| format!("<Say>{text}</Say>"))
    }

    /// Twilio ends the call with an error message. A caller who has hung up does not hear it.
    fn fail(&mut self, caller_gone: bool) -> Ended {
        if caller_gone {
            return Ended::CallerHungUp;
        }
        self.call.answered = true;
        self.call.heard.push(APPLICATION_ERROR.to_owned());
        let state = lock(&self.caller.twilio.shared.state);
        self.call.refused = state
            .alerts
            .last()
            .map(|alert| format!("{} {}", alert.code, alert.detail));
        Ended::ApplicationError
    }

    async fn execute(&mut self, verbs: Vec<VoiceVerb>) -> Step {
        for verb in verbs {
            let step = match verb {
                VoiceVerb::Say { .. } | VoiceVerb::Play { .. } | VoiceVerb::Pause(_) => {
                    self.speak(verb)
                }
                VoiceVerb::Gather(gather) => self.gather(gather),
                VoiceVerb::Dial(dial) => self.dial(dial).await,
                VoiceVerb::Record(record) => self.record(record),
                VoiceVerb::Redirect { url, method } => Step::Ask(Request {
                    url,
                    method,
                    params: vec![],
                    last: false,
                }),
                VoiceVerb::Hangup => Step::End(Ended::HungUpByUs),
                VoiceVerb::Reject { reason } => {
                    self.call.refused = Some(reason);
                    Step::End(Ended::Rejected)
                }
            };
            if !matches!(step, Step::On) {
                return step;
            }
        }
        Step::On
    }

    fn speak(&mut self, verb: VoiceVerb) -> Step {
        self.call.answered = true;
        match verb {
            VoiceVerb::Say { text, times, .. } => {
                self.call.heard.push(text);
                if self.caller.hangs_up == HangsUp::DuringGreeting || times == 0 {
                    return Step::End(Ended::CallerHungUp);
                }
                Step::On
            }
            VoiceVerb::Play { times: 0, .. } => Step::End(Ended::CallerHungUp),
            _ => Step::On,
        }
    }

    fn gather(&mut self, gather: twiml::Gather) -> Step {
        self.call.answered = true;
        for verb in gather.verbs {
            // An endless prompt is ended by a key.
            if let (VoiceVerb::Say { text, .. }, true) =
                (&verb, self.caller.hangs_up != HangsUp::DuringGreeting)
            {
                self.call.heard.push(text.clone());
            } else if let Step::End(ended) = self.speak(verb) {
                return Step::End(ended);
            }
        }
        if self.caller.hangs_up == HangsUp::AfterGreeting
            || self.caller.hangs_up == HangsUp::AfterKeys && self.caller.keys.is_empty()
        {
            return Step::End(Ended::CallerHungUp);
        }
        let pressed = if gather.keys {
            self.caller.keys.pop_front().unwrap_or_default()
        } else {
            String::new()
        };
        let (mut digits, mut finished) = (String::new(), String::new());
        for key in pressed.chars() {
            if gather.finish_on_key == Some(key) {
                finished.push(key);
                break;
            }
            digits.push(key);
            if Some(digits.len()) == gather.num_digits {
                break;
            }
        }
        if digits.is_empty() && !gather.action_on_empty_result {
            return Step::On;
        }
        let params = vec![
            ("Digits", digits),
            ("FinishedOnKey", finished),
            ("msg", "Gather End".to_owned()),
        ];
        Step::Ask(Request {
            url: gather.action,
            method: gather.method,
            params,
            last: false,
        })
    }

    async fn dial(&mut self, dial: twiml::Dial) -> Step {
        let twilio = self.caller.twilio;
        self.call.answered |= !dial.answer_on_bridge;
        let caller_id = dial
            .caller_id
            .clone()
            .unwrap_or_else(|| self.caller.from.clone());
        let ours = |number: &String| lock(&twilio.shared.state).numbers.get(number).is_some();
        if dial.caller_id.is_some()
            && caller_id != self.caller.from
            && caller_id != self.to
            && !ours(&caller_id)
        {
            twilio.alert(
                13214,
                format!(
                    "Dial: Invalid callerId value: {caller_id} is neither the caller's nor ours"
                ),
                true,
            );
            return Step::End(self.fail(false));
        }
        let mut dialled = Dialled {
            number: dial.number.clone(),
            caller_id,
            status: "canceled",
            seconds: 0,
            time_limit: dial.time_limit,
            timeout: dial.timeout,
            answer_on_bridge: dial.answer_on_bridge,
            onward: None,
        };
        if self.caller.hangs_up != HangsUp::AfterGreeting {
            (dialled.status, dialled.seconds) = self.ring(&mut dialled).await;
        }
        let talked = dialled.status == "completed";
        self.call.answered |= talked;
        let mut gone = dialled.status == "canceled";
        if talked {
            dialled.seconds = dialled.seconds.min(dial.time_limit);
            if let HangsUp::Talking(seconds) = self.caller.hangs_up
                && seconds < dialled.seconds
            {
                (dialled.seconds, gone) = (seconds, true);
            }
        }
        let mut params = vec![
            ("DialCallStatus", dialled.status.to_owned()),
            (
                "DialCallSid",
                dialled
                    .onward
                    .as_ref()
                    .map_or_else(call_sid, |call| call.sid.clone()),
            ),
            ("DialBridged", talked.to_string()),
        ];
        if talked {
            params.push(("DialCallDuration", dialled.seconds.to_string()));
            params.extend(
                dial.record
                    .then(|| ("RecordingUrl", recording(dialled.seconds).url)),
            );
        }
        self.call.dialled.push(dialled);
        match dial.action {
            Some(url) => Step::Ask(Request {
                url,
                method: dial.method,
                params,
                last: gone,
            }),
            None if gone => Step::End(Ended::CallerHungUp),
            None => Step::On,
        }
    }

    /// Calls the phone. Returns `DialCallStatus` and the seconds of talk.
    async fn ring(&mut self, dialled: &mut Dialled) -> (&'static str, u32) {
        let twilio = self.caller.twilio;
        if !e164(&dialled.caller_id) || WITHHELD.contains(&dialled.caller_id.as_str()) {
            return ("failed", 0);
        }
        let mut hops = self.caller.hops;
        if let Some((number, forwarder)) = twilio.arrives_at(&dialled.number, &mut hops) {
            if hops == self.caller.hops {
                hops += 1; // a number of the account, without a phone between
            }
            if hops > MAX_HOPS {
                twilio
                    .server
                    .complain(format!("a call goes round in circles, at last to {number}"));
                return ("busy", 0);
            }
            let caller = Caller {
                hops,
                forwarded_from: forwarder,
                ..twilio.caller(&dialled.caller_id)
            };
            let onward = pass_on(caller, number).await;
            let outcome = match onward.ended {
                Ended::Rejected => ("busy", 0),
                _ if onward.answered => (
                    "completed",
                    onward.dialled.iter().map(|dialled| dialled.seconds).sum(),
                ),
                _ => ("no-answer", 0),
            };
            dialled.onward = Some(onward);
            return outcome;
        }
        match twilio.callee(&dialled.number) {
            Callee::Answers(seconds) => ("completed", seconds),
            Callee::Talks(conversations) => {
                conversations.send_modify(|(begun, _)| *begun += 1);
                let ended = conversations
                    .subscribe()
                    .wait_for(|(_, ended)| ended.is_some())
                    .await
                    .ok()
                    .and_then(|talk| talk.1);
                ("completed", ended.unwrap_or(TALK))
            }
            Callee::Busy | Callee::Forwards(_) => ("busy", 0),
            Callee::RingsOut => ("no-answer", 0),
            Callee::Unreachable => ("failed", 0),
        }
    }

    fn record(&mut self, record: twiml::Record) -> Step {
        self.call.answered = true;
        if matches!(
            self.caller.hangs_up,
            HangsUp::AfterGreeting | HangsUp::AtTheBeep
        ) {
            return Step::End(Ended::CallerHungUp);
        }
        let Some((seconds @ 1.., key)) = self.caller.message.take() else {
            return Step::On; // the caller hears only silence
        };
        let left = recording(seconds.min(record.max_length));
        let mut params = vec![
            ("RecordingUrl", left.url.clone()),
            ("RecordingSid", left.sid.clone()),
            ("RecordingDuration", left.seconds.to_string()),
        ];
        let cut = seconds > record.max_length;
        let gone = !cut && key.is_none();
        params.extend(match key {
            _ if cut => None,
            Some(key) => record
                .finish_on_key
                .contains(key)
                .then(|| ("Digits", key.to_string())),
            None => Some(("Digits", "hangup".to_owned())),
        });
        self.call.recordings.push(left);
        Step::Ask(Request {
            url: record.action,
            method: record.method,
            params,
            last: gone,
        })
    }
}

fn recording(seconds: u32) -> Recording {
    let sid = format!("RE{}", random::hex(16));
    let url = format!("https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT_SID}/Recordings/{sid}");
    Recording { sid, url, seconds }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        twilio::{AUTH_TOKEN, NUMBER},
        wire::Server,
    };
    use axum::{
        Router,
        http::{StatusCode, header},
        routing::{get, post},
    };
    use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use std::collections::BTreeMap;

    const CALLER: &str = "+14155550123";
    const MOBILE: &str = "+4512345678";

    /// A webhook that answers each path (POST) with a fixed document.
    async fn webhook(documents: &[(&'static str, &'static str)]) -> Server {
        let router = documents
            .iter()
            .fold(Router::new(), |router, &(path, body)| {
                router.route(
                    path,
                    post(move || async move {
                        (
                            [(header::CONTENT_TYPE, "text/xml")],
                            format!("<Response>{body}</Response>"),
                        )
                    }),
                )
            });
        Server::start("webhook", router).await.unwrap()
    }

    /// The account's number, with such a webhook at `/`.
    async fn line(documents: &[(&'static str, &'static str)]) -> (Twilio, Server) {
        let (twilio, hook) = (Twilio::start(None).await.unwrap(), webhook(documents).await);
        twilio.set_voice_url(NUMBER, &(hook.url() + "/"));
        (twilio, hook)
    }

    /// Path and parameters of every request.
    fn asked(hook: &Server) -> Vec<(String, BTreeMap<String, String>)> {
        hook.exchanges()
            .into_iter()
            .map(|exchange| {
                (
                    exchange.target,
                    form_urlencoded::parse(&exchange.request)
                        .into_owned()
                        .collect(),
                )
            })
            .collect()
    }

    /// One parameter of every request; `-` where it is absent.
    fn each(hook: &Server, name: &str) -> Vec<String> {
        asked(hook)
            .into_iter()
            .map(|(_, mut params)| params.remove(name).unwrap_or("-".to_owned()))
            .collect()
    }

    const FORWARD: &str = "<Say>Please wait.</Say><Dial answerOnBridge='true' callerId='+14155550123' timeout='25' timeLimit='30' action='/after?x=1'>+4512345678</Dial><Say>never</Say>";

    #[tokio::test]
    async fn a_call_is_connected_and_the_action_told() {
        let (twilio, hook) = line(&[
            ("/", FORWARD),
            ("/after", "<Say>Goodbye.</Say><Hangup/><Say>never</Say>"),
        ])
        .await;
        let call = twilio.call(CALLER, NUMBER).await;
        assert_eq!(
            (call.status, call.requests, call.ended, call.answered),
            (200, 2, Ended::HungUpByUs, true)
        );
        assert_eq!(
            (&call.heard[..], call.documents.len()),
            (&["Please wait.".to_owned(), "Goodbye.".to_owned()][..], 2)
        );
        let dialled = &call.dialled[0];
        assert_eq!(
            (
                dialled.number.as_str(),
                dialled.caller_id.as_str(),
                dialled.status
            ),
            (MOBILE, CALLER, "completed")
        );
        assert_eq!(
            (
                dialled.seconds,
                dialled.time_limit,
                dialled.timeout,
                dialled.answer_on_bridge
            ),
            (30, 30, 25, true)
        );
        let asked = asked(&hook);
        assert_eq!(
            (asked[0].0.as_str(), asked[1].0.as_str()),
            ("/", "/after?x=1")
        );
        for (name, value) in [
            ("CallSid", call.sid.as_str()),
            ("AccountSid", ACCOUNT_SID),
            ("From", CALLER),
            ("Caller", CALLER),
            ("To", NUMBER),
            ("Called", NUMBER),
            ("CallStatus", "ringing"),
            ("Direction", "inbound"),
            ("ApiVersion", "2010-04-01"),
            ("FromCountry", "US"),
            ("CalledCity", ""),
            ("StirVerstat", "TN-Validation-Passed-A"),
        ] {
            assert_eq!(
                asked[0].1.get(name).map(String::as_str),
                Some(value),
                "{name}"
            );
        }
        assert!(
            call.sid.len() == 34
                && call.sid.starts_with("CA")
                && !asked[0].1.contains_key("ForwardedFrom")
        );
        for (name, value) in [
            ("CallStatus", "in-progress"),
            ("CallSid", &call.sid),
            ("DialCallStatus", "completed"),
            ("DialCallDuration", "30"),
            ("DialBridged", "true"),
        ] {
            assert_eq!(
                asked[1].1.get(name).map(String::as_str),
                Some(value),
                "{name}"
            );
        }
        for exchange in hook.exchanges() {
            let mut mac = Hmac::<sha1::Sha1>::new_from_slice(AUTH_TOKEN.as_bytes()).unwrap();
            mac.update((hook.url() + &exchange.target).as_bytes());
            for (name, value) in
                form_urlencoded::parse(&exchange.request).collect::<BTreeMap<_, _>>()
            {
                mac.update(name.as_bytes());
                mac.update(value.as_bytes());
            }
            let signature = (
                "x-twilio-signature".to_owned(),
                BASE64.encode(mac.finalize().into_bytes()),
            );
            assert!(exchange.headers.contains(&signature), "{}", exchange.target);
        }
        assert_eq!(twilio.server().complaints(), [""; 0]);
    }

    #[tokio::test]
    async fn a_status_callback_is_told_of_every_end() {
        let documents = [
            ("/", FORWARD),
            ("/after", "<Say>Goodbye.</Say>"),
            ("/reject", "<Reject reason='busy'/>"),
            ("/status", ""),
            (
                "/ring",
                "<Dial answerOnBridge='true' action='/after'>+4512345678</Dial>",
            ),
        ];
        let (twilio, hook) = line(&documents).await;
        twilio.set_status_callback(NUMBER, &(hook.url() + "/status#rc=1"));
        twilio.phone_answers(MOBILE, 20);
        for (path, caller, asked_before, status, seconds) in [
            ("/", twilio.caller(CALLER), 2, "completed", "20"),
            (
                "/",
                twilio.caller(CALLER).hangs_up_during_greeting(),
                1,
                "completed",
                "0",
            ),
            (
                "/",
                twilio.caller(CALLER).hangs_up_after(7),
                2,
                "completed",
                "7",
            ),
            ("/reject", twilio.caller(CALLER), 1, "busy", "0"),
            (
                "/ring",
                twilio.caller(CALLER).hangs_up_after_greeting(),
                2,
                "no-answer",
                "0",
            ),
        ] {
            twilio.set_voice_url(NUMBER, &(hook.url() + path));
            hook.clear_exchanges();
            let call = caller.call(NUMBER).await;
            let asked = asked(&hook);
            assert_eq!(
                (call.told, asked.len(), call.requests),
                (200, asked_before + 1, u32::try_from(asked_before).unwrap())
            );
            let (target, told) = asked.last().unwrap();
            assert_eq!(
                (target.as_str(), told["CallSid"].as_str()),
                ("/status", call.sid.as_str()),
                "{path}"
            );
            assert_eq!(
                (told["CallStatus"].as_str(), told["CallDuration"].as_str()),
                (status, seconds),
                "{path}"
            );
            assert_eq!(
                (
                    told["From"].as_str(),
                    told["To"].as_str(),
                    told["AccountSid"].as_str()
                ),
                (CALLER, NUMBER, ACCOUNT_SID)
            );
        }
        twilio.set_status_callback(NUMBER, "");
        twilio.set_voice_url(NUMBER, &(hook.url() + "/"));
        hook.clear_exchanges();
        assert_eq!(
            (
                twilio.call(CALLER, NUMBER).await.told,
                hook.exchanges().len()
            ),
            (0, 2),
            "nobody wants to know"
        );
        assert_eq!(twilio.server().complaints(), [""; 0]);
    }

    #[tokio::test]
    async fn phones_and_callers_behave_as_told() {
        let (twilio, hook) = line(&[("/", FORWARD), ("/after", "<Say>Goodbye.</Say>")]).await;
        for (set, status) in [
            (Twilio::phone_busy as fn(&Twilio, &str), "busy"),
            (Twilio::phone_rings_out, "no-answer"),
            (Twilio::phone_unreachable, "failed"),
        ] {
            set(&twilio, MOBILE);
            let call = twilio.call(CALLER, NUMBER).await;
            assert_eq!(
                (
                    call.dialled[0].status,
                    call.dialled[0].seconds,
                    call.heard.len()
                ),
                (status, 0, 2)
            );
            let (_, after) = asked(&hook).pop().unwrap();
            assert_eq!(
                (
                    after["DialCallStatus"].as_str(),
                    after["DialBridged"].as_str()
                ),
                (status, "false")
            );
            assert!(!after.contains_key("DialCallDuration"));
        }
        twilio.phone_answers(MOBILE, 20);
        for (caller, seconds, heard, ended, after) in [
            (
                twilio.caller(CALLER),
                20,
                2,
                Ended::HungUpByUs,
                Some(("completed", "in-progress")),
            ),
            (
                twilio.caller(CALLER).hangs_up_after(60),
                20,
                2,
                Ended::HungUpByUs,
                Some(("completed", "in-progress")),
            ),
            (
                twilio.caller(CALLER).hangs_up_after(7),
                7,
                1,
                Ended::CallerHungUp,
                Some(("completed", "completed")),
            ),
            (
                twilio.caller(CALLER).hangs_up_after_greeting(),
                0,
                1,
                Ended::CallerHungUp,
                Some(("canceled", "completed")),
            ),
            (
                twilio.caller(CALLER).hangs_up_during_greeting(),
                0,
                1,
                Ended::CallerHungUp,
                None,
            ),
        ] {
            hook.clear_exchanges();
            let call = caller.call(NUMBER).await;
            assert_eq!((call.heard.len(), call.ended), (heard, ended));
            assert_eq!(
                call.dialled
                    .iter()
                    .map(|dialled| dialled.seconds)
                    .sum::<u32>(),
                seconds
            );
            let asked = asked(&hook);
            let told = asked.get(1).map(|(_, after)| {
                (
                    after["DialCallStatus"].as_str(),
                    after["CallStatus"].as_str(),
                )
            });
            assert_eq!((told, call.documents.len()), (after, asked.len()));
        }
        assert_eq!(twilio.server().complaints(), [""; 0]);
    }

    #[tokio::test]
    async fn calls_are_in_progress_until_the_phone_hangs_up() {
        let (twilio, hook) = line(&[("/", FORWARD), ("/after", "<Say>Goodbye.</Say>")]).await;
        let talk = twilio.phone_talks(MOBILE);
        let hang_up = async {
            talk.picked_up(2).await;
            assert_eq!(hook.exchanges().len(), 2);
            talk.hang_up(9);
        };
        let (first, second, ()) = tokio::join!(
            twilio.call(CALLER, NUMBER),
            twilio.call(CALLER, NUMBER),
            hang_up
        );
        assert_eq!(
            (
                first.dialled[0].seconds,
                second.dialled[0].seconds,
                hook.exchanges().len()
            ),
            (9, 9, 4)
        );
        drop(twilio.phone_talks(MOBILE));
        assert_eq!(
            twilio.call(CALLER, NUMBER).await.dialled[0].seconds,
            30,
            "the limit; nobody is left to hang up"
        );
    }

    #[tokio::test]
    async fn without_an_action_the_document_goes_on() {
        let dial = "<Dial answerOnBridge='true'>+4512345678</Dial><Say>Nobody is there.</Say>";
        let (twilio, hook) = line(&[
            ("/", dial),
            (
                "/none",
                "<Dial answerOnBridge='true' action='/'>+4512345678</Dial>",
            ),
        ])
        .await;
        twilio.phone_busy(MOBILE);
        assert_eq!(
            twilio.call(CALLER, NUMBER).await.heard,
            ["Nobody is there."]
        );
        assert_eq!(hook.exchanges().len(), 1);
        twilio.set_voice_url(NUMBER, &(hook.url() + "/none"));
        hook.clear_exchanges();
        twilio
            .caller(CALLER)
            .hangs_up_after_greeting()
            .call(NUMBER)
            .await;
        assert_eq!(
            each(&hook, "CallStatus"),
            ["ringing", "no-answer"],
            "it was never answered"
        );
        let call = twilio.call("+266696687", NUMBER).await;
        assert_eq!(
            call.dialled[0].status, "failed",
            "no carrier takes that caller id"
        );
        assert!(!each(&hook, "StirVerstat").last().unwrap().starts_with("TN"));
    }

    #[tokio::test]
    async fn keys_go_to_one_prompt_each() {
        let menu = [
            (
                "/",
                "<Gather action='pin?try=1'><Say>Account?</Say></Gather><Say>Nothing heard.</Say>",
            ),
            (
                "/pin",
                "<Gather numDigits='4' finishOnKey='' action='/menu'><Say>PIN?</Say></Gather><Redirect>/</Redirect>",
            ),
            (
                "/menu",
                "<Gather actionOnEmptyResult='true' action='/end'/>",
            ),
            ("/end", "<Reject/>"),
        ];
        let (twilio, hook) = line(&menu).await;
        let call = twilio
            .caller(CALLER)
            .keys(["123456#9", "12#45", ""])
            .call(NUMBER)
            .await;
        assert_eq!(each(&hook, "Digits"), ["-", "123456", "12#4", ""]);
        assert_eq!(each(&hook, "FinishedOnKey"), ["-", "#", "", ""]);
        assert_eq!(
            each(&hook, "msg"),
            ["-", "Gather End", "Gather End", "Gather End"]
        );
        assert_eq!(
            (call.heard.len(), call.ended, call.refused.as_deref()),
            (2, Ended::Rejected, Some("rejected"))
        );
        assert_eq!(asked(&hook)[1].0, "/pin?try=1");
        let call = twilio.caller(CALLER).keys(["#"]).call(NUMBER).await;
        assert_eq!(
            (call.heard.join(" "), call.ended),
            ("Account? Nothing heard.".to_owned(), Ended::HungUpByUs)
        );
        let call = twilio
            .caller(CALLER)
            .keys(["1#"])
            .hangs_up_after_keys()
            .call(NUMBER)
            .await;
        assert_eq!(
            (call.heard.join(" "), call.ended),
            ("Account? PIN?".to_owned(), Ended::CallerHungUp)
        );
        let call = twilio
            .caller(CALLER)
            .keys(["1#", "", "2#"])
            .call(NUMBER)
            .await;
        assert_eq!(
            call.heard.join(" "),
            "Account? PIN? Account? PIN? Account? Nothing heard.",
            "an empty text skips a prompt"
        );
    }

    #[tokio::test]
    async fn messages_are_recorded() {
        let (twilio, hook) = line(&[
            (
                "/",
                "<Record action='/after' maxLength='30' finishOnKey='#'/><Say>Nothing?</Say>",
            ),
            ("/after", "<Say>Thanks.</Say>"),
        ])
        .await;
        for (caller, digits, seconds, heard, status) in [
            (
                twilio.caller(CALLER).records(9),
                "hangup",
                "9",
                vec![],
                "completed",
            ),
            (
                twilio.caller(CALLER).records(31),
                "-",
                "30",
                vec!["Thanks."],
                "in-progress",
            ),
            (
                twilio.caller(CALLER).records_until(5, '#'),
                "#",
                "5",
                vec!["Thanks."],
                "in-progress",
            ),
            (
                twilio.caller(CALLER).records_until(5, '*'),
                "-",
                "5",
                vec!["Thanks."],
                "in-progress",
            ),
        ] {
            hook.clear_exchanges();
            let call = caller.call(NUMBER).await;
            assert_eq!(
                (call.heard, call.documents.len()),
                (heard.into_iter().map(str::to_owned).collect(), 2)
            );
            let recording = &call.recordings[0];
            assert_eq!(each(&hook, "RecordingUrl"), ["-", &recording.url]);
            assert_eq!(each(&hook, "RecordingSid"), ["-", &recording.sid]);
            assert_eq!(
                (each(&hook, "RecordingDuration"), each(&hook, "Digits")),
                (
                    vec!["-".into(), seconds.into()],
                    vec!["-".into(), digits.into()]
                )
            );
            assert_eq!(each(&hook, "CallStatus"), ["ringing", status]);
        }
        assert_eq!(
            twilio.call(CALLER, NUMBER).await.heard,
            ["Nothing?"],
            "silence is no message"
        );
        assert_eq!(
            twilio
                .caller(CALLER)
                .hangs_up_at_the_beep()
                .call(NUMBER)
                .await
                .documents
                .len(),
            1
        );
    }

    #[tokio::test]
    async fn failures_are_heard() {
        let answer = |status: u16, kind: &'static str, body: &'static str| {
            move || async move {
                (
                    StatusCode::from_u16(status).unwrap(),
                    [(header::CONTENT_TYPE, kind)],
                    body,
                )
            }
        };
        let router = Router::new()
            .route(
                "/broken",
                post(answer(
                    200,
                    "text/xml",
                    "<Response><Say>a & b</Say></Response>",
                )),
            )
            .route(
                "/sms",
                post(answer(200, "text/xml", "<Response><Sms>x</Sms></Response>")),
            )
            .route(
                "/id",
                post(answer(
                    200,
                    "text/xml",
                    "<Response><Dial callerId='+4599999999'>+4512345678</Dial></Response>",
                )),
            )
            .route("/json", post(answer(200, "application/json", "{}")))
            .route("/down", post(answer(503, "text/plain", "")))
            .route(
                "/after",
                post(answer(
                    200,
                    "text/xml",
                    "<Response><Redirect>/down</Redirect></Response>",
                )),
            )
            .route(
                "/loop",
                post(answer(
                    200,
                    "text/xml",
                    "<Response><Redirect>/loop</Redirect></Response>",
                )),
            )
            .route("/plain", post(answer(200, "text/plain", "1 < 2")))
            .route(
                "/get",
                post(answer(
                    200,
                    "text/xml",
                    "<Response><Redirect method='GET'>/got?a=b</Redirect></Response>",
                )),
            )
            .route(
                "/got",
                get(answer(
                    200,
                    "text/xml",
                    "<Response><Say>got</Say></Response>",
                )),
            );
        let (twilio, hook) = (
            Twilio::start(None).await.unwrap(),
            Server::start("webhook", router).await.unwrap(),
        );
        for (path, code, requests, complaints) in [
            ("/broken", 12100, 1, 1),
            ("/sms", 12200, 1, 1),
            ("/id", 13214, 1, 1),
            ("/json", 12300, 1, 1),
            ("/down", 11200, 1, 0),
            ("/down#rc=2&rp=5xx", 11200, 3, 0),
            ("/after", 11200, 2, 0),
            ("/missing", 11200, 1, 0),
        ] {
            twilio.set_voice_url(NUMBER, &(hook.url() + path));
            let call = twilio.call(CALLER, NUMBER).await;
            assert_eq!(
                (call.ended, &call.heard[..], call.requests),
                (
                    Ended::ApplicationError,
                    &[APPLICATION_ERROR.to_owned()][..],
                    requests
                )
            );
            assert!(
                call.refused
                    .is_some_and(|why| why.starts_with(&code.to_string())),
                "{path}"
            );
            assert_eq!(
                (twilio.alerts()[0].code, twilio.server().complaints().len()),
                (code, complaints),
                "{path}"
            );
        }
        twilio.set_voice_url(NUMBER, &(hook.url() + "/plain"));
        assert_eq!(twilio.call(CALLER, NUMBER).await.heard, ["1 < 2"]);
        twilio.set_voice_url(NUMBER, &(hook.url() + "/get"));
        assert_eq!(twilio.call(CALLER, NUMBER).await.heard, ["got"]);
        let target = hook.exchanges().pop().unwrap().target;
        assert!(target.starts_with("/got?a=b&AccountSid=AC"));
        twilio.set_voice_url(NUMBER, &(hook.url() + "/loop"));
        assert_eq!(twilio.call(CALLER, NUMBER).await.requests, 50);
        assert_eq!(twilio.server().complaints().len(), 1);
        let call = twilio.call(CALLER, "+4599999999").await;
        assert_eq!((call.requests, call.ended), (0, Ended::Rejected));
    }

    #[tokio::test]
    async fn forwarding_phones_make_loops() {
        let (twilio, hook) = line(&[("/", FORWARD), ("/after", "<Say>Goodbye.</Say>")]).await;
        let office = webhook(&[("/", "<Reject reason='busy'/>")]).await;
        twilio.set_voice_url("+15005550011", &(office.url() + "/"));
        twilio.phone_forwards(MOBILE, "+4511111111");
        twilio.phone_rings_out("+4511111111");
        assert_eq!(
            twilio.call(CALLER, NUMBER).await.dialled[0].status,
            "no-answer"
        );

        twilio.phone_forwards("+4511111111", "+15005550011");
        let call = twilio.call(CALLER, NUMBER).await;
        let onward = call.dialled[0].onward.as_ref().unwrap();
        assert_eq!(
            (call.dialled[0].status, onward.refused.as_deref()),
            ("busy", Some("busy"))
        );
        let (_, params) = asked(&office).pop().unwrap();
        assert_eq!(
            (
                params["From"].as_str(),
                params["To"].as_str(),
                params["ForwardedFrom"].as_str()
            ),
            (CALLER, "+15005550011", "+4511111111")
        );
        assert!(params["CallSid"] == onward.sid && onward.sid != call.sid);
        assert_eq!(each(&hook, "DialCallSid").pop().unwrap(), onward.sid);
        assert_eq!(twilio.server().complaints(), [""; 0]);

        twilio.phone_forwards("+4511111111", NUMBER);
        hook.clear_exchanges();
        let call = twilio.call(CALLER, "+4511111111").await;
        assert_eq!(call.dialled.len(), 1);
        assert!(hook.exchanges().len() <= 6 && twilio.server().complaints().len() == 1);
        twilio.phone_forwards(MOBILE, MOBILE);
        assert_eq!(twilio.call(CALLER, NUMBER).await.dialled[0].status, "busy");
        assert_eq!(twilio.server().complaints().len(), 1);
    }

    #[tokio::test]
    async fn requests_can_be_tampered_with() {
        let (twilio, hook) = line(&[("/", "<Say>x</Say>")]).await;
        let params = twilio.inbound_call(CALLER, NUMBER);
        let url = hook.url() + "/";
        assert_eq!(
            twilio.post_call(params.clone(), &url).await,
            (200, "<Response><Say>x</Say></Response>".to_owned())
        );
        twilio
            .post_call_signed(params.clone(), &url, "forged")
            .await;
        let signatures = hook.exchanges().into_iter().map(|exchange| {
            exchange
                .headers
                .into_iter()
                .find(|(name, _)| name == "x-twilio-signature")
                .map(|(_, value)| value)
                .unwrap()
        });
        assert_eq!(
            signatures.collect::<Vec<_>>(),
            [twilio.sign(&url, &params), "forged".to_owned()]
        );
        let sid = twilio
            .caller(CALLER)
            .sid("CA00000000000000000000000000000001")
            .forwarded_from(MOBILE)
            .call(NUMBER)
            .await
            .sid;
        let (_, params) = asked(&hook).pop().unwrap();
        assert_eq!(
            (&params["CallSid"], params["ForwardedFrom"].as_str()),
            (&sid, MOBILE)
        );
    }
}
