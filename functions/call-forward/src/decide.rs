//! Decides whether a call is connected, and to which phone.

use shared::platform::table::Item;
use shared::rules::phone::{Countries, E164};
use shared::services::directory::Listing;

/// A call may be a loop if the same caller called the same number within this many seconds and the
/// first call seems to be active.
const LOOP_SECONDS: u64 = 60;
/// The limit of simultaneous calls from one number.
const LINES_OF_CALLER: usize = 2;
/// How long the mark of an ended call is kept, in seconds. Twilio's events about the end arrive
/// within seconds of each other, in any order.
const ENDING_SECONDS: u64 = 120;
/// How many calls are kept that no longer count as active but whose end was not reported. They are
/// kept for their minutes. People have fewer.
const UNENDED: usize = 100;
/// The longest name that is spoken, in characters. Real names are shorter.
const NAME_LIMIT: usize = 60;

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

/// The other calls of a company number.
#[derive(Debug, Default)]
pub(crate) struct ActiveCalls {
    /// The calls that may be active: a hash of the caller, and the start.
    others: Vec<(Option<String>, u64)>,
    /// The seconds talked today.
    talked: u64,
    /// The attributes to remove: calls that must be over although their end was not reported, and
    /// marks of calls that ended long ago.
    pub(crate) stale: Vec<String>,
}

impl ActiveCalls {
    /// Reads the other calls from the number's item, without the call `sid`. No call takes more
    /// than `longest` seconds.
    pub(crate) fn from_item(item: &Item, sid: &str, longest: u64, now: u64) -> Self {
        let since = |call: &Item| call.number("since").unwrap_or_default();
        let mut calls: Vec<(&str, Item)> = item
            .maps("call_")
            .filter(|(other, _)| *other != sid)
            .collect();
        calls.sort_by_key(|(_, call)| std::cmp::Reverse(since(call)));
        let (on, unended): (Vec<_>, Vec<_>) = calls
            .into_iter()
            .partition(|(_, call)| call.number("until").is_some_and(|until| until > now));
        // Keep the entry until the longest possible call has ended: `hung_up` needs it to count the
        // minutes.
        let unended = unended.iter().enumerate();
        let over = unended.filter(|(n, (_, call))| *n >= UNENDED || since(call) + longest <= now);
        let over = over.map(|(_, (other, _))| entry(other));
        let ended = item.names().filter(|name| {
            name.starts_with("over_")
                && item
                    .number(name)
                    .is_none_or(|ended| ended + ENDING_SECONDS <= now)
        });
        Self {
            stale: over.chain(ended.map(str::to_owned)).collect(),
            others: on
                .iter()
                .map(|(_, call)| (call.text("from").map(str::to_owned), since(call)))
                .collect(),
            talked: item.number(&talked_on(now)).unwrap_or_default(),
        }
    }

    /// The number of active calls from this caller, or from all callers without a number.
    fn lines_of(&self, caller: Option<&str>) -> usize {
        self.others
            .iter()
            .filter(|(other, _)| other.as_deref() == caller)
            .count()
    }
}

/// The attribute of a call that may be active.
pub(crate) fn entry(sid: &str) -> String {
    format!("call_{sid}")
}

/// The attribute of a call that has just ended.
pub(crate) fn ending(sid: &str) -> String {
    format!("over_{sid}")
}

