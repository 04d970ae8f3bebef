//! Answers without a person: a file, and options.

use super::Args;
use super::questions::OF_NO_SECTION;
use crate::problem::Problem;
use crate::settings::Values;

/// The answers of a file and of options. `None`: a person answers.
pub(super) fn answers(args: &Args) -> Result<Option<Values>, Problem> {
    let mut answers = match &args.answers {
        None if args.set.is_empty() => return Ok(None),
        None => Values::new(),
        Some(path) => {
            let text = if path.as_os_str() == "-" {
                std::io::read_to_string(std::io::stdin())
            } else {
                std::fs::read_to_string(path)
            };
            let wrong =
                |why: String| Problem::Usage(format!("--answers {}: {why}", path.display()));
            parse(&text.map_err(|error| wrong(error.to_string()))?).map_err(wrong)?
        }
    };
    let secrets = OF_NO_SECTION.iter().filter(|question| question.is_secret);
    for question in secrets {
        if args.set.iter().any(|(name, _)| name == question.name) {
            return Err(Problem::Usage(format!(
                "--set {}: other programs can read a command line, and the shell keeps it; give a secret in a file or pipe (--answers)",
                question.name
            )));
        }
    }
    answers.extend(args.set.iter().cloned());
    Ok(Some(answers))
}

/// An object of texts, numbers and truth values, in JSON or TOML.
fn parse(text: &str) -> Result<Values, String> {
    let shape = || "it is neither a JSON object nor TOML, of names and answers".to_owned();
    if text.trim_start().starts_with('{') {
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(text).map_err(|error| format!("{}: {error}", shape()))?;
        let text = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => text,
            serde_json::Value::Array(entries)
                if entries.iter().all(serde_json::Value::is_string) =>
            {
                let entries = entries.iter().filter_map(serde_json::Value::as_str);
                entries.collect::<Vec<_>>().join(",")
            }
            // A menu or texts may be written as JSON.
            other => other.to_string(),
        };
        return Ok(object
            .into_iter()
            .map(|(name, value)| (name, text(value)))
            .collect());
    }
    let document: toml_edit::DocumentMut = text.parse().map_err(|_| shape())?;
    let pairs = document.iter().map(|(name, item)| {
        let value = item.as_str().map(str::to_owned);
        let value = value.or_else(|| item.as_integer().map(|number| number.to_string()));
        let value = value.or_else(|| item.as_bool().map(|flag| flag.to_string()));
        value
            .map(|value| (name.to_owned(), value))
            .ok_or_else(|| format!("{name} is no text"))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_json_or_toml() {
        let all = [
            ("IvrMenu", r#"[{"digit":"9"}]"#),
            ("PinLength", "6"),
            ("Region", "eu-west-1"),
        ];
        let all: Values = all
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let json = r#"{"Region":"eu-west-1","PinLength":6,"IvrMenu":[{"digit":"9"}]}"#;
        let toml = "Region = 'eu-west-1'\nPinLength = 6\nIvrMenu = '[{\"digit\":\"9\"}]'\n";
        assert_eq!((parse(json), parse(toml)), (Ok(all.clone()), Ok(all)));
        let lists = parse(r#"{"Integrations":["gateway","api"],"IvrMenu":[]}"#).unwrap();
        assert_eq!(lists["Integrations"], "gateway,api");
        for wrong in ["{", "Region", "Region = []"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
