//! The resources at AWS: secrets and their keys, the table and its TTL. Also this machine's clock.

use aws_sdk_dynamodb::types::{TableStatus, TimeToLiveStatus};
use shared::platform::aws::cause;
use shared::platform::time::epoch;

use super::Examination;
use crate::aws::failed;
use crate::context::Context;
use crate::problem::Problem;
use crate::secrets::{Found, SECRETS, is_needed};
use crate::table::Items;

/// AWS rejects a signature whose time is five minutes off; Okta and Mailgun reject it earlier.
const SKEW_REFUSED: i64 = 240;
const SKEW_SEEN: i64 = 30;

/// Examines secrets and table. Returns the names of the usable secrets.
pub(super) async fn examine(
    context: &Context,
    examination: &mut Examination,
) -> Result<Vec<&'static str>, Problem> {
    let mut usable = Vec::new();
    for spec in SECRETS.iter() {
        let (name, remedy) = (
            spec.name,
            format!("run `operator secrets set {}`", spec.dialogue()),
        );
        let Some(found) = context.vault().find(name).await? else {
            continue;
        };
        let needed = is_needed(&context.stack, name);
        match found {
            Found::Stored(stored) if stored.is_empty() && !needed => {}
            Found::Missing if !needed => {}
            Found::Stored(stored) => {
                let mut problems = stored.problems(spec);
                // The secret may offer several ways, but this stack requires these keys.
                for key in needed_keys(context, name)
                    .into_iter()
                    .filter(|key| stored.text(key).is_none())
                {
                    let lacks = format!("lacks {key}");
                    if !problems.iter().any(|problem| problem.contains(key)) {
                        problems.push(lacks);
                    }
                }
                if problems.is_empty() {
                    usable.push(name);
                }
                for problem in problems {
                    let why = "functions that require it answer 503";
                    examination.fault(
                        "secrets",
                        format!("the secret {} {problem}", stored.id),
                        why,
                        remedy.clone(),
                    );
                }
            }
            Found::NotJson(id) => {
                let why = "functions that require it answer 503";
                examination.fault(
                    "secrets",
                    format!("the secret {id} is no JSON object"),
                    why,
                    format!("run `operator secrets set {} --replace`", spec.dialogue()),
                );
            }
            Found::Missing => {
                let id = context.stack.secret(name).unwrap_or_default();
                let why = "functions that require it answer 503";
                examination.fault(
                    "secrets",
                    format!("there is no secret {id}"),
                    why,
                    "check the region, or deploy the stack again",
                );
            }
        }
    }
    examination.checked("secrets");
    table(context, examination).await?;
    providers(context, examination).await?;
    Ok(usable)
}

fn needed_keys(context: &Context, secret: &str) -> Vec<&'static str> {
    if secret == "gateway" && context.stack.get("GatewayAudience").is_some() {
        vec!["jwt_secret"]
    } else {
        Vec::new()
    }
}

async fn table(context: &Context, examination: &mut Examination) -> Result<(), Problem> {
    let Some(name) = context.stack.get("TableName") else {
        examination.unchecked(
            "table",
            "the stack's outputs have no TableName",
            "add --stack NAME, or --parameter TableName=NAME",
        );
        return Ok(());
    };
    let client = &context.aws.dynamodb;
    let described = client.describe_table().table_name(name).send().await;
    let described =
        described.map_err(|error| failed(&cause(&format!("DescribeTable {name}"), &error)))?;
    let status = described.table().and_then(|table| table.table_status());
    if status != Some(&TableStatus::Active) {
        let status = status.map_or("unknown", TableStatus::as_str);
        examination.fault(
            "table",
            format!("the table {name} is {status}"),
            "every function keeps its state in the table",
            "wait, or read the stack's events in CloudFormation",
        );
    }
    examination.checked("table");
    let ttl = client.describe_time_to_live().table_name(name).send().await;
    let ttl = ttl.map_err(|error| failed(&cause(&format!("DescribeTimeToLive {name}"), &error)))?;
    let ttl = ttl.time_to_live_description();
    let enabled = ttl.and_then(|ttl| ttl.time_to_live_status());
    let enabled = matches!(
        enabled,
        Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
    );
    if !enabled || ttl.and_then(|ttl| ttl.attribute_name()) != Some("expires_at") {
        examination.fault(
            "table.ttl",
            format!("the table {name} does not delete expired items"),
            "phone numbers and links stay forever, and the table grows",
            format!(
                "run `aws dynamodb update-time-to-live --table-name {name} --time-to-live-specification \
                 Enabled=true,AttributeName=expires_at`, or deploy again"
            ),
        );
    }
    examination.checked("table.ttl");
    Ok(())
}

/// The SMS providers that `sms-gateway` found broken. Each has the form `<last attempts> <written>
/// <broken until> <probed until>`.
async fn providers(context: &Context, examination: &mut Examination) -> Result<(), Problem> {
    if context.stack.get("SmsRoutes").is_none() || context.stack.get("TableName").is_none() {
        return Ok(());
    }
    let states = Items::of(context)?
        .query("rate#code-provider#health")
        .await?;
    for (name, state) in states.iter().flatten() {
        let (Some(provider), Ok(state)) = (name.strip_prefix("p_"), state.as_s()) else {
            continue;
        };
        let number = |place| {
            state
                .split(' ')
                .nth(place)
                .and_then(|number| number.parse::<u64>().ok())
                .unwrap_or_default()
        };
        if number(2) > 0 {
            let ago = epoch(context.calls.now()).saturating_sub(number(1));
            examination.risk(
                "gateway.providers",
                format!(
                    "{provider} failed three of its last five codes. This was recorded {ago} s ago"
                ),
                "sms-gateway tries it last. One code in half a minute tries it again",
                format!(
                    "read `error` in the log lines of sms-gateway, and {provider}'s status page"
                ),
            );
        }
    }
    examination.checked("gateway.providers");
    Ok(())
}

/// Compares this machine's clock with the times in the providers' answers.
pub(super) fn clock(context: &Context, examination: &mut Examination) {
    let skew = context.calls.skew();
    let what = format!(
        "this machine's clock is {} s {}",
        skew.abs(),
        if skew > 0 { "ahead" } else { "behind" }
    );
    let remedy = "set the clock by NTP (`timedatectl set-ntp true`)";
    if skew.abs() >= SKEW_REFUSED {
        examination.fault(
            "clock",
            what,
            "AWS and the providers reject signatures made here. Ages reported here are wrong. The functions use AWS's clock",
            remedy,
        );
    } else if skew.abs() >= SKEW_SEEN {
        examination.risk(
            "clock",
            what,
            "AWS and the providers will soon reject signatures made here",
            remedy,
        );
    }
    examination.checked("clock");
}
