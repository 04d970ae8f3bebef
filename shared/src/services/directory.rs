//! The employee whose number was called or texted: by Okta's answer, or by the last good answer
//! while Okta gives none.
//!
//! Okta and the copy in the table (`directory#<company number>`, 30 days) are asked at the same
//! time, so that an outage costs no further round trip. Okta's answer counts whenever there is one:
//! it overwrites the copy of a user who has left or is suspended. Users may be allowed to edit their
//! profiles, so provision-numbers notes for whom it bought a number (`number#<company number>`). In
//! the profile of anybody else that number does not count. The copy is written only when
//! something has changed, or when half of its life is over. Each instance remembers an answer for a
//! minute. So a call and the requests after it, or a flood of texts to a number without an
//! employee, cost Okta one request. Numbers without an employee are remembered apart, so that they
//! push no employee out. They also have only a share of Okta's rate limit: an instance that has
//! found many of them within a minute believes a copy that says so, if it was written in the last
//! ten minutes, without asking Okta again. Who gets such a number is served soon all the same.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use crate::lock;
use crate::platform::Platform;
use crate::platform::config::Source;
use crate::platform::reply::Failure;
use crate::platform::table::{Item, Key, Table, Unavailable, Update};
use crate::platform::time::{DAY, epoch};
use crate::rules::phone::E164;
use crate::vendors::okta::user::{Attribute, Status, User};
use crate::vendors::okta::users::{Found, Users};
use crate::vendors::okta::{Access, CallError};

const COPY_LIFE: u64 = 30 * DAY;
/// For how long a copy that says that nobody has a number is believed while Okta answers, in
/// seconds. It is written anew after half of that time.
const NOBODY_LIFE: u64 = 10 * 60;
const MEMORY: Duration = Duration::from_mins(1);
/// A caller waits on the phone, or Twilio for an answer.
const OKTA_TIME: Duration = Duration::from_secs(6);
/// Okta's answer does not wait longer than this for its copy.
const TABLE_TIME: Duration = Duration::from_secs(3);
/// More company numbers than one instance serves within a minute. As many numbers without an
/// employee are remembered.
const REMEMBERED: usize = 1_000;
/// Searches a minute, of one instance, for numbers without an employee.
const NOBODYS: u64 = 20;

/// The directory's answer for a company number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// This employee has the number.
    Employee(Employee),
    /// No employee who can be served has the number; the outcome word says why: `unknown_number`,
    /// `user_not_active`, `ambiguous_number`.
    Nobody(&'static str),
}

impl Listing {
    /// The locale of the employee's language, if the directory knows it.
    pub fn locale(&self) -> Option<&str> {
        match self {
            Self::Employee(employee) => employee.locale.as_deref(),
            Self::Nobody(_) => None,
        }
    }
}

/// An employee with a company number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Employee {
    /// Okta's id.
    pub id: String,
    /// Untrusted text.
    pub first_name: Option<String>,
    /// The employee's own phone, if the profile has it in international form.
    pub mobile: Option<E164>,
    /// The locale of the employee's language, such as `da-DK`. Untrusted text.
    pub locale: Option<String>,
    /// Whether `mobile` is a company number itself, as far as the table knows.
    pub mobile_is_ours: bool,
}

/// The directory.
pub struct Directory {
    users: Users,
    table: Table,
    memory: Mutex<Memory>,
}

/// Recent answers and their times.
#[derive(Default)]
struct Memory {
    employees: HashMap<E164, (Listing, SystemTime)>,
    nobodys: HashMap<E164, (Listing, SystemTime)>,
    /// The minute, and how many of its searches found no employee.
    in_vain: (u64, u64),
}

impl Memory {
    fn get(&self, number: &E164, now: SystemTime) -> Option<Listing> {
        let entry = self
            .employees
            .get(number)
            .or_else(|| self.nobodys.get(number));
        let (listing, since) = entry?;
        now.duration_since(*since)
            .is_ok_and(|age| age < MEMORY)
            .then(|| listing.clone())
    }

