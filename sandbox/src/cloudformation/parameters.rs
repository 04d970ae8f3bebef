//! The parameters of a stack: given, kept or by default, and whether `CloudFormation` takes them.
//!
//! The words are AWS's, as far as they are known: what a rule's failure says besides its
//! `AssertDescription` is not documented.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use super::document::{Document, Evaluation, text};

/// A parameter as a request names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Given {
    Value(String),
    Previous,
}

/// All parameters of the document with their values. The error is that of the request.
pub(super) fn resolve(
    document: &Document,
    given: &BTreeMap<String, Given>,
    previous: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, String> {
    let declared: BTreeMap<&String, &Value> = document.section("Parameters").collect();
    let unknown = given.keys().filter(|name| !declared.contains_key(name));
    let unknown: Vec<&str> = unknown.map(String::as_str).collect();
    if !unknown.is_empty() {
        return Err(format!(
            "Parameters: [{}] do not exist in the template",
            unknown.join(", ")
        ));
    }
    let mut values = BTreeMap::new();
    let mut missing = Vec::new();
    for (name, parameter) in declared {
        let value = match given.get(name) {
            Some(Given::Value(value)) => Some(value.clone()),
            Some(Given::Previous) => previous.get(name).cloned(),
            None => parameter.get("Default").map(text),
        };
        match value {
            Some(value) => {
                if let Some(why) = refusal(name, parameter, &value) {
                    return Err(why);
                }
                values.insert(name.clone(), value);
            }
            None => missing.push(name.as_str()),
        }
    }
    if missing.is_empty() {
        Ok(values)
    } else {
        Err(format!(
            "Parameters: [{}] must have values",
            missing.join(", ")
        ))
    }
}

/// Why a parameter cannot have this value.
fn refusal(name: &str, parameter: &Value, value: &str) -> Option<String> {
    let described = |what: String| match parameter["ConstraintDescription"].as_str() {
        Some(description) => {
            format!("Parameter {name} failed to satisfy constraint: {description}")
        }
        None => format!("Parameter '{name}' {what}"),
    };
    let limit = |name: &str| text(&parameter[name]).parse::<f64>().ok();
    if parameter["Type"] == "Number" {
        let Ok(number) = value.parse::<f64>() else {
            return Some(format!("Parameter '{name}' must be a number."));
        };
        if let Some(least) = limit("MinValue").filter(|least| number < *least) {
            return Some(described(format!("must be a number not less than {least}")));
        }
        if let Some(most) = limit("MaxValue").filter(|most| number > *most) {
            return Some(described(format!(
                "must be a number not greater than {most}"
            )));
        }
    }
    let allowed = parameter["AllowedValues"].as_array();
    if allowed.is_some_and(|allowed| !allowed.iter().any(|one| text(one) == value)) {
        return Some(described("must be one of AllowedValues".to_owned()));
    }
    let length = f64::from(u32::try_from(value.chars().count()).unwrap_or(u32::MAX));
    if let Some(most) = limit("MaxLength").filter(|most| length > *most) {
        return Some(described(format!("must contain at most {most} characters")));
    }
    if let Some(least) = limit("MinLength").filter(|least| length < *least) {
        return Some(described(format!(
            "must contain at least {least} characters"
        )));
    }
    let pattern = parameter["AllowedPattern"].as_str()?;
    match Regex::new(&format!("^(?:{pattern})$")) {
        Ok(regex) if regex.is_match(value) => None,
        Ok(_) => Some(described(format!("must match pattern {pattern}"))),
        Err(_) => Some(format!(
            "the pattern {pattern} is not simulated by this sandbox"
        )),
    }
}

/// The first rule of the document that the parameters break.
pub(super) fn broken_rule(evaluation: &Evaluation<'_>) -> Result<Option<String>, String> {
    for (name, rule) in evaluation.document.section("Rules") {
        if let Some(condition) = rule.get("RuleCondition")
            && !evaluation.holds(condition, &[])?
        {
            continue;
        }
        for assertion in rule["Assertions"].as_array().into_iter().flatten() {
            if !evaluation.holds(&assertion["Assert"], &[])? {
                let why = text(&assertion["AssertDescription"]);
                return Ok(Some(format!("Template error: Rule '{name}' failed: {why}")));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = r#"
Parameters:
  Mode: { Type: String, AllowedValues: ["on", "off"], Default: "on" }
  Word: { Type: String, AllowedPattern: "^[a-z]*$", MaxLength: 4, Default: "" }
  Mail: { Type: String, AllowedPattern: '^(\S+@\S+)?$', ConstraintDescription: one address, Default: "" }
  Hours: { Type: Number, MinValue: 1, MaxValue: 9, Default: 8 }
  Must: { Type: String }
Rules:
  Needs:
    RuleCondition: !Equals [!Ref Mode, "on"]
    Assertions: [{ Assert: !Not [!Equals [!Ref Mail, ""]], AssertDescription: Mode needs Mail }]
Resources: { Table: { Type: AWS::DynamoDB::Table } }
"#;

    #[test]
    fn what_cloudformation_refuses_is_refused_in_its_words() {
        let document = Document::parse(TEMPLATE).unwrap();
        let previous = [("Must".to_owned(), "before".to_owned())].into();
        let resolved = |pairs: &[(&str, &str)]| {
            let given = pairs.iter().map(|(name, value)| {
                let given = match *value {
                    "previous" => Given::Previous,
                    value => Given::Value(value.to_owned()),
                };
                ((*name).to_owned(), given)
            });
            resolve(&document, &given.collect(), &previous)
        };
        for (given, why) in [
            (("Must", "x"), None),
            (("Must", "previous"), None),
            (
                ("Other", "x"),
                Some("Parameters: [Other] do not exist in the template"),
            ),
            (
                ("Mode", "maybe"),
                Some("Parameter 'Mode' must be one of AllowedValues"),
            ),
            (
                ("Word", "A"),
                Some("Parameter 'Word' must match pattern ^[a-z]*$"),
            ),
            (
                ("Word", "abcde"),
                Some("Parameter 'Word' must contain at most 4 characters"),
            ),
            (
                ("Mail", "x"),
                Some("Parameter Mail failed to satisfy constraint: one address"),
            ),
            (
                ("Hours", "0"),
                Some("Parameter 'Hours' must be a number not less than 1"),
            ),
            (("Hours", "x"), Some("Parameter 'Hours' must be a number.")),
            (("Word", "a"), Some("Parameters: [Must] must have values")),
        ] {
            let refused = resolved(&[given]).err();
            assert_eq!(refused.as_deref(), why, "{given:?}");
        }
        let rule = |pairs: &[(&str, &str)]| {
            let parameters = resolved(pairs).unwrap();
            let evaluation = Evaluation {
                document: &document,
                parameters: &parameters,
                stack: "acme",
                known: &BTreeMap::new(),
            };
            broken_rule(&evaluation).unwrap()
        };
        assert!(rule(&[("Must", "x")]).unwrap().ends_with("Mode needs Mail"));
        assert_eq!(rule(&[("Must", "x"), ("Mode", "off")]), None);
        assert_eq!(rule(&[("Must", "x"), ("Mail", "a@b")]), None);
    }
}
