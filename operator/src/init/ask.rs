//! Where the answers come from: a person, or a file and options.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;

use super::questions::Question;
use crate::problem::Problem;
use crate::settings::Values;

/// Nobody means a longer answer. The longest setting is a menu or texts.
const ANSWER_LIMIT: usize = 16 * 1024;

/// The source of the answers. Has no `Debug`: an answer may be a secret.
pub(super) enum Asker {
    /// A person, or a program that writes lines as a person would.
    Person(Draft),
    /// All answers at once.
    Given {
        answers: Values,
        /// What is missing or wrong, all of it.
        problems: Vec<String>,
    },
}

/// The answers of a person so far, in a file. An interruption loses none. No secret is among them.
pub(super) struct Draft {
    pub(super) path: PathBuf,
    pub(super) answers: Values,
}

impl Draft {
    /// The answers that an interrupted run left.
    pub(super) fn open(path: PathBuf) -> Self {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let answers = serde_json::from_str(&text).unwrap_or_default();
        Self { path, answers }
    }

    fn keep(&mut self, name: &str, answer: &str) -> Result<(), Problem> {
        self.answers.insert(name.to_owned(), answer.to_owned());
        let text = serde_json::to_string_pretty(&self.answers).unwrap_or_default();
        let failed = |error| Problem::Usage(format!("{}: {error}", self.path.display()));
        std::fs::write(&self.path, text + "\n").map_err(failed)
    }

    pub(super) fn remove(&self) {
        // It may not be there, if nothing was asked.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Asker {
    /// Shows a question, with what there is to choose from.
    pub(super) fn show(&self, question: &Question, choices: &[(String, String)]) {
        if matches!(self, Self::Given { .. }) {
            return;
        }
        let Question {
            name,
            what,
            place,
            example,
            ..
        } = question;
        tell(&format!("\n{what} ({name})"));
        if !place.is_empty() {
            tell(&format!("  Where: {place}."));
        }
        tell(&format!("  Example: {example}"));
        for (index, (choice, about)) in choices.iter().enumerate() {
            tell(&format!("  {}) {choice}  {about}", index + 1));
        }
    }

    /// The answer to a question. An empty one is the default.
    pub(super) fn answer(
        &mut self,
        question: &Question,
        default: Option<&str>,
    ) -> Result<String, Problem> {
        let given = match self {
            Self::Given { answers, problems } => match answers.remove(question.name) {
                Some(answer) => answer,
                None if default.is_none() => {
                    problems.push(format!(
                        "{} is missing: {}, such as {}",
                        question.name, question.what, question.example
                    ));
                    String::new()
                }
                None => String::new(),
            },
            Self::Person(draft) => {
                let shown = default.filter(|_| !question.is_secret).unwrap_or_default();
                let prompt = if shown.is_empty() {
                    "> ".to_owned()
                } else {
                    format!("[{shown}] > ")
                };
                line(&prompt, question.is_secret).map_err(|why| {
                    Problem::Usage(if draft.answers.is_empty() {
                        format!("{why}: run this at a terminal, or give the answers with --answers or --set")
                    } else {
                        format!(
                            "{why}; the answers so far are in {}: run the same command again, and Enter keeps each of them",
                            draft.path.display()
                        )
                    })
                })?
            }
        };
        Ok(match (given.trim(), default) {
            ("", Some(default)) => default.to_owned(),
            ("-", _) if question.default == Some("") => String::new(),
            (answer, _) => answer.to_owned(),
        })
    }

    /// Says that an answer is wrong. Whether the question is asked again.
    pub(super) fn reject(&mut self, question: &Question, why: &str) -> bool {
        match self {
            Self::Given { problems, .. } => {
                let told = format!("{}: {why}. Example: {}", question.name, question.example);
                if !problems
                    .iter()
                    .any(|known| known.starts_with(&format!("{} is missing", question.name)))
                {
                    problems.push(told);
                }
                false
            }
            Self::Person(_) => {
                tell(&format!("  Not accepted: {why}"));
                tell(&format!("  Example: {}", question.example));
                true
            }
        }
    }

    /// Keeps a good answer for the case of an interruption.
    pub(super) fn keep(&mut self, question: &Question, answer: &str) -> Result<(), Problem> {
        match self {
            Self::Person(draft) if !question.is_secret => draft.keep(question.name, answer),
            _ => Ok(()),
        }
    }

    /// True if a program has given this answer.
    pub(super) fn has(&self, question: &Question) -> bool {
        match self {
            Self::Person(_) => false,
            Self::Given { answers, .. } => answers.contains_key(question.name),
        }
    }

    /// The answer of an interrupted run.
    pub(super) fn earlier(&self, name: &str) -> Option<String> {
        match self {
            Self::Person(draft) => draft.answers.get(name).cloned(),
            Self::Given { .. } => None,
        }
    }
}

/// Writes a line for the person. Results go to standard output, so this does not.
pub(super) fn tell(text: &str) {
    let _unseen = writeln!(anstream::stderr(), "{text}");
}

/// Reads a line. Without a terminal the answer is shown as a terminal would show it, so that a
/// record of the session can be read.
fn line(prompt: &str, is_secret: bool) -> Result<String, String> {
    let is_terminal = io::stdin().is_terminal();
    if is_terminal && is_secret {
        return rpassword::prompt_password(prompt)
            .map_err(|error| format!("the terminal: {error}"));
    }
    let _unseen = write!(anstream::stderr(), "{prompt}");
    let mut answer = String::new();
    let read = io::BufRead::read_line(
        &mut io::Read::take(io::stdin().lock(), ANSWER_LIMIT as u64),
        &mut answer,
    );
    match read {
        Err(error) => Err(format!("standard input: {error}")),
        Ok(0) => {
            tell("");
            Err("the input ended".to_owned())
        }
        Ok(_) => {
            if !is_terminal {
                let shown = if is_secret && !answer.trim().is_empty() {
                    "(not shown)"
                } else {
                    answer.trim()
                };
                tell(&crate::report::plain(shown));
            }
            Ok(answer)
        }
    }
}
