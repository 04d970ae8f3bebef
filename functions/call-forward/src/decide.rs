//! Who is called for whom, and who is not.

use shared::platform::table::Item;
use shared::rules::phone::{Countries, E164};
use shared::services::directory::Listing;

/// A second call from the same caller to the same number within this many seconds, while the first seems to be on, may be the first
/// one coming back.
const LOOP_SECONDS: u64 = 60;
/// Calls at once from one number.
const LINES_OF_CALLER: usize = 2;
/// How long the end of a call is kept: what is told of it comes within seconds of each other, in any order.
const ENDING_SECONDS: u64 = 120;
/// Calls of which nobody told the end, and which count as one at once no more, are kept for their minutes; more than people have.
const UNENDED: usize = 100;
/// More of a name than anybody is called, less than anybody listens to.
const NAME_LIMIT: usize = 60;

/// What bounds the calls of one company number.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) concurrent: usize,
    pub(crate) seconds_per_day: u64,
}

/// A call that came in.
pub(crate) struct Call<'a> {
    /// Who calls, unless withheld.
    pub(crate) from: Option<&'a E164>,
    /// The company number.
    pub(crate) to: &'a E164,
    /// Which number passed it on, if a carrier told.
    pub(crate) forwarded_from: Option<&'a str>,
    /// Whether the caller's number, or the one that passed the call on, is a company number.
    pub(crate) from_is_ours: bool,
}

/// The other calls of a company number.
#[derive(Debug, Default)]
pub(crate) struct ActiveCalls {
    /// When those that may still be on began, with a hash of the caller.
    others: Vec<(Option<String>, u64)>,
    /// Seconds talked today.
    talked: u64,
    /// Attributes of calls that must be over, though their end was never told, and of those whose end is long past.
    pub(crate) stale: Vec<String>,
}

impl ActiveCalls {
    /// Those in the item that counts a number's calls, without the call with this `sid`; none takes more than `longest` seconds.
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
        // People may still talk after the time in which a call counts as one of several: its minutes are counted by its entry.
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

    /// How many calls at once come from this caller, or from callers who withhold their number.
    fn lines_of(&self, caller: Option<&str>) -> usize {
        self.others
            .iter()
            .filter(|(other, _)| other.as_deref() == caller)
            .count()
    }
}

/// The attribute of a call that may be on.
pub(crate) fn entry(sid: &str) -> String {
    format!("call_{sid}")
}

/// The attribute of a call that has ended just now.
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
    /// The number is nobody's who can be served: the directory's word for the reason.
    Nobody(&'static str),
    /// The employee's profile has no mobile phone.
    NoMobile,
    /// The mobile phone is a company number itself.
    CompanyNumber,
    /// The mobile phone is in a country that is not called.
    CountryNotAllowed,
    /// The call would come back here.
    Loop,
    /// The same caller called a moment ago, and is on.
    RepeatedCall,
    /// The number has as many calls, or as many minutes of them, as it may have.
    LineLimit,
}

impl Refusal {
    /// The outcome word.
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

    /// Whether a call later may be connected.
    pub(crate) fn is_busy(self) -> bool {
        matches!(self, Self::RepeatedCall | Self::LineLimit)
    }
}

/// Where the call goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) mobile: E164,
    pub(crate) caller_id: E164,
    pub(crate) first_name: Option<String>,
}

/// The employee's phone, or the reason why it is not to be reached through this company number.
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

/// Where a call goes, or why it goes nowhere.
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
    // A carrier writes the number as it likes: the last digits tell.
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
    // So that neither somebody alone nor everybody without a number can take all lines, if there are several.
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
        // A caller id must be a number: for a withheld one, ours stands in.
        caller_id: call.from.unwrap_or(call.to).clone(),
        first_name: first_name.map(str::to_owned),
    })
}

/// What the caller hears while the phone rings. The name is somebody's own text: it is cut, and nothing in it is replaced again.
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
