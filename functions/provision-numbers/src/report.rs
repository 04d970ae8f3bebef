//! What a run reports.

use std::fmt::Display;

use serde::Serialize;
use shared::platform::reply::Reply;
use shared::rules::phone::E164;

/// What a run did, or in a dry run would have done. `user` is the Okta id.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) dry_run: bool,
    pub(crate) purchased: Vec<Assigned>,
    pub(crate) cleaned: Vec<Person>,
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) failed: Vec<Failed>,
    pub(crate) released: Vec<Assigned>,
    pub(crate) rewired: Vec<Assigned>,
    /// The visited users who still need a number and did not fail, and the queued users without a
    /// number.
    pub(crate) remaining: u64,
    /// True if the run reached the end of Okta's users and of the numbers that need other webhooks.
    pub(crate) complete: bool,
    /// True if another run was active, so that this one did nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) locked: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Assigned {
    user: String,
    number: String,
}

impl Assigned {
    pub(crate) fn new(id: &str, number: &E164) -> Self {
        Self {
            user: id.to_owned(),
            number: number.reveal().to_owned(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Person {
    pub(crate) user: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Skipped {
    pub(crate) user: String,
    pub(crate) reason: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Failed {
    pub(crate) user: String,
    step: &'static str,
    reason: String,
}

impl Report {
    pub(crate) fn skip(&mut self, id: &str, reason: &'static str) {
        let user = id.to_owned();
        self.skipped.push(Skipped { user, reason });
    }

    /// Adds a failed step. Returns `false`: something is left to do for the user.
    pub(crate) fn fail(&mut self, id: &str, step: &'static str, reason: impl Display) -> bool {
        let (user, reason) = (id.to_owned(), reason.to_string());
        tracing::error!(user, step, reason, "a step failed");
        self.failed.push(Failed { user, step, reason });
        false
    }

    /// True if the run found nothing to do and did not fail.
    pub(crate) fn did_nothing(&self) -> bool {
        let numbers = [&self.purchased, &self.released, &self.rewired];
        self.cleaned.is_empty() && numbers.iter().all(|list| list.is_empty())
    }

    /// The report as the answer, with its counts in the log line.
    pub(crate) fn into_reply(self) -> Reply {
        let outcome = match &self {
            report if report.locked => "locked",
            report if report.dry_run => "dry_run",
            _ => "provisioned",
        };
        let body = serde_json::to_string(&self).unwrap_or_default();
        let reply = Reply::body(200, outcome, "application/json", body)
            .field("purchased", self.purchased.len())
            .field("cleaned", self.cleaned.len())
            .field("skipped", self.skipped.len())
            .field("failed", self.failed.len())
            .field("released", self.released.len())
            .field("rewired", self.rewired.len())
            .field("remaining", self.remaining)
            .field("complete", self.complete);
        match self.purchased.len() as u64 {
            bought if bought > 0 && !self.dry_run => reply.metric("NumbersPurchased", bought),
            _ => reply,
        }
    }
}
