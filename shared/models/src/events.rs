//! Lambda's events.

use serde_json::{Value, json};

/// A POST of this body. It has the gateway's bearer token.
pub fn post(path: &str, body: &Value) -> String {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "authorization": "Bearer a-static-bearer-token-for-the-action",
            "content-type": "application/json",
        },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "x",
            "domainName": "x.lambda-url.eu-west-1.on.aws",
            "domainPrefix": "x",
            "http": {
                "method": "POST",
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "node",
            },
            "requestId": "r",
            "routeKey": "$default",
            "stage": "$default",
            "time": "20/Nov/2026:12:00:00 +0000",
            "timeEpoch": 0,
        },
        "body": body.to_string(),
        "isBase64Encoded": false,
    })
    .to_string()
}
