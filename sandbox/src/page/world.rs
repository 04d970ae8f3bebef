//! A sandbox that the page watches.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use serde_json::json;
use tokio::sync::Notify;

use super::{App, body::Masks, moment, texts};
use crate::{Sandbox, rights, wire::lock};

/// Whose sandbox it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum World {
    /// The page's.
    Main,
    /// A scene's.
    Scene,
}

impl World {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Scene => "scene",
        }
    }
}

/// A watched sandbox.
pub(super) struct Watched {
    pub(super) world: World,
    pub(super) sandbox: Weak<Sandbox>,
    /// The names of the functions.
    pub(super) functions: BTreeSet<String>,
    /// The functions by their access keys.
    pub(super) keys: BTreeMap<String, String>,
    pub(super) masks: Masks,
    pub(super) changed: Notify,
    pub(super) seen: Mutex<Seen>,
}

/// What was already told of a sandbox.
#[derive(Default)]
pub(super) struct Seen {
    /// The number of texts of each provider.
    pub(super) texts: BTreeMap<&'static str, usize>,
    people: u64,
    /// The prefixes of items that were written.
    pub(super) written: BTreeSet<String>,
}

impl Watched {
    /// Watches a sandbox until it is gone.
    pub(super) fn start(app: &Arc<App>, sandbox: &Arc<Sandbox>, world: World) -> Arc<Self> {
        let functions: BTreeSet<_> = sandbox
            .template()
            .functions
            .iter()
            .map(|function| function.name.clone())
            .collect();
        let watched = Arc::new(Self {
            world,
            sandbox: Arc::downgrade(sandbox),
            keys: functions
                .iter()
                .map(|function| (rights::access_key(function), function.clone()))
                .collect(),
            functions,
            masks: Masks::of(sandbox),
            changed: Notify::new(),
            seen: Mutex::default(),
        });
        let (listening, listener) = (Arc::clone(&watched), Arc::downgrade(app));
        sandbox.tap.open(move |news| {
            if let Some(app) = listener.upgrade() {
                app.hear(&listening, news);
            }
        });
        let (app, looking) = (Arc::downgrade(app), Arc::clone(&watched));
        tokio::spawn(async move {
            let watched = looking;
            loop {
                watched.changed.notified().await;
                // A reply by TwiML is sent after the answer that asks for it.
                for pause in [25, 150] {
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                    let (Some(app), Some(sandbox)) = (app.upgrade(), watched.sandbox.upgrade())
                    else {
                        return;
                    };
                    watched.look(&app, &sandbox);
                }
            }
        });
        watched
    }

    /// Tells what has changed in the simulators.
    fn look(&self, app: &App, sandbox: &Sandbox) {
        texts::look(app, self, sandbox);
        let mut hasher = DefaultHasher::new();
        format!("{:?}", sandbox.auth0.users()).hash(&mut hasher);
        format!("{:?}", sandbox.okta.users()).hash(&mut hasher);
        sandbox.twilio.owned().len().hash(&mut hasher);
        let people = hasher.finish();
        let mut seen = lock(&self.seen);
        let moved = std::mem::replace(&mut seen.people, people) != people;
        let written = std::mem::take(&mut seen.written);
        drop(seen);
        let base = json!({ "at": moment(), "world": self.world.name() });
        if moved {
            app.feed.push("users", &base);
        }
        if !written.is_empty() {
            let mut event = base;
            event["prefixes"] = json!(written);
            app.feed.push("table", &event);
        }
    }
}
