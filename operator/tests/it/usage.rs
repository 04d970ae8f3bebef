//! The command line: exit codes, where the stack is read from, help.

use sandbox::cloudformation::STACK_NAME;
use serde_json::json;

use crate::scene::Scene;

#[tokio::test]
async fn exit_codes_tell_what_to_look_at() {
    let scene = Scene::new().await;
    assert_eq!(
        scene.run_with(&["doctor"], &[], "").await.code,
        2,
        "no stack"
    );
    assert_eq!(scene.run(&["connect", "nobody"]).await.code, 2);
    assert_eq!(scene.run(&["erase", "--number", "12"]).await.code, 2);
    let strange = scene
        .run_with(&["--stack", "other", "doctor"], &[], "")
        .await;
    assert!(
        strange.code == 3 && strange.err.contains("is the stack's name right"),
        "{strange:?}"
    );
    scene.sandbox.aws.secrets().faults().refuse(true);
    let down = scene.run(&["--json", "doctor"]).await;
    assert!(
        down.code == 3
            && down.json()["error"]
                .as_str()
                .unwrap()
                .contains("no connection"),
        "{down:?}"
    );
}

#[tokio::test]
async fn a_file_in_place_of_cloudformation() {
    let scene = Scene::healthy().await;
    let stack = scene.sandbox.cloudformation.stack(STACK_NAME).unwrap();
    let pairs = |kind: &str, map: &std::collections::BTreeMap<String, String>| {
        let pair =
            |(key, value)| json!({ format!("{kind}Key"): key, format!("{kind}Value"): value });
        map.iter().map(pair).collect::<Vec<_>>()
    };
    let described = json!({ "Stacks": [{ "Outputs": pairs("Output", &stack.outputs), "Parameters": pairs("Parameter", &stack.parameters) }] });
    scene.sandbox.cloudformation.server().clear_exchanges();
    let output = scene
        .run_with(&["--outputs", "-", "connect"], &[], &described.to_string())
        .await;
    assert_eq!(
        (output.code, output.out.matches("nothing to change").count()),
        (0, 6),
        "{output:?}"
    );
    assert!(scene.sandbox.cloudformation.server().exchanges().is_empty());
    let bare = json!(pairs("Output", &stack.outputs)).to_string();
    let lacking = scene
        .run_with(&["--outputs", "-", "connect", "mailgun"], &[], &bare)
        .await;
    assert!(
        lacking.code == 2 && lacking.err.contains("--parameter RecipientDomain=VALUE"),
        "{lacking:?}"
    );
    let given = [
        "--outputs",
        "-",
        "--parameter",
        "RecipientDomain=sms.example.com",
        "connect",
        "mailgun",
    ];
    assert_eq!(scene.run_with(&given, &[], &bare).await.code, 0);
}

#[tokio::test]
async fn outputs_that_lack_what_is_needed() {
    let scene = Scene::new().await;
    let receive = scene.sandbox.door("receive-confirmation-sms").url();
    let secret = "switchboard/twilio";
    for (outputs, code, words) in [
        (
            json!({ "TableName": "t", "ReceiveConfirmationSmsUrl": receive, "TwilioSecretName": secret }),
            1,
            "--parameter TwilioNumber=",
        ),
        (
            json!({ "TableName": "t", "ReceiveConfirmationSmsUrl": "x", "TwilioSecretName": secret }),
            2,
            "ReceiveConfirmationSmsUrl is no URL",
        ),
        (
            json!({ "ReceiveConfirmationSmsUrl": receive, "TwilioSecretName": secret }),
            2,
            "TableName is not among",
        ),
        (
            json!({ "Stacks": [{ "StackName": "switchboard" }] }),
            2,
            "this stack has no outputs yet",
        ),
    ] {
        let twilio = ("TWILIO_URL", scene.sandbox.twilio.server().url());
        let arguments = ["--outputs", "-", "connect", "twilio"];
        let output = scene
            .run_with(&arguments, &[(twilio.0, &twilio.1)], &outputs.to_string())
            .await;
        assert!(
            output.code == code && format!("{}{}", output.out, output.err).contains(words),
            "{outputs}: {output:?}"
        );
    }
}

