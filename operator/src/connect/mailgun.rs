//! Mailgun: the route that posts mails to proxy e-mail addresses, before any broader route
//! (<https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/routes>).

use reqwest::Method;
use secrecy::SecretString;
use serde_json::Value;
use shared::platform::http::BaseUrl;

use super::{Plan, Planned, Step};
use crate::calls::{Authorization, Body, Session};
use crate::context::Context;
use crate::problem::Problem;
use crate::stack::Stack;

/// The priority of our route. Lower numbers come first.
const FIRST: i64 = 0;
const PAGE: usize = 100;
const MOST_PAGES: usize = 50;
/// The number to test a route's expression with.
const EXAMPLE: &str = "4512345678";
/// The tag to test it with.
const EXAMPLE_TAG: &str = ".0123456789abcdef";

/// Opens the API with the key that only this program uses.
pub(crate) fn open(context: &Context) -> Result<Session, Problem> {
    let key = if let Some(key) = context.own.mailgun_api_key.get() {
        key
    } else {
        let asked = ask(context)?;
        context.own.mailgun_api_key.get_or_init(|| asked)
    };
    let unusable =
        || Problem::Usage("MAILGUN_API_KEY is not one line of plain characters".to_owned());
    Ok(context.calls.to(
        &context.urls.mailgun_url,
        Authorization::basic("api", key).ok_or_else(unusable)?,
    ))
}

fn ask(context: &Context) -> Result<SecretString, Problem> {
    let missing = || {
        Problem::Failed(
            "Mailgun's API key is required, and no secret of the stack has it: set MAILGUN_API_KEY"
                .to_owned(),
        )
    };
    if !context.console.is_watched() {
        return Err(missing());
    }
    context.console.end_progress();
    let key =
        rpassword::prompt_password("Mailgun API key (Control Panel, API security; not stored): ");
    key.map(SecretString::from).map_err(|_| missing())
}

pub(crate) async fn examine(context: &Context) -> Result<Option<Planned>, Problem> {
    let Some(wanted) = Wanted::read(&context.stack)? else {
        return Ok(None);
    };
    let session = open(context)?;
    let routes = routes(&session).await?;
    let plan = plan(&session.base, &routes, &wanted);
    Ok(Some(Planned { session, plan }))
}

/// Reads all routes.
pub(crate) async fn routes(session: &Session) -> Result<Vec<Value>, Problem> {
    let mut found: Vec<Value> = Vec::new();
    for page in 0..MOST_PAGES {
        let (skip, limit) = ((page * PAGE).to_string(), PAGE.to_string());
        let answer = session
            .get("v3/routes", &[("skip", &skip), ("limit", &limit)])
            .await;
        let answer =
            answer.map_err(|refusal| Problem::Failed(format!("Mailgun, routes: {refusal}")))?;
        let items = answer["items"].as_array().cloned().unwrap_or_default();
        let last = items.len() < PAGE;
        found.extend(items);
        if last {
            break;
        }
    }
    Ok(found)
}

/// The wanted route.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Begins with a text that is unique to the stack.
    description: String,
    expression: String,
    actions: [String; 2],
    url: String,
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
        let description = format!("{}mails to phone numbers", super::mark(stack)?);
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

