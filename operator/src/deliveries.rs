//! `deliveries`: what became of the texts, by provider, country and sender; and of the newest code
//! of one number.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use shared::platform::table::{Key, Table, Unavailable};
use shared::platform::time::epoch;
use shared::rules::delivery::{self, Reason, Reference};
use shared::rules::phone::E164;
use shared::rules::scoreboard::{self, DAY, LAST_HOUR, Line, SECONDS, Tally};

use crate::aws::failed;
use crate::context::Context;
use crate::problem::Problem;
use crate::report::{BAD, DOUBTFUL, FAINT, GOOD, Report, plain};

/// What the table cannot tell of a number.
const UNKNOWN: [&str; 4] = [
    "texts before the newest code, codes older than a day, and texts that are no codes are not found by a number",
    "no receipt does not mean failed: a network may send none, and a phone may be off",
    "delivered means that the phone took the text, not that a person read it",
    "whether a code was used is known only if the tenant tells it (POST /used)",
];

fn table(context: &Context) -> Result<Table, Problem> {
    let name = context.stack.required("TableName")?;
    Ok(Table::new(context.aws.dynamodb.clone(), name.to_owned()))
}

fn unavailable(error: &Unavailable) -> Problem {
    failed(&error.to_string())
}

/// The result of `deliveries`.
#[derive(Debug, Serialize)]
pub(crate) struct Deliveries {
    /// This hour and the one before.
    hour: Vec<Row>,
    /// The same hour a day ago, and all since.
    day: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    provider: String,
    country: String,
    sender: String,
    sent: u64,
    delivered: u64,
    /// By reason.
    failed: BTreeMap<&'static str, u64>,
    /// Of the texts with a final state.
    delivered_percent: Option<u64>,
    /// Upper bounds; `None` without any text, or beyond ten minutes.
    median_seconds: Option<u64>,
    p95_seconds: Option<u64>,
    /// Delivered codes, and how many of them were used.
    codes: u64,
    used: u64,
}

impl Row {
    fn new(line: &Line, tally: &Tally) -> Self {
        let failed = Reason::ALL.into_iter().zip(tally.failed);
        Self {
            provider: plain(&line.provider),
            country: plain(&line.region),
            sender: plain(&line.sender),
            sent: tally.sent,
            delivered: tally.delivered,
            failed: failed
                .filter(|(_, count)| *count > 0)
                .map(|(reason, count)| (reason.word(), count))
                .collect(),
            delivered_percent: tally.delivery_rate(),
            median_seconds: tally.seconds_within(50),
            p95_seconds: tally.seconds_within(95),
            codes: tally.codes,
            used: tally.used,
        }
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let seconds = |seconds: Option<u64>| match seconds {
            Some(seconds) => format!("{seconds} s"),
            None if self.delivered > 0 => format!("> {} s", SECONDS[SECONDS.len() - 1]),
            None => "-".to_owned(),
        };
        let rate = |percent: Option<u64>| percent.map_or("-".to_owned(), |of| format!("{of} %"));
        let failed: Vec<String> = self
            .failed
            .iter()
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        let style = match self.delivered_percent {
            Some(0..50) => BAD,
            Some(50..90) => DOUBTFUL,
            Some(_) => GOOD,
            None => FAINT,
        };
        let used = (100 * self.used.min(self.codes)).checked_div(self.codes);
        writeln!(
            out,
            "{:<11} {:<7} {:<15} {:>7} {:>9} {style}{:>6}{style:#} {:>8} {:>8} {:>6}  {}",
            self.provider,
            self.country,
            self.sender,
            self.sent,
            self.delivered,
            rate(self.delivered_percent),
            seconds(self.median_seconds),
            seconds(self.p95_seconds),
            rate(used),
            failed.join(", "),
        )
    }
}

/// Reads the scoreboard.
pub(crate) async fn list(context: &Context) -> Result<Deliveries, Problem> {
    let (table, now) = (table(context)?, context.calls.now());
    context.console.progress("reading the scoreboard");
    let rows = async |hours| {
        let tallies = scoreboard::read(hours, &table, now).await;
        let tallies = tallies.map_err(|error| unavailable(&error))?;
        let rows = tallies.iter().map(|(line, tally)| Row::new(line, tally));
        Ok(rows.collect())
    };
    Ok(Deliveries {
        hour: rows(LAST_HOUR).await?,
        day: rows(DAY).await?,
    })
}

