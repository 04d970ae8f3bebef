//! The rules: which users get a number, and whose mobile number is rewritten. They only use what
//! was read before.

use std::collections::HashSet;

use shared::rules::phone::{Countries, E164};
use shared::vendors::okta::user::{Status, User};

use crate::phone_reader::NationalNumbers;

/// What a plan depends on, besides the user.
pub(crate) struct Rules<'a> {
    pub(crate) national_numbers: &'a NationalNumbers,
    /// The countries of allowed mobile numbers. `None`: all countries, without premium-rate ranges.
    pub(crate) countries: Option<&'a Countries>,
    pub(crate) clean: bool,
    /// All numbers of the account.
    pub(crate) account_numbers: &'a HashSet<E164>,
}

/// What is known about one user's number.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NumberState<'a> {
    /// The number at Twilio with the user's name.
    pub(crate) number: Option<&'a E164>,
    /// The number that was released.
    pub(crate) released: Option<&'a E164>,
    /// True if the profile contains a number that was bought for another user. Users may be allowed
    /// to edit their profiles.
    pub(crate) claims_anothers_number: bool,
}

/// What to do for a user.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The new text for `mobilePhone`, if it must be rewritten.
    pub(crate) clean: Option<E164>,
    /// The number in `mobilePhone`, if its text stays in a form that the forwarding functions
    /// cannot read.
    pub(crate) national: Option<E164>,
    pub(crate) number: Number,
}

impl Plan {
    /// True if `mobilePhone` is rewritten or noted.
    pub(crate) fn changes_mobile(&self) -> bool {
        self.clean.is_some() || self.national.is_some()
    }
}

/// What to do about the company number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Number {
    /// The user has one, or should have none.
    Nothing,
    /// The user needs one in the profile: one that waits at Twilio, or a new one.
    Needed,
    /// The user is skipped, for this reason.
    Skipped(&'static str),
}

/// The company number in the profile, if it is in E.164.
pub(crate) fn primary_number(user: &User) -> Option<E164> {
    user.primary_phone.as_deref()?.parse().ok()
}

/// What to do for `user`.
pub(crate) fn plan(user: &User, state: NumberState<'_>, rules: &Rules<'_>) -> Plan {
    let mobile_text = user.mobile_phone.as_deref();
    let Some(written) = mobile_text.filter(|_| user.status == Status::Active) else {
        return Plan {
            clean: None,
            national: None,
            number: Number::Nothing,
        };
    };
    let is_released = |text: &str| state.released.is_some_and(|number| number.reveal() == text);
    let given = user.primary_phone.as_deref();
    let given = given.filter(|given| !is_released(given));
    let mobile = rules.national_numbers.parse(written);
    let number = match (given, state.number, &mobile) {
        (None, _, Some(mobile)) => objection(mobile, rules).map_or(Number::Needed, Number::Skipped),
        (None, ..) => Number::Skipped("mobile_unparsable"),
        (Some(_), ..) if state.claims_anothers_number => {
            Number::Skipped("primary_phone_is_another_users")
        }
        // A person set another number, and it stays. Our own costs money without use.
        (Some(given), Some(number), _) if given != number.reveal() => {
            Number::Skipped("primary_phone_set_by_hand")
        }
        (Some(_), _, None) if rules.clean => Number::Skipped("mobile_unparsable"),
        _ => Number::Nothing,
    };
    let (clean, national) = if rules.clean {
        (mobile.filter(|mobile| mobile.reveal() != written), None)
    } else {
        let is_forwarded = given.is_some() || number == Number::Needed;
        let is_national = |mobile: &E164| E164::from_written(written).as_ref() != Some(mobile);
        (
            None,
            mobile.filter(|mobile| is_forwarded && is_national(mobile)),
        )
    };
    Plan {
        clean,
        national,
        number,
    }
}

