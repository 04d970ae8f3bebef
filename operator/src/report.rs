//! The output for a person or a program (`--json`). Results go to standard output, progress and
//! errors to standard error. Colour and progress appear only on a terminal, and no colour with
//! `NO_COLOR`.

use std::io::{self, IsTerminal as _, Write};

use anstyle::AnsiColor;
pub(crate) use anstyle::Style;
use serde::Serialize;
use serde_json::json;

use crate::logs::Line;
use crate::problem::Problem;

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const DOUBTFUL: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();

/// The result of a command. Its JSON comes from [`Serialize`].
pub(crate) trait Report: Serialize {
    /// Writes the result for a person.
    fn write(&self, out: &mut dyn Write) -> io::Result<()>;

    /// True if nothing is left to do: exit code 0, otherwise 1.
    fn is_fine(&self) -> bool {
        true
    }
}

/// Where the output goes.
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

    /// True if a person at the terminal can answer a question.
    pub(crate) fn is_watched(&self) -> bool {
        self.watched && io::stdin().is_terminal()
    }

    /// Shows what the program waits for, until the next output.
    pub(crate) fn progress(&self, what: &str) {
        if self.watched {
            self.end_progress();
            let _unseen = write!(anstream::stderr(), "{FAINT}{what} …{FAINT:#}");
        }
    }

    /// Removes the progress line before other output.
    pub(crate) fn end_progress(&self) {
        if self.watched {
            // Not by `anstream`: with NO_COLOR it leaves out what erases the line, too.
            let _unseen = io::stderr().write_all(b"\r\x1b[2K");
        }
    }

    /// Shows a line that stays, on standard error.
    pub(crate) fn line(&self, text: &str) {
        self.end_progress();
        let _unseen = writeln!(anstream::stderr(), "{text}");
    }

    /// True if the result is one JSON document.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Shows the result and gives the exit code.
    pub(crate) fn show<R: Report>(&self, report: &R) -> u8 {
        self.end_progress();
        let mut out = anstream::stdout();
        // It is not an error if the reader has gone away (`| head`).
        let _unread = if self.json {
            write_json(&mut out, report)
        } else {
            report.write(&mut out)
        };
        u8::from(!report.is_fine())
    }

    /// Shows one line of a result that has no end.
    pub(crate) fn log(&self, line: &Line) -> io::Result<()> {
        let mut out = anstream::stdout();
        if self.json {
            serde_json::to_writer(&mut out, line)?;
            writeln!(out)?;
        } else {
            line.write(&mut out)?;
        }
        out.flush()
    }

    /// Shows why there is no result, and gives the exit code.
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

    /// Asks a yes-or-no question on the terminal. `None` if no person can answer.
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

/// The result as a text without colours.
pub(crate) fn text(report: &impl Report) -> String {
    let mut bytes = Vec::new();
    // Memory takes everything.
    let _written = report.write(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    anstream::adapter::strip_str(&text).to_string()
}

fn write_json(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

/// One line of a text from outside: without control characters, which could steer a terminal, and
/// limited in length.
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