impl Report for Deliveries {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.day.is_empty() {
            return writeln!(out, "no text was counted within a day");
        }
        for (title, rows) in [
            ("this hour and the one before", &self.hour),
            ("the last day", &self.day),
        ] {
            writeln!(out, "{title}")?;
            if rows.is_empty() {
                writeln!(out, "{FAINT}no text was counted{FAINT:#}")?;
                continue;
            }
            writeln!(
                out,
                "{FAINT}{:<11} {:<7} {:<15} {:>7} {:>9} {:>6} {:>8} {:>8} {:>6}  failed{FAINT:#}",
                "provider",
                "country",
                "sender",
                "sent",
                "delivered",
                "rate",
                "median",
                "95 %",
                "used"
            )?;
            for row in rows {
                row.write(out)?;
            }
        }
        writeln!(
            out,
            "The rate is of the texts with a final state; the others are on their way, or their network sends no receipts."
        )
    }
}

/// The result of `deliveries --phone`.
#[derive(Debug, Serialize)]
pub(crate) struct OfNumber {
    /// The masked number.
    number: String,
    /// The newest code within a day.
    newest: Option<Code>,
    /// The providers that the number's next code avoids, and for how many seconds.
    avoided: BTreeMap<String, u64>,
    unknown: [&'static str; 4],
}

#[derive(Debug, Serialize)]
struct Code {
    age_seconds: u64,
    /// `sent`, `refused`, `failed`, `unknown` or `sending`.
    stage: String,
    provider: Option<String>,
    /// The provider's id of the message.
    sid: Option<String>,
    sender: Option<String>,
    /// The final states that were reported, by provider.
    receipts: BTreeMap<String, String>,
    used: bool,
}

/// What became of a number's newest code.
pub(crate) async fn of_number(context: &Context, number: &E164) -> Result<OfNumber, Problem> {
    let (table, now) = (table(context)?, context.calls.now());
    context.console.progress("reading the table");
    let hash = delivery::number_hash(number);
    let road = table.get(Key::new(format!("road#{hash}"), "road"), now);
    let road = road
        .await
        .map_err(|error| unavailable(&error))?
        .unwrap_or_default();
    let avoided = road.names().filter_map(|name| {
        let left = road.number(name)?.checked_sub(epoch(now))?;
        let provider = name.strip_prefix("failed_")?;
        (left > 0).then(|| (plain(provider), left))
    });
    let mut found = OfNumber {
        number: number.to_string(),
        newest: None,
        avoided: avoided.collect(),
        unknown: UNKNOWN,
    };
    let Some(reference) = road.text("newest").and_then(Reference::parse) else {
        return Ok(found);
    };
    let Some(entry) = table
        .get(reference.key(), now)
        .await
        .map_err(|error| unavailable(&error))?
    else {
        return Ok(found);
    };
    let text = |name: &str| entry.text(name).map(plain);
    let receipts = entry.map("receipts").unwrap_or_default();
    let reported = receipts
        .names()
        .filter_map(|provider| Some((plain(provider), plain(receipts.text(provider)?))));
    found.newest = Some(Code {
        age_seconds: epoch(now).saturating_sub(entry.number("sent_at").unwrap_or_default()),
        stage: text("stage").unwrap_or_default(),
        provider: text("provider"),
        sid: text("sid"),
        sender: text("sender"),
        receipts: reported.collect(),
        used: entry.number("used_at").is_some(),
    });
    Ok(found)
}

impl Report for OfNumber {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let number = &self.number;
        match &self.newest {
            None => writeln!(out, "{number}: no code within a day is known")?,
            Some(code) => {
                write!(
                    out,
                    "{number}: a code, {} s old, {}",
                    code.age_seconds, code.stage
                )?;
                for (word, value) in [
                    ("by", &code.provider),
                    ("from", &code.sender),
                    ("as", &code.sid),
                ] {
                    if let Some(value) = value {
                        write!(out, " {word} {value}")?;
                    }
                }
                writeln!(out, "{}", if code.used { ", used" } else { "" })?;
                for (provider, state) in &code.receipts {
                    let style = if state == "delivered" { GOOD } else { BAD };
                    writeln!(out, "  {provider} reports: {style}{state}{style:#}")?;
                }
                if code.receipts.is_empty() {
                    writeln!(out, "  {FAINT}no final receipt yet{FAINT:#}")?;
                }
            }
        }
        for (provider, left) in &self.avoided {
            writeln!(out, "  the next code avoids {provider} for {left} s")?;
        }
        writeln!(out, "What cannot be known here:")?;
        for sentence in self.unknown {
            writeln!(out, "  {FAINT}{sentence}{FAINT:#}")?;
        }
        Ok(())
    }
}
