//! The real functions: what a deployed stack says about itself.

use std::fs;

use sandbox::binaries;
use sandbox::cloudformation::STACK_NAME;
use serde_json::json;

use crate::remedies::{finding_in, found, is_mended};
use crate::scene::Scene;
use crate::stand_ins::StandIns;

#[tokio::test]
async fn a_function_says_which_setting_ends_every_start_and_what_it_cannot_reach() {
    const FUNCTION: &str = "ivr-validate";
    const CHECK: &str = "functions.probe";
    const TYPO: &str = r#"[{"key":"#;
    const MENU: &str = r#"[{"digit":"1","label":"open tickets","path":"/tickets?account={account}","say":"You have {open} open tickets."}]"#;
    let scene = Scene::healthy().await;
    let built = binaries::build_functions(&[FUNCTION], "dev").await.unwrap();
    let binary = &built[FUNCTION];
    scene.deploy("FunctionNames", FUNCTION);
    scene.sandbox.invoke_api().faults().clear();

    // A person who deploys from this folder mistyped the menu.
    let programs = StandIns::new(&["sam", "cargo-lambda", "zig"]);
    let configure = |menu: &str| {
        let menu = menu.replace('"', r#"\""#);
        let section = format!(
            "[prod.deploy.parameters]\nstack_name = \"{STACK_NAME}\"\nregion = \"eu-west-1\"\nparameter_overrides = [\n\
             \"ApiAudience=https://api.acme.example/\", \"Auth0Url=https://acme.eu.auth0.com\",\n'IvrMenu=\"{menu}\"',\n]\n"
        );
        fs::write(programs.folder().join("samconfig.toml"), section).unwrap();
    };
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml");
    fs::copy(template, programs.folder().join("template.yaml")).unwrap();
    configure(TYPO);
    let typo = [("IVR_MENU", Some(TYPO))];
    let lambda = scene.sandbox.run_with(FUNCTION, binary, 1, &typo).await;
    let finding = finding_in(&scene, programs.folder(), CHECK).await.unwrap();
    let what = finding["what"].as_str().unwrap();
    assert!(what.contains("IVR_MENU"), "{finding:#}");
    let commands = [
        "operator check-config --config-env prod",
        "operator deploy --config-env prod",
    ];
    assert_eq!(finding["commands"], json!(commands));
    let run = |command| scene.shell_in(programs.folder(), command, "");
    let still_wrong = run(commands[0]).await;
    assert_eq!(still_wrong.code, 1, "{still_wrong:?}");
    assert!(still_wrong.out.contains("IvrMenu"), "{still_wrong:?}");
    configure(MENU);
    let right = run(commands[0]).await;
    assert_eq!(right.code, 0, "{right:?}");
    lambda.stop().await;
    let deployment = async {
        programs.deployment().await;
        let menu = [("IVR_MENU", Some(MENU))];
        let lambda = scene.sandbox.run_with(FUNCTION, binary, 1, &menu).await;
        lambda.wait_ready().await.unwrap();
        programs.deployed();
        lambda
    };
    let (deployed, lambda) = tokio::join!(run(commands[1]), deployment);
    assert_eq!(deployed.code, 0, "{deployed:?}");
    is_mended(&scene, CHECK).await;
    lambda.stop().await;

    // Nobody listens at this port.
    let nowhere = [("API_URL", Some("http://127.0.0.1:9/"))];
    let lambda = scene.sandbox.run_with(FUNCTION, binary, 1, &nowhere).await;
    lambda.wait_ready().await.unwrap();
    let finding = found(&scene, "functions.upstreams").await;
    assert!(
        finding["what"]
            .as_str()
            .unwrap()
            .contains("127.0.0.1 (API_URL)"),
        "{finding:#}"
    );
    lambda.stop().await;

    let lambda = scene.sandbox.run(FUNCTION, binary).await;
    lambda.wait_ready().await.unwrap();
    let output = scene.succeed(&["doctor"]).await;
    for check in [
        CHECK,
        "functions.secrets",
        "functions.table",
        "functions.upstreams",
        "functions.clock",
    ] {
        assert!(output.out.contains(check), "{}", output.out);
    }
    lambda.stop().await;
}
