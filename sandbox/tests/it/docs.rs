//! What the documentation promises to name: every variable with its default, every outcome of the log; and its links.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use sandbox::{
    Sandbox,
    template::{Template, root},
};
use serde_norway::Value as Yaml;

/// What stands before an outcome in the functions' code.
const WORD_FOLLOWS: [&str; 9] = [
    "Err(",
    "Nobody(",
    "Outcome::new(",
    "Judgement::Refused(",
    "into_reply(",
    "ok_or(",
    "outcome: ",
    "refusal(",
    "refuse(",
];

/// A Markdown file without its code blocks.
struct Page {
    path: PathBuf,
    lines: Vec<String>,
}

fn page(path: &Path) -> Page {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut in_code = false;
    let prose = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !fence && !in_code
    });
    Page {
        path: path.to_owned(),
        lines: prose.map(str::to_owned).collect(),
    }
}

/// Everything that a reader is led through.
fn pages() -> Vec<Page> {
    let docs = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let docs = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let others = [
        "README.md",
        "AGENTS.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "operator/README.md",
        "functions/sms-gateway/action/README.md",
    ]
    .map(|path| root().join(path));
    docs.chain(others).map(|path| page(&path)).collect()
}

/// As GitHub makes anchors of headings: lower case, without punctuation, blanks as dashes. And those that the page names itself.
fn anchors(page: &Page) -> BTreeSet<String> {
    let headings = page.lines.iter().filter(|line| line.starts_with('#'));
    let slug = |heading: &String| -> String {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = text
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    let ids = page
        .lines
        .iter()
        .flat_map(|line| line.split("<a id=\"").skip(1));
    let named = ids.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()));
    headings.map(slug).chain(named).collect()
}

/// The backquoted words of a text.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Rows of tables below a heading, split into cells.
struct Section {
    heading: String,
    rows: Vec<[String; 3]>,
}

impl Section {
    /// True if the variables of the section are a function's.
    fn is_of(&self, function: &str) -> bool {
        let mut functions = self.heading.split(" and ");
        self.heading == "Every function" || functions.any(|name| name == function)
    }
}

/// What the tables say of a function's variable in their last column. An empty cell means "as above".
fn told_default<'a>(sections: &'a [Section], function: &str, variable: &str) -> Option<&'a str> {
    let rows = sections.iter().flat_map(|section| {
        let is_of = section.is_of(function);
        section.rows.iter().map(move |row| (is_of, row))
    });
    let rows = rows.filter(|(_, row)| quoted(&row[0]).any(|name| name == variable));
    let rows: Vec<_> = rows.collect();
    let own = rows.iter().position(|(is_of, _)| *is_of)?;
    let told = rows[..=own].iter().map(|(_, row)| row[2].as_str());
    told.rev().find(|told| !told.is_empty())
}

/// The variables that each function does not start without in the sandbox, by its name.
pub(crate) fn required(sandbox: &Sandbox) -> BTreeMap<String, BTreeSet<String>> {
    let sections = configuration();
    let functions = sandbox.template().functions.iter();
    let required = functions.map(|function| {
        let environment = sandbox.env_for(&function.name);
        let routes = environment.get("SMS_ROUTES").map_or("", String::as_str);
        let is_required = |variable: &&String| {
            let told = told_default(&sections, &function.name, variable).unwrap_or_default();
            // One that only another setting makes necessary may be left out without that setting.
            let provider = variable.trim_end_matches("_SECRET").to_lowercase();
            let is_routed = told.starts_with("required of") && routes.contains(&provider);
            let is_conditional = ["required of", "required with"]
                .iter()
                .any(|words| told.starts_with(words));
            told.starts_with("required") && (is_routed || !is_conditional)
        };
        let variables = function.environment.keys().filter(is_required);
        (function.name.clone(), variables.cloned().collect())
    });
    required.collect()
}

/// The tables of docs/configuration.md.
fn configuration() -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in page(&root().join("docs/configuration.md")).lines {
        if let Some(heading) = line.strip_prefix("## ") {
            sections.push(Section {
                heading: heading.to_owned(),
                rows: Vec::new(),
            });
        } else if let (Some(section), true) = (sections.last_mut(), line.starts_with("| `")) {
            let cells: Vec<_> = line
                .trim_matches(['|', ' '])
                .split(" | ")
                .map(|cell| cell.trim().to_owned())
                .collect();
            let cell = |at: usize| cells.get(at).cloned().unwrap_or_default();
            section.rows.push([cell(0), cell(1), cell(2)]);
        }
    }
    sections
}

/// `RegSmsBody` for `REG_SMS_BODY`.
fn camel_case(variable: &str) -> String {
    let word = |word: &str| word[..1].to_owned() + &word[1..].to_lowercase();
    variable.split('_').map(word).collect()
}

