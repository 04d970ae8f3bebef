//! `init`: what it asks, checks, offers and writes, and the session in docs/deploy.md.

use std::path::{Path, PathBuf};

use sandbox::{mailgun, twilio};
use serde_json::json;

use crate::scene::{Output, Scene};

/// A folder of a test's own.
fn folder(test: &str) -> PathBuf {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("init-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for file in std::fs::read_dir(&folder).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    folder
}

struct Desk {
    scene: Scene,
    folder: PathBuf,
}

impl Desk {
    async fn new(test: &str) -> Self {
        Self {
            scene: Scene::new().await,
            folder: folder(test),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.join("samconfig.toml")
    }

    fn written(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap_or_default()
    }

    /// Runs `init` with these options, and these lines on standard input.
    async fn init(&self, options: &[&str], lines: &[&str]) -> Output {
        let file = self.file();
        let fixed = ["init", "--samconfig", file.to_str().unwrap()];
        let urls = [
            ("TWILIO_URL", self.scene.sandbox.twilio.server().url()),
            ("AUTH0_URL", self.scene.sandbox.auth0.server().url()),
            ("OKTA_URL", self.scene.sandbox.okta.server().url()),
            // The person gives it.
            ("MAILGUN_API_KEY", " ".to_owned()),
        ];
        let urls: Vec<(&str, &str)> = urls
            .iter()
            .map(|(name, url)| (*name, url.as_str()))
            .collect();
        let input: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        self.scene
            .run_with(&[&fixed, options].concat(), &urls, &input)
            .await
    }
}

/// The answers of a stranger who wants accounts verified by SMS: ten lines.
const STRANGER: [&str; 10] = [
    "1",
    "acme-accounts",
    "",
    twilio::ACCOUNT_SID,
    twilio::AUTH_TOKEN,
    mailgun::API_KEY,
    "https://acme.eu.auth0.com",
    "no-reply@acme.example",
    "",
    twilio::NUMBER,
];

#[tokio::test]
async fn a_stranger_goes_from_clone_to_a_section_with_ten_answers() {
    let desk = Desk::new("stranger").await;
    let output = desk.init(&[], &STRANGER).await;
    assert_eq!(output.code, 0, "{output:?}");
    let written = desk.written();
    for part in [
        "[default.deploy.parameters]",
        "stack_name = \"acme-accounts\"",
        "region = \"eu-west-1\"",
        "confirm_changeset = false",
        "\"MailSenders=no-reply@acme.example\"",
        "\"TwilioNumber=+15005550006\"",
    ] {
        assert!(written.contains(part), "{part}: {written}");
    }
    for secret in [twilio::AUTH_TOKEN, mailgun::API_KEY] {
        assert!(!written.contains(secret), "a secret is in the file");
    }
    let checked = desk
        .scene
        .run_with(
            &["check-config", "--samconfig", desk.file().to_str().unwrap()],
            &[],
            "",
        )
        .await;
    assert_eq!(checked.code, 0, "{checked:?}");
    let session = format!(
        "$ cargo operator init\n{}\n{}",
        output.err.trim(),
        output
            .out
            .replace(desk.folder.to_str().unwrap(), "")
            .replace(" /samconfig", " samconfig")
    );
    let session: Vec<&str> = session.lines().map(str::trim_end).collect();
    let session = session.join("\n");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/deploy.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (head, rest) = text
        .split_once("```text\n$ cargo operator init\n")
        .expect("the session is in docs/deploy.md");
    let (_, tail) = rest.split_once("```\n").unwrap();
    let renewed = format!("{head}```text\n{}\n```\n{tail}", session.trim());
    if std::env::var_os("WRITE_SESSION").is_some() {
        std::fs::write(&page, &renewed).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&page).unwrap(),
        renewed,
        "docs/deploy.md shows another session; WRITE_SESSION=1 cargo test -p operator --test it init renews it"
    );
}

#[tokio::test]
async fn each_wrong_answer_is_told_at_once_and_asked_again() {
    let desk = Desk::new("wrong").await;
    desk.scene
        .sandbox
        .mailgun
        .set_domain("other.example.com", "unverified", "invalid");
    let lines = [
        "7",
        "verification",
        "1switch",
        "acme",
        "europe",
        "eu-west-1",
        "AC1",
        "x",
        twilio::ACCOUNT_SID,
        twilio::AUTH_TOKEN,
        "wrong-key",
        mailgun::API_KEY,
        "acme.auth0.com",
        "https://acme.eu.auth0.com",
        "nobody",
        "@acme.example",
        "missing.example.com",
        "other.example.com",
        mailgun::DOMAIN,
        "15005550006",
        "+14155550100",
        "+15005550006",
    ];
    let output = desk.init(&[], &lines).await;
    let told: Vec<&str> = output
        .err
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Not accepted: "))
        .collect();
    let expected = [
        "7 is none of 1 to 5",
        "a stack's name begins with a letter",
        "this is no region of AWS",
        "the Account SID is not AC",
        "Mailgun rejects this API key",
        "must be https://host, without path",
        "a comma list of addresses",
        "the account has no such domain",
        "add them with priority 10: mxa.mailgun.org and mxb.mailgun.org",
        "must be a plus sign and 7 to 15 digits",
        "the account does not own this number; it owns ",
    ];
    assert_eq!(told.len(), expected.len(), "{output:?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.contains(expected), "{told}: {expected}");
    }
    assert_eq!(output.code, 0, "{output:?}");
    let desk = Desk::new("menu").await;
    let menu = r#"[{"digit":"1","label":"x","textt":"y","exit":true}]"#;
    let lines = [
        "5",
        "acme",
        "",
        "https://acme.eu.auth0.com",
        "https://api.acme.example/",
        "",
        "6",
        menu,
        "",
    ];
    let output = desk.init(&[], &lines).await;
    assert!(
        output.code == 0 && output.err.contains(r#"entry 1: unknown member "textt""#),
        "{output:?}"
    );
    let lines = [
        "2",
        "acme",
        "",
        "*=twillio",
        "*=twilio",
        "twilio:+15005550006",
        "auth1",
        "okta",
        "UK",
        "GB",
    ];
    let output = desk.init(&["--config-env", "codes"], &lines).await;
    for words in [
        "names twillio",
        "auth1 is none of",
        "the United Kingdom is GB",
    ] {
        assert!(output.err.contains(words), "{words}: {output:?}");
    }
    assert!(
        desk.written().contains("\"OktaHook=on\"") && output.code == 0,
        "{output:?}"
    );
    let lines = ["2", "", "", "", "", "", "-"];
    let output = desk.init(&["--config-env", "codes"], &lines).await;
    assert!(
        output.err.contains("AllowedCountries: GB -> (not set)"),
        "{output:?}"
    );
    assert!(output.err.contains("[auth0,okta] > "), "{output:?}");
    let lines = [
        "4",
        "3,4",
        "acme",
        "",
        "https://acme.okta.com",
        "",
        "Hi {name}",
        "Hi {firstName}",
        "",
        "415",
        "UK",
        "US",
        "",
    ];
    let output = desk.init(&["--config-env", "phone"], &lines).await;
    for words in [
        "numbers goes with company-phone",
        "unknown placeholder {name}",
        "the United Kingdom is GB",
    ] {
        assert!(output.err.contains(words), "{words}: {output:?}");
    }
    assert!(
        desk.written().contains("Greeting=") && desk.written().contains("Hi {firstName}"),
        "{}",
        desk.written()
    );
    assert_eq!(output.code, 0, "{output:?}");
}

#[tokio::test]
async fn a_tenant_that_is_none_is_told_and_kept_if_the_person_insists() {
    let desk = Desk::new("tenant").await;
    desk.scene
        .sandbox
        .auth0
        .server()
        .faults()
        .always(Some(sandbox::scene::status(404)));
    let mut lines = STRANGER.to_vec();
    lines.insert(7, STRANGER[6]);
    let output = desk.init(&[], &lines).await;
    assert!(
        output
            .err
            .contains("is no tenant of Auth0. Give it again to keep it"),
        "{output:?}"
    );
    assert_eq!(output.code, 0, "{output:?}");
}

#[tokio::test]
async fn an_interruption_loses_no_answer() {
    let desk = Desk::new("interrupted").await;
    let output = desk.init(&[], &STRANGER[..8]).await;
    assert_eq!(output.code, 2, "{output:?}");
    assert!(
        output.err.contains("run the same command again"),
        "{output:?}"
    );
    assert_eq!(desk.written(), "", "nothing is written before the end");
    let draft = std::fs::read_to_string(desk.folder.join(".operator-init-default.json")).unwrap();
    assert!(
        draft.contains("acme-accounts")
            && !draft.contains(twilio::AUTH_TOKEN)
            && !draft.contains(mailgun::API_KEY)
    );
    let lines = [
        "",
        "",
        "",
        "",
        twilio::AUTH_TOKEN,
        mailgun::API_KEY,
        "",
        "",
        "",
        twilio::NUMBER,
    ];
    let output = desk.init(&[], &lines).await;
    assert_eq!(output.code, 0, "{output:?}");
    assert!(desk.written().contains("MailSenders=no-reply@acme.example"));
    assert!(!desk.folder.join(".operator-init-default.json").exists());
}

#[tokio::test]
async fn without_a_person_all_that_is_missing_is_listed_at_once() {
    let desk = Desk::new("given").await;
    let output = desk
        .init(
            &[
                "--set",
                "Integrations=verification",
                "--set",
                "MailSenders=nobody",
                "--set",
                "TwilioNumbr=+15005550006",
            ],
            &[],
        )
        .await;
    assert_eq!(output.code, 2, "{output:?}");
    for words in [
        "MailSenders: ",
        "Auth0Url is missing",
        "RecipientDomain is missing",
        "TwilioNumber is missing",
    ] {
        assert!(output.err.contains(words), "{words}: {output:?}");
    }
    assert_eq!(desk.written(), "");
    let answers = desk.folder.join("answers.json");
    let all = json!({
        "Integrations": "gateway", "StackName": "codes", "SmsFrom": "twilio:+15005550006", "AllowedCountries": "DK,SE",
        "CodeText": "Your code is {code}, it's good for 3 minutes", "Region": "eu-north-1",
    });
    std::fs::write(&answers, all.to_string()).unwrap();
    let run = async |more: &[&str]| {
        let fixed = [
            "--config-env",
            "prod",
            "--answers",
            answers.to_str().unwrap(),
        ];
        desk.init(&[&fixed, more].concat(), &[]).await
    };
    let output = run(&[]).await;
    assert_eq!(output.code, 0, "{output:?}");
    assert!(
        output
            .out
            .contains("cargo operator deploy --config-env prod"),
        "{output:?}"
    );
    assert!(
        output
            .out
            .contains("secrets set gateway --generate bearer_token"),
        "{output:?}"
    );
    let before = desk.written();
    assert!(
        before.contains("region = \"eu-north-1\"") && before.contains("SmsRoutes=*=twilio"),
        "{before}"
    );
    assert_eq!(
        run(&[]).await.code,
        0,
        "nothing changes, so nothing is asked for"
    );
    assert_eq!(desk.written(), before);
    let other = ["--set", "AllowedCountries=DK"];
    let refused = run(&other).await;
    assert!(
        refused.code == 2 && refused.err.contains("AllowedCountries: DK,SE -> DK"),
        "{refused:?}"
    );
    assert_eq!(run(&[&other[..], &["--replace"]].concat()).await.code, 0);
    assert!(desk.written().contains("\"AllowedCountries=DK\""));
    let checked = desk
        .scene
        .run_with(
            &[
                "check-config",
                "--config-env",
                "prod",
                "--samconfig",
                desk.file().to_str().unwrap(),
            ],
            &[],
            "",
        )
        .await;
    assert_eq!(checked.code, 0, "{checked:?}");
}

#[tokio::test]
async fn the_secrets_of_a_stack_that_exists_are_filled() {
    let desk = Desk::new("secrets").await;
    for secret in ["twilio", "twilio-send"] {
        desk.scene
            .sandbox
            .aws
            .set_secret(&format!("switchboard/{secret}"), &json!({}));
    }
    let mut lines = STRANGER;
    lines[1] = "switchboard";
    let output = desk.init(&["--json"], &lines).await;
    assert_eq!(output.code, 0, "{output:?}");
    let stored = |name: &str| {
        desk.scene
            .sandbox
            .aws
            .secret(&format!("switchboard/{name}"))
            .unwrap()
    };
    let keys = json!({ "account_sid": twilio::ACCOUNT_SID, "auth_token": twilio::AUTH_TOKEN });
    assert_eq!(
        (stored("twilio"), stored("twilio-send")),
        (keys.clone(), keys)
    );
    assert!(
        output.json()["filled"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one == "the secret switchboard/twilio"),
        "{output:?}"
    );
    let before = stored("mailgun");
    assert_eq!(
        before["signing_key"],
        mailgun::SIGNING_KEY,
        "what is filled stays"
    );
}
