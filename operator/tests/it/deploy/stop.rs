//! What `sam` inherits, and how a run is stopped.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use super::{Folder, GATEWAY};
use crate::scene::Scene;

/// A PATH with programs that do this.
fn programs(folder: &Folder, sam: &str) -> String {
    let path = folder.0.join("programs");
    fs::create_dir_all(&path).unwrap();
    for (name, does) in [("sam", sam), ("cargo-lambda", "exit 0"), ("zig", "exit 0")] {
        let file = path.join(name);
        fs::write(&file, format!("#!/bin/sh\n{does}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    path.to_str().unwrap().to_owned()
}

/// A pipeline that is cancelled sends SIGTERM.
#[tokio::test]
async fn a_run_that_is_stopped_ends_sam_and_says_how_to_continue() {
    let scene = Scene::new().await;
    let folder = Folder::new("acme", GATEWAY);
    let waits = "echo $$ > sam.pid; kill -TERM $PPID; exec /bin/sleep 600";
    let path = programs(&folder, waits);
    let output = folder
        .run(&scene, &["--only", "build"], &[("PATH", &path)])
        .await;
    assert_eq!(output.code, 143, "{output:?}");
    let words = "stopped. Continue with: operator deploy --config-env prod --only build\n";
    assert!(output.err.contains(words), "{output:?}");
    let pid = fs::read_to_string(folder.0.join("sam.pid")).unwrap();
    let state = Path::new("/proc").join(pid.trim()).join("stat");
    let is_gone = || fs::read_to_string(&state).map_or(true, |state| state.contains(") Z "));
    let gone = async {
        while !is_gone() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_mins(1), gone).await;
    waited.expect("sam ends");
}

/// Build scripts of every dependency run below `sam build`.
#[tokio::test]
async fn no_key_of_the_environment_reaches_sam() {
    let scene = Scene::new().await;
    let folder = Folder::new("acme", GATEWAY);
    let path = programs(&folder, "/usr/bin/env > sam.environment");
    let keys = [
        ("PATH", path.as_str()),
        ("TWILIO_AUTH_TOKEN", "example-key"),
        ("MAILGUN_API_KEY", "example-key"),
        ("AUTH0_MANAGEMENT_TOKEN", "example-key"),
        ("VONAGE_API_SECRET", "example-key"),
    ];
    let output = folder.run(&scene, &["--only", "build"], &keys).await;
    assert_eq!(output.code, 0, "{output:?}");
    let seen = fs::read_to_string(folder.0.join("sam.environment")).unwrap();
    assert!(
        seen.contains("PATH=") && !seen.contains("example-key"),
        "{seen}"
    );
}
