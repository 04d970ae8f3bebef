//! From a section of samconfig.toml to a checked stack: what is asked before the build, what is left
//! to do after a failure, and `sam` itself against the sandbox.

mod check;
mod sam;
mod stop;
mod whole;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use sandbox::cloudformation::{STACK_NAME, Stack};
use sandbox::twilio;
use serde_json::json;

use crate::scene::{Output, Scene};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const TWILIO: [(&str, &str); 4] = [
    ("TWILIO_ACCOUNT_SID", twilio::ACCOUNT_SID),
    ("TWILIO_AUTH_TOKEN", twilio::AUTH_TOKEN),
    ("TWILIO_API_KEY_SID", twilio::API_KEY_SID),
    ("TWILIO_API_KEY_SECRET", twilio::API_KEY_SECRET),
];
const GATEWAY: &str =
    r#""SmsRoutes=*=twilio", "SmsFrom=twilio:+15005550006", "AllowedCountries=US""#;

/// A folder like this repository's, with one environment.
struct Folder(PathBuf);

impl Folder {
    /// `parameters` are those of the environment `prod`.
    fn new(stack: &str, parameters: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "deploy-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let folder = Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
        fs::create_dir_all(&folder.0).unwrap();
        folder.template("template.yaml");
        folder.configure(stack, parameters);
        folder
    }

    fn configure(&self, stack: &str, parameters: &str) {
        let text = format!(
            "version = 0.1\n[prod.deploy.parameters]\nstack_name = \"{stack}\"\nregion = \"eu-west-1\"\nresolve_s3 = true\n\
             capabilities = \"CAPABILITY_IAM\"\nparameter_overrides = [{parameters}]\n"
        );
        fs::write(self.0.join("samconfig.toml"), text).unwrap();
    }

    fn template(&self, name: &str) {
        let template = Path::new(REPOSITORY).join("template.yaml");
        fs::copy(template, self.0.join(name)).unwrap();
    }

    /// What `sam build` leaves. A stand-in is enough: the sandbox runs the functions itself.
    fn build(&self) {
        let built = self.0.join(".aws-sam/build");
        for function in fs::read_dir(Path::new(REPOSITORY).join("functions")).unwrap() {
            let code = built.join("functions").join(function.unwrap().file_name());
            fs::create_dir_all(&code).unwrap();
            fs::write(code.join("bootstrap"), "#!/bin/sh\n").unwrap();
        }
        self.template(".aws-sam/build/template.yaml");
    }

    async fn run(&self, scene: &Scene, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let arguments = [&["deploy", "--config-env", "prod"], arguments].concat();
        scene.run_in(&self.0, &arguments, variables, "").await
    }

