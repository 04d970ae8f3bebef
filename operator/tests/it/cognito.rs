//! User pools of Amazon Cognito: `connect cognito`, and what the doctor finds.

use sandbox::aws::KEY_ARN;
use sandbox::cognito::POOL;
use serde_json::{Value, json};

use crate::scene::Scene;

const FUNCTION: &str = "arn:aws:lambda:eu-west-1:000000000000:function:switchboard-sms-gateway";
const OTHER: &str = "arn:aws:lambda:eu-west-1:000000000000:function:other";

async fn findings(scene: &Scene) -> Vec<Value> {
    let report = scene.run(&["--json", "doctor"]).await.json();
    let findings = report["findings"].as_array().unwrap();
    let about_pools = findings
        .iter()
        .filter(|finding| finding["check"] == "cognito.pools");
    about_pools.cloned().collect()
}

/// The problems of a run that must change nothing.
async fn refused(scene: &Scene, words: &str) {
    let before = scene.sandbox.cognito.pool();
    let output = scene.run(&["connect", "cognito"]).await;
    assert!(
        output.code == 1 && output.out.contains(words),
        "{words}: {output:?}"
    );
    assert_eq!(scene.sandbox.cognito.pool(), before);
    let found = findings(scene).await;
    assert!(
        found.len() == 1 && found[0]["what"].as_str().unwrap().contains(words),
        "{found:#?}"
    );
}

/// The simulator resets whatever an update does not name.
#[tokio::test]
async fn a_pool_gets_the_sender_and_keeps_every_other_setting() {
    let scene = Scene::new().await;
    let before = scene.sandbox.cognito.pool();
    let found = findings(&scene).await;
    assert!(
        found.len() == 1 && found[0]["severity"] == "fault",
        "{found:#?}"
    );
    let planned = scene.succeed(&["--dry-run", "connect", "cognito"]).await;
    for (field, value) in [("CustomSMSSender", FUNCTION), ("KMSKeyID", KEY_ARN)] {
        let line = format!("would set {field} of Cognito user pool {POOL} from nothing to {value}");
        assert!(planned.out.contains(&line), "{line}: {planned:?}");
    }
    assert_eq!(scene.sandbox.cognito.pool(), before);

    scene.succeed(&["connect", "cognito"]).await;
    let mut wanted = before;
    wanted["LambdaConfig"]["CustomSMSSender"] =
        json!({ "LambdaVersion": "V1_0", "LambdaArn": FUNCTION });
    wanted["LambdaConfig"]["KMSKeyID"] = KEY_ARN.into();
    assert_eq!(scene.sandbox.cognito.pool(), wanted);
    assert_eq!(findings(&scene).await, [Value::Null; 0]);

    let again = scene.succeed(&["connect", "cognito"]).await;
    assert!(
        again.out.contains("cognito: nothing to change"),
        "{again:?}"
    );
    assert_eq!(scene.sandbox.cognito.server().complaints(), [""; 0]);
}

#[tokio::test]
async fn another_sender_of_a_pool_is_replaced_only_on_demand() {
    let scene = Scene::new().await;
    let cognito = &scene.sandbox.cognito;
    let sender = json!({ "LambdaVersion": "V1_0", "LambdaArn": OTHER });
    cognito.set(
        "LambdaConfig",
        json!({ "CustomSMSSender": sender, "KMSKeyID": KEY_ARN }),
    );
    refused(&scene, "--replace-provider").await;
    scene
        .succeed(&["connect", "cognito", "--replace-provider"])
        .await;
    let triggers = &cognito.pool()["LambdaConfig"];
    assert_eq!(triggers["CustomSMSSender"]["LambdaArn"], FUNCTION);
}

#[tokio::test]
async fn the_key_of_an_email_sender_stays() {
    let scene = Scene::new().await;
    let sender = json!({ "LambdaVersion": "V1_0", "LambdaArn": OTHER });
    scene.sandbox.cognito.set(
        "LambdaConfig",
        json!({ "CustomEmailSender": sender, "KMSKeyID": "arn:aws:kms:eu-west-1:000000000000:key/other" }),
    );
    refused(&scene, "has a custom email sender with another key").await;
}

#[tokio::test]
async fn a_pool_with_an_unknown_setting_is_left_alone() {
    let scene = Scene::new().await;
    scene
        .sandbox
        .cognito
        .set("FutureConfiguration", json!({ "Mode": "ON" }));
    refused(&scene, "would perhaps reset: FutureConfiguration").await;
}

#[tokio::test]
async fn a_pool_that_is_not_there_is_named_and_the_others_are_connected() {
    let scene = Scene::new().await;
    scene.deploy("CognitoPools", &format!("eu-west-1_Gone,{POOL}"));
    let output = scene.run(&["connect", "cognito"]).await;
    let words = "Cognito user pool eu-west-1_Gone: status 400, ResourceNotFoundException";
    assert!(output.code == 1 && output.out.contains(words), "{output:?}");
    let triggers = &scene.sandbox.cognito.pool()["LambdaConfig"];
    assert_eq!(triggers["CustomSMSSender"]["LambdaArn"], FUNCTION);
    scene.deploy("CognitoPools", "");
    let none = scene.run(&["connect", "cognito"]).await;
    assert!(
        none.code == 2 && none.err.contains("the stack has nothing for cognito"),
        "{none:?}"
    );
}
