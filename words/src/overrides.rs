//! Texts of a company's own, in place of those of the catalogue.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::{KNOWN, Language, Message, Value, pattern, pattern_of, render};

/// The variables that a text of one's own may not leave out: without them it is of no use.
const NEEDED: [&str; 4] = ["code", "digit", "link", "recording"];

/// Texts by language and name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides(BTreeMap<(Language, &'static str), String>);

impl Overrides {
    /// Takes a text, in Fluent's syntax, without the name and the equals sign.
    ///
    /// # Errors
    /// What is wrong with the text, as the rest of a sentence that begins with its name.
    pub fn add(&mut self, language: Language, id: &str, text: &str) -> Result<(), String> {
        let (id, source) = check(id, text)?;
        self.0.insert((language, id), source);
        Ok(())
    }

    /// Takes all texts of `others`.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The message in a language: the text of one's own, if there is one, else the catalogue's.
    pub fn text(
        &self,
        message: &Message,
        language: Language,
        values: &[(&str, Value<'_>)],
    ) -> String {
        let own = self.0.get(&(language, message.id));
        let own = own.and_then(|source| render(source, language, values));
        own.unwrap_or_else(|| message.text(language, values))
    }

    /// The names of the texts in a language.
    pub fn names(&self, language: Language) -> impl Iterator<Item = &'static str> {
        let of_language = self.0.keys().filter(move |(of, _)| *of == language);
        of_language.map(|(_, id)| *id)
    }
}

/// The name as the catalogue has it, and the text as a message in Fluent's syntax.
///
/// # Errors
/// What is wrong with the text, as the rest of a sentence that begins with its name.
pub fn check(id: &str, text: &str) -> Result<(&'static str, String), String> {
    let known = KNOWN.iter().find(|(known, _)| *known == id);
    let (id, variables) = known.ok_or("is not the name of a text")?;
    let mut source = format!("{id} =");
    for line in text.trim().lines() {
        source.push_str("\n    ");
        // At the beginning of a line, these mean something else.
        let special = ['.', '*', '['].into_iter();
        let mut special =
            special.filter_map(|first| Some((first, line.trim_start().strip_prefix(first)?)));
        match special.next() {
            Some((first, rest)) if !text.contains("->") => {
                // Writing to a String cannot fail.
                let _ = write!(source, "{{ \"{first}\" }}{rest}");
            }
            _ => source.push_str(line.trim_end()),
        }
    }
    source.push('\n');
    let syntax =
        "is not in Fluent's syntax: a variable is { $name }, and a brace as such is { \"{\" }";
    let used = match pattern_of(&source) {
        Some(pattern) => pattern::variables(&pattern)?
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>(),
        None if text.trim().is_empty() => return Err("is empty".to_owned()),
        None => return Err(syntax.to_owned()),
    };
    if let Some(unknown) = used.iter().find(|name| !variables.contains(&name.as_str())) {
        let names: Vec<String> = variables.iter().map(|name| format!("${name}")).collect();
        let allowed = if names.is_empty() {
            "none".to_owned()
        } else {
            format!("only {}", names.join(", "))
        };
        return Err(format!(
            "has the variable ${unknown}, but may have {allowed}"
        ));
    }
    let is_left_out =
        |name: &&&str| NEEDED.contains(*name) && !used.iter().any(|used| used == **name);
    match variables.iter().find(is_left_out) {
        Some(needed) => Err(format!("lacks {{ ${needed} }}")),
        None => Ok((id, source)),
    }
}
