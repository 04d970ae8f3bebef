//! What the tests of all functions share: a sandbox with the function running in it, the questions
//! that every test asks, and one rule for log lines.
//!
//! When a [`Scene`] ends, it reads every line that the function wrote at its most detailed log
//! level. No line may contain a secret of the sandbox, a token that the sandbox issued, a link, or
//! any other text that the test marked.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use std::sync::Mutex;

use serde_json::Value;

use crate::Sandbox;
use crate::lambda::Lambda;
use crate::wire::{Exchange, Fault, Faults, Server, lock};
use crate::{auth0, mailgun, okta, providers, supabase, twilio};

/// A variable and the value that replaces the template's; `None` removes the variable.
pub type Setting<'a> = (&'a str, Option<&'a str>);

/// The parameters of a form.
pub type Params = Vec<(String, String)>;

/// Texts that no function may write, beside the credentials of the providers.
const NEVER_WRITTEN: [&str; 17] = [
    "ticket=",
    crate::GENERIC_HMAC_SECRET,
    crate::GENERIC_TOKEN,
    crate::HOOK_TOKEN,
    crate::IVR_TOKEN,
    crate::OKTA_HOOK_TOKEN,
    crate::RECIPIENT_KEY,
    crate::STUDIO_TOKEN,
    auth0::CLIENT_SECRET,
    auth0::GATEWAY_BEARER_TOKEN,
    auth0::GATEWAY_SECRET,
    auth0::LOGIN_CLIENT_SECRET,
    mailgun::SIGNING_KEY,
    okta::API_TOKEN,
    supabase::SECRET,
    twilio::API_KEY_SECRET,
    twilio::AUTH_TOKEN,
];

/// Minimum length of a marker. An id may contain a shorter text by chance.
const LONG_ENOUGH: usize = 6;

/// Texts that no function may write: the sandbox's credentials, and the beginning of a ticket.
pub fn never_written() -> BTreeSet<String> {
    let all = NEVER_WRITTEN.iter();
    let all = all.chain(providers::NEVER_WRITTEN.iter().copied().flatten());
    all.map(|text| (*text).to_owned()).collect()
}

/// Scenes of one test executable start one after the other. The starts of dozens of processes at the
/// same time would take the time that a function in another scene has for its answer.
static STARTING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A sandbox with one function of the template running in it.
pub struct Scene {
    /// The function. It is dropped before the sandbox. The sandbox then fails the test if a
    /// simulator complained.
    pub lambda: Lambda,
    /// Everything that the function calls.
    pub sandbox: Sandbox,
    markers: Mutex<BTreeSet<String>>,
}

