//! Stand-ins for the programs of others that printed commands call, such as `aws` and `sam`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stand-in.sh");

/// A folder with programs. Each notes how it was called.
pub(crate) struct StandIns(PathBuf);

impl StandIns {
    pub(crate) fn new(programs: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("programs-{}-{count}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        for program in programs {
            symlink(SCRIPT, folder.join(program)).unwrap();
        }
        Self(folder)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// The arguments of each call of a program.
    pub(crate) fn calls(&self, program: &str) -> Vec<String> {
        let noted = fs::read_to_string(self.0.join(format!("{program}.calls")));
        noted
            .unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// Waits until `sam deploy` was called.
    pub(crate) async fn deployment(&self) {
        let called = async {
            let is_deployment = |call: &String| call.starts_with("deploy ");
            while !self.calls("sam").iter().any(is_deployment) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let limit = Duration::from_mins(1);
        let waited = tokio::time::timeout(limit, called).await;
        waited.expect("sam deploy is called");
    }

    /// Lets `sam deploy` end.
    pub(crate) fn deployed(&self) {
        fs::write(self.0.join("sam.deployed"), "").unwrap();
    }
}

impl Drop for StandIns {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}
