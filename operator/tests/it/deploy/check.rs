//! The first step of a deployment: the settings.

use std::fs;

use super::{Folder, GATEWAY, pairs, states};
use crate::scene::Scene;

#[tokio::test]
async fn settings_that_a_function_would_refuse_stop_a_deployment_at_once_in_the_words_of_check_config()
 {
    let scene = Scene::new().await;
    let folder = Folder::new(
        "acme",
        r#""SmsRoutes=*=twillio", "PinLenght=6", "CodeText=Your code {code}""#,
    );
    folder.build();
    let checked = ["check-config", "--config-env", "prod"];
    let checked = scene.run_in(&folder.0, &checked, &[], "").await;
    assert!(checked.out.lines().count() > 3, "{checked:?}");
    // Neither the tools nor AWS are needed to find them.
    let path = [("PATH", "/nowhere")];
    scene.sandbox.cloudformation.server().clear_exchanges();
    for (options, again) in [
        (&[][..], "operator deploy --config-env prod\n"),
        (
            &["--from", "deploy"],
            "operator deploy --config-env prod --from deploy\n",
        ),
        (
            &["--only", "build"],
            "operator deploy --config-env prod --only build\n",
        ),
        (
            &["--dry-run"],
            "Then continue with: operator deploy --config-env prod",
        ),
    ] {
        let output = folder.run(&scene, options, &path).await;
        assert_eq!(output.code, 1, "{options:?}: {output:?}");
        for words in ["check: checks the settings", &checked.out, again] {
            assert!(output.err.contains(words), "{words}: {output:?}");
        }
    }
    let asked = scene.sandbox.cloudformation.server().exchanges();
    assert_eq!(asked.len(), 0);
    // What is deployed already can be connected and checked nevertheless.
    let output = folder.run(&scene, &["--from", "secrets"], &[]).await;
    assert!(
        output.err.contains("there is no stack acme yet") && !output.err.contains("check: "),
        "{output:?}"
    );
    folder.configure("acme", GATEWAY);
    let only = folder.json(&scene, &["--only", "check"], &path).await;
    assert_eq!(
        (only.code, states(&only)),
        (0, pairs([("check", "done")])),
        "{only:?}"
    );
}

#[tokio::test]
async fn a_program_of_another_template_says_so() {
    let scene = Scene::new().await;
    let folder = Folder::new("acme", r#""PinsLength=6""#);
    let file = folder.0.join("template.yaml");
    let template = fs::read_to_string(&file).unwrap();
    let other = template.replace("  PinLength:\n", "  PinsLength:\n");
    fs::write(&file, other).unwrap();
    let output = folder.run(&scene, &["--only", "check"], &[]).await;
    for words in [
        "But this program was built with another template.yaml",
        "run `cargo operator deploy` here",
    ] {
        assert!(output.err.contains(words), "{words}: {output:?}");
    }
}