    fn put(&mut self, number: &E164, listing: &Listing, now: SystemTime) {
        let is_employee = matches!(listing, Listing::Employee(_));
        let (part, other) = if is_employee {
            (&mut self.employees, &mut self.nobodys)
        } else {
            (&mut self.nobodys, &mut self.employees)
        };
        if part.len() >= REMEMBERED {
            part.clear();
        }
        part.insert(number.clone(), (listing.clone(), now));
        other.remove(number);
    }

    /// Whether so many of this minute's searches found no employee that copies are believed.
    fn has_asked_enough(&self, now: SystemTime) -> bool {
        self.in_vain.0 == epoch(now) / 60 && self.in_vain.1 >= NOBODYS
    }

    fn note_in_vain(&mut self, now: SystemTime) {
        let minute = epoch(now) / 60;
        self.in_vain = (
            minute,
            if self.in_vain.0 == minute {
                self.in_vain.1 + 1
            } else {
                1
            },
        );
    }
}

impl Directory {
    /// The directory over an org's users.
    pub fn new(users: Users, table: Table) -> Self {
        Self {
            users,
            table,
            memory: Mutex::default(),
        }
    }

    /// Reads `OKTA_URL` and `OKTA_SECRET`.
    pub fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        let users = Users::read(platform, source, Access::Read);
        Self::new(users, platform.table.clone())
    }

    /// Gets ahead what the first look-up needs: the credentials for Okta, and a connection.
    pub async fn warm_up(&self, now: SystemTime) {
        tokio::join!(self.users.warm_up(now), self.users.connect());
    }

    /// The employee with this number.
    ///
    /// # Errors
    /// 503 `directory_unavailable`: Okta gives no answer and there is no copy.
    pub async fn find(&self, number: &E164, now: SystemTime) -> Result<Listing, Failure> {
        if let Some(listing) = lock(&self.memory).get(number, now) {
            return Ok(listing);
        }
        let has_asked_enough = lock(&self.memory).has_asked_enough(now);
        if has_asked_enough
            && let Ok(Some(copy)) =
                Table::within(TABLE_TIME, self.table.get(key(number), now)).await
            && let Some(listing @ Listing::Nobody(_)) = read(&copy)
            && age(&copy, now) < NOBODY_LIFE
        {
            lock(&self.memory).put(number, &listing, now);
            return Ok(listing);
        }
        let asked = tokio::time::timeout(
            OKTA_TIME,
            self.users.by_phone(Attribute::PrimaryPhone, number, now),
        );
        let (answer, copy, bought) = tokio::join!(
            asked,
            Table::within(TABLE_TIME, self.table.get(key(number), now)),
            Table::within(TABLE_TIME, self.table.get(bought(number), now))
        );
        let answer = answer
            .unwrap_or_else(|_| Err(CallError::Unavailable("Okta: no answer in time".to_owned())));
        let listing = match answer {
            Ok(found) => self.accept(number, found, copy, bought, now).await,
            Err(error) => {
                let copy = copy.map_err(|table| unavailable(&format!("{error}; {table}")))?;
                let listing = copy
                    .as_ref()
                    .and_then(read)
                    .ok_or_else(|| unavailable(&format!("{error}; no copy")))?;
                tracing::warn!(%error, "the last good answer serves instead of Okta's");
                return Ok(listing);
            }
        };
        let mut memory = lock(&self.memory);
        memory.put(number, &listing, now);
        if matches!(listing, Listing::Nobody(_)) {
            memory.note_in_vain(now);
        }
        Ok(listing)
    }

    /// Whether this is a company number: one that the directory has seen, or that was bought for an
    /// employee.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn is_ours(&self, number: &E164, now: SystemTime) -> Result<bool, Unavailable> {
        let (seen, bought) = tokio::try_join!(
            Table::within(TABLE_TIME, self.table.get(key(number), now)),
            Table::within(TABLE_TIME, self.table.get(bought(number), now))
        )?;
        Ok(seen.is_some() || bought.is_some())
    }

    /// Okta's answer as a listing. The copy is updated with it. `bought`: what provision-numbers
    /// noted about the number.
    async fn accept(
        &self,
        number: &E164,
        found: Found,
        copy: Result<Option<Item>, Unavailable>,
        bought: Result<Option<Item>, Unavailable>,
        now: SystemTime,
    ) -> Listing {
        let owner = bought.as_ref().ok().and_then(Option::as_ref);
        let found = match owner.and_then(|item| item.text("user")) {
            Some(owner) => rightful(found, owner),
            None => found,
        };
        let unread = match &found {
            Found::One(user) if user.status.is_served() => user
                .mobile_phone
                .clone()
                .map(|written| (user.id.clone(), written)),
            _ => None,
        };
        let mut listing = listing_of(found);
        if let (Listing::Employee(employee @ Employee { mobile: None, .. }), Some((id, written))) =
            (&mut listing, &unread)
        {
            employee.mobile = self.as_read_before(id, written, now).await;
        }
        // Without the owner the copy would hold what was not verified.
        let copy = match copy.and_then(|copy| bought.map(|_| copy)) {
            Ok(copy) => copy,
            Err(error) => {
                tracing::warn!(%error, "Okta's answer could not be compared with the table");
                return listing;
            }
        };
        let known = copy.as_ref().and_then(read);
        // While the mobile is the same, `mobile_is_ours` of the copy still holds.
        if let (Listing::Employee(employee), Some(Listing::Employee(known))) =
            (&mut listing, &known)
            && employee.mobile == known.mobile
        {
            employee.mobile_is_ours = known.mobile_is_ours;
        }
        let life = match listing {
            Listing::Employee(_) => COPY_LIFE,
            Listing::Nobody(_) => NOBODY_LIFE,
        };
        if known.as_ref() == Some(&listing) && copy.is_some_and(|copy| age(&copy, now) < life / 2) {
            return listing;
        }
        if let Listing::Employee(employee) = &mut listing
            && let Some(mobile) = &employee.mobile
        {
            employee.mobile_is_ours = self
                .is_ours(mobile, now)
                .await
                .unwrap_or(employee.mobile_is_ours);
        }
        if let Err(error) =
            Table::within(TABLE_TIME, self.table.update(write(number, &listing, now))).await
        {
            tracing::warn!(%error, "Okta's answer could not be copied");
        }
        listing
    }

    /// The number for a mobile in national form, as it was read when the employee got the company
    /// number.
    async fn as_read_before(&self, id: &str, written: &str, now: SystemTime) -> Option<E164> {
        let entry = Table::within(
            TABLE_TIME,
            self.table
                .get(Key::new(format!("number#{id}"), "number"), now),
        )
        .await;
        let entry = entry.unwrap_or_else(|error| {
            tracing::warn!(%error, "a mobile in national form could not be looked up");
            None
        })?;
        entry
            .text("mobile")
            .filter(|_| entry.text("mobile_written") == Some(written))?
            .parse()
            .ok()
    }
}

