//! The account's numbers at Twilio, and whose they are.

use std::collections::{HashMap, HashSet};

use shared::rules::phone::E164;
use shared::vendors::twilio::number::Owned;
use shared::vendors::twilio::numbers::BOUGHT as NAME;

/// The name of a user's number.
pub(crate) fn name_of(id: &str) -> String {
    format!("{NAME}{id}")
}

/// The user whose number has this name.
pub(crate) fn owner(name: &str) -> Option<&str> {
    name.strip_prefix(NAME).filter(|id| is_id(id))
}

/// True if a text can be an Okta id. Ids become part of keys, paths and names, so only letters and
/// digits are allowed.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The account's numbers, and the users of those that are ours.
#[derive(Default)]
pub(crate) struct CompanyNumbers {
    /// Our numbers, by the user's id.
    pub(crate) assigned: HashMap<String, Owned>,
    /// The users' ids, by the number.
    pub(crate) owners: HashMap<E164, String>,
    /// How many numbers are ours, including those whose user is unknown.
    pub(crate) owned_count: u64,
    /// Every number of the account.
    pub(crate) account_numbers: HashSet<E164>,
}

impl CompanyNumbers {
    pub(crate) fn new(owned: Vec<Owned>) -> Self {
        let is_ours = |owned: &&Owned| owned.name.starts_with(NAME);
        let mut numbers = Self {
            owned_count: owned.iter().filter(is_ours).count() as u64,
            account_numbers: owned.iter().map(|owned| owned.number.clone()).collect(),
            ..Self::default()
        };
        for owned in owned {
            let Some(id) = owner(&owned.name).map(str::to_owned) else {
                continue;
            };
            if let Some(first) = numbers.assigned.get(&id) {
                let (first, second) = (&first.number, &owned.number);
                tracing::error!(user = id, "two numbers of one user: {first} and {second}");
            } else {
                numbers.add(&id, owned);
            }
        }
        numbers
    }

    /// Adds a user's number.
    pub(crate) fn add(&mut self, id: &str, owned: Owned) {
        self.account_numbers.insert(owned.number.clone());
        self.owners.insert(owned.number.clone(), id.to_owned());
        self.assigned.insert(id.to_owned(), owned);
    }

    /// Removes a user's number.
    pub(crate) fn remove(&mut self, id: &str, number: &E164) {
        self.assigned.remove(id);
        self.owners.remove(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_number_it_is() {
        assert_eq!(owner(&name_of("00u1")), Some("00u1"));
        let names = "|00u1|switchboard:|switchboard:a b|switchboard:../x|Switchboard:00u1";
        for name in names.split('|') {
            assert_eq!(owner(name), None, "{name}");
        }
        assert!(!is_id(&"x".repeat(41)) && is_id("00u1AbC") && !is_id("a#b"));
    }
}
