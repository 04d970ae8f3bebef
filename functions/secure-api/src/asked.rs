//! What a request asks for.

use shared::rules::account::AccountNumber;
use shared::rules::phone::E164;

const ACCOUNTS: &str = "/accounts";

/// The account that is asked for.
#[derive(PartialEq, Eq)]
pub(crate) enum Asked {
    /// By its number; `None` if the text cannot be one.
    Number(Option<AccountNumber>),
    /// By its phone; `None` if the query does not hold one phone and nothing else.
    Phone(Option<E164>),
}

impl Asked {
    /// `None` if there is nothing at this path.
    pub(crate) fn read(path: &str, query: &str) -> Option<Self> {
        let rest = path.strip_prefix(ACCOUNTS)?;
        if rest.is_empty() {
            return Some(Self::Phone(phone(query)));
        }
        let number = rest
            .strip_prefix('/')
            .filter(|number| !number.contains('/'))?;
        Some(Self::Number(number.parse().ok()))
    }
}

/// The phone in the query, if the query has nothing else.
fn phone(query: &str) -> Option<E164> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let (name, value) = pairs.next()?;
    if name == "phone" && pairs.next().is_none() {
        value.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_asked_for_by_number_or_by_phone() {
        let query = "phone=%2B4512345678";
        let asked = |path| Asked::read(path, query);
        let number = |text: &str| Some(Asked::Number(Some(text.parse().unwrap())));
        assert!(asked("/accounts/1004200427") == number("1004200427"));
        let phone = "+4512345678".parse().unwrap();
        assert!(asked("/accounts") == Some(Asked::Phone(Some(phone))));
        assert!(Asked::read("/accounts", "") == Some(Asked::Phone(None)));
        // The same answer as for a number that nobody has.
        for path in ["/accounts/", "/accounts/..", "/accounts/1%2F2"] {
            assert!(asked(path) == Some(Asked::Number(None)), "{path}");
        }
        for path in [
            "/",
            "",
            "/account",
            "/accountsx",
            "/accounts/1004200427/",
            "/accounts/1004200427/x",
            "//accounts",
        ] {
            assert!(asked(path).is_none(), "{path}");
        }
    }

    #[test]
    fn one_phone_and_nothing_else() {
        assert_eq!(
            phone("phone=%2B4512345678").unwrap().reveal(),
            "+4512345678"
        );
        for query in [
            "",
            "phone=",
            "phone=4512345678",
            "phone=+4512345678",
            "phone=%2B45&x=1",
            "x=%2B4512345678",
            "phone=%2B4512345678&phone=%2B4512345678",
        ] {
            assert!(phone(query).is_none(), "{query}");
        }
    }
}
