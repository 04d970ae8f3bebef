//! Reads the catalogue's files, checks that every language has every text with the same variables,
//! and writes the texts as Rust constants. A mistake ends the build and is named.
//!
//! The environment variable `BUILD_LANGUAGES`, a comma list, limits the languages that are linked. English
//! is always among them.

#![expect(
    clippy::disallowed_methods,
    reason = "Cargo tells a build script by the environment"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use fluent_syntax::ast::{Entry, Message, Resource};
use fluent_syntax::parser;
use fluent_syntax::serializer;

#[path = "src/pattern.rs"]
mod pattern;

/// A file of the catalogue.
struct Language {
    tag: String,
    /// The lines of the head, by name.
    head: BTreeMap<String, String>,
    texts: BTreeMap<String, Text>,
    /// The order in the file.
    order: Vec<String>,
}

struct Text {
    comment: String,
    /// The message in Fluent's syntax, without its comment.
    source: String,
    variables: BTreeSet<String>,
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=BUILD_LANGUAGES");
    let folder = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("Cargo sets it"));
    let wanted = env::var("BUILD_LANGUAGES").unwrap_or_default();
    match catalogue(&folder, &wanted) {
        Ok(rust) => {
            let out = PathBuf::from(env::var("OUT_DIR").expect("Cargo sets it"));
            fs::write(out.join("catalogue.rs"), rust).expect("OUT_DIR can be written");
        }
        Err(problems) => {
            for problem in problems {
                println!("cargo::error={problem}");
            }
        }
    }
}

fn catalogue(folder: &Path, wanted: &str) -> Result<String, Vec<String>> {
    let mut problems = Vec::new();
    let languages = languages(folder, wanted, &mut problems);
    let english = languages.first().filter(|first| first.tag == "en");
    let Some(english) = english else {
        problems.push("words/en.ftl is missing".to_owned());
        return Err(problems);
    };
    for other in &languages[1..] {
        compare(english, other, &mut problems);
    }
    countries(&languages, &mut problems);
    if problems.is_empty() {
        Ok(rust(english, &languages))
    } else {
        Err(problems)
    }
}

/// All languages, English first, then by tag.
fn languages(folder: &Path, wanted: &str, problems: &mut Vec<String>) -> Vec<Language> {
    let wanted: Vec<&str> = wanted
        .split(',')
        .map(str::trim)
        .filter(|tag| !tag.is_empty())
        .collect();
    // A new file changes the folder.
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files: Vec<(String, PathBuf)> = fs::read_dir(folder)
        .expect("the folder of this file can be read")
        .filter_map(|file| {
            let path = file.ok()?.path();
            let is_ftl = path.extension().is_some_and(|extension| extension == "ftl");
            let tag = path.file_stem()?.to_str()?.to_owned();
            is_ftl.then_some((tag, path))
        })
        .collect();
    files.sort_by_key(|(tag, _)| (tag != "en", tag.clone()));
    for tag in &wanted {
        if !files.iter().any(|(file, _)| file == tag) {
            problems.push(format!(
                "BUILD_LANGUAGES names {tag}, but there is no words/{tag}.ftl"
            ));
        }
    }
    let is_wanted = |tag: &str| wanted.is_empty() || tag == "en" || wanted.contains(&tag);
    files
        .into_iter()
        .filter(|(tag, _)| is_wanted(tag))
        .map(|(tag, path)| {
            println!("cargo::rerun-if-changed={}", path.display());
            let text = fs::read_to_string(&path).expect("a file of the catalogue can be read");
            language(tag, &text, problems)
        })
        .collect()
}

fn language(tag: String, text: &str, problems: &mut Vec<String>) -> Language {
    let file = format!("words/{tag}.ftl");
    let resource = parser::parse(text).unwrap_or_else(|(resource, errors)| {
        for error in errors {
            let line = 1 + text[..error.pos.start].matches('\n').count();
            problems.push(format!("{file}, line {line}: {error}"));
        }
        resource
    });
    let mut read = Language {
        tag,
        head: BTreeMap::new(),
        texts: BTreeMap::new(),
        order: Vec::new(),
    };
    for entry in resource.body {
        match entry {
            Entry::Message(message) => {
                let id = message.id.name.to_owned();
                match self::text(message) {
                    Ok(text) => {
                        read.order.push(id.clone());
                        if read.texts.insert(id.clone(), text).is_some() {
                            problems.push(format!("{file}: {id} is there twice"));
                        }
                    }
                    Err(why) => problems.push(format!("{file}: {id} {why}")),
                }
            }
            Entry::ResourceComment(comment) => {
                let lines = comment.content.iter();
                let lines = lines.filter_map(|line| line.split_once(": "));
                let lines = lines.map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
                read.head.extend(lines);
            }
            Entry::Term(term) => problems.push(format!(
                "{file}: -{} is a term, which is not supported",
                term.id.name
            )),
            // Junk is among the parser's errors.
            Entry::Comment(_) | Entry::GroupComment(_) | Entry::Junk { .. } => {}
        }
    }
    for name in [
        "Name",
        "Locales",
        "Countries",
        "Speech",
        "Voice",
        "Decimal",
        "Reviewed",
    ] {
        if !read.head.contains_key(name) {
            problems.push(format!(
                "{file}: the line `### {name}: …` is missing in the head"
            ));
        }
    }
    read
}

