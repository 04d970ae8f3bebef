//! Where the settings of one's own come from: `--samconfig`, `--env` and `--set`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use sandbox::{own_settings::Given, template::root};
use serde_json::Value;
use toml_edit::{DocumentMut, Item, TableLike};

/// The options with settings of one's own. A later source replaces an earlier one.
#[derive(Args, Default)]
pub(crate) struct Sources {
    /// Take `parameter_overrides` of this environment of samconfig.toml
    #[arg(long, value_name = "ENVIRONMENT")]
    samconfig: Option<String>,
    /// Take the values of this file: lines NAME=value, or JSON in the form of events/env.json; may
    /// be repeated
    #[arg(long, value_name = "FILE")]
    env: Vec<PathBuf>,
    /// Set a parameter of template.yaml, or a variable; @FILE takes the content of a file; may be
    /// repeated
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
}

impl Sources {
    /// All values, the latest last.
    pub(crate) fn read(&self) -> Result<Vec<Given>, String> {
        let mut given = Vec::new();
        if let Some(environment) = &self.samconfig {
            let path = root().join("samconfig.toml");
            let found = samconfig(&content(&path)?, environment);
            given.extend(found.map_err(|error| format!("{}: {error}", path.display()))?);
        }
        for path in &self.env {
            let found = env_file(&content(path)?);
            given.extend(found.map_err(|error| format!("{}: {error}", path.display()))?);
        }
        for text in &self.set {
            let (name, value) = text
                .split_once('=')
                .ok_or_else(|| format!("--set {text}: write NAME=VALUE, or NAME=@FILE"))?;
            let value = match value.strip_prefix('@') {
                Some(file) => {
                    let content = content(Path::new(file));
                    let content = content.map_err(|error| format!("--set {name}: {error}"))?;
                    content.trim_end().to_owned()
                }
                None => value.to_owned(),
            };
            given.push(of_all(name, &value));
        }
        Ok(given)
    }
}

fn content(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// A value for every function that has the variable.
fn of_all(name: &str, value: &str) -> Given {
    Given {
        name: name.trim().to_owned(),
        value: value.to_owned(),
        function: None,
    }
}

/// The values of a file: JSON as `sam local invoke -n` takes it, or lines `NAME=value`.
fn env_file(text: &str) -> Result<Vec<Given>, String> {
    if text.trim_start().starts_with('{') {
        return env_json(text);
    }
    let mut given = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| format!("line {}: this is not NAME=value", number + 1))?;
        let value = value.trim();
        let quoted = ['"', '\''].into_iter().find_map(|quote| {
            let inner = value.strip_prefix(quote)?.strip_suffix(quote)?;
            Some(inner)
        });
        given.push(of_all(name, quoted.unwrap_or(value)));
    }
    Ok(given)
}

/// By logical id, or `Parameters` for all functions: variables and values.
fn env_json(text: &str) -> Result<Vec<Given>, String> {
    let read: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut given = Vec::new();
    for (id, variables) in read.as_object().into_iter().flatten() {
        let variables = variables
            .as_object()
            .ok_or_else(|| format!("{id}: an object of variables and values is expected"))?;
        for (name, value) in variables {
            let value = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let function = (id != "Parameters").then(|| id.clone());
            given.push(Given {
                function,
                ..of_all(name, &value)
            });
        }
    }
    Ok(given)
}

/// `parameter_overrides` of an environment: a list of texts `Name=value`, or one text with all.
fn samconfig(text: &str, environment: &str) -> Result<Vec<Given>, String> {
    let read: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| error.to_string())?;
    let overrides = |name: &str| {
        let table = read.get(name)?.as_table_like()?;
        let parameters = |command: &str| -> Option<&Item> {
            let command: &dyn TableLike = table.get(command)?.as_table_like()?;
            let parameters = command.get("parameters")?.as_table_like()?;
            parameters.get("parameter_overrides")
        };
        parameters("deploy").or_else(|| parameters("global"))
    };
    let Some(found) = overrides(environment) else {
        let names = read.iter().map(|(name, _)| name);
        let names: Vec<_> = names.filter(|name| overrides(name).is_some()).collect();
        return Err(format!(
            "[{environment}.deploy.parameters] has no parameter_overrides. These environments have some: {}",
            names.join(", ")
        ));
    };
    let words = match (found.as_array(), found.as_str()) {
        (Some(list), _) => {
            let texts = list.iter().filter_map(|value| value.as_str());
            texts.map(str::to_owned).collect()
        }
        (None, Some(text)) => words(text),
        (None, None) => return Err("parameter_overrides is neither a list nor a text".to_owned()),
    };
    let pair = |word: &String| {
        let (name, value) = word
            .split_once('=')
            .ok_or_else(|| format!("parameter_overrides: {word} is not Name=value"))?;
        Ok(of_all(name, value.trim_matches(['"', '\''])))
    };
    words.iter().map(pair).collect()
}

