//! Accounts for `secure-api`. `accounts.json` has them in the form of the API's answers, the table
//! in the form that `secure-api` reads.
//!
//! An account is the item `account#<number>`. An account with a phone also has the item
//! `phone#<E.164>`, which points to it. All attributes are texts.

use std::{collections::BTreeSet, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{template::root, wire::client};

/// Maximum number of items in one `BatchWriteItem`.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>
const BATCH: usize = 25;

/// An account in the form of the API's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// 1 to 10 digits; leading zeros count.
    pub account_number: String,
    /// The holder's name.
    pub name: Option<String>,
    /// The holder's phone, E.164. `secure-api` finds the account by it, too.
    pub phone: Option<String>,
    /// The balance.
    pub balance: Option<Amount>,
    /// The payments, latest first. The menu tells the first one.
    #[serde(default)]
    pub payments: Vec<Payment>,
}

/// An amount of money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amount {
    /// A decimal number such as `-17.25`.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    /// ISO 8601, `2026-11-01`.
    pub date: String,
    /// A decimal number such as `20.00`.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
    /// The purpose of the payment.
    pub description: Option<String>,
}

/// The accounts in a file. The error says what is wrong with it.
pub fn read(path: &Path) -> Result<Vec<Account>, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// The accounts in this repository's `accounts.json`.
pub fn seed() -> Result<Vec<Account>, String> {
    read(&root().join("accounts.json"))
}

fn parse(text: &str) -> Result<Vec<Account>, String> {
    let accounts: Vec<Account> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let (mut numbers, mut phones) = (BTreeSet::new(), BTreeSet::new());
    for account in &accounts {
        let number = &account.account_number;
        account
            .check()
            .map_err(|why| format!("account {number}: {why}"))?;
        if !numbers.insert(number) {
            return Err(format!("account {number} is there twice"));
        }
        // `secure-api` finds an account by its phone, so no two accounts may share one.
        if account
            .phone
            .as_ref()
            .is_some_and(|phone| !phones.insert(phone))
        {
            return Err(format!("account {number}: another account has this phone"));
        }
    }
    Ok(accounts)
}

impl Account {
    fn check(&self) -> Result<(), &'static str> {
        let digits = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
            lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        let phone = |phone: &str| {
            phone
                .strip_prefix('+')
                .is_some_and(|rest| !rest.starts_with('0') && digits(rest, 7..=15))
        };
        let amount = |amount: &str| {
            let (whole, cents) = amount.split_once('.').unwrap_or((amount, "0"));
            digits(whole.strip_prefix('-').unwrap_or(whole), 1..=20) && digits(cents, 1..=20)
        };
        let amounts = self.balance.iter().map(|balance| &balance.amount);
        match () {
            () if !digits(&self.account_number, 1..=10) => {
                Err("account_number must be 1 to 10 digits")
            }
            () if !self.phone.as_deref().is_none_or(phone) => {
                Err("phone must be in E.164, such as +4512345678")
            }
            () if !amounts
                .chain(self.payments.iter().map(|payment| &payment.amount))
                .all(|text| amount(text)) =>
            {
                Err("amounts must be decimal texts, such as 20.00")
            }
            () => Ok(()),
        }
    }

    /// The account's items in `DynamoDB` JSON.
    pub fn items(&self) -> Vec<Value> {
        let key = |pk: String| json!({ "pk": { "S": pk }, "sk": { "S": "account" } });
        let mut item = key(format!("account#{}", self.account_number));
        let attributes = json!({ "name": self.name, "phone": self.phone, "balance": self.balance, "payments": self.payments });
        for (name, value) in attributes
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, value)| !value.is_null())
        {
            item[name] = attribute(value);
        }
        let pointer = self.phone.as_ref().map(|phone| {
            let mut pointer = key(format!("phone#{phone}"));
            pointer["account_number"] = json!({ "S": self.account_number });
            pointer
        });
        [Some(item), pointer].into_iter().flatten().collect()
    }
}

fn attribute(value: &Value) -> Value {
    match value {
        Value::Array(list) => json!({ "L": list.iter().map(attribute).collect::<Vec<_>>() }),
        Value::Object(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            let members: serde_json::Map<_, _> = members
                .map(|(name, value)| (name.clone(), attribute(value)))
                .collect();
            json!({ "M": members })
        }
        Value::String(text) => json!({ "S": text }),
        other => json!({ "S": other.to_string() }),
    }
}

