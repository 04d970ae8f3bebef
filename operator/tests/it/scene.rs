//! A sandbox with a deployed stack, and the program run as a person or a pipeline would.

use std::path::Path;
use std::process::Stdio;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use sandbox::cloudformation::STACK_NAME;
use sandbox::wire::{Server, client};
use sandbox::{
    COMPANY_NUMBER, HOOK_TOKEN, IVR_TOKEN, OKTA_HOOK_TOKEN, RECIPIENT_KEY, STUDIO_TOKEN, Sandbox,
    auth0, clickatell, mailgun, okta, plivo, twilio, vonage,
};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

/// What `connect auth0` and the doctor read and change.
pub(crate) const SCOPES: &str = "read:users update:users read:connections read:connections_options update:connections \
    update:connections_options read:phone_providers create:phone_providers update:phone_providers read:actions create:actions \
    update:actions read:clients read:client_grants read:resource_servers read:attack_protection";

/// These are never printed.
const SECRETS: [&str; 18] = [
    twilio::AUTH_TOKEN,
    twilio::API_KEY_SECRET,
    mailgun::SIGNING_KEY,
    mailgun::API_KEY,
    auth0::CLIENT_SECRET,
    auth0::GATEWAY_SECRET,
    auth0::GATEWAY_BEARER_TOKEN,
    auth0::LOGIN_CLIENT_SECRET,
    okta::API_TOKEN,
    HOOK_TOKEN,
    OKTA_HOOK_TOKEN,
    IVR_TOKEN,
    STUDIO_TOKEN,
    RECIPIENT_KEY,
    clickatell::API_KEY,
    plivo::AUTH_TOKEN,
    vonage::API_SECRET,
    vonage::SIGNATURE_SECRET,
];

/// Why the doctor has not tried something.
pub(crate) const PREVENTED: &str = "a check before it was not fine";
pub(crate) const NEVER_TRIED: &str = "the doctor changes nothing, sends nothing and buys nothing";

/// What a run printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Output {
    /// The document of `--json`.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// All findings of the doctor.
    pub(crate) fn all_findings(&self) -> Vec<Value> {
        let report = self.json();
        let findings = report["findings"].as_array();
        findings.unwrap_or_else(|| panic!("{self:?}")).clone()
    }

    /// The findings of the doctor without those about what was not tried, because of another finding
    /// or because the doctor never tries it.
    pub(crate) fn findings(&self) -> Vec<Value> {
        let mut findings = self.all_findings();
        findings.retain(|finding| finding["why"] != PREVENTED && finding["why"] != NEVER_TRIED);
        findings
    }
}

pub(crate) struct Scene {
    pub(crate) sandbox: Sandbox,
    /// provision-numbers, as far as Okta asks it for an echo, and delivery-status.
    pub(crate) hook: Server,
}

impl Scene {
    /// A stack with everything, as the template deploys it, and nothing connected at Auth0, Okta and Mailgun.
    pub(crate) async fn new() -> Self {
        let echo = get(async |headers: HeaderMap| {
            let challenge = headers["x-okta-verification-challenge"]
                .to_str()
                .unwrap()
                .to_owned();
            axum::Json(json!({ "verification": challenge }))
        });
        // delivery-status, as far as it refuses what is not signed.
        let refuse = post(async || StatusCode::FORBIDDEN);
        let routes = Router::new().route("/okta", echo).route("/twilio", refuse);
        let hook = Server::start("hook", routes).await.unwrap();
        let sandbox = Sandbox::start().await;
        let (url, receipts) = (hook.url() + "/okta", hook.url() + "/");
        sandbox.cloudformation.change_stack(STACK_NAME, |stack| {
            stack.outputs.insert("ProvisionNumbersUrl".to_owned(), url);
            let name = "DeliveryStatusUrl".to_owned();
            stack.outputs.insert(name, receipts);
        });
        // The functions are not there. Each answers a GET as it would.
        for function in &sandbox.template().functions {
            let door = sandbox.door(&function.name);
            door.faults().always(Some(sandbox::scene::status(405)));
        }
        // Each is probed with this answer, unless one really runs.
        let probed = json!({ "version": env!("CARGO_PKG_VERSION"), "secrets": [], "table": {}, "upstreams": [] });
        let probed = sandbox::scene::says(200, &probed.to_string());
        sandbox.invoke_api().faults().always(Some(probed));
        sandbox.mailgun.clear_routes();
        sandbox.auth0.set_scope(SCOPES);
        Self { sandbox, hook }
    }

    /// The same, connected: the doctor has nothing to say.
    pub(crate) async fn healthy() -> Self {
        let scene = Self::new().await;
        let template = "Your code is @@password@@";
        scene.sandbox.auth0.add_connection(
            "sms",
            "sms",
            &json!({ "strategy": "sms", "template": template, "twilio_sid": "AC1" }),
        );
        // Company numbers text to the US, too.
        let campaign = twilio::MESSAGING_SERVICE;
        scene.sandbox.twilio.add_sender(campaign, COMPANY_NUMBER);
        scene.succeed(&["connect"]).await;
        scene
            .succeed(&["connect", "auth0", "--legacy-gateway", "sms"])
            .await;
        scene
    }

    /// Sets a key of a secret of the stack; gives the value before.
    pub(crate) fn change_secret(&self, secret: &str, key: &str, value: &str) -> String {
        let id = format!("{STACK_NAME}/{secret}");
        let mut content = self.sandbox.aws.secret(&id).unwrap();
        let before = content[key].as_str().unwrap_or_default().to_owned();
        content[key] = json!(value);
        self.sandbox.aws.set_secret(&id, &content);
        before
    }

