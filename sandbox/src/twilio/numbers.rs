//! The account's numbers and the numbers on sale.
//!
//! Imitates <https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource>,
//! `.../availablephonenumberlocal-resource` (twilio-oai@d50069b4 `twilio_api_v2010.json`). It is
//! stricter than Twilio: unknown parameters, wrong patterns and wrong page tokens get a complaint.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use axum::{Router, response::Response, routing::get};
use serde_json::{Value, json};

use super::{ACCOUNT_SID, NUMBER, Shared, Twilio, authenticate, e164, refuse};
use crate::{
    mail, random,
    wire::{Complaints, lock},
};

mod available;
mod incoming;

/// The type of a number's settable field. An empty text unsets the field.
#[derive(Clone, Copy)]
enum Kind {
    Name,
    Url,
    Sid(&'static str),
    Flag,
    OneOf(&'static [&'static str]),
}

const METHOD: Kind = Kind::OneOf(&["GET", "POST"]);

/// Name in requests, type, and value while unset (`None`: null).
const FIELDS: [(&str, Kind, Option<&str>); 22] = [
    (
        "ApiVersion",
        Kind::OneOf(&["2010-04-01"]),
        Some("2010-04-01"),
    ),
    ("FriendlyName", Kind::Name, Some("")),
    ("VoiceUrl", Kind::Url, None),
    ("VoiceMethod", METHOD, Some("POST")),
    ("VoiceFallbackUrl", Kind::Url, None),
    ("VoiceFallbackMethod", METHOD, Some("POST")),
    ("VoiceApplicationSid", Kind::Sid("AP"), Some("")),
    ("VoiceCallerIdLookup", Kind::Flag, Some("false")),
    (
        "VoiceReceiveMode",
        Kind::OneOf(&["voice", "fax"]),
        Some("voice"),
    ),
    ("SmsUrl", Kind::Url, Some("")),
    ("SmsMethod", METHOD, Some("POST")),
    ("SmsFallbackUrl", Kind::Url, Some("")),
    ("SmsFallbackMethod", METHOD, Some("POST")),
    ("SmsApplicationSid", Kind::Sid("AP"), Some("")),
    ("StatusCallback", Kind::Url, Some("")),
    ("StatusCallbackMethod", METHOD, Some("POST")),
    ("TrunkSid", Kind::Sid("TK"), None),
    ("AddressSid", Kind::Sid("AD"), None),
    ("BundleSid", Kind::Sid("BU"), None),
    ("IdentitySid", Kind::Sid("RI"), None),
    (
        "EmergencyStatus",
        Kind::OneOf(&["Active", "Inactive"]),
        Some("Active"),
    ),
    ("EmergencyAddressSid", Kind::Sid("AD"), None),
];

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
    fn capabilities(&self) -> Value {
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

/// A number of the account.
#[derive(Clone, Debug)]
pub struct Owned {
    /// `PN` and 32 hexadecimal digits.
    pub sid: String,
    /// E.164.
    pub number: String,
    /// The fields that were set, by their name in requests.
    fields: BTreeMap<String, String>,
    stock: Stock,
    /// Seconds since the epoch.
    created: u64,
    bought: bool,
    released: bool,
    /// True while lists do not show it yet.
    lags: bool,
}

impl Owned {
    /// A field by its name in requests (`FriendlyName`, `VoiceUrl`, `SmsMethod`...). An unset field
    /// has Twilio's default; empty for null.
    pub fn field(&self, name: &str) -> &str {
        let Some((_, _, unset)) = FIELDS.iter().find(|(field, ..)| *field == name) else {
            panic!("no field {name}")
        };
        self.fields
            .get(name)
            .map_or(unset.unwrap_or_default(), String::as_str)
    }

    fn set(&mut self, name: &str, value: &str) {
        match (name, value) {
            ("FriendlyName", "") => {
                drop(self.fields.insert(name.to_owned(), friendly(&self.number)));
            }
            (_, "") => drop(self.fields.remove(name)),
            _ => drop(self.fields.insert(name.to_owned(), value.to_owned())),
        }
    }

    fn set_all(&mut self, fields: &HashMap<String, String>) {
        for (name, value) in fields {
            self.set(name, value);
        }
    }

    /// The `IncomingPhoneNumber` resource.
    fn resource(&self) -> Value {
        let created = mail::date(self.created);
        let mut resource = json!({
            "sid": self.sid, "account_sid": ACCOUNT_SID, "phone_number": self.number, "date_created": created, "date_updated": created,
            "capabilities": self.stock.capabilities(), "address_requirements": self.stock.address_requirements, "beta": false, "origin": "twilio",
            "status": "in-use", "type": self.stock.list.to_lowercase(), "emergency_address_status": "unregistered",
            "uri": format!("{}/{}.json", base(), self.sid),
        });
        for (name, kind, unset) in FIELDS {
            let text = self.fields.get(name).map(String::as_str).or(unset);
            resource[snake_case(name)] = if matches!(kind, Kind::Flag) {
                json!(text == Some("true"))
            } else {
                json!(text)
            };
        }
        resource
    }
}

/// All numbers that exist.
pub(super) struct Numbers {
    stock: BTreeMap<String, Stock>,
    /// In the order in which the account got them. Released numbers stay, so that a list can
    /// continue after one.
    owned: Vec<Owned>,
    /// Indexes into `owned`, by number; only numbers that the account has now.
    by_number: HashMap<String, usize>,
    by_sid: HashMap<String, usize>,
    /// Indexes into `owned`, by name as it was set. Former names of a number are still in the map.
    by_name: HashMap<String, Vec<usize>>,
    snatched: usize,
    lagging: bool,
    page_size: usize,
}

impl Numbers {
    pub(super) fn new() -> Self {
        let papers = Stock {
            list: "Mobile",
            address_requirements: "any",
            bundle: true,
            ..Stock::default()
        };
        let stock = [
            ("+1415555", 100..180, Stock::default()),
            ("+1628555", 100..110, Stock::default()),
            ("+1925555", 100..110, Stock::default()),
            (
                "+4520550",
                100..110,
                Stock {
                    country: "DK",
                    ..papers.clone()
                },
            ),
            (
                "+447700900",
                100..110,
                Stock {
                    country: "GB",
                    ..papers
                },
            ),
        ];
        let stock = stock.into_iter().flat_map(|(prefix, range, stock)| {
            range.map(move |n| {
                (
                    format!(
                        "{prefix}{}{n}",
                        if prefix.starts_with("+1") { "0" } else { "" }
                    ),
                    stock.clone(),
                )
            })
        });
        let mut numbers = Self {
            stock: stock.collect(),
            owned: vec![],
            by_number: HashMap::new(),
            by_sid: HashMap::new(),
            by_name: HashMap::new(),
            snatched: 0,
            lagging: false,
            page_size: 1000,
        };
        numbers.own(NUMBER);
        numbers
    }

    /// Gives the number to the account, if the account lacks it, and returns it.
    pub(super) fn own(&mut self, number: &str) -> &mut Owned {
        let index = self.by_number.get(number).copied().unwrap_or_else(|| {
            let stock = self.stock.remove(number).unwrap_or_default();
            let (index, sid) = (self.owned.len(), format!("PN{}", random::hex(16)));
            self.by_number.insert(number.to_owned(), index);
            self.by_sid.insert(sid.clone(), index);
            self.by_name
                .entry(friendly(number))
                .or_default()
                .push(index);
            self.owned.push(Owned {
                sid,
                number: number.to_owned(),
                fields: [("FriendlyName".to_owned(), friendly(number))].into(),
                stock,
                created: crate::now().as_secs(),
                bought: false,
                released: false,
                lags: false,
            });
            index
        });
        &mut self.owned[index]
    }

    /// The numbers with exactly this name, in the order in which the account got them.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = (usize, &Owned)> {
        let places = self.by_name.get(name).into_iter().flatten();
        places
            .map(|index| (*index, &self.owned[*index]))
            .filter(move |(_, owned)| owned.field("FriendlyName") == name)
    }

    /// Sets fields of the number at this index.
    pub(super) fn set_all(&mut self, index: usize, fields: &HashMap<String, String>) {
        self.owned[index].set_all(fields);
        let name = self.owned[index].field("FriendlyName").to_owned();
        let places = self.by_name.entry(name).or_default();
        if let Err(place) = places.binary_search(&index) {
            places.insert(place, index);
        }
    }

    pub(super) fn release(&mut self, index: usize) {
        let owned = &mut self.owned[index];
        owned.released = true;
        self.by_number.remove(&owned.number);
    }

    pub(super) fn set(&mut self, number: &str, field: &str, value: &str) {
        let index = self.place(number);
        self.set_all(index, &[(field.to_owned(), value.to_owned())].into());
    }

    /// Gives the number to the account, if the account lacks it, and returns its index.
    fn place(&mut self, number: &str) -> usize {
        self.own(number);
        self.by_number[number]
    }

    /// The account's number, if the account has it.
    pub(super) fn get(&self, number: &str) -> Option<&Owned> {
        Some(&self.owned[*self.by_number.get(number)?])
    }

    /// The number's `SmsUrl`, `VoiceUrl`..., unless it is empty.
    pub(super) fn url(&self, number: &str, field: &str) -> Option<String> {
        self.get(number)
            .map(|owned| owned.field(field).to_owned())
            .filter(|url| !url.is_empty())
    }

    /// Moves a number from the stock to the account. The error is Twilio's code and text.
    fn buy(
        &mut self,
        number: Option<&str>,
        area: Option<&str>,
        fields: &HashMap<String, String>,
    ) -> Result<&Owned, (u32, String)> {
        let number = match (number, area) {
            (Some(number @ "+15005550001"), _) => {
                return Err((21421, format!("{number} is not a valid number")));
            }
            (Some(number), _) => {
                if self.snatched > 0 && self.stock.remove(number).is_some() {
                    self.snatched -= 1;
                }
                number.to_owned()
            }
            (None, area) => {
                let area = area.unwrap_or_default();
                let local = |(number, stock): &(&String, &Stock)| {
                    in_area(number, area) && stock.list == "Local"
                };
                let found = self
                    .stock
                    .range(format!("+1{area}")..)
                    .find(local)
                    .map(|(number, _)| number.clone());
                found
                    .ok_or_else(|| (21452, format!("No phone numbers found in area code {area}")))?
            }
        };
        let Some(stock) = self.stock.get(&number) else {
            return Err((21422, format!("{number} is not available.")));
        };
        let given = |name: &str| fields.get(name).is_some_and(|sid| !sid.is_empty());
        if let Some(code) = stock.refusal {
            return Err((code, format!("{number} cannot be provisioned")));
        }
        if stock.address_requirements != "none" && !given("AddressSid") {
            return Err((
                21631,
                "Phone Number Requires an Address but the 'AddressSid' parameter was empty."
                    .to_owned(),
            ));
        }
        if stock.bundle && !given("BundleSid") {
            return Err((
                21649,
                "Phone Number Requires a Bundle but the 'BundleSid' parameter was empty."
                    .to_owned(),
            ));
        }
        let lags = self.lagging;
        let owned = self.own(&number);
        (owned.bought, owned.lags) = (true, lags);
        let index = self.place(&number);
        self.set_all(index, fields);
        Ok(&self.owned[index])
    }

    /// Index of the account's number with this SID.
    fn by_sid(&self, sid: &str) -> Option<usize> {
        let index = *self.by_sid.get(sid)?;
        Some(index).filter(|index| !self.owned[*index].released)
    }
}

