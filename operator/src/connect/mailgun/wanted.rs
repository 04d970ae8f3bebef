//! The wanted route, and the one among the held routes that is it.

use serde_json::Value;

use super::route::{actions, urls};
use crate::connect::mark;
use crate::problem::Problem;
use crate::stack::Stack;

/// The number to test a route's expression with.
const EXAMPLE: &str = "4512345678";

/// The tag to test it with.
const EXAMPLE_TAG: &str = ".0123456789abcdef";

/// The wanted route.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Begins with a text that is unique to the stack.
    pub(super) description: String,
    pub(super) expression: String,
    pub(super) actions: [String; 2],
    pub(super) url: String,
    /// An address that the route is for.
    pub(crate) example: String,
}

impl Wanted {
    /// The wanted route. `None`: the stack receives no mail.
    pub(crate) fn read(stack: &Stack) -> Result<Option<Self>, Problem> {
        let Some(url) = stack.get("SendVerificationSmsUrl") else {
            return Ok(None);
        };
        let pattern = if let Some(pattern) = stack.get("RecipientPattern") {
            // Mailgun's expressions use the same syntax, except for named groups.
            format!("^(?:{})$", pattern.replace("(?<", "(?P<"))
        } else {
            // Use classes instead of backslashes: Mailgun's documentation doubles a backslash in
            // some places and not in others.
            let (prefix, domain) = (
                stack.get("RecipientPrefix").unwrap_or("acme"),
                stack.required("RecipientDomain")?,
            );
            let tag = if stack.has_tags() {
                "[.][0-9a-z]{16}"
            } else {
                ""
            };
            format!(
                "^{}[+]([0-9]{{7,15}}){tag}@{}$",
                prefix.replace('.', "[.]"),
                domain.replace('.', "[.]")
            )
        };
        let example = match stack.get("RecipientDomain") {
            Some(domain) => {
                let tag = if stack.has_tags() { EXAMPLE_TAG } else { "" };
                format!(
                    "{}+{EXAMPLE}{tag}@{domain}",
                    stack.get("RecipientPrefix").unwrap_or("acme")
                )
            }
            None => String::new(),
        };
        let quoted = pattern.replace('"', "\\\"");
        let actions = [format!("store(notify=\"{url}\")"), "stop()".to_owned()];
        let description = format!("{}mails to phone numbers", mark(stack)?);
        let (expression, url) = (format!("match_recipient(\"{quoted}\")"), url.to_owned());
        Ok(Some(Self {
            description,
            expression,
            actions,
            url,
            example,
        }))
    }

    /// Finds this stack's route among `routes`, correct or not. It posts to this stack, or has this
    /// stack's description, or posts to `/mime`, which the function does not read. The expression
    /// does not identify it: another stack may have the same.
    pub(crate) fn among<'a>(&self, routes: &'a [Value]) -> Option<&'a Value> {
        let notifies = |route: &&Value| {
            actions(route)
                .iter()
                .any(|action| action.replace('\'', "\"").contains(&self.actions[0]))
        };
        let raw = format!("{}/mime", self.url.trim_end_matches('/'));
        let is_raw = |route: &&Value| {
            actions(route)
                .iter()
                .any(|action| urls(action).any(|url| url == raw))
        };
        let described = |route: &&Value| route["description"] == self.description.as_str();
        routes
            .iter()
            .find(notifies)
            .or_else(|| routes.iter().find(described))
            .or_else(|| routes.iter().find(is_raw))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::mailgun::{
        route::ends_at,
        sample::{ours, wanted},
    };

    #[test]
    fn the_expression_takes_proxy_addresses_only() {
        let wanted = wanted();
        assert_eq!(
            wanted.expression,
            r#"match_recipient("^acme[+]([0-9]{7,15})@sms[.]acme[.]example$")"#
        );
        assert_eq!(ends_at(&ours(0), &wanted.example), Some(true));
        assert_eq!(ends_at(&ours(0), "acme+123@sms.acme.example"), Some(false));
        let tagged = r#"{"TableName":"t","SendVerificationSmsUrl":"https://x.on.aws/","RecipientDomain":"x.example","RecipientTags":"true"}"#;
        let tagged = Wanted::read(&Stack::read(tagged).unwrap())
            .unwrap()
            .unwrap();
        assert_eq!(
            tagged.expression,
            r#"match_recipient("^acme[+]([0-9]{7,15})[.][0-9a-z]{16}@x[.]example$")"#
        );
        assert_eq!(tagged.example, "acme+4512345678.0123456789abcdef@x.example");
        let stack = Stack::read(
            r#"{"TableName":"t","SendVerificationSmsUrl":"https://x.on.aws/","RecipientPattern":"(?<phone>\\d+)@x\\.example"}"#,
        )
        .unwrap();
        assert_eq!(
            Wanted::read(&stack).unwrap().unwrap().expression,
            r#"match_recipient("^(?:(?P<phone>\d+)@x\.example)$")"#
        );
    }
}
