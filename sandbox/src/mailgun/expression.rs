//! The expressions of routes: filters and actions.

use regex::Regex;

use crate::mail::Mail;

/// One condition of a filter.
enum Test {
    Recipient(Regex),
    Header(String, Regex),
    CatchAll,
}

/// Alternatives. Each is a list of conditions that must all hold.
pub(super) struct Filter(Vec<Vec<Test>>);

impl Filter {
    /// True if the filter accepts the mail. `matched`: an earlier route took the mail.
    pub(super) fn takes(&self, mail: &Mail, matched: bool) -> bool {
        let usual = [
            ("subject", &mail.subject),
            ("from", &mail.from),
            ("to", &mail.to),
            ("message-id", &mail.message_id),
        ];
        let holds = |test: &Test| match test {
            Test::Recipient(pattern) => pattern.is_match(&mail.recipient),
            Test::Header(name, pattern) => {
                let more = mail
                    .headers
                    .iter()
                    .map(|(name, value)| (name.as_str(), value));
                usual.into_iter().chain(more).any(|(other, value)| {
                    other.eq_ignore_ascii_case(name) && pattern.is_match(value)
                })
            }
            Test::CatchAll => !matched,
        };
        self.0.iter().any(|all| all.iter().all(holds))
    }
}

pub(super) enum Action {
    /// Post to this parsed URL.
    Post(String),
    /// Forward to a mailbox, or store without a notification.
    Else,
    Stop,
}

/// Name, arguments, and the text after them.
type Call<'a> = (&'a str, Vec<(&'a str, String)>, &'a str);

/// Splits `name(arguments)rest`. An argument is a quoted text. A keyword and `=` may precede it;
/// the keyword is the first part of the pair.
fn call(text: &str) -> Result<Call<'_>, String> {
    let malformed = || format!("not a filter or action: {text}");
    let (name, mut rest) = text.trim_start().split_once('(').ok_or_else(malformed)?;
    let mut arguments = vec![];
    loop {
        rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix(')') {
            return Ok((name.trim_end(), arguments, rest));
        }
        if !arguments.is_empty() {
            rest = rest.strip_prefix(',').ok_or_else(malformed)?.trim_start();
        }
        let at = rest.find(['"', '\'']).ok_or_else(malformed)?;
        let (keyword, quote) = (rest[..at].trim(), rest[at..].chars().next().unwrap_or('"'));
        let (mut value, mut end) = (String::new(), None);
        let mut characters = rest[at + 1..].char_indices();
        while let Some((index, c)) = characters.next() {
            match c {
                _ if c == quote => {
                    end = Some(at + 1 + index + 1);
                    break;
                }
                '\\' => match characters.next() {
                    Some((_, escaped)) if escaped == quote => value.push(quote),
                    Some((_, other)) => value.extend(['\\', other]),
                    None => return Err(malformed()),
                },
                _ => value.push(c),
            }
        }
        arguments.push((keyword, value));
        rest = &rest[end.ok_or_else(malformed)?..];
    }
}

pub(super) fn filter(text: &str) -> Result<Filter, String> {
    // A pattern must match from the start of a text, like Python's `re.match`. Mailgun's own
    // examples begin with `.*`.
    let pattern = |text: &str| {
        Regex::new(&format!("^(?:{text})")).map_err(|error| format!("{text}: {error}"))
    };
    let (mut alternatives, mut all, mut rest) = (vec![], vec![], text);
    loop {
        let (name, arguments, after) = call(rest)?;
        all.push(match (name, &arguments[..]) {
            ("match_recipient", [("", recipient)]) => Test::Recipient(pattern(recipient)?),
            ("match_header", [("", name), ("", value)]) => {
                Test::Header(name.clone(), pattern(value)?)
            }
            ("catch_all", []) => Test::CatchAll,
            _ => return Err(format!("not a filter: {text}")),
        });
        rest = match after.trim().split_once(char::is_whitespace) {
            None if after.trim().is_empty() => break,
            Some(("and", rest)) => rest,
            Some(("or", rest)) => {
                alternatives.push(std::mem::take(&mut all));
                rest
            }
            _ => return Err(format!("neither \"and\" nor \"or\": {text}")),
        };
    }
    alternatives.push(all);
    Ok(Filter(alternatives))
}

pub(super) fn action(text: &str) -> Result<Action, String> {
    let malformed = || format!("not an action: {text}");
    let (name, arguments, rest) = call(text)?;
    if !rest.trim().is_empty() {
        return Err(malformed());
    }
    let post = |url: &str| {
        let web = url::Url::parse(url).is_ok_and(|url| ["http", "https"].contains(&url.scheme()));
        web.then(|| Action::Post(url.to_owned()))
            .ok_or_else(malformed)
    };
    match (name, &arguments[..]) {
        ("stop", []) => Ok(Action::Stop),
        ("store", []) => Ok(Action::Else),
        ("forward", [("", to)]) if to.contains('@') && !to.contains(':') => Ok(Action::Else),
        ("store", [("notify=", url)]) | ("forward", [("", url)]) => post(url),
        _ => Err(malformed()),
    }
}