/// Why calls are not forwarded to a mobile number.
fn objection(mobile: &E164, rules: &Rules<'_>) -> Option<&'static str> {
    if rules.account_numbers.contains(mobile) {
        Some("mobile_is_company_number")
    } else if mobile.is_costly() {
        Some("mobile_is_costly")
    } else {
        let is_foreign = |countries| !mobile.is_allowed(countries);
        let is_foreign = rules.countries.is_some_and(is_foreign);
        is_foreign.then_some("mobile_country_not_allowed")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OURS: &str = "+14155550100";
    const NATIONAL: &str = "(302) 482-9229";
    const MOBILE: &str = "+13024829229";

    fn number(text: &str) -> E164 {
        text.parse().unwrap()
    }

    fn user(status: &str, mobile: &str, primary: &str) -> User {
        let profile = json!({ "mobilePhone": mobile, "primaryPhone": primary });
        let user = json!({ "id": "00u1", "status": status, "profile": profile });
        serde_json::from_value(user).unwrap()
    }

    fn plan_for(user: &User, state: NumberState<'_>, countries: &str, clean: bool) -> Plan {
        let countries: Option<Countries> = countries.parse().ok();
        let rules = Rules {
            national_numbers: &NationalNumbers::new(rlibphonenumber::Region::US),
            countries: countries.as_ref(),
            clean,
            account_numbers: &HashSet::from([number(OURS), number("+14155550111")]),
        };
        plan(user, state, &rules)
    }

    #[test]
    fn who_gets_a_number() {
        use Number::{Needed, Nothing, Skipped};
        let (ours, released) = (number(OURS), number("+14155550199"));
        let none = NumberState::default();
        let (mut has, mut returned, mut thief) = (none, none, none);
        has.number = Some(&ours);
        returned.released = Some(&released);
        thief.claims_anothers_number = true;
        let (by_hand, released) = ("+1 302 482 0000", released.reveal());
        for (mobile, primary, state, expected) in [
            (MOBILE, "", none, Needed),
            (MOBILE, "", has, Needed),
            (MOBILE, OURS, has, Nothing),
            (MOBILE, by_hand, none, Nothing),
            (
                MOBILE,
                OURS,
                thief,
                Skipped("primary_phone_is_another_users"),
            ),
            (MOBILE, by_hand, has, Skipped("primary_phone_set_by_hand")),
            (MOBILE, released, returned, Needed),
            (MOBILE, by_hand, returned, Nothing),
            ("", "", none, Nothing),
            ("call me", "", none, Skipped("mobile_unparsable")),
            ("call me", OURS, has, Skipped("mobile_unparsable")),
            (
                "(415) 555-0111",
                "",
                none,
                Skipped("mobile_is_company_number"),
            ),
            (OURS, "", has, Skipped("mobile_is_company_number")),
            ("+1 900 555 0123", "", none, Skipped("mobile_is_costly")),
            (
                "+1 876 555 0123",
                "",
                none,
                Skipped("mobile_country_not_allowed"),
            ),
        ] {
            let plan = plan_for(&user("ACTIVE", mobile, primary), state, "US,DK", true);
            assert_eq!(plan.number, expected, "{mobile} {primary} {state:?}");
        }
        for status in ["STAGED", "SUSPENDED", "LOCKED_OUT", "DEPROVISIONED"] {
            let plan = plan_for(&user(status, MOBILE, ""), none, "US,DK", true);
            assert_eq!(plan.number, Nothing, "{status}");
        }
        let anywhere = user("ACTIVE", "+1 876 555 0123", "");
        assert_eq!(plan_for(&anywhere, none, "", true).number, Needed);
        let strange = user("ACTIVE", "call me", OURS);
        assert_eq!(plan_for(&strange, has, "", false).number, Nothing);
    }

    #[test]
    fn a_company_number_is_one_in_e164() {
        for (primary, expected) in [(OURS, Some(number(OURS))), (NATIONAL, None), ("", None)] {
            let found = primary_number(&user("ACTIVE", MOBILE, primary));
            assert_eq!(found, expected, "{primary}");
        }
    }

    #[test]
    fn whose_mobile_is_rewritten() {
        let (none, costly) = (NumberState::default(), "+1 900 555 0123");
        for (status, mobile, primary, clean, rewritten, noted) in [
            ("ACTIVE", NATIONAL, "by hand", true, MOBILE, ""),
            ("ACTIVE", costly, "by hand", true, "+19005550123", ""),
            ("ACTIVE", MOBILE, "by hand", true, "", ""),
            ("ACTIVE", "call me", "by hand", true, "", ""),
            ("SUSPENDED", NATIONAL, "by hand", true, "", ""),
            ("ACTIVE", NATIONAL, "by hand", false, "", MOBILE),
            ("ACTIVE", NATIONAL, "", false, "", MOBILE),
            ("ACTIVE", "+1 (302) 482-9229", "", false, "", ""),
            ("ACTIVE", costly, "", false, "", ""),
        ] {
            let plan = plan_for(&user(status, mobile, primary), none, "", clean);
            let expected = (rewritten.parse().ok(), noted.parse().ok());
            let what = format!("{status} {mobile} {primary} {clean}");
            assert_eq!(plan.changes_mobile(), expected != (None, None), "{what}");
            assert_eq!((plan.clean, plan.national), expected, "{what}");
        }
    }
}
