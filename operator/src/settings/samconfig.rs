//! The section of an environment in `samconfig.toml`. Other sections, and comments, stay as they
//! are.

use std::path::Path;

use toml_edit::{Array, DocumentMut, Item, RawString, Table, Value, value};

use super::Values;
use super::overrides::{parse, written};
use crate::problem::Problem;

const OVERRIDES: &str = "parameter_overrides";

/// What an environment's `sam deploy` gets.
#[derive(Debug, Default)]
pub(crate) struct Section {
    pub(crate) stack_name: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) parameters: Values,
    /// Texts that SAM drops without a word, each with the parameter before it.
    pub(super) lost: Vec<(String, String)>,
    /// Parameters that are given twice.
    pub(super) twice: Vec<String>,
}

impl Section {
    /// A section to be written.
    pub(crate) fn new(stack_name: String, region: String, parameters: Values) -> Self {
        Self {
            stack_name: Some(stack_name),
            region: Some(region),
            parameters,
            ..Self::default()
        }
    }
}

/// Reads the section of an environment. `None`: there is no such section, or no such file.
pub(crate) fn read(path: &Path, environment: &str) -> Result<Option<Section>, Problem> {
    let Some(document) = document(path)? else {
        return Ok(None);
    };
    let of = |command: &str, key: &str| {
        document
            .get(environment)?
            .get(command)?
            .get("parameters")?
            .get(key)
    };
    let found = |key: &str| of("deploy", key).or_else(|| of("global", key));
    if document
        .get(environment)
        .and_then(|own| own.get("deploy"))
        .is_none()
        && found(OVERRIDES).is_none()
    {
        return Ok(None);
    }
    let text = |key: &str| found(key).and_then(Item::as_str).map(str::to_owned);
    let mut section = Section {
        stack_name: text("stack_name"),
        region: text("region"),
        profile: text("profile"),
        ..Section::default()
    };
    let texts: Vec<String> = match found(OVERRIDES) {
        None => Vec::new(),
        Some(item) => match (item.as_str(), item.as_array()) {
            (Some(text), _) => vec![text.to_owned()],
            (None, Some(list)) => list
                .iter()
                .filter_map(|one| one.as_str().map(str::to_owned))
                .collect(),
            (None, None) => {
                let why = format!(
                    "{}: {OVERRIDES} of {environment} is neither a text nor a list of texts",
                    path.display()
                );
                return Err(Problem::Usage(why));
            }
        },
    };
    for parsed in texts.iter().map(|text| parse(text)) {
        for (name, given) in parsed.pairs {
            if section.parameters.insert(name.clone(), given).is_some() {
                section.twice.push(name);
            }
        }
        section.lost.extend(parsed.lost);
    }
    Ok(Some(section))
}

/// Reads the section of an environment, which must be there.
pub(crate) fn required(path: &Path, environment: &str) -> Result<Section, Problem> {
    if let Some(section) = read(path, environment)? {
        return Ok(section);
    }
    let file = path.display();
    let others = match &environments(path)[..] {
        [] if !path.exists() => {
            return Err(Problem::Usage(format!(
                "there is no {file}: run this in the repository's folder, after `operator init`, or name the file with --samconfig"
            )));
        }
        [] => String::new(),
        others => format!(", or choose {} with --config-env", others.join(", ")),
    };
    let option = match environment {
        "default" => String::new(),
        other => format!(" --config-env {other}"),
    };
    Err(Problem::Usage(format!(
        "{file} has no section [{environment}.deploy.parameters]. Run `operator init{option}`, which writes it{others}"
    )))
}

/// The names of the environments in the file.
fn environments(path: &Path) -> Vec<String> {
    let document = document(path).ok().flatten();
    let entries = document.iter().flat_map(|document| document.iter());
    entries
        .filter(|(_, item)| item.get("deploy").is_some())
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn document(path: &Path) -> Result<Option<DocumentMut>, Problem> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Problem::Usage(format!("{}: {error}", path.display()))),
    };
    let parsed = text.parse::<DocumentMut>();
    parsed
        .map(Some)
        .map_err(|error| Problem::Usage(format!("{} is not TOML: {error}", path.display())))
}

