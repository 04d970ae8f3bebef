//! Finds mistakes in parameters before a deployment: what `CloudFormation` would reject, what would
//! end a function's start, and what Lambda would not take.

use std::collections::BTreeSet;

use serde::Serialize;

use super::evaluate::Deployed;
use super::functions::problems;
use super::{Template, Values};

/// Lambda's limit for all variables of a function together
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const VARIABLES_LIMIT: usize = 4 * 1024;

/// A mistake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// The parameter to change, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parameter: Option<String>,
    /// The variable that the functions read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) variable: Option<String>,
    /// The functions that would not start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) functions: Vec<String>,
    pub(crate) problem: String,
}

impl Finding {
    pub(super) fn of(parameter: &str, problem: String) -> Self {
        let parameter = (!parameter.is_empty()).then(|| parameter.to_owned());
        Self {
            parameter,
            variable: None,
            functions: Vec::new(),
            problem,
        }
    }
}

/// All mistakes in these parameters.
pub(crate) fn check(given: &Values) -> Vec<Finding> {
    let template = Template::own();
    let mut findings = Vec::new();
    for (name, value) in given {
        if template.default(name).is_none() {
            let why = format!(
                "the template has no parameter {name}{}",
                nearest(template, name)
            );
            findings.push(Finding::of(name, why));
        } else if let Some(fault) = template.fault(name, value) {
            findings.push(Finding::of(name, fault));
        }
    }
    let values = template.complete(given);
    findings.extend(
        template
            .broken_rules(&values)
            .into_iter()
            .map(|rule| Finding::of("", rule)),
    );
    let wrong: BTreeSet<String> = findings
        .iter()
        .filter_map(|one| one.parameter.clone())
        .collect();
    for function in template.functions(&values) {
        examine(&function, &wrong, &mut findings);
    }
    findings
}

/// What is wrong with one parameter, beside these values of others.
pub(crate) fn check_one(name: &str, value: &str, others: &Values) -> Vec<String> {
    let mut values = others.clone();
    values.insert(name.to_owned(), value.to_owned());
    let own = check(&values)
        .into_iter()
        .filter(|found| found.parameter.as_deref() == Some(name));
    own.map(|found| found.problem).collect()
}

fn examine(function: &Deployed, wrong: &BTreeSet<String>, findings: &mut Vec<Finding>) {
    let size: usize = function
        .variables
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if size > VARIABLES_LIMIT {
        let mut longest: Vec<_> = function.variables.iter().collect();
        longest.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        let longest: Vec<String> = longest
            .iter()
            .take(3)
            .map(|(name, value)| format!("{name} ({})", value.len()))
            .collect();
        findings.push(Finding {
            functions: vec![function.name.clone()],
            ..Finding::of(
                "",
                format!(
                    "the variables have {size} bytes, Lambda takes {VARIABLES_LIMIT}; the longest are {}; texts may be in the table: Words=table",
                    longest.join(", ")
                ),
            )
        });
    }
    let Some(told) = problems(&function.name, &function.variables) else {
        let why = format!(
            "this program does not know the function {}, so its settings were not checked",
            function.name
        );
        findings.push(Finding {
            functions: vec![function.name.clone()],
            ..Finding::of("", why)
        });
        return;
    };
    for problem in told {
        let variable = function
            .made_of
            .iter()
            .find(|(name, _)| is_about(&problem, name));
        let parameter = variable.and_then(|(_, parameters)| parameters.first());
        // CloudFormation's own words came first.
        if parameter.is_some_and(|parameter| wrong.contains(parameter)) {
            continue;
        }
        if let Some(same) = findings.iter_mut().find(|found| found.problem == problem) {
            same.functions.push(function.name.clone());
            continue;
        }
        findings.push(Finding {
            parameter: parameter.cloned(),
            variable: variable.map(|(name, _)| name.clone()),
            functions: vec![function.name.clone()],
            problem,
        });
    }
}

/// Whether a problem begins with the name of this variable.
fn is_about(problem: &str, variable: &str) -> bool {
    problem.strip_prefix(variable).is_some_and(|rest| {
        !rest.starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    })
}

/// The parameter that was probably meant.
fn nearest(template: &Template, name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let distances = template
        .parameters()
        .map(|known| (distance(&lower, &known.to_ascii_lowercase()), known));
    match distances.min() {
        Some((distance, known)) if distance <= 1 + known.len() / 4 => format!("; is it {known}?"),
        _ => String::new(),
    }
}

