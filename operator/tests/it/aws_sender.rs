//! The sender of AWS End User Messaging.

use serde_json::{Value, json};

use crate::scene::Scene;

async fn findings(scene: &Scene) -> Vec<Value> {
    let report = scene.run(&["--json", "doctor"]).await.json();
    let findings = report["findings"].as_array().unwrap();
    let about_the_sender = findings
        .iter()
        .filter(|finding| finding["check"] == "gateway.aws_sender");
    about_the_sender.cloned().collect()
}

#[tokio::test]
async fn a_route_through_aws_needs_a_sender() {
    let scene = Scene::healthy().await;
    for (routes, sender, is_fine) in [
        ("*=twilio,aws", "", false),
        ("*=twilio", "", true),
        (
            "*=twilio,aws",
            "arn:aws:sms-voice:eu-west-1:123456789012:pool/pool-1",
            true,
        ),
    ] {
        scene.deploy("SmsRoutes", routes);
        scene.deploy("AwsSmsIdentityArn", sender);
        let found = findings(&scene).await;
        assert_eq!(found.is_empty(), is_fine, "{routes}, {sender}: {found:#?}");
        let is_risk = |finding: &Value| finding["severity"] == json!("risk");
        assert!(found.iter().all(is_risk), "{found:#?}");
    }
}
