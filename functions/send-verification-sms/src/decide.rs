//! Decides which mails become an SMS, to which phone, and with which link.

use regex::bytes::{Regex, RegexBuilder};
use shared::platform::config::Source;
use shared::rules::link::{self, Link, NoLink};
use shared::rules::phone::{self, Countries, E164};
use shared::vendors::mailgun::dkim::{Signature, is_aligned};
use shared::vendors::mailgun::mail::{StoredMail, is_address};

/// The size limit of a compiled pattern, in bytes. A pattern for an address has a few thousand.
const PATTERN_LIMIT: usize = 1 << 20;

/// The rules of the settings.
#[derive(Debug)]
pub(crate) struct Rules {
    recipient: Recipient,
    senders: Vec<String>,
    require_dkim: bool,
    countries: Countries,
    links: link::Rules,
}

/// How a recipient address contains the phone number, and whether it must contain a tag.
#[derive(Debug)]
struct Recipient {
    form: Form,
    tagged: bool,
}

#[derive(Debug)]
enum Form {
    /// `{prefix}+{digits}@{domain}`, or with a tag `{prefix}+{digits}.{tag}@{domain}`.
    Plus { prefix: String, domain: String },
    /// A pattern for the whole address with a group `phone`, and with a tag also a group `tag`.
    Pattern(Regex),
}

/// The parts of a recipient address.
struct Addressee<'a> {
    phone: E164,
    /// The text in the place of the tag, if a tag is required. Not checked yet.
    tag: Option<&'a str>,
}

/// What to do with a mail.
pub(crate) enum Decision {
    /// Send an SMS to this phone, and store this link.
    Text {
        /// The phone.
        phone: E164,
        /// The text in the place of the tag, if a tag is required. Not checked yet.
        tag: Option<String>,
        /// The link that a YES confirms.
        link: Link,
    },
    /// Reject the mail for good, with a reason for the log.
    Refuse {
        /// The outcome.
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
            recipient: Recipient {
                form: Form::read(source, tagged),
                tagged,
            },
            senders: senders(source),
            require_dkim: source.flag("REQUIRE_DKIM", false),
            countries: phone::allowed_countries(source, our_number),
            links: link::Rules::read(source),
        }
    }
}

impl Form {
    fn read(source: &mut Source<'_>, tagged: bool) -> Self {
        if let Some(pattern) = source.optional("RECIPIENT_PATTERN") {
            let regex = match whole(&pattern) {
                Ok(regex) => regex,
                Err(error) => {
                    source.problem(format!(
                        "RECIPIENT_PATTERN is not a regular expression: {error}"
                    ));
                    return Self::Plus {
                        prefix: String::new(),
                        domain: String::new(),
                    };
                }
            };
            let has = |group: &str| regex.capture_names().flatten().any(|name| name == group);
            if !has("phone") {
                source.problem("RECIPIENT_PATTERN needs a group (?P<phone>...)");
            }
            if tagged && !has("tag") {
                source.problem("RECIPIENT_PATTERN needs a group (?P<tag>...) too, since RECIPIENT_KEY_SECRET is set");
            }
            return Self::Pattern(regex);
        }
        let prefix = source.required("RECIPIENT_PREFIX").trim().to_owned();
        let domain = source.required("RECIPIENT_DOMAIN").trim().to_owned();
        let are_given = !prefix.is_empty() && !domain.is_empty();
        if are_given && (prefix.contains('+') || !is_address(&format!("{prefix}@{domain}"))) {
            source.problem("RECIPIENT_PREFIX and RECIPIENT_DOMAIN are what stands before the + and after the @, such as acme and sms.example.com");
        }
        Self::Plus { prefix, domain }
    }
}

/// Compiles a pattern for a whole text, in either case. Addresses are ASCII, so `\d` and letters
/// match ASCII only. Without Unicode's tables the executable is smaller.
fn whole(pattern: &str) -> Result<Regex, regex::Error> {
    let compile = |pattern: &str| {
        RegexBuilder::new(pattern)
            .case_insensitive(true)
            .unicode(false)
            .size_limit(PATTERN_LIMIT)
            .build()
    };
    // First compile the pattern alone: in brackets `a)|(b` would be valid, and an error message
    // would show more than the configured pattern.
    compile(pattern)?;
    compile(&format!("^(?:{pattern})$"))
}