/// The attribute that counts the seconds talked on the day of `now`.
pub(crate) fn talked_on(now: u64) -> String {
    format!("talked_{}", now / 86_400)
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
pub(crate) fn connection(
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

/// The greeting that the caller hears before the phone rings. The name is the user's own text: it
/// is shortened, and placeholders in it are not replaced.
pub(crate) fn greeting(template: &str, first_name: Option<&str>) -> String {
    let name: String = first_name
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_whitespace() || !c.is_control())
        .collect();
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let name = if name.is_empty() { "your party" } else { &name };
    template.replace(
        "{firstName}",
        &name.chars().take(NAME_LIMIT).collect::<String>(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::services::directory::Employee;

    const NOW: u64 = 1_795_176_000;

    fn number(text: &str) -> E164 {
        text.parse().unwrap()
    }

    fn ann(mobile: Option<&str>) -> Employee {
        Employee {
            id: "00u1".to_owned(),
            first_name: Some("Ann".to_owned()),
            mobile: mobile.map(number),
            mobile_is_ours: false,
        }
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

    impl Default for Case {
        fn default() -> Self {
            Self {
                from: Some("+14155550111"),
                forwarded_from: None,
                from_is_ours: false,
                listing: Listing::Employee(ann(Some("+12025550123"))),
                active: ActiveCalls::default(),
                allowed: None,
                concurrent: 4,
            }
        }
    }

    impl Case {
        fn decide(&self) -> Result<Connection, Refusal> {
            let (from, to) = (self.from.map(number), number("+15005550010"));
            let call = Call {
                from: from.as_ref(),
                to: &to,
                forwarded_from: self.forwarded_from,
                from_is_ours: self.from_is_ours,
            };
            let allowed = self.allowed.map(|list| list.parse().unwrap());
            let limits = Limits {
                concurrent: self.concurrent,
                seconds_per_day: 600,
            };
            connection(
                &call,
                self.from.map(|_| "hash"),
                &self.listing,
                &self.active,
                allowed.as_ref(),
                &limits,
                NOW,
            )
        }
    }

    #[test]
    fn a_call_is_connected_with_the_callers_number() {
        let connection = Case::default().decide().unwrap();
        assert_eq!(connection.mobile, number("+12025550123"));
        assert_eq!(
            (connection.caller_id, connection.first_name.as_deref()),
            (number("+14155550111"), Some("Ann"))
        );
    }

    #[test]
    fn a_withheld_number_is_replaced_by_the_companys() {
        assert_eq!(
            Case {
                from: None,
                ..Case::default()
            }
            .decide()
            .unwrap()
            .caller_id,
            number("+15005550010")
        );
    }

    #[test]
    fn who_is_not_connected() {
        let employee = |employee| Listing::Employee(employee);
        let active = |others: &[(Option<&str>, u64)], talked| ActiveCalls {
            others: others
                .iter()
                .map(|(from, since)| (from.map(str::to_owned), *since))
                .collect(),
            talked,
            stale: vec![],
        };
        for (what, case, outcome) in [
            (
                "unknown",
                Case {
                    listing: Listing::Nobody("unknown_number"),
                    ..Case::default()
                },
                "unknown_number",
            ),
            (
                "no mobile",
                Case {
                    listing: employee(ann(None)),
                    ..Case::default()
                },
                "no_mobile",
            ),
            (
                "abroad",
                Case {
                    listing: employee(ann(Some("+4512345678"))),
                    ..Case::default()
                },
                "country_not_allowed",
            ),
            (
                "not on the list",
                Case {
                    allowed: Some("DK"),
                    ..Case::default()
                },
                "country_not_allowed",
            ),
            (
                "premium",
                Case {
                    listing: employee(ann(Some("+19005550123"))),
                    ..Case::default()
                },
                "country_not_allowed",
            ),
            (
                "the number itself",
                Case {
                    listing: employee(ann(Some("+15005550010"))),
                    ..Case::default()
                },
                "company_number",
            ),
            (
                "another company number",
                Case {
                    listing: employee(Employee {
                        mobile_is_ours: true,
                        ..ann(Some("+12025550123"))
                    }),
                    ..Case::default()
                },
                "company_number",
            ),
            (
                "the employee",
                Case {
                    from: Some("+12025550123"),
                    ..Case::default()
                },
                "loop",
            ),
            (
                "the number calls itself",
                Case {
                    from: Some("+15005550010"),
                    ..Case::default()
                },
                "loop",
            ),
            (
                "a company number calls",
                Case {
                    from_is_ours: true,
                    ..Case::default()
                },
                "loop",
            ),
            (
                "passed on by the mobile",
                Case {
                    forwarded_from: Some("+12025550123"),
                    ..Case::default()
                },
                "loop",
            ),
            (
                "in national form",
                Case {
                    forwarded_from: Some("(202) 555-0123"),
                    ..Case::default()
                },
                "loop",
            ),
            (
                "passed on by us",
                Case {
                    forwarded_from: Some("15005550010"),
                    ..Case::default()
                },
                "loop",
            ),
            (
                "just came",
                Case {
                    active: active(&[(Some("hash"), NOW - 59)], 0),
                    ..Case::default()
                },
                "repeated_call",
            ),
            (
                "too many",
                Case {
                    active: active(
                        &[(Some("a"), NOW), (Some("b"), NOW), (None, NOW), (None, NOW)],
                        0,
                    ),
                    ..Case::default()
                },
                "line_limit",
            ),
            (
                "a third of the same caller",
                Case {
                    active: active(&[(Some("hash"), NOW - 60), (Some("hash"), NOW - 70)], 0),
                    ..Case::default()
                },
                "line_limit",
            ),
            (
                "a second of the same caller, where there are two lines",
                Case {
                    active: active(&[(Some("hash"), NOW - 60)], 0),
                    concurrent: 2,
                    ..Case::default()
                },
                "line_limit",
            ),
            (
                "a third withheld one of four",
                Case {
                    from: None,
                    active: active(&[(None, NOW), (None, NOW)], 0),
                    ..Case::default()
                },
                "line_limit",
            ),
            (
                "too long",
                Case {
                    active: active(&[], 600),
                    ..Case::default()
                },
                "line_limit",
            ),
        ] {
            assert_eq!(case.decide().map_err(Refusal::word), Err(outcome), "{what}");
        }
        for (what, case) in [
            (
                "a list that has it",
                Case {
                    allowed: Some("DK,US"),
                    ..Case::default()
                },
            ),
            (
                "an office passes calls on",
                Case {
                    forwarded_from: Some("+14155550100"),
                    ..Case::default()
                },
            ),
            (
                "a long call of the same caller",
                Case {
                    active: active(&[(Some("hash"), NOW - 60)], 0),
                    ..Case::default()
                },
            ),
            (
                "two withheld callers",
                Case {
                    from: None,
                    active: active(&[(None, NOW)], 0),
                    ..Case::default()
                },
            ),
            (
                "beside withheld ones",
                Case {
                    active: active(&[(None, NOW), (None, NOW)], 0),
                    ..Case::default()
                },
            ),
            (
                "the only line",
                Case {
                    from: None,
                    concurrent: 1,
                    ..Case::default()
                },
            ),
            (
                "the only line, with a number",
                Case {
                    concurrent: 1,
                    ..Case::default()
                },
            ),
        ] {
            assert!(case.decide().is_ok(), "{what}");
        }
    }

    #[test]
    fn the_name_stays_a_name() {
        let template = "Please wait, {firstName}.";
        for (name, spoken) in [
            (Some("Ann"), "Please wait, Ann."),
            (Some(" Ann\n\tMarie "), "Please wait, Ann Marie."),
            (Some("{firstName}"), "Please wait, {firstName}."),
            (Some("\u{1} \u{2}"), "Please wait, your party."),
            (None, "Please wait, your party."),
        ] {
            assert_eq!(greeting(template, name), spoken);
        }
        assert_eq!(
            greeting("{firstName}", Some(&"x".repeat(10_000))).len(),
            NAME_LIMIT
        );
    }
}
