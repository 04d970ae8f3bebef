//! All numbers that exist: those on sale and those of the account.

use std::collections::{BTreeMap, HashMap};

use super::{
    owned::{Owned, friendly},
    stock::Stock,
};
use crate::{random, twilio::ids::NUMBER};

/// All numbers that exist.
pub(in crate::twilio) struct Numbers {
    pub(super) stock: BTreeMap<String, Stock>,
    /// In the order in which the account got them. Released numbers stay, so that a list can
    /// continue after one.
    pub(super) owned: Vec<Owned>,
    /// Indexes into `owned`, by number; only numbers that the account has now.
    pub(super) by_number: HashMap<String, usize>,
    pub(super) by_sid: HashMap<String, usize>,
    /// Indexes into `owned`, by name as it was set. Former names of a number are still in the map.
    pub(super) by_name: HashMap<String, Vec<usize>>,
    pub(super) snatched: usize,
    pub(super) lagging: bool,
    pub(super) page_size: usize,
}

impl Numbers {
    pub(in crate::twilio) fn new() -> Self {
        let papers = Stock {
            list: "Mobile",
            address_requirements: "any",
            bundle: true,
            ..Stock::default()
        };
        let stock = [
            ("+1415555", 100..180, Stock::default()),
            ("+1628555", 100..110, Stock::default()),
            ("+1925555", 100..110, Stock::default()),
            (
                "+4520550",
                100..110,
                Stock {
                    country: "DK",
                    ..papers.clone()
                },
            ),
            (
                "+447700900",
                100..110,
                Stock {
                    country: "GB",
                    ..papers
                },
            ),
        ];
        let stock = stock.into_iter().flat_map(|(prefix, range, stock)| {
            range.map(move |n| {
                (
                    format!(
                        "{prefix}{}{n}",
                        if prefix.starts_with("+1") { "0" } else { "" }
                    ),
                    stock.clone(),
                )
            })
        });
        let mut numbers = Self {
            stock: stock.collect(),
            owned: vec![],
            by_number: HashMap::new(),
            by_sid: HashMap::new(),
            by_name: HashMap::new(),
            snatched: 0,
            lagging: false,
            page_size: 1000,
        };
        numbers.own(NUMBER);
        numbers
    }

    /// Gives the number to the account, if the account lacks it, and returns it.
    pub(in crate::twilio) fn own(&mut self, number: &str) -> &mut Owned {
        let index = self.by_number.get(number).copied().unwrap_or_else(|| {
            let stock = self.stock.remove(number).unwrap_or_default();
            let (index, sid) = (self.owned.len(), format!("PN{}", random::hex(16)));
            self.by_number.insert(number.to_owned(), index);
            self.by_sid.insert(sid.clone(), index);
            self.by_name
                .entry(friendly(number))
                .or_default()
                .push(index);
            self.owned.push(Owned {
                sid,
                number: number.to_owned(),
                fields: [("FriendlyName".to_owned(), friendly(number))].into(),
                stock,
                created: crate::now().as_secs(),
                bought: false,
                released: false,
                lags: false,
            });
            index
        });
        &mut self.owned[index]
    }

    /// The numbers with exactly this name, in the order in which the account got them.
    pub(in crate::twilio) fn named(&self, name: &str) -> impl Iterator<Item = (usize, &Owned)> {
        let places = self.by_name.get(name).into_iter().flatten();
        places
            .map(|index| (*index, &self.owned[*index]))
            .filter(move |(_, owned)| owned.field("FriendlyName") == name)
    }

    /// Sets fields of the number at this index.
    pub(in crate::twilio) fn set_all(&mut self, index: usize, fields: &HashMap<String, String>) {
        self.owned[index].set_all(fields);
        let name = self.owned[index].field("FriendlyName").to_owned();
        let places = self.by_name.entry(name).or_default();
        if let Err(place) = places.binary_search(&index) {
            places.insert(place, index);
        }
    }

    pub(in crate::twilio) fn release(&mut self, index: usize) {
        let owned = &mut self.owned[index];
        owned.released = true;
        self.by_number.remove(&owned.number);
    }

    pub(in crate::twilio) fn set(&mut self, number: &str, field: &str, value: &str) {
        let index = self.place(number);
        self.set_all(index, &[(field.to_owned(), value.to_owned())].into());
    }

    /// Gives the number to the account, if the account lacks it, and returns its index.
    pub(super) fn place(&mut self, number: &str) -> usize {
        self.own(number);
        self.by_number[number]
    }

    /// The account's number, if the account has it.
    pub(in crate::twilio) fn get(&self, number: &str) -> Option<&Owned> {
        Some(&self.owned[*self.by_number.get(number)?])
    }

    /// The number's `SmsUrl`, `VoiceUrl`..., unless it is empty.
    pub(in crate::twilio) fn url(&self, number: &str, field: &str) -> Option<String> {
        self.get(number)
            .map(|owned| owned.field(field).to_owned())
            .filter(|url| !url.is_empty())
    }

    /// Moves a number from the stock to the account. The error is Twilio's code and text.
    pub(super) fn buy(
        &mut self,
        number: Option<&str>,
        area: Option<&str>,
        fields: &HashMap<String, String>,
    ) -> Result<&Owned, (u32, String)> {
        let number = match (number, area) {
            (Some(number @ "+15005550001"), _) => {
                return Err((21421, format!("{number} is not a valid number")));
            }
            (Some(number), _) => {
                if self.snatched > 0 && self.stock.remove(number).is_some() {
                    self.snatched -= 1;
                }
                number.to_owned()
            }
            (None, area) => {
                let area = area.unwrap_or_default();
                let local = |(number, stock): &(&String, &Stock)| {
                    in_area(number, area) && stock.list == "Local"
                };
                let found = self
                    .stock
                    .range(format!("+1{area}")..)
                    .find(local)
                    .map(|(number, _)| number.clone());
                found
                    .ok_or_else(|| (21452, format!("No phone numbers found in area code {area}")))?
            }
        };
        let Some(stock) = self.stock.get(&number) else {
            return Err((21422, format!("{number} is not available.")));
        };
        let given = |name: &str| fields.get(name).is_some_and(|sid| !sid.is_empty());
        if let Some(code) = stock.refusal {
            return Err((code, format!("{number} cannot be provisioned")));
        }
        if stock.address_requirements != "none" && !given("AddressSid") {
            return Err((
                21631,
                "Phone Number Requires an Address but the 'AddressSid' parameter was empty."
                    .to_owned(),
            ));
        }
        if stock.bundle && !given("BundleSid") {
            return Err((
                21649,
                "Phone Number Requires a Bundle but the 'BundleSid' parameter was empty."
                    .to_owned(),
            ));
        }
        let lags = self.lagging;
        let owned = self.own(&number);
        (owned.bought, owned.lags) = (true, lags);
        let index = self.place(&number);
        self.set_all(index, fields);
        Ok(&self.owned[index])
    }

    /// Index of the account's number with this SID.
    pub(super) fn by_sid(&self, sid: &str) -> Option<usize> {
        let index = *self.by_sid.get(sid)?;
        Some(index).filter(|index| !self.owned[*index].released)
    }
}

pub(super) fn in_area(number: &str, area: &str) -> bool {
    number
        .strip_prefix("+1")
        .is_some_and(|digits| digits.starts_with(area))
}
