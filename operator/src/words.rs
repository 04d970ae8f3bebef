//! `words`: the texts that people get in each language, and a company's own in their place.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use shared::platform::table::{Table, Update};
use shared::rules::sms::segments;
use shared::rules::words::{add, key};
use words::{ALL, Language, Overrides};

use crate::aws::failed;
use crate::context::Context;
use crate::problem::Problem;
use crate::report::{DOUBTFUL, FAINT, GOOD, Report};

/// The value of the parameter `Words` with which functions read the table.
const IN_TABLE: &str = "table";

/// Twilio's limit for a text message, in characters. Nobody listens to more.
const LONGEST: usize = 1600;

/// The result of `words list`.
#[derive(Debug, Serialize)]
pub(crate) struct Texts {
    languages: Vec<Spoken>,
}

#[derive(Debug, Serialize)]
struct Spoken {
    language: String,
    name: &'static str,
    /// Whether somebody who speaks the language has read the catalogue's texts.
    reviewed: bool,
    texts: Vec<Text>,
}

#[derive(Debug, Serialize)]
struct Text {
    name: &'static str,
    /// The text with usual values of its variables.
    says: String,
    /// Whether it is the company's own.
    own: bool,
    /// `None`: it is no SMS.
    segments: Option<u64>,
}

/// The result of `words set` and `words clear`.
#[derive(Debug, Serialize)]
pub(crate) struct Stored {
    language: String,
    dry_run: bool,
    /// The names of the texts.
    texts: Vec<String>,
    /// Whether the functions of this stack read the table.
    used: bool,
}

fn table(context: &Context) -> Result<Table, Problem> {
    let name = context.stack.required("TableName")?;
    Ok(Table::new(context.aws.dynamodb.clone(), name.to_owned()))
}

/// What people get: in one language, or in every language of the stack.
pub(crate) async fn list(context: &Context, only: Option<Language>) -> Result<Texts, Problem> {
    let languages: Vec<Language> = match only {
        Some(language) => vec![language],
        None => spoken(context),
    };
    let settings = context.stack.get("Words").unwrap_or_default();
    let table = table(context)?;
    context.console.progress("reading the texts");
    let mut told = Vec::new();
    for language in languages {
        let own = if settings == IN_TABLE {
            let item = table.get(key(language), context.calls.now()).await;
            let item = item.map_err(|error| failed(&error.to_string()))?;
            item.and_then(|item| item.text("texts").map(str::to_owned))
                .and_then(|texts| serde_json::from_str(&texts).ok())
        } else {
            serde_json::from_str::<BTreeMap<String, BTreeMap<String, String>>>(settings)
                .ok()
                .and_then(|mut all| all.remove(language.tag()))
        };
        let mut overrides = Overrides::default();
        // What cannot be used is not what people get. `set` and the start of a function name it.
        let _unused = add(&mut overrides, language, own.unwrap_or_default());
        told.push(spoken_texts(language, &overrides));
    }
    Ok(Texts { languages: told })
}

/// The languages of the stack; the default alone if it names none.
fn spoken(context: &Context) -> Vec<Language> {
    let default = context.stack.get("DefaultLanguage").unwrap_or_default();
    let default = default.parse().unwrap_or(Language::ENGLISH);
    let listed = context.stack.list("Languages");
    let is_spoken = |language: &Language| {
        *language == default
            || listed
                .iter()
                .any(|entry| entry == "all" || entry.parse() == Ok(*language))
    };
    Language::all().filter(is_spoken).collect()
}

fn spoken_texts(language: Language, own: &Overrides) -> Spoken {
    let texts = ALL.iter().map(|message| {
        let says = own.text(message, language, &message.example(language));
        Text {
            name: message.id,
            own: own.names(language).any(|name| name == message.id),
            segments: message.is_sms.then(|| segments::count(&says)),
            says,
        }
    });
    Spoken {
        language: language.to_string(),
        name: language.name(),
        reviewed: language.is_reviewed(),
        texts: texts.collect(),
    }
}

/// Checks a file of texts and stores them in place of those that the table has in this language.
pub(crate) async fn set(
    context: &Context,
    language: Language,
    file: &Path,
) -> Result<Stored, Problem> {
    let told = |why: String| Problem::Usage(format!("{}: {why}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| told(error.to_string()))?;
    let texts = words::texts(&text).map_err(|problems| told(problems.join("\n")))?;
    if texts.is_empty() {
        return Err(told(
            "there is no text in it. A text is a name, an equals sign and the words, such as: goodbye = Goodbye."
                .to_owned(),
        ));
    }
    let texts: BTreeMap<String, String> = texts.into_iter().collect();
    let mut problems = add(&mut Overrides::default(), language, texts.clone());
    let is_long = |text: &String| text.chars().count() > LONGEST;
    let long = texts.iter().filter(|(_, text)| is_long(text));
    problems.extend(long.map(|(name, _)| format!("{name} is longer than {LONGEST} characters")));
    if !problems.is_empty() {
        return Err(told(problems.join("\n")));
    }
    let names = texts.keys().cloned().collect();
    let json = serde_json::to_string(&texts).unwrap_or_default();
    store(context, language, names, Some(json)).await
}

/// Removes the texts that the table has in this language.
pub(crate) async fn clear(context: &Context, language: Language) -> Result<Stored, Problem> {
    store(context, language, Vec::new(), None).await
}

async fn store(
    context: &Context,
    language: Language,
    texts: Vec<String>,
    json: Option<String>,
) -> Result<Stored, Problem> {
    let update = Update::new(key(language));
    let update = match json {
        Some(json) => update.set("texts", json),
        None => update.remove("texts"),
    };
    if !context.dry_run {
        context.console.progress("writing the table");
        let written = table(context)?.update(update).await;
        written.map_err(|error| failed(&error.to_string()))?;
    }
    Ok(Stored {
        language: language.to_string(),
        dry_run: context.dry_run,
        texts,
        used: context.stack.get("Words") == Some(IN_TABLE),
    })
}

impl Report for Texts {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for spoken in &self.languages {
            let Spoken { language, name, .. } = spoken;
            writeln!(out, "{GOOD}{name} ({language}){GOOD:#}")?;
            if !spoken.reviewed {
                writeln!(
                    out,
                    "  {DOUBTFUL}nobody who speaks the language has read the built-in texts{DOUBTFUL:#}"
                )?;
            }
            for text in &spoken.texts {
                let mut notes = Vec::new();
                match text.segments {
                    Some(1) => notes.push("1 segment".to_owned()),
                    Some(segments) => notes.push(format!("{segments} segments")),
                    None => {}
                }
                if text.own {
                    notes.push("your own".to_owned());
                }
                let notes = notes.join(", ");
                writeln!(out, "  {}  {FAINT}{notes}{FAINT:#}", text.name)?;
                writeln!(out, "    {}", text.says.replace('\n', "\n    "))?;
            }
        }
        Ok(())
    }
}

impl Report for Stored {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let verb = match (self.dry_run, self.texts.is_empty()) {
            (true, true) => "would remove the texts of your own",
            (false, true) => "removed the texts of your own",
            (true, false) => "would store",
            (false, false) => "stored",
        };
        let names = self.texts.join(", ");
        let blank = if names.is_empty() { "" } else { " " };
        writeln!(out, "{}: {GOOD}{verb}{GOOD:#}{blank}{names}", self.language)?;
        if self.used {
            writeln!(out, "The functions read them within five minutes.")
        } else {
            writeln!(
                out,
                "{DOUBTFUL}No function reads them yet.{DOUBTFUL:#} Set the parameter Words to {IN_TABLE} and deploy."
            )
        }
    }
}
