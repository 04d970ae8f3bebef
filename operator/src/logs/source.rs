//! `CloudWatch Logs`.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>

use reqwest::Method;
use serde_json::{Value, json};

use super::line::Line;
use crate::aws::failed;
use crate::calls::{Body, Refusal, Session};
use crate::context::Context;
use crate::problem::Problem;

const FILTER: &str = "Logs_20140328.FilterLogEvents";
/// The most pages of one log that are read. An answer has up to 10,000 lines or 1 MB, and may be empty though more follow.
const MOST_PAGES: usize = 40;

/// Where a group's name is in the template, behind it the function's name.
const GROUP: &str = "/aws/lambda/${AWS::StackName}-";
const TEMPLATE: &str = include_str!("../../../template.yaml");

/// The functions that the template knows.
pub(crate) fn functions() -> Vec<&'static str> {
    let mut names: Vec<&str> = TEMPLATE
        .split(GROUP)
        .skip(1)
        .filter_map(|rest| {
            rest.split(|c: char| !c.is_ascii_lowercase() && c != '-')
                .next()
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// A pattern for lines in which all these members have these values. `None`: every line.
pub(super) fn all<'a>(terms: impl Iterator<Item = (&'a str, &'a str)>) -> Option<String> {
    joined(terms, " && ")
}

/// A pattern for lines in which one of these members has this value.
pub(crate) fn any<'a>(terms: impl Iterator<Item = (&'a str, &'a str)>) -> Option<String> {
    joined(terms, " || ")
}

fn joined<'a>(terms: impl Iterator<Item = (&'a str, &'a str)>, separator: &str) -> Option<String> {
    let terms: Vec<_> = terms
        .map(|(name, value)| format!("($.{name} = \"{value}\")"))
        .collect();
    (!terms.is_empty()).then(|| format!("{{ {} }}", terms.join(separator)))
}

/// The logs of a stack's functions.
pub(crate) struct Source {
    session: Session,
    stack: String,
}

/// What a log holds.
pub(crate) struct Found {
    pub(crate) lines: Vec<Line>,
    /// True if there is more.
    pub(crate) is_cut: bool,
}

impl Source {
    pub(crate) async fn of(context: &Context) -> Result<Self, Problem> {
        Ok(Self {
            session: context.aws.logs(context).await?,
            stack: context.stack.name()?.to_owned(),
        })
    }

    /// What a function wrote since then, milliseconds since the epoch. `None`: it has no log.
    pub(crate) async fn read(
        &self,
        function: &str,
        since: u64,
        pattern: Option<&str>,
    ) -> Result<Option<Found>, Problem> {
        let group = format!("/aws/lambda/{}-{function}", self.stack);
        let mut members = json!({ "logGroupName": group, "startTime": since });
        if let Some(pattern) = pattern {
            members["filterPattern"] = pattern.into();
        }
        let mut lines = vec![];
        for _ in 0..MOST_PAGES {
            let url = self.session.base.as_url().clone();
            let body = Body::Aws(FILTER, members.clone());
            let answer = match self.session.send_to(Method::POST, url, &body).await {
                Ok(answer) => answer,
                Err(Refusal::Status(_, words)) if words.contains("ResourceNotFound") => {
                    return Ok(None);
                }
                Err(refusal) => {
                    return Err(failed(&format!("FilterLogEvents {group}: {refusal}")));
                }
            };
            let events = answer["events"].as_array().into_iter().flatten();
            lines.extend(events.filter_map(|event| {
                let text = |name: &str| event[name].as_str();
                let at = event["timestamp"].as_u64()?;
                Some(Line::new(function, text("eventId")?, at, text("message")?))
            }));
            match &answer["nextToken"] {
                Value::String(next) => members["nextToken"] = next.as_str().into(),
                _ => {
                    return Ok(Some(Found {
                        lines,
                        is_cut: false,
                    }));
                }
            }
        }
        Ok(Some(Found {
            lines,
            is_cut: true,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_names_the_functions() {
        let all = functions();
        assert!(
            all.contains(&"sms-gateway") && all.contains(&"secure-api"),
            "{all:?}"
        );
        assert!(all.iter().all(|name| !name.ends_with('-')), "{all:?}");
    }

    #[test]
    fn patterns_join_their_terms() {
        assert_eq!(all([].into_iter()), None);
        let pattern = any([("sid", "SM1"), ("sid", "SM2")].into_iter());
        assert_eq!(
            pattern.as_deref(),
            Some(r#"{ ($.sid = "SM1") || ($.sid = "SM2") }"#)
        );
    }
}
