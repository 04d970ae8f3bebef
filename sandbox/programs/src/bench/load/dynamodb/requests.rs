//! Requests as the functions make them, by chance or as asked, for tests.

use sandbox::{aws::TABLE_NAME, wire::client};
use serde_json::{Value, json};

/// The same sequence in every run of a seed. <https://en.wikipedia.org/wiki/Linear_congruential_generator>
pub(super) struct Chance(pub(super) u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }
}

pub(super) fn text(text: &str) -> Value {
    json!({ "S": text })
}

pub(super) fn number(number: u64) -> Value {
    json!({ "N": number.to_string() })
}

/// A write as the functions make it: names of attributes as placeholders, names in the condition as they are.
pub(super) fn write(
    pk: &str,
    clauses: &[(&str, &str, Value)],
    condition: &str,
    bound: &[(&str, Value)],
) -> Value {
    let mut write = json!({ "TableName": TABLE_NAME, "Key": { "pk": text(pk), "sk": text("1") } });
    let mut values: serde_json::Map<_, _> = bound
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    let (mut expression, mut last) = (String::new(), "");
    for (at, (verb, name, value)) in clauses.iter().enumerate() {
        let clause = if *verb == last {
            ",".to_owned()
        } else {
            format!(" {verb}")
        };
        let value_of = match *verb {
            "REMOVE" => String::new(),
            "SET" => format!("= :v{at}"),
            _ => format!(":v{at}"),
        };
        expression = format!("{expression}{clause} #n{at} {value_of}");
        write["ExpressionAttributeNames"][format!("#n{at}")] = (*name).into();
        if *verb != "REMOVE" {
            values.insert(format!(":v{at}"), value.clone());
        }
        last = verb;
    }
    write["UpdateExpression"] = expression.trim().into();
    if !condition.is_empty() {
        write["ConditionExpression"] = condition.into();
    }
    if !values.is_empty() {
        write["ExpressionAttributeValues"] = values.into();
    }
    write["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD".into();
    write
}

/// One of the kinds of writes that functions make, to one of few items, with few values, so that conditions hold and do not.
fn some_write(chance: &mut Chance) -> Value {
    let (slice, max, now) = (chance.below(3), chance.below(4) + 1, chance.below(6));
    let (id, other) = (chance.one_of(&["a", "b", "c"]), chance.one_of(&["x", "y"]));
    let (counted, named) = (format!("s_{slice}"), format!("i_{slice}"));
    let room = "(attribute_not_exists(newest) OR newest = :slice) AND (attribute_not_exists(hits) OR hits < :max)";
    let set = || json!({ "SS": [id] });
    let none = Value::Null;
    let budget = |pk: &str,
                  verb: &str,
                  name: &str,
                  value: Value,
                  condition: &str,
                  bound: &[(&str, Value)]| {
        let clauses = [
            ("SET", "newest", number(slice)),
            ("SET", "expires_at", number(now + 9)),
            ("ADD", "hits", number(1)),
            (verb, name, value),
        ];
        write(
            pk,
            &clauses,
            condition,
            &[&[(":slice", number(slice)), (":max", number(max))], bound].concat(),
        )
    };
    match chance.below(13) {
        0 => budget("rate#all", "ADD", &counted, number(1), room, &[]),
        1 => {
            let condition = format!(
                "{room} AND NOT contains(i_{slice}, :id) AND NOT contains(i_{}, :id)",
                slice + 1
            );
            budget(
                "rate#code",
                "ADD",
                &named,
                set(),
                &condition,
                &[(":id", text(id))],
            )
        }
        2 => {
            let clauses = [
                ("SET", "newest", number(slice)),
                ("SET", "hits", number(max)),
                ("SET", &*named, set()),
                ("REMOVE", &*counted, none.clone()),
                ("REMOVE", "i_9", none),
            ];
            let bound = [(":newest", number(now % 3)), (":hits", number(max))];
            write(
                "rate#code",
                &clauses,
                "newest = :newest AND hits = :hits",
                &bound,
            )
        }
        3 => {
            let less = ("ADD", "hits", json!({ "N": "-1" }));
            let clauses = [less, ("DELETE", &*named, set())];
            write(
                "rate#code",
                &clauses,
                &format!("contains({named}, :id)"),
                &[(":id", text(id))],
            )
        }
        4 => {
            let clauses = [
                ("ADD", "hits", json!({ "N": "-1" })),
                ("ADD", &*counted, json!({ "N": "-1" })),
            ];
            write(
                "rate#all",
                &clauses,
                &format!("{counted} > :none"),
                &[(":none", number(0))],
            )
        }
        5 => {
            let clauses = [
                ("SET", "stage", text("sending")),
                ("SET", "owner_id", text(other)),
                ("SET", "expires_at", number(now + 2)),
                ("REMOVE", "sid", none.clone()),
                ("REMOVE", "provider", none),
            ];
            write(
                "sent#1",
                &clauses,
                "attribute_not_exists(pk) OR expires_at <= :now",
                &[(":now", number(now))],
            )
        }
        6 => {
            let clauses = [("SET", "stage", text("sent")), ("SET", "sid", text(id))];
            write(
                "sent#1",
                &clauses,
                "owner_id = :owner",
                &[(":owner", text(other))],
            )
        }
        7 => {
            let request = json!({ "M": { "kind": text("password"), "added_by": text(other), "expires_at": number(now) } });
            let clauses = [
                ("SET", &*format!("r_{id}"), request),
                ("SET", "expires_at", number(now)),
                ("ADD", "version", number(1)),
            ];
            let condition = if now > 2 {
                format!("attribute_exists(r_{id})")
            } else {
                String::new()
            };
            write("pending#+45", &clauses, &condition, &[])
        }
        8 => {
            let clauses = [("REMOVE", &*format!("r_{id}"), none)];
            write(
                "pending#+45",
                &clauses,
                &format!("r_{id}.added_by = :me"),
                &[(":me", text(other))],
            )
        }
        9 => {
            let clauses = [
                ("SET", "held_by", text(other)),
                ("SET", "held_until", number(now)),
            ];
            let condition = "attribute_exists(pk) AND (attribute_not_exists(held_until) OR held_until <= :now OR held_by = :me)";
            write(
                "pending#+45",
                &clauses,
                condition,
                &[(":now", number(slice)), (":me", text(other))],
            )
        }
        10 => {
            let clauses = [("ADD", "wrong", number(1))];
            write(
                "lock#1",
                &clauses,
                "wrong < :max AND expires_at > :now",
                &[(":max", number(max)), (":now", number(now))],
            )
        }
        11 => {
            let clauses = [
                ("SET", "wrong", number(1)),
                ("SET", "expires_at", number(now + 2)),
            ];
            write(
                "lock#1",
                &clauses,
                "attribute_not_exists(wrong) OR expires_at <= :now",
                &[(":now", number(now))],
            )
        }
        _ => {
            let clauses = [
                ("SET", "correspondent", text(id)),
                ("SET", "expires_at", number(now)),
            ];
            if now > 3 {
                write("thread#1", &[("REMOVE", "correspondent", none)], "", &[])
            } else {
                write("thread#1", &clauses, "", &[])
            }
        }
    }
}

pub(super) fn some_request(chance: &mut Chance) -> (&'static str, Value) {
    match chance.below(20) {
        0 => {
            let Value::Object(mut request) = some_write(chance) else {
                unreachable!()
            };
            for name in [
                "UpdateExpression",
                "ConditionExpression",
                "ExpressionAttributeNames",
                "ExpressionAttributeValues",
            ] {
                request.remove(name);
            }
            request.remove("ReturnValuesOnConditionCheckFailure");
            if chance.below(2) == 0 {
                request.insert(
                    "ConditionExpression".to_owned(),
                    "version = :version AND attribute_not_exists(held_by)".into(),
                );
                request.insert(
                    "ExpressionAttributeValues".to_owned(),
                    json!({ ":version": number(chance.below(3)) }),
                );
            }
            ("DeleteItem", request.into())
        }
        1..=2 => (
            "GetItem",
            json!({ "TableName": TABLE_NAME, "Key": some_write(chance)["Key"], "ConsistentRead": true }),
        ),
        3..=7 => {
            let mut writes: Vec<Value> = Vec::new();
            for _ in 0..=chance.below(4) {
                let write = some_write(chance);
                if writes
                    .iter()
                    .all(|other| other["Update"]["Key"] != write["Key"])
                {
                    writes.push(json!({ "Update": write }));
                }
            }
            ("TransactWriteItems", json!({ "TransactItems": writes }))
        }
        _ => {
            let mut request = some_write(chance);
            request["ReturnValues"] = "ALL_NEW".into();
            ("UpdateItem", request)
        }
    }
}

/// Sets have no order, and nobody reads an error's words.
fn plain(mut value: Value) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.retain(|name, value| {
            !matches!(name.as_str(), "message" | "Message") && !value.is_null()
        });
        if let Some(kind) = members
            .get("__type")
            .and_then(Value::as_str)
            .and_then(|kind| kind.rsplit('#').next())
        {
            let kind = kind.to_owned();
            members.insert("__type".to_owned(), kind.into());
        }
        for (name, member) in members.iter_mut() {
            if let (true, Some(set)) = (name == "SS", member.as_array_mut()) {
                set.sort_by_key(Value::to_string);
            } else {
                *member = plain(member.take());
            }
        }
    } else if let Some(entries) = value.as_array_mut() {
        for entry in entries {
            *entry = plain(entry.take());
        }
    }
    value
}

pub(super) async fn ask(url: &str, operation: &str, request: &Value) -> (u16, Value) {
    let sent = client()
        .post(url)
        .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
        .header("content-type", "application/x-amz-json-1.0")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=a/20261120/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
        )
        .header("x-amz-date", "20261120T120000Z")
        .body(request.to_string())
        .send();
    let answer = sent.await.unwrap();
    let status = answer.status().as_u16();
    (
        status,
        plain(serde_json::from_str(&answer.text().await.unwrap()).unwrap()),
    )
}
