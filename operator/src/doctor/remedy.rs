//! Remedies: a command that works as it is printed, or what to do by hand.

use crate::cli::Programs;

/// The programs whose commands a remedy may name.
const PROGRAMS: [&str; 5] = ["operator", "aws", "sam", "auth0", "timedatectl"];

/// What to do about a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remedy {
    /// The words for a person. Commands are in backquotes.
    pub(super) text: String,
    /// The commands among them, in order, as a shell takes them.
    pub(super) commands: Vec<String>,
}

impl Remedy {
    /// Reads the commands in a text. `operator` in a text also names the stack then, and commands of
    /// AWS the login: a command works as it is printed.
    pub(super) fn new(text: &str, programs: &Programs) -> Self {
        let (mut shown, mut commands) = (String::new(), Vec::new());
        for (place, part) in text.split('`').enumerate() {
            let is_quoted = place % 2 == 1;
            let name = part.split(' ').next().unwrap_or_default();
            if !is_quoted {
                shown.push_str(part);
                continue;
            }
            let Programs {
                operator,
                aws_options,
            } = programs;
            let part = match (name, part.split_once(' ')) {
                ("operator", Some((_, arguments))) => format!("{operator} {arguments}"),
                ("aws" | "sam", Some(_)) => format!("{part}{aws_options}"),
                _ => part.to_owned(),
            };
            shown.extend(["`", &part, "`"]);
            if PROGRAMS.contains(&name) && part.contains(' ') {
                commands.push(part);
            }
        }
        Self {
            text: shown,
            commands,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_for_the_stack_that_was_examined() {
        let remedy = Remedy::new(
            "make a key (Console). Then run `operator secrets set twilio`. Set `Words`",
            &Programs {
                operator: "cargo operator --stack acme".to_owned(),
                ..Programs::default()
            },
        );
        assert_eq!(
            remedy.text,
            "make a key (Console). Then run `cargo operator --stack acme secrets set twilio`. Set `Words`"
        );
        assert_eq!(
            remedy.commands,
            ["cargo operator --stack acme secrets set twilio"]
        );
    }
}
