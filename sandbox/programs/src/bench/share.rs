//! The part of a CPU that Lambda gives to a memory size, by the kernel's own means: a control group with a quota.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>: 1,769 MB are one vCPU, and less is that much less of it. INIT of
//! an on-demand function is not cut down, so a process enters when it is ready for its first event.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

const MEGABYTES_A_CPU: u64 = 1_769;
/// Microseconds after which the quota is filled again, as Lambda does it.
const PERIOD: u64 = 20_000;

/// A control group. Removed when dropped.
pub(super) struct Share(PathBuf);

impl Share {
    /// The share of `megabytes`, for one process: what one has overdrawn the next would have to wait for. `Err`: why this machine
    /// cannot give it.
    pub(super) fn of(megabytes: u64) -> Result<Self, String> {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let quota = (PERIOD * megabytes / MEGABYTES_A_CPU).max(1_000); // the kernel's least
        let name = format!(
            "switchboard-bench-{}-{}",
            std::process::id(),
            MADE.fetch_add(1, Ordering::Relaxed)
        );
        let (second, first) = (Path::new("/sys/fs/cgroup"), Path::new("/sys/fs/cgroup/cpu"));
        let made = if second.join("cgroup.controllers").exists() {
            // There already, unless nobody has ever asked for it.
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

    /// From now on this process, with all its threads, has no more than the share.
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
