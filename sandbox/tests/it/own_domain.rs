//! A domain of one's own in front of the functions: `docs/domain`. Providers know and sign only that
//! address. `CloudFront` and an HTTP API hand the path on whole, with the function's name in it.

use std::fs;

use sandbox::scene::Scene;
use sandbox::template::root;
use sandbox::{COMPANY_NUMBER, EMPLOYEE_MOBILE, Sandbox};
use serde_json::{Value, json};

use crate::{API, CALL, FORWARD, GATEWAY, IVR, binary};

const DOMAIN: &str = "hooks.acme.example";
/// The host that `CloudFront` calls. A Function URL answers no other.
const ORIGIN: &str = "abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-west-1.on.aws";
const STRANGER: &str = "+4512345678";
const FORM: &str = "application/x-www-form-urlencoded; charset=UTF-8";
/// Escapes that a proxy could undo, an order that it could change, and names that come twice.
const RAW_QUERY: &str = "b=%2B45&a=1&a=%7e&c=x+y&d=";

/// Who is in front of a function.
#[derive(Clone, Copy, Debug)]
enum Front {
    CloudFront,
    HttpApi,
}

impl Front {
    const ALL: [Self; 2] = [Self::CloudFront, Self::HttpApi];

    /// The event of a request, as it was recorded behind each of them. Names of headers are in small
    /// letters.
    fn event(self, method: &str, path: &str, query: &str, headers: &Value, body: &str) -> Value {
        let mut event = json!({
            "version": "2.0", "rawPath": path, "rawQueryString": query, "headers": headers, "body": body, "isBase64Encoded": false,
            "requestContext": {
                "accountId": "anonymous", "requestId": "e1506fd5-0000-4000-8000-000000000001", "stage": "$default",
                "time": "20/Nov/2026:12:00:00 +0000", "timeEpoch": 1_795_176_000_000_u64,
                "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "TwilioProxy/1.1" },
            },
        });
        let (route, api, domain, more) = match self {
            Self::CloudFront => (
                "$default".to_owned(),
                "abcdefghijklmnopqrstuvwxyz012345",
                ORIGIN,
                json!({
                    "host": ORIGIN, "via": "1.1 0123456789abcdef0123456789abcdef.cloudfront.net (CloudFront)",
                    "x-amz-cf-id": "Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYg==", "x-forwarded-for": "203.0.113.7",
                    "x-forwarded-port": "443", "x-forwarded-proto": "https", "x-amzn-tls-version": "TLSv1.3",
                }),
            ),
            Self::HttpApi => (
                format!("ANY /{}", path.split('/').nth(1).unwrap_or_default()),
                "a1b2c3d4e5",
                DOMAIN,
                json!({ "host": DOMAIN, "x-forwarded-for": "203.0.113.7", "x-forwarded-port": "443", "x-forwarded-proto": "https" }),
            ),
        };
        event["routeKey"] = json!(route);
        event["requestContext"]["routeKey"] = json!(route);
        event["requestContext"]["apiId"] = json!(api);
        event["requestContext"]["domainName"] = json!(domain);
        event["requestContext"]["domainPrefix"] = json!(domain.split('.').next());
        for (name, value) in more.as_object().unwrap() {
            event["headers"][name] = value.clone();
        }
        event
    }
}

/// The function as the template with the parameter `Domain` runs it.
async fn behind_the_domain(function: &str) -> Scene {
    let sandbox = Sandbox::start().await;
    sandbox.okta.hire("Ann", EMPLOYEE_MOBILE, COMPANY_NUMBER);
    let public_url = format!("https://{DOMAIN}/{function}");
    let settings = [("PUBLIC_URL", Some(public_url.as_str()))];
    let binary = binary(function).await.to_str().unwrap();
    Scene::start(sandbox, function, binary, 1, &settings).await
}

