//! One run from the first question to a checked stack.

use std::fs;
use std::path::Path;

use sandbox::{mailgun, twilio};

use super::sam::{path, variables};
use super::{Folder, REPOSITORY};
use crate::scene::Scene;

/// The files below a folder.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(fs::read(entry.path()).unwrap());
        }
    }
    found
}

#[tokio::test]
async fn keys_that_init_was_given_reach_the_stack_and_no_file_and_are_not_asked_for_again() {
    let Some(path) = path() else { return };
    let scene = Scene::new().await;
    let folder = Folder::new("old", "");
    // `sam` packs what is there and compiles nothing.
    let template = fs::read_to_string(folder.0.join("template.yaml")).unwrap();
    let prepared = template.replace("BuildMethod: rust-cargolambda", "SkipBuild: true");
    assert_ne!(template, prepared);
    fs::write(folder.0.join("prepared.yaml"), prepared).unwrap();
    fs::write(
        folder.0.join("samconfig.toml"),
        "[prod.build.parameters]\ntemplate_file = \"prepared.yaml\"\n",
    )
    .unwrap();
    for function in fs::read_dir(Path::new(REPOSITORY).join("functions")).unwrap() {
        let code = folder
            .0
            .join("functions")
            .join(function.unwrap().file_name());
        fs::create_dir_all(&code).unwrap();
        fs::write(code.join("bootstrap"), "#!/bin/sh\n").unwrap();
    }
    let lines = [
        "1",
        "acme",
        "",
        twilio::ACCOUNT_SID,
        twilio::AUTH_TOKEN,
        mailgun::API_KEY,
        "https://acme.eu.auth0.com",
        "no-reply@acme.example",
        "",
        twilio::NUMBER,
        "perhaps",
        "y",
    ];
    let input: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
    let sandbox = &scene.sandbox;
    let urls = [
        ("TWILIO_URL", sandbox.twilio.server().url()),
        ("AUTH0_URL", sandbox.auth0.server().url()),
    ];
    let mut all = variables(&path, &[("MAILGUN_API_KEY", " ")]);
    all.extend(urls.iter().map(|(name, url)| (*name, url.as_str())));
    let arguments = ["init", "--config-env", "prod"];
    let output = scene.run_in(&folder.0, &arguments, &all, &input).await;
    let stack = sandbox.cloudformation.stack("acme");
    assert_eq!(stack.unwrap().status, "CREATE_COMPLETE", "{output:?}");
    for words in [
        "Not accepted: this is neither y nor n",
        "1/6 check: done",
        "2/6 build: done",
        "3/6 deploy: done",
        "4/6 secrets: done",
        "5/6 connect: ",
        "6/6 doctor: ",
    ] {
        assert!(output.err.contains(words), "{words}: {output:?}");
    }
    let stored = |name: &str| sandbox.aws.secret(&format!("acme/{name}")).unwrap();
    for name in ["twilio", "twilio-send"] {
        assert_eq!(stored(name)["account_sid"], twilio::ACCOUNT_SID, "{name}");
        assert_eq!(stored(name)["auth_token"], twilio::AUTH_TOKEN, "{name}");
    }
    assert_eq!(stored("mailgun")["signing_key"], mailgun::SIGNING_KEY);
    assert_eq!(
        sandbox.mailgun.routes().len(),
        1,
        "Mailgun's API key serves the route: {output:?}"
    );
    let written = files(&folder.0);
    assert!(written.len() > 10);
    for secret in [twilio::AUTH_TOKEN, mailgun::API_KEY, mailgun::SIGNING_KEY] {
        let is_in = |file: &Vec<u8>| {
            file.windows(secret.len())
                .any(|part| part == secret.as_bytes())
        };
        assert!(!written.iter().any(is_in), "a secret is in a file");
    }
}