impl Twilio {
    /// Puts numbers on sale, all with the same conditions.
    pub fn stock(&self, numbers: &[&str], stock: &Stock) {
        lock(&self.shared.state).numbers.stock.extend(
            numbers
                .iter()
                .map(|number| ((*number).to_owned(), stock.clone())),
        );
    }

    /// Removes all numbers with this prefix (`+1415`) from the stock.
    pub fn sell_out(&self, prefix: &str) {
        lock(&self.shared.state)
            .numbers
            .stock
            .retain(|number, _| !number.starts_with(prefix));
    }

    /// Another customer buys the next `n` numbers that the account asks for by number, before the
    /// purchase arrives (21422).
    pub fn snatch_next(&self, n: usize) {
        lock(&self.shared.state).numbers.snatched = n;
    }

    /// `true`: numbers bought from now on are not in lists, only found by SID. `false`: the lists
    /// contain all numbers again.
    pub fn lag(&self, on: bool) {
        let numbers = &mut lock(&self.shared.state).numbers;
        numbers.lagging = on;
        numbers.owned.iter_mut().for_each(|owned| owned.lags &= on);
    }

    /// Sets the maximum page size of lists, whatever size a request asks for. At first 1,000.
    pub fn set_page_size(&self, numbers: usize) {
        lock(&self.shared.state).numbers.page_size = numbers;
    }