fn text(mut message: Message<&str>) -> Result<Text, String> {
    if !message.attributes.is_empty() {
        return Err("has attributes, which are not supported".to_owned());
    }
    let pattern = message.value.as_ref().ok_or("has no text")?;
    let variables = pattern::variables(pattern)?;
    let comment = message.comment.take();
    let lines = comment.map(|comment| comment.content.join("\n"));
    let body = vec![Entry::Message(message)];
    Ok(Text {
        comment: lines.unwrap_or_default(),
        source: serializer::serialize(&Resource { body }),
        variables: variables.into_iter().map(str::to_owned).collect(),
    })
}

fn compare(english: &Language, other: &Language, problems: &mut Vec<String>) {
    let file = format!("words/{}.ftl", other.tag);
    for (id, text) in &english.texts {
        let Some(translated) = other.texts.get(id) else {
            problems.push(format!("{file}: {id} is missing"));
            continue;
        };
        if translated.variables != text.variables {
            problems.push(format!(
                "{file}: {id} has the variables {:?}, but must have {:?}",
                translated.variables, text.variables
            ));
        }
    }
    for id in other.texts.keys() {
        if !english.texts.contains_key(id) {
            problems.push(format!("{file}: {id} is not in words/en.ftl"));
        }
    }
}

/// Each country has one language.
fn countries(languages: &[Language], problems: &mut Vec<String>) {
    let mut seen = BTreeMap::new();
    for language in languages {
        for country in listed(language, "Countries") {
            if let Some(other) = seen.insert(country.to_owned(), &language.tag) {
                problems.push(format!(
                    "{country} is in words/{other}.ftl and in words/{}.ftl",
                    language.tag
                ));
            }
        }
    }
}

fn listed<'a>(language: &'a Language, name: &str) -> impl Iterator<Item = &'a str> {
    let line = language.head.get(name).map_or("", String::as_str);
    line.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
}

fn rust(english: &Language, languages: &[Language]) -> String {
    let mut rust = String::from("pub(crate) static LANGUAGES: &[About] = &[\n");
    for language in languages {
        let value = |name: &str| &language.head[name];
        let list = |name: &str| listed(language, name).collect::<Vec<_>>();
        // Writing to a String cannot fail.
        let _ = writeln!(
            rust,
            "    About {{ tag: {:?}, name: {:?}, locales: &{:?}, countries: &{:?}, speech: {:?}, voice: {:?}, decimal: {:?}, is_reviewed: {} }},",
            language.tag,
            value("Name"),
            list("Locales"),
            list("Countries"),
            value("Speech"),
            value("Voice"),
            value("Decimal"),
            value("Reviewed") == "yes",
        );
    }
    rust.push_str("];\n\n");
    for id in &english.order {
        let text = &english.texts[id];
        for line in text.comment.lines() {
            let _ = writeln!(rust, "/// {}", line.replace('$', "").trim_end());
        }
        let variables: Vec<&str> = text.variables.iter().map(String::as_str).collect();
        let sources: Vec<&str> = languages
            .iter()
            .map(|language| language.texts[id].source.as_str())
            .collect();
        let _ = writeln!(
            rust,
            "pub static {}: Message = Message {{ id: {id:?}, is_sms: {}, variables: &{variables:?}, sources: &{sources:?} }};\n",
            name(id),
            text.comment.contains("SMS"),
        );
    }
    let names = english.order.iter().map(|id| format!("&{}", name(id)));
    let names = names.collect::<Vec<_>>().join(", ");
    let _ = writeln!(
        rust,
        "/// All messages.\npub static ALL: &[&Message] = &[{names}];\n"
    );
    let known = english.order.iter().map(|id| {
        let variables: Vec<&str> = english.texts[id]
            .variables
            .iter()
            .map(String::as_str)
            .collect();
        format!("({id:?}, &{variables:?})")
    });
    let known = known.collect::<Vec<_>>().join(", ");
    // Without the texts, so that a function that checks overrides does not link all of them.
    let _ = writeln!(
        rust,
        "pub(crate) static KNOWN: &[(&str, &[&str])] = &[{known}];"
    );
    rust
}

fn name(id: &str) -> String {
    id.to_ascii_uppercase().replace('-', "_")
}
