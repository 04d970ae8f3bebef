//! The result of a call.

use std::time::Duration;

/// The caller hears this when a document cannot be fetched or executed. Then Twilio hangs up.
pub const APPLICATION_ERROR: &str = "We are sorry, an application error has occurred. Goodbye.";

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

/// The record of a call that has ended.
#[derive(Clone)]
pub(in crate::twilio) struct Finished {
    pub(in crate::twilio) sid: String,
    pub(in crate::twilio) from: String,
    pub(in crate::twilio) to: String,
    pub(in crate::twilio) status: &'static str,
    /// Seconds since the epoch.
    pub(in crate::twilio) at: u64,
}