    async fn json(&self, scene: &Scene, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        self.run(scene, &[arguments, &["--json"]].concat(), variables)
            .await
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// How each step ended.
fn states(output: &Output) -> Vec<(String, String)> {
    let document = output.json();
    let steps = document["steps"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    steps
        .map(|step| (text(&step["step"]), text(&step["state"])))
        .collect()
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs
        .map(|(step, state)| (step.to_owned(), state.to_owned()))
        .into()
}

/// A stack with the gateway and empty secrets, as a deployment leaves it.
fn deployed(scene: &Scene, name: &str) {
    let whole = scene.sandbox.cloudformation.stack(STACK_NAME).unwrap();
    let mut stack = Stack {
        status: "CREATE_COMPLETE".to_owned(),
        ..whole
    };
    stack.outputs.retain(|name, _| {
        ["TableName", "SmsGatewayUrl", "DeliveryStatusUrl"].contains(&name.as_str())
    });
    stack.parameters = [("SmsRoutes".to_owned(), "*=twilio".to_owned())].into();
    for (output, secret) in [
        ("GatewaySecretName", "gateway"),
        ("TwilioSecretName", "twilio"),
        ("TwilioSendSecretName", "twilio-send"),
    ] {
        let id = format!("{name}/{secret}");
        scene.sandbox.aws.set_secret(&id, &json!({}));
        stack.outputs.insert(output.to_owned(), id);
    }
    scene.sandbox.cloudformation.set_stack(name, stack);
}

#[tokio::test]
async fn the_tools_that_are_missing_are_named_before_the_build() {
    let scene = Scene::new().await;
    let folder = Folder::new("acme", GATEWAY);
    let empty = folder.0.join("empty");
    fs::create_dir_all(&empty).unwrap();
    let path = [("PATH", empty.to_str().unwrap())];
    let output = folder.run(&scene, &[], &path).await;
    assert_eq!(output.code, 1, "{output:?}");
    for words in [
        "sam (the AWS SAM CLI), cargo-lambda, Zig",
        "python3 -m venv",
        "pip install aws-sam-cli cargo-lambda ziglang",
    ] {
        assert!(output.err.contains(words), "{words}: {output:?}");
    }
    // `sam deploy` compiles nothing.
    folder.build();
    let output = folder.run(&scene, &["--from", "deploy"], &path).await;
    assert!(
        output
            .err
            .contains("the PATH lacks sam (the AWS SAM CLI). "),
        "{output:?}"
    );
}

#[tokio::test]
async fn a_section_that_is_missing_or_another_stack_is_named() {
    let scene = Scene::new().await;
    let folder = Folder::new("acme", GATEWAY);
    for (arguments, words) in [
        (
            &["deploy"][..],
            "samconfig.toml has no section [default.deploy.parameters]. Run `operator init`, which writes it",
        ),
        (&["deploy"], "or choose prod with --config-env"),
        (
            &["deploy", "--samconfig", "no.toml"],
            "there is no no.toml: run this in the repository's folder",
        ),
        (
            &["--stack", "other", "deploy", "--config-env", "prod"],
            "deploys the stack acme, but --stack",
        ),
        (
            &["deploy", "--config-env", "prod", "--from", "deploy"],
            "there is no .aws-sam/build/template.yaml",
        ),
        (
            &["deploy", "--only", "build", "--from", "deploy"],
            "cannot be used with",
        ),
    ] {
        let output = scene.run_in(&folder.0, arguments, &[], "").await;
        assert!(
            output.code == 2 && output.err.contains(words),
            "{arguments:?}: {output:?}"
        );
    }
}

#[tokio::test]
async fn a_stack_that_cannot_be_updated_is_named_with_what_helps_before_the_build() {
    let scene = Scene::new().await;
    let folder = Folder::new("acme", GATEWAY);
    let output = folder.run(&scene, &["--from", "secrets"], &[]).await;
    assert!(
        output.code == 1
            && output.err.contains(
                "there is no stack acme yet: run `operator deploy --config-env prod --from build`"
            ),
        "{output:?}"
    );
    deployed(&scene, "acme");
    for (status, command) in [
        ("ROLLBACK_COMPLETE", "sam delete --stack-name acme"),
        (
            "UPDATE_ROLLBACK_FAILED",
            "aws cloudformation continue-update-rollback --stack-name acme",
        ),
    ] {
        let set = |stack: &mut Stack| status.clone_into(&mut stack.status);
        scene.sandbox.cloudformation.change_stack("acme", set);
        let output = folder.run(&scene, &["--from", "secrets"], &[]).await;
        assert!(
            output.code == 1 && output.err.contains(command),
            "{output:?}"
        );
    }
}

#[tokio::test]
async fn a_dry_run_shows_the_commands_and_the_changes_and_changes_nothing() {
    let scene = Scene::new().await;
    let folder = Folder::new(STACK_NAME, &format!("{GATEWAY}, \"Architecture=x86_64\""));
    let sandbox = &scene.sandbox;
    sandbox
        .twilio
        .own(twilio::NUMBER, &[("SmsUrl", "https://old.example/")]);
    sandbox.twilio.server().clear_exchanges();
    let output = folder.run(&scene, &["--dry-run"], &[]).await;
    assert_eq!(output.code, 0, "{output:?}");
    for words in [
        "would run sam build --config-file ",
        "--config-env prod --parameter-overrides Architecture=x86_64\n",
        "would run sam deploy --config-file ",
        "would set sms_url of Twilio number",
        "would run operator --stack switchboard doctor",
    ] {
        assert!(output.out.contains(words), "{words}: {output:?}");
    }
    let asked = sandbox.twilio.server().exchanges();
    assert!(
        asked.iter().all(|exchange| exchange.method == "GET"),
        "{asked:?}"
    );
    // Nothing is there yet, and nothing is asked for.
    let folder = Folder::new("acme", GATEWAY);
    let output = folder.json(&scene, &["--dry-run"], &[]).await;
    assert_eq!(output.code, 0, "{output:?}");
    let all = [
        ("check", "done"),
        ("build", "planned"),
        ("deploy", "planned"),
        ("secrets", "planned"),
        ("connect", "planned"),
        ("doctor", "planned"),
    ];
    assert_eq!(states(&output), pairs(all));
}

#[tokio::test]
async fn the_secrets_come_from_the_environment_or_at_random_and_what_is_missing_is_named() {
    let scene = Scene::new().await;
    let folder = Folder::new("acme", GATEWAY);
    deployed(&scene, "acme");
    let only = ["--only", "secrets"];
    let missing = folder.run(&scene, &only, &TWILIO).await;
    assert_eq!(missing.code, 1, "{missing:?}");
    for words in [
        "twilio lacks account_sid and auth_token (TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN)",
        "Then continue with: operator deploy --config-env prod --only secrets\n",
    ] {
        assert!(missing.err.contains(words), "{words}: {missing:?}");
    }
    let token = scene.sandbox.aws.secret("acme/gateway").unwrap();
    assert_eq!(token["bearer_token"].as_str().unwrap().len(), 64);

    let variables = [("GATEWAY_BEARER_TOKEN", "example-other-token")];
    let variables = [&TWILIO[..], &variables].concat();
    let given = [&only[..], &["--from-env"]].concat();
    let filled = folder.json(&scene, &given, &variables).await;
    assert_eq!(filled.code, 0, "{filled:?}");
    assert_eq!(states(&filled), pairs([("secrets", "done")]));
    assert_eq!(
        scene.sandbox.aws.secret("acme/gateway").unwrap(),
        token,
        "it was set already"
    );
    let sends = scene.sandbox.aws.secret("acme/twilio-send").unwrap();
    assert_eq!(sends["api_key_sid"], twilio::API_KEY_SID);
    assert_eq!(sends.get("auth_token"), None);

    let again = folder.json(&scene, &only, &[]).await;
    assert_eq!(states(&again), pairs([("secrets", "nothing_to_do")]));

    scene.sandbox.aws.set_secret("acme/gateway", &json!({}));
    folder.json(&scene, &given, &variables).await;
    let gateway = scene.sandbox.aws.secret("acme/gateway").unwrap();
    assert_eq!(
        gateway["bearer_token"], "example-other-token",
        "a given value is not made up"
    );
}

#[tokio::test]
async fn what_connect_leaves_does_not_stop_the_check_and_is_continued_from_there() {
    let scene = Scene::new().await;
    let folder = Folder::new(STACK_NAME, GATEWAY);
    scene.sandbox.mailgun.server().faults().refuse(true);
    let output = folder.json(&scene, &["--from", "connect"], &[]).await;
    assert_eq!(output.code, 1, "{output:?}");
    assert_eq!(
        states(&output),
        pairs([("connect", "left"), ("doctor", "left")])
    );
    let document = output.json();
    assert_eq!(
        document["continue"],
        "operator deploy --config-env prod --from connect"
    );
    let targets = document["steps"][0]["result"]["targets"]
        .as_array()
        .unwrap();
    assert!(targets.len() > 3, "{document}");
    // AWS fails in the middle.
    scene.sandbox.aws.secrets().faults().refuse(true);
    let output = folder.run(&scene, &["--from", "connect"], &[]).await;
    assert!(
        output.code == 3
            && output
                .err
                .contains("Then continue with: operator deploy --config-env prod --from connect\n"),
        "{output:?}"
    );
}

#[test]
fn the_guide_of_sam_asks_as_often_as_the_docs_say() {
    let read = |name: &str| fs::read_to_string(Path::new(REPOSITORY).join(name)).unwrap();
    let open = read("template.yaml").matches("AuthType: NONE").count();
    assert_eq!(open, 10, "docs/deploy.md says ten times y");
    assert!(read("docs/deploy.md").contains("Ten times `y`."));
}
