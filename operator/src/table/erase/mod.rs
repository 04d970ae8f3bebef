//! `erase`: deletes what the table holds about a number, in any item. For each item, the decision
//! is separate from the deletion.

mod subject;

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use shared::rules::phone::E164;
use shared::rules::voice::Channel;
use shared::services::providers::Name;

use self::subject::{Fate, NUMBER_HASH, Subject};
use super::{Attributes, Items, text};
use crate::context::Context;
use crate::problem::Problem;
use crate::report::{DOUBTFUL, FAINT, GOOD, Report};

/// What no command of this program can delete, beside the logs of the SMS providers. Each text is a sentence for the person who answers a
/// request for erasure.
const OUT_OF_REACH: [&str; 5] = [
    "Mailgun: stored mails and events of the proxy e-mail address expire by its retention, three days for most plans",
    "Auth0, Okta: the user, its profile and the tenant's logs are deleted there",
    "CloudWatch: log lines hold masked numbers (two first and four last digits) until LogRetentionDays have passed",
    "DynamoDB: point-in-time recovery keeps what was deleted for up to 35 days",
    "items `sent#` and `seen#` hold hashes of number and text together, from which neither can be told; they end within 400 days. What `sent#` held of the number alone is deleted",
];

fn out_of_reach() -> Vec<String> {
    let providers = Name::of(Channel::Sms).filter(|name| *name != Name::Log);
    let title = |name| match name {
        Name::Aws => "AWS",
        name => name.title(),
    };
    let providers: Vec<&str> = providers.map(title).collect();
    let logs = format!(
        "{}: their logs of messages and calls, and recordings (voicemail), are deleted there",
        providers.join(", ")
    );
    let others = OUT_OF_REACH.map(str::to_owned);
    [logs].into_iter().chain(others).collect()
}

/// The result of `erase`.
#[derive(Debug, Serialize)]
pub(crate) struct Erased {
    /// The masked number.
    number: String,
    dry_run: bool,
    /// How many items were deleted, by kind.
    deleted: BTreeMap<&'static str, usize>,
    /// The items that also contain the number and were kept, with the reason.
    kept: Vec<String>,
    out_of_reach: Vec<String>,
}

/// How often an item is judged again if it changes meanwhile.
const ROUNDS: u32 = 5;

/// Deletes the items about `number`.
pub(crate) async fn erase(context: &Context, number: &E164, yes: bool) -> Result<Erased, Problem> {
    let items = Items::of(context)?;
    context.console.progress("reading the whole table");
    let subject = Subject::new(number);
    let mut erased = Erased {
        number: number.to_string(),
        dry_run: context.dry_run,
        deleted: BTreeMap::new(),
        kept: Vec::new(),
        out_of_reach: out_of_reach(),
    };
    let mut doomed = Vec::new();
    for item in items.scan(None).await? {
        match subject.judge(&item) {
            Fate::Other => {}
            Fate::Delete(what) | Fate::Strip(what) => {
                *erased.deleted.entry(what).or_default() += 1;
                doomed.push(item);
            }
            Fate::Keep(why) => erased.kept.push(why),
        }
    }
    erased.kept.sort();
    if context.dry_run || doomed.is_empty() {
        return Ok(erased);
    }
    if !yes {
        match context.console.confirm(&format!(
            "Delete what {} items hold about {number}, for good?",
            doomed.len()
        )) {
            Some(true) => {}
            Some(false) => return Err(Problem::Failed("nothing was deleted".to_owned())),
            None => {
                return Err(Problem::Usage(
                    "there is no terminal to ask on; --yes deletes without asking, --dry-run only shows"
                        .to_owned(),
                ));
            }
        }
    }
    context.console.progress("deleting");
    erased.deleted.clear();
    for item in doomed {
        if let Some(what) = delete(&items, &subject, item).await? {
            *erased.deleted.entry(what).or_default() += 1;
        }
    }
    Ok(erased)
}

/// Deletes an item if it is still as it was judged. If it has changed, it is judged again. `None`:
/// it is no longer about the number.
async fn delete(
    items: &Items<'_>,
    subject: &Subject<'_>,
    mut item: Attributes,
) -> Result<Option<&'static str>, Problem> {
    for _ in 0..ROUNDS {
        let (what, is_done) = match subject.judge(&item) {
            Fate::Delete(what) => {
                let unchanged = subject.evidence(&item);
                (what, items.delete(&item, &unchanged).await?)
            }
            Fate::Strip(what) => (what, items.strip(&item, NUMBER_HASH).await?),
            Fate::Other | Fate::Keep(_) => return Ok(None),
        };
        if is_done {
            return Ok(Some(what));
        }
        let now = items.query(text(&item, "pk")).await?;
        let Some(found) = now
            .into_iter()
            .find(|found| text(found, "sk") == text(&item, "sk"))
        else {
            return Ok(None);
        };
        item = found;
    }
    Err(Problem::Failed(
        "an item about the number changes all the time; run this again".to_owned(),
    ))
}

impl Report for Erased {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.deleted.is_empty() {
            writeln!(out, "{}: the table holds nothing to delete", self.number)?;
        }
        let verb = if self.dry_run {
            "would delete"
        } else {
            "deleted"
        };
        for (what, count) in &self.deleted {
            writeln!(
                out,
                "{GOOD}{verb}{GOOD:#} {count} of {}: {what}",
                self.number
            )?;
        }
        for why in &self.kept {
            writeln!(out, "{DOUBTFUL}kept{DOUBTFUL:#} {why}")?;
        }
        writeln!(out, "{FAINT}Out of reach:{FAINT:#}")?;
        self.out_of_reach
            .iter()
            .try_for_each(|sentence| writeln!(out, "  {sentence}"))
    }
}
