//! The resources that administrators look up and set: the account, messaging services,
//! registrations, permissions by country, prices.
//!
//! Imitates twilio-oai@d50069b4 `twilio_api_v2010.json` (accounts), `twilio_messaging_v1.json`
//! (services, Usa2p, toll-free verifications), `twilio_voice_v1.json` (dialing permissions),
//! `twilio_accounts_v1.json` (messaging geo permissions) and `twilio_pricing_v1.json` (phone
//! numbers). One server here stands for the hosts api, messaging, voice, accounts and pricing of
//! twilio.com. Their paths do not collide.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{Path, Query, State as Axum},
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Map, Value, json};

use super::{
    ACCOUNT_SID, MESSAGING_SERVICE, NUMBER, Shared, State, Twilio, authenticate,
    numbers::{Pairs, page_size, parameters, snake_case},
    refuse,
};
use crate::{
    mail, random, sms,
    wire::{Complaints, lock},
};

/// Creation time of every resource.
const THEN: &str = "2026-11-20T12:00:00Z";
/// [`THEN`] in seconds since the epoch, for the older API.
const THEN_EPOCH: u64 = 1_795_176_000;

/// The type of a service's field. An empty text unsets a URL.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Url,
    Method,
    Flag,
    Seconds,
    OneOf(&'static [&'static str]),
}

/// Name in requests, type, and first value (empty: null).
const FIELDS: [(&str, Kind, &str); 16] = [
    ("FriendlyName", Kind::Text, ""),
    ("InboundRequestUrl", Kind::Url, ""),
    ("InboundMethod", Kind::Method, "POST"),
    ("FallbackUrl", Kind::Url, ""),
    ("FallbackMethod", Kind::Method, "POST"),
    ("StatusCallback", Kind::Url, ""),
    ("StickySender", Kind::Flag, "true"),
    ("MmsConverter", Kind::Flag, "true"),
    ("SmartEncoding", Kind::Flag, "true"),
    (
        "ScanMessageContent",
        Kind::OneOf(&["inherit", "enable", "disable"]),
        "inherit",
    ),
    ("FallbackToLongCode", Kind::Flag, "true"),
    ("AreaCodeGeomatch", Kind::Flag, "true"),
    ("ValidityPeriod", Kind::Seconds, "14400"),
    ("SynchronousValidation", Kind::Flag, "false"),
    (
        "Usecase",
        Kind::OneOf(&[
            "notifications",
            "marketing",
            "verification",
            "discussion",
            "poll",
            "undeclared",
        ]),
        "undeclared",
    ),
    ("UseInboundWebhookOnNumber", Kind::Flag, "false"),
];

impl Kind {
    fn takes(self, value: &str) -> bool {
        match self {
            Self::Text => (1..=64).contains(&value.chars().count()),
            Self::Url => {
                value.is_empty()
                    || url::Url::parse(value)
                        .is_ok_and(|url| ["http", "https"].contains(&url.scheme()))
            }
            Self::Method => ["GET", "POST"].contains(&value),
            Self::Flag => value.parse::<bool>().is_ok(),
            Self::Seconds => value
                .parse()
                .is_ok_and(|seconds: u32| (1..=36_000).contains(&seconds)),
            Self::OneOf(values) => values.contains(&value),
        }
    }
}

/// A messaging service.
#[derive(Clone, Debug)]
pub struct Service {
    /// `MG` and 32 hexadecimal digits.
    pub sid: String,
    /// Its senders, E.164. All of them are numbers of the account.
    pub numbers: Vec<String>,
    /// The fields that were set, by their name in requests.
    fields: BTreeMap<String, String>,
    /// `campaign_status` of its A2P 10DLC campaign, if it has one.
    campaign: Option<String>,
}

