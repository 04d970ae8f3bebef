//! The rules: which users get a number, whose mobile number is rewritten, and whose number is
//! released. They only use what was read before.

use std::collections::HashSet;
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use rlibphonenumber::{NumberLengthType, PhoneNumberFormat, PhoneNumberUtil, Region};
use serde::Serialize;
use shared::platform::config::Source;
use shared::platform::http::BaseUrl;
use shared::platform::table::epoch;
use shared::rules::phone::{Countries, E164};
use shared::vendors::okta::users::{Status, User};
pub(crate) use shared::vendors::twilio::numbers::BOUGHT as NAME;

use crate::ledger::Progress;
use crate::{is_region, region};

const DAY: Duration = Duration::from_hours(24);
/// Okta allows profile texts of up to 100 characters.
const LONGEST: usize = 100;

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

/// A webhook of another function, as Twilio gets it: `https` or this machine, with connection
/// overrides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Webhook(pub(crate) String);

impl Webhook {
    /// The URL to which Twilio reports the end of a call: `/status` below the same function's URL.
    pub(crate) fn status(&self) -> Self {
        let (url, fragment) = self.0.split_once('#').unwrap_or((&self.0, ""));
        let (path, query) = url
            .split_once('?')
            .map_or((url, String::new()), |(path, query)| {
                (path, format!("?{query}"))
            });
        Self(format!(
            "{}/status{query}#{fragment}",
            path.trim_end_matches('/')
        ))
    }
}

impl FromStr for Webhook {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (path, query) = address
            .split_once('?')
            .map_or((address, None), |(path, query)| (path, Some(query)));
        path.parse::<BaseUrl>().map_err(drop)?;
        // A URL without a path is signed with a slash.
        let slash = if path.matches('/').count() == 2 {
            "/"
        } else {
            ""
        };
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        // Without overrides Twilio retries once, and only after a failed connection.
        let fragment = if fragment.is_empty() {
            "rc=3&rp=5xx,ct,rt"
        } else {
            fragment
        };
        let url = format!("{path}{slash}{query}#{fragment}");
        if url.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(url))
        } else {
            Err(())
        }
    }
}

/// Reads numbers as people of a country write them.
pub(crate) struct Dialect {
    /// Created when first needed. It takes milliseconds and megabytes, and the hook does not need
    /// it.
    util: OnceLock<Option<PhoneNumberUtil>>,
    pub(crate) region: Region,
}

impl Dialect {
    /// The dialect of an ISO 3166 region, one of those that [`shared::rules::phone::Countries`]
    /// knows.
    pub(crate) fn new(region: &str) -> Option<Self> {
        Some(Self {
            util: OnceLock::new(),
            region: region.parse().ok()?,
        })
    }

    /// Reads `DEFAULT_REGION`.
    pub(crate) fn of_region(source: &mut Source<'_>) -> Self {
        let name = region(source, "DEFAULT_REGION");
        Self::new(&name).unwrap_or_else(|| {
            if is_region(&name) {
                source.problem("DEFAULT_REGION has no telephone numbers");
            }
            Self {
                util: OnceLock::new(),
                region: Region::US,
            }
        })
    }

    fn util(&self) -> Option<&PhoneNumberUtil> {
        let read = || {
            PhoneNumberUtil::new()
                .inspect_err(|error| tracing::error!(%error, "no number can be read"))
                .ok()
        };
        self.util.get_or_init(read).as_ref()
    }

    /// The number in `text`, in national or international form and with a length that its country
    /// has. Only digits and the usual punctuation are read. A text with anything else (letters,
    /// extensions, invisible characters that change the direction) gives `None`.
    pub(crate) fn read(&self, text: &str) -> Option<E164> {
        let usual = |c: char| {
            c.is_ascii_digit()
                || matches!(
                    c,
                    '+' | ' '
                        | '-'
                        | '.'
                        | '('
                        | ')'
                        | '/'
                        | '\u{a0}'
                        | '\u{2009}'
                        | '\u{202f}'
                        | '\u{2010}'..='\u{2015}'
                )
        };
        let text = text.trim();
        let leads = text
            .rfind('+')
            .is_none_or(|plus| !text[..plus].contains(|c: char| c.is_ascii_digit()));
        if text.chars().count() > LONGEST || !text.chars().all(usual) || !leads {
            return None;
        }
        let util = self.util()?;
        let number = util.parse(text, Some(self.region)).ok()?;
        let whole = matches!(
            util.is_possible_number_with_reason(&number),
            Ok(NumberLengthType::IsPossible)
        );
        let written = util.format(&number, PhoneNumberFormat::E164);
        written
            .parse()
            .ok()
            .filter(|_| whole && number.extension.is_none())
    }
}

