//! The response to a request to the Function URL.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;

/// The HTTP answer for a function's result; `None` if AWS cannot use the result.
pub(super) fn response(answer: &Value) -> Option<Response> {
    let Some(status) = answer.get("statusCode") else {
        let body = answer
            .as_str()
            .map_or_else(|| answer.to_string(), str::to_owned);
        return Some(([("content-type", "application/json")], body).into_response());
    };
    let text = answer["body"].as_str().unwrap_or_default();
    let body = if answer["isBase64Encoded"].as_bool().unwrap_or_default() {
        BASE64_STANDARD.decode(text).ok()?
    } else {
        text.into()
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(u16::try_from(status.as_u64()?).ok()?).ok()?;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        headers.insert(
            HeaderName::try_from(name).ok()?,
            HeaderValue::try_from(value).ok()?,
        );
    }
    for cookie in answer["cookies"].as_array().into_iter().flatten() {
        headers.append(
            header::SET_COOKIE,
            HeaderValue::try_from(cookie.as_str()?).ok()?,
        );
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_becomes_a_response() {
        let full = json!({ "statusCode": 201, "headers": { "x-a": "b" }, "cookies": ["a=1", "b=2"], "body": "aGk=", "isBase64Encoded": true });
        let full = response(&full).unwrap();
        assert_eq!(
            (full.status().as_u16(), &full.headers()["x-a"]),
            (201, &HeaderValue::from_static("b"))
        );
        assert_eq!(full.headers().get_all("set-cookie").iter().count(), 2);
        let bare = response(&json!({ "any": 1 })).unwrap();
        assert_eq!(
            (bare.status().as_u16(), &bare.headers()["content-type"]),
            (200, &HeaderValue::from_static("application/json"))
        );
        assert!(response(&json!({ "statusCode": "no" })).is_none());
    }
}
