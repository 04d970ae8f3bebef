//! `docs/security.md` and `docs/models.md` name tests as evidence: each of them exists where its link leads.

use std::{fs, path::Path};

use sandbox::template::root;

/// Where the table ends whose rows need tests.
const END: &str = "## Checked by scripts";

/// A test that a text names: its function and the linked file, as written in the page.
#[derive(Debug, PartialEq)]
struct Named<'a> {
    function: &'a str,
    file: &'a str,
}

/// The tests that a text names. Other links name a file or a folder.
fn named(text: &str) -> Vec<Named<'_>> {
    let links = text.split("[`").skip(1);
    let named = links.filter_map(|link| {
        let (function, rest) = link.split_once("`](")?;
        let (file, _) = rest.split_once(')')?;
        let is_path = function.contains(['.', '/']);
        (!is_path).then_some(Named { function, file })
    });
    named.collect()
}

/// What is wrong with a test that is named. Links lead from `folder`.
fn mistake(Named { function, file }: &Named<'_>, folder: &Path) -> Option<String> {
    match fs::read_to_string(folder.join(file)) {
        Ok(source) if defines(&source, function) => None,
        Ok(_) => Some(format!("{file} has no test {function}")),
        Err(error) => Some(format!("{file}: {error}")),
    }
}

/// True if a source defines a test of this name: attributes, comments and blank lines may stand between `#[test]` and `fn`.
fn defines(source: &str, function: &str) -> bool {
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if ["#[test]", "#[tokio::test"]
            .iter()
            .any(|attribute| line.starts_with(attribute))
        {
            is_test = true;
        } else if !(line.is_empty() || line.starts_with("#[") || line.starts_with("//")) {
            let signature = line.trim_start_matches("async ").strip_prefix("fn ");
            let name = signature.and_then(|rest| rest.split('(').next());
            if is_test && name == Some(function) {
                return true;
            }
            is_test = false;
        }
    }
    false
}

/// The rows of the page's tables that need tests, and what is wrong with them. Links lead from `folder`.
fn judge(page: &str, folder: &Path) -> (usize, Vec<String>) {
    let (mut rows, mut wrong) = (0, Vec::new());
    let tables = page.split(END).next().unwrap_or_default().lines();
    let told = tables.filter(|line| line.starts_with("| ") && !line.starts_with("| --- "));
    for row in told.filter(|row| !row.starts_with("| attack or fault ")) {
        rows += 1;
        let tests = row.trim_end_matches(" |").rsplit(" | ").next();
        let tests = named(tests.unwrap_or_default());
        if tests.is_empty() {
            wrong.push(format!("no test: {row}"));
        }
        wrong.extend(tests.iter().filter_map(|test| mistake(test, folder)));
    }
    (rows, wrong)
}

#[test]
fn every_row_names_tests_that_exist() {
    let docs = root().join("docs");
    let page = fs::read_to_string(docs.join("security.md")).unwrap();
    assert!(page.contains(END), "the page has another form");
    let (rows, wrong) = judge(&page, &docs);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(rows > 208, "{rows}");
}

/// A story is about a code that was wrong, or about a model.
#[test]
fn every_story_of_the_models_names_tests_that_exist() {
    let docs = root().join("docs");
    let page = fs::read_to_string(docs.join("models.md")).unwrap();
    let tests = named(&page);
    let wrong: Vec<_> = tests
        .iter()
        .filter_map(|test| mistake(test, &docs))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let (_, stories) = page.split_once("## What writing the models found").unwrap();
    let stories = stories.split("\n## ").next().unwrap_or_default();
    let stories: Vec<_> = stories.split("\n**").skip(1).collect();
    assert!(stories.len() > 12, "{}", stories.len());
    for story in stories {
        let of_executable = named(story)
            .iter()
            .any(|test| test.file.contains("/functions/"));
        assert!(
            of_executable || story.contains("Only the model was wrong."),
            "{story}"
        );
    }
}

#[test]
fn seeded_mistakes_in_the_page_are_found() {
    let docs = root().join("docs");
    let here = "../sandbox/tests/it/security.rs";
    let page = |tests: &str| {
        format!(
            "| attack or fault | what happens | tests |\n| --- | --- | --- |\n| a | b | {tests} |\n"
        )
    };
    let good = format!("[`every_row_names_tests_that_exist`]({here})");
    assert_eq!(judge(&page(&good), &docs), (1, vec![]));
    for (tests, told) in [
        ("", "no test: "),
        ("`every_row_names_tests_that_exist`", "no test: "),
        (&*format!("[`renamed`]({here})"), "has no test renamed"),
        // A function that is no test.
        (&*format!("[`judge`]({here})"), "has no test judge"),
        (&*format!("[`every_row`]({here})"), "has no test every_row"),
        (&*format!("{good}, [`gone`]({here})"), "has no test gone"),
        ("[`gone`](../sandbox/tests/it/gone.rs)", "gone.rs: "),
    ] {
        let (rows, wrong) = judge(&page(tests), &docs);
        assert!(
            rows == 1 && wrong.len() == 1 && wrong[0].contains(told),
            "{tests}: {wrong:?}"
        );
    }
}

#[test]
fn tests_are_told_from_other_functions() {
    for source in [
        "#[test]\nfn a() {",
        "#[tokio::test]\nasync fn a() {",
        "    #[tokio::test(start_paused = true)]\n    /// Why.\n    #[cfg(unix)]\n\n    async fn a() {",
        "proptest! {\n    #[test]\n    fn a(text in any::<String>()) {",
    ] {
        assert!(defines(source, "a"), "{source}");
    }
    for source in [
        "fn a() {",
        "#[test]\nfn b() {}\nfn a() {",
        "#[test]\nfn ab() {",
        "// #[test]\nfn a() {",
        "#[test]\nfn b() {\n    a();",
    ] {
        assert!(!defines(source, "a"), "{source}");
    }
}
