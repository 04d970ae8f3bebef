//! What each person gets: all texts of all languages, written down, with what they cost.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use shared::rules::sms::segments;
use words::{ALL, Language};

/// All texts of a language with usual values.
fn written(language: Language) -> String {
    let mut text = format!(
        "{} ({language}): what people get, with usual values. Written by `WRITE_TEXTS=1 cargo test -p shared words`.\n",
        language.name()
    );
    if !language.is_reviewed() {
        text.push_str("Nobody who speaks the language has read these texts yet.\n");
    }
    for message in ALL {
        let said = message.text(language, &message.example(language));
        let _ = write!(text, "\n{}", message.id);
        if message.is_sms {
            let count = segments::count(&said);
            let alphabet = if segments::is_gsm(&said) {
                "GSM-7"
            } else {
                "UCS-2"
            };
            let many = if count > 1 {
                " MORE THAN ONE SEGMENT"
            } else {
                ""
            };
            let _ = write!(text, " ({count} × {alphabet}{many})");
        }
        let _ = writeln!(text, "\n    {}", said.replace('\n', "\n    "));
    }
    text
}

/// The lines of all texts that cost more than one segment.
fn expensive(texts: &BTreeMap<PathBuf, String>) -> String {
    let long = texts.iter().flat_map(|(path, text)| {
        let language = path.file_stem().unwrap().to_str().unwrap();
        let long = text.lines().filter(|line| line.contains("MORE THAN ONE"));
        long.map(move |line| format!("{language}: {line}\n"))
    });
    long.collect()
}

/// `docs/languages.md` with the table of the languages.
fn page() -> String {
    const HEAD: &str = "| --- | --- | --- | --- | --- |\n";
    let page = fs::read_to_string(root().join("docs/languages.md")).unwrap();
    let (before, after) = page.split_once(HEAD).unwrap();
    let (_, after) = after.split_once("\n## ").unwrap();
    let mut rows = String::new();
    for language in Language::all() {
        let read = if language.is_reviewed() { "yes" } else { "no" };
        let _ = writeln!(
            rows,
            "| {} | `{language}` | `{}`, {} | {} | {read} |",
            language.name(),
            language.speech(),
            language.voice(),
            language.countries().join(", "),
        );
    }
    let text = after.split_once("\n\n").unwrap();
    format!("{before}{HEAD}{rows}\n## {}\n\n{}", text.0, text.1)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn the_texts_that_are_written_down_are_those_that_people_get() {
    let folder = root().join("words/texts");
    let path = |name: &str| folder.join(name).with_extension("txt");
    let texts = Language::all().map(|language| (path(language.tag()), written(language)));
    let mut texts: BTreeMap<PathBuf, String> = texts.collect();
    texts.insert(path("more-than-one-segment"), expensive(&texts));
    texts.insert(root().join("docs/languages.md"), page());
    let mut different = Vec::new();
    for (path, text) in texts {
        if env::var_os("WRITE_TEXTS").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &text).unwrap();
        }
        if fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
            different.push(path);
        }
    }
    assert!(
        different.is_empty(),
        "{different:?} differ from the catalogue; `WRITE_TEXTS=1 cargo test -p shared words` writes them"
    );
}

#[test]
fn no_built_in_word_that_confirms_is_one_that_opts_out() {
    for language in Language::all() {
        let words = words::CONFIRM_WORDS.text(language, &[]);
        for word in words.split(',').map(str::trim) {
            assert!(!word.is_empty(), "{language}: {words}");
            let stops = shared::vendors::twilio::webhook::STOP_WORDS;
            let word = word.to_lowercase();
            assert!(!stops.contains(&word.as_str()), "{language}: {word}");
        }
        let digits = words::DIGIT_WORDS.text(language, &[]);
        assert_eq!(
            digits.split_whitespace().count(),
            10,
            "{language}: {digits}"
        );
    }
}
