//! `trace`: what became of the texts of a number, from the table and the logs.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use shared::platform::time::epoch;
use shared::rules::phone::E164;

use crate::context::Context;
use crate::deliveries::{self, OfNumber};
use crate::logs::{self, Line, Source};
use crate::problem::Problem;
use crate::report::{FAINT, Report};
use crate::table::{self, Pending};

/// The most ids in one pattern, which may have 1,024 characters.
const IDS: usize = 20;
/// The most ids whose lines are looked up.
const MOST_IDS: usize = 200;

/// Show what happened to a number's texts and calls
#[derive(Args)]
#[command(long_about = "\
Show what happened to a number's texts and calls: open requests and the newest code from the table, and the functions' log lines about \
the number with the receipts of its texts, in order.

The log masks numbers. So a line may be about another number of the same country with the same last four digits. The command reads the \
items `pending#...`, `road#...` and `sent#code#...` of the table, and CloudWatch Logs. It changes nothing.")]
#[command(after_help = "\
Examples:
  operator --stack switchboard trace +4512345678
  operator --stack switchboard trace +4512345678 --since 7d")]
pub(crate) struct TraceArgs {
    /// The number, in E.164
    #[arg(value_name = "NUMBER", value_parser = crate::cli::e164)]
    number: E164,
    /// How far back: a number with s, m, h or d
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = logs::span)]
    since: Duration,
}

/// The result of `trace`.
#[derive(Debug, Serialize)]
pub(crate) struct Trace {
    requests: Pending,
    code: OfNumber,
    lines: Vec<Line>,
    is_cut: bool,
}

/// What the table and the logs know of a number.
pub(crate) async fn trace(context: &Context, args: &TraceArgs) -> Result<Trace, Problem> {
    let requests = table::pending(context, Some(&args.number)).await?;
    let code = deliveries::of_number(context, &args.number).await?;
    context.console.progress("reading the logs");
    let source = Source::of(context).await?;
    let since = epoch(context.calls.now()).saturating_sub(args.since.as_secs()) * 1_000;
    let masked = args.number.to_string();
    // CloudWatch compares with a pattern of its own; the dots of the mask are no ASCII.
    let (country, last) = masked.split_once("••••").unwrap_or((&masked, ""));
    let pattern = format!("{country}*{last}");
    let mut trace = Trace {
        requests,
        code,
        lines: vec![],
        is_cut: false,
    };
    let named = logs::any([("phone", pattern.as_str())].into_iter());
    trace.read(&source, since, named.as_deref()).await?;
    trace
        .lines
        .retain(|line| line.field("phone") == Some(&masked));
    // Receipts name the text, and no number.
    let ids: BTreeSet<String> = trace
        .lines
        .iter()
        .filter_map(|line| line.field("sid"))
        .filter(|id| {
            id.chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        })
        .map(str::to_owned)
        .collect();
    let ids: Vec<_> = ids.into_iter().take(MOST_IDS).collect();
    for ids in ids.chunks(IDS) {
        let of_texts = logs::any(ids.iter().map(|id| ("sid", id.as_str())));
        trace.read(&source, since, of_texts.as_deref()).await?;
    }
    let mut shown = BTreeSet::new();
    trace
        .lines
        .retain(|line| shown.insert((line.function.clone(), line.id.clone())));
    trace
        .lines
        .sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
    Ok(trace)
}

impl Trace {
    async fn read(
        &mut self,
        source: &Source,
        since: u64,
        pattern: Option<&str>,
    ) -> Result<(), Problem> {
        for function in logs::functions() {
            if let Some(found) = source.read(function, since, pattern).await? {
                self.is_cut |= found.is_cut;
                self.lines.extend(found.lines);
            }
        }
        Ok(())
    }
}

impl Report for Trace {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        self.requests.write(out)?;
        self.code.write(out)?;
        writeln!(out, "Logged:")?;
        for line in &self.lines {
            line.write(out)?;
        }
        if self.lines.is_empty() {
            writeln!(out, "  {FAINT}no line in this time{FAINT:#}")?;
        }
        if self.is_cut {
            writeln!(
                out,
                "{FAINT}there are more lines: choose a shorter --since{FAINT:#}"
            )?;
        }
        writeln!(
            out,
            "{FAINT}The log masks numbers: a line may be about another number of the same country with the same last four digits.{FAINT:#}"
        )
    }
}