    /// Sets a parameter or an output of the stack.
    pub(crate) fn deploy(&self, name: &str, value: &str) {
        self.sandbox
            .cloudformation
            .change_stack(STACK_NAME, |stack| {
                let part = if stack.outputs.contains_key(name) {
                    &mut stack.outputs
                } else {
                    &mut stack.parameters
                };
                part.insert(name.to_owned(), value.to_owned());
            });
    }

    /// Takes all other outputs from the stack.
    pub(crate) fn keep_outputs(&self, kept: &[&str]) {
        let cloudformation = &self.sandbox.cloudformation;
        cloudformation.change_stack(STACK_NAME, |stack| {
            stack
                .outputs
                .retain(|name, _| kept.contains(&name.as_str()));
        });
    }

    /// A token for Auth0's Management API with the scopes that the tenant grants at present.
    pub(crate) async fn management_token(&self) -> String {
        let url = self.sandbox.auth0.server().url();
        let login = json!({
            "grant_type": auth0::CLIENT_CREDENTIALS, "client_id": auth0::CLIENT_ID, "client_secret": auth0::CLIENT_SECRET,
            "audience": format!("{url}/api/v2/"),
        });
        let asked = client().post(format!("{url}/oauth/token")).json(&login);
        let granted = asked.send().await.unwrap().bytes().await.unwrap();
        let granted: Value = serde_json::from_slice(&granted).unwrap();
        granted["access_token"].as_str().unwrap().to_owned()
    }

    /// Runs the program on the stack, in an environment of its own.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(&[&["--stack", STACK_NAME], arguments].concat(), &[], "")
            .await
    }

    pub(crate) async fn succeed(&self, arguments: &[&str]) -> Output {
        let output = self.run(arguments).await;
        assert_eq!(output.code, 0, "{arguments:?}: {output:?}");
        output
    }

    /// With some variables more, and this on standard input.
    pub(crate) async fn run_with(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
        input: &str,
    ) -> Output {
        let here = Path::new(".");
        self.run_in(here, arguments, variables, input).await
    }

    /// The same in a folder.
    pub(crate) async fn run_in(
        &self,
        folder: &Path,
        arguments: &[&str],
        variables: &[(&str, &str)],
        input: &str,
    ) -> Output {
        finish(self.start_in(folder, arguments, variables), input).await
    }

    /// Runs a command as it was printed, with this on standard input.
    pub(crate) async fn shell(&self, printed: &str, input: &str) -> Output {
        self.shell_in(Path::new("."), printed, input).await
    }

    /// The same in a folder, whose own programs come first.
    pub(crate) async fn shell_in(&self, folder: &Path, printed: &str, input: &str) -> Output {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", printed]);
        let program = Path::new(env!("CARGO_BIN_EXE_operator"));
        let folders = [folder, program.parent().unwrap()];
        let path = std::env::join_paths(folders).unwrap();
        let path = [("PATH", path.to_str().unwrap())];
        finish(start(self.at_home(command), folder, &path), input).await
    }

    /// The program in an environment of its own.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_operator"));
        command.args(arguments);
        self.at_home(command)
    }

    /// A command in an environment of its own.
    fn at_home(&self, mut command: Command) -> Command {
        let (aws, twilio) = (&self.sandbox.aws, self.sandbox.twilio.server().url());
        let usual = [
            ("HOME", env!("CARGO_TARGET_TMPDIR").to_owned()),
            ("AWS_REGION", "eu-west-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "AKIASANDBOX".to_owned()),
            (
                "AWS_SECRET_ACCESS_KEY",
                "sandbox-secret-access-key".to_owned(),
            ),
            (
                "AWS_ENDPOINT_URL_CLOUDFORMATION",
                self.sandbox.cloudformation.server().url(),
            ),
            ("AWS_ENDPOINT_URL_S3", self.sandbox.s3.server().url()),
            ("AWS_ENDPOINT_URL_DYNAMODB", aws.dynamodb().url()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.secrets().url()),
            ("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", aws.log_server().url()),
            (
                "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER",
                self.sandbox.cognito.server().url(),
            ),
            (
                "AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2",
                self.sandbox.aws_sms.server().url(),
            ),
            ("TWILIO_MESSAGING_URL", twilio.clone()),
            ("TWILIO_VOICE_URL", twilio.clone()),
            ("TWILIO_ACCOUNTS_URL", twilio.clone()),
            ("TWILIO_PRICING_URL", twilio.clone()),
            ("TWILIO_TLS_URL", self.hook.url()),
            ("AWS_ENDPOINT_URL_LAMBDA", self.sandbox.invoke_api().url()),
            ("MAILGUN_URL", self.sandbox.mailgun.server().url()),
            ("MAILGUN_API_KEY", mailgun::API_KEY.to_owned()),
        ];
        command.env_clear().envs(usual).kill_on_drop(true);
        command
    }

    /// Starts the program in a folder, in a process group of its own, as a shell does.
    pub(crate) fn start_in(
        &self,
        folder: &Path,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Child {
        start(self.command(arguments), folder, variables)
    }
}

fn start(mut command: Command, folder: &Path, variables: &[(&str, &str)]) -> Child {
    command
        .current_dir(folder)
        .envs(
            variables
                .iter()
                .copied()
                .filter(|(_, value)| !value.is_empty()),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap()
}

/// Gives a run its standard input and waits for its end. It has printed no secret.
async fn finish(mut child: Child, input: &str) -> Output {
    let mut stdin = child.stdin.take().unwrap();
    // One that does not read it may be gone.
    let _unread = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let output = Output {
        code: output.status.code().unwrap(),
        out: text(output.stdout),
        err: text(output.stderr),
    };
    for secret in SECRETS {
        assert!(
            !output.out.contains(secret) && !output.err.contains(secret),
            "a secret was printed: {output:?}"
        );
    }
    output
}
