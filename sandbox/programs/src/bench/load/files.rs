//! The limit of open files.

use std::{fs, os::unix::process::CommandExt as _, process::Command};

/// Allows this many open files. A shell raises the limit and runs this program again, because the
/// standard library cannot raise it.
pub(super) fn allow_files(needed: u64) -> Result<(), String> {
    let Ok(limits) = fs::read_to_string("/proc/self/limits") else {
        return Ok(());
    };
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let mut words = line
        .unwrap_or_default()
        .split_whitespace()
        .map(|word| word.parse().unwrap_or(u64::MAX));
    let (Some(soft), Some(hard)) = (words.next(), words.next()) else {
        return Ok(());
    };
    if soft >= needed {
        return Ok(());
    }
    let hint = format!(
        "so many instances need {needed} open files, and the limit here is {hard}: raise it, or ask for fewer with --instances"
    );
    if hard < needed {
        return Err(hint);
    }
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let script = format!("ulimit -n {needed} && exec \"$0\" \"$@\"");
    let failed = Command::new("/bin/sh")
        .arg("-c")
        .arg(script)
        .arg(own)
        .args(std::env::args_os().skip(1))
        .exec();
    Err(format!("{hint} ({failed})"))
}
