//! The search among the numbers on sale.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Path, Query, State as Axum},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use super::{
    inventory::in_area,
    owned::friendly,
    requests::{complain, is_area},
    stock::Stock,
};
use crate::{
    twilio::{
        account::Shared,
        api::{authenticate, refuse},
        ids::ACCOUNT_SID,
        parameters::{Pairs, flag, page_size, parameters},
    },
    wire::Complaints,
};

/// A `Contains` pattern: plain characters and the wildcards or anchors around them.
#[derive(Debug, PartialEq, Eq)]
struct Pattern {
    plain: String,
    before: Option<char>,
    after: Option<char>,
}

impl Pattern {
    /// Parses 2 to 16 characters: digits and letters. Before and after them, but not between them,
    /// may be a wildcard `*` (one digit) or `%` (any digits). The anchors are `+` (start of the
    /// number) and `$` (end).
    fn parse(text: &str) -> Option<Self> {
        let before = text.chars().next().filter(|c| "*%+".contains(*c));
        let after = text.chars().last().filter(|c| "*%$".contains(*c));
        let plain = text.strip_prefix(|c| Some(c) == before).unwrap_or(text);
        let plain = plain.strip_suffix(|c| Some(c) == after).unwrap_or(plain);
        let wild = [before, after].iter().flatten().any(|c| "*%".contains(*c));
        let fits = (2..=16).contains(&text.len()) && plain.len() >= if wild { 2 } else { 1 };
        let plain = plain.chars().map(key).collect::<Option<String>>()?;
        fits.then_some(Self {
            plain,
            before,
            after,
        })
    }

    fn fits(&self, number: &str) -> bool {
        let digits = number.trim_start_matches('+');
        (0..digits.len())
            .filter(|start| digits[*start..].starts_with(&self.plain))
            .any(|start| {
                let rest = digits.len() - start - self.plain.len();
                let begins = match self.before {
                    Some('+') => start == 0,
                    Some('*') => start > 0,
                    _ => true,
                };
                begins
                    && match self.after {
                        Some('$') => rest == 0,
                        Some('*') => rest > 0,
                        _ => true,
                    }
            })
    }
}

/// The telephone key of a digit or letter.
fn key(c: char) -> Option<char> {
    const KEYS: [&str; 8] = ["abc", "def", "ghi", "jkl", "mno", "pqrs", "tuv", "wxyz"];
    if c.is_ascii_digit() {
        return Some(c);
    }
    KEYS.iter()
        .zip('2'..)
        .find(|(letters, _)| letters.contains(c.to_ascii_lowercase()))
        .map(|(_, digit)| digit)
}

pub(super) async fn search(
    Axum(shared): Axum<Arc<Shared>>,
    Extension(complaints): Extension<Complaints>,
    Path((account, country, list)): Path<(String, String, String)>,
    Query(query): Query<Pairs>,
    headers: HeaderMap,
) -> Response {
    let state = match authenticate(&shared, &complaints, &account, &headers) {
        Ok(state) => state,
        Err(refusal) => return refusal,
    };
    let north_american = ["US", "CA"].contains(&country.as_str());
    let lists: &[&str] = if north_american {
        &["Local", "TollFree"]
    } else {
        &["Local", "Mobile", "National", "TollFree"]
    };
    let uri = format!("/2010-04-01/Accounts/{ACCOUNT_SID}/AvailablePhoneNumbers/{country}/{list}");
    let Some(list) = list
        .strip_suffix(".json")
        .filter(|list| lists.contains(list))
    else {
        return refuse(
            20404,
            &format!("The requested resource {uri} was not found"),
        );
    };
    let known = [
        "AreaCode",
        "Contains",
        "SmsEnabled",
        "VoiceEnabled",
        "MmsEnabled",
        "ExcludeAllAddressRequired",
        "ExcludeLocalAddressRequired",
        "ExcludeForeignAddressRequired",
        "Beta",
        "PageSize",
    ];
    let fitting = || {
        if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(format!("{country} is not a country"));
        }
        let parameters = parameters(query, &known)?;
        let size = page_size(&parameters)?;
        let area = parameters.get("AreaCode");
        if area.is_some_and(|area| !north_american || !is_area(area)) {
            return Err("AreaCode has three digits, in the US and Canada".to_owned());
        }
        let contains = parameters
            .get("Contains")
            .map(|text| Pattern::parse(text).ok_or_else(|| format!("Contains={text}")));
        let contains = contains.transpose()?;
        let [sms, voice, mms] =
            ["SmsEnabled", "VoiceEnabled", "MmsEnabled"].map(|name| flag(&parameters, name));
        let able = [("sms", sms?), ("voice", voice?), ("mms", mms?)];
        flag(&parameters, "Beta")?;
        let mut excluded = vec![];
        for (name, kinds) in [
            (
                "ExcludeAllAddressRequired",
                &["any", "local", "foreign"][..],
            ),
            ("ExcludeLocalAddressRequired", &["local"]),
            ("ExcludeForeignAddressRequired", &["foreign"]),
        ] {
            if flag(&parameters, name)? == Some(true) {
                excluded.extend(kinds);
            }
        }
        let fits = |(number, stock): &(&String, &Stock)| {
            let able = || {
                let capabilities = stock.capabilities();
                able.iter()
                    .all(|(name, wanted)| wanted.is_none_or(|wanted| capabilities[*name] == wanted))
            };
            stock.country == country
                && stock.list == list
                && contains.as_ref().is_none_or(|pattern| pattern.fits(number))
                && able()
                && !excluded.contains(&stock.address_requirements)
        };
        // The numbers are sorted, so those of one area follow each other.
        let first = area.map(|area| format!("+1{area}"));
        let of_area = |number: &str| area.is_none_or(|area| in_area(number, area));
        Ok(state
            .numbers
            .stock
            .range(first.unwrap_or_default()..)
            .take_while(|(number, _)| of_area(number))
            .filter(fits)
            .take(size)
            .map(|(number, stock)| available(number, stock))
            .collect::<Vec<_>>())
    };
    match fitting() {
        Ok(numbers) => {
            Json(json!({"available_phone_numbers": numbers, "uri": uri})).into_response()
        }
        Err(what) => complain(&complaints, 20001, &what),
    }
}

