//! TwiML, Twilio's answers in XML (<https://www.twilio.com/docs/messaging/twiml>). Text can never become markup: everything is
//! escaped, and characters that XML 1.0 forbids are dropped.

use crate::reply::Reply;

/// A `<Response>` being written.
#[derive(Debug, Clone, Default)]
pub struct Response(String);

impl Response {
    /// An empty response: no answer.
    pub fn new() -> Self {
        Self::default()
    }

    /// `<Message>`: answer the sender with a text of at most 1,600 characters; longer ones are cut.
    #[must_use]
    pub fn message(mut self, text: &str) -> Self {
        self.0.push_str("<Message>");
        escape_into(&mut self.0, text.chars().take(1600));
        self.0.push_str("</Message>");
        self
    }

    /// The document.
    pub fn to_xml(&self) -> String {
        if self.0.is_empty() {
            return "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>".to_owned();
        }
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>{}</Response>", self.0)
    }

    /// The answer: 200, `text/xml`.
    pub fn into_reply(self, outcome: &'static str) -> Reply {
        Reply::body(200, outcome, "text/xml", self.to_xml())
    }
}

/// Appends text so that it is safe as content and as attribute value.
fn escape_into(xml: &mut String, text: impl Iterator<Item = char>) {
    for character in text {
        match character {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\'' => xml.push_str("&apos;"),
            // A literal CR would be read back as LF.
            '\r' => xml.push_str("&#13;"),
            '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => xml.push(character),
            _ => {}
        }
    }
}