/// What the rules for a user depend on, besides the user.
pub(crate) struct World<'a> {
    pub(crate) dialect: &'a Dialect,
    /// The countries of allowed mobile numbers. `None`: all countries, without premium-rate ranges.
    pub(crate) countries: Option<&'a Countries>,
    pub(crate) clean: bool,
    /// All numbers of the account.
    pub(crate) company: &'a HashSet<E164>,
}

/// What is known about one user's number.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Holding<'a> {
    /// The number at Twilio with the user's name.
    pub(crate) number: Option<&'a E164>,
    /// The number that was released.
    pub(crate) released: Option<&'a E164>,
    /// True if the profile contains a number that was bought for another user. Users may be allowed
    /// to edit their profiles.
    pub(crate) usurped: bool,
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

/// What to do for `user`.
pub(crate) fn plan(user: &User, holding: Holding<'_>, world: &World<'_>) -> Plan {
    let nothing = Plan {
        clean: None,
        national: None,
        number: Number::Nothing,
    };
    let Some(written) = user
        .mobile_phone
        .as_deref()
        .filter(|_| user.status == Status::Active)
    else {
        return nothing;
    };
    let given = user.primary_phone.as_deref().filter(|given| {
        holding
            .released
            .is_none_or(|number| number.reveal() != *given)
    });
    let mobile = world.dialect.read(written);
    let clean = mobile
        .clone()
        .filter(|mobile| world.clean && mobile.reveal() != written);
    let national = mobile
        .clone()
        .filter(|mobile| !world.clean && E164::from_written(written).as_ref() != Some(mobile));
    let number = match (given, holding.number, mobile) {
        (None, _, Some(mobile)) => {
            acceptable(&mobile, world).map_or(Number::Needed, Number::Skipped)
        }
        (None, ..) => Number::Skipped("mobile_unparsable"),
        (Some(_), ..) if holding.usurped => Number::Skipped("primary_phone_is_another_users"),
        // A person set another number, and it stays. Our own costs money without use.
        (Some(given), Some(number), _) if given != number.reveal() => {
            Number::Skipped("primary_phone_set_by_hand")
        }
        (Some(_), _, None) if world.clean => Number::Skipped("mobile_unparsable"),
        _ => Number::Nothing,
    };
    let national = national.filter(|_| given.is_some() || number == Number::Needed);
    Plan {
        clean,
        national,
        number,
    }
}

/// Why calls are not forwarded to a mobile number.
fn acceptable(mobile: &E164, world: &World<'_>) -> Option<&'static str> {
    if world.company.contains(mobile) {
        Some("mobile_is_company_number")
    } else if mobile.is_costly() {
        Some("mobile_is_costly")
    } else if world
        .countries
        .is_some_and(|countries| !mobile.is_allowed(countries))
    {
        Some("mobile_country_not_allowed")
    } else {
        None
    }
}

/// What to do with the number of an absent user.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// The user is back, suspended, or not yet activated: the number stays.
    Keep,
    /// The user has left, but not long enough. Holds the time of departure (epoch seconds).
    Wait(u64),
    /// The user left long enough ago.
    Release,
}

/// Decides about an absent user. `user`: `None` if Okta has no user with this id. `noted`: when the
/// absence was first seen (epoch seconds).
pub(crate) fn farewell(
    user: Option<&User>,
    noted: Option<u64>,
    days: u64,
    now: SystemTime,
) -> Farewell {
    let gone = match user {
        None => None,
        Some(user) if user.status == Status::Deprovisioned => user.status_changed,
        Some(_) => return Farewell::Keep,
    };
    let now = epoch(now);
    let since = gone.map(epoch).or(noted).unwrap_or(now).min(now);
    if now - since >= days * DAY.as_secs() {
        Farewell::Release
    } else {
        Farewell::Wait(since)
    }
}

