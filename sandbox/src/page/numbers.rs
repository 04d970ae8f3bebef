//! Figures: how fast the functions answer, what became of the texts, and what all of it costs.

use std::collections::{BTreeMap, VecDeque};

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::{Shared, journal::Journal, prices, texts::Text};
use crate::wire::lock;

/// The most requests of a function that are kept for its figures.
const KEPT: usize = 500;
/// The memory of a function, GB.
const MEMORY: f64 = 0.125;

/// The figures so far.
#[derive(Default)]
pub(super) struct Figures {
    functions: BTreeMap<String, Of>,
    texts: BTreeMap<String, Texts>,
    calls: (u32, u32, f64),
    writes: u32,
    reads: u32,
}

#[derive(Default)]
struct Of {
    requests: u32,
    refused: u32,
    failed: u32,
    cold: u32,
    cold_ms: f64,
    billed_ms: f64,
    /// Time, milliseconds and status of the last requests.
    recent: VecDeque<(u64, f64, u16)>,
}

#[derive(Default)]
struct Texts {
    accepted: u32,
    delivered: u32,
    failed: u32,
    segments: usize,
}

impl Figures {
    pub(super) fn request(
        &mut self,
        function: &str,
        at: u64,
        ms: Option<f64>,
        status: Option<u16>,
    ) {
        let of = self.functions.entry(function.to_owned()).or_default();
        let (ms, status) = (ms.unwrap_or_default(), status.unwrap_or_default());
        of.requests += 1;
        of.refused += u32::from((400..500).contains(&status));
        of.failed += u32::from(status >= 500 || status == 0);
        of.billed_ms += ms.ceil();
        of.recent.push_back((at, ms, status));
        if of.recent.len() > KEPT {
            of.recent.pop_front();
        }
    }

    pub(super) fn start(&mut self, function: &str, ms: f64) {
        let of = self.functions.entry(function.to_owned()).or_default();
        of.cold += 1;
        of.cold_ms = ms;
    }

    /// An operation of the table was answered.
    pub(super) fn table(&mut self, operation: &str) {
        match operation {
            "GetItem" | "Query" | "Scan" | "TransactGetItems" | "BatchGetItem" => self.reads += 1,
            "TransactWriteItems" => self.writes += 4,
            "PutItem" | "UpdateItem" | "DeleteItem" => self.writes += 1,
            _ => {}
        }
    }
}

impl Journal {
    pub(super) fn count_text(&mut self, text: &Text) {
        let of = self
            .figures
            .texts
            .entry(text.provider().to_owned())
            .or_default();
        of.segments += text.segments();
        of.accepted += u32::from(text.is_outgoing());
    }

    pub(super) fn count_receipt(&mut self, provider: &str, before: &str, after: &str) {
        let of = self.figures.texts.entry(provider.to_owned()).or_default();
        let failed = |state: &str| ["undelivered", "failed", "expired"].contains(&state);
        if before != "delivered" && after == "delivered" {
            of.delivered += 1;
        }
        if !failed(before) && failed(after) {
            of.failed += 1;
        }
    }

    pub(super) fn count_call(&mut self, seconds: u32, price: f64) {
        let (count, talked, cost) = &mut self.figures.calls;
        *count += 1;
        *talked += seconds;
        *cost += price;
    }
}

/// The value below which `share` of the sorted values are.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index of at most 500"
    )]
    let at = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(at).copied().unwrap_or_default()
}

/// `GET /api/numbers`.
pub(super) async fn read(State(app): Shared) -> Json<Value> {
    let journal = lock(&app.journal);
    let figures = &journal.figures;
    let functions: Vec<_> = figures
        .functions
        .iter()
        .map(|(name, of)| {
            let mut sorted: Vec<_> = of.recent.iter().map(|(_, ms, _)| *ms).collect();
            sorted.sort_by(f64::total_cmp);
            let recent: Vec<_> = of.recent.iter().rev().take(200).rev().collect();
            json!({
                "name": name, "requests": of.requests, "refused": of.refused, "failed": of.failed,
                "p50": quantile(&sorted, 0.5), "p95": quantile(&sorted, 0.95), "max": sorted.last().copied().unwrap_or_default(),
                "cold": of.cold, "cold_ms": of.cold_ms, "recent": recent, "billed_ms": of.billed_ms,
            })
        })
        .collect();
    let texts: Vec<_> = figures
        .texts
        .iter()
        .map(|(provider, of)| {
            json!({
                "provider": provider, "accepted": of.accepted, "delivered": of.delivered, "failed": of.failed,
                "segments": of.segments, "cost": prices::texts(of.segments),
            })
        })
        .collect();
    let invocations: u32 = figures.functions.values().map(|of| of.requests).sum();
    let seconds: f64 = figures
        .functions
        .values()
        .map(|of| of.billed_ms)
        .sum::<f64>()
        / 1_000.0;
    let aws = prices::aws(invocations, seconds * MEMORY, figures.writes, figures.reads);
    let (count, talked, calls) = figures.calls;
    let texted: f64 = figures
        .texts
        .values()
        .map(|of| prices::texts(of.segments))
        .sum();
    Json(json!({
        "since": app.started, "functions": functions, "texts": texts,
        "calls": { "count": count, "seconds": talked, "cost": calls },
        "aws": { "invocations": invocations, "writes": figures.writes, "reads": figures.reads, "cost": aws },
        "cost": texted + calls + aws, "currency": prices::CURRENCY,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        assert!((quantile(&[], 0.5) - 0.0).abs() < f64::EPSILON);
        let values: Vec<_> = (1..=100).map(f64::from).collect();
        assert!((quantile(&values, 0.5) - 51.0).abs() < f64::EPSILON);
        assert!((quantile(&values, 0.95) - 95.0).abs() < f64::EPSILON);
        assert!((quantile(&values, 1.0) - 100.0).abs() < f64::EPSILON);
    }
}
