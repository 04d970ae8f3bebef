//! Where a recipient address contains the phone number and the application's tag.

use regex::bytes::{Regex, RegexBuilder};
use shared::platform::config::Source;
use shared::rules::phone::E164;
use shared::vendors::mailgun::mail::is_address;

/// The size limit of a compiled pattern, in bytes. A pattern for an address has a few thousand.
const PATTERN_LIMIT: usize = 1 << 20;

/// How a recipient address contains the phone number, and whether it must contain a tag.
#[derive(Debug)]
pub struct Recipient {
    /// Matches the whole address, with a group `phone`, and with a tag also a group `tag`. `None`
    /// if the setting is not valid.
    pattern: Option<Regex>,
    tagged: bool,
}

/// The parts of a recipient address.
pub struct Addressee<'a> {
    /// The phone number.
    pub phone: E164,
    /// The text in the place of the tag, if a tag is required. Not checked yet.
    pub tag: Option<&'a str>,
}

impl Recipient {
    /// Reads the settings; problems are noted in `source`. `tagged`: each address needs a tag.
    pub fn read(source: &mut Source<'_>, tagged: bool) -> Self {
        let pattern = source.optional("RECIPIENT_PATTERN");
        let pattern = pattern.unwrap_or_else(|| plus(source, tagged));
        let pattern = whole(&pattern).map_err(|error| {
            source.problem(format!(
                "RECIPIENT_PATTERN is not a regular expression: {error}"
            ));
        });
        let lacks = |group: &str| {
            let mut names = pattern.iter().flat_map(Regex::capture_names).flatten();
            pattern.is_ok() && !names.any(|name| name == group)
        };
        if lacks("phone") {
            source.problem("RECIPIENT_PATTERN needs a group (?P<phone>...)");
        }
        if tagged && lacks("tag") {
            source.problem("RECIPIENT_PATTERN needs a group (?P<tag>...) too, since RECIPIENT_KEY_SECRET is set");
        }
        Self {
            pattern: pattern.ok(),
            tagged,
        }
    }

    /// Reads phone and tag from an address. The address must match as a whole.
    pub fn parse<'a>(&self, address: &'a str) -> Option<Addressee<'a>> {
        let groups = self.pattern.as_ref()?.captures(address.as_bytes())?;
        let group = |name| str::from_utf8(groups.name(name)?.as_bytes()).ok();
        let phone = group("phone")?;
        let digits = phone.strip_prefix('+').unwrap_or(phone);
        Some(Addressee {
            phone: format!("+{digits}").parse().ok()?,
            tag: self.tagged.then(|| group("tag").unwrap_or_default()),
        })
    }
}

