//! `logs`: what the functions wrote, one readable line a request.

mod line;
mod source;

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use shared::platform::time::epoch;

use crate::context::Context;
use crate::problem::Problem;
use crate::report::{FAINT, Report};
pub(crate) use line::Line;
pub(crate) use source::{Source, any, functions};

/// The longest wait between two looks while following.
const PAUSE: Duration = Duration::from_secs(2);
/// `CloudWatch` shows a line up to some seconds after it was written. Milliseconds.
const LATE: u64 = 30_000;
/// The most lines that are remembered as shown.
const MOST_SHOWN: usize = 20_000;

/// Show what the functions logged, one line for each request
#[derive(Args)]
#[command(long_about = "\
Show what the functions logged, one line for each request: time, function, outcome, status, duration, and the fields of the line.

The command reads CloudWatch Logs. Phone numbers are masked there; codes, links, PINs and tokens are not there. It changes nothing.")]
#[command(after_help = "\
Examples:
  operator --stack switchboard logs
  operator --stack switchboard logs sms-gateway --since 10m --follow
  operator --stack switchboard logs --errors --since 1d
  operator --stack switchboard --json logs --outcome outcome_unknown --since 7d")]
pub(crate) struct LogsArgs {
    /// The functions; without a name, all of the stack
    #[arg(value_name = "FUNCTION", value_parser = function)]
    functions: Vec<String>,
    /// How far back: a number with s, m, h or d
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = span)]
    since: Duration,
    /// Only failed requests, and problems
    #[arg(long)]
    errors: bool,
    /// Only lines with this outcome
    #[arg(long, value_name = "WORD", value_parser = word)]
    outcome: Option<String>,
    /// Also show what Lambda itself logs about starts and durations
    #[arg(long)]
    all: bool,
    /// Go on showing lines as they come, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
}

impl LogsArgs {
    fn functions(&self) -> Vec<&str> {
        let all = functions();
        if self.functions.is_empty() {
            return all;
        }
        let named = |function: &&str| self.functions.iter().any(|name| name == function);
        all.into_iter().filter(named).collect()
    }

    fn pattern(&self) -> Option<String> {
        let level = self.errors.then_some(("level", "ERROR"));
        let outcome = self.outcome.as_deref().map(|word| ("outcome", word));
        source::all(level.into_iter().chain(outcome))
    }

    fn shows(&self, line: &Line) -> bool {
        self.all || line.is_of_a_request()
    }
}

/// The result of `logs`.
#[derive(Debug, Serialize)]
pub(crate) struct Logged {
    lines: Vec<Line>,
    /// The functions that have no log group: a stack contains only what is switched on.
    without_log: Vec<String>,
    /// True if there are more lines than are shown.
    is_cut: bool,
    /// True if the functions were named.
    #[serde(skip)]
    is_named: bool,
}

/// Reads what the functions wrote. With `--follow`, shows it until nobody reads any more.
pub(crate) async fn logs(context: &Context, args: &LogsArgs) -> Result<Option<Logged>, Problem> {
    let source = Source::of(context).await?;
    context.console.progress("reading the logs");
    let since = epoch(context.calls.now()).saturating_sub(args.since.as_secs()) * 1_000;
    let pattern = args.pattern();
    let first = read(&source, args, since, pattern.as_deref()).await?;
    if !args.follow {
        return Ok(Some(first));
    }
    context.console.end_progress();
    let (mut shown, mut order) = (BTreeSet::new(), VecDeque::new());
    let mut newest = since;
    let mut lines = first.lines;
    loop {
        for line in lines {
            newest = newest.max(line.at);
            if !shown.insert(line.id.clone()) {
                continue;
            }
            order.push_back(line.id.clone());
            if order.len() > MOST_SHOWN
                && let Some(oldest) = order.pop_front()
            {
                shown.remove(&oldest);
            }
            // The reader has gone away (`| head`), and that is not an error.
            if context.console.log(&line).is_err() {
                return Ok(None);
            }
        }
        tokio::time::sleep(PAUSE).await;
        let from = newest.saturating_sub(LATE).max(since);
        lines = read(&source, args, from, pattern.as_deref()).await?.lines;
    }
}

async fn read(
    source: &Source,
    args: &LogsArgs,
    since: u64,
    pattern: Option<&str>,
) -> Result<Logged, Problem> {
    let mut logged = Logged {
        lines: vec![],
        without_log: vec![],
        is_cut: false,
        is_named: !args.functions.is_empty(),
    };
    for function in args.functions() {
        let Some(found) = source.read(function, since, pattern).await? else {
            logged.without_log.push(function.to_owned());
            continue;
        };
        logged.is_cut |= found.is_cut;
        let lines = found.lines.into_iter();
        logged.lines.extend(lines.filter(|line| args.shows(line)));
    }
    logged
        .lines
        .sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
    Ok(logged)
}

impl Report for Logged {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for line in &self.lines {
            line.write(out)?;
        }
        if self.lines.is_empty() {
            writeln!(out, "no line in this time")?;
        }
        if self.is_named {
            for function in &self.without_log {
                writeln!(
                    out,
                    "{function} has no log: the stack does not have this function, or nobody has called it yet"
                )?;
            }
        }
        if self.is_cut {
            writeln!(
                out,
                "{FAINT}there are more lines: choose a function, or a shorter --since{FAINT:#}"
            )?;
        }
        Ok(())
    }
}

/// `90s`, `10m`, `2h`, `7d`.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "is not a number with s, m, h or d, such as 10m".to_owned();
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    let all = count.checked_mul(seconds).filter(|all| *all > 0);
    all.map(Duration::from_secs).ok_or_else(wrong)
}

fn function(text: &str) -> Result<String, String> {
    let all = functions();
    if all.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(format!("is none of {}", all.join(", ")))
}

/// Outcomes are words; anything else would be a pattern of `CloudWatch`.
fn word(text: &str) -> Result<String, String> {
    let is_word = !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if is_word {
        Ok(text.to_owned())
    } else {
        Err("is not a word such as outcome_unknown".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_unit() {
        assert_eq!(span("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(span("10m"), Ok(Duration::from_mins(10)));
        assert_eq!(span("7d"), Ok(Duration::from_hours(168)));
        for wrong in [
            "",
            "10",
            "m",
            "-1m",
            "0s",
            "1w",
            "1é",
            "99999999999999999999d",
        ] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
