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

#[cfg(test)]
mod tests {
    use super::*;
    use shared::platform::config::{Problems, read};

    const LINK: &str = "https://acme.eu.auth0.com/u/email-verification?ticket=one";
    const RECIPIENT: &str = "acme+4512345678@sms.example.com";
    const SENDER: &str = "no-reply@acme.example";

    fn try_rules(settings: &[(&str, &str)]) -> Result<Rules, Problems> {
        let usual = [
            ("RECIPIENT_PREFIX", "acme"),
            ("RECIPIENT_DOMAIN", "sms.example.com"),
            ("MAIL_SENDERS", "No-Reply@acme.example,@mail.acme.example"),
            ("AUTH0_URL", "https://acme.eu.auth0.com"),
            ("ALLOWED_COUNTRIES", "DK"),
        ];
        let lookup = |name: &str| {
            let mut all = settings.iter().chain(&usual);
            let found = all.find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        read(&lookup, |source| Rules::read(source, None, false))
    }

    fn rules(settings: &[(&str, &str)]) -> Rules {
        try_rules(settings).unwrap()
    }

    fn signed(domain: &str) -> Signature {
        Signature {
            domain: domain.to_owned(),
            covers_recipient: true,
        }
    }

    fn addresses(listed: &[&str]) -> Vec<String> {
        listed.iter().map(|&address| address.to_owned()).collect()
    }

    /// A mail that passes every check.
    fn mail() -> StoredMail<'static> {
        StoredMail {
            recipient: Some(RECIPIENT),
            from: Some(addresses(&[SENDER])),
            to: Some(addresses(&[RECIPIENT])),
            dkim_passed: true,
            signatures: Some(vec![signed("acme.example")]),
            language: None,
            html: "",
            plain: LINK,
            mailed_at: 0,
            id: String::new(),
        }
    }

