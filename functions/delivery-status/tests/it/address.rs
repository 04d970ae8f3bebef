//! A function behind an address with a path. Providers sign that address.

use sandbox::scene::Setting;
use sandbox::wire::client;
use sandbox::{auth0, plivo};
use serde_json::json;

use crate::scene::{PHONE, REFERENCE, SID, Scene, pairs};

#[tokio::test]
async fn receipts_come_through_an_address_with_a_path() {
    for prefix in ["/in", "/twilio", "/vonage", "/used"] {
        let address = format!("https://receipts.acme.example{prefix}");
        let setting: Setting<'_> = ("PUBLIC_URL", Some(&address));
        let scene = Scene::with(&[setting]).await;
        for (nth, provider) in (1..).zip(["twilio", "plivo", "vonage", "clickatell"]) {
            let id = if provider == "twilio" { SID } else { "id-1" };
            scene.sent(provider, id).await;
            let path = format!("/{provider}/{REFERENCE}");
            let signed = format!("{address}{path}");
            let raw = format!("{prefix}{path}");
            let status = match provider {
                "twilio" => {
                    let params = pairs(&[
                        ("AccountSid", sandbox::twilio::ACCOUNT_SID),
                        ("MessageSid", SID),
                        ("MessageStatus", "delivered"),
                        ("To", PHONE),
                    ]);
                    let signature = scene.sandbox.twilio.sign(&signed, &params);
                    let headers = [("x-twilio-signature", signature.as_str())];
                    scene.post_form(&raw, &params, &headers).await
                }
                "plivo" => {
                    let params = pairs(&[
                        ("MessageUUID", id),
                        ("Status", "delivered"),
                        ("To", "4520304050"),
                    ]);
                    let (nonce, signature) = plivo::sign(plivo::AUTH_TOKEN, &signed, &params);
                    let headers = [
                        ("x-plivo-signature-v3", signature.as_str()),
                        ("x-plivo-signature-v3-nonce", &nonce),
                    ];
                    scene.post_form(&raw, &params, &headers).await
                }
                "vonage" => {
                    let dlr = Scene::dlr(id, "delivered", "0");
                    scene
                        .post_form(&format!("{prefix}/vonage"), &dlr, &[])
                        .await
                }
                _ => {
                    let url = scene.url(&format!("{prefix}/clickatell/{}", Scene::token()));
                    let request = client().post(url).json(&Scene::update(id, 5));
                    request.send().await.unwrap().status().as_u16()
                }
            };
            assert_eq!(status, 204, "{prefix} {provider}");
            let stored = scene.reported(provider).await;
            assert_eq!(stored.as_deref(), Some("delivered"), "{prefix} {provider}");
            let used = client()
                .post(scene.url(&format!("{prefix}/used")))
                .json(&json!({ "recipient": PHONE }))
                .bearer_auth(auth0::GATEWAY_BEARER_TOKEN);
            let status = used.send().await.unwrap().status().as_u16();
            assert_eq!(
                (status, scene.counted("used").await),
                (204, nth),
                "{prefix}"
            );
        }
    }
}
