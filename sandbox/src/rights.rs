//! IAM for the functions' roles: the items of the table, the secrets and the keys that a call may
//! use.
//!
//! A role's statements are read from `template.yaml`. So every test of a function also shows that
//! its role allows its calls. The access key in a request's signature identifies the function.
//! Other keys (a test's own, the CLI's) may do everything.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html>

use std::collections::BTreeMap;

use axum::http::{HeaderMap, header};
use serde_json::Value;
use serde_norway::Value as Yaml;

use crate::sms;

/// The rights of a function's role.
#[derive(Clone, Debug, Default)]
pub struct Rights {
    items: Vec<Items>,
    /// Names of the secrets whose value the role may read.
    secrets: Vec<String>,
    /// Actions of KMS, each with the ARN of the key.
    keys: Vec<(String, String)>,
    /// Actions of the services for texts.
    calls: Vec<String>,
}

/// One statement about the table.
#[derive(Clone, Debug)]
struct Items {
    actions: Vec<String>,
    /// Patterns for the partition key of every item. An asterisk at the end matches any text.
    keys: Vec<String>,
    /// True if the statement has the condition `Null`. Without it the statement also allows
    /// operations that name no item, such as a `Scan`.
    keyed: bool,
}

impl Rights {
    /// The rights of a role, which is a resource of the template. `secrets` maps logical ids to
    /// names of secrets, `keys` maps logical ids and parameters to ARNs of keys.
    pub(crate) fn of(
        role: &Yaml,
        secrets: &BTreeMap<String, String>,
        keys: &BTreeMap<String, String>,
    ) -> Self {
        let mut rights = Self::default();
        let policies = list(&role["Properties"]["Policies"]);
        for statement in policies
            .iter()
            .flat_map(|policy| list(&then(policy)["PolicyDocument"]["Statement"]))
            .map(then)
        {
            let actions = texts(&statement["Action"]);
            if actions.iter().all(|action| action.starts_with("dynamodb:")) {
                let condition = &statement["Condition"];
                let keys = texts(&condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]);
                let keyed = condition["Null"]["dynamodb:LeadingKeys"].as_str() == Some("false");
                rights.items.push(Items {
                    actions,
                    keys,
                    keyed,
                });
            } else if actions == ["secretsmanager:GetSecretValue"] {
                let named = list(&statement["Resource"])
                    .into_iter()
                    .filter_map(|resource| secrets.get(referred(resource)?));
                rights.secrets.extend(named.cloned());
            } else if actions.iter().all(|action| action.starts_with("kms:"))
                && statement["Condition"]["StringEquals"]["kms:ViaService"].is_null()
            {
                // A key that only services of AWS use for the role opens nothing to the function.
                let named = list(&statement["Resource"])
                    .into_iter()
                    .filter_map(|resource| {
                        let name = referred(resource)?;
                        keys.get(name.strip_suffix(".Arn").unwrap_or(name))
                    });
                for arn in named {
                    let all = actions.iter().map(|action| (action.clone(), arn.clone()));
                    rights.keys.extend(all);
                }
            } else if actions
                .iter()
                .all(|action| action.starts_with("sms-voice:"))
            {
                rights.calls.extend(actions);
            }
        }
        rights
    }

    /// The patterns of the partition keys that the role may use.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        let items = self.items.iter().flat_map(|items| &items.keys);
        items.map(String::as_str)
    }

    /// The first action of an operation on the table that the role does not allow, if any.
    pub(crate) fn excess(&self, operation: &str, request: &Value) -> Option<String> {
        needed(operation, request)
            .into_iter()
            .find_map(|(action, key)| {
                let allowed = self.items.iter().any(|items| items.allow(&action, key));
                (!allowed).then(|| format!("{action} on {}", key.unwrap_or("any item")))
            })
    }

    /// True if the role may do this, if only for one sender: `sms-voice:SendTextMessage`.
    pub(crate) fn may_call(&self, action: &str) -> bool {
        self.calls.iter().any(|allowed| allowed == action)
    }

    /// True if the role may read the value of this secret.
    pub(crate) fn may_read(&self, secret: &str) -> bool {
        self.secrets.iter().any(|allowed| allowed == secret)
    }

    /// True if the role may do this with the key: `kms:Decrypt`.
    pub(crate) fn may_use(&self, action: &str, key: &str) -> bool {
        let fits = |(may, arn): &(String, String)| may == action && arn == key;
        self.keys.iter().any(fits)
    }
}

