//! What a person, or a program (`--json`), gets to see. Results go to standard output, progress and errors to standard error; colour
//! and progress only where a terminal is, and no colour with `NO_COLOR`.

use std::io::{self, IsTerminal as _, Write};

use anstyle::AnsiColor;
pub(crate) use anstyle::Style;
use serde::Serialize;
use serde_json::json;

use crate::problem::Problem;

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const DOUBTFUL: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();

/// The result of a command. As JSON it is what [`Serialize`] makes of it.
pub(crate) trait Report: Serialize {
    /// Writes it for a person.
    fn write(&self, out: &mut dyn Write) -> io::Result<()>;

    /// Whether nothing is left to do: exit code 0, else 1.
    fn is_fine(&self) -> bool {
        true
    }
}

/// Where it goes.
pub(crate) struct Console {
    json: bool,
    watched: bool,
}

impl Console {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            watched: !json && io::stderr().is_terminal(),
        }
    }

    /// Whether somebody sits there who can be asked.
    pub(crate) fn is_watched(&self) -> bool {
        self.watched && io::stdin().is_terminal()
    }

    /// Says what is being waited for, until the next word.
    pub(crate) fn progress(&self, what: &str) {
        if self.watched {
            let _unseen = write!(anstream::stderr(), "\r\x1b[2K{FAINT}{what} …{FAINT:#}");
        }
    }

    /// Takes it away, before something else is written there.
    pub(crate) fn end_progress(&self) {
        if self.watched {
            let _unseen = write!(anstream::stderr(), "\r\x1b[2K");
        }
    }

    /// Shows the result and gives the exit code.
    pub(crate) fn show<R: Report>(&self, report: &R) -> u8 {
        self.end_progress();
        let mut out = anstream::stdout();
        // A reader that went away (`| head`) is no error.
        let _unread = if self.json {
            write_json(&mut out, report)
        } else {
            report.write(&mut out)
        };
        u8::from(!report.is_fine())
    }

    /// Shows why there is no result and gives the exit code.
    pub(crate) fn fail(&self, problem: &Problem) -> u8 {
        self.end_progress();
        if self.json {
            let _unread = write_json(
                &mut anstream::stdout(),
                &json!({ "error": problem.to_string() }),
            );
        } else {
            let _unread = writeln!(anstream::stderr(), "{BAD}error:{BAD:#} {problem}");
        }
        problem.code()
    }

    /// Asks a yes-or-no question on the terminal; `None` where nobody can answer.
    pub(crate) fn confirm(&self, question: &str) -> Option<bool> {
        if !self.is_watched() {
            return None;
        }
        self.end_progress();
        let _unseen = write!(anstream::stderr(), "{question} [y/N] ");
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).ok()?;
        Some(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes"))
    }
}

fn write_json(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

/// The lines of a text that came from outside, without what could steer a terminal, and not endless.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(300)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_providers_words_cannot_steer_the_terminal() {
        assert_eq!(plain("a\x1b[2Jb\nc"), "a [2Jb c");
        assert_eq!(plain(&"x".repeat(1000)).len(), 300);
    }
}
