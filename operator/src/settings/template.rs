//! `template.yaml`, as it was when this program was built: the parameters and their limits.

use std::sync::LazyLock;

use regex::Regex;
use serde_norway::Value as Yaml;

use super::Values;

const TEXT: &str = include_str!("../../../template.yaml");

static TEMPLATE: LazyLock<Template> = LazyLock::new(|| {
    let yaml: Yaml = serde_norway::from_str(TEXT).expect("template.yaml is YAML: a test reads it");
    Template { yaml }
});

/// The template.
pub(crate) struct Template {
    pub(super) yaml: Yaml,
}

impl Template {
    /// The template of this program.
    pub(crate) fn own() -> &'static Self {
        &TEMPLATE
    }

    /// True if a template has the parameters of this program's own, and their rules.
    pub(crate) fn has_parameters_of(&self, text: &str) -> bool {
        let other: Option<Yaml> = serde_norway::from_str(text).ok();
        other.is_some_and(|other| {
            ["Parameters", "Rules"]
                .iter()
                .all(|part| other[*part] == self.yaml[*part])
        })
    }

    /// The names of the parameters, in the order of the file.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &str> {
        let entries = self.yaml["Parameters"].as_mapping().into_iter().flatten();
        entries.filter_map(|(name, _)| name.as_str())
    }

    /// The default of a parameter. `None`: there is no such parameter.
    pub(crate) fn default(&self, parameter: &str) -> Option<String> {
        self.yaml["Parameters"].get(parameter)?;
        Some(scalar(&self.yaml["Parameters"][parameter]["Default"]))
    }

    /// All parameters: `given`, and the defaults of the others.
    pub(super) fn complete(&self, given: &Values) -> Values {
        let of = |name: &str| match given.get(name) {
            Some(value) => value.clone(),
            None => self.default(name).unwrap_or_default(),
        };
        self.parameters()
            .map(|name| (name.to_owned(), of(name)))
            .collect()
    }

    /// Why `CloudFormation` rejects this value of a parameter.
    pub(super) fn fault(&self, parameter: &str, value: &str) -> Option<String> {
        let limits = &self.yaml["Parameters"][parameter];
        let allowed: Vec<String> = limits["AllowedValues"]
            .as_sequence()
            .into_iter()
            .flatten()
            .map(scalar)
            .collect();
        if !allowed.is_empty() && !allowed.iter().any(|allowed| allowed == value) {
            return Some(format!("must be one of {}", allowed.join(", ")));
        }
        if limits["Type"].as_str() == Some("Number") {
            let Ok(number) = value.trim().parse::<i64>() else {
                return Some("must be a whole number".to_owned());
            };
            let (least, most) = (limits["MinValue"].as_i64(), limits["MaxValue"].as_i64());
            if least.is_some_and(|least| number < least) || most.is_some_and(|most| number > most) {
                let bound = |name: &str, bound: Option<i64>| {
                    bound
                        .map(|bound| format!("{name} {bound}"))
                        .unwrap_or_default()
                };
                let bounds = [bound("at least", least), bound("at most", most)];
                let bounds: Vec<String> =
                    bounds.into_iter().filter(|one| !one.is_empty()).collect();
                return Some(format!("must be {}", bounds.join(" and ")));
            }
        }
        let longest = limits["MaxLength"]
            .as_u64()
            .and_then(|most| usize::try_from(most).ok());
        if let Some(longest) = longest.filter(|longest| value.chars().count() > *longest) {
            return Some(format!("is longer than {longest} characters"));
        }
        let pattern = Regex::new(limits["AllowedPattern"].as_str()?).ok()?;
        if pattern.is_match(value) {
            return None;
        }
        let wanted = limits["ConstraintDescription"].as_str();
        Some(wanted.map_or_else(
            || format!("does not match {pattern}"),
            |wanted| format!("must be {wanted}"),
        ))
    }
}

/// A text, number or truth value as text; nothing else is one.
pub(super) fn scalar(yaml: &Yaml) -> String {
    match yaml {
        Yaml::String(text) => text.clone(),
        Yaml::Number(number) => number.to_string(),
        Yaml::Bool(flag) => flag.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_of_the_template_is_understood_and_fits_its_default() {
        let template = Template::own();
        for name in template.parameters() {
            let pattern = template.yaml["Parameters"][name]["AllowedPattern"].as_str();
            assert!(
                pattern.is_none_or(|text| Regex::new(text).is_ok()),
                "{name}"
            );
            let default = template.default(name).unwrap();
            assert_eq!(template.fault(name, &default), None, "{name}");
        }
    }

    #[test]
    fn a_template_with_other_parameters_is_noticed() {
        let own = Template::own();
        let resources = TEXT.replace("rust-cargolambda", "makefile");
        assert!(resources != TEXT && own.has_parameters_of(&resources));
        for other in [
            TEXT.replace("  PinLength:", "  PinsLength:"),
            "Resources: {}".to_owned(),
            "a: b: c".to_owned(),
        ] {
            assert!(!own.has_parameters_of(&other));
        }
    }

    #[test]
    fn what_cloudformation_rejects_is_said() {
        let fault = |name: &str, value: &str| Template::own().fault(name, value).unwrap();
        assert_eq!(fault("Voicemail", "yes"), "must be one of on, off");
        assert_eq!(fault("PinLength", "3"), "must be at least 4 and at most 32");
        assert_eq!(fault("PinLength", "four"), "must be a whole number");
        assert_eq!(
            fault("Auth0Url", "acme.auth0.com"),
            "must be https://host, without path"
        );
        assert_eq!(
            fault("IvrWelcome", &"x".repeat(1001)),
            "is longer than 1000 characters"
        );
    }
}
