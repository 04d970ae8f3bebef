//! A mail: the parts that a sender sets and a receiving service turns into fields.

use crate::random;

/// A mail with only an HTML part, as Auth0 sends it.
#[derive(Clone, Debug, Default)]
pub struct Mail {
    /// SMTP `RCPT TO`.
    pub recipient: String,
    /// SMTP `MAIL FROM`, often a bounce address.
    pub sender: String,
    /// The From header, with a display name.
    pub from: String,
    /// The To header.
    pub to: String,
    /// The Subject header, decoded.
    pub subject: String,
    /// The HTML part.
    pub html: String,
    /// The Message-Id header with its angle brackets; empty if the mail has none.
    pub message_id: String,
    /// Further headers (`X-Mailgun-Dkim-Check-Result`...), added after the usual ones.
    pub headers: Vec<(String, String)>,
    /// Files.
    pub attachments: Vec<Attachment>,
}

/// A file in a mail.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// File name.
    pub name: String,
    /// MIME type.
    pub content_type: String,
    /// The decoded content.
    pub content: Vec<u8>,
}

impl Mail {
    /// A mail from `Acme <no-reply@acme.example>` with a new Message-Id.
    pub fn new(recipient: &str, subject: &str, html: &str) -> Self {
        Self {
            recipient: recipient.to_owned(),
            sender: "bounce@mail.acme.example".to_owned(),
            from: "Acme <no-reply@acme.example>".to_owned(),
            to: recipient.to_owned(),
            subject: subject.to_owned(),
            html: html.to_owned(),
            message_id: format!("<{}@mail.acme.example>", random::hex(12)),
            ..Self::default()
        }
    }

    /// The same mail with a signature of this domain. Mailgun finds the signature good, and says so
    /// if its spam filter marks mails.
    #[must_use]
    pub fn signed_by(mut self, domain: &str) -> Self {
        let signature = format!(
            "v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s=s1; h=from:to:subject; bh=c2FuZGJveA==; b=c2FuZGJveA=="
        );
        self.headers.push(("Dkim-Signature".to_owned(), signature));
        let verdict = ("X-Mailgun-Dkim-Check-Result".to_owned(), "Pass".to_owned());
        if !self.headers.contains(&verdict) {
            self.headers.push(verdict);
        }
        self
    }
}

/// A date in the form of mail headers and Twilio's API (RFC 5322):
/// `Fri, 20 Nov 2026 12:00:00 +0000`.
pub fn date(epoch: u64) -> String {
    const WEEK: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]; // 1 January 1970 was a Thursday
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let (days, second) = (epoch / 86_400, epoch % 86_400);
    let weekday = WEEK[usize::try_from(days % 7).unwrap_or_default()];
    let (mut day, mut year, mut month) = (days, 1970, 0);
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [
        31,
        28 + u64::from(leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    while day >= lengths[month] {
        day -= lengths[month];
        month += 1;
    }
    format!(
        "{weekday}, {:02} {} {year} {:02}:{:02}:{:02} +0000",
        day + 1,
        MONTHS[month],
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// The text that a receiving service makes from an HTML part: without tags, with link targets in
/// brackets and entities decoded.
pub fn plain_text(html: &str) -> String {
    let (mut text, mut rest, mut href) = (String::new(), html, None);
    while let Some(at) = rest.find('<') {
        text.push_str(&unescape(&rest[..at]));
        let Some(end) = rest[at..].find('>') else {
            break;
        };
        let tag = &rest[at + 1..at + end];
        rest = &rest[at + end + 1..];
        match tag
            .split_ascii_whitespace()
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
            .as_str()
        {
            "a" => {
                href = tag
                    .split_once("href=\"")
                    .and_then(|(_, value)| value.split_once('"'))
                    .map(|(value, _)| unescape(value));
            }
            "/a" => text.extend(href.take().map(|url| format!(" ( {url} )"))),
            "br" | "br/" | "/p" | "/tr" | "/h1" | "/div" => text.push('\n'),
            opened @ ("style" | "head" | "script") => {
                rest = rest
                    .split_once(&format!("</{opened}>"))
                    .map_or("", |(_, after)| after);
            }
            _ => {}
        }
    }
    text.push_str(&unescape(rest));
    let lines = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn unescape(text: &str) -> String {
    [
        ("&nbsp;", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (entity, plain)| {
        text.replace(entity, plain)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_like_in_mails() {
        for (epoch, expected) in [
            (0, "Thu, 01 Jan 1970 00:00:00 +0000"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 +0000"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
            (1_795_176_000, "Fri, 20 Nov 2026 12:00:00 +0000"),
            (1_798_761_599, "Thu, 31 Dec 2026 23:59:59 +0000"),
        ] {
            assert_eq!(date(epoch), expected);
        }
    }

    #[test]
    fn html_becomes_text_with_its_links() {
        let html = "<html><head><title>x</title></head><body><p>Hi &amp; welcome,</p>\n <a style=\"\" href=\"https://a/?b=1&amp;c=2\">Confirm</a><br>Bye</body></html>";
        assert_eq!(
            plain_text(html),
            "Hi & welcome,\n\nConfirm ( https://a/?b=1&c=2 )\n\nBye"
        );
    }
}
