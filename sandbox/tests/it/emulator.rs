//! Every recorded request, to the real binaries under AWS's own emulator of Lambda, with the
//! environment that SAM gives them. `.ci/thirdparty/rie/check` has both, and starts this test.
//! Elsewhere it is skipped, and says so.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use sandbox::{Sandbox, wire::client};
use serde_json::Value;

use crate::{
    API, binary,
    events::{inhabited, is_forged, moved, request, requests, run},
};

/// Name the emulator and a file with SAM's environments.
const VARIABLES: [&str; 2] = ["LAMBDA_EMULATOR", "SAM_ENVIRONMENTS"];
/// How long a function may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// A function under the emulator.
struct Emulated {
    process: Child,
    url: String,
}

impl Emulated {
    /// Starts a function. It sees these variables and no others.
    async fn start(emulator: &Path, binary: &Path, environment: &BTreeMap<String, String>) -> Self {
        let [requests, runtime] = [(); 2].map(|()| free());
        let process = Command::new(emulator)
            .args(["--log-level", "error"])
            .args(["--runtime-interface-emulator-address", &requests])
            .args(["--runtime-api-address", &runtime])
            .arg(binary)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let emulated = Self {
            process,
            url: format!("http://{requests}/2015-03-31/functions/function/invocations"),
        };
        let listening = async {
            while tokio::net::TcpStream::connect(&requests).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let listens = tokio::time::timeout(PATIENCE, listening).await;
        listens.expect("the emulator listens");
        emulated
    }

    /// The answer to an event.
    async fn invoke(&self, event: &Value) -> Value {
        let answer = client().post(&self.url).body(event.to_string()).send();
        let answer = answer.await.unwrap().bytes().await.unwrap();
        serde_json::from_slice(&answer)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&answer)))
    }
}

impl Drop for Emulated {
    fn drop(&mut self) {
        // The function ends when the Runtime API is gone.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An address that nobody listens on.
fn free() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().to_string()
}

/// The environments by function, with the addresses of this sandbox.
fn environments(path: &Path, sandbox: &Sandbox) -> BTreeMap<String, BTreeMap<String, String>> {
    let text = moved(&fs::read_to_string(path).unwrap(), sandbox);
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn every_request_is_answered_under_aws_s_emulator_with_sam_s_environment() {
    let [Some(emulator), Some(environments_file)] = VARIABLES.map(std::env::var_os) else {
        // Past the capture of the test's output.
        let _ = writeln!(std::io::stderr(), "skipped: no {}", VARIABLES.join(", no "));
        return;
    };
    let sandbox = inhabited().await;
    let environments = environments(Path::new(&environments_file), &sandbox);
    // The API of the phone menu's functions.
    let _api = run(&sandbox, API).await;
    let mut answered = 0;
    for (function, files) in requests(&sandbox) {
        let binary = binary(&function).await;
        let environment = &environments[&function];
        let emulated = Emulated::start(Path::new(&emulator), binary, environment).await;
        // What is refused leaves nothing, so the order among the files is no matter.
        for file in files {
            let event = request(&sandbox, &file);
            let answer = emulated.invoke(&event).await;
            assert!(answer["errorMessage"].is_null(), "{file}: {answer}");
            // What is no HTTP request has no status.
            if event["requestContext"].is_object() {
                let status = answer["statusCode"].as_u64().unwrap_or_default();
                let fits = if is_forged(&file) {
                    [401, 403].contains(&status)
                } else {
                    (200..300).contains(&status)
                };
                assert!(fits, "{file}: {answer}");
            }
            answered += 1;
        }
    }
    let _ = writeln!(std::io::stderr(), "{answered} requests were answered");
}
