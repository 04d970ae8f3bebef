//! Reads a file of texts in Fluent's syntax, such as one with a company's own texts.

use fluent_syntax::ast::{Entry, Resource};
use fluent_syntax::parser;
use fluent_syntax::serializer;

/// The texts of a file, by name, in the file's order. Each is as [`crate::check`] takes it.
///
/// # Errors
/// What is wrong with the file, with the line.
pub fn texts(file: &str) -> Result<Vec<(String, String)>, Vec<String>> {
    let resource = parser::parse(file).map_err(|(_, errors)| {
        let line = |at: usize| 1 + file[..at].matches('\n').count();
        let errors = errors.into_iter();
        errors
            .map(|error| format!("line {}: {error}", line(error.pos.start)))
            .collect::<Vec<_>>()
    })?;
    let mut texts: Vec<(String, String)> = Vec::new();
    let mut problems = Vec::new();
    for entry in resource.body {
        match entry {
            Entry::Message(mut message) => {
                let id = message.id.name.to_owned();
                if texts.iter().any(|(other, _)| *other == id) {
                    problems.push(format!("{id} is there twice"));
                    continue;
                }
                message.comment = None;
                let body = vec![Entry::Message(message)];
                let source = serializer::serialize(&Resource { body });
                let text = source.split_once('=').map_or("", |(_, text)| text.trim());
                texts.push((id, text.to_owned()));
            }
            Entry::Term(term) => problems.push(format!(
                "-{} is a term, which is not supported",
                term.id.name
            )),
            Entry::Comment(_)
            | Entry::GroupComment(_)
            | Entry::ResourceComment(_)
            | Entry::Junk { .. } => {}
        }
    }
    if problems.is_empty() {
        Ok(texts)
    } else {
        Err(problems)
    }
}