#[test]
fn every_variable_is_documented_with_its_default() {
    let (template, sections) = (Template::read().unwrap(), configuration());
    let mut documented = 0;
    for function in &template.functions {
        let rows: Vec<_> = sections
            .iter()
            .filter(|section| section.is_of(&function.name))
            .flat_map(|section| &section.rows)
            .collect();
        for (variable, default) in &function.environment {
            let told = told_default(&sections, &function.name, variable);
            let told = told.unwrap_or_else(|| {
                panic!(
                    "docs/configuration.md, {}: {variable} is missing",
                    function.name
                )
            });
            let default = default.as_deref().unwrap_or_default();
            assert!(
                default.is_empty() || quoted(told).any(|value| value == default),
                "docs/configuration.md, {}: the default of {variable} is {default:?}, not {told}",
                function.name
            );
            documented += 1;
        }
        for variable in rows.iter().flat_map(|row| quoted(&row[0])) {
            let declared = function.environment.contains_key(variable);
            assert!(
                declared,
                "docs/configuration.md, {}: {variable} is no variable of it",
                function.name
            );
        }
    }
    assert!(documented > 100, "{documented}");
}

#[test]
fn every_parameter_is_documented_with_its_default() {
    let template: Yaml =
        serde_norway::from_str(&fs::read_to_string(root().join("template.yaml")).unwrap()).unwrap();
    let rows: Vec<_> = configuration()
        .into_iter()
        .filter(|section| section.heading != "Secrets")
        .flat_map(|s| s.rows)
        .collect();
    let of_variables: BTreeSet<String> = rows
        .iter()
        .flat_map(|row| quoted(&row[0]))
        .map(camel_case)
        .collect();
    for (name, parameter) in template["Parameters"].as_mapping().unwrap() {
        let name = name.as_str().unwrap();
        let default = match &parameter["Default"] {
            Yaml::String(text) => text.clone(),
            Yaml::Number(number) => number.to_string(),
            _ => String::new(),
        };
        // One that feeds no variable of its name has a row of its own, or is named where its variable's default stands.
        if let Some([_, _, told]) = rows
            .iter()
            .find(|row| quoted(&row[0]).any(|word| word == name))
        {
            let right = default.is_empty() || quoted(told).any(|value| value == default);
            assert!(
                right,
                "docs/configuration.md: the default of {name} is {default:?}, not {told}"
            );
        } else {
            let named = of_variables.contains(name)
                || rows
                    .iter()
                    .any(|row| quoted(&row[2]).any(|word| word == name));
            assert!(
                named,
                "docs/configuration.md says nothing of the parameter {name}"
            );
        }
    }
}

#[test]
fn every_outcome_is_explained() {
    let pages = pages();
    let explained: BTreeSet<&str> = pages
        .iter()
        .flat_map(|page| &page.lines)
        .flat_map(|line| quoted(line))
        .collect();
    let mut files = vec![root().join("shared/src"), root().join("functions")];
    let mut seen = BTreeMap::new();
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "rs")
            || path.iter().any(|part| part == "tests")
        {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text
            .split_once("#[cfg(test)]")
            .map_or(text.as_str(), |(code, _)| code);
        // A literal right behind one of these, or behind a status, is an outcome.
        let words = code.match_indices('"').filter_map(|(at, _)| {
            let (before, word) = (&code[..at], code[at + 1..].split('"').next()?);
            let status = before.strip_suffix(", ").is_some_and(|before| {
                let digits = before.bytes().rev().take_while(u8::is_ascii_digit).count();
                let call = before[..before.len() - digits].strip_suffix('(');
                digits == 3 && call.is_some_and(|name| name.ends_with(char::is_alphanumeric))
            });
            let named = WORD_FOLLOWS.iter().any(|opening| before.ends_with(opening));
            ((status || named)
                && !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
            .then_some(word)
        });
        for word in words {
            seen.entry(word.to_owned()).or_insert_with(|| path.clone());
        }
    }
    assert!(seen.len() > 80, "{seen:?}");
    for (word, path) in seen {
        assert!(
            explained.contains(word.as_str()),
            "{} answers {word:?}, which no page explains",
            path.display()
        );
    }
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let known: BTreeMap<PathBuf, BTreeSet<String>> = pages
        .iter()
        .map(|page| (page.path.canonicalize().unwrap(), anchors(page)))
        .collect();
    let mut followed = 0;
    for page in &pages {
        let text = page.lines.join("\n");
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if target.starts_with("https://") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let folder = page.path.parent().unwrap();
            let path = if path.is_empty() {
                page.path.clone()
            } else {
                folder.join(path)
            };
            let path = path.canonicalize().unwrap_or_else(|_| {
                panic!(
                    "{} links to {target}, which is not there",
                    page.path.display()
                )
            });
            let there = anchor.is_empty()
                || known
                    .get(&path)
                    .is_some_and(|anchors| anchors.contains(anchor));
            assert!(
                there,
                "{} links to {target}, whose heading is not there",
                page.path.display()
            );
            followed += 1;
        }
    }
    assert!(followed > 60, "{followed}");
    // Where other files send their readers.
    for name in ["template.yaml", "samconfig.toml"] {
        let text = fs::read_to_string(root().join(name)).unwrap();
        let words = text.split(|c: char| c.is_whitespace() || "(),;\"'".contains(c));
        for path in words
            .filter(|word| word.starts_with("docs/"))
            .map(|word| word.trim_end_matches(['.', ':']))
        {
            assert!(
                root().join(path).exists(),
                "{name} sends its reader to {path}"
            );
        }
    }
}