#[tokio::test]
async fn the_usage_of_a_mistake_does_not_require_what_is_optional() {
    let scene = Scene::new().await;
    let stack = [("SWITCHBOARD_STACK", STACK_NAME)];
    for (arguments, usage) in [
        (&["secrets", "set"][..], "secrets set [OPTIONS] <SECRET>"),
        (
            &["secrets", "set", "--generate", "bearer_token"],
            "secrets set [OPTIONS] <SECRET>",
        ),
        (
            &["unlock", "--acount", "1"],
            "unlock [OPTIONS] --account <NUMBER>",
        ),
        (&["--colour", "doctor"], "[OPTIONS] <COMMAND>"),
    ] {
        let output = scene.run_with(arguments, &stack, "").await;
        let usage = format!("Usage: operator {usage}\n");
        assert!(
            output.code == 2 && output.err.contains(&usage),
            "{output:?}"
        );
    }
}

#[tokio::test]
async fn help_teaches() {
    let scene = Scene::new().await;
    let help = scene.run_with(&["--help"], &[], "").await;
    for words in [
        "operator init\n  operator deploy\n",
        "secrets set twilio",
        "connect",
        "doctor",
        "Exit codes",
    ] {
        assert!(help.out.contains(words), "{words}: {}", help.out);
    }
}

#[tokio::test]
async fn a_named_profile_beats_the_keys_of_the_environment() {
    let scene = Scene::new().await;
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = path.join(format!("credentials-{}", std::process::id()));
    let keys =
        "aws_access_key_id = AKIAPRODUCTION\naws_secret_access_key = sandbox-secret-access-key\n";
    std::fs::write(&file, format!("[prod]\n{keys}")).unwrap();
    let variables = [("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap())];
    let signed_by = || {
        let asked = scene.sandbox.cloudformation.server().exchanges();
        let headers = &asked.last().unwrap().headers;
        let found = headers.iter().find(|(name, _)| name == "authorization");
        found.unwrap().1.clone()
    };
    let run = async |profile: &[&str]| {
        let arguments = [profile, &["--stack", STACK_NAME, "pending"]].concat();
        scene.run_with(&arguments, &variables, "").await
    };
    assert_eq!(run(&[]).await.code, 0);
    assert!(signed_by().contains("AKIASANDBOX"), "{}", signed_by());
    let output = run(&["--profile", "prod"]).await;
    assert_eq!(output.code, 0, "{output:?}");
    assert!(signed_by().contains("AKIAPRODUCTION"), "{}", signed_by());
    let missing = run(&["--profile", "prd"]).await;
    assert_eq!(missing.code, 3, "{missing:?}");
    assert!(missing.err.contains("prd"), "{missing:?}");
}

#[tokio::test]
async fn whatever_is_missing_to_reach_aws_is_named() {
    let scene = Scene::new().await;
    let arguments = ["--stack", STACK_NAME, "pending"];
    for (variables, says) in [
        (&["AWS_REGION"][..], "no region is chosen; give --region"),
        (
            &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
            "there are no credentials",
        ),
    ] {
        let mut command = scene.command(&arguments);
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        for variable in variables {
            command.env_remove(variable);
        }
        let output = command.output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.code() == Some(3) && said.contains(says),
            "{said}"
        );
    }
    scene.sandbox.cloudformation.server().faults().refuse(true);
    let output = scene.run(&["pending"]).await;
    assert!(
        output.code == 3
            && output.err.contains("no connection")
            && output.err.contains("a network")
            && output.err.contains("does the sandbox run?"),
        "{output:?}"
    );
}

#[tokio::test]
async fn help_has_groups_and_no_addresses_for_tests() {
    let scene = Scene::new().await;
    let help = scene.succeed(&["--help"]).await.out;
    for heading in ["Where the stack is:", "AWS:", "Output:"] {
        assert!(help.contains(heading), "{heading}: {help}");
    }
    assert!(
        !help.contains("--twilio-voice-url") && !help.contains("--cognito-url"),
        "{help}"
    );
    assert!(
        help.contains("--mailgun-url"),
        "domains in the EU need it: {help}"
    );
}