impl Service {
    fn new(sid: &str, numbers: &[&str], fields: &[(&str, &str)]) -> Self {
        Self {
            sid: sid.to_owned(),
            numbers: numbers.iter().map(|&number| number.to_owned()).collect(),
            fields: fields
                .iter()
                .map(|&(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            campaign: None,
        }
    }

    /// A field by its name in requests (`InboundRequestUrl`, `InboundMethod`,
    /// `UseInboundWebhookOnNumber`...); empty for null.
    pub fn field(&self, name: &str) -> &str {
        let Some((_, _, first)) = FIELDS.iter().find(|(field, ..)| *field == name) else {
            panic!("no field {name}")
        };
        self.fields.get(name).map_or(first, String::as_str)
    }

    /// True if an incoming text goes to its number's webhook instead of the service's URL.
    fn defers(&self) -> bool {
        self.field("UseInboundWebhookOnNumber") == "true"
    }

    fn resource(&self) -> Value {
        let url = format!("https://messaging.twilio.com/v1/Services/{}", self.sid);
        let mut resource = json!({
            "sid": self.sid, "account_sid": ACCOUNT_SID, "date_created": THEN, "date_updated": THEN, "url": url,
            "us_app_to_person_registered": self.campaign.as_deref() == Some("VERIFIED"),
            "links": {
                "phone_numbers": format!("{url}/PhoneNumbers"), "us_app_to_person": format!("{url}/Compliance/Usa2p"),
            },
        });
        for (name, kind, _) in FIELDS {
            let text = self.field(name);
            resource[snake_case(name)] = match kind {
                Kind::Flag => (text == "true").into(),
                Kind::Seconds => text.parse::<u32>().unwrap_or_default().into(),
                _ if text.is_empty() => Value::Null,
                _ => text.into(),
            };
        }
        resource
    }
}

/// The account's permissions in a country.
#[derive(Clone, Copy)]
struct Permissions {
    texts: bool,
    calls: bool,
}

/// The administrators' settings.
pub(super) struct Settings {
    /// The status (`active`, `suspended`, `closed`) and the type (`Full`, `Trial`).
    account: [String; 2],
    services: Vec<Service>,
    /// Number and verification status of toll-free numbers.
    tollfree: Vec<[String; 2]>,
    /// By ISO code. A country that is not listed is permitted.
    permissions: BTreeMap<String, Permissions>,
    /// Monthly price of a number in USD, by ISO code and type.
    prices: BTreeMap<String, BTreeMap<String, String>>,
}

impl Settings {
    pub(super) fn new() -> Self {
        let deferring = [
            ("FriendlyName", "Switchboard"),
            ("UseInboundWebhookOnNumber", "true"),
        ];
        let campaign = Some("VERIFIED".to_owned());
        let service = Service {
            campaign,
            ..Service::new(MESSAGING_SERVICE, &[NUMBER], &deferring)
        };
        let prices: [(&str, &[(&str, &str)]); 3] = [
            ("US", &[("local", "1.15"), ("toll free", "2.15")]),
            ("DK", &[("mobile", "15.00")]),
            ("GB", &[("local", "1.15"), ("mobile", "1.15")]),
        ];
        let owned = |(kind, price): &(&str, &str)| ((*kind).to_owned(), (*price).to_owned());
        Self {
            account: ["active", "Full"].map(str::to_owned),
            services: vec![service],
            tollfree: vec![],
            permissions: BTreeMap::new(),
            prices: prices
                .map(|(country, prices)| (country.to_owned(), prices.iter().map(owned).collect()))
                .into(),
        }
    }

    fn permissions(&self, country: &str) -> Permissions {
        self.permissions
            .get(country)
            .copied()
            .unwrap_or(Permissions {
                texts: true,
                calls: true,
            })
    }

    /// True if the account may send texts to a country.
    pub(super) fn texts_to(&self, country: &str) -> bool {
        self.permissions(country).texts
    }

    pub(super) fn service(&self, sid: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.sid == sid)
    }

    fn service_mut(&mut self, sid: &str) -> &mut Service {
        let found = self.services.iter_mut().find(|service| service.sid == sid);
        found.unwrap_or_else(|| panic!("the account has no messaging service {sid}"))
    }
}

impl State {
    /// URL and method of the webhook for a text to this number, and the SID of the service if the
    /// webhook is the service's. A service without a URL that does not defer to its numbers drops
    /// their texts.
    pub(super) fn sms_webhook(&self, number: &str) -> Option<(String, String, Option<String>)> {
        let service = self
            .admin
            .services
            .iter()
            .find(|service| service.numbers.iter().any(|sender| sender == number));
        let own = self.numbers.get(number)?;
        let (url, method, service) = match service {
            Some(service) if !service.defers() => (
                service.field("InboundRequestUrl"),
                service.field("InboundMethod"),
                Some(service.sid.clone()),
            ),
            _ => (own.field("SmsUrl"), own.field("SmsMethod"), None),
        };
        (!url.is_empty()).then(|| (url.to_owned(), method.to_owned(), service))
    }
}

impl Twilio {
    /// Sets the account's status (`active`, `suspended`, `closed`) and type (`Full`, `Trial`).
    pub fn set_account(&self, status: &str, kind: &str) {
        lock(&self.shared.state).admin.account = [status, kind].map(str::to_owned);
    }

