//! `init`: what it asks, checks, offers and writes, and the session in docs/deploy.md.

mod auth0;
mod given;
mod wrong;

use std::path::{Path, PathBuf};

use sandbox::{mailgun, twilio};

use crate::scene::{Output, Scene};

/// A folder of a test's own, like this repository's.
fn folder(test: &str) -> PathBuf {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("init-{test}-{}", std::process::id()));
    let _none = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    std::fs::copy(template, folder.join("template.yaml")).unwrap();
    folder
}

/// Options with these answers.
fn set<'a>(answers: &[&'a str]) -> Vec<&'a str> {
    answers
        .iter()
        .flat_map(|answer| ["--set", answer])
        .collect()
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
        self.init_with(options, &[], lines).await
    }

    /// With some variables more.
    async fn init_with(
        &self,
        options: &[&str],
        variables: &[(&str, &str)],
        lines: &[&str],
    ) -> Output {
        let urls = [
            ("TWILIO_URL", self.scene.sandbox.twilio.server().url()),
            ("AUTH0_URL", self.scene.sandbox.auth0.server().url()),
            ("OKTA_URL", self.scene.sandbox.okta.server().url()),
            // The person gives it.
            ("MAILGUN_API_KEY", " ".to_owned()),
            ("CARGO", "cargo".to_owned()),
        ];
        let urls = urls.iter().map(|(name, url)| (*name, url.as_str()));
        let all: Vec<(&str, &str)> = urls.chain(variables.iter().copied()).collect();
        let input: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        let arguments = [&["init"], options].concat();
        self.scene
            .run_in(&self.folder, &arguments, &all, &input)
            .await
    }

    /// Runs `check-config` on what was written.
    async fn check(&self, options: &[&str]) -> Output {
        let arguments = [&["check-config"], options].concat();
        self.scene.run_in(&self.folder, &arguments, &[], "").await
    }
}

/// The answers of a stranger who wants accounts verified by SMS: ten lines. The eleventh would deploy.
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
    let output = desk.init(&[], &[&STRANGER[..], &["n"]].concat()).await;
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
    let checked = desk.check(&[]).await;
    assert_eq!(checked.code, 0, "{checked:?}");
    // The result is on standard output, and comes before the last question.
    let (asked, last) = output.err.split_once("\nRun it now?").unwrap();
    let session = format!(
        "$ cargo operator init\n{}\n{}\nRun it now?{last}",
        asked.trim(),
        output.out
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