fn key(number: &E164) -> Key {
    Key::new(format!("directory#{}", number.reveal()), "entry")
}

/// What provision-numbers notes about a number that it bought: the user's id.
fn bought(number: &E164) -> Key {
    Key::new(format!("number#{}", number.reveal()), "owner")
}

/// Okta's answer for a number that was bought for `owner`: nobody else has it, whatever the profiles
/// say.
fn rightful(found: Found, owner: &str) -> Found {
    let users = match found {
        Found::Nobody => return Found::Nobody,
        Found::One(user) => vec![user],
        Found::Several(users) => users,
    };
    let (mut owners, others): (Vec<User>, Vec<User>) =
        users.into_iter().partition(|user| user.id == owner);
    let others = others
        .iter()
        .filter(|user| user.status != Status::Deprovisioned);
    let others: Vec<&str> = others.map(|user| user.id.as_str()).collect();
    if !others.is_empty() {
        tracing::error!(
            users = others.join(","),
            owner,
            "a profile has a company number that was bought for another user, and does not count: \
             remove the number there, or hand it over: docs/company-phone.md"
        );
    }
    owners.pop().map_or(Found::Nobody, Found::One)
}

fn unavailable(cause: &str) -> Failure {
    Failure {
        status: 503,
        outcome: "directory_unavailable",
        cause: cause.to_owned(),
    }
}

