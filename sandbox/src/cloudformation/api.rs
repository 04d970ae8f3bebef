//! The API: which request does what.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::Response,
};

use super::{
    Account, Stack,
    deployment::{ChangeSet, IN_REVIEW, Record, Refusal, Wish, no_change_set},
    id,
    parameters::Given,
    query::{self, Query, element, members, texts},
};
use crate::{
    moment::iso,
    sms,
    wire::{Complaints, lock},
};

/// When each stack was created, as far as a client may know.
const CREATED: &str = "2026-11-20T12:00:00.000Z";

pub(super) async fn serve(
    State(account): State<Arc<Account>>,
    Extension(complaints): Extension<Complaints>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let complain = |status, code, what: &str| {
        complaints.add(format!("CloudFormation: {what}"));
        query::refuse(status, code, what)
    };
    let authorization = sms::header(&headers, header::AUTHORIZATION);
    if !(authorization.starts_with("AWS4-HMAC-SHA256 ")
        && authorization.contains("/cloudformation/aws4_request"))
    {
        return complain(
            StatusCode::FORBIDDEN,
            "MissingAuthenticationToken",
            "a request without a signature",
        );
    }
    let content_type = sms::header(&headers, header::CONTENT_TYPE);
    if method != Method::POST
        || uri.path() != "/"
        || !content_type.starts_with("application/x-www-form-urlencoded")
    {
        return complain(
            StatusCode::BAD_REQUEST,
            "InvalidAction",
            &format!("{method} {} of {content_type:?}", uri.path()),
        );
    }
    let query = match Query::parse(&body) {
        Ok(query) => query,
        Err(what) => return complain(StatusCode::BAD_REQUEST, "ValidationError", &what),
    };
    let action = query.get("Action").unwrap_or_default();
    let known = fields(action).filter(|_| query.get("Version") == Some("2010-05-15"));
    let Some(known) = known else {
        let what = format!("action {action:?} is not simulated by this sandbox");
        return complain(StatusCode::BAD_REQUEST, "InvalidAction", &what);
    };
    if let Some(name) = query.unknown(known) {
        let what = format!("{action}: the field {name} is not simulated by this sandbox");
        return complain(StatusCode::BAD_REQUEST, "ValidationError", &what);
    }
    let result = match action {
        "DescribeStacks" => account.describe_stacks(&query),
        "DescribeStackEvents" => account.describe_events(&query),
        "GetTemplateSummary" => account.summarise(&query),
        "CreateChangeSet" => account.create_change_set(&query),
        "DescribeChangeSet" => account.describe_change_set(&query),
        _ => account.execute_change_set(&query),
    };
    match result {
        Ok(result) => query::answer(action, &result),
        Err((code, message)) => query::refuse(StatusCode::BAD_REQUEST, code, &message),
    }
}

/// The fields of an action that is simulated.
fn fields(action: &str) -> Option<&'static [&'static str]> {
    Some(match action {
        "DescribeStacks" | "DescribeStackEvents" | "GetTemplateSummary" => &["StackName"],
        "CreateChangeSet" => &[
            "StackName",
            "ChangeSetName",
            "ChangeSetType",
            "TemplateBody",
            "TemplateURL",
            "Parameters",
            "Capabilities",
            "Tags",
            "Description",
        ],
        "DescribeChangeSet" => &["StackName", "ChangeSetName"],
        "ExecuteChangeSet" => &["StackName", "ChangeSetName", "DisableRollback"],
        _ => return None,
    })
}

fn missing(stack: &str) -> Refusal {
    let why = format!("Stack with id {stack} does not exist");
    ("ValidationError", why)
}

/// The name of a stack that is named, or whose ARN is given.
fn name_of(stack: &str) -> &str {
    let id = stack.strip_prefix("arn:").and(stack.split('/').nth(1));
    id.unwrap_or(stack)
}

impl Account {
    fn describe_stacks(&self, query: &Query) -> Result<String, Refusal> {
        let stacks = lock(&self.stacks);
        let asked = query.get("StackName");
        let wanted = |name: &str| asked.is_none_or(|asked| name_of(asked) == name);
        let found = stacks.iter().filter(|(name, _)| wanted(name));
        let found = members(found.map(|(name, record)| described(name, record)));
        match asked.filter(|_| found.is_empty()) {
            Some(name) => Err(missing(name)),
            None => Ok(element("Stacks", &found)),
        }
    }