    /// Gives the number to the account and sets fields by their names in requests (`FriendlyName`,
    /// `VoiceUrl`, `SmsMethod`...), as the console does. Returns the SID.
    pub fn own(&self, number: &str, fields: &[(&str, &str)]) -> String {
        let mut state = lock(&self.shared.state);
        for (name, _) in fields {
            assert!(
                FIELDS.iter().any(|(field, ..)| field == name),
                "Twilio has no field {name}"
            );
        }
        let index = state.numbers.place(number);
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        state.numbers.set_all(index, &fields.collect());
        state.numbers.owned[index].sid.clone()
    }

    /// All numbers of the account, in the order in which it got them. [`NUMBER`] is the first.
    pub fn owned(&self) -> Vec<Owned> {
        lock(&self.shared.state)
            .numbers
            .owned
            .iter()
            .filter(|owned| !owned.released)
            .cloned()
            .collect()
    }

    /// How many numbers the account bought over the API. Released ones count too: each costs a
    /// month's price.
    pub fn purchases(&self) -> usize {
        lock(&self.shared.state)
            .numbers
            .owned
            .iter()
            .filter(|owned| owned.bought)
            .count()
    }

    /// How many numbers the account released, over the API or by [`Twilio::lose`].
    pub fn releases(&self) -> usize {
        lock(&self.shared.state)
            .numbers
            .owned
            .iter()
            .filter(|owned| owned.released)
            .count()
    }

