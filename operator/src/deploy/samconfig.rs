//! The section of `samconfig.toml` that says what is deployed, and where.

use std::path::Path;

use toml_edit::{DocumentMut, Item};

use crate::problem::Problem;

/// What the section says, as far as the steps need it. `sam` reads the rest itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) stack: String,
    pub(super) region: Option<String>,
    pub(super) profile: Option<String>,
    /// The parameter `Architecture`. `sam build` reads no section of `sam deploy`.
    pub(super) architecture: Option<String>,
}

/// Reads the section of an environment.
pub(super) fn read(path: &Path, environment: &str) -> Result<Section, Problem> {
    let file = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Problem::Usage(format!(
            "{file}: {error}. Run this in the repository's folder, after `operator init`, or name the file with --samconfig"
        ))
    })?;
    parse(&text, environment).map_err(|why| Problem::Usage(format!("{file}: {why}")))
}

fn parse(text: &str, environment: &str) -> Result<Section, String> {
    let document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| format!("is not TOML: {}", error.message()))?;
    let section = |environment: &str, command: &str| {
        let section = document.get(environment)?.get(command)?;
        section.get("parameters").cloned()
    };
    let Some(deploy) = section(environment, "deploy") else {
        let others = document.iter().map(|(name, _)| name);
        let others: Vec<&str> = others
            .filter(|name| section(name, "deploy").is_some())
            .collect();
        let others = match &others[..] {
            [] => String::new(),
            others => format!(", or choose {} with --config-env", others.join(", ")),
        };
        return Err(format!(
            "there is no section [{environment}.deploy.parameters]. Run `operator init`, which writes it{others}"
        ));
    };
    let global = section(environment, "global");
    let text = |name: &str| {
        let value = deploy.get(name).or_else(|| global.as_ref()?.get(name))?;
        value.as_str().map(str::to_owned)
    };
    let stack = text("stack_name").ok_or_else(|| {
        format!(
            "[{environment}.deploy.parameters] has no stack_name; add stack_name = \"switchboard\""
        )
    })?;
    Ok(Section {
        stack,
        region: text("region"),
        profile: text("profile"),
        architecture: deploy.get("parameter_overrides").and_then(architecture),
    })
}

/// The value of `Architecture` among parameters, which are a list or one text.
fn architecture(overrides: &Item) -> Option<String> {
    let texts: Vec<&str> = match overrides.as_array() {
        Some(list) => list.iter().filter_map(toml_edit::Value::as_str).collect(),
        None => overrides.as_str()?.split_whitespace().collect(),
    };
    let mut values = texts
        .iter()
        .filter_map(|text| text.strip_prefix("Architecture="));
    let value = values.next_back()?;
    Some(value.trim_matches(['"', '\'']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_says_what_is_deployed_and_where() {
        let section = |architecture: Option<&str>| Section {
            stack: "acme".to_owned(),
            region: Some("eu-west-1".to_owned()),
            profile: None,
            architecture: architecture.map(str::to_owned),
        };
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
                "[prod.deploy.parameters]\nstack_name = 'acme'\n{overrides}\n[prod.global.parameters]\nregion = 'eu-west-1'"
            );
            assert_eq!(
                parse(&text, "prod"),
                Ok(section(architecture)),
                "{overrides}"
            );
        }
    }

    #[test]
    fn what_is_missing_in_the_file_is_named() {
        for (text, words) in [
            ("[", "is not TOML"),
            (
                "",
                "there is no section [prod.deploy.parameters]. Run `operator init`",
            ),
            ("[dev.deploy.parameters]", "or choose dev with --config-env"),
            ("[prod.deploy.parameters]", "has no stack_name"),
        ] {
            let why = parse(text, "prod").unwrap_err();
            assert!(why.contains(words), "{text}: {why}");
        }
    }

    #[test]
    fn the_sections_of_this_repository_are_read() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../samconfig.toml");
        let path = Path::new(path);
        assert_eq!(read(path, "prod").unwrap().stack, "switchboard");
        let Err(Problem::Usage(why)) = read(path, "default") else {
            panic!("a section for everybody")
        };
        assert!(why.contains("choose dev, staging, prod"), "{why}");
    }
}