    fn describe_events(&self, query: &Query) -> Result<String, Refusal> {
        let asked = query.get("StackName").unwrap_or_default();
        let stacks = lock(&self.stacks);
        let (name, record) = stacks
            .get_key_value(name_of(asked))
            .ok_or_else(|| missing(asked))?;
        let newest_first = record.events.iter().rev().map(|event| {
            let xml = texts(&[
                ("StackId", &id(name)),
                ("EventId", &event.id),
                ("StackName", name),
                ("LogicalResourceId", &event.resource),
                ("PhysicalResourceId", &event.physical),
                ("ResourceType", &event.kind),
                ("Timestamp", &iso(event.time)),
                ("ResourceStatus", &event.status),
            ]);
            let reason = event.reason.as_deref();
            xml + &reason.map_or_else(String::new, |why| texts(&[("ResourceStatusReason", why)]))
        });
        Ok(element("StackEvents", &members(newest_first)))
    }

    /// The parameters of a stack.
    fn summarise(&self, query: &Query) -> Result<String, Refusal> {
        let asked = query.get("StackName").unwrap_or_default();
        let stacks = lock(&self.stacks);
        let record = stacks.get(name_of(asked)).ok_or_else(|| missing(asked))?;
        let parameters = record.stack.parameters.keys().map(|name| {
            texts(&[
                ("ParameterKey", name),
                ("ParameterType", "String"),
                ("NoEcho", "false"),
            ])
        });
        Ok(element("Parameters", &members(parameters)))
    }

    fn create_change_set(&self, query: &Query) -> Result<String, Refusal> {
        let invalid = |why: String| ("ValidationError", why);
        let name = query.get("StackName").unwrap_or_default();
        let set = query.get("ChangeSetName").unwrap_or_default();
        for (what, value) in [("stackName", name), ("changeSetName", set)] {
            let mut letters = value.chars();
            let is_name = letters
                .next()
                .is_some_and(|first| first.is_ascii_alphabetic())
                && letters.all(|c| c.is_ascii_alphanumeric() || c == '-')
                && value.len() <= 128;
            if !is_name {
                return Err(invalid(format!(
                    "1 validation error detected: Value '{value}' at '{what}' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
                )));
            }
        }
        let template =
            match (query.get("TemplateBody"), query.get("TemplateURL")) {
                (Some(body), None) => body.to_owned(),
                (None, Some(url)) => self.surroundings.buckets.template(url).ok_or_else(|| {
                    invalid("S3 error: The specified key does not exist.".to_owned())
                })?,
                _ => {
                    return Err(invalid(
                        "Either Template URL or Template Body must be specified.".to_owned(),
                    ));
                }
            };
        let pair = |entry: &BTreeMap<&str, &str>, key: &str, value: &str| {
            Some((
                (*entry.get(key)?).to_owned(),
                (*entry.get(value)?).to_owned(),
            ))
        };
        let parameters = query.entries("Parameters").into_iter().filter_map(|entry| {
            match pair(&entry, "ParameterKey", "ParameterValue") {
                Some((name, value)) => Some((name, Given::Value(value))),
                None => Some(((*entry.get("ParameterKey")?).to_owned(), Given::Previous)),
            }
        });
        let tags = query.entries("Tags");
        let wish = Wish {
            name: set.to_owned(),
            is_new: query.get("ChangeSetType") == Some("CREATE"),
            template,
            parameters: parameters.collect(),
            capabilities: query.texts("Capabilities"),
            tags: tags
                .iter()
                .filter_map(|tag| pair(tag, "Key", "Value"))
                .collect(),
        };
        let mut stacks = lock(&self.stacks);
        match (wish.is_new, stacks.get(name)) {
            (true, Some(record)) if !record.is_open() => {
                return Err(invalid(format!(
                    "Stack [{name}] already exists and cannot be created again with the changeSet [{set}]."
                )));
            }
            (false, None) => return Err(invalid(format!("Stack [{name}] does not exist"))),
            (false, Some(record)) if !is_updatable(&record.stack) => {
                return Err(invalid(format!(
                    "Stack:{} is in {} state and can not be updated.",
                    id(name),
                    record.stack.status
                )));
            }
            _ => {}
        }
        let is_first = !stacks.contains_key(name);
        let record = stacks.entry(name.to_owned()).or_insert_with(|| {
            Record::of(Stack {
                status: IN_REVIEW.to_owned(),
                ..Stack::default()
            })
        });
        let planned = record.plan(name, wish, &self.surroundings);
        let planned = planned.map(|set| texts(&[("Id", &set.id), ("StackId", &id(name))]));
        match (&planned, is_first) {
            (Ok(_), true) => record.tell_stack(name, IN_REVIEW, Some("User Initiated")),
            (Err(_), true) => drop(stacks.remove(name)),
            _ => {}
        }
        planned
    }