/// The `AvailablePhoneNumber` resource.
fn available(number: &str, stock: &Stock) -> Value {
    json!({
        "phone_number": number, "friendly_name": friendly(number), "iso_country": stock.country, "region": null, "locality": null,
        "postal_code": null, "rate_center": null, "lata": null, "latitude": null, "longitude": null,
        "address_requirements": stock.address_requirements, "beta": false, "capabilities": stock.capabilities(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twilio::numbers::api::Api;

    #[test]
    fn patterns() {
        for (text, fits) in [
            ("+1415", true),
            ("+1628", false),
            ("+415", false),
            ("415", true),
            ("0100$", true),
            ("100*", false),
            ("010*", true),
            ("*14", false),
            ("*41", true),
            ("%0100", true),
            ("55501%", true),
            ("JKL", true),
            ("+14155550100$", true),
        ] {
            assert_eq!(
                Pattern::parse(text).unwrap().fits("+14155550100"),
                fits,
                "{text}"
            );
        }
        for text in [
            "",
            "1",
            "+",
            "1*",
            "4**",
            "+*415",
            "4*5",
            "41+5",
            "4 15",
            "+1415555010012345",
            "æøå",
        ] {
            assert_eq!(Pattern::parse(text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn searches_find_what_is_in_stock() {
        let api = Api::start().await;
        api.0.stock(
            &["+12045550100"],
            &Stock {
                country: "CA",
                sms: false,
                ..Stock::default()
            },
        );
        for (query, found) in [
            (
                "US/Local.json?AreaCode=628&PageSize=2",
                &["+16285550100", "+16285550101"][..],
            ),
            ("US/Local.json?AreaCode=204", &[]),
            (
                "CA/Local.json?AreaCode=204&VoiceEnabled=true",
                &["+12045550100"],
            ),
            ("CA/Local.json?SmsEnabled=true", &[]),
            ("US/TollFree.json", &[]),
            ("DK/Mobile.json?Contains=%2B4520550100", &["+4520550100"]),
            ("DK/Mobile.json?ExcludeAllAddressRequired=true", &[]),
            (
                "DK/Mobile.json?ExcludeLocalAddressRequired=true&Contains=%2B4520550100",
                &["+4520550100"],
            ),
            ("SE/Mobile.json", &[]),
        ] {
            assert_eq!(
                api.numbers(&format!("AvailablePhoneNumbers/{query}")).await,
                found,
                "{query}"
            );
        }
        assert_eq!(
            api.numbers("AvailablePhoneNumbers/US/Local.json")
                .await
                .len(),
            50
        );
        let number =
            &api.get("AvailablePhoneNumbers/DK/Mobile.json").await.1["available_phone_numbers"][0];
        assert_eq!(
            (&number["iso_country"], &number["address_requirements"]),
            (&json!("DK"), &json!("any"))
        );
        assert_eq!(
            api.get("AvailablePhoneNumbers/US/Mobile.json").await.1["code"],
            20404
        );
        assert_eq!(api.0.server().complaints(), [""; 0]);
        for query in [
            "US/Local.json?Prefix=415",
            "US/Local.json?AreaCode=415&AreaCode=628",
            "US/Local.json?AreaCode=41",
            "DK/Local.json?AreaCode=415",
            "US/Local.json?Contains=4*5",
            "US/Local.json?PageSize=1001",
            "US/Local.json?SmsEnabled=yes",
            "us/Local.json",
        ] {
            assert_eq!(
                api.get(&format!("AvailablePhoneNumbers/{query}")).await.0,
                400,
                "{query}"
            );
            assert_eq!(api.0.server().complaints().len(), 1, "{query}");
        }
    }
}