/// Writes the section of an environment, so that `sam deploy` asks nothing.
pub(crate) fn write(path: &Path, environment: &str, section: &Section) -> Result<(), Problem> {
    let mut document = document(path)?.unwrap_or_default();
    if document.get("version").is_none() {
        document["version"] = value(0.1);
    }
    let mut table = document.as_table_mut();
    for (step, is_last) in [
        (environment, false),
        ("deploy", false),
        ("parameters", true),
    ] {
        let item = table.entry(step).or_insert_with(|| {
            let mut table = Table::new();
            table.set_implicit(!is_last);
            Item::Table(table)
        });
        table = item.as_table_mut().ok_or_else(|| {
            Problem::Usage(format!(
                "{}: {step} of {environment} is no table",
                path.display()
            ))
        })?;
    }
    let mut set = |key: &str, item: Item| match table.get_mut(key) {
        Some(place) => keep_comment(place, item),
        None => {
            table.insert(key, item);
        }
    };
    for (key, text) in [
        ("stack_name", &section.stack_name),
        ("region", &section.region),
    ] {
        if let Some(text) = text {
            set(key, value(text));
        }
    }
    for (key, usual) in [
        ("resolve_s3", value(true)),
        ("capabilities", value("CAPABILITY_IAM")),
        ("confirm_changeset", value(false)),
    ] {
        // What somebody has chosen stays.
        table.entry(key).or_insert(usual);
    }
    let known = table.get(OVERRIDES).and_then(Item::as_array).cloned();
    let list = overrides(&known.unwrap_or_default(), &section.parameters)?;
    table.insert(OVERRIDES, value(list));
    let failed = |error| Problem::Usage(format!("{}: {error}", path.display()));
    std::fs::write(path, document.to_string()).map_err(failed)
}

fn keep_comment(place: &mut Item, item: Item) {
    let decor = place.as_value().map(|value| value.decor().clone());
    *place = item;
    if let (Some(value), Some(decor)) = (place.as_value_mut(), decor) {
        *value.decor_mut() = decor;
    }
}

/// The list with these values. An entry that is there already keeps its place and its comments.
fn overrides(list: &Array, values: &Values) -> Result<Array, Problem> {
    let mut updated = Array::new();
    let mut known: Vec<&String> = Vec::new();
    // A comment behind an entry is parsed as the first line before the next one.
    let (mut behind, mut is_kept) = (String::new(), true);
    for entry in list {
        let before = entry.decor().prefix().and_then(RawString::as_str);
        let (comment, before) = first_line(before.unwrap_or_default());
        if is_kept {
            comment.clone_into(&mut behind);
        }
        let given = name_of(entry).and_then(|name| values.get_key_value(&name));
        is_kept = given.is_some_and(|(name, _)| !known.contains(&name));
        if let Some((name, given)) = given.filter(|_| is_kept) {
            let prefix = std::mem::take(&mut behind) + before;
            updated.push_formatted(Value::from(line(name, given)?).decorated(prefix, ""));
            known.push(name);
        }
    }
    let (comment, end) = first_line(list.trailing().as_str().unwrap_or_default());
    if is_kept {
        comment.clone_into(&mut behind);
    }
    for (name, given) in values.iter().filter(|(name, _)| !known.contains(name)) {
        let prefix = std::mem::take(&mut behind) + "\n  ";
        updated.push_formatted(Value::from(line(name, given)?).decorated(prefix, ""));
    }
    let end = if end.is_empty() { "\n" } else { end };
    updated.set_trailing(behind + end);
    updated.set_trailing_comma(true);
    Ok(updated)
}

/// The rest of a line, and what follows it.
fn first_line(text: &str) -> (&str, &str) {
    text.split_at(text.find('\n').unwrap_or(text.len()))
}

/// The parameter of an entry.
fn name_of(entry: &Value) -> Option<String> {
    let parsed = parse(entry.as_str().unwrap_or_default());
    parsed.pairs.into_iter().next().map(|(name, _)| name)
}

