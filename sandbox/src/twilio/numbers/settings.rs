//! What a test does with the numbers: it puts them on sale, gives them to the account, and sets
//! their webhooks.

use super::{
    owned::{FIELDS, Owned},
    stock::Stock,
};
use crate::{twilio::account::Twilio, wire::lock};

impl Twilio {
    /// Gives the number to the account and sets the URL for incoming messages. The URL may contain
    /// connection overrides (`#rc=3&rp=5xx,ct,rt`).
    pub fn set_sms_url(&self, number: &str, url: &str) {
        lock(&self.shared.state).numbers.set(number, "SmsUrl", url);
    }

    /// Gives the number to the account and sets the URL for incoming calls.
    pub fn set_voice_url(&self, number: &str, url: &str) {
        lock(&self.shared.state)
            .numbers
            .set(number, "VoiceUrl", url);
    }

    /// Gives the number to the account and sets the URL that is told when a call has ended. An
    /// empty text removes it.
    pub fn set_status_callback(&self, number: &str, url: &str) {
        lock(&self.shared.state)
            .numbers
            .set(number, "StatusCallback", url);
    }

    /// Puts numbers on sale, all with the same conditions.
    pub fn stock(&self, numbers: &[&str], stock: &Stock) {
        lock(&self.shared.state).numbers.stock.extend(
            numbers
                .iter()
                .map(|number| ((*number).to_owned(), stock.clone())),
        );
    }

    /// Removes all numbers with this prefix (`+1415`) from the stock.
    pub fn sell_out(&self, prefix: &str) {
        lock(&self.shared.state)
            .numbers
            .stock
            .retain(|number, _| !number.starts_with(prefix));
    }

    /// Another customer buys the next `n` numbers that the account asks for by number, before the
    /// purchase arrives (21422).
    pub fn snatch_next(&self, n: usize) {
        lock(&self.shared.state).numbers.snatched = n;
    }

    /// `true`: numbers bought from now on are not in lists, only found by SID. `false`: the lists
    /// contain all numbers again.
    pub fn lag(&self, on: bool) {
        let numbers = &mut lock(&self.shared.state).numbers;
        numbers.lagging = on;
        numbers.owned.iter_mut().for_each(|owned| owned.lags &= on);
    }

    /// Sets the maximum page size of lists, whatever size a request asks for. At first 1,000.
    pub fn set_page_size(&self, numbers: usize) {
        lock(&self.shared.state).numbers.page_size = numbers;
    }

    /// Gives the number to the account and sets fields by their names in requests (`FriendlyName`,
    /// `VoiceUrl`, `SmsMethod`...), as the console does. Returns the SID.
    pub fn own(&self, number: &str, fields: &[(&str, &str)]) -> String {
        let mut state = lock(&self.shared.state);
        for (name, _) in fields {
            assert!(
                FIELDS.iter().any(|(field, ..)| field == name),
                "Twilio has no field {name}"
            );
        }
        let index = state.numbers.place(number);
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        state.numbers.set_all(index, &fields.collect());
        state.numbers.owned[index].sid.clone()
    }

    /// All numbers of the account, in the order in which it got them. [`crate::twilio::NUMBER`] is the first.
    pub fn owned(&self) -> Vec<Owned> {
        lock(&self.shared.state)
            .numbers
            .owned
            .iter()
            .filter(|owned| !owned.released)
            .cloned()
            .collect()
    }

    /// All numbers that the account released, in the order in which it got them.
    pub fn released(&self) -> Vec<Owned> {
        let numbers = &lock(&self.shared.state).numbers;
        let released = numbers.owned.iter().filter(|owned| owned.released);
        released.cloned().collect()
    }

    /// How many numbers the account bought over the API. Released ones count too: each costs a
    /// month's price.
    pub fn purchases(&self) -> usize {
        lock(&self.shared.state)
            .numbers
            .owned
            .iter()
            .filter(|owned| owned.bought)
            .count()
    }

    /// How many numbers the account released, over the API or by [`Twilio::lose`].
    pub fn releases(&self) -> usize {
        lock(&self.shared.state)
            .numbers
            .owned
            .iter()
            .filter(|owned| owned.released)
            .count()
    }

    /// Releases a number of the account, as an administrator does in the console.
    pub fn lose(&self, number: &str) {
        let mut state = lock(&self.shared.state);
        let index = state.numbers.by_number.get(number).copied();
        let index = index.unwrap_or_else(|| panic!("{number} is not the account's"));
        state.numbers.release(index);
    }
}
