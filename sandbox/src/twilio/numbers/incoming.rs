//! The account's numbers: purchases, changes, releases.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Path, State as Axum},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};

use super::{
    inventory::Numbers,
    owned::base,
    requests::{complain, form, is_area, is_sid},
};
use crate::{
    sms::e164,
    twilio::{
        account::Shared,
        api::{authenticate, refuse},
    },
    wire::Complaints,
};

pub(super) async fn create(
    Axum(shared): Axum<Arc<Shared>>,
    Extension(complaints): Extension<Complaints>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut state = match authenticate(&shared, &complaints, &account, &headers) {
        Ok(state) => state,
        Err(refusal) => return refusal,
    };
    let mut fields = match form(&headers, &body, &["PhoneNumber", "AreaCode"]) {
        Ok(fields) => fields,
        Err((code, what)) => return complain(&complaints, code, &what),
    };
    let (number, area) = (fields.remove("PhoneNumber"), fields.remove("AreaCode"));
    match (&number, &area) {
        (Some(number), None) if !e164(number) => {
            return complain(
                &complaints,
                21421,
                &format!("PhoneNumber {number} is invalid"),
            );
        }
        (None, Some(area)) if !is_area(area) => {
            return complain(&complaints, 21451, &format!("area code {area} is invalid"));
        }
        (Some(_), None) | (None, Some(_)) => {}
        _ => return complain(&complaints, 20001, "either PhoneNumber or AreaCode"),
    }
    match state
        .numbers
        .buy(number.as_deref(), area.as_deref(), &fields)
    {
        Ok(owned) => (StatusCode::CREATED, Json(owned.resource())).into_response(),
        Err((code, what)) => refuse(code, &what),
    }
}

/// Runs `act` on the number with that SID, or answers why that is impossible.
fn with(
    shared: &Shared,
    complaints: &Complaints,
    (account, sid): &(String, String),
    headers: &HeaderMap,
    act: impl FnOnce(&mut Numbers, usize) -> Response,
) -> Response {
    let mut state = match authenticate(shared, complaints, account, headers) {
        Ok(state) => state,
        Err(refusal) => return refusal,
    };
    let missing = format!("The requested resource {}/{sid} was not found", base());
    let Some(sid) = sid.strip_suffix(".json").filter(|sid| is_sid(sid, "PN")) else {
        return complain(complaints, 20404, &missing);
    };
    match state.numbers.by_sid(sid) {
        Some(index) => act(&mut state.numbers, index),
        None => refuse(20404, &missing),
    }
}

pub(super) async fn read(
    Axum(shared): Axum<Arc<Shared>>,
    Extension(complaints): Extension<Complaints>,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    with(&shared, &complaints, &path, &headers, |numbers, index| {
        Json(numbers.owned[index].resource()).into_response()
    })
}

pub(super) async fn update(
    Axum(shared): Axum<Arc<Shared>>,
    Extension(complaints): Extension<Complaints>,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    with(
        &shared,
        &complaints,
        &path,
        &headers,
        |numbers, index| match form(&headers, &body, &[]) {
            Ok(fields) => {
                numbers.set_all(index, &fields);
                Json(numbers.owned[index].resource()).into_response()
            }
            Err((code, what)) => complain(&complaints, code, &what),
        },
    )
}

pub(super) async fn release(
    Axum(shared): Axum<Arc<Shared>>,
    Extension(complaints): Extension<Complaints>,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    with(&shared, &complaints, &path, &headers, |numbers, index| {
        numbers.release(index);
        StatusCode::NO_CONTENT.into_response()
    })
}

#[cfg(test)]
mod tests {
    use crate::{
        twilio::{NUMBER, Stock, numbers::api::Api},
        wire::lock,
    };
    use axum::http::Method;
    use serde_json::{Value, json};

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
}
