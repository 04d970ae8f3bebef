//! A number on sale and its conditions.

use serde_json::{Value, json};

/// A number that the account can buy.
#[derive(Clone, Debug)]
pub struct Stock {
    /// ISO 3166 code of its country.
    pub country: &'static str,
    /// The list that contains it: `Local`, `Mobile`, `National`, `TollFree`.
    pub list: &'static str,
    /// `none`, `any`, `local` or `foreign`. Except for `none`, a purchase without `AddressSid` is
    /// refused with 21631.
    pub address_requirements: &'static str,
    /// True if a purchase without `BundleSid` is refused with 21649.
    pub bundle: bool,
    /// True if it takes texts. All numbers take calls.
    pub sms: bool,
    /// The code with which every purchase is refused (21422, 21615, 21651...).
    pub refusal: Option<u32>,
}

impl Stock {
    pub(super) fn capabilities(&self) -> Value {
        json!({"voice": true, "sms": self.sms, "mms": self.sms && self.country == "US", "fax": false})
    }
}

impl Default for Stock {
    /// A local number in the US that needs no address and no bundle.
    fn default() -> Self {
        Self {
            country: "US",
            list: "Local",
            address_requirements: "none",
            bundle: false,
            sms: true,
            refusal: None,
        }
    }
}