    /// Creates a messaging service with these senders. The account gets the numbers that it lacks.
    /// Returns the SID.
    pub fn add_messaging_service(&self, friendly_name: &str, numbers: &[&str]) -> String {
        let sid = format!("MG{}", random::hex(16));
        let mut state = lock(&self.shared.state);
        for number in numbers {
            state.numbers.own(number);
        }
        state.admin.services.push(Service::new(
            &sid,
            numbers,
            &[("FriendlyName", friendly_name)],
        ));
        sid
    }

    /// Sets fields of a messaging service by their names in requests, as the console does.
    pub fn set_messaging_service(&self, sid: &str, fields: &[(&str, &str)]) {
        let mut state = lock(&self.shared.state);
        let service = state.admin.service_mut(sid);
        for &(name, value) in fields {
            assert!(
                FIELDS.iter().any(|(field, ..)| *field == name),
                "messaging services have no field {name}"
            );
            service.fields.insert(name.to_owned(), value.to_owned());
        }
    }

    /// A messaging service in its present state.
    pub fn messaging_service(&self, sid: &str) -> Option<Service> {
        lock(&self.shared.state).admin.service(sid).cloned()
    }

    /// Sets the status of a service's A2P 10DLC campaign (`PENDING`, `IN_PROGRESS`, `VERIFIED`,
    /// `FAILED`, `SUSPENDED`); `None`: no campaign. At first [`MESSAGING_SERVICE`] has a campaign
    /// that is `VERIFIED`.
    pub fn set_a2p_status(&self, sid: &str, status: Option<&str>) {
        lock(&self.shared.state).admin.service_mut(sid).campaign = status.map(str::to_owned);
    }

    /// Sets the status of a toll-free number's verification: `PENDING_REVIEW`, `IN_REVIEW`,
    /// `TWILIO_APPROVED`, `TWILIO_REJECTED`. At first a number has no verification.
    pub fn set_tollfree_verification(&self, number: &str, status: &str) {
        let tollfree = &mut lock(&self.shared.state).admin.tollfree;
        tollfree.retain(|[other, _]| other != number);
        tollfree.push([number, status].map(str::to_owned));
    }

    /// Sets whether the account may send texts to a country and call its ordinary numbers. A
    /// forbidden text is refused with 21408. At first every country is allowed.
    pub fn set_geo(&self, country: &str, texts: bool, calls: bool) {
        lock(&self.shared.state)
            .admin
            .permissions
            .insert(country.to_owned(), Permissions { texts, calls });
    }

    /// Sets the monthly price of a number (`1.15`, USD) in a country, by type: `local`, `mobile`,
    /// `national`, `toll free`.
    pub fn set_number_price(&self, country: &str, kind: &str, price: &str) {
        let prices = &mut lock(&self.shared.state).admin.prices;
        prices
            .entry(country.to_owned())
            .or_default()
            .insert(kind.to_owned(), price.to_owned());
    }
}

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/2010-04-01/Accounts/{account}", get(account))
        .route("/v1/Services", get(services))
        .route("/v1/Services/{sid}", get(service).post(update_service))
        .route("/v1/Services/{sid}/PhoneNumbers", get(senders))
        .route("/v1/Services/{sid}/Compliance/Usa2p", get(campaigns))
        .route("/v1/Tollfree/Verifications", get(verifications))
        .route("/v1/DialingPermissions/Countries/{country}", get(dialing))
        .route("/v1/Messaging/GeoPermissions", get(texting))
        .route("/v1/PhoneNumbers/Countries/{country}", get(prices))
}