fn form(params: &[(String, String)]) -> String {
    let encode = |text: &str| {
        text.bytes().fold(String::new(), |encoded, byte| {
            encoded + &format!("%{byte:02X}")
        })
    };
    let pairs = params
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// The status of a webhook that Twilio signed for `signed` and that comes to `path`.
async fn webhook(
    scene: &Scene,
    front: Front,
    params: &[(String, String)],
    signed: &str,
    path: &str,
    query: &str,
) -> Value {
    let signature = scene.sandbox.twilio.sign(signed, params);
    let headers = json!({ "content-type": FORM, "x-twilio-signature": signature });
    let event = front.event("POST", path, query, &headers, &form(params));
    scene.lambda.invoke(event).await.unwrap()
}

#[tokio::test]
async fn twilios_signatures_count_behind_a_domain_of_ones_own() {
    for (function, below) in [(FORWARD, ""), (CALL, ""), (IVR, "/voice")] {
        let scene = behind_the_domain(function).await;
        let params = || match function {
            FORWARD => scene
                .sandbox
                .twilio
                .inbound(STRANGER, COMPANY_NUMBER, "Hello"),
            _ => scene.sandbox.twilio.inbound_call(STRANGER, COMPANY_NUMBER),
        };
        for front in Front::ALL {
            let path = format!("/{function}{below}");
            let public = format!("https://{DOMAIN}{path}");
            for (signed, query, status) in [
                (public.clone(), "", 200),
                (format!("{public}?{RAW_QUERY}"), RAW_QUERY, 200),
                (public.clone(), RAW_QUERY, 403),
                (format!("{public}?a=1&a=~&b=+45&c=x y&d="), RAW_QUERY, 403),
                (format!("https://{ORIGIN}{path}"), "", 403),
                (
                    format!("https://{ORIGIN}/{}", below.trim_start_matches('/')),
                    "",
                    403,
                ),
                (
                    format!("https://{DOMAIN}/{}", below.trim_start_matches('/')),
                    "",
                    403,
                ),
                (format!("https://evil.example{path}"), "", 403),
            ] {
                let answer = webhook(&scene, front, &params(), &signed, &path, query).await;
                assert_eq!(
                    answer["statusCode"], status,
                    "{function} behind {front:?}, signed for {signed}"
                );
            }
            let elsewhere = format!("https://{DOMAIN}/other{below}");
            let path = format!("/other{below}");
            let answer = webhook(&scene, front, &params(), &elsewhere, &path, "").await;
            assert_eq!(answer["statusCode"], 404, "{function} behind {front:?}");
        }
    }
}

#[tokio::test]
async fn twiml_leads_back_through_the_domain() {
    let scene = behind_the_domain(IVR).await;
    for front in Front::ALL {
        let params = scene.sandbox.twilio.inbound_call(STRANGER, COMPANY_NUMBER);
        let path = format!("/{IVR}/voice");
        let url = format!("https://{DOMAIN}{path}");
        let answer = webhook(&scene, front, &params, &url, &path, "").await;
        let twiml = answer["body"].as_str().unwrap();
        let actions: Vec<_> = twiml.split("action=\"").skip(1).collect();
        assert!(!actions.is_empty(), "{twiml}");
        for action in actions {
            let action = action.split('"').next().unwrap();
            // Twilio resolves a relative URL against that of the document.
            let leads_back = action.starts_with(&format!("https://{DOMAIN}/{IVR}/"))
                || action.starts_with(&format!("/{IVR}/"))
                || !action.starts_with('/') && !action.contains("://");
            assert!(leads_back, "{action}");
        }
    }
}

#[tokio::test]
async fn callers_with_tokens_come_through_the_domain() {
    for (function, method, below) in [(GATEWAY, "POST", ""), (API, "GET", "/accounts/10042")] {
        let scene = behind_the_domain(function).await;
        for front in Front::ALL {
            let headers = json!({ "content-type": "application/json" });
            let path = format!("/{function}{below}");
            let event = front.event(method, &path, "", &headers, "{}");
            let answer = scene.lambda.invoke(event).await.unwrap();
            assert_eq!(answer["statusCode"], 401, "{function} behind {front:?}");
            let event = front.event(method, &format!("/other{below}"), "", &headers, "{}");
            let answer = scene.lambda.invoke(event).await.unwrap();
            assert_eq!(answer["statusCode"], 404, "{function} behind {front:?}");
        }
    }
}

#[test]
fn what_has_an_origin_has_a_path_of_its_name() {
    let template = sandbox::template::Template::read().unwrap();
    let read = |name: &str| fs::read_to_string(root().join("docs/domain").join(name)).unwrap();
    let (cloudfront, http_api) = (read("cloudfront.yaml"), read("http-api.yaml"));
    let main = fs::read_to_string(root().join("template.yaml")).unwrap();
    let is_behind = |id: &str| main.contains(&format!("  {id}Origin:\n"));
    let functions = template.functions.iter();
    let behind: Vec<_> = functions
        .filter(|function| is_behind(&function.logical_id))
        .collect();
    assert!(behind.len() >= 10, "{}", behind.len());
    for function in behind {
        let (id, name) = (&function.logical_id, &function.name);
        for (file, text, parts) in [
            (
                "cloudfront.yaml",
                &cloudfront,
                vec![format!("Id: {name},"), format!("PathPattern: /{name}*,")],
            ),
            (
                "http-api.yaml",
                &http_api,
                vec![
                    format!("RouteKey: ANY /{name},"),
                    format!("\"ANY /{name}/{{proxy+}}\""),
                ],
            ),
            (
                "template.yaml",
                &main,
                vec![format!(
                    "PUBLIC_URL: !If [OwnDomain, !Sub \"https://${{Domain}}/{name}\""
                )],
            ),
        ] {
            for part in parts {
                assert!(text.contains(&part), "{file} lacks {part}");
            }
        }
        for text in [&cloudfront, &http_api] {
            assert!(text.contains(&format!("  {id}Origin: {{")), "{id}Origin");
        }
    }
}