/// The `--request-items` of the necessary `aws dynamodb batch-write-item` calls.
pub fn batches(accounts: &[Account], table: &str) -> Vec<Value> {
    let requests: Vec<_> = accounts
        .iter()
        .flat_map(Account::items)
        .map(|item| json!({ "PutRequest": { "Item": item } }))
        .collect();
    requests
        .chunks(BATCH)
        .map(|batch| json!({ table: batch }))
        .collect()
}

/// Writes accounts into a table and replaces those with the same number. The endpoint must not ask
/// for credentials; `cargo sandbox`'s does not.
pub async fn load(accounts: &[Account], endpoint: &str, table: &str) -> Result<(), String> {
    for batch in batches(accounts, table) {
        let request = client()
            .post(endpoint)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", "DynamoDB_20120810.BatchWriteItem")
            .header("authorization", "AWS4-HMAC-SHA256 Credential=sandbox/20261120/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=none")
            .header("x-amz-date", "20261120T120000Z")
            .body(json!({ "RequestItems": batch }).to_string());
        let answer = request
            .send()
            .await
            .map_err(|error| format!("{endpoint}: {error}\nIs `cargo sandbox` running?"))?;
        let (status, body) = (answer.status(), answer.text().await.unwrap_or_default());
        let left =
            serde_json::from_str::<Value>(&body).unwrap_or_default()["UnprocessedItems"].clone();
        if !status.is_success() || left.as_object().is_some_and(|left| !left.is_empty()) {
            return Err(format!("{endpoint}: {status} {body}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_is_sound_and_becomes_items() {
        let accounts = seed().unwrap();
        let [account, pointer] = &accounts[0].items()[..] else {
            panic!("an account and its phone")
        };
        assert_eq!(
            (&account["pk"], &account["sk"]),
            (&json!({ "S": "account#10042" }), &json!({ "S": "account" }))
        );
        assert_eq!(
            account["balance"],
            json!({ "M": { "amount": { "S": "1234.50" }, "currency": { "S": "EUR" } } })
        );
        assert_eq!(
            account["payments"]["L"][0]["M"]["date"],
            json!({ "S": "2026-11-01" })
        );
        assert_eq!(
            pointer,
            &json!({ "pk": { "S": "phone#+4512345678" }, "sk": { "S": "account" }, "account_number": { "S": "10042" } })
        );
        let many = vec![accounts[0].clone(); 25];
        let batches = batches(&many, "table");
        let lengths: Vec<_> = batches
            .iter()
            .map(|batch| batch["table"].as_array().unwrap().len())
            .collect();
        assert_eq!(lengths, [25, 25]);
    }

    #[test]
    fn mistakes_are_named() {
        let account = |changes: Value| {
            let mut account = json!({ "account_number": "1", "payments": [] });
            account
                .as_object_mut()
                .unwrap()
                .extend(changes.as_object().unwrap().clone());
            account
        };
        let good = account(json!({}));
        assert!(parse(&json!([good]).to_string()).is_ok());
        for (accounts, part) in [
            (json!({}), "expected a sequence"),
            (
                json!([account(json!({ "account_number": "12345678901" }))]),
                "10 digits",
            ),
            (json!([account(json!({ "account_number": 1 }))]), "string"),
            (json!([account(json!({ "phone": "4512345678" }))]), "E.164"),
            (
                json!([account(
                    json!({ "balance": { "amount": "1,50", "currency": "EUR" } })
                )]),
                "decimal",
            ),
            (
                json!([account(
                    json!({ "balance": { "amount": 1.5, "currency": "EUR" } })
                )]),
                "string",
            ),
            (json!([account(json!({ "blance": null }))]), "unknown field"),
            (json!([good, good]), "twice"),
            (
                json!([
                    account(json!({ "phone": "+4512345678" })),
                    account(json!({ "account_number": "2", "phone": "+4512345678" }))
                ]),
                "another account",
            ),
        ] {
            let why = parse(&accounts.to_string()).unwrap_err();
            assert!(why.contains(part), "{accounts}: {why}");
        }
    }
}
