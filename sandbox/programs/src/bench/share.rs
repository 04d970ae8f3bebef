//! The part of a CPU that Lambda gives to a memory size. The kernel enforces it: a control group
//! has a quota.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>: 1,769 MB are one vCPU,
//! and a smaller size has a proportional part. Lambda does not limit INIT of an on-demand function,
//! so a process enters the group when it is ready for its first event.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

const MEGABYTES_A_CPU: u64 = 1_769;
/// The period of the quota in microseconds, as at Lambda.
const PERIOD: u64 = 20_000;

/// A control group. It is removed when dropped.
pub(super) struct Share(PathBuf);

impl Share {
    /// The share of `megabytes`, for one process. A second process in the group would have to wait
    /// for the first one's overdraft. The error says why this machine cannot make the group.
    pub(super) fn of(megabytes: u64) -> Result<Self, String> {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let quota = (PERIOD * megabytes / MEGABYTES_A_CPU).max(1_000); // the kernel's minimum
        let name = format!(
            "switchboard-bench-{}-{}",
            std::process::id(),
            MADE.fetch_add(1, Ordering::Relaxed)
        );
        let (second, first) = (Path::new("/sys/fs/cgroup"), Path::new("/sys/fs/cgroup/cpu"));
        let made = if second.join("cgroup.controllers").exists() {
            // The controller is usually enabled already.
            let _ = fs::write(second.join("cgroup.subtree_control"), "+cpu");
            let group = Self(second.join(name));
            let made = fs::create_dir(&group.0)
                .and_then(|()| fs::write(group.0.join("cpu.max"), format!("{quota} {PERIOD}")));
            made.map(|()| group)
        } else {
            let group = Self(first.join(name));
            let made = fs::create_dir(&group.0)
                .and_then(|()| fs::write(group.0.join("cpu.cfs_period_us"), PERIOD.to_string()))
                .and_then(|()| fs::write(group.0.join("cpu.cfs_quota_us"), quota.to_string()));
            made.map(|()| group)
        };
        made.map_err(|error| {
            format!("no control group with a CPU quota can be made in /sys/fs/cgroup: {error}")
        })
    }

    /// Limits this process, with all its threads, to the share from now on.
    pub(super) fn enter(&self, process: u32) -> Result<(), String> {
        let entered = fs::write(self.0.join("cgroup.procs"), process.to_string());
        entered.map_err(|error| format!("{}: {error}", self.0.display()))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}