    fn describe_change_set(&self, query: &Query) -> Result<String, Refusal> {
        let asked = query.get("ChangeSetName").unwrap_or_default();
        let stacks = lock(&self.stacks);
        let named = query.get("StackName").map(name_of);
        let mut sets = stacks
            .iter()
            .filter(|(name, _)| named.is_none_or(|named| named == *name))
            .flat_map(|(name, record)| record.change_sets.iter().map(move |set| (name, set)));
        let (name, set) = sets
            .find(|(_, set)| set.id == asked || set.name == asked)
            .ok_or_else(|| no_change_set(asked))?;
        Ok(described_set(name, set))
    }

    fn execute_change_set(&self, query: &Query) -> Result<String, Refusal> {
        let asked = query.get("ChangeSetName").unwrap_or_default();
        let named = name_of(query.get("StackName").unwrap_or_default());
        let mut stacks = lock(&self.stacks);
        let record = stacks.get_mut(named).ok_or_else(|| no_change_set(asked))?;
        let broken = lock(&self.broken).clone();
        record.execute(named, asked, broken.as_ref(), &self.surroundings)?;
        Ok(String::new())
    }
}

/// True if a change set may update a stack in this state.
fn is_updatable(stack: &Stack) -> bool {
    stack.status.ends_with("_COMPLETE") && stack.status != "ROLLBACK_COMPLETE"
}

fn described(name: &str, record: &Record) -> String {
    let mut xml = texts(&[
        ("StackName", name),
        ("StackId", &id(name)),
        ("CreationTime", CREATED),
        ("StackStatus", &record.stack.status),
    ]);
    if let Some(time) = record.updated {
        xml += &texts(&[("LastUpdatedTime", &iso(time))]);
    }
    let stack = &record.stack;
    for (list, entry, pairs) in [
        ("Parameters", "Parameter", &stack.parameters),
        ("Outputs", "Output", &stack.outputs),
        ("Tags", "", &record.tags),
    ] {
        let [key, text] = ["Key", "Value"].map(|part| format!("{entry}{part}"));
        let entries = pairs.iter();
        let entries = entries.map(|(name, value)| texts(&[(&key, name), (&text, value)]));
        xml += &element(list, &members(entries));
    }
    xml + &texts(&[("DisableRollback", "false")])
}

fn described_set(stack: &str, set: &ChangeSet) -> String {
    let (status, execution) = match set.failure {
        Some(_) => ("FAILED", "UNAVAILABLE"),
        None => ("CREATE_COMPLETE", "AVAILABLE"),
    };
    let mut xml = texts(&[
        ("StackName", stack),
        ("StackId", &id(stack)),
        ("ChangeSetName", &set.name),
        ("ChangeSetId", &set.id),
        ("Status", status),
        ("ExecutionStatus", execution),
    ]);
    xml += &set
        .failure
        .map_or_else(String::new, |why| texts(&[("StatusReason", why)]));
    let changes = set.changes.iter().map(|change| {
        let mut resource = texts(&[
            ("Action", change.action),
            ("LogicalResourceId", &change.resource),
            ("ResourceType", &change.kind),
        ]);
        if change.action == "Modify" {
            resource += &texts(&[("Replacement", "False")]);
        }
        texts(&[("Type", "Resource")]) + &element("ResourceChange", &resource)
    });
    xml + &element("Changes", &members(changes))
}