impl Items {
    fn allow(&self, action: &str, key: Option<&str>) -> bool {
        let fits = |key: &str| {
            self.keys.iter().any(|pattern| {
                pattern
                    .strip_suffix('*')
                    .map_or(pattern == key, |prefix| key.starts_with(prefix))
            })
        };
        self.actions.iter().any(|allowed| allowed == action) && key.map_or(!self.keyed, fits)
    }
}

/// The actions that an operation needs, each with the partition key of its item. A transaction
/// needs the actions of its parts
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>).
pub(crate) fn needed<'a>(operation: &str, request: &'a Value) -> Vec<(String, Option<&'a str>)> {
    let one = |action: &str, request: &'a Value| {
        let key = [&request["Key"], &request["Item"]]
            .into_iter()
            .find_map(|attributes| attributes["pk"]["S"].as_str());
        let key = if action == "Query" {
            queried(request)
        } else {
            key
        };
        (format!("dynamodb:{action}"), key)
    };
    let parts = request["TransactItems"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .flatten();
    match operation {
        "TransactWriteItems" | "TransactGetItems" => parts
            .map(|(part, request)| {
                let action = if part == "ConditionCheck" {
                    "ConditionCheckItem".to_owned()
                } else {
                    format!("{part}Item")
                };
                one(&action, request)
            })
            .collect(),
        operation => vec![one(operation, request)],
    }
}

/// The partition key of a query: the value that its key condition (`pk = :pk`, perhaps `AND` more)
/// compares the partition key with.
fn queried(request: &Value) -> Option<&str> {
    let condition = request["KeyConditionExpression"].as_str()?;
    let bound = condition.split(" AND ").find_map(|term| {
        let (name, value) = term.split_once('=')?;
        let name = name.trim();
        let renamed = request["ExpressionAttributeNames"][name].as_str();
        (renamed.unwrap_or(name) == "pk").then(|| value.trim())
    })?;
    request["ExpressionAttributeValues"][bound]["S"].as_str()
}

/// The functions' rights, by the access key of their processes.
#[derive(Debug, Default)]
pub(crate) struct Principals(BTreeMap<String, (String, Rights)>);

impl Principals {
    pub(crate) fn new(functions: impl Iterator<Item = (String, Rights)>) -> Self {
        Self(
            functions
                .map(|(function, rights)| (access_key(&function), (function, rights)))
                .collect(),
        )
    }

    /// The name and rights of the function that made a request; `None` for other clients.
    pub(crate) fn of(&self, headers: &HeaderMap) -> Option<(&str, &Rights)> {
        let (_, credential) =
            sms::header(headers, header::AUTHORIZATION).split_once("Credential=")?;
        let (function, rights) = self.0.get(credential.split('/').next()?)?;
        Some((function, rights))
    }
}

/// The access key of a function's processes.
pub(crate) fn access_key(function: &str) -> String {
    let capitals = function
        .chars()
        .filter(char::is_ascii_alphabetic)
        .map(|c| c.to_ascii_uppercase());
    format!("ASIASANDBOX{}", capitals.collect::<String>())
}

/// The resource to which the YAML refers, even inside a `!If`.
fn referred(yaml: &Yaml) -> Option<&str> {
    match yaml {
        Yaml::Tagged(tagged) if tagged.tag == "Ref" || tagged.tag == "GetAtt" => {
            tagged.value.as_str()
        }
        Yaml::Tagged(tagged) if tagged.tag == "If" => referred(&tagged.value[1]),
        _ => None,
    }
}

