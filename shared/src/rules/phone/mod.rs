//! Telephone numbers in E.164 form (<https://www.itu.int/rec/T-REC-E.164>): possible numbers,
//! countries, premium-rate ranges, masking.
//!
//! Small tables only: the full libphonenumber metadata costs 15 ms and more at first use. A
//! function that gets its numbers from machines does not need it.

mod countries;
mod e164;
mod plan;
mod possible;
mod ranges;

pub use countries::{Countries, allowed_countries, read_countries, unknown_country};
pub use e164::{E164, NotE164};
