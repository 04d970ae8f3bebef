//! How servers refuse credentials, each in its own way.

use sandbox::wire::Fault;

/// A server's refusal of the credentials of a request.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::soak) struct Refusal {
    pub(in crate::soak) server: &'static str,
    /// What the request's method and path hold.
    pub(in crate::soak) part: &'static str,
    pub(in crate::soak) status: u16,
    challenge: Option<&'static str>,
    body: &'static str,
}

/// Twilio's 403 and Plivo's are about rights that are not simulated.
pub(in crate::soak) const REFUSALS: [Refusal; 11] = [
    refusal(
        "Twilio",
        "/2010-04-01/",
        401,
        r#"{"code":20003,"message":"Authenticate","more_info":"https://www.twilio.com/docs/errors/20003","status":401}"#,
    ),
    refusal(
        "Plivo",
        "/v1/Account/",
        401,
        r#"{"api_id":"c9527676-5839-11e1-86da-6ff39efcb949","error":"authentication failed"}"#,
    ),
    // The SMS API says everything with 200.
    refusal(
        "Vonage",
        "/sms/json",
        200,
        r#"{"message-count":"1","messages":[{"error-text":"Bad Credentials","status":"4"}]}"#,
    ),
    refusal(
        "Vonage",
        "/v1/calls",
        401,
        r#"{"detail":"You did not provide correct credentials.","error_title":"Unauthorized","type":"UNAUTHORIZED"}"#,
    ),
    refusal(
        "Clickatell",
        "/v1/message",
        401,
        r#"{"error":{"code":1,"description":"Invalid or missing integration API Key"},"messages":[]}"#,
    ),
    refusal(
        "Clickatell",
        "/v1/message",
        403,
        r#"{"error":{"code":7,"description":"The API key is not allowed to send"},"messages":[]}"#,
    ),
    refusal(
        "Auth0",
        "/oauth/token",
        401,
        r#"{"error":"access_denied","error_description":"Unauthorized"}"#,
    ),
    refusal(
        "Auth0",
        "/oauth/token",
        403,
        r#"{"error":"unauthorized_client","error_description":"Grant type not allowed for the client."}"#,
    ),
    refusal(
        "Auth0",
        "/api/v2/",
        401,
        r#"{"error":"Unauthorized","message":"Invalid token","statusCode":401}"#,
    ),
    Refusal {
        challenge: Some("Bearer error=\"invalid_token\""),
        ..refusal(
            "Okta",
            "/api/v1/",
            401,
            r#"{"errorCauses":[],"errorCode":"E0000011","errorId":"oae0","errorLink":"E0000011","errorSummary":"Invalid token provided"}"#,
        )
    },
    refusal(
        "Okta",
        "/api/v1/",
        403,
        r#"{"errorCauses":[],"errorCode":"E0000006","errorId":"oae0","errorLink":"E0000006","errorSummary":"You do not have permission to perform the requested action"}"#,
    ),
];

const fn refusal(
    server: &'static str,
    part: &'static str,
    status: u16,
    body: &'static str,
) -> Refusal {
    Refusal {
        server,
        part,
        status,
        challenge: None,
        body,
    }
}

impl Refusal {
    pub(in crate::soak) fn fault(&self) -> Fault {
        let challenge = self.challenge.map(|value| ("www-authenticate", value));
        let headers = [("content-type", "application/json")].into_iter();
        let headers = headers.chain(challenge);
        Fault::Answer {
            status: self.status,
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: self.body.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use sandbox::{Sandbox, plivo, twilio, wire::client};
    use serde_json::{Value, json};

    use super::*;

    /// The requests hold wrong credentials. What differs by chance is an id.
    #[tokio::test]
    async fn a_simulator_refuses_in_the_same_way() {
        let sandbox = Sandbox::start().await;
        let (account, id) = (twilio::ACCOUNT_SID, plivo::AUTH_ID);
        let requests = [
            (
                "Twilio",
                format!("/2010-04-01/Accounts/{account}/Messages.json"),
            ),
            ("Plivo", format!("/v1/Account/{id}/Message/")),
            ("Vonage", "/sms/json".to_owned()),
            ("Vonage", "/v1/calls".to_owned()),
            ("Clickatell", "/v1/message".to_owned()),
            ("Auth0", "/oauth/token".to_owned()),
            ("Auth0", "/api/v2/users".to_owned()),
            ("Okta", "/api/v1/users".to_owned()),
        ];
        let servers = sandbox.servers();
        for (name, path) in requests {
            let server = servers.iter().find(|(known, _)| *known == name);
            let (_, server) = server.expect("a server");
            let url = format!("{}{path}", server.url());
            let request = match (name, path.as_str()) {
                ("Twilio" | "Plivo", _) => {
                    let user = if name == "Twilio" { account } else { id };
                    client().post(url).basic_auth(user, Some("wrong"))
                }
                (_, "/sms/json") => {
                    let form = [("api_key", "wrong"), ("api_secret", "wrong"), ("from", "a"), ("to", "4520123456"), ("text", "a")];
                    client().post(url).form(&form)
                }
                ("Clickatell", _) => client().post(url).header("authorization", "wrong"),
                (_, "/oauth/token") => client().post(url).json(&json!({
                    "grant_type": "client_credentials", "audience": "a", "client_id": sandbox::auth0::CLIENT_ID, "client_secret": "wrong",
                })),
                ("Okta", _) => client().get(url).header("authorization", "SSWS wrong"),
                ("Vonage", _) => client().post(url).bearer_auth("wrong"),
                _ => client().get(url).bearer_auth("wrong"),
            };
            let answer = request.send().await.expect("an answer");
            let ours = REFUSALS.iter().find(|refusal| {
                refusal.server == name && path.starts_with(refusal.part) && refusal.status != 403
            });
            let ours = ours.expect("a refusal");
            assert_eq!(answer.status(), ours.status, "{name} {path}");
            let mut bodies = [
                answer.json::<Value>().await.expect("JSON"),
                serde_json::from_str(ours.body).expect("JSON"),
            ];
            for body in &mut bodies {
                for by_chance in ["api_id", "errorId"] {
                    if let Some(id) = body.get_mut(by_chance) {
                        *id = Value::Null;
                    }
                }
            }
            assert_eq!(bodies[0], bodies[1], "{name} {path}");
        }
        // Some are about more than the credentials.
        sandbox.complaints();
    }
}