impl Recipient {
    /// Reads phone and tag from an address. The address must match as a whole.
    fn read<'a>(&self, address: &'a str) -> Option<Addressee<'a>> {
        let (digits, tag) = match &self.form {
            Form::Plus { prefix, domain } => {
                let (local, host) = address.split_once('@')?;
                let (before, rest) = local.split_once('+')?;
                let ours = host.eq_ignore_ascii_case(domain) && before.eq_ignore_ascii_case(prefix);
                let parts = if self.tagged {
                    rest.split_once('.')
                } else {
                    None
                };
                ours.then(|| parts.map_or((rest, ""), |parts| parts))?
            }
            Form::Pattern(regex) => {
                let groups = regex.captures(address.as_bytes())?;
                let group = |name| str::from_utf8(groups.name(name)?.as_bytes()).ok();
                let phone = group("phone")?;
                (
                    phone.strip_prefix('+').unwrap_or(phone),
                    group("tag").unwrap_or_default(),
                )
            }
        };
        Some(Addressee {
            phone: format!("+{digits}").parse().ok()?,
            tag: self.tagged.then_some(tag),
        })
    }
}

/// Reads `MAIL_SENDERS`: addresses and `@domain`s, in lower case. A star is legal in an address,
/// but the author meant a pattern.
fn senders(source: &mut Source<'_>) -> Vec<String> {
    if source.required("MAIL_SENDERS").is_empty() {
        return Vec::new();
    }
    let senders: Vec<String> = source
        .list("MAIL_SENDERS")
        .iter()
        .map(|entry| entry.to_ascii_lowercase())
        .collect();
    let sound = |entry: &String| is_address(&format!("any{entry}")) && !entry.contains('*');
    if senders.is_empty() || !senders.iter().all(sound) {
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
    let is_recipient = |to: &String| {
        mail.recipient
            .is_some_and(|recipient| recipient.eq_ignore_ascii_case(to))
    };
    // A mail without any To header was signed for no other address.
    let is_addressed = mail
        .to
        .as_ref()
        .is_some_and(|to| to.iter().all(is_recipient));
    is_addressed
        && signatures
            .iter()
            .all(|signature| signature.covers_recipient)
}

/// Judges a mail.
pub(crate) fn decide(mail: &StoredMail<'_>, rules: &Rules) -> Decision {
    let Some(Addressee { phone, tag }) = mail
        .recipient
        .and_then(|address| rules.recipient.read(address))
    else {
        return Decision::Refuse {
            reason: "no_phone",
            phone: None,
        };
    };
    let refuse = |reason| Decision::Refuse {
        reason,
        phone: Some(phone.clone()),
    };
    let known = |address: &String| {
        let domain = address.find('@').map_or("", |at| &address[at..]);
        rules
            .senders
            .iter()
            .any(|sender| sender == address || sender == domain)
    };
    let Some(from) = mail.from.as_ref().filter(|from| from.iter().all(known)) else {
        return refuse("sender_not_allowed");
    };
    if rules.require_dkim && !mail.dkim_passed {
        return refuse("dkim_not_passed");
    }
    // Mailgun's verdict does not name the signature that it checked. So all signatures must be the
    // sender's.
    let signatures = mail.signatures.as_deref().unwrap_or_default();
    let by_the_sender = |signature: &Signature| {
        from.iter()
            .all(|address| is_aligned(address, &signature.domain))
    };
    if rules.require_dkim && (signatures.is_empty() || !signatures.iter().all(by_the_sender)) {
        return refuse("dkim_not_aligned");
    }
    if rules.require_dkim && !is_signed_for_recipient(mail, signatures) {
        return refuse("recipient_not_addressed");
    }
    if !phone.is_allowed(&rules.countries) {
        return refuse("country_not_allowed");
    }
    match rules.links.find(mail.html, mail.plain) {
        Ok(link) => Decision::Text {
            tag: tag.map(str::to_owned),
            phone,
            link,
        },
        Err(NoLink::None) => refuse("no_link"),
        Err(NoLink::Several) => refuse("several_links"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::platform::config::read;

    fn rules(changes: &[(&str, &str)]) -> Rules {
        rules_with(changes, false)
    }

    fn rules_with(changes: &[(&str, &str)], tagged: bool) -> Rules {
        let defaults = [
            ("RECIPIENT_PREFIX", "acme"),
            ("RECIPIENT_DOMAIN", "sms.example.com"),
            ("MAIL_SENDERS", "no-reply@acme.example, @mail.acme.example"),
            ("ALLOWED_COUNTRIES", "DK"),
            ("AUTH0_URL", "https://acme.eu.auth0.com"),
        ];
        let lookup = |name: &str| {
            let found = changes
                .iter()
                .chain(&defaults)
                .find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        read(&lookup, |source| Rules::read(source, None, tagged)).unwrap()
    }

    const LINK: &str =
        "<a href='https://acme.eu.auth0.com/u/email-verification?ticket=T#'>Confirm</a>";

    fn mail<'a>() -> StoredMail<'a> {
        StoredMail {
            recipient: Some("acme+4512345678@sms.example.com"),
            from: Some(vec!["no-reply@acme.example".to_owned()]),
            to: Some(vec!["acme+4512345678@sms.example.com".to_owned()]),
            dkim_passed: false,
            signatures: None,
            html: LINK,
            plain: "",
            mailed_at: 0,
            id: "id".to_owned(),
        }
    }

    fn outcome(mail: &StoredMail<'_>, rules: &Rules) -> &'static str {
        match decide(mail, rules) {
            Decision::Text { .. } => "text",
            Decision::Refuse { reason, .. } => reason,
        }
    }

    #[test]
    fn recipients() {
        for (address, phone) in [
            ("acme+4512345678@sms.example.com", Some("+4512345678")),
            ("ACME+4512345678@SMS.example.com", Some("+4512345678")),
            ("acme 4512345678@sms.example.com", None),
            ("acme4512345678@sms.example.com", None),
            ("acme++4512345678@sms.example.com", None),
            ("acme+45123abc@sms.example.com", None),
            ("acme+4512345678+1@sms.example.com", None),
            ("acme+4512345678@sms.example.com@evil.example", None),
            ("acme+4512345678@evil.example", None),
            ("xacme+4512345678@sms.example.com", None),
            ("\"acme+4512345678\"@sms.example.com", None),
            (
                "acme+4512345678@sms.example.com,acme+4587654321@sms.example.com",
                None,
            ),
            (
                "acme+1234567890123456789012345678901234567890@sms.example.com",
                None,
            ),
            ("acme+٤٥١٢٣٤٥٦٧٨@sms.example.com", None),
            ("acme+@sms.example.com", None),
            ("", None),
        ] {
            assert_eq!(
                read_by(&rules(&[]), address),
                phone.map(|phone| (phone.to_owned(), None)),
                "{address}"
            );
        }
        let pattern = rules(&[(
            "RECIPIENT_PATTERN",
            r"user-(?P<phone>\+?\d+)@(a|b)\.example",
        )]);
        for (address, phone) in [
            ("user-4512345678@a.example", Some("+4512345678")),
            ("user-+4512345678@b.example", Some("+4512345678")),
            ("USER-4512345678@A.example", Some("+4512345678")),
            ("user-٤٥١٢٣٤٥٦٧٨@a.example", None),
            ("xuser-4512345678@a.example", None),
            ("user-4512345678@a.example.com", None),
        ] {
            assert_eq!(
                read_by(&pattern, address),
                phone.map(|phone| (phone.to_owned(), None)),
                "{address}"
            );
        }
    }

    /// Phone and tag.
    fn read_by(rules: &Rules, address: &str) -> Option<(String, Option<String>)> {
        let Addressee { phone, tag } = rules.recipient.read(address)?;
        Some((phone.reveal().to_owned(), tag.map(str::to_owned)))
    }

    #[test]
    fn recipients_with_tags() {
        let pattern = [(
            "RECIPIENT_PATTERN",
            r"(?P<tag>[a-z0-9]*)-(?P<phone>\d+)@a\.example",
        )];
        for (rules, address, expected) in [
            (
                rules_with(&[], true),
                "acme+4512345678.0123456789abcdef@sms.example.com",
                Some("0123456789abcdef"),
            ),
            (
                rules_with(&[], true),
                "ACME+4512345678.0123456789ABCDEF@SMS.example.com",
                Some("0123456789ABCDEF"),
            ),
            (
                rules_with(&[], true),
                "acme+4512345678.a.b@sms.example.com",
                Some("a.b"),
            ),
            (
                rules_with(&[], true),
                "acme+4512345678.@sms.example.com",
                Some(""),
            ),
            (
                rules_with(&[], true),
                "acme+4512345678@sms.example.com",
                Some(""),
            ),
            (
                rules_with(&[], true),
                "acme+.4512345678@sms.example.com",
                None,
            ),
            (
                rules(&[]),
                "acme+4512345678.0123456789abcdef@sms.example.com",
                None,
            ),
            (
                rules_with(&pattern, true),
                "0123456789abcdef-4512345678@a.example",
                Some("0123456789abcdef"),
            ),
            (
                rules_with(&pattern, true),
                "-4512345678@a.example",
                Some(""),
            ),
        ] {
            let expected = expected.map(|tag| ("+4512345678".to_owned(), Some(tag.to_owned())));
            assert_eq!(read_by(&rules, address), expected, "{address}");
        }
        assert_eq!(
            read_by(&rules(&pattern), "x-4512345678@a.example"),
            Some(("+4512345678".to_owned(), None))
        );
    }

    #[test]
    fn refusals_by_reason() {
        let plain = rules(&[]);
        assert_eq!(outcome(&mail(), &plain), "text");
        assert_eq!(
            outcome(
                &StoredMail {
                    recipient: None,
                    ..mail()
                },
                &plain
            ),
            "no_phone"
        );
        for from in [
            None,
            Some("evil@evil.example"),
            Some("no-reply@acme.example.evil.example"),
            Some("x@sub.mail.acme.example"),
        ] {
            let from = from.map(|from| vec![from.to_owned()]);
            assert_eq!(
                outcome(&StoredMail { from, ..mail() }, &plain),
                "sender_not_allowed"
            );
        }
        let both = Some(vec![
            "no-reply@acme.example".to_owned(),
            "evil@evil.example".to_owned(),
        ]);
        assert_eq!(
            outcome(
                &StoredMail {
                    from: both,
                    ..mail()
                },
                &plain
            ),
            "sender_not_allowed"
        );
        let domain = Some(vec!["anything@mail.acme.example".to_owned()]);
        assert_eq!(
            outcome(
                &StoredMail {
                    from: domain,
                    ..mail()
                },
                &plain
            ),
            "text"
        );
        for address in [
            "acme+12025550123@sms.example.com",
            "acme+4590123456@sms.example.com",
        ] {
            assert_eq!(
                outcome(
                    &StoredMail {
                        recipient: Some(address),
                        ..mail()
                    },
                    &plain
                ),
                "country_not_allowed"
            );
        }
        assert_eq!(
            outcome(
                &StoredMail {
                    html: "<p>Hello",
                    ..mail()
                },
                &plain
            ),
            "no_link"
        );
        let two = format!("{LINK}{}", LINK.replace("=T#", "=U#"));
        assert_eq!(
            outcome(
                &StoredMail {
                    html: &two,
                    ..mail()
                },
                &plain
            ),
            "several_links"
        );
    }

    #[test]
    fn signatures_by_the_sender_and_nobody_else() {
        let dkim = rules(&[
            ("REQUIRE_DKIM", "true"),
            ("MAIL_SENDERS", "@acme.example, @mail.acme.example"),
        ]);
        let signature = |domain: &&str| Signature {
            domain: (*domain).to_owned(),
            covers_recipient: true,
        };
        let signed = |by: &[&str]| StoredMail {
            dkim_passed: true,
            signatures: Some(by.iter().map(signature).collect()),
            ..mail()
        };
        assert_eq!(outcome(&signed(&["acme.example"]), &dkim), "text");
        assert_eq!(
            outcome(
                &StoredMail {
                    dkim_passed: false,
                    ..signed(&["acme.example"])
                },
                &dkim
            ),
            "dkim_not_passed"
        );
        for by in [
            &["evil.example"][..],
            &["acme.example", "evil.example"],
            &["mail.acme.example"],
            &["example"],
        ] {
            assert_eq!(outcome(&signed(by), &dkim), "dkim_not_aligned", "{by:?}");
        }
        assert_eq!(
            outcome(
                &StoredMail {
                    signatures: None,
                    ..signed(&[])
                },
                &dkim
            ),
            "dkim_not_aligned"
        );
        let sub = Some(vec!["no-reply@mail.acme.example".to_owned()]);
        assert_eq!(
            outcome(
                &StoredMail {
                    from: sub,
                    ..signed(&["acme.example", "mail.acme.example"])
                },
                &dkim
            ),
            "text"
        );
    }

    #[test]
    fn a_mail_that_is_signed_for_its_recipient() {
        let (dkim, plain) = (rules(&[("REQUIRE_DKIM", "true")]), rules(&[]));
        let signature = |covers_recipient| Signature {
            domain: "acme.example".to_owned(),
            covers_recipient,
        };
        let ours = "acme+4512345678@sms.example.com";
        for (to, covered, expected) in [
            (&[ours][..], &[true][..], "text"),
            (&["acme+4512345678@SMS.example.com"], &[true], "text"),
            (&[ours, ours], &[true, true], "text"),
            (&[ours], &[false], "recipient_not_addressed"),
            (&[ours], &[true, false], "recipient_not_addressed"),
            (
                &["other@sms.example.com"],
                &[true],
                "recipient_not_addressed",
            ),
            (
                &[ours, "other@sms.example.com"],
                &[true],
                "recipient_not_addressed",
            ),
            (&[], &[true], "text"),
        ] {
            let mail = StoredMail {
                to: Some(to.iter().map(|to| (*to).to_owned()).collect()),
                dkim_passed: true,
                signatures: Some(covered.iter().copied().map(signature).collect()),
                ..mail()
            };
            assert_eq!(outcome(&mail, &dkim), expected, "{to:?} {covered:?}");
            assert_eq!(outcome(&mail, &plain), "text", "{to:?} {covered:?}");
            let unread = StoredMail { to: None, ..mail };
            assert_eq!(outcome(&unread, &dkim), "recipient_not_addressed");
        }
    }

    #[test]
    fn every_bad_setting_is_named() {
        let lookup = |name: &str| match name {
            "RECIPIENT_PATTERN" => Some("(".to_owned()),
            "MAIL_SENDERS" => Some("acme.example".to_owned()),
            "ALLOWED_COUNTRIES" => Some("Denmark".to_owned()),
            "REQUIRE_DKIM" => Some("maybe".to_owned()),
            _ => None,
        };
        let problems = read(&lookup, |source| Rules::read(source, None, false))
            .unwrap_err()
            .to_string();
        for name in [
            "RECIPIENT_PATTERN",
            "MAIL_SENDERS",
            "ALLOWED_COUNTRIES",
            "REQUIRE_DKIM",
            "AUTH0_URL",
        ] {
            assert!(problems.contains(name), "{name} in {problems}");
        }
        for (pattern, problem) in [
            (
                r"(?P<phone>\d+)@a\.example",
                "RECIPIENT_PATTERN needs a group (?P<tag>...) too",
            ),
            (
                r"(?P<tag>\d+)@a\.example",
                "RECIPIENT_PATTERN needs a group (?P<phone>...)",
            ),
            (
                r"x(?P<phone>\d+@a\.example",
                "RECIPIENT_PATTERN is not a regular expression: regex parse error:\n    x(?P<phone>\\d+@a\\.example\n     ^\nerror: unclosed group",
            ),
            (r"x)|(?P<phone>\d+", "error: unopened group"),
            (r"(?P<phone>(\d{100}){1000})", "size limit"),
        ] {
            let lookup = |name: &str| (name == "RECIPIENT_PATTERN").then(|| pattern.to_owned());
            let problems = read(&lookup, |source| Rules::read(source, None, true))
                .unwrap_err()
                .to_string();
            assert!(problems.contains(problem), "{problems}");
        }
    }
}