fn line(name: &str, given: &str) -> Result<String, Problem> {
    written(name, given).ok_or_else(|| {
        Problem::Usage(format!(
            "{name}: samconfig.toml cannot hold a backslash before a quotation mark"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_says_what_is_deployed_and_where() {
        let path = std::env::temp_dir().join(format!("section-{}.toml", std::process::id()));
        for (overrides, architecture) in [
            ("", None),
            (
                "parameter_overrides = ['SmsRoutes=*=log', 'Architecture=x86_64']",
                Some("x86_64"),
            ),
            (
                "parameter_overrides = 'SmsRoutes=*=log Architecture=\"arm64\"'",
                Some("arm64"),
            ),
        ] {
            let text = format!(
                "[prod.deploy.parameters]\nstack_name = 'acme'\n{overrides}\n[prod.global.parameters]\nregion = 'eu-west-1'\nprofile = 'ops'\n"
            );
            std::fs::write(&path, text).unwrap();
            let found = required(&path, "prod").unwrap();
            let given = found.parameters.get("Architecture").map(String::as_str);
            assert_eq!(given, architecture, "{overrides}");
            let where_to = [&found.stack_name, &found.region, &found.profile];
            let where_to = where_to.map(|text| text.as_deref().unwrap());
            assert_eq!(where_to, ["acme", "eu-west-1", "ops"]);
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn what_is_missing_in_the_file_is_named() {
        let path = std::env::temp_dir().join(format!("missing-{}.toml", std::process::id()));
        let why = |text: Option<&str>| {
            let _none = std::fs::remove_file(&path);
            if let Some(text) = text {
                std::fs::write(&path, text).unwrap();
            }
            required(&path, "prod").unwrap_err().to_string()
        };
        for (text, words) in [
            (None, "run this in the repository's folder"),
            (Some("["), "is not TOML"),
            (
                Some(""),
                "has no section [prod.deploy.parameters]. Run `operator init --config-env prod`",
            ),
            (
                Some("[dev.deploy.parameters]\n[test.deploy.parameters]"),
                "or choose dev, test with --config-env",
            ),
        ] {
            assert!(why(text).contains(words), "{text:?}: {}", why(text));
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn other_sections_and_comments_stay() {
        let path = std::env::temp_dir().join(format!("samconfig-{}.toml", std::process::id()));
        let before = "# head\nversion = 0.1\n\n[default.build.parameters]\ncached = false # why\n\n[prod.deploy.parameters]\nstack_name = \"old\" # name\nconfirm_changeset = true\nparameter_overrides = [\n  \"MailSenders=a@b.example\", # sender\n  \"PinLength=4\", # gone\n]\n\n[dev.deploy.parameters]\nregion = \"x\"\n";
        std::fs::write(&path, before).unwrap();
        let parameters = [
            ("MailSenders", "c@d.example"),
            ("RegSmsBody", "Reply \"YES\" now"),
        ];
        let parameters: Values = parameters
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let section = Section {
            stack_name: Some("new".to_owned()),
            region: Some("eu-west-1".to_owned()),
            parameters: parameters.clone(),
            ..Section::default()
        };
        write(&path, "prod", &section).unwrap();
        let after = std::fs::read_to_string(&path).unwrap();
        for part in [
            "# head\nversion = 0.1\n",
            "cached = false # why\n",
            "stack_name = \"new\" # name\n",
            "\"MailSenders=c@d.example\", # sender\n",
            "confirm_changeset = true\n",
            "resolve_s3 = true\n",
            "[dev.deploy.parameters]\nregion = \"x\"\n",
        ] {
            assert!(after.contains(part), "{part}: {after}");
        }
        assert!(!after.contains("# gone"), "{after}");
        assert_eq!(read(&path, "prod").unwrap().unwrap().parameters, parameters);
        write(&path, "test", &section).unwrap();
        let found = read(&path, "test").unwrap().unwrap();
        assert_eq!(
            (found.parameters, found.stack_name.as_deref()),
            (parameters, Some("new"))
        );
        assert_eq!(environments(&path), ["prod", "dev", "test"]);
        let written = std::fs::read_to_string(&path).unwrap();
        write(&path, "test", &section).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            written,
            "a second time changes nothing"
        );
        std::fs::remove_file(&path).unwrap();
    }
}
