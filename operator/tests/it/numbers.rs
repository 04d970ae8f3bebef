//! Numbers: who has which, whose are nobody's, what they cost.

use serde_json::json;

use crate::scene::Scene;

#[tokio::test]
async fn holders_orphans_strays_and_costs() {
    let scene = Scene::new().await;
    let (twilio, okta) = (&scene.sandbox.twilio, &scene.sandbox.okta);
    let ann = okta.hire("Ann", "+4520304050", "+14155550101");
    let bob = okta.hire("Bob", "+4520304051", "+14155550109");
    twilio.own(
        "+14155550101",
        &[("FriendlyName", &format!("switchboard:{ann}"))],
    );
    twilio.own("+14155550102", &[("FriendlyName", "switchboard:00ugone")]);
    twilio.own("+14155550103", &[]);
    let item = json!({ "pk": { "S": format!("number#{ann}") }, "sk": { "S": "number" }, "number": { "S": "+14155550101" }, "stage": { "S": "recorded" } });
    scene.sandbox.aws.put(item).await;
    let report = scene.succeed(&["--json", "numbers"]).await.json();
    let entry = |number: &str| {
        report["numbers"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["number"] == number)
            .unwrap_or(&json!(null))
            .clone()
    };
    let anns = entry("+14155550101");
    assert_eq!(
        (&anns["users"][0]["id"], &anns["stage"], &anns["monthly"]),
        (&json!(ann), &json!("recorded"), &json!(1.15)),
        "{report:#}"
    );
    assert_eq!(anns["orphan"], false);
    assert_eq!(entry("+14155550102")["orphan"], true);
    assert!(entry("+14155550103").is_null());
    assert_eq!(entry("+15005550006")["use"], "verification texts");
    assert_eq!(
        report["strayed"],
        json!([{ "number": "+14155550109", "user": bob }])
    );
    let text = scene.succeed(&["numbers"]).await.out;
    assert!(
        text.contains("nobody's: release it")
            && text.contains("USD a month")
            && text.contains("not a number of the account"),
        "{text}"
    );
}
