//! The mappings that docs/sms-gateway.md names, each with a request of its product.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sandbox::{GENERIC_HMAC_SECRET, GENERIC_TOKEN, Sandbox};
use serde_json::{Value, json};

use crate::generic::{hex, mac, on};
use crate::scene::{PHONE, Scene};

/// The requests. Each says where it is from.
fn products() -> Vec<Value> {
    serde_json::from_str(include_str!("products.json")).unwrap()
}

/// The mapping in the row of a product.
fn mapping(product: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sms-gateway.md");
    let page = fs::read_to_string(page).unwrap();
    let row = format!("| {product} | `{{");
    let row = page.lines().find(|line| line.starts_with(&row));
    let row = row.unwrap_or_else(|| panic!("docs/sms-gateway.md has no mapping for {product}"));
    row.split('`').nth(1).unwrap().to_owned()
}

async fn post(scene: &Scene, credential: &str, body: &Value) -> u16 {
    let body = body.to_string();
    let header = match credential {
        "bare" => ("authorization", GENERIC_TOKEN.to_owned()),
        "basic" => {
            let pair = BASE64_STANDARD.encode(format!("switchboard:{GENERIC_TOKEN}"));
            ("authorization", format!("Basic {pair}"))
        }
        "signature" => {
            let now = sandbox::now().as_secs();
            let mac = hex(&mac(GENERIC_HMAC_SECRET, &format!("{now}.{body}")));
            ("zitadel-signature", format!("t={now},v1={mac}"))
        }
        other => panic!("{other} is no credential"),
    };
    scene.post_to("generic", &[header], body).await.status
}

#[tokio::test]
async fn the_documented_mapping_of_each_product_reads_its_request() {
    let products = products();
    assert_eq!(products.len(), 6);
    for product in products {
        let name = product["product"].as_str().unwrap();
        let mapping = mapping(name);
        let settings = [
            ("GENERIC_MAPPING", Some(mapping.as_str())),
            ("GENERIC_SIGNATURE_HEADER", Some("ZITADEL-Signature")),
        ];
        let scene = on(Sandbox::start().await, 1, &settings).await;
        let credential = product["credential"].as_str().unwrap();
        // A product that saw no answer posts it again.
        for _ in 0..2 {
            assert_eq!(
                post(&scene, credential, &product["body"]).await,
                200,
                "{name}"
            );
        }
        let messages = scene.sandbox.twilio.messages();
        let sent: Vec<_> = messages
            .iter()
            .map(|message| (message.to.as_str(), message.body.as_str()))
            .collect();
        assert_eq!(sent, [(PHONE, product["text"].as_str().unwrap())], "{name}");
    }
}

/// `FusionAuth` has one URL for texts and calls. A call's text is in `message`.
#[tokio::test]
async fn a_call_that_fusionauth_wants_is_no_text() {
    let mapping = mapping("FusionAuth");
    let settings = [("GENERIC_MAPPING", Some(mapping.as_str()))];
    let scene = on(Sandbox::start().await, 1, &settings).await;
    let products = products();
    let mut body = products[3]["body"].clone();
    body["type"] = json!("Voice");
    assert_eq!(post(&scene, "basic", &body).await, 422);
    scene.untouched();
}
