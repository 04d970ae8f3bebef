//! What is wrong with a world in which a promise must break.

use crate::table::Reply;

/// One thing that is wrong. A write is named by a part of its request, as the SDK sends it.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// The condition of such a write counts as fulfilled; with an empty part that of each write.
    Unconditional(&'static str),
    /// The condition of such a write counts as not fulfilled.
    Refused(&'static str),
    /// Such a write changes nothing. Its answer is that of one that was done.
    Lost(&'static str),
    /// In the answers of the table and of everybody else, the first text reads as the second one.
    Misread(&'static str, &'static str),
    /// What happens outside the table may also end so: it has the effect of its second result, and
    /// the answer of the first one.
    Lie,
}

use Fault::{Lie, Lost, Misread, Refused, Unconditional};

/// All that is wrong with a world. Usually nothing is.
#[derive(Debug, Default)]
pub struct Faults(pub(crate) Vec<Fault>);

impl Faults {
    /// Whether the condition of this write counts as fulfilled. `held`: what it really is.
    pub(crate) fn holds(&self, held: bool, request: &str) -> bool {
        let is_of = |part: &str| request.contains(part);
        self.0.iter().fold(held, |held, fault| match fault {
            Unconditional(part) => held || is_of(part),
            Refused(part) => held && !is_of(part),
            Lost(_) | Misread(..) | Lie => held,
        })
    }

    /// Whether an update may meet an item that it was not made for.
    pub(crate) fn ignores_conditions(&self) -> bool {
        let mut faults = self.0.iter();
        faults.any(|fault| matches!(fault, Unconditional(_)))
    }

    /// Whether this write changes the table.
    pub(crate) fn keeps(&self, request: &str) -> bool {
        let is_lost = |fault: &Fault| matches!(fault, Lost(part) if request.contains(part));
        !self.0.iter().any(is_lost)
    }

    /// An answer as the instance gets it.
    pub(crate) fn read(&self, mut reply: Reply) -> Reply {
        for fault in &self.0 {
            if let Misread(from, to) = fault {
                reply.body = reply.body.replace(from, to);
            }
        }
        reply
    }

    /// The results of an effect: those that are possible, and those that are lies.
    pub(crate) fn results<S: Clone>(&self, mut results: Vec<(Reply, S)>) -> Vec<(Reply, S)> {
        let lies = self.0.iter().any(|fault| matches!(fault, Lie));
        if let [(says, _), (_, does), ..] = &results[..]
            && lies
        {
            results.push((says.clone(), does.clone()));
        }
        results
    }
}
