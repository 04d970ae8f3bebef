//! The table and its TTL, and what the functions wrote into it. Also this machine's clock.

use aws_sdk_dynamodb::types::{TableStatus, TimeToLiveStatus};
use shared::platform::aws::cause;
use shared::platform::time::epoch;

use super::Examination;
use super::coverage::Check;
use crate::aws::failed;
use crate::context::Context;
use crate::problem::Problem;
use crate::table::Items;

pub(super) const CHECKS: &[Check] = &[
    Check::new("table", "the table", |_| true),
    Check::new("table.ttl", "whether expired items are deleted", |_| true).after(&["table"]),
    Check::new(
        "gateway.providers",
        "the SMS providers that sms-gateway found broken",
        |deployed| deployed.has("SmsRoutes"),
    )
    .after(&["table"]),
];
/// The clock is compared with the times in all answers.
pub(super) const AT_THE_END: &[Check] = &[Check::new("clock", "this machine's clock", |_| true)];

/// AWS rejects a signature whose time is five minutes off; Okta and Mailgun reject it earlier.
const SKEW_REFUSED: i64 = 240;
const SKEW_SEEN: i64 = 30;
/// The command that lets this machine set its clock.
const SET_CLOCK: &str = if cfg!(target_os = "macos") {
    "sudo sntp -sS time.apple.com"
} else if cfg!(target_os = "windows") {
    "w32tm /resync"
} else {
    "timedatectl set-ntp true"
};

/// Examines the table, and what the functions wrote into it.
pub(super) async fn examine(
    context: &Context,
    examination: &mut Examination,
) -> Result<(), Problem> {
    table(context, examination).await?;
    providers(context, examination).await
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
            format!("wait a minute. Then run `aws dynamodb describe-table --table-name {name}`, which says its state"),
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
                 Enabled=true,AttributeName=expires_at`"
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
                    "run `operator logs sms-gateway`, and read `error`. Look at {provider}'s status page"
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
    let remedy = format!("run `{SET_CLOCK}`, which sets the clock by NTP. Wait a minute");
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