impl Scene {
    /// Runs the function in this many processes. `settings` replace the sandbox's own. Returns when
    /// all of them are ready.
    pub async fn start(
        sandbox: Sandbox,
        function: &str,
        binary: &str,
        processes: usize,
        settings: &[Setting<'_>],
    ) -> Self {
        let _alone = STARTING.lock().await;
        let scene = Self::launch(sandbox, function, binary, processes, settings).await;
        scene
            .lambda
            .wait_ready()
            .await
            .unwrap_or_else(|why| panic!("{function}: {why}"));
        scene
    }

    /// Like [`Self::start`], but waits for no process.
    pub async fn launch(
        sandbox: Sandbox,
        function: &str,
        binary: &str,
        processes: usize,
        settings: &[Setting<'_>],
    ) -> Self {
        Self {
            lambda: launch(&sandbox, function, binary, processes, settings).await,
            sandbox,
            markers: Mutex::new(never_written()),
        }
    }

    /// Marks a text that must never be written. Of a phone number, even the part without its
    /// calling code is marked. A short text is not marked, because an id may contain it by chance.
    pub fn mark(&self, marker: &str) {
        let mut markers = lock(&self.markers);
        let digits = marker.strip_prefix('+').filter(|digits| digits.len() >= 10);
        markers.extend(digits.map(|digits| digits[digits.len() - 8..].to_owned()));
        if marker.len() >= LONG_ENOUGH {
            markers.insert(marker.to_owned());
        }
    }

    /// The number of markers.
    pub fn marked(&self) -> usize {
        lock(&self.markers).len()
    }

    /// Fails if the text contains a marker.
    pub fn assert_unmarked(&self, text: &str) {
        for marker in &*lock(&self.markers) {
            assert!(!text.contains(marker.as_str()), "{marker} in {text}");
        }
    }

    /// The faults of `DynamoDB`.
    pub fn dynamodb(&self) -> &Faults {
        self.sandbox.aws.dynamodb().faults()
    }

    /// The faults of Secrets Manager.
    pub fn secrets(&self) -> &Faults {
        self.sandbox.aws.secrets().faults()
    }

    /// The faults of KMS.
    pub fn kms(&self) -> &Faults {
        self.sandbox.aws.kms().faults()
    }

    /// The faults of Auth0.
    pub fn auth0(&self) -> &Faults {
        self.sandbox.auth0.server().faults()
    }

    /// The faults of Okta.
    pub fn okta(&self) -> &Faults {
        self.sandbox.okta.server().faults()
    }

    /// The faults of Twilio.
    pub fn twilio(&self) -> &Faults {
        self.sandbox.twilio.server().faults()
    }

    /// The items whose `pk` begins with `prefix`.
    pub async fn items(&self, prefix: &str) -> Vec<Value> {
        let mut items = self.sandbox.aws.items().await;
        items.retain(|item| text(item, "pk").is_some_and(|pk| pk.starts_with(prefix)));
        items
    }

    /// The stage of the only send in the journal.
    pub async fn stage(&self) -> String {
        let items = self.items("sent#").await;
        assert_eq!(items.len(), 1, "{items:#?}");
        text(&items[0], "stage").expect("a stage").to_owned()
    }

    /// How often the secret `switchboard/NAME` was fetched.
    pub fn fetched(&self, name: &str) -> usize {
        let id = format!("switchboard/{name}");
        let names_it = |exchange: &&Exchange| {
            serde_json::from_slice::<Value>(&exchange.request)
                .is_ok_and(|request| request["SecretId"] == id)
        };
        let exchanges = self.sandbox.aws.secrets().exchanges();
        exchanges.iter().filter(names_it).count()
    }

    /// The first log line with this outcome. Waits until there is one.
    pub async fn logged(&self, outcome: &str) -> Value {
        let marked = format!("\"outcome\":\"{outcome}\"");
        parsed(&self.lambda.wait_log(|line| line.contains(&marked)).await)
    }

    /// The last log line with this outcome. If there is none yet, waits for the first.
    pub async fn last_logged(&self, outcome: &str) -> Value {
        let first = self.logged(outcome).await;
        let lines = self.lambda.log().into_iter().map(|line| parsed(&line));
        lines
            .rev()
            .find(|line| line["outcome"] == outcome)
            .unwrap_or(first)
    }

    /// The outcomes so far, in order.
    pub fn outcomes(&self) -> Vec<String> {
        let lines = self.lambda.log().into_iter().map(|line| parsed(&line));
        lines
            .filter_map(|line| line["outcome"].as_str().map(str::to_owned))
            .collect()
    }

    /// Ends the first process.
    pub async fn kill(&self) {
        let exits = self.lambda.exits().len();
        self.lambda.kill(self.lambda.pids()[0]).await;
        self.lambda.wait_exits(exits + 1).await;
    }

    /// Replaces the first process by a new one with empty memory.
    pub async fn restart(&self) {
        self.kill().await;
        self.lambda
            .wait_ready()
            .await
            .unwrap_or_else(|why| panic!("the new process: {why}"));
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for exchange in self.sandbox.auth0.server().exchanges() {
            let granted: Value = serde_json::from_slice(&exchange.response).unwrap_or_default();
            self.mark(granted["access_token"].as_str().unwrap_or_default());
        }
        for line in [self.lambda.log(), self.lambda.errors()].concat() {
            let mut line = parsed(&line);
            // Milliseconds and hexadecimal ids contain digits of a number by chance.
            for by_chance in ["_aws", "sid"] {
                line[by_chance] = Value::Null;
            }
            self.assert_unmarked(&line.to_string());
        }
    }
}

/// Runs a function with the settings of a scene, beside the scene's own.
pub async fn launch(
    sandbox: &Sandbox,
    function: &str,
    binary: &str,
    processes: usize,
    settings: &[Setting<'_>],
) -> Lambda {
    let settings = [&[("LOG_LEVEL", Some("trace"))], settings].concat();
    sandbox
        .run_with(function, Path::new(binary), processes, &settings)
        .await
}

/// The problems that stop the function's process at start. The process must report them in one line
/// and to Lambda, and must not exit with success. Fails if the process starts.
pub async fn problems(
    sandbox: &Sandbox,
    function: &str,
    binary: &Path,
    settings: &[Setting<'_>],
) -> Vec<String> {
    let lambda = sandbox.run_with(function, binary, 1, settings).await;
    let Err(reported) = lambda.wait_ready().await else {
        panic!("{function} starts with {settings:?}");
    };
    assert!(!lambda.wait_exits(1).await[0].success());
    let lines = lambda.errors();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = parsed(&lines[0]);
    assert_eq!(line["outcome"], "bad_configuration");
    let problems = line["problems"]
        .as_array()
        .expect("a list of problems")
        .iter();
    let problems: Vec<String> = problems
        .map(|problem| problem.as_str().expect("a text").to_owned())
        .collect();
    for problem in &problems {
        assert!(
            reported.contains(problem.as_str()),
            "{problem} in {reported}"
        );
    }
    problems
}

/// Parses a log line: every line that a function writes is one JSON object.
fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|why| panic!("no JSON ({why}): {line}"))
}

fn text<'a>(item: &'a Value, attribute: &str) -> Option<&'a str> {
    item[attribute]["S"].as_str()
}

