//! A running process, as the kernel sees it: its CPU time, its memory, its signals.
//!
//! CPU time is the kernel's count of nanoseconds for each thread. Reading it needs no privilege; it
//! misses only threads that have ended.

use std::{fs, process::Command, time::Duration};

/// Uses the shell's own `kill`: small images lack the command.
pub(super) fn signal(process: u32, name: &str) -> Result<(), String> {
    let sent = Command::new("/bin/sh")
        .args(["-c", &format!("kill -{name} {process}")])
        .status();
    if sent.is_ok_and(|status| status.success()) {
        Ok(())
    } else {
        Err(format!("kill -{name} {process} failed"))
    }
}

/// CPU time of a process's threads so far; `None` if the kernel does not report it.
/// <https://docs.kernel.org/scheduler/sched-stats.html>
pub(super) fn cpu(process: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let mut sum = None;
    for thread in threads.filter_map(Result::ok) {
        // A thread may end meanwhile.
        let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) else {
            continue;
        };
        let nanoseconds = text
            .split_whitespace()
            .next()
            .and_then(|first| first.parse().ok())?;
        sum = Some(sum.unwrap_or_default() + Duration::from_nanos(nanoseconds));
    }
    sum
}

/// Peak memory of a process, bytes. <https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>
pub(super) fn peak_memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes * 1024)
}