/// Why a request is refused.
enum Refusal {
    /// The request is wrong: error code and reason. It gets a complaint.
    Odd(u32, String),
    /// The resource does not exist.
    Missing(String),
}

/// Authenticates a request and answers it.
fn answer(
    shared: &Shared,
    complaints: &Complaints,
    headers: &HeaderMap,
    make: impl FnOnce(&mut State) -> Result<Value, Refusal>,
) -> Response {
    let mut state = match authenticate(shared, complaints, ACCOUNT_SID, headers) {
        Ok(state) => state,
        Err(refusal) => return refusal,
    };
    match make(&mut state) {
        Ok(value) => Json(value).into_response(),
        Err(Refusal::Odd(code, what)) => {
            complaints.add(format!("Twilio: {what}"));
            refuse(code, &what)
        }
        Err(Refusal::Missing(what)) => refuse(
            20404,
            &format!("The requested resource {what} was not found"),
        ),
    }
}

type Caller = (Axum<Arc<Shared>>, Extension<Complaints>, HeaderMap);

async fn account(
    (Axum(shared), Extension(complaints), headers): Caller,
    Path(account): Path<String>,
) -> Response {
    let account = account.strip_suffix(".json").unwrap_or_default();
    let state = match authenticate(&shared, &complaints, account, &headers) {
        Ok(state) => state,
        Err(refusal) => return refusal,
    };
    let [status, kind] = &state.admin.account;
    let (uri, then) = (
        format!("/2010-04-01/Accounts/{ACCOUNT_SID}"),
        mail::date(THEN_EPOCH),
    );
    Json(json!({
        "sid": ACCOUNT_SID, "owner_account_sid": ACCOUNT_SID, "friendly_name": "Acme", "status": status, "type": kind, "auth_token": state.auth_token,
        "date_created": then, "date_updated": then, "uri": format!("{uri}.json"),
        "subresource_uris": {
            "incoming_phone_numbers": format!("{uri}/IncomingPhoneNumbers.json"), "messages": format!("{uri}/Messages.json"),
        },
    }))
    .into_response()
}

/// One page of a list. The list has no second page.
fn page(
    path: &str,
    key: &str,
    items: &[Value],
    query: Pairs,
    known: &[&str],
) -> Result<Value, String> {
    let parameters = parameters(query, &[known, &["PageSize"]].concat())?;
    let size = page_size(&parameters)?;
    if items.len() > size {
        return Err(format!("pages of {size} are not simulated"));
    }
    let url = format!("https://messaging.twilio.com/v1/{path}?PageSize={size}&Page=0");
    let meta = json!({
        "page": 0, "page_size": size, "first_page_url": url, "previous_page_url": null, "next_page_url": null, "key": key, "url": url,
    });
    Ok(Map::from_iter([(key.to_owned(), items.into()), ("meta".to_owned(), meta)]).into())
}

async fn services(
    (Axum(shared), Extension(complaints), headers): Caller,
    Query(query): Query<Pairs>,
) -> Response {
    answer(&shared, &complaints, &headers, |state| {
        let services = state
            .admin
            .services
            .iter()
            .map(Service::resource)
            .collect::<Vec<_>>();
        page("Services", "services", &services, query, &[])
            .map_err(|what| Refusal::Odd(20001, what))
    })
}

async fn service(
    (Axum(shared), Extension(complaints), headers): Caller,
    Path(sid): Path<String>,
) -> Response {
    answer(&shared, &complaints, &headers, |state| {
        state
            .admin
            .service(&sid)
            .map(Service::resource)
            .ok_or_else(|| Refusal::Missing(format!("/Services/{sid}")))
    })
}

async fn update_service(
    (Axum(shared), Extension(complaints), headers): Caller,
    Path(sid): Path<String>,
    body: Bytes,
) -> Response {
    answer(&shared, &complaints, &headers, |state| {
        let content_type = sms::header(&headers, header::CONTENT_TYPE);
        if content_type.split(';').next() != Some("application/x-www-form-urlencoded") {
            return Err(Refusal::Odd(
                20001,
                format!("content type {content_type:?}"),
            ));
        }
        let known = FIELDS.map(|(name, ..)| name);
        let fields = sms::form(&body, &known).map_err(|what| Refusal::Odd(20001, what))?;
        let unfit = FIELDS
            .iter()
            .find(|(name, kind, _)| fields.get(*name).is_some_and(|value| !kind.takes(value)));
        if let Some((name, ..)) = unfit {
            return Err(Refusal::Odd(
                21712,
                format!("{name} is not valid: {}", fields[*name]),
            ));
        }
        let Some(service) = state
            .admin
            .services
            .iter_mut()
            .find(|service| service.sid == sid)
        else {
            return Err(Refusal::Missing(format!("/Services/{sid}")));
        };
        service.fields.extend(fields);
        Ok(service.resource())
    })
}