/// A whole number in `DynamoDB`'s JSON.
pub fn number(value: &Value) -> u64 {
    let number = value["N"].as_str().and_then(|digits| digits.parse().ok());
    number.unwrap_or_else(|| panic!("no whole number: {value}"))
}

/// An answer that replaces the real one.
pub fn says(status: u16, body: &str) -> Fault {
    Fault::Answer {
        status,
        headers: vec![],
        body: body.to_owned(),
    }
}

/// An empty answer that replaces the real one.
pub fn status(status: u16) -> Fault {
    says(status, "")
}

/// The parameters of a form with `more` added. These replace parameters of the same name.
pub fn and(params: &[(String, String)], more: &[(&str, &str)]) -> Params {
    let replaced = |name: &str| more.iter().any(|(other, _)| *other == name);
    let kept = params.iter().filter(|(name, _)| !replaced(name)).cloned();
    let more = more
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    kept.chain(more).collect()
}

/// A TwiML document with these verbs.
pub fn document(verbs: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>{verbs}</Response>")
}

/// Runs all jobs at the same time. The results have the order of the jobs.
pub async fn at_once<T: Send + 'static>(
    jobs: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let running: Vec<_> = jobs.into_iter().map(tokio::spawn).collect();
    let mut results = Vec::new();
    for job in running {
        results.push(job.await.unwrap_or_else(|why| panic!("a job: {why}")));
    }
    results
}

/// Waits until a server has received `n` requests. The last one may still be unanswered.
pub async fn wait_exchanges(server: &Server, n: usize) {
    wait_for(server, n, |_| true).await;
}

/// Waits until a server has received `n` requests of this kind.
pub async fn wait_for(server: &Server, n: usize, such: impl Fn(&Exchange) -> bool) {
    let enough =
        server.wait(|exchanges| exchanges.iter().filter(|exchange| such(exchange)).count() >= n);
    tokio::time::timeout(Duration::from_secs(30), enough)
        .await
        .unwrap_or_else(|_| panic!("{n} requests did not arrive within 30 seconds"));
}
