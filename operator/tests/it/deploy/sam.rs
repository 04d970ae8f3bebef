//! The real `sam` builds and deploys against the sandbox.

use std::path::Path;

use sandbox::cloudformation::Stack;
use sandbox::wire::{Exchange, Fault};
use tokio::process::Command;

use super::{Folder, GATEWAY, REPOSITORY, TWILIO, pairs, states};
use crate::scene::Scene;

/// The PATH on which `sam` is. Without it the test is skipped, unless `SAM_TESTS=required`.
pub(super) fn path() -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = vec![Path::new(REPOSITORY).join(".ci/venv/bin")];
    folders.extend(std::env::split_paths(&path));
    let place = folders
        .iter()
        .position(|folder| folder.join("sam").is_file());
    if let Some(place) = place {
        // The first: cargo-lambda looks for Zig with the first python3.
        folders.swap(0, place);
        let path = std::env::join_paths(folders).unwrap();
        return Some(path.into_string().unwrap());
    }
    let required = std::env::var_os("SAM_TESTS").is_some_and(|value| value == "required");
    assert!(!required, "SAM_TESTS=required, and there is no sam");
    eprintln!("skipped: there is no sam on the PATH or in .ci/venv/bin");
    None
}

/// The variables of a run with `sam`, which asks for states in quick succession and reports nothing
/// home.
pub(super) fn variables<'a>(path: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let own = [
        ("PATH", path),
        ("SAM_CLI_POLL_DELAY", "0.2"),
        ("SAM_CLI_TELEMETRY", "0"),
    ];
    [&own, more].concat()
}

#[tokio::test]
async fn sam_deploys_a_stack_that_is_filled_connected_and_checked() {
    let Some(path) = path() else { return };
    let scene = Scene::new().await;
    let folder = Folder::new("acme", GATEWAY);
    folder.build();
    let variables = variables(&path, &TWILIO);
    let arguments = ["--from", "deploy", "--from-env"];
    let output = folder.json(&scene, &arguments, &variables).await;
    let stack = scene.sandbox.cloudformation.stack("acme").unwrap();
    assert_eq!(stack.status, "CREATE_COMPLETE", "{output:?}");
    let url = scene.sandbox.door("sms-gateway").url() + "/";
    assert_eq!(stack.outputs["SmsGatewayUrl"], url);
    let steps = states(&output);
    assert_eq!(steps.len(), 5, "{output:?}");
    assert_eq!(
        steps[..3],
        pairs([("check", "done"), ("deploy", "done"), ("secrets", "done")]),
        "{output:?}"
    );
    assert_eq!(
        steps[3..]
            .iter()
            .map(|(step, _)| step.as_str())
            .collect::<Vec<_>>(),
        ["connect", "doctor"]
    );
    let left = output.json()["steps"].to_string();
    assert!(left.contains("auth0 is not connected: "), "{output:?}");
    let found = output.json()["steps"][4]["result"].to_string();
    assert!(!found.contains("Dashboard"), "it is no function: {found}");
    assert!(
        output.err.contains("CloudFormation stack changeset"),
        "sam's own output"
    );

    let again = folder.json(&scene, &arguments, &variables).await;
    let steps = states(&again);
    assert_eq!(
        steps[1..3],
        pairs([("deploy", "nothing_to_do"), ("secrets", "nothing_to_do")]),
        "{again:?}"
    );

    // An update with other parameters, after another one that is still at work.
    folder.configure("acme", &format!("{GATEWAY}, \"SmsPerHour=7\""));
    let set = |status: &'static str| move |stack: &mut Stack| status.clone_into(&mut stack.status);
    let cloudformation = &scene.sandbox.cloudformation;
    cloudformation.change_stack("acme", set("UPDATE_IN_PROGRESS"));
    cloudformation.server().clear_exchanges();
    let ended = async {
        // Once before the steps, once in the step.
        cloudformation.server().wait(|asked| asked.len() >= 2).await;
        cloudformation.change_stack("acme", set("UPDATE_COMPLETE"));
    };
    let only = ["--only", "deploy"];
    let (updated, ()) = tokio::join!(folder.json(&scene, &only, &variables), ended);
    assert!(
        updated
            .err
            .contains("still works on an earlier deployment of acme"),
        "{updated:?}"
    );
    assert_eq!(
        states(&updated),
        pairs([("check", "done"), ("deploy", "done")])
    );
    assert_eq!(
        cloudformation.stack("acme").unwrap().parameters["SmsPerHour"],
        "7"
    );
}

