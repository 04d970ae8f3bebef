//! The programs that build and deploy.

use std::env;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::problem::Problem;

/// The part of docs/deploy.md that installs them.
const INSTALL: &str = "Install the three in one environment, and activate it in each shell:
  python3 -m venv ~/.venvs/sam && . ~/.venvs/sam/bin/activate
  pip install aws-sam-cli cargo-lambda ziglang";

/// The programs that `sam build` starts too are looked for if `builds`. Gives the path of `sam`.
pub(super) async fn find(builds: bool, path: Option<&str>) -> Result<PathBuf, Problem> {
    let sam = on(path, "sam");
    let mut missing = Vec::new();
    if sam.is_none() {
        missing.push("sam (the AWS SAM CLI)");
    }
    if builds {
        if on(path, "cargo-lambda").is_none() {
            missing.push("cargo-lambda");
        }
        if on(path, "zig").is_none() && !has_ziglang(path).await {
            missing.push("Zig (cargo-lambda looks for it with the first python3 on the PATH)");
        }
    }
    match sam {
        Some(sam) if missing.is_empty() => Ok(sam),
        _ => Err(Problem::Failed(format!(
            "the PATH lacks {}. {INSTALL}",
            missing.join(", ")
        ))),
    }
}

/// True if the first `python3` has Zig, where cargo-lambda looks for it.
async fn has_ziglang(path: Option<&str>) -> bool {
    let Some(python) = on(path, "python3") else {
        return false;
    };
    let asked = Command::new(python)
        .args(["-m", "ziglang", "version"])
        .output()
        .await;
    asked.is_ok_and(|answer| answer.status.success())
}

/// A program on the PATH.
fn on(path: Option<&str>, name: &str) -> Option<PathBuf> {
    let mut files = env::split_paths(path?).map(|folder| folder.join(name));
    files.find(|file| is_program(file))
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file() || file.with_extension("exe").is_file()
}
