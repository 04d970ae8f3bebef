//! Decides whether a call is connected, and to which phone.

use shared::rules::phone::{Countries, E164};
use shared::services::directory::Listing;

use crate::active::ActiveCalls;

/// A call may be a loop if the same caller called the same number within this many seconds and the
/// first call seems to be active.
const LOOP_SECONDS: u64 = 60;
/// The limit of simultaneous calls from one number.
const LINES_OF_CALLER: usize = 2;

/// The limits for the calls of one company number.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) concurrent: usize,
    pub(crate) seconds_per_day: u64,
}

/// An incoming call.
pub(crate) struct Call<'a> {
    /// The caller's number, unless withheld.
    pub(crate) from: Option<&'a E164>,
    /// The company number.
    pub(crate) to: &'a E164,
    /// The number that passed the call on, if a carrier reports it.
    pub(crate) forwarded_from: Option<&'a str>,
    /// True if the caller's number, or the number that passed the call on, is a company number.
    pub(crate) from_is_ours: bool,
}

/// Why a call is not connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No employee can be reached at the number. Holds the directory's reason.
    Nobody(&'static str),
    /// The employee's profile has no mobile phone.
    NoMobile,
    /// The mobile phone is itself a company number.
    CompanyNumber,
    /// The mobile phone is in a country that is not allowed.
    CountryNotAllowed,
    /// The call would return to this number.
    Loop,
    /// The same caller called a moment ago, and that call is active.
    RepeatedCall,
    /// The number has reached its limit of calls or minutes.
    LineLimit,
}

impl Refusal {
    /// The outcome.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Nobody(why) => why,
            Self::NoMobile => "no_mobile",
            Self::CompanyNumber => "company_number",
            Self::CountryNotAllowed => "country_not_allowed",
            Self::Loop => "loop",
            Self::RepeatedCall => "repeated_call",
            Self::LineLimit => "line_limit",
        }
    }

    /// True if a later call may be connected.
    pub(crate) fn is_busy(self) -> bool {
        matches!(self, Self::RepeatedCall | Self::LineLimit)
    }
}

/// A call to connect.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) mobile: E164,
    pub(crate) caller_id: E164,
    pub(crate) first_name: Option<String>,
}

/// The employee's phone and first name, or the reason why the company number does not reach it.
pub(crate) fn destination<'a>(
    listing: &'a Listing,
    company: &E164,
    allowed: Option<&Countries>,
) -> Result<(&'a E164, Option<&'a str>), Refusal> {
    let employee = match listing {
        Listing::Employee(employee) => employee,
        Listing::Nobody(why) => return Err(Refusal::Nobody(why)),
    };
    let mobile = employee.mobile.as_ref().ok_or(Refusal::NoMobile)?;
    let own_country = company.region().map(Countries::only);
    match allowed.or(own_country.as_ref()) {
        _ if mobile == company || employee.mobile_is_ours => Err(Refusal::CompanyNumber),
        Some(countries) if mobile.is_allowed(countries) => {
            Ok((mobile, employee.first_name.as_deref()))
        }
        _ => Err(Refusal::CountryNotAllowed),
    }
}

