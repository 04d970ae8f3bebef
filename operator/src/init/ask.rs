//! Where the answers come from: a person, or a file and options.

use std::io::{self, BufRead, IsTerminal as _, Read as _, Write as _};
use std::path::PathBuf;

use super::questions::Question;
use crate::problem::Problem;
use crate::settings::Values;

/// Nobody means a longer answer. The longest setting is a menu or texts.
const ANSWER_LIMIT: u64 = 16 * 1024;

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
                let ended = |why| {
                    Problem::Usage(if draft.answers.is_empty() {
                        format!(
                            "{why}: run this at a terminal, or give the answers with --answers or --set"
                        )
                    } else {
                        format!(
                            "{why}; the answers so far are in {}: run the same command again, and Enter keeps each of them",
                            draft.path.display()
                        )
                    })
                };
                loop {
                    match line(&prompt, question.is_secret).map_err(ended)? {
                        Ok(answer) => break answer,
                        Err(why) => tell(&format!("  Not accepted: {why}")),
                    }
                }
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

/// Reads a line; the inner error says why it is no answer. Without a terminal the answer is shown as a
/// terminal would show it, so that a record of the session can be read.
fn line(prompt: &str, is_secret: bool) -> Result<Result<String, &'static str>, String> {
    let is_terminal = io::stdin().is_terminal();
    if is_terminal && is_secret {
        let typed = rpassword::prompt_password(prompt);
        return typed
            .map(readable)
            .map_err(|error| format!("the terminal: {error}"));
    }
    let _unseen = write!(anstream::stderr(), "{prompt}");
    let typed = typed(&mut io::stdin().lock());
    let Some(answer) = typed.map_err(|error| format!("standard input: {error}"))? else {
        tell("");
        return Err("the input ended".to_owned());
    };
    if !is_terminal {
        let shown = match &answer {
            Err(_) => "",
            Ok(text) if is_secret && !text.trim().is_empty() => "(not shown)",
            Ok(text) => text.trim(),
        };
        tell(&crate::report::plain(shown));
    }
    Ok(answer)
}

/// The next line. `None`: there is none. The inner error says why it is no answer.
fn typed(input: &mut impl BufRead) -> io::Result<Option<Result<String, &'static str>>> {
    let mut line = Vec::new();
    let read = input
        .by_ref()
        .take(ANSWER_LIMIT)
        .read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    if read as u64 == ANSWER_LIMIT && !line.ends_with(b"\n") {
        // The rest of the line does not answer the next question.
        input.skip_until(b'\n')?;
        return Ok(Some(Err("no answer is that long")));
    }
    let text = String::from_utf8(line).map_err(|_| "this is no text in UTF-8");
    Ok(Some(text.and_then(readable)))
}

/// A text without what nobody means to write.
fn readable(text: String) -> Result<String, &'static str> {
    let is_strange = |c: char| c.is_control() && c != '\t';
    if text.trim().contains(is_strange) {
        return Err("this has a character that cannot be seen, as arrow keys make it");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_answer_ends_with_its_line() {
        let long = "x".repeat(20_000);
        let mut input = format!("a\n{long}\nb\t{{}}\r\nc\u{1b}[D\n").into_bytes();
        input.extend(b"\xff\nd");
        let mut input = input.as_slice();
        let mut next = || typed(&mut input).unwrap();
        assert_eq!(next(), Some(Ok("a\n".to_owned())));
        assert_eq!(next(), Some(Err("no answer is that long")));
        assert_eq!(next(), Some(Ok("b\t{}\r\n".to_owned())));
        assert!(next().unwrap().unwrap_err().contains("arrow keys"));
        assert_eq!(next(), Some(Err("this is no text in UTF-8")));
        assert_eq!((next(), next()), (Some(Ok("d".to_owned())), None));
    }
}