/// The pattern for `{prefix}+{digits}@{domain}`, or with a tag `{prefix}+{digits}.{tag}@{domain}`.
fn plus(source: &mut Source<'_>, tagged: bool) -> String {
    let prefix = source.required("RECIPIENT_PREFIX").trim().to_owned();
    let domain = source.required("RECIPIENT_DOMAIN").trim().to_owned();
    let are_given = !prefix.is_empty() && !domain.is_empty();
    if are_given && (prefix.contains('+') || !is_address(&format!("{prefix}@{domain}"))) {
        source.problem("RECIPIENT_PREFIX and RECIPIENT_DOMAIN are what stands before the + and after the @, such as acme and sms.example.com");
    }
    let tag = if tagged { r"(?:\.(?P<tag>[^@]*))?" } else { "" };
    let (prefix, domain) = (regex::escape(&prefix), regex::escape(&domain));
    format!(r"{prefix}\+(?P<phone>\d+){tag}@{domain}")
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

#[cfg(test)]
mod tests {
    use super::*;
    use shared::platform::config::read;

    /// Phone and tag of an address, each written after a blank; empty if the address is not ours.
    fn parsed(settings: &[(&str, &str)], tagged: bool, address: &str) -> String {
        let plus = [
            ("RECIPIENT_PREFIX", "acme"),
            ("RECIPIENT_DOMAIN", "sms.example.com"),
        ];
        let lookup = |name: &str| {
            let mut all = settings.iter().chain(&plus);
            all.find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        let recipient = read(&lookup, |source| Recipient::read(source, tagged)).unwrap();
        let parts = recipient.parse(address);
        parts.map_or(String::new(), |Addressee { phone, tag }| {
            format!("{} {}", phone.reveal(), tag.unwrap_or("-"))
        })
    }

    #[test]
    fn an_address_is_read_as_a_whole_in_either_case() {
        const PATTERN: &[(&str, &str)] = &[(
            "RECIPIENT_PATTERN",
            r"(?P<tag>[a-z]*)-(?P<phone>\+?\d+)@(a|b)\.example",
        )];
        for (settings, tagged, address, expected) in [
            (
                &[][..],
                false,
                "acme+4512345678@sms.example.com",
                "+4512345678 -",
            ),
            (
                &[],
                false,
                "ACME+4512345678@SMS.example.com",
                "+4512345678 -",
            ),
            (&[], false, "acme+4512345678.tag@sms.example.com", ""),
            (&[], false, "acme+4512345678@smsxexample.com", ""),
            (&[], false, "xacme+4512345678@sms.example.com", ""),
            (&[], false, "acme++4512345678@sms.example.com", ""),
            (
                &[],
                true,
                "ACME+4512345678.TAG@SMS.example.com",
                "+4512345678 TAG",
            ),
            (
                &[],
                true,
                "acme+4512345678.a.b@sms.example.com",
                "+4512345678 a.b",
            ),
            (
                &[],
                true,
                "acme+4512345678.@sms.example.com",
                "+4512345678 ",
            ),
            (&[], true, "acme+4512345678@sms.example.com", "+4512345678 "),
            (&[], true, "acme+.4512345678@sms.example.com", ""),
            (PATTERN, false, "x-4512345678@a.example", "+4512345678 -"),
            (PATTERN, false, "X-+4512345678@B.example", "+4512345678 -"),
            (PATTERN, false, "x-٤٥١٢٣٤٥٦٧٨@a.example", ""),
            (PATTERN, false, "x-4512345678@a.example.com", ""),
            (PATTERN, true, "tag-4512345678@a.example", "+4512345678 tag"),
            (PATTERN, true, "-4512345678@a.example", "+4512345678 "),
        ] {
            assert_eq!(parsed(settings, tagged, address), expected, "{address}");
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_used_is_named() {
        for (pattern, problem) in [
            (
                r"(?P<phone>\d+)@a\.example",
                "needs a group (?P<tag>...) too",
            ),
            (r"(?P<tag>\d+)@a\.example", "needs a group (?P<phone>...)"),
            (
                r"x(?P<phone>\d+@a\.example",
                "is not a regular expression: regex parse error:\n    x(?P<phone>\\d+@a\\.example\n     ^\nerror: unclosed group",
            ),
            (r"x)|(?P<phone>\d+", "error: unopened group"),
            (r"(?P<phone>(\d{100}){1000})", "size limit"),
        ] {
            let lookup = |name: &str| (name == "RECIPIENT_PATTERN").then(|| pattern.to_owned());
            let problems = read(&lookup, |source| Recipient::read(source, true)).unwrap_err();
            assert_eq!(problems.0.len(), 1, "{problems}");
            assert!(problems.to_string().contains(problem), "{problems}");
        }
    }

    #[test]
    fn each_wrong_part_of_an_address_is_one_problem() {
        for (prefix, domain, problems) in [
            ("", "", 2),
            ("acme", "", 1),
            ("", "sms.example.com", 1),
            ("ac+me", "sms.example.com", 1),
            ("ac me", "sms.example.com", 1),
            ("acme", "sms@example.com", 1),
        ] {
            let lookup = |name: &str| match name {
                "RECIPIENT_PREFIX" => Some(prefix.to_owned()),
                "RECIPIENT_DOMAIN" => Some(domain.to_owned()),
                _ => None,
            };
            let found = read(&lookup, |source| Recipient::read(source, false)).unwrap_err();
            assert_eq!(found.0.len(), problems, "{found}");
        }
    }
}