/// How many letters differ (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    type Given<'a> = &'a [(&'a str, &'a str)];

    fn values(given: Given) -> Values {
        given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    const VERIFICATION: [(&str, &str); 4] = [
        ("MailSenders", "no-reply@acme.example"),
        ("Auth0Url", "https://acme.eu.auth0.com"),
        ("RecipientDomain", "sms.acme.example"),
        ("TwilioNumber", "+15005550006"),
    ];
    const MENU: [(&str, &str); 2] = [
        ("ApiAudience", "https://api.acme.example/"),
        ("Auth0Url", "https://acme.eu.auth0.com"),
    ];

    #[test]
    fn good_settings_have_no_finding() {
        let all = [
            &VERIFICATION[..],
            &MENU,
            &[
                ("SmsRoutes", "*=twilio"),
                ("SmsFrom", "twilio:+15005550006"),
                ("OktaUrl", "https://acme.okta.com"),
                ("AreaPrefixes", "415"),
            ],
        ];
        for given in [&VERIFICATION[..], &MENU, &all.concat()] {
            assert_eq!(check(&values(given)), [], "{given:?}");
        }
    }

    #[test]
    fn countries_may_be_in_small_letters() {
        let small = [
            ("AllowedCountries", "dk, se"),
            ("DefaultRegion", "dk"),
            ("OktaUrl", "https://acme.okta.com"),
            ("AreaPrefixes", "44"),
            ("NumberCountry", "gb"),
            ("CompanyPhoneCountries", "gb"),
        ];
        assert_eq!(check(&values(&[&VERIFICATION[..], &small].concat())), []);
    }

    #[test]
    fn each_function_that_this_program_links_is_checked() {
        let all = [
            ("SmsRoutes", "*=twilio"),
            ("OktaUrl", "x"),
            ("AreaPrefixes", "4"),
            ("ApiAudience", "x"),
            ("MailSenders", "a@b"),
        ];
        let manifest = include_str!("../../Cargo.toml");
        let values = Template::own().complete(&values(&all));
        let functions = Template::own().functions(&values).into_iter();
        let linked = functions.filter(|one| manifest.contains(&format!("\n{} = ", one.name)));
        let linked: Vec<Deployed> = linked.collect();
        assert!(linked.len() >= 10);
        for function in linked {
            let told = problems(&function.name, &function.variables);
            assert!(told.is_some(), "{}", function.name);
        }
    }

    #[test]
    fn a_mistake_that_ends_a_start_is_found_with_function_variable_and_parameter() {
        let menu = r#"[{"digit":"1","label":"x","textt":"y","exit":true}]"#;
        let with =
            |base: &[(&str, &str)], name, value| check(&values(&[base, &[(name, value)]].concat()));
        let cases: [(Given, &str, &str, &str, &str, &str); 7] = [
            (
                &MENU,
                "IvrMenu",
                menu,
                "IVR_MENU",
                "ivr-validate",
                r#"entry 1: unknown member "textt""#,
            ),
            (
                &VERIFICATION,
                "AllowedCountries",
                "UK",
                "ALLOWED_COUNTRIES",
                "send-verification-sms",
                "the United Kingdom is GB",
            ),
            (
                &[("SmsRoutes", "*=twilio")],
                "GenericMapping",
                r#"{"recipient":"/to","cod":"/x"}"#,
                "GENERIC_MAPPING",
                "sms-gateway",
                "cod is not one of",
            ),
            (
                &[],
                "SmsRoutes",
                "*=twillio",
                "SMS_ROUTES",
                "sms-gateway",
                "names twillio",
            ),
            (
                &[("OktaUrl", "https://acme.okta.com")],
                "Greeting",
                "Hi {name}",
                "GREETING",
                "call-forward",
                "{firstName}",
            ),
            (
                &VERIFICATION,
                "RegSmsBody",
                "Reply {url}",
                "REG_SMS_BODY",
                "send-verification-sms",
                "unknown placeholder {url}",
            ),
            (
                &[("OktaUrl", "https://acme.okta.com"), ("AreaPrefixes", "44")],
                "NumberCountry",
                "UK",
                "NUMBER_COUNTRY",
                "provision-numbers",
                "is GB",
            ),
        ];
        for (base, parameter, value, variable, function, words) in cases {
            let found = with(base, parameter, value);
            let is_it = |found: &Finding| {
                found.parameter.as_deref() == Some(parameter)
                    && found.variable.as_deref() == Some(variable)
                    && found.functions.iter().any(|name| name == function)
                    && found.problem.contains(words)
            };
            assert!(found.iter().any(is_it), "{parameter}: {found:#?}");
        }
    }

    #[test]
    fn unknown_parameters_rules_and_sizes_are_told() {
        let given = [
            ("MailSender", "a@b.example"),
            ("PinLenght", "6"),
            ("Voicemail", "yes"),
        ];
        let told: Vec<String> = check(&values(&given))
            .into_iter()
            .map(|one| one.problem)
            .collect();
        for words in [
            "no parameter MailSender; is it MailSenders?",
            "is it PinLength?",
            "must be one of on, off",
            "Nothing is wanted",
        ] {
            assert!(
                told.iter().any(|one| one.contains(words)),
                "{words}: {told:#?}"
            );
        }
        let long = serde_json::json!({ "da": { "goodbye": "x".repeat(4000) } }).to_string();
        let found = check(&values(&[&MENU[..], &[("Words", &long)]].concat()));
        assert!(
            found
                .iter()
                .any(|one| one.problem.contains("Lambda takes 4096")
                    && one.problem.contains("WORDS (4")),
            "{found:#?}"
        );
    }
}
