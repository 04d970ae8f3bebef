//! What happens in a call, for those who watch it.

use serde::Serialize;

/// One event of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum Happening {
    /// A webhook answered with a document.
    Document {
        /// The URL of the request.
        url: String,
        /// HTTP status.
        status: u16,
        /// The answer's body.
        twiml: String,
    },
    /// A text is spoken to the caller.
    Say {
        /// The text.
        text: String,
        /// A tag such as `en-US`; `None`: the default.
        language: Option<String>,
        /// Such as `Polly.Amy`; `None`: the default.
        voice: Option<String>,
        /// How often; 0: without end.
        times: u32,
    },
    /// A sound is played.
    Play {
        /// The URL of the sound.
        url: String,
        /// How often; 0: without end.
        times: u32,
    },
    /// Silence.
    Pause {
        /// Its length.
        seconds: u32,
    },
    /// The call waits for keys.
    Gather {
        /// Maximum number of keys.
        digits: Option<usize>,
        /// The key that ends the input.
        finish: Option<char>,
        /// Seconds without a key that end the input.
        timeout: u32,
    },
    /// The keys that a `<Gather>` took; empty if there were none.
    Keys {
        /// The keys.
        digits: String,
    },
    /// A phone is dialled.
    Dial {
        /// E.164.
        number: String,
        /// The number that the phone shows.
        caller_id: String,
        /// Maximum ringing time, seconds.
        timeout: u32,
        /// The country of the ringing tone.
        ring_tone: Option<String>,
    },
    /// A dialled phone rings.
    Ring {
        /// E.164.
        number: String,
        /// The number that the phone shows.
        caller_id: String,
        /// True if a person decides what happens.
        held: bool,
    },
    /// The end of a `<Dial>`.
    Dialled {
        /// E.164.
        number: String,
        /// `DialCallStatus`.
        status: &'static str,
        /// Length of the conversation.
        seconds: u32,
    },
    /// The beep of a `<Record>`.
    Beep {
        /// Maximum length of the message, seconds.
        max: u32,
        /// The keys that end it.
        finish: String,
    },
    /// The caller left a message.
    Message {
        /// Its length.
        seconds: u32,
        /// The URL of the recording.
        url: String,
    },
    /// The call continues with another document.
    Redirect {
        /// The URL as written.
        url: String,
    },
    /// The call is not answered.
    Reject {
        /// `rejected` or `busy`.
        reason: String,
    },
    /// The call ends.
    Hangup {
        /// `us` or `caller`.
        by: &'static str,
    },
    /// A document could not be fetched or executed.
    Error {
        /// Twilio's code and text.
        text: String,
    },
}
