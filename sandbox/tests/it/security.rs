//! `docs/security.md` and `docs/models.md` name tests as evidence: each of them exists where its link leads. Each attack has a number, and none is lost.

use std::{collections::BTreeSet, fs, path::Path};

use sandbox::template::root;

/// Where the tables end whose rows need tests. Lists follow.
const END: &str = "## Checked by scripts";

/// How many numbers the page has. A new row has the next one. Others link to a number, so no other attack gets it: the number of a row
/// that goes stands in the row or line that tells of its attack now.
const NUMBERS: u32 = 262;

/// The head of each table.
const HEAD: &str = "| no. | attack or fault | what happens | tests |\n| --- | --- | --- | --- |\n";

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

/// The rows of the page's tables that need tests.
fn rows(page: &str) -> impl Iterator<Item = &str> {
    let tables = page.split(END).next().unwrap_or_default().lines();
    let told = tables.filter(|line| line.starts_with("| ") && !line.starts_with("| --- "));
    told.filter(|row| !HEAD.starts_with(row))
}

/// The number that an anchor shows: `<a id="n7"></a>7`.
fn number(anchor: &str) -> Option<u32> {
    let (id, shown) = anchor.strip_prefix("<a id=\"n")?.split_once("\"></a>")?;
    (id == shown).then(|| id.parse().ok())?
}

/// What is wrong with the numbers of the page: each row and each line of the lists has one or more of its own, and they are 1 to `last`.
fn misnumbered(page: &str, last: u32) -> Vec<String> {
    let lists = page.split(END).nth(1).unwrap_or_default().lines();
    let lines = lists.filter_map(|line| line.strip_prefix("* "));
    let lines = lines.map(|line| (line, line.split(". ").next()));
    let rows = rows(page).map(|row| (row, row[2..].split(" | ").next()));
    let (mut seen, mut wrong) = (BTreeSet::new(), Vec::new());
    for (line, anchors) in rows.chain(lines) {
        for anchor in anchors.unwrap_or_default().split(", ") {
            match number(anchor) {
                Some(number) if seen.insert(number) => {}
                Some(number) => wrong.push(format!("{number} is there twice: {line}")),
                None => wrong.push(format!("no number: {line}")),
            }
        }
    }
    let all: BTreeSet<u32> = (1..=last).collect();
    wrong.extend(all.difference(&seen).map(|n| format!("{n} is gone")));
    wrong.extend(
        seen.difference(&all)
            .map(|n| format!("{n} is not the next")),
    );
    wrong
}

/// How many rows of the page's tables need tests, and what is wrong with them. Links lead from `folder`.
fn judge(page: &str, folder: &Path) -> (usize, Vec<String>) {
    let (mut count, mut wrong) = (0, Vec::new());
    for row in rows(page) {
        count += 1;
        let tests = row.trim_end_matches(" |").rsplit(" | ").next();
        let tests = named(tests.unwrap_or_default());
        if tests.is_empty() {
            wrong.push(format!("no test: {row}"));
        }
        wrong.extend(tests.iter().filter_map(|test| mistake(test, folder)));
    }
    (count, wrong)
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
fn no_number_of_the_page_is_lost() {
    let page = fs::read_to_string(root().join("docs/security.md")).unwrap();
    let wrong = misnumbered(&page, NUMBERS);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn seeded_mistakes_in_the_numbers_are_found() {
    let page =
        |row: &str, line: &str| format!("{HEAD}| {row} | a | b | c |\n{END}\n\n* {line} d\n");
    let [one, two, three] = [1, 2, 3].map(|n| format!("<a id=\"n{n}\"></a>{n}"));
    let (row, line) = (format!("{one}, {two}"), format!("{three}."));
    assert!(misnumbered(&page(&row, &line), 3).is_empty());
    for (row, line, told) in [
        (&*one, &*line, "2 is gone"),
        ("", &line, "no number: |  | a"),
        ("1, 2", &line, "no number: | 1, 2 | a"),
        (&row, "", "no number:  d"),
        (&row, &format!("{two}."), "2 is there twice: "),
        (&row, &line.replace("n3", "n4"), "no number: "),
        (&row, &line.replace('3', "4"), "4 is not the next"),
    ] {
        let wrong = misnumbered(&page(row, line), 3);
        assert!(wrong.iter().any(|one| one.contains(told)), "{wrong:?}");
    }
}

#[test]
fn seeded_mistakes_in_the_page_are_found() {
    let docs = root().join("docs");
    let here = "../sandbox/tests/it/security.rs";
    let page = |tests: &str| format!("{HEAD}| 1 | a | b | {tests} |\n");
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