    /// `texted`, or the reason of the refusal.
    fn outcome(mail: &StoredMail<'_>, rules: &Rules) -> &'static str {
        match decide(mail, rules) {
            Decision::Text { .. } => "texted",
            Decision::Refuse { reason, .. } => reason,
        }
    }

    #[test]
    fn the_mails_link_goes_to_the_phone_in_its_address() {
        let Decision::Text {
            phone, tag, link, ..
        } = decide(&mail(), &rules(&[]))
        else {
            panic!("refused");
        };
        let told = (phone.reveal(), tag, link.reveal());
        assert_eq!(told, ("+4512345678", None, LINK));
    }

    #[test]
    fn the_documents_language_goes_before_the_headers() {
        let named = format!("<meta name=language content=sv><a href='{LINK}'>");
        for (html, header, expected) in [
            ("", None, None),
            ("", Some("da"), Some("da")),
            (named.as_str(), Some("da"), Some("sv")),
        ] {
            let language = header.map(str::to_owned);
            let mail = StoredMail {
                html,
                language,
                ..mail()
            };
            let Decision::Text { language, .. } = decide(&mail, &rules(&[])) else {
                panic!("refused");
            };
            assert_eq!(language.as_deref(), expected);
        }
    }

    #[test]
    fn every_from_address_must_be_allowed() {
        for (from, expected) in [
            (Some(addresses(&[SENDER])), "texted"),
            (Some(addresses(&["any@mail.acme.example"])), "texted"),
            (
                Some(addresses(&[SENDER, "any@mail.acme.example"])),
                "texted",
            ),
            (
                Some(addresses(&[SENDER, "x@evil.example"])),
                "sender_not_allowed",
            ),
            (
                Some(addresses(&["other@acme.example"])),
                "sender_not_allowed",
            ),
            (
                Some(addresses(&["x@sub.mail.acme.example"])),
                "sender_not_allowed",
            ),
            (
                Some(addresses(&["@mail.acme.example.org"])),
                "sender_not_allowed",
            ),
            (None, "sender_not_allowed"),
        ] {
            let mail = StoredMail { from, ..mail() };
            assert_eq!(outcome(&mail, &rules(&[])), expected, "{:?}", mail.from);
        }
    }

    #[test]
    fn a_demanded_signature_is_good_and_the_senders() {
        let demanded = rules(&[("REQUIRE_DKIM", "true")]);
        let of = |domains: &[&str]| Some(domains.iter().map(|domain| signed(domain)).collect());
        for (dkim_passed, signatures, expected) in [
            (true, of(&["acme.example"]), "texted"),
            (true, of(&["acme.example", "acme.example"]), "texted"),
            (false, of(&["acme.example"]), "dkim_not_passed"),
            (true, None, "dkim_not_aligned"),
            (true, of(&[]), "dkim_not_aligned"),
            (true, of(&["evil.example"]), "dkim_not_aligned"),
            (
                true,
                of(&["acme.example", "evil.example"]),
                "dkim_not_aligned",
            ),
        ] {
            let mail = StoredMail {
                dkim_passed,
                signatures,
                ..mail()
            };
            assert_eq!(outcome(&mail, &demanded), expected, "{:?}", mail.signatures);
            assert_eq!(outcome(&mail, &rules(&[])), "texted", "nobody demands it");
        }
        let from = Some(addresses(&[SENDER, "any@mail.acme.example"]));
        for (signer, expected) in [
            ("acme.example", "texted"),
            ("mail.acme.example", "dkim_not_aligned"),
        ] {
            let mail = StoredMail {
                from: from.clone(),
                signatures: of(&[signer]),
                ..mail()
            };
            assert_eq!(outcome(&mail, &demanded), expected, "{signer} for both");
        }
    }

    #[test]
    fn a_mail_that_was_signed_for_another_address_is_not_texted() {
        let demanded = rules(&[("REQUIRE_DKIM", "true")]);
        for (to, expected) in [
            (Some(addresses(&[RECIPIENT])), "texted"),
            (
                Some(addresses(&["ACME+4512345678@SMS.example.com"])),
                "texted",
            ),
            (Some(addresses(&[])), "texted"),
            (None, "recipient_not_addressed"),
            (
                Some(addresses(&["acme+4587654321@sms.example.com"])),
                "recipient_not_addressed",
            ),
            (
                Some(addresses(&[RECIPIENT, "ann@acme.example"])),
                "recipient_not_addressed",
            ),
        ] {
            let mail = StoredMail { to, ..mail() };
            assert_eq!(outcome(&mail, &demanded), expected, "{:?}", mail.to);
        }
        let partly = Signature {
            covers_recipient: false,
            ..signed("acme.example")
        };
        let signatures = Some(vec![signed("acme.example"), partly]);
        let mail = StoredMail {
            signatures,
            ..mail()
        };
        assert_eq!(outcome(&mail, &demanded), "recipient_not_addressed");
    }

    #[test]
    fn only_phones_in_allowed_countries_are_texted() {
        let refused = rules(&[("ALLOWED_COUNTRIES", "SE,US")]);
        let Decision::Refuse { reason, phone } = decide(&mail(), &refused) else {
            panic!("texted");
        };
        let phone = phone.unwrap();
        assert_eq!(
            (reason, phone.reveal()),
            ("country_not_allowed", "+4512345678")
        );
    }

    #[test]
    fn a_mail_without_a_phone_or_with_no_clear_link_is_refused() {
        let two = format!("{LINK} https://acme.eu.auth0.com/lo/reset?ticket=two");
        for (recipient, plain, expected) in [
            (None, LINK, "no_phone"),
            (Some("ann@acme.example"), LINK, "no_phone"),
            (Some(RECIPIENT), "Hello!", "no_link"),
            (Some(RECIPIENT), two.as_str(), "several_links"),
        ] {
            let mail = StoredMail {
                recipient,
                plain,
                ..mail()
            };
            assert_eq!(outcome(&mail, &rules(&[])), expected, "{recipient:?}");
        }
    }

    #[test]
    fn senders_that_no_mail_can_have_are_named() {
        for senders in ["acme.example", "*@acme.example", "@*.acme.example", ","] {
            let problems = try_rules(&[("MAIL_SENDERS", senders)]).unwrap_err();
            assert_eq!(problems.0.len(), 1, "{problems}");
            let problem = "MAIL_SENDERS must be a comma list";
            assert!(problems.to_string().contains(problem), "{problems}");
        }
        let problems = try_rules(&[("MAIL_SENDERS", "")]).unwrap_err();
        assert_eq!(problems.0.len(), 1, "{problems}");
    }
}