fn listing_of(found: Found) -> Listing {
    match found {
        Found::Nobody => Listing::Nobody("unknown_number"),
        Found::One(User {
            id,
            status,
            first_name,
            mobile_phone,
            locale,
            ..
        }) if status.is_served() => {
            let mobile = mobile_phone.as_deref().and_then(E164::from_written);
            Listing::Employee(Employee {
                id,
                first_name,
                mobile,
                // A longer one is none (RFC 5646, section 4.4.1).
                locale: locale.filter(|locale| locale.len() <= 35),
                mobile_is_ours: false,
            })
        }
        Found::One(_) => Listing::Nobody("user_not_active"),
        Found::Several(users) => {
            let ids: Vec<&str> = users.iter().map(|user| user.id.as_str()).collect();
            tracing::error!(
                users = ids.join(","),
                "several users have the same company number; none is served"
            );
            Listing::Nobody("ambiguous_number")
        }
    }
}

fn read(item: &Item) -> Option<Listing> {
    let stored = |word: &str| item.text("state") == Some(word);
    if let Some(word) = ["unknown_number", "user_not_active", "ambiguous_number"]
        .into_iter()
        .find(|word| stored(word))
    {
        return Some(Listing::Nobody(word));
    }
    stored("employee").then(|| {
        Some(Listing::Employee(Employee {
            id: item.text("user")?.to_owned(),
            first_name: item.text("first_name").map(str::to_owned),
            mobile: item.text("mobile").and_then(|mobile| mobile.parse().ok()),
            locale: item.text("locale").map(str::to_owned),
            mobile_is_ours: item.number("mobile_is_ours") == Some(1),
        }))
    })?
}

/// How long ago a copy was written, in seconds.
fn age(copy: &Item, now: SystemTime) -> u64 {
    let written = copy.number("expires_at").unwrap_or_default();
    (epoch(now) + COPY_LIFE).saturating_sub(written)
}

fn write(number: &E164, listing: &Listing, now: SystemTime) -> Update {
    let update = Update::new(key(number)).set("expires_at", epoch(now) + COPY_LIFE);
    let optional = |update: Update, name: &str, value: Option<&str>| match value {
        Some(value) => update.set(name, value),
        None => update.remove(name),
    };
    match listing {
        Listing::Nobody(word) => {
            let update = update.set("state", *word);
            ["user", "first_name", "mobile", "mobile_is_ours", "locale"]
                .into_iter()
                .fold(update, Update::remove)
        }
        Listing::Employee(employee) => {
            let update = update
                .set("state", "employee")
                .set("user", employee.id.as_str())
                .set("mobile_is_ours", u64::from(employee.mobile_is_ours));
            let update = optional(update, "first_name", employee.first_name.as_deref());
            let update = optional(update, "locale", employee.locale.as_deref());
            optional(update, "mobile", employee.mobile.as_ref().map(E164::reveal))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_any_number_of_company_numbers_a_thousand_are_remembered() {
        let (mut memory, now) = (Memory::default(), SystemTime::UNIX_EPOCH);
        let number = |n: usize| E164::from_written(&format!("+1202555{n:04}")).unwrap();
        let employee = |n: usize| {
            Listing::Employee(Employee {
                id: n.to_string(),
                first_name: None,
                mobile: None,
                locale: None,
                mobile_is_ours: false,
            })
        };
        memory.put(&number(0), &employee(0), now);
        for n in 1..=3 * REMEMBERED {
            memory.put(&number(n), &Listing::Nobody("unknown_number"), now);
            assert!(memory.nobodys.len() <= REMEMBERED);
        }
        assert_eq!(memory.get(&number(0), now), Some(employee(0)));
        for n in 0..=3 * REMEMBERED {
            memory.put(&number(n), &employee(n), now);
            assert!(memory.employees.len() <= REMEMBERED);
        }
        let last = 3 * REMEMBERED;
        assert_eq!(memory.get(&number(last), now), Some(employee(last)));
        assert!(memory.nobodys.len() <= REMEMBERED);
    }
}
