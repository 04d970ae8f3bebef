//! The plan: from the held routes to the wanted one, before any broader route.

use reqwest::Method;
use serde_json::Value;
use shared::platform::base_url::BaseUrl;

use super::route::{actions, before, ends_at, priority};
use super::wanted::Wanted;
use crate::calls::Body;
use crate::connect::{Plan, Step};

/// The priority of our route. Lower numbers come first.
const FIRST: i64 = 0;

pub(super) fn plan(base: &BaseUrl, routes: &[Value], wanted: &Wanted) -> Plan {
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
    use serde_json::json;

    use super::*;
    use crate::connect::mailgun::sample::{ours, wanted};
    use crate::stack::Stack;

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