#[tokio::test]
async fn a_deployment_that_fails_says_why_what_helps_and_what_continues() {
    let Some(path) = path() else { return };
    let scene = Scene::new().await;
    let folder = Folder::new("acme", GATEWAY);
    folder.build();
    // CloudFormation refuses what this program does not know: a rule of the template in the folder.
    let built = folder.0.join(".aws-sam/build/template.yaml");
    let template = std::fs::read_to_string(&built).unwrap();
    let stricter = template.replacen(
        "\n  Something:\n",
        "\n  Never:\n    Assertions:\n      - Assert: !Equals [!Ref SmsRoutes, nothing]\n        AssertDescription: SmsRoutes must be nothing\n  Something:\n",
        1,
    );
    assert_ne!(template, stricter);
    std::fs::write(&built, stricter).unwrap();
    let variables = variables(&path, &[]);
    let arguments = ["--from", "deploy", "--yes"];
    let refused = folder.run(&scene, &arguments, &variables).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    for words in [
        "SmsRoutes must be nothing",
        "Then continue with: operator deploy --config-env prod --yes --from deploy\n",
    ] {
        assert!(refused.err.contains(words), "{words}: {refused:?}");
    }
    assert_eq!(scene.sandbox.cloudformation.stack("acme"), None);

    std::fs::write(&built, template).unwrap();
    let half = Stack {
        status: "REVIEW_IN_PROGRESS".to_owned(),
        ..Stack::default()
    };
    let managed = "aws-sam-cli-managed-default";
    scene.sandbox.cloudformation.set_stack(managed, half);
    let unmade = folder.run(&scene, &arguments, &variables).await;
    let delete = "aws cloudformation delete-stack --stack-name aws-sam-cli-managed-default";
    assert!(unmade.err.contains(delete), "{unmade:?}");
    scene.sandbox.cloudformation.remove_stack(managed);

    let expired = Fault::Answer {
        status: 403,
        headers: vec![("content-type".to_owned(), "text/xml".to_owned())],
        body: "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message></Error></ErrorResponse>".to_owned(),
    };
    let faults = scene.sandbox.cloudformation.server().faults();
    faults.next_with("Action=CreateChangeSet&", expired);
    let expired = folder.run(&scene, &arguments, &variables).await;
    assert!(
        expired
            .err
            .contains("The login has expired: log in again (`aws sso login`)."),
        "{expired:?}"
    );

    let why = "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [10].";
    scene
        .sandbox
        .cloudformation
        .break_resource(Some(("SmsGateway", why)));
    let rolled_back = folder.run(&scene, &arguments, &variables).await;
    for words in [
        &format!("SmsGateway: {why}"),
        "add \"ReservedConcurrency=-1\" to parameter_overrides",
    ] {
        assert!(rolled_back.err.contains(words), "{words}: {rolled_back:?}");
    }
    let again = folder.run(&scene, &arguments, &variables).await;
    assert!(
        again.err.contains("Run `sam delete --stack-name acme`"),
        "{again:?}"
    );
}

#[tokio::test]
async fn a_run_that_was_stopped_in_the_middle_is_continued_by_the_next() {
    let Some(path) = path() else { return };
    let scene = Scene::new().await;
    let folder = Folder::new("acme", GATEWAY);
    folder.build();
    let variables = variables(&path, &TWILIO);
    let arguments = [
        "deploy",
        "--config-env",
        "prod",
        "--from",
        "deploy",
        "--from-env",
    ];
    let cloudformation = &scene.sandbox.cloudformation;
    // What `sam` asks when it has made the change set of the stack.
    let part = "ChangeSetName=arn";
    cloudformation
        .server()
        .faults()
        .next_with(part, Fault::Hang);
    let mut child = scene.start_in(&folder.0, &arguments, &variables);
    let is_planned = |asked: &[Exchange]| {
        let mut asked = asked.iter();
        asked.any(|one| String::from_utf8_lossy(&one.request).contains(part))
    };
    cloudformation.server().wait(is_planned).await;
    // Ctrl-C reaches everything that runs in the terminal.
    let group = format!("-{}", child.id().unwrap());
    let interrupt = Command::new("kill").args(["-INT", "--", &group]).status();
    assert!(interrupt.await.unwrap().success());
    assert!(!child.wait().await.unwrap().success());
    let status = cloudformation.stack("acme").unwrap().status;
    assert_eq!(status, "REVIEW_IN_PROGRESS");

    let output = folder.json(&scene, &arguments[3..], &variables).await;
    assert_eq!(
        states(&output)[1..3],
        pairs([("deploy", "done"), ("secrets", "done")]),
        "{output:?}"
    );
}

#[tokio::test]
async fn nobody_reading_the_output_stops_nothing() {
    let Some(path) = path() else { return };
    let scene = Scene::new().await;
    let folder = Folder::new("acme", GATEWAY);
    folder.build();
    let variables = variables(&path, &[]);
    let arguments = ["deploy", "--config-env", "prod", "--only", "deploy"];
    let mut child = scene.start_in(&folder.0, &arguments, &variables);
    drop((child.stdin.take(), child.stdout.take(), child.stderr.take()));
    assert!(child.wait().await.unwrap().success());
    let stack = scene.sandbox.cloudformation.stack("acme").unwrap();
    assert_eq!(stack.status, "CREATE_COMPLETE");
}

#[tokio::test]
async fn a_build_that_fails_says_why_and_deploys_nothing() {
    let Some(path) = path() else { return };
    let scene = Scene::new().await;
    // A template without the functions that it names.
    let folder = Folder::new("acme", GATEWAY);
    let variables = variables(&path, &[]);
    let output = folder.json(&scene, &[], &variables).await;
    assert_eq!(output.code, 1, "{output:?}");
    let document = output.json();
    let error = document["error"].as_str().unwrap();
    for words in [
        "build: `sam build --config-file ",
        "ended with exit status: 1",
        "Build Failed",
    ] {
        assert!(error.contains(words), "{words}: {error}");
    }
    let again = "operator deploy --config-env prod --from build";
    assert_eq!(document["continue"], again);
    assert_eq!(states(&output), pairs([("check", "done")]));
    assert_eq!(scene.sandbox.cloudformation.stack("acme"), None);
}