/// The words of a text as a shell splits them. Quotes keep blanks.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut open) = (Vec::new(), String::new(), None);
    for c in text.chars() {
        match (open, c) {
            (None, '"' | '\'') => open = Some(c),
            (Some(quote), c) if c == quote => open = None,
            (None, c) if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            (_, c) => word.push(c),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(given: &[Given]) -> Vec<(&str, &str)> {
        given
            .iter()
            .map(|given| (given.name.as_str(), given.value.as_str()))
            .collect()
    }

    #[test]
    fn a_file_has_lines_or_the_form_of_env_json() {
        let lines =
            "# a comment\n\nPIN_LENGTH=6\nexport IvrWelcome=\"Hello there\"\nIVR_VOICE='a=b'\n";
        assert_eq!(
            pairs(&env_file(lines).unwrap()),
            [
                ("PIN_LENGTH", "6"),
                ("IvrWelcome", "Hello there"),
                ("IVR_VOICE", "a=b")
            ]
        );
        assert!(
            env_file("PIN_LENGTH=6\nwrong\n")
                .unwrap_err()
                .contains("line 2")
        );
        let json = r#"{"IvrValidate": {"PIN_LENGTH": 6}, "Parameters": {"LANGUAGES": "all"}}"#;
        let given = env_file(json).unwrap();
        assert_eq!(pairs(&given), [("PIN_LENGTH", "6"), ("LANGUAGES", "all")]);
        assert_eq!(
            [&given[0].function, &given[1].function],
            [&Some("IvrValidate".to_owned()), &None]
        );
        assert!(
            env_file(r#"{"PIN_LENGTH": "6"}"#)
                .unwrap_err()
                .contains("PIN_LENGTH")
        );
    }

    #[test]
    fn an_environment_of_samconfig_gives_its_overrides() {
        let text = "version = 0.1\n[a.deploy.parameters]\nparameter_overrides = [\n 'PinLength=6', # a comment\n \"IvrWelcome=Hello, you\",\n]\n\
            [b.deploy.parameters]\nparameter_overrides = 'PinLength=5 IvrWelcome=\"Hello, you\"'\n[c.build.parameters]\ncached = true\n";
        let welcome = ("IvrWelcome", "Hello, you");
        assert_eq!(
            pairs(&samconfig(text, "a").unwrap()),
            [("PinLength", "6"), welcome]
        );
        assert_eq!(
            pairs(&samconfig(text, "b").unwrap()),
            [("PinLength", "5"), welcome]
        );
        assert!(samconfig(text, "c").unwrap_err().ends_with("a, b"));
    }

    #[test]
    fn a_later_source_replaces_an_earlier_one() {
        let file = std::env::temp_dir().join(format!("sandbox-set-{}", std::process::id()));
        fs::write(&file, "{\"de\": 1}\n").unwrap();
        let sources = Sources {
            samconfig: Some("prod".to_owned()),
            set: vec![
                "PinLength=8".to_owned(),
                format!("IvrMenu=@{}", file.display()),
            ],
            ..Sources::default()
        };
        let given = sources.read().unwrap();
        fs::remove_file(&file).unwrap();
        let last = given.iter().rfind(|given| given.name == "PinLength");
        assert_eq!(last.unwrap().value, "8");
        assert_eq!(given.last().unwrap().value, "{\"de\": 1}");
        let wrong = Sources {
            set: vec!["PinLength".to_owned()],
            ..Sources::default()
        };
        assert!(wrong.read().unwrap_err().contains("--set PinLength"));
    }
}
