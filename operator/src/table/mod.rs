//! The table's data about people: pending requests, locks, and everything about a number. The
//! functions define the keys.

mod erase;

use std::collections::HashMap;
use std::io::{self, Write};

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use ring::digest;
use serde::Serialize;
use shared::platform::aws::cause;
use shared::platform::time::epoch;
use shared::rules::phone::E164;

pub(crate) use erase::erase;

use crate::aws::failed;
use crate::context::Context;
use crate::problem::Problem;
use crate::report::{FAINT, GOOD, Report};

pub(crate) type Attributes = HashMap<String, AttributeValue>;

/// The items of the stack's table.
pub(crate) struct Items<'a> {
    client: &'a aws_sdk_dynamodb::Client,
    table: &'a str,
}

impl<'a> Items<'a> {
    pub(crate) fn of(context: &'a Context) -> Result<Self, Problem> {
        Ok(Self {
            client: &context.aws.dynamodb,
            table: context.stack.required("TableName")?,
        })
    }

    /// Reads all items, page by page, or only those whose `pk` begins with `prefix`.
    pub(crate) async fn scan(&self, prefix: Option<&str>) -> Result<Vec<Attributes>, Problem> {
        let mut items = Vec::new();
        let mut from = None;
        loop {
            let mut page = self
                .client
                .scan()
                .table_name(self.table)
                .consistent_read(true)
                .set_exclusive_start_key(from);
            if let Some(prefix) = prefix {
                page = page
                    .filter_expression("begins_with(pk, :prefix)")
                    .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()));
            }
            let page = page
                .send()
                .await
                .map_err(|error| failed(&cause(&format!("Scan {}", self.table), &error)))?;
            items.extend(page.items.unwrap_or_default());
            from = page.last_evaluated_key;
            if from.is_none() {
                return Ok(items);
            }
        }
    }

    /// Reads the items with this partition key.
    pub(crate) async fn query(&self, pk: &str) -> Result<Vec<Attributes>, Problem> {
        let query = self
            .client
            .query()
            .table_name(self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
            .consistent_read(true);
        let answer = query
            .send()
            .await
            .map_err(|error| failed(&cause(&format!("Query {}", self.table), &error)))?;
        Ok(answer.items.unwrap_or_default())
    }

    /// Removes an attribute if it is unchanged since the item was read. `false`: it has changed.
    async fn strip(&self, item: &Attributes, name: &str) -> Result<bool, Problem> {
        let mut call = self.client.update_item().table_name(self.table);
        for name in ["pk", "sk"] {
            call = call.key(name, AttributeValue::S(text(item, name).to_owned()));
        }
        let call = call
            .update_expression("REMOVE #name")
            .condition_expression("#name = :value")
            .expression_attribute_names("#name", name)
            .expression_attribute_values(":value", AttributeValue::S(text(item, name).to_owned()));
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(failed(&cause(
                &format!("UpdateItem {}", self.table),
                &error,
            ))),
        }
    }

    /// Deletes an item if these attributes are unchanged since it was read. `false`: one has
    /// changed.
    async fn delete(&self, item: &Attributes, unchanged: &[String]) -> Result<bool, Problem> {
        let mut call = self.client.delete_item().table_name(self.table);
        for name in ["pk", "sk"] {
            call = call.key(name, AttributeValue::S(text(item, name).to_owned()));
        }
        let mut conditions = Vec::new();
        for (at, (name, value)) in unchanged
            .iter()
            .filter_map(|name| item.get_key_value(name))
            .enumerate()
        {
            conditions.push(format!("#n{at} = :v{at}"));
            call = call.expression_attribute_names(format!("#n{at}"), name);
            call = call.expression_attribute_values(format!(":v{at}"), value.clone());
        }
        if !conditions.is_empty() {
            call = call.condition_expression(conditions.join(" AND "));
        }
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DeleteItemError::is_conditional_check_failed_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(failed(&cause(
                &format!("DeleteItem {}", self.table),
                &error,
            ))),
        }
    }
}

pub(crate) fn text<'a>(item: &'a Attributes, name: &str) -> &'a str {
    item.get(name)
        .and_then(|value| value.as_s().ok())
        .map(String::as_str)
        .unwrap_or_default()
}

fn number(item: &Attributes, name: &str) -> u64 {
    item.get(name)
        .and_then(|value| value.as_n().ok()?.parse().ok())
        .unwrap_or_default()
}

/// The name of a caller or sender in counters and locks: the first eight bytes of the SHA-256 of
/// the number as the function writes it.
fn hash(written: &str) -> String {
    hex::encode(&digest::digest(&digest::SHA256, written.as_bytes()).as_ref()[..8])
}

/// The result of `pending`.
#[derive(Debug, Serialize)]
pub(crate) struct Pending {
    numbers: Vec<Waiting>,
}

#[derive(Debug, Serialize)]
struct Waiting {
    /// The masked number.
    number: String,
    requests: Vec<Open>,
}

#[derive(Debug, Serialize)]
struct Open {
    kind: String,
    age_seconds: u64,
    /// 0: the request has expired. It is kept so that a late reply gets a true answer.
    expires_in_seconds: u64,
}