fn actions(route: &Value) -> Vec<&str> {
    route["actions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// The texts in quotes in an action.
fn urls(action: &str) -> impl Iterator<Item = &str> {
    action.split(['"', '\'']).skip(1).step_by(2)
}

pub(crate) fn priority(route: &Value) -> i64 {
    route["priority"].as_i64().unwrap_or_default()
}

/// True if mail to `address` ends at this route: the route has `stop()` and its expression matches.
/// `None`: the expression cannot be evaluated here.
pub(crate) fn ends_at(route: &Value, address: &str) -> Option<bool> {
    if !actions(route)
        .iter()
        .any(|action| action.trim() == "stop()")
    {
        return Some(false);
    }
    let expression = route["expression"].as_str().unwrap_or_default().trim();
    if expression.starts_with("catch_all") {
        return Some(true);
    }
    let inner = expression
        .strip_prefix("match_recipient(")?
        .strip_suffix(')')?
        .trim();
    let quote = inner.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let pattern = inner
        .strip_prefix(quote)?
        .strip_suffix(quote)?
        .replace(r"\\", r"\")
        .replace("\\\"", "\"");
    // Python's `match` begins at the start of the text.
    let pattern = regex::Regex::new(&format!("^(?:{pattern})")).ok()?;
    Some(pattern.is_match(address))
}

/// The routes that stop mail to the proxy e-mail addresses before `route`.
pub(crate) fn before<'a>(routes: &'a [Value], route: &Value, example: &str) -> Vec<&'a Value> {
    let other = |other: &&Value| other["id"] != route["id"] && priority(other) <= priority(route);
    routes
        .iter()
        .filter(other)
        .filter(|other| ends_at(other, example) == Some(true))
        .collect()
}

fn plan(base: &BaseUrl, routes: &[Value], wanted: &Wanted) -> Plan {
    let mut plan = Plan::default();
    // Mailgun checks only the end of the URL, even if it is the end of a longer word.
    if wanted.url.ends_with("mime") {
        plan.problems.push(
            "SendVerificationSmsUrl ends with mime: Mailgun would post mails as they are (body-mime), which the function answers \
             406, mime_route; it must not end so"
                .to_owned(),
        );
        return plan;
    }
    let form = |priority: i64| {
        let mut form = vec![
            ("priority".to_owned(), priority.to_string()),
            ("description".to_owned(), wanted.description.clone()),
            ("expression".to_owned(), wanted.expression.clone()),
        ];
        form.extend(
            wanted
                .actions
                .iter()
                .map(|action| ("action".to_owned(), action.clone())),
        );
        Body::Form(form)
    };
    let Some(route) = wanted.among(routes) else {
        plan.set(
            "Mailgun route (new)",
            "expression",
            None,
            &wanted.expression,
        );
        plan.set(
            "Mailgun route (new)",
            "actions",
            None,
            &wanted.actions.join(", "),
        );
        plan.steps.push(Step::Send(
            Method::POST,
            base.join("v3/routes"),
            form(FIRST),
        ));
        plan.problems.extend(others(routes.iter().filter(|route| {
            priority(route) <= FIRST && ends_at(route, &wanted.example) == Some(true)
        })));
        return plan;
    };
    let id = route["id"].as_str().unwrap_or_default();
    let of = format!("Mailgun route {id}");
    let shadows = before(routes, route, &wanted.example);
    let place = if shadows.is_empty() {
        priority(route)
    } else {
        FIRST
    };
    let differs = [
        plan.compare(
            &of,
            "expression",
            route["expression"].as_str(),
            &wanted.expression,
        ),
        plan.compare(
            &of,
            "actions",
            Some(&actions(route).join(", ")),
            &wanted.actions.join(", "),
        ),
        plan.compare(
            &of,
            "priority",
            Some(&priority(route).to_string()),
            &place.to_string(),
        ),
    ];
    if differs.contains(&true) {
        plan.steps.push(Step::Send(
            Method::PUT,
            base.join(&format!("v3/routes/{id}")),
            form(place),
        ));
    }
    plan.problems.extend(others(
        shadows
            .into_iter()
            .filter(|shadow| priority(shadow) <= place),
    ));
    plan
}

/// A description of routes that belong to other software, which only a person may move.
fn others<'a>(routes: impl Iterator<Item = &'a Value>) -> Vec<String> {
    let words = |route: &Value| {
        let text = |field: &str| crate::report::plain(route[field].as_str().unwrap_or_default());
        format!(
            "the route {} ({}) has priority {} and stops mails to the proxy e-mail addresses before ours: give it a higher number",
            text("id"),
            text("expression"),
            priority(route)
        )
    };
    routes.map(words).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wanted() -> Wanted {
        let stack =
            Stack::read(r#"{"TableName":"t","SendVerificationSmsUrl":"https://x.on.aws/","RecipientDomain":"sms.acme.example"}"#)
                .unwrap();
        Wanted::read(&stack).unwrap().unwrap()
    }

    fn ours(priority: i64) -> Value {
        let wanted = wanted();
        json!({ "id": "ours", "priority": priority, "description": wanted.description, "expression": wanted.expression, "actions": wanted.actions })
    }

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

    #[test]
    fn a_route_that_has_mails_posted_as_they_are_is_ours_and_wrong() {
        let base = "https://api.mailgun.net".parse().unwrap();
        for action in [
            r#"store(notify="https://x.on.aws/mime")"#,
            "store(notify='https://x.on.aws/mime')",
            r#"forward("https://x.on.aws/mime")"#,
        ] {
            let by_hand = json!({ "id": "hand", "priority": 0, "expression": wanted().expression, "actions": [action, "stop()"] });
            let plan = plan(&base, &[by_hand], &wanted());
            let changes: Vec<_> = plan
                .changes
                .iter()
                .map(|change| (change.of.as_str(), change.field.as_str()))
                .collect();
            assert_eq!(changes, [("Mailgun route hand", "actions")], "{action}");
            assert_eq!(
                plan.changes[0].to,
                r#"store(notify="https://x.on.aws/"), stop()"#
            );
        }
        for action in [
            r#"forward("https://other.on.aws/mime")"#,
            r#"forward("https://x.on.aws/mimes")"#,
        ] {
            let other = json!({ "id": "other", "priority": 9, "expression": "catch_all()", "actions": [action] });
            assert_eq!(
                plan(&base, &[other], &wanted()).changes[0].of,
                "Mailgun route (new)",
                "{action}"
            );
        }
        for url in ["https://x.on.aws/mime", "https://x.on.aws/pantomime"] {
            let stack = format!(
                r#"{{"TableName":"t","SendVerificationSmsUrl":"{url}","RecipientDomain":"sms.acme.example"}}"#
            );
            let plan = plan(
                &base,
                &[],
                &Wanted::read(&Stack::read(&stack).unwrap())
                    .unwrap()
                    .unwrap(),
            );
            assert!(
                plan.steps.is_empty() && plan.problems[0].contains("ends with mime"),
                "{url}"
            );
        }
    }

    #[test]
    fn what_stops_mails_before_ours_is_passed_or_named() {
        let base = "https://api.mailgun.net".parse().unwrap();
        let other = |priority: i64, expression: &str, action: &str| json!({ "id": "other", "priority": priority, "expression": expression, "actions": ["forward(\"https://x\")", action] });
        let plan = |other: Value| plan(&base, &[other, ours(5)], &wanted());
        for harmless in [
            other(9, "catch_all()", "stop()"),
            other(0, "catch_all()", "store()"),
            other(0, r#"match_recipient("^sales@acme\\.example$")"#, "stop()"),
            other(0, r#"match_header("subject", ".*")"#, "stop()"),
        ] {
            assert_eq!(plan(harmless), Plan::default());
        }
        for other in [
            other(3, "catch_all()", "stop()"),
            other(5, r#"match_recipient(".*@sms\\.acme\\.example")"#, "stop()"),
        ] {
            let plan = plan(other);
            assert_eq!(
                (
                    plan.changes.len(),
                    plan.changes[0].to.as_str(),
                    plan.problems.len()
                ),
                (1, "0", 0)
            );
        }
        assert_eq!(plan(other(0, "catch_all()", "stop()")).problems.len(), 1);
    }
}