/// What is there if the condition of a `!If` holds. Other YAML is itself.
fn then(yaml: &Yaml) -> &Yaml {
    match yaml {
        Yaml::Tagged(tagged) if tagged.tag == "If" => &tagged.value[1],
        other => other,
    }
}

fn list(yaml: &Yaml) -> Vec<&Yaml> {
    match yaml {
        Yaml::Sequence(entries) => entries.iter().collect(),
        Yaml::Null => Vec::new(),
        one => vec![one],
    }
}

fn texts(yaml: &Yaml) -> Vec<String> {
    list(yaml)
        .into_iter()
        .filter_map(|text| Some(text.as_str()?.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rights(null: &str) -> Rights {
        let role = format!(
            r#"
Properties:
  Policies:
    - PolicyName: Own
      PolicyDocument:
        Statement:
          - {{ Action: [logs:PutLogEvents], Resource: "*" }}
          - {{ Action: secretsmanager:GetSecretValue, Resource: [!Ref OneSecret, !Ref NoSecret, !If [Wanted, !Ref OtherSecret, !Ref AWS::NoValue]] }}
          - Action: [dynamodb:GetItem, dynamodb:UpdateItem]
            Condition:
              ForAllValues:StringLike: {{ dynamodb:LeadingKeys: ["rate#a#*", "number#run"] }}
              {null}
          - Action: dynamodb:Scan
            Condition:
              ForAllValues:StringLike: {{ dynamodb:LeadingKeys: ["rate#a#*"] }}
          - !If [Wanted, {{ Action: kms:Decrypt, Resource: [!Ref OuterKeyArn, !Ref NoKeyArn] }}, !Ref AWS::NoValue]
          - {{ Action: [kms:Encrypt, kms:Decrypt], Resource: !GetAtt InnerKey.Arn }}
          - !If [Wanted, {{ Action: "sms-voice:SendTextMessage", Resource: !Ref Pool }}, !Ref AWS::NoValue]
"#
        );
        let secrets = ["One", "Other"]
            .map(|name| {
                (
                    format!("{name}Secret"),
                    format!("stack/{}", name.to_lowercase()),
                )
            })
            .into();
        let keys = [("OuterKeyArn", "outer"), ("InnerKey", "inner")];
        let keys = keys.map(|(name, arn)| (name.to_owned(), arn.to_owned()));
        let role = serde_norway::from_str(&role).unwrap();
        Rights::of(&role, &secrets, &keys.into())
    }

    #[test]
    fn a_role_allows_what_it_says() {
        let rights = rights(r#""Null": { dynamodb:LeadingKeys: "false" }"#);
        let key = |pk: &str| json!({ "Key": { "pk": { "S": pk }, "sk": { "S": "x" } } });
        for pk in ["rate#a#1", "rate#a#", "number#run"] {
            assert_eq!(rights.excess("GetItem", &key(pk)), None, "{pk}");
        }
        for (operation, pk, excess) in [
            ("GetItem", "rate#ab#1", "dynamodb:GetItem on rate#ab#1"),
            ("GetItem", "number#run2", "dynamodb:GetItem on number#run2"),
            ("DeleteItem", "rate#a#1", "dynamodb:DeleteItem on rate#a#1"),
        ] {
            assert_eq!(rights.excess(operation, &key(pk)).as_deref(), Some(excess));
        }
        assert_eq!(
            rights.excess("Query", &query("pk = :pk", "rate#a#1")),
            Some("dynamodb:Query on rate#a#1".to_owned())
        );
        let transaction =
            |last: Value| json!({ "TransactItems": [{ "Update": key("rate#a#1") }, last] });
        assert_eq!(
            rights.excess(
                "TransactWriteItems",
                &transaction(json!({ "Update": key("rate#a#2") }))
            ),
            None
        );
        for (part, excess) in [
            (
                json!({ "Update": key("rate#b#1") }),
                "dynamodb:UpdateItem on rate#b#1",
            ),
            (
                json!({ "ConditionCheck": key("rate#a#2") }),
                "dynamodb:ConditionCheckItem on rate#a#2",
            ),
            (
                json!({ "Put": { "Item": { "pk": { "S": "rate#a#2" } } } }),
                "dynamodb:PutItem on rate#a#2",
            ),
        ] {
            assert_eq!(
                rights
                    .excess("TransactWriteItems", &transaction(part))
                    .as_deref(),
                Some(excess)
            );
        }
        assert_eq!(
            rights.excess("UpdateItem", &json!({})).as_deref(),
            Some("dynamodb:UpdateItem on any item")
        );
        assert!(
            rights.may_read("stack/one")
                && rights.may_read("stack/other")
                && !rights.may_read("stack/two")
        );
        for (action, key, may) in [
            ("kms:Decrypt", "outer", true),
            ("kms:Encrypt", "outer", false),
            ("kms:Decrypt", "inner", true),
            ("kms:Encrypt", "inner", true),
            ("kms:GenerateDataKey", "inner", false),
            ("kms:Decrypt", "other", false),
        ] {
            assert_eq!(rights.may_use(action, key), may, "{action} {key}");
        }
        assert!(
            rights.may_call("sms-voice:SendTextMessage")
                && !rights.may_call("sms-voice:SendVoiceMessage")
        );
    }

    fn query(condition: &str, pk: &str) -> Value {
        json!({
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": { "#k": "pk", "#s": "sk" },
            "ExpressionAttributeValues": { ":pk": { "S": pk }, ":sk": { "S": "score#2" } },
        })
    }

    #[test]
    fn a_query_is_bound_to_the_partition_that_it_reads() {
        let role = r#"
Properties:
  Policies:
    - PolicyName: Own
      PolicyDocument:
        Statement:
          - Action: dynamodb:Query
            Condition:
              ForAllValues:StringLike: { dynamodb:LeadingKeys: ["score#*"] }
              "Null": { dynamodb:LeadingKeys: "false" }
"#;
        let nothing = BTreeMap::new();
        let rights = Rights::of(&serde_norway::from_str(role).unwrap(), &nothing, &nothing);
        for condition in ["pk = :pk", "#k=:pk", "sk = :sk AND pk = :pk"] {
            let own = query(condition, "score#1#0");
            assert_eq!(rights.excess("Query", &own), None, "{condition}");
            let excess = rights.excess("Query", &query(condition, "pending#1"));
            assert_eq!(
                excess.as_deref(),
                Some("dynamodb:Query on pending#1"),
                "{condition}"
            );
        }
        // A key beside the condition is no key of the query.
        let mut forged = query("sk = :sk", "score#1#0");
        forged["Key"] = json!({ "pk": { "S": "score#1#0" } });
        assert_eq!(
            rights.excess("Query", &forged).as_deref(),
            Some("dynamodb:Query on any item")
        );
    }

    #[test]
    fn without_null_a_condition_on_keys_binds_no_scan() {
        let rights = rights("");
        assert_eq!(rights.excess("Scan", &json!({ "TableName": "t" })), None);
        assert!(
            rights
                .excess("Scan", &json!({ "Key": { "pk": { "S": "x" } } }))
                .is_some()
        );
        assert_eq!(
            Rights::default().excess("Scan", &json!({})).as_deref(),
            Some("dynamodb:Scan on any item")
        );
    }

    #[test]
    fn only_a_function_s_key_is_bound() {
        let principals = Principals::new([("api-call".to_owned(), Rights::default())].into_iter());
        let of = |text: &str| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, text.parse().unwrap())]);
            principals
                .of(&headers)
                .map(|(function, _)| function.to_owned())
        };
        let signed = |key: &str| {
            format!(
                "AWS4-HMAC-SHA256 Credential={key}/20261120/eu-west-1/dynamodb/aws4_request, SignedHeaders=x"
            )
        };
        assert_eq!(
            of(&signed(&access_key("api-call"))).as_deref(),
            Some("api-call")
        );
        assert_eq!(
            (
                of(&signed("AKIASANDBOX")),
                of("Bearer x"),
                principals.of(&HeaderMap::new()).is_none()
            ),
            (None, None, true)
        );
    }
}