/// The pending requests of one number or of all.
pub(crate) async fn pending(context: &Context, only: Option<&E164>) -> Result<Pending, Problem> {
    let items = Items::of(context)?;
    context.console.progress("reading the table");
    let found = match only {
        Some(number) => items.query(&format!("pending#{}", number.reveal())).await?,
        None => items.scan(Some("pending#")).await?,
    };
    let now = epoch(context.calls.now());
    let mut numbers: Vec<Waiting> = found
        .iter()
        .filter(|item| number(item, "expires_at") > now)
        .filter_map(|item| {
            let phone: E164 = text(item, "pk").strip_prefix("pending#")?.parse().ok()?;
            let maps = item
                .iter()
                .filter(|(name, _)| name.starts_with("r_"))
                .filter_map(|(_, value)| value.as_m().ok());
            let mut requests: Vec<Open> = maps
                .map(|map| Open {
                    kind: crate::report::plain(text(map, "kind")),
                    age_seconds: now.saturating_sub(number(map, "created_at")),
                    expires_in_seconds: number(map, "expires_at").saturating_sub(now),
                })
                .collect();
            requests.sort_by_key(|request| request.age_seconds);
            (!requests.is_empty()).then(|| Waiting {
                number: phone.to_string(),
                requests,
            })
        })
        .collect();
    numbers.sort_by_key(|waiting| waiting.requests.first().map(|request| request.age_seconds));
    Ok(Pending { numbers })
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

impl Report for Pending {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.numbers.is_empty() {
            return writeln!(out, "no request waits for a reply");
        }
        for Waiting { number, requests } in &self.numbers {
            for Open {
                kind,
                age_seconds,
                expires_in_seconds,
            } in requests
            {
                let end = match expires_in_seconds {
                    0 => "over".to_owned(),
                    seconds => format!("{} left", duration(*seconds)),
                };
                writeln!(
                    out,
                    "{GOOD}{number}{GOOD:#}  {kind}, {} old {FAINT}({end}){FAINT:#}",
                    duration(*age_seconds)
                )?;
            }
        }
        Ok(())
    }
}

/// The result of `unlock`.
#[derive(Debug, Serialize)]
pub(crate) struct Unlocked {
    account: String,
    dry_run: bool,
    /// How many callers had tried wrong PINs. Their counters are deleted.
    callers: usize,
    /// The wrong PINs of all callers.
    wrong: u64,
    /// The masked caller, whose counter of the hour is also deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    caller: Option<String>,
    /// This caller's attempts for all accounts.
    attempts: u64,
}

/// Deletes an account's counters of wrong PINs, and a caller's counter of the hour.
pub(crate) async fn unlock(
    context: &Context,
    account: &str,
    caller: Option<&E164>,
) -> Result<Unlocked, Problem> {
    let items = Items::of(context)?;
    let mut found = items.query(&format!("lock#{account}")).await?;
    // A known caller stays known: that item is no lock.
    found.retain(|item| !text(item, "sk").starts_with("known#"));
    // The phone menu identifies a caller by the digits only.
    let hourly = match caller {
        Some(caller) => {
            items
                .query(&format!("rate#pin#{}", hash(caller.digits())))
                .await?
        }
        None => Vec::new(),
    };
    let all = |item: &&Attributes| text(item, "sk") == "all";
    let unlocked = Unlocked {
        account: account.to_owned(),
        dry_run: context.dry_run,
        callers: found.iter().filter(|item| !all(item)).count(),
        wrong: found
            .iter()
            .find(all)
            .map(|item| number(item, "wrong"))
            .unwrap_or_default(),
        caller: caller.map(ToString::to_string),
        attempts: hourly.iter().map(|item| number(item, "hits")).sum(),
    };
    found.extend(hourly);
    if !context.dry_run {
        for item in &found {
            items.delete(item, &[]).await?;
        }
    }
    Ok(unlocked)
}

impl Report for Unlocked {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self {
            account,
            dry_run,
            callers,
            wrong,
            caller,
            attempts,
        } = self;
        let verb = if *dry_run { "would delete" } else { "deleted" };
        if *callers == 0 && *wrong == 0 {
            writeln!(
                out,
                "account {account}: no wrong PINs are counted, nothing to unlock"
            )?;
        } else {
            writeln!(
                out,
                "account {account}: {GOOD}{verb}{GOOD:#} the counts of {wrong} wrong PINs, by {callers} callers"
            )?;
        }
        match caller {
            Some(caller) if *attempts == 0 => {
                writeln!(out, "caller {caller}: no attempts are counted")?;
            }
            Some(caller) => writeln!(
                out,
                "caller {caller}: {GOOD}{verb}{GOOD:#} the count of {attempts} attempts in an hour"
            )?,
            None => writeln!(
                out,
                "A caller who guessed at several accounts waits up to an hour otherwise; --caller NUMBER ends that as well."
            )?,
        }
        writeln!(
            out,
            "If Auth0 has blocked the user as well: User Management, the user, Unblock."
        )
    }
}