/// Decides whether a call is connected, or why not.
pub(crate) fn decide(
    call: &Call<'_>,
    caller: Option<&str>,
    listing: &Listing,
    active: &ActiveCalls,
    allowed: Option<&Countries>,
    limits: &Limits,
    now: u64,
) -> Result<Connection, Refusal> {
    let (mobile, first_name) = destination(listing, call.to, allowed)?;
    let came_round = |number: &E164| number == call.to || number == mobile;
    // Carriers write this number in different ways, so only the last digits are compared.
    let digits = |text: &str| {
        text.chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
    };
    let passed_on_by = |number: &E164| {
        let by = digits(call.forwarded_from.unwrap_or_default());
        by.len() >= 7 && (number.digits().ends_with(&by) || by.ends_with(number.digits()))
    };
    let coming_back = |(other, since): &(Option<String>, u64)| {
        other.as_deref() == caller && since + LOOP_SECONDS > now
    };
    if call.from_is_ours
        || call.from.is_some_and(came_round)
        || passed_on_by(call.to)
        || passed_on_by(mobile)
    {
        return Err(Refusal::Loop);
    }
    if caller.is_some() && active.others.iter().any(coming_back) {
        return Err(Refusal::RepeatedCall);
    }
    // If there are several lines, one caller cannot take all of them, and neither can all callers
    // without a number.
    let share = match caller {
        Some(_) => LINES_OF_CALLER.min(limits.concurrent.saturating_sub(1)),
        None => limits.concurrent / 2,
    };
    let is_full =
        active.others.len() >= limits.concurrent || active.lines_of(caller) >= share.max(1);
    if is_full || active.talked >= limits.seconds_per_day {
        return Err(Refusal::LineLimit);
    }
    Ok(Connection {
        mobile: mobile.clone(),
        // A caller id must be a number. For a withheld one the company number is shown.
        caller_id: call.from.unwrap_or(call.to).clone(),
        first_name: first_name.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::services::directory::Employee;

    const NOW: u64 = 1_795_176_000;
    const COMPANY: &str = "+15005550010";
    const MOBILE: &str = "+12025550123";
    const CALLER: &str = "+14155550111";

    fn number(text: &str) -> E164 {
        text.parse().unwrap()
    }

    fn ann(mobile: Option<&str>, mobile_is_ours: bool) -> Listing {
        Listing::Employee(Employee {
            id: "00u1".to_owned(),
            first_name: Some("Ann".to_owned()),
            mobile: mobile.map(number),
            locale: None,
            mobile_is_ours,
        })
    }

    struct Case {
        from: Option<&'static str>,
        forwarded_from: Option<&'static str>,
        from_is_ours: bool,
        listing: Listing,
        active: ActiveCalls,
        allowed: Option<&'static str>,
        concurrent: usize,
    }

    impl Case {
        /// The other calls: a caller's hash, and how many seconds ago the call began.
        fn beside(&mut self, others: &[(Option<&str>, u64)]) {
            let others = others.iter();
            self.active.others = others
                .map(|(from, ago)| (from.map(str::to_owned), NOW - ago))
                .collect();
        }
    }

    /// The decision about a call that would be connected, but for this change.
    fn decide(change: fn(&mut Case)) -> Result<Connection, Refusal> {
        let mut case = Case {
            from: Some(CALLER),
            forwarded_from: None,
            from_is_ours: false,
            listing: ann(Some(MOBILE), false),
            active: ActiveCalls::default(),
            allowed: None,
            concurrent: 4,
        };
        change(&mut case);
        let (from, to) = (case.from.map(number), number(COMPANY));
        let call = Call {
            from: from.as_ref(),
            to: &to,
            forwarded_from: case.forwarded_from,
            from_is_ours: case.from_is_ours,
        };
        let allowed: Option<Countries> = case.allowed.map(|list| list.parse().unwrap());
        let limits = Limits {
            concurrent: case.concurrent,
            seconds_per_day: 600,
        };
        let (caller, allowed) = (case.from.map(|_| "hash"), allowed.as_ref());
        let (listing, active) = (&case.listing, &case.active);
        super::decide(&call, caller, listing, active, allowed, &limits, NOW)
    }

    #[test]
    fn a_call_is_connected_with_the_callers_number_or_the_companys() {
        let connection = decide(|_| {}).unwrap();
        assert_eq!(connection.mobile, number(MOBILE));
        assert_eq!(connection.caller_id, number(CALLER));
        assert_eq!(connection.first_name.as_deref(), Some("Ann"));
        let withheld = decide(|case| case.from = None).unwrap();
        assert_eq!(withheld.caller_id, number(COMPANY));
    }

    #[test]
    fn calls_that_are_not_connected() {
        type Change = fn(&mut Case);
        let refusals: [(&str, &[Change]); 7] = [
            (
                "unknown_number",
                &[|case| case.listing = Listing::Nobody("unknown_number")],
            ),
            ("no_mobile", &[|case| case.listing = ann(None, false)]),
            (
                "country_not_allowed",
                &[
                    |case| case.listing = ann(Some("+4512345678"), false),
                    |case| case.listing = ann(Some("+19005550123"), false),
                    |case| case.allowed = Some("DK"),
                ],
            ),
            (
                "company_number",
                &[
                    |case| case.listing = ann(Some(COMPANY), false),
                    |case| case.listing = ann(Some(MOBILE), true),
                ],
            ),
            (
                "loop",
                &[
                    |case| case.from = Some(MOBILE),
                    |case| case.from = Some(COMPANY),
                    |case| case.from_is_ours = true,
                    |case| case.forwarded_from = Some(MOBILE),
                    |case| case.forwarded_from = Some("(202) 555-0123"),
                    |case| case.forwarded_from = Some("15005550010"),
                    |case| case.forwarded_from = Some("5550010"),
                    |case| case.forwarded_from = Some("00 1 500 555 0010"),
                ],
            ),
            (
                "repeated_call",
                &[|case| case.beside(&[(Some("hash"), 59)])],
            ),
            (
                "line_limit",
                &[
                    |case| case.beside(&[(Some("a"), 0), (Some("b"), 0), (None, 0), (None, 0)]),
                    |case| case.beside(&[(Some("hash"), 60), (Some("hash"), 70)]),
                    |case| {
                        case.beside(&[(Some("hash"), 60)]);
                        case.concurrent = 2;
                    },
                    |case| {
                        case.beside(&[(None, 0), (None, 0)]);
                        case.from = None;
                    },
                    |case| case.active.talked = 600,
                ],
            ),
        ];
        for (outcome, changes) in refusals {
            for (n, change) in changes.iter().enumerate() {
                let decided = decide(*change).map_err(Refusal::word);
                assert_eq!(decided, Err(outcome), "{n}");
            }
        }
    }

    #[test]
    fn only_a_call_that_may_come_through_later_is_busy() {
        for (refusal, is_busy) in [
            (Refusal::RepeatedCall, true),
            (Refusal::LineLimit, true),
            (Refusal::Loop, false),
            (Refusal::NoMobile, false),
            (Refusal::Nobody("unknown_number"), false),
        ] {
            assert_eq!(refusal.is_busy(), is_busy, "{refusal:?}");
        }
    }

    #[test]
    fn calls_that_are_connected() {
        let changes: [fn(&mut Case); 10] = [
            |case| case.allowed = Some("DK,US"),
            |case| case.forwarded_from = Some("550123"),
            |case| case.active.talked = 599,
            |case| case.beside(&[(Some("a"), 0), (Some("b"), 0), (None, 0)]),
            |case| case.forwarded_from = Some("+14155550100"),
            |case| case.beside(&[(Some("hash"), 60)]),
            |case| case.beside(&[(None, 0), (None, 0)]),
            |case| {
                case.beside(&[(None, 0)]);
                case.from = None;
            },
            |case| {
                case.from = None;
                case.concurrent = 1;
            },
            |case| case.concurrent = 1,
        ];
        for (n, change) in changes.into_iter().enumerate() {
            assert!(decide(change).is_ok(), "{n}");
        }
    }
}