    /// Releases a number of the account, as an administrator does in the console.
    pub fn lose(&self, number: &str) {
        let mut state = lock(&self.shared.state);
        let index = state.numbers.by_number.get(number).copied();
        let index = index.unwrap_or_else(|| panic!("{number} is not the account's"));
        state.numbers.release(index);
    }
}

/// Twilio's default name of a number: `(415) 555-0100`. Outside North America it is the number
/// itself.
fn friendly(number: &str) -> String {
    match number
        .strip_prefix("+1")
        .filter(|digits| digits.len() == 10)
    {
        Some(digits) => format!("({}) {}-{}", &digits[..3], &digits[3..6], &digits[6..]),
        None => number.to_owned(),
    }
}

/// Turns `VoiceUrl` into `voice_url`.
pub(super) fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

fn in_area(number: &str, area: &str) -> bool {
    number
        .strip_prefix("+1")
        .is_some_and(|digits| digits.starts_with(area))
}

fn base() -> String {
    format!("/2010-04-01/Accounts/{ACCOUNT_SID}/IncomingPhoneNumbers")
}

pub(super) fn routes() -> Router<Arc<Shared>> {
    const ACCOUNT: &str = "/2010-04-01/Accounts/{account}";
    Router::new()
        .route(
            &format!("{ACCOUNT}/AvailablePhoneNumbers/{{country}}/{{list}}"),
            get(available::search),
        )
        .route(
            &format!("{ACCOUNT}/IncomingPhoneNumbers.json"),
            get(incoming::list).post(incoming::create),
        )
        .route(
            &format!("{ACCOUNT}/IncomingPhoneNumbers/{{sid}}"),
            get(incoming::read)
                .post(incoming::update)
                .delete(incoming::release),
        )
}