/// The numbers in a service's sender pool.
async fn senders(
    (Axum(shared), Extension(complaints), headers): Caller,
    Path(sid): Path<String>,
    Query(query): Query<Pairs>,
) -> Response {
    answer(&shared, &complaints, &headers, |state| {
        let Some(service) = state.admin.service(&sid) else {
            return Err(Refusal::Missing(format!("/Services/{sid}")));
        };
        let path = format!("Services/{sid}/PhoneNumbers");
        let sender = |number: &String| {
            let number_sid = &state.numbers.get(number)?.sid;
            Some(json!({
                "sid": number_sid, "account_sid": ACCOUNT_SID, "service_sid": sid, "phone_number": number, "country_code": null,
                "capabilities": ["SMS"], "date_created": THEN, "date_updated": THEN,
                "url": format!("https://messaging.twilio.com/v1/{path}/{number_sid}"),
            }))
        };
        let senders = service
            .numbers
            .iter()
            .filter_map(sender)
            .collect::<Vec<_>>();
        page(&path, "phone_numbers", &senders, query, &[]).map_err(|what| Refusal::Odd(20001, what))
    })
}

async fn campaigns(
    (Axum(shared), Extension(complaints), headers): Caller,
    Path(sid): Path<String>,
    Query(query): Query<Pairs>,
) -> Response {
    answer(&shared, &complaints, &headers, |state| {
        let Some(service) = state.admin.service(&sid) else {
            return Err(Refusal::Missing(format!("/Services/{sid}")));
        };
        let path = format!("Services/{sid}/Compliance/Usa2p");
        let campaign = |status: &String| {
            json!({
                "sid": "QE2c6890da8086d771620e9b13fadeba0b", "account_sid": ACCOUNT_SID, "messaging_service_sid": sid, "campaign_status": status,
                "us_app_to_person_usecase": "2FA", "description": "Verification codes and links", "campaign_id": "CFOOBAR", "mock": false,
                "brand_registration_sid": "BN00000000000000000000000000000001", "date_created": THEN, "date_updated": THEN, "errors": [],
                "url": format!("https://messaging.twilio.com/v1/{path}/QE2c6890da8086d771620e9b13fadeba0b"),
            })
        };
        let campaigns = service.campaign.iter().map(campaign).collect::<Vec<_>>();
        page(&path, "compliance", &campaigns, query, &[]).map_err(|what| Refusal::Odd(20001, what))
    })
}

async fn verifications(
    (Axum(shared), Extension(complaints), headers): Caller,
    Query(query): Query<Pairs>,
) -> Response {
    answer(&shared, &complaints, &headers, |state| {
        let asked = |name: &str| {
            query
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
        };
        let (number_sid, asked_status) = (asked("TollfreePhoneNumberSid"), asked("Status"));
        let verification = |[number, status]: &[String; 2]| {
            let sid = &state.numbers.get(number)?.sid;
            let wanted = number_sid.as_ref().is_none_or(|asked| asked == sid);
            (wanted && asked_status.as_ref().is_none_or(|asked| asked == status)).then(|| {
                json!({
                    "sid": format!("HH{}", &sid[2..]), "account_sid": ACCOUNT_SID, "tollfree_phone_number_sid": sid, "status": status,
                    "business_name": "Acme", "date_created": THEN, "date_updated": THEN, "rejection_reason": null, "error_code": null,
                })
            })
        };
        let verifications = state
            .admin
            .tollfree
            .iter()
            .filter_map(verification)
            .collect::<Vec<_>>();
        let known = ["TollfreePhoneNumberSid", "Status"];
        page(
            "Tollfree/Verifications",
            "verifications",
            &verifications,
            query,
            &known,
        )
        .map_err(|what| Refusal::Odd(20001, what))
    })
}

fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Name and continent in the permissions, and the calling code.
fn describe(country: &str) -> [&str; 3] {
    match country {
        "US" => ["United States/Canada", "NORTH_AMERICA", "+1"],
        "DK" => ["Denmark", "EUROPE", "+45"],
        "GB" => ["United Kingdom", "EUROPE", "+44"],
        "CO" => ["Colombia", "SOUTH_AMERICA", "+57"],
        _ => [country, "EUROPE", ""],
    }
}

async fn dialing(
    (Axum(shared), Extension(complaints), headers): Caller,
    Path(country): Path<String>,
) -> Response {
    answer(&shared, &complaints, &headers, |state| {
        if !is_country(&country) {
            return Err(Refusal::Odd(20404, format!("no country {country}")));
        }
        let [name, continent, code] = describe(&country);
        let url = format!("https://voice.twilio.com/v1/DialingPermissions/Countries/{country}");
        Ok(json!({
            "iso_code": country, "name": name, "continent": continent, "country_codes": [code], "url": url,
            "low_risk_numbers_enabled": state.admin.permissions(&country).calls, "high_risk_special_numbers_enabled": false,
            "high_risk_tollfraud_numbers_enabled": false, "links": {"highrisk_special_prefixes": format!("{url}/HighRiskSpecialPrefixes")},
        }))
    })
}

/// Permissions of one country or of several, separated by commas.
async fn texting(
    (Axum(shared), Extension(complaints), headers): Caller,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    answer(&shared, &complaints, &headers, |state| {
        let countries = query
            .get("CountryCode")
            .map(|countries| countries.split(',').collect::<Vec<_>>());
        let Some(countries) =
            countries.filter(|codes| query.len() == 1 && codes.iter().all(|code| is_country(code)))
        else {
            return Err(Refusal::Odd(20001, "not exactly CountryCode".to_owned()));
        };
        let permission = |country: &str| {
            json!({
                "country_code": country, "type": "country", "enabled": state.admin.texts_to(country), "error_code": 0, "error_messages": [],
            })
        };
        Ok(json!({ "permissions": countries.into_iter().map(permission).collect::<Vec<_>>() }))
    })
}

