//! The numbers for sale, searched area by area when needed.

use std::collections::{HashSet, VecDeque};
use std::time::SystemTime;

use shared::rules::phone::E164;
use shared::vendors::twilio::numbers::{CallError, Numbers};

use crate::settings::Settings;

/// How many numbers to request in addition to those already shown.
const MORE: usize = 20;

/// The numbers for sale, and what this run has bought of them.
pub(crate) struct Stock {
    pub(crate) areas: VecDeque<String>,
    pub(crate) found: VecDeque<E164>,
    /// The numbers found so far in the first area. A later search may find bought numbers again,
    /// and may find more.
    shown: HashSet<E164>,
    /// True if numbers were left out because they require an address.
    pub(crate) needs_address: bool,
    /// True if this run buys no more: the next user would get the same error.
    pub(crate) closed: bool,
    /// How many purchases this run may have made.
    pub(crate) purchases: u64,
}

impl Stock {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            areas: settings.prefixes.iter().cloned().collect(),
            found: VecDeque::new(),
            shown: HashSet::new(),
            needs_address: false,
            closed: false,
            purchases: 0,
        }
    }

    /// Searches the first of the areas once for numbers that can be bought without papers.
    pub(crate) async fn look(
        &mut self,
        area: &str,
        numbers: &Numbers,
        country: &str,
        now: SystemTime,
    ) -> Result<(), CallError> {
        let most = self.shown.len() + MORE;
        let mut found = numbers.search(country, area, most, now).await?;
        found.retain(|available| self.shown.insert(available.number.clone()));
        let all = found.len();
        found.retain(|available| !available.needs_address);
        self.needs_address |= found.len() < all;
        self.found = found.into_iter().map(|found| found.number).collect();
        // Where all that is new needs papers, so does the rest.
        if self.found.is_empty() {
            self.areas.pop_front();
            self.shown.clear();
        }
        Ok(())
    }
}
