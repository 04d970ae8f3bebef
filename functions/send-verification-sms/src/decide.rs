//! Decides which mails become an SMS, to which phone, and with which link.

use shared::platform::config::Source;
use shared::rules::html;
use shared::rules::link::{self, Link, NoLink};
use shared::rules::phone::{self, Countries, E164};
use shared::vendors::mailgun::dkim::{Signature, is_aligned};
use shared::vendors::mailgun::mail::{StoredMail, is_address};

use crate::recipient::{Addressee, Recipient};

/// The rules of the settings.
#[derive(Debug)]
pub(crate) struct Rules {
    recipient: Recipient,
    senders: Vec<String>,
    require_dkim: bool,
    countries: Countries,
    links: link::Rules,
}

/// What to do with a mail.
pub(crate) enum Decision<'a> {
    /// Send an SMS to this phone, and store this link.
    Text {
        phone: E164,
        /// The text in the place of the tag, if a tag is required. Not checked yet.
        tag: Option<&'a str>,
        link: Link,
        /// The language that the mail names.
        language: Option<String>,
    },
    /// Reject the mail for good. `reason` is the outcome in the log.
    Refuse {
        reason: &'static str,
        /// The phone, if the address names one.
        phone: Option<E164>,
    },
}

impl Rules {
    /// Reads the settings. The default country is that of our own number. `tagged`: addresses must
    /// have the application's tag.
    pub(crate) fn read(source: &mut Source<'_>, our_number: Option<&E164>, tagged: bool) -> Self {
        Self {
            recipient: Recipient::read(source, tagged),
            senders: senders(source),
            require_dkim: source.flag("REQUIRE_DKIM", false),
            countries: phone::allowed_countries(source, our_number),
            links: link::Rules::read(source),
        }
    }

    /// Why the mail does not come from an allowed sender, with the demanded signatures.
    fn refusal_of_sender(&self, mail: &StoredMail<'_>) -> Option<&'static str> {
        let is_allowed = |address: &String| {
            let domain = address.find('@').map_or("", |at| &address[at..]);
            let mut senders = self.senders.iter();
            senders.any(|sender| sender == address || sender == domain)
        };
        let Some(from) = mail
            .from
            .as_ref()
            .filter(|from| from.iter().all(is_allowed))
        else {
            return Some("sender_not_allowed");
        };
        if !self.require_dkim {
            return None;
        }
        // Mailgun's verdict does not name the signature that it checked. So all signatures must be
        // the sender's.
        let signatures = mail.signatures.as_deref().unwrap_or_default();
        let is_by_sender = |signature: &Signature| {
            let mut from = from.iter();
            from.all(|address| is_aligned(address, &signature.domain))
        };
        if !mail.dkim_passed {
            Some("dkim_not_passed")
        } else if signatures.is_empty() || !signatures.iter().all(is_by_sender) {
            Some("dkim_not_aligned")
        } else if !is_signed_for_recipient(mail, signatures) {
            Some("recipient_not_addressed")
        } else {
            None
        }
    }
}

/// Reads `MAIL_SENDERS`: addresses and `@domain`s, in lower case. A star is legal in an address,
/// but the author meant a pattern.
fn senders(source: &mut Source<'_>) -> Vec<String> {
    if source.required("MAIL_SENDERS").is_empty() {
        return Vec::new();
    }
    let listed = source.list("MAIL_SENDERS").into_iter();
    let senders: Vec<String> = listed.map(|entry| entry.to_ascii_lowercase()).collect();
    let is_valid = |entry: &String| is_address(&format!("any{entry}")) && !entry.contains('*');
    if senders.is_empty() || !senders.iter().all(is_valid) {
        source.problem(
            "MAIL_SENDERS must be a comma list of addresses or @domains, such as no-reply@acme.example,@mail.acme.example",
        );
    }
    senders
}

/// True if the sender wrote the mail to this recipient. Otherwise a person who got a mail could
/// forward it, with its valid signature, to any phone. Upper and lower case are the same address:
/// they mean the same phone and the same user.
fn is_signed_for_recipient(mail: &StoredMail<'_>, signatures: &[Signature]) -> bool {
    let recipient = mail.recipient.unwrap_or_default();
    let is_recipient = |to: &String| recipient.eq_ignore_ascii_case(to);
    // A mail without any To header was signed for no other address.
    let is_addressed = mail.to.iter().any(|to| to.iter().all(is_recipient));
    let covers = |signature: &Signature| signature.covers_recipient;
    is_addressed && signatures.iter().all(covers)
}

/// Judges a mail.
pub(crate) fn decide<'a>(mail: &StoredMail<'a>, rules: &Rules) -> Decision<'a> {
    let addressee = mail
        .recipient
        .and_then(|address| rules.recipient.parse(address));
    let Some(Addressee { phone, tag }) = addressee else {
        let (reason, phone) = ("no_phone", None);
        return Decision::Refuse { reason, phone };
    };
    let reason = if let Some(reason) = rules.refusal_of_sender(mail) {
        reason
    } else if !phone.is_allowed(&rules.countries) {
        "country_not_allowed"
    } else {
        let document = html::read(mail.html).unwrap_or_default();
        match rules.links.find(&document, mail.plain) {
            Ok(link) => {
                return Decision::Text {
                    phone,
                    tag,
                    link,
                    // Some mail systems add a header that says their own language.
                    language: document.language.or_else(|| mail.language.clone()),
                };
            }
            Err(NoLink::None) => "no_link",
            Err(NoLink::Several) => "several_links",
        }
    };
    let phone = Some(phone);
    Decision::Refuse { reason, phone }
}