async fn prices(
    (Axum(shared), Extension(complaints), headers): Caller,
    Path(country): Path<String>,
) -> Response {
    answer(&shared, &complaints, &headers, |state| {
        if !is_country(&country) {
            return Err(Refusal::Odd(20404, format!("no country {country}")));
        }
        let path = format!("/v1/PhoneNumbers/Countries/{country}");
        let Some(prices) = state.admin.prices.get(&country) else {
            return Err(Refusal::Missing(path));
        };
        let price = |(kind, price)| json!({ "number_type": kind, "base_price": price, "current_price": price });
        Ok(json!({
            "country": describe(&country)[0], "iso_country": country, "price_unit": "USD", "url": format!("https://pricing.twilio.com{path}"),
            "phone_number_prices": prices.iter().map(price).collect::<Vec<_>>(),
        }))
    })
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;
    use crate::{
        twilio::AUTH_TOKEN,
        wire::{Server, client},
    };

    struct Api(Twilio);

    impl Api {
        async fn start() -> Self {
            Self(Twilio::start(None).await.unwrap())
        }

        async fn call(&self, method: Method, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
            let url = self.0.server().url() + path;
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

        async fn get(&self, path: &str) -> Value {
            let (status, body) = self.call(Method::GET, path, &[]).await;
            assert_eq!(status, 200, "{path}: {body}");
            body
        }
    }

    #[tokio::test]
    async fn an_administrator_looks_things_up() {
        let api = Api::start().await;
        let account = format!("/2010-04-01/Accounts/{ACCOUNT_SID}.json");
        assert_eq!(
            (
                &api.get(&account).await["status"],
                &api.get(&account).await["type"]
            ),
            (&json!("active"), &json!("Full"))
        );
        api.0.set_account("suspended", "Trial");
        assert_eq!(api.get(&account).await["status"], "suspended");

        let campaigns = format!("/v1/Services/{MESSAGING_SERVICE}/Compliance/Usa2p");
        assert_eq!(
            api.get(&campaigns).await["compliance"][0]["campaign_status"],
            "VERIFIED"
        );
        api.0.set_a2p_status(MESSAGING_SERVICE, Some("FAILED"));
        assert_eq!(
            api.get(&campaigns).await["compliance"][0]["campaign_status"],
            "FAILED"
        );
        api.0.set_a2p_status(MESSAGING_SERVICE, None);
        assert_eq!(api.get(&campaigns).await["compliance"], json!([]));

        let sid = api.0.own("+18005550100", &[]);
        assert_eq!(
            api.get("/v1/Tollfree/Verifications").await["verifications"],
            json!([])
        );
        api.0.set_tollfree_verification("+18005550100", "IN_REVIEW");
        let verifications = api
            .get(&format!(
                "/v1/Tollfree/Verifications?PageSize=9&TollfreePhoneNumberSid={sid}"
            ))
            .await;
        assert_eq!(verifications["verifications"][0]["status"], "IN_REVIEW");
        assert_eq!(
            api.get("/v1/Tollfree/Verifications?Status=TWILIO_APPROVED")
                .await["verifications"],
            json!([])
        );

        api.0.set_geo("DK", false, false);
        let dialing = api.get("/v1/DialingPermissions/Countries/DK").await;
        assert_eq!(
            (&dialing["iso_code"], &dialing["low_risk_numbers_enabled"]),
            (&json!("DK"), &json!(false))
        );
        assert_eq!(
            api.get("/v1/DialingPermissions/Countries/US").await["low_risk_numbers_enabled"],
            true
        );
        let texting = api
            .get("/v1/Messaging/GeoPermissions?CountryCode=US,DK")
            .await;
        assert_eq!(
            (
                &texting["permissions"][0]["enabled"],
                &texting["permissions"][1]["enabled"]
            ),
            (&json!(true), &json!(false))
        );
        let form = [("To", "+4512345678"), ("From", NUMBER), ("Body", "x")];
        let messages = format!("/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json");
        assert_eq!(
            api.call(Method::POST, &messages, &form).await.1["code"],
            21408
        );

        let us = api.get("/v1/PhoneNumbers/Countries/US").await;
        assert_eq!(
            us["phone_number_prices"][0],
            json!({"number_type": "local", "base_price": "1.15", "current_price": "1.15"})
        );
        assert_eq!(
            api.call(Method::GET, "/v1/PhoneNumbers/Countries/CO", &[])
                .await
                .0,
            404
        );
        api.0.set_number_price("CO", "local", "14.00");
        assert_eq!(
            api.get("/v1/PhoneNumbers/Countries/CO").await["phone_number_prices"][0]["current_price"],
            "14.00"
        );
        assert_eq!(api.0.server().complaints(), [""; 0]);

        for path in [
            "/v1/DialingPermissions/Countries/dk",
            "/v1/PhoneNumbers/Countries/USA",
            "/v1/Messaging/GeoPermissions",
            "/v1/Messaging/GeoPermissions?CountryCode=US&Page=1",
            "/v1/Services?Page=1",
            "/v1/Services?PageSize=0",
            "/v1/Tollfree/Verifications?Sid=x",
            "/2010-04-01/Accounts/AC2.json",
            "/v1/Services/x/AlphaSenders",
        ] {
            assert!(api.call(Method::GET, path, &[]).await.0 >= 400, "{path}");
            assert_eq!(api.0.server().complaints().len(), 1, "{path}");
        }
        api.0.set_auth_token("new");
        for path in [
            &account,
            "/v1/Services",
            "/v1/DialingPermissions/Countries/DK",
            "/v1/PhoneNumbers/Countries/US",
        ] {
            assert_eq!(api.call(Method::GET, path, &[]).await.0, 401, "{path}");
        }
    }

    #[tokio::test]
    async fn a_service_is_read_and_set() {
        let api = Api::start().await;
        let path = format!("/v1/Services/{MESSAGING_SERVICE}");
        let service = api.get(&path).await;
        assert_eq!(
            service,
            api.get("/v1/Services?PageSize=50").await["services"][0]
        );
        assert_eq!(
            (
                &service["inbound_request_url"],
                &service["inbound_method"],
                &service["use_inbound_webhook_on_number"]
            ),
            (&Value::Null, &json!("POST"), &json!(true))
        );
        let url = "https://x.example/#rc=3&rp=5xx,ct,rt";
        let senders = api.get(&format!("{path}/PhoneNumbers?PageSize=50")).await;
        assert_eq!(
            (
                &senders["phone_numbers"][0]["phone_number"],
                &senders["phone_numbers"][1]
            ),
            (&json!(NUMBER), &Value::Null)
        );
        assert_eq!(
            api.call(Method::GET, "/v1/Services/MG1/PhoneNumbers", &[])
                .await
                .0,
            404
        );
        let form = [
            ("InboundRequestUrl", url),
            ("InboundMethod", "GET"),
            ("UseInboundWebhookOnNumber", "false"),
        ];
        let (status, service) = api.call(Method::POST, &path, &form).await;
        assert_eq!(
            (status, &service["inbound_request_url"], &service["sid"]),
            (200, &json!(url), &json!(MESSAGING_SERVICE))
        );
        let service = api.0.messaging_service(MESSAGING_SERVICE).unwrap();
        assert_eq!(
            (
                service.field("InboundRequestUrl"),
                service.field("InboundMethod")
            ),
            (url, "GET")
        );
        assert_eq!(
            api.call(Method::POST, &path, &[("InboundRequestUrl", "")])
                .await
                .1["inbound_request_url"],
            Value::Null
        );
        assert_eq!(
            api.call(Method::POST, "/v1/Services/MG1", &form).await.0,
            404
        );
        assert_eq!(api.0.server().complaints(), [""; 0]);
        for (name, value) in [
            ("InboundUrl", "x"),
            ("InboundRequestUrl", "x"),
            ("InboundMethod", "PUT"),
            ("StickySender", ""),
        ] {
            assert_eq!(
                api.call(Method::POST, &path, &[(name, value)]).await.0,
                400,
                "{name}"
            );
            assert_eq!(api.0.server().complaints().len(), 1, "{name}");
        }
    }

    #[tokio::test]
    async fn texts_go_to_the_service_or_the_number() {
        let api = Api::start().await;
        let hook = Server::start("hook", Router::new().fallback(|| async { "" }))
            .await
            .unwrap();
        let (number, service) = ("+15005550011", hook.url() + "/service");
        api.0.set_sms_url(number, &(hook.url() + "/number"));
        let sid = api.0.add_messaging_service("Texts", &[number]);
        let text = async || {
            hook.clear_exchanges();
            api.0.text("+4512345678", number, "Hi").await;
            hook.exchanges()
                .pop()
                .map(|exchange| (exchange.method, exchange.target))
        };
        assert_eq!(
            text().await,
            None,
            "a service that neither has a URL nor defers drops texts"
        );
        api.0
            .set_messaging_service(&sid, &[("InboundRequestUrl", &service)]);
        assert_eq!(
            text().await,
            Some(("POST".to_owned(), "/service".to_owned()))
        );
        let body = hook.exchanges()[0].request.clone();
        assert!(
            form_urlencoded::parse(&body)
                .any(|(name, value)| name == "MessagingServiceSid" && value == sid)
        );
        api.0
            .set_messaging_service(&sid, &[("UseInboundWebhookOnNumber", "true")]);
        assert_eq!(
            text().await,
            Some(("POST".to_owned(), "/number".to_owned()))
        );
        api.0.own(number, &[("SmsMethod", "GET")]);
        let (method, target) = text().await.unwrap();
        assert!(
            method == "GET" && target.starts_with("/number?ToCountry=US&"),
            "{method} {target}"
        );
        let exchange = &hook.exchanges()[0];
        let signed = api.0.sign(&(hook.url() + &target), &[]);
        assert!(
            exchange.request.is_empty()
                && exchange
                    .headers
                    .contains(&("x-twilio-signature".to_owned(), signed))
        );
        let form = [
            ("To", "+4512345678"),
            ("MessagingServiceSid", sid.as_str()),
            ("Body", "x"),
        ];
        let messages = format!("/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json");
        assert_eq!(
            (
                api.call(Method::POST, &messages, &form).await.0,
                &*api.0.messages()[0].from
            ),
            (201, number)
        );
    }
}
