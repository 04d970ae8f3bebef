//! What the story prints, without secrets and identities.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use sandbox::page::{Line, Stage};

tokio::task_local! {
    /// The page on which the story is also told.
    pub(super) static STAGE: OnStage;
}

/// A page that shows the story.
#[derive(Clone)]
pub(super) struct OnStage {
    pub(super) stage: Stage,
    /// True if nothing is printed.
    pub(super) quiet: bool,
}

/// Tells a line on the page, if there is one. `printed` is for the terminal.
pub(super) fn tell(line: Line, text: &str, phone: Option<&str>, printed: &str) {
    let quiet = STAGE.try_with(|on| {
        on.stage.tell(line, text, phone);
        on.quiet
    });
    if !quiet.unwrap_or_default() {
        println!("{printed}");
    }
}

/// True if the story is told on a page only.
pub(super) fn is_quiet() -> bool {
    STAGE.try_with(|on| on.quiet).unwrap_or_default()
}

/// Prints a line that is not part of the story.
pub(super) fn note(text: &str) {
    if !is_quiet() {
        println!("{text}");
    }
}

/// Gives those who look at the page time to read.
pub(super) async fn pause() {
    if let Ok(on) = STAGE.try_with(Clone::clone) {
        on.stage.pause().await;
    }
}

pub(super) fn print_call(
    route: &str,
    what: &str,
    status: Option<u16>,
    took: Duration,
    outcome: Option<&String>,
) {
    let status = status.map_or("-".to_owned(), |status| status.to_string());
    let took = took.as_secs_f64() * 1000.0;
    let told = format!("{} {what}: {status}", route.trim());
    let line = format!("{route:<35}{what:<42}{status:>3}{took:>7.1} ms");
    let line = paint("2", &line);
    match outcome {
        Some(outcome) => {
            let printed = format!("  {line}  {}", paint("33", outcome));
            tell(Line::Call, &format!("{told}, {outcome}"), None, &printed);
        }
        None => tell(Line::Call, &told, None, &format!("  {line}")),
    }
}

pub(super) fn say(text: &str) {
    let text = masked(text);
    tell(Line::Say, &text, None, &format!("  {text}"));
}

/// Prints a text that a caller hears.
pub(super) fn hears(who: &str, text: &str) {
    let quoted = paint("36", &format!("\"{text}\""));
    let printed = format!("  {} hears {quoted}", masked(who));
    tell(Line::Hears, text, Some(who), &printed);
}

/// Prints a text that a phone received.
pub(super) fn heard(phone: &str, text: &str) {
    let who = masked(phone) + " receives ";
    let margin = format!("\n{}", " ".repeat(2 + who.chars().count()));
    let text = masked(text);
    let quoted = format!("\"{text}\"");
    let lines: Vec<_> = quoted.lines().map(|line| paint("36", line)).collect();
    let printed = format!("  {who}{}", lines.join(&margin));
    tell(Line::Heard, &text, Some(phone), &printed);
}

/// Adds colour on a terminal, unless the user asked for none (<https://no-color.org>).
pub(super) fn paint(code: &str, text: &str) -> String {
    let plain = text.is_empty()
        || !io::stdout().is_terminal()
        || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if plain {
        text.to_owned()
    } else {
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Removes secrets and identities from a text. Phone numbers keep the country and the last four
/// digits. Tickets, codes and recordings are removed completely.
pub(super) fn masked(text: &str) -> String {
    const HIDDEN: &str = "••••";
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (mut shown, mut rest) = (String::new(), text);
    while let Some(next) = rest.chars().next() {
        let after = &rest[next.len_utf8()..];
        if next == '+' && digits(after) >= 7 {
            let (country, end) = (if after.starts_with('1') { 1 } else { 2 }, digits(after));
            shown.extend(["+", &after[..country], HIDDEN, &after[end - 4..end]]);
            rest = &after[end..];
        } else if let Some(value) = rest.strip_prefix("ticket=") {
            shown.extend(["ticket=", HIDDEN]);
            rest = value.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
        } else if let Some((word, code)) = ["YES ", "JA "]
            .into_iter()
            .find_map(|word| Some((word, rest.strip_prefix(word)?)))
            .filter(|(_, code)| digits(code) == 4)
        {
            shown.extend([word, HIDDEN]);
            rest = &code[4..];
        } else if let Some(code) = rest
            .strip_prefix("code is ")
            .filter(|code| digits(code) > 0)
        {
            shown.extend(["code is ", HIDDEN]);
            rest = &code[digits(code)..];
        } else if let Some(sid) = rest.strip_prefix("/Recordings/") {
            shown.extend(["/Recordings/", HIDDEN]);
            rest = sid.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
        } else if let Some(token) = rest.strip_prefix("/clickatell/") {
            shown.extend(["/clickatell/", HIDDEN]);
            rest =
                token.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "-_".contains(c));
        } else if let Some(number) = rest.strip_prefix("/accounts/") {
            shown.extend(["/accounts/", HIDDEN]);
            rest = number.trim_start_matches(|c: char| c.is_ascii_digit());
        } else {
            shown.push(next);
            rest = after;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_printed_opens_anything() {
        for (text, shown) in [
            (
                "acme+4512345678@sms.example.com",
                "acme+45••••5678@sms.example.com",
            ),
            ("from +15005550006, +45", "from +1••••0006, +45"),
            (
                "GET /u/x?a=1&ticket=0aZ&b=2",
                "GET /u/x?a=1&ticket=••••&b=2",
            ),
            ("Your code is 271828.", "Your code is ••••."),
            (
                "https://x/AC1/Recordings/RE0aZ.mp3",
                "https://x/AC1/Recordings/••••.mp3",
            ),
            ("GET /accounts/0010042", "GET /accounts/••••"),
            ("POST /clickatell/a-token", "POST /clickatell/••••"),
            ("Svar JA 4821 for at", "Svar JA •••• for at"),
            (
                "Reply YES 4821 for ø, YES 48211",
                "Reply YES •••• for ø, YES 48211",
            ),
        ] {
            assert_eq!(masked(text), shown);
        }
    }
}