pub(super) type Pairs = Vec<(String, String)>;

fn complain(complaints: &Complaints, code: u32, what: &str) -> Response {
    complaints.add(format!("Twilio numbers: {what}"));
    refuse(code, what)
}

/// The parameters of a query, if all are known and none is repeated.
pub(super) fn parameters(query: Pairs, known: &[&str]) -> Result<HashMap<String, String>, String> {
    let mut parameters = HashMap::new();
    for (name, value) in query {
        if !known.contains(&name.as_str()) || parameters.insert(name.clone(), value).is_some() {
            return Err(format!("unknown or repeated parameter {name}"));
        }
    }
    Ok(parameters)
}

fn flag(parameters: &HashMap<String, String>, name: &str) -> Result<Option<bool>, String> {
    let parse = |text: &String| text.parse().map_err(|_| format!("{name} is true or false"));
    parameters.get(name).map(parse).transpose()
}

pub(super) fn page_size(parameters: &HashMap<String, String>) -> Result<usize, String> {
    let size = parameters
        .get("PageSize")
        .map_or(Some(50), |size| size.parse().ok());
    size.filter(|size| (1..=1000).contains(size))
        .ok_or_else(|| "PageSize is 1 to 1000".to_owned())
}

fn is_area(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;
    use crate::{twilio::AUTH_TOKEN, wire::client};

    struct Api(Twilio);

    impl Api {
        async fn start() -> Self {
            Self(Twilio::start(None).await.unwrap())
        }

        /// Status and body; null if there is none.
        async fn call(&self, method: Method, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
            let url = format!(
                "{}/2010-04-01/Accounts/{ACCOUNT_SID}/{path}",
                self.0.server().url()
            );
            let mut request = client()
                .request(method.clone(), url)
                .basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN));
            if method == Method::POST {
                request = request.form(form);
            }
            let answer = request.send().await.unwrap();
            (
                answer.status().as_u16(),
                serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default(),
            )
        }

        async fn get(&self, path: &str) -> (u16, Value) {
            self.call(Method::GET, path, &[]).await
        }

        async fn buy(&self, form: &[(&str, &str)]) -> (u16, Value) {
            self.call(Method::POST, "IncomingPhoneNumbers.json", form)
                .await
        }

        /// The numbers that a search finds, or a list shows.
        async fn numbers(&self, path: &str) -> Vec<String> {
            let (status, body) = self.get(path).await;
            assert_eq!(status, 200, "{path}: {body}");
            let list = body
                .get("available_phone_numbers")
                .unwrap_or(&body["incoming_phone_numbers"])
                .as_array()
                .unwrap();
            list.iter()
                .map(|number| number["phone_number"].as_str().unwrap().to_owned())
                .collect()
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

    #[tokio::test]
    async fn a_number_is_bought_changed_and_released() {
        let api = Api::start().await;
        let url = "http://127.0.0.1:1/#rc=3&rp=5xx,ct,rt";
        let form = [
            ("PhoneNumber", "+14155550100"),
            ("FriendlyName", "switchboard:00u1"),
            ("VoiceUrl", url),
            ("SmsUrl", url),
        ];
        let (status, number) = api.buy(&form).await;
        assert_eq!(
            (
                status,
                &number["friendly_name"],
                &number["voice_url"],
                &number["sms_url"],
                &number["voice_method"]
            ),
            (
                201,
                &json!("switchboard:00u1"),
                &json!(url),
                &json!(url),
                &json!("POST")
            )
        );
        let path = format!(
            "IncomingPhoneNumbers/{}.json",
            number["sid"].as_str().unwrap()
        );
        assert!(number["uri"].as_str().unwrap().ends_with(&path));
        assert_eq!(api.get(&path).await, (200, number));
        assert!(
            !api.numbers("AvailablePhoneNumbers/US/Local.json?AreaCode=415")
                .await
                .contains(&"+14155550100".to_owned())
        );
        assert_eq!(
            lock(&api.0.shared.state)
                .numbers
                .url("+14155550100", "VoiceUrl")
                .as_deref(),
            Some(url)
        );
        let form = [
            ("SmsUrl", ""),
            ("SmsMethod", "GET"),
            ("VoiceCallerIdLookup", "true"),
            ("FriendlyName", ""),
        ];
        let (status, number) = api.call(Method::POST, &path, &form).await;
        assert_eq!(
            (
                status,
                &number["sms_url"],
                &number["sms_method"],
                &number["voice_caller_id_lookup"],
                &number["friendly_name"]
            ),
            (
                200,
                &json!(""),
                &json!("GET"),
                &json!(true),
                &json!("(415) 555-0100")
            )
        );
        let owned = &api.0.owned()[1];
        assert_eq!(
            (
                owned.number.as_str(),
                owned.field("VoiceUrl"),
                owned.field("SmsMethod")
            ),
            ("+14155550100", url, "GET")
        );
        assert_eq!(
            api.call(Method::DELETE, &path, &[]).await,
            (204, Value::Null)
        );
        assert_eq!(api.call(Method::DELETE, &path, &[]).await.1["code"], 20404);
        assert_eq!(
            (api.0.purchases(), api.0.releases(), api.0.owned().len()),
            (1, 1, 1)
        );
        assert_eq!(api.buy(&form[..0]).await.0, 400, "neither number nor area");
        assert_eq!(api.0.server().complaints().len(), 1);
    }

    #[tokio::test]
    async fn purchases_are_refused_as_documented() {
        let api = Api::start().await;
        let refusing = Stock {
            refusal: Some(21651),
            ..Stock::default()
        };
        api.0.stock(&["+14155559999"], &refusing);
        api.0.stock(
            &["+4520559999"],
            &Stock {
                country: "DK",
                list: "Mobile",
                bundle: true,
                ..Stock::default()
            },
        );
        api.0.sell_out("+1925");
        api.0.snatch_next(1);
        let long = "x".repeat(65);
        for (form, code, complaints) in [
            (vec![("PhoneNumber", "+14155550100")], 21422, 0),
            (vec![("PhoneNumber", "+14155550199")], 21422, 0),
            (vec![("PhoneNumber", NUMBER)], 21422, 0),
            (vec![("PhoneNumber", "+15005550000")], 21422, 0),
            (vec![("PhoneNumber", "+15005550001")], 21421, 0),
            (vec![("PhoneNumber", "+14155559999")], 21651, 0),
            (vec![("PhoneNumber", "+4520550100")], 21631, 0),
            (vec![("PhoneNumber", "+4520559999")], 21649, 0),
            (vec![("AreaCode", "925")], 21452, 0),
            (vec![("AreaCode", "92")], 21451, 1),
            (vec![("PhoneNumber", "4155550101")], 21421, 1),
            (
                vec![("PhoneNumber", "+14155550101"), ("AreaCode", "415")],
                20001,
                1,
            ),
            (
                vec![("PhoneNumber", "+14155550101"), ("FriendlyName", &long)],
                20001,
                1,
            ),
            (
                vec![("PhoneNumber", "+14155550101"), ("VoiceUrl", "example.com")],
                21502,
                1,
            ),
            (
                vec![("PhoneNumber", "+14155550101"), ("VoiceMethod", "PUT")],
                20001,
                1,
            ),
            (
                vec![("PhoneNumber", "+14155550101"), ("AddressSid", "AD1")],
                20001,
                1,
            ),
            (
                vec![("PhoneNumber", "+14155550101"), ("Voice", "x")],
                20001,
                1,
            ),
        ] {
            let (status, body) = api.buy(&form).await;
            assert_eq!((status, &body["code"]), (400, &json!(code)), "{form:?}");
            assert_eq!(api.0.server().complaints().len(), complaints, "{form:?}");
        }
        assert_eq!(api.0.purchases(), 0);
        let (address, bundle) = (
            format!("AD{}", "0".repeat(32)),
            format!("BU{}", "0".repeat(32)),
        );
        let form = [
            ("PhoneNumber", "+4520550100"),
            ("AddressSid", &address),
            ("BundleSid", &bundle),
        ];
        assert_eq!(api.buy(&form).await.1["bundle_sid"], bundle);
        assert_eq!(
            api.buy(&[("AreaCode", "415")]).await.1["phone_number"],
            "+14155550101",
            "the first was snatched"
        );
        assert_eq!(api.get("IncomingPhoneNumbers/PN1.json").await.0, 404);
        assert_eq!(api.0.server().complaints().len(), 1);
    }

    #[tokio::test]
    async fn lists_have_pages_and_filters() {
        let api = Api::start().await;
        for n in 0..4 {
            api.0.own(
                &format!("+1415555010{n}"),
                &[(
                    "FriendlyName",
                    if n < 3 { "switchboard:a&b" } else { "other" },
                )],
            );
        }
        api.0.set_page_size(2);
        let mut path =
            "IncomingPhoneNumbers.json?FriendlyName=switchboard%3Aa%26b&PageSize=1000".to_owned();
        let (_, page) = api.get(&path).await;
        assert_eq!(
            (&page["page"], &page["page_size"], &page["end"]),
            (&json!(0), &json!(2), &json!(1))
        );
        api.0.lose("+14155550101"); // the list goes on all the same
        let next = page["next_page_uri"].as_str().unwrap().to_owned();
        path = next
            .strip_prefix(&format!("/2010-04-01/Accounts/{ACCOUNT_SID}/"))
            .unwrap()
            .to_owned();
        let (_, page) = api.get(&path).await;
        assert_eq!(
            (
                &page["incoming_phone_numbers"][0]["phone_number"],
                &page["next_page_uri"]
            ),
            (&json!("+14155550102"), &Value::Null)
        );
        api.0.set_page_size(1000);
        assert_eq!(
            api.numbers("IncomingPhoneNumbers.json?PhoneNumber=4155*5010")
                .await
                .len(),
            3
        );
        assert_eq!(api.numbers("IncomingPhoneNumbers.json").await[0], NUMBER);
        assert!(
            api.numbers("IncomingPhoneNumbers.json?Origin=hosted")
                .await
                .is_empty()
        );
        api.0.lag(true);
        let sid = api.buy(&[("AreaCode", "628")]).await.1["sid"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(
            api.numbers("IncomingPhoneNumbers.json?PhoneNumber=%2B1628")
                .await
                .is_empty()
        );
        assert_eq!(
            api.get(&format!("IncomingPhoneNumbers/{sid}.json")).await.0,
            200
        );
        api.0.lag(false);
        assert_eq!(
            api.numbers("IncomingPhoneNumbers.json?PhoneNumber=%2B1628")
                .await
                .len(),
            1
        );
        assert_eq!(api.0.server().complaints(), [""; 0]);
        for query in [
            "Page=1",
            "Page=1&PageToken=PA1",
            "Name=x",
            "PageSize=0",
            "Origin=x",
            "PhoneNumber=x",
        ] {
            assert_eq!(
                api.get(&format!("IncomingPhoneNumbers.json?{query}"))
                    .await
                    .0,
                400,
                "{query}"
            );
            assert_eq!(api.0.server().complaints().len(), 1, "{query}");
        }
        api.0.set_auth_token("new");
        assert_eq!(api.get("IncomingPhoneNumbers.json").await.0, 401);
        assert_eq!(api.get("AvailablePhoneNumbers/US/Local.json").await.0, 401);
        assert_eq!(api.0.server().complaints(), [""; 0]);
    }
}