/// With at least this many users, a walk is worth avoiding.
pub(crate) const MANY: usize = 1_000;
/// After this many seconds a run visits all users, whatever the last walk found: webhooks may have
/// changed at Twilio, and a user may have been absent long enough.
const WALK: u64 = 3_600;
/// How many seconds Okta's lists may lag behind.
const BEHIND: u64 = 120;

/// The time from which changes count (epoch seconds), if only changed users need a visit.
pub(crate) fn since(progress: &Progress, settings: &str, now: SystemTime) -> Option<u64> {
    let quiet = progress.quiet.as_ref()?;
    let age = epoch(now).checked_sub(quiet.walked_at)?;
    let holds = age < WALK && quiet.settings == settings && progress.next.is_none();
    holds.then(|| quiet.looked_at.saturating_sub(BEHIND))
}

/// When a run begins no new work, and when it gives up its current step. Both are before `left`,
/// when Lambda ends it.
pub(crate) fn stops(left: Duration) -> (Duration, Duration) {
    let margin = Duration::from_secs(20).min(left / 3);
    (left.saturating_sub(margin), left.saturating_sub(margin / 4))
}

/// What a run did, or in a dry run would have done. `user` is the Okta id.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) dry_run: bool,
    pub(crate) purchased: Vec<Assigned>,
    pub(crate) cleaned: Vec<Person>,
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) failed: Vec<Failed>,
    pub(crate) released: Vec<Assigned>,
    pub(crate) rewired: Vec<Assigned>,
    /// The visited users who still need a number and did not fail, and the queued users without a
    /// number.
    pub(crate) remaining: u64,
    /// True if the run reached the end of Okta's users and of the numbers that need other webhooks.
    pub(crate) complete: bool,
    /// True if another run was active, so that this one did nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) locked: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Assigned {
    pub(crate) user: String,
    pub(crate) number: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Person {
    pub(crate) user: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Skipped {
    pub(crate) user: String,
    pub(crate) reason: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Failed {
    pub(crate) user: String,
    pub(crate) step: &'static str,
    pub(crate) reason: String,
}

impl Report {
    pub(crate) fn new(dry_run: bool) -> Self {
        Self {
            dry_run,
            purchased: Vec::new(),
            cleaned: Vec::new(),
            skipped: Vec::new(),
            failed: Vec::new(),
            released: Vec::new(),
            rewired: Vec::new(),
            remaining: 0,
            complete: false,
            locked: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::ledger::Quiet;

    const OURS: &str = "+14155550100";
    const RELEASED: &str = "+14155550199";

    fn number(text: &str) -> E164 {
        text.parse().unwrap()
    }

    fn user(status: Status, mobile: Option<&str>, primary: Option<&str>) -> User {
        User {
            id: "00u1".to_owned(),
            status,
            first_name: None,
            primary_phone: primary.map(str::to_owned),
            mobile_phone: mobile.map(str::to_owned),
            login: None,
            status_changed: None,
        }
    }

    #[test]
    fn a_walk_is_spared_for_an_hour_while_nothing_else_changed() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let quiet = Quiet {
            walked_at: 10_000,
            looked_at: 11_000,
            settings: "a".to_owned(),
        };
        let progress = Progress {
            quiet: Some(quiet),
            ..Progress::default()
        };
        assert_eq!(since(&progress, "a", at(13_599)), Some(10_880));
        assert_eq!(since(&progress, "a", at(13_600)), None);
        assert_eq!(since(&progress, "a", at(9_999)), None, "a clock was wrong");
        assert_eq!(since(&progress, "b", at(12_000)), None);
        assert_eq!(since(&Progress::default(), "a", at(12_000)), None);
        let stopped = Progress {
            next: Some("page".to_owned()),
            ..progress
        };
        assert_eq!(since(&stopped, "a", at(12_000)), None);
    }

    #[test]
    fn numbers_as_people_write_them() {
        let (us, dk, gb) = (
            Dialect::new("US").unwrap(),
            Dialect::new("DK").unwrap(),
            Dialect::new("GB").unwrap(),
        );
        for (dialect, text, read) in [
            (&us, "(302) 482-9229", "+13024829229"),
            (&us, "302.482.9229", "+13024829229"),
            (&us, "1 302 482 9229", "+13024829229"),
            (&us, " +1 302-482-9229 ", "+13024829229"),
            (&us, "+1\u{a0}302\u{2011}482\u{2011}9229", "+13024829229"),
            (&us, "+45 20 30 40 50", "+4520304050"),
            (&us, "011 45 20304050", "+4520304050"),
            (&us, "+44 (0)20 7946 0958", "+442079460958"),
            (&us, "+39 06 698 12345", "+390669812345"),
            (&us, "(+45) 20304050", "+4520304050"),
            (&us, "5005550006", "+15005550006"),
            (&dk, "20 30 40 50", "+4520304050"),
            (&dk, "0045 20304050", "+4520304050"),
            (&gb, "07700 900123", "+447700900123"),
        ] {
            assert_eq!(dialect.read(text), Some(number(read)), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_number_is_not_guessed_at() {
        let us = Dialect::new("US").unwrap();
        for text in [
            "",
            " ",
            "n/a",
            "+",
            "-",
            "()",
            "911",
            "112",
            "4829229",
            "+999 12345678",
            "302-482-9229 ext. 5",
            "302-482-9229x5",
            "302-482-9229;ext=5",
            "1-800-FLOWERS",
            "3024829229 / 3024829230",
            "302-482-9229, 302-482-9230",
            "+13024829229+",
            "\u{202e}+13024829229",
            "+1302\u{200f}4829229",
            "+1302\u{200b}4829229",
            "+1302\u{0}4829229",
            "+1302\n4829229",
            "+١٣٠٢٤٨٢٩٢٢٩",
            "tel:+13024829229",
            ".;phone-context=",
            "+dwPAA;phone-context=AA",
            "<script>",
            "+1302482922912345678901234567890",
        ] {
            assert_eq!(us.read(text), None, "{text:?}");
        }
        assert_eq!(us.read(&"3".repeat(1_000_000)), None);
        assert_eq!(
            us.read(&format!("302482{}9229", "-".repeat(90))),
            Some(number("+13024829229"))
        );
        assert!(Dialect::new("").is_none() && Dialect::new("USA").is_none());
    }

    /// So that the settings need not ask the library.
    #[test]
    fn every_region_that_the_settings_accept_has_numbers() {
        let letters = || (b'A'..=b'Z').map(char::from);
        let pairs =
            letters().flat_map(|first| letters().map(move |second| format!("{first}{second}")));
        let regions: Vec<_> = pairs
            .filter(|pair| pair.parse::<Countries>().is_ok())
            .collect();
        assert!(
            regions.len() > 200 && !regions.iter().any(|region| region == "XX"),
            "{regions:?}"
        );
        for region in regions {
            let dialect = Dialect::new(&region).unwrap();
            assert!(
                dialect
                    .util()
                    .unwrap()
                    .get_country_code_for_region(dialect.region)
                    .is_some(),
                "{region}"
            );
        }
    }

    #[test]
    fn who_gets_a_number() {
        use Number::{Needed, Nothing, Skipped};
        use Status::{Active, Deprovisioned, LockedOut, Staged, Suspended};
        let dialect = Dialect::new("US").unwrap();
        let company = HashSet::from([number(OURS), number("+14155550111")]);
        let countries: Countries = "US,DK".parse().unwrap();
        let (ours, released) = (number(OURS), number(RELEASED));
        let none = Holding::default();
        let holds = Holding {
            number: Some(&ours),
            ..none
        };
        let gave_back = Holding {
            released: Some(&released),
            ..none
        };
        let (mobile, by_hand) = (Some("+13024829229"), Some("+1 302 482 0000"));
        for (what, status, mobile, primary, holding, expected) in [
            ("a new employee", Active, mobile, None, none, Needed),
            (
                "whose number waits at Twilio",
                Active,
                mobile,
                None,
                holds,
                Needed,
            ),
            ("who has one", Active, mobile, Some(OURS), holds, Nothing),
            (
                "whose number was set by hand",
                Active,
                mobile,
                by_hand,
                none,
                Nothing,
            ),
            (
                "who took a colleague's",
                Active,
                mobile,
                Some(OURS),
                Holding {
                    usurped: true,
                    ..none
                },
                Skipped("primary_phone_is_another_users"),
            ),
            (
                "although we have one",
                Active,
                mobile,
                by_hand,
                holds,
                Skipped("primary_phone_set_by_hand"),
            ),
            (
                "who came back",
                Active,
                mobile,
                Some(RELEASED),
                gave_back,
                Needed,
            ),
            (
                "and had one set by hand",
                Active,
                mobile,
                by_hand,
                gave_back,
                Nothing,
            ),
            ("without a mobile", Active, None, None, none, Nothing),
            (
                "with a strange one",
                Active,
                Some("call me"),
                None,
                none,
                Skipped("mobile_unparsable"),
            ),
            (
                "although served",
                Active,
                Some("call me"),
                Some(OURS),
                holds,
                Skipped("mobile_unparsable"),
            ),
            (
                "with a company number as mobile",
                Active,
                Some("(415) 555-0111"),
                None,
                none,
                Skipped("mobile_is_company_number"),
            ),
            (
                "with the own one",
                Active,
                Some(OURS),
                None,
                holds,
                Skipped("mobile_is_company_number"),
            ),
            (
                "with a premium one",
                Active,
                Some("+1 900 555 0123"),
                None,
                none,
                Skipped("mobile_is_costly"),
            ),
            (
                "in the Caribbean",
                Active,
                Some("+1 876 555 0123"),
                None,
                none,
                Skipped("mobile_country_not_allowed"),
            ),
            ("not yet here", Staged, mobile, None, none, Nothing),
            ("suspended", Suspended, mobile, None, none, Nothing),
            ("locked out", LockedOut, mobile, None, none, Nothing),
            ("gone", Deprovisioned, mobile, None, none, Nothing),
        ] {
            let world = World {
                dialect: &dialect,
                countries: Some(&countries),
                clean: true,
                company: &company,
            };
            assert_eq!(
                plan(&user(status, mobile, primary), holding, &world).number,
                expected,
                "{what}"
            );
        }
        let world = World {
            dialect: &dialect,
            countries: None,
            clean: false,
            company: &company,
        };
        let anywhere = plan(&user(Active, Some("+1 876 555 0123"), None), none, &world);
        assert_eq!(
            anywhere,
            Plan {
                clean: None,
                national: None,
                number: Needed
            }
        );
        let national = plan(&user(Active, Some("(302) 482-9229"), None), none, &world);
        assert_eq!(
            national,
            Plan {
                clean: None,
                national: Some(number("+13024829229")),
                number: Needed
            }
        );
        assert_eq!(
            plan(&user(Active, Some("call me"), Some(OURS)), holds, &world).number,
            Nothing,
            "nobody asked to clean"
        );
    }

    #[test]
    fn whose_mobile_is_rewritten() {
        let dialect = Dialect::new("US").unwrap();
        let company = HashSet::new();
        let clean = |clean, status, mobile| {
            let world = World {
                dialect: &dialect,
                countries: None,
                clean,
                company: &company,
            };
            plan(
                &user(status, Some(mobile), Some("set by hand")),
                Holding::default(),
                &world,
            )
            .clean
        };
        assert_eq!(
            clean(true, Status::Active, "(302) 482-9229"),
            Some(number("+13024829229"))
        );
        assert_eq!(
            clean(true, Status::Active, "+1 900 555 0123"),
            Some(number("+19005550123"))
        );
        for (on, status, mobile) in [
            (true, Status::Active, "+13024829229"),
            (true, Status::Active, "call me"),
            (false, Status::Active, "(302) 482-9229"),
            (true, Status::Suspended, "(302) 482-9229"),
        ] {
            assert_eq!(clean(on, status, mobile), None, "{on} {status:?} {mobile}");
        }
    }

    #[test]
    fn when_a_number_is_given_back() {
        let day = |n: u64| UNIX_EPOCH + Duration::from_hours(24 * n);
        let gone = |since: Option<u64>| User {
            status_changed: since.map(day),
            ..user(Status::Deprovisioned, None, None)
        };
        let seconds = |n: u64| epoch(day(n));
        for (what, user, noted, expected) in [
            (
                "gone long enough",
                Some(gone(Some(70))),
                None,
                Farewell::Release,
            ),
            (
                "just now long enough",
                Some(gone(Some(70))),
                Some(seconds(99)),
                Farewell::Release,
            ),
            (
                "not yet",
                Some(gone(Some(71))),
                None,
                Farewell::Wait(seconds(71)),
            ),
            (
                "in the future",
                Some(gone(Some(200))),
                None,
                Farewell::Wait(seconds(100)),
            ),
            (
                "since nobody knows when",
                Some(gone(None)),
                None,
                Farewell::Wait(seconds(100)),
            ),
            (
                "noted",
                Some(gone(None)),
                Some(seconds(70)),
                Farewell::Release,
            ),
            ("deleted", None, None, Farewell::Wait(seconds(100))),
            (
                "deleted long ago",
                None,
                Some(seconds(60)),
                Farewell::Release,
            ),
            (
                "back",
                Some(user(Status::Active, None, None)),
                Some(seconds(1)),
                Farewell::Keep,
            ),
            (
                "suspended",
                Some(user(Status::Suspended, None, None)),
                Some(seconds(1)),
                Farewell::Keep,
            ),
            (
                "in a status of the future",
                Some(user(Status::Unknown, None, None)),
                Some(seconds(1)),
                Farewell::Keep,
            ),
        ] {
            assert_eq!(
                farewell(user.as_ref(), noted, 30, day(100)),
                expected,
                "{what}"
            );
        }
    }

    #[test]
    fn webhooks_get_overrides_unless_they_have_some() {
        for (text, registered, status) in [
            (
                "https://x.on.aws",
                "https://x.on.aws/#rc=3&rp=5xx,ct,rt",
                "https://x.on.aws/status#rc=3&rp=5xx,ct,rt",
            ),
            (
                "https://x.on.aws/",
                "https://x.on.aws/#rc=3&rp=5xx,ct,rt",
                "https://x.on.aws/status#rc=3&rp=5xx,ct,rt",
            ),
            (
                "https://x.on.aws/call?a=1",
                "https://x.on.aws/call?a=1#rc=3&rp=5xx,ct,rt",
                "https://x.on.aws/call/status?a=1#rc=3&rp=5xx,ct,rt",
            ),
            (
                "https://x.on.aws/#rc=1",
                "https://x.on.aws/#rc=1",
                "https://x.on.aws/status#rc=1",
            ),
            (
                "http://127.0.0.1:4701/",
                "http://127.0.0.1:4701/#rc=3&rp=5xx,ct,rt",
                "http://127.0.0.1:4701/status#rc=3&rp=5xx,ct,rt",
            ),
        ] {
            let webhook: Webhook = text.parse().unwrap();
            assert_eq!(
                (webhook.0.as_str(), webhook.status().0.as_str()),
                (registered, status),
                "{text}"
            );
        }
        for text in [
            "",
            "x.on.aws",
            "http://x.on.aws/",
            "https://u:p@x.on.aws/",
            "https://x.on.aws/ y",
            "ftp://x",
        ] {
            assert!(text.parse::<Webhook>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_run_stops_before_it_is_stopped() {
        let seconds = Duration::from_secs;
        assert_eq!(stops(seconds(300)), (seconds(280), seconds(295)));
        assert_eq!(stops(seconds(12)), (seconds(8), seconds(11)));
        assert_eq!(stops(seconds(0)), (seconds(0), seconds(0)));
    }

    #[test]
    fn whose_number_it_is() {
        assert_eq!(owner(&name_of("00u1")), Some("00u1"));
        for name in [
            "",
            "00u1",
            "switchboard:",
            "switchboard:a b",
            "switchboard:../x",
            "Switchboard:00u1",
        ] {
            assert_eq!(owner(name), None, "{name}");
        }
        assert!(!is_id(&"x".repeat(41)) && is_id("00u1AbC") && !is_id("a#b"));
    }
}
