//! A sandbox with the function running in it, and the questions every test asks.

use std::ops::Deref;
use std::time::Duration;

use sandbox::lambda::InvokeError;
use sandbox::scene::{self, Setting};
use sandbox::twilio::Owned;
use sandbox::{Sandbox, twilio};
use serde_json::{Value, json};

pub(crate) use sandbox::scene::says as answer;

pub(crate) const FUNCTION: &str = "provision-numbers";
pub(crate) const MOBILE: &str = "(302) 482-9229";
pub(crate) const CLEAN_MOBILE: &str = "+13024829229";

/// When it ends, no mobile of the test may be in the log, nor a secret.
pub(crate) struct Scene {
    scene: scene::Scene,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(overrides: &[Setting<'_>]) -> Self {
        Self::on(Sandbox::start().await, 1, overrides).await
    }

    /// With a function that Lambda ends after `timeout`: leases end sooner.
    pub(crate) async fn hurried(timeout: Duration) -> Self {
        Self::hurried_with(timeout, &[]).await
    }

    /// The same, with settings.
    pub(crate) async fn hurried_with(
        timeout: Duration,
        overrides: &[(&str, Option<&str>)],
    ) -> Self {
        let mut sandbox = Sandbox::start().await;
        sandbox.set_timeout(timeout);
        Self::on(sandbox, 1, overrides).await
    }

    /// In several processes.
    pub(crate) async fn instances(n: usize) -> Self {
        Self::on(Sandbox::start().await, n, &[]).await
    }

    async fn on(sandbox: Sandbox, instances: usize, overrides: &[Setting<'_>]) -> Self {
        let binary = env!("CARGO_BIN_EXE_provision-numbers");
        let scene = scene::Scene::start(sandbox, FUNCTION, binary, instances, overrides).await;
        for marker in [MOBILE, CLEAN_MOBILE, twilio::ACCOUNT_SID] {
            scene.mark(marker);
        }
        Self { scene }
    }

    /// A run's report.
    pub(crate) async fn run(&self) -> Value {
        self.try_run().await.unwrap()
    }

    pub(crate) async fn try_run(&self) -> Result<Value, InvokeError> {
        self.lambda
            .invoke(json!({ "source": "aws.scheduler" }))
            .await
    }

    /// Runs until one does nothing; a lock left behind by a killed one is taken away instead of waited for.
    pub(crate) async fn run_until_quiet(&self) {
        for _ in 0..20 {
            let report = self.run().await;
            if report["locked"] == true {
                self.sandbox
                    .aws
                    .put(json!({ "pk": { "S": "number#run" }, "sk": { "S": "lock" } }))
                    .await;
            } else if did(&report) == 0 && report["remaining"] == 0 && report["complete"] == true {
                return;
            }
        }
        panic!("runs do not come to rest");
    }

    /// Waits until the lease of a killed run is over.
    pub(crate) async fn wait_for_the_lease(&self) {
        let lease = self.items("number#run").await[0]["lease_until"]["N"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        wait_until(|| sandbox::now().as_secs() >= lease).await;
    }

    /// The numbers bought for this user.
    pub(crate) fn numbers_of(&self, id: &str) -> Vec<Owned> {
        let name = format!("switchboard:{id}");
        self.sandbox
            .twilio
            .owned()
            .into_iter()
            .filter(|owned| owned.field("FriendlyName") == name)
            .collect()
    }

    /// An attribute of a user's profile.
    pub(crate) fn profile(&self, id: &str, attribute: &str) -> String {
        self.sandbox
            .okta
            .user(id)
            .unwrap()
            .text(attribute)
            .to_owned()
    }

    pub(crate) async fn items(&self, pk: &str) -> Vec<Value> {
        self.sandbox
            .aws
            .items()
            .await
            .into_iter()
            .filter(|item| item["pk"]["S"] == pk)
            .collect()
    }

    /// What the journal says of a user.
    pub(crate) async fn stage(&self, id: &str) -> Option<String> {
        let items = self.items(&format!("number#{id}")).await;
        items
            .first()
            .and_then(|item| item["stage"]["S"].as_str())
            .map(str::to_owned)
    }

    /// What the journal has of a user, and with `changes` from now on.
    pub(crate) async fn journal(&self, id: &str, changes: &[(&str, Value)]) -> Value {
        let mut item = self.items(&format!("number#{id}")).await.pop().unwrap();
        for (name, value) in changes {
            item[*name] = value.clone();
        }
        if !changes.is_empty() {
            self.sandbox.aws.put(item.clone()).await;
        }
        item
    }

    /// Who is looked at first.
    pub(crate) async fn queue(&self) -> Vec<String> {
        let items = self.items("number#new").await;
        let attributes = items
            .first()
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        attributes
            .keys()
            .filter_map(|name| name.strip_prefix("u_"))
            .map(str::to_owned)
            .collect()
    }
}

impl Deref for Scene {
    type Target = scene::Scene;

    fn deref(&self) -> &Self::Target {
        &self.scene
    }
}

pub(crate) async fn wait_until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting)
        .await
        .expect("it happens");
}

/// How many entries a report has.
pub(crate) fn did(report: &Value) -> usize {
    [
        "purchased",
        "cleaned",
        "skipped",
        "failed",
        "released",
        "rewired",
    ]
    .iter()
    .map(|list| report[list].as_array().unwrap().len())
    .sum()
}

/// That many days before now, since the epoch.
pub(crate) fn days_ago(days: u64) -> Duration {
    sandbox::now().saturating_sub(Duration::from_hours(24 * days))
}

/// Okta does not permit it with this user.
pub(crate) const REFUSED: &str = r#"{"errorCode":"E0000006"}"#;

/// How many there are.
pub(crate) fn len(list: &Value) -> usize {
    list.as_array().unwrap().len()
}

/// Whoever failed, in the order of their turns.
pub(crate) fn failed(report: &Value) -> Vec<&str> {
    let failed = report["failed"].as_array().unwrap();
    failed
        .iter()
        .map(|failed| failed["user"].as_str().unwrap())
        .collect()
}

/// The next run gets this answer to its question for each of these users.
pub(crate) fn answer_for(scene: &Scene, ids: &[String], status: u16, body: &str) {
    let faults = scene.sandbox.okta.server().faults();
    faults.clear();
    for id in ids {
        faults.next_for(&format!("GET /api/v1/users/{id}"), answer(status, body));
    }
}

/// Queues users, as the hook does it.
pub(crate) async fn queue(scene: &Scene, ids: &[String]) {
    let mut item = json!({ "pk": { "S": "number#new" }, "sk": { "S": "queue" } });
    for (n, id) in ids.iter().enumerate() {
        item[format!("u_{id}")] = json!({ "M": { "queued_at": { "N": (n + 1).to_string() } } });
    }
    scene.sandbox.aws.put(item).await;
}

/// A thousand employees who need nothing and have not changed for long. Between two walks, runs ask
/// Okta only for those who have.
pub(crate) fn hire_a_settled_thousand(scene: &Scene) {
    let okta = &scene.sandbox.okta;
    for n in 0..1_000 {
        let [mobile, number] = ["20", "30"].map(|kind| format!("+45{kind}{n:06}"));
        let id = okta.hire(&format!("User{n}"), &mobile, &number);
        okta.set_last_updated(&id, Duration::ZERO);
    }
}
