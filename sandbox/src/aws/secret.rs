//! A secret, its versions and their labels.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

pub(super) type Secrets = Arc<Mutex<BTreeMap<String, Secret>>>;

/// A secret. One without a version was created but has no value yet.
#[derive(Default)]
pub(super) struct Secret {
    pub(super) description: String,
    /// The versions, in the order of creation.
    pub(super) versions: Vec<Version>,
    /// Seconds since the epoch.
    pub(super) changed: u64,
}

pub(super) struct Version {
    pub(super) id: String,
    /// `SecretString`, or `SecretBinary` in Base64.
    pub(super) kind: &'static str,
    pub(super) value: String,
    /// Staging labels. Each label is on one version of a secret.
    pub(super) stages: Vec<String>,
    /// Seconds since the epoch.
    pub(super) created: u64,
}

pub(super) const CURRENT: &str = "AWSCURRENT";

const PREVIOUS: &str = "AWSPREVIOUS";

impl Secret {
    /// Writes a version with these labels. If the version exists, only moves the labels to it. The
    /// version that was current becomes the previous one.
    pub(super) fn put(&mut self, id: &str, kind: &'static str, value: &str, stages: &[String]) {
        self.changed = crate::now().as_secs();
        let stages = if self.versions.is_empty() {
            vec![CURRENT.to_owned()]
        } else {
            stages.to_vec()
        };
        if !self.versions.iter().any(|version| version.id == id) {
            let (id, value) = (id.to_owned(), value.to_owned());
            self.versions.push(Version {
                id,
                kind,
                value,
                stages: vec![],
                created: self.changed,
            });
        }
        for stage in stages {
            let before = self
                .versions
                .iter()
                .position(|version| version.stages.contains(&stage));
            let Some(index) = self.versions.iter().position(|version| version.id == id) else {
                continue;
            };
            if before == Some(index) {
                continue;
            }
            if let Some(before) = before.filter(|_| stage == CURRENT) {
                self.versions
                    .iter_mut()
                    .for_each(|version| version.stages.retain(|stage| stage != PREVIOUS));
                self.versions[before].stages.push(PREVIOUS.to_owned());
            }
            self.versions
                .iter_mut()
                .for_each(|version| version.stages.retain(|other| *other != stage));
            self.versions[index].stages.push(stage);
        }
    }

    pub(super) fn current(&self) -> Option<&Version> {
        self.versions
            .iter()
            .find(|version| version.stages.iter().any(|stage| stage == CURRENT))
    }
}
