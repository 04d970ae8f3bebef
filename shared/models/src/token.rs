//! An access token that several instances share: one asks Auth0, the others wait.

use std::sync::Arc;

use secrecy::ExposeSecret as _;
use serde_json::json;
use shared::vendors::auth0::tokens::Tokens;
use stateright::Property;

use crate::table::{Items, Reply};
use crate::tape::{Call, Code, Wire, at};
use crate::world::{Doubt, Explored, Protocol, World};

/// How long an instance begins requests.
const PATIENCE: u64 = 6;
/// The life of a token.
const LIFE: u64 = 1_000;

/// The promise about requests.
pub const ASKED_ONCE: &str =
    "one instance asks for all, unless an answer is lost or an instance is cut off or late";

/// The promise about late writers.
pub const NEVER_BACK: &str = "a newer token in the table is never replaced by an older one";

/// The promise about waiting.
pub const SERVED: &str = "no instance waits for ever: each has a token in the end";

/// Instances that need a token.
#[derive(Debug)]
pub struct SharedToken {
    /// How many there are at the same time.
    pub instances: usize,
    /// How many tokens the API rejects.
    pub rejects: usize,
}

/// What Auth0 and the API have seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    /// When each token was granted.
    pub granted: Vec<u64>,
    /// Tokens that the API has rejected.
    rejected: Vec<usize>,
    /// What went wrong: each may cost one token.
    doubts: usize,
    /// The newest token that the table has had.
    newest: usize,
    went_back: bool,
}

/// The number in a token's text.
fn number(token: &str) -> Option<usize> {
    token.strip_prefix("token ")?.parse().ok()
}

impl Protocol for SharedToken {
    type Seen = Seen;

    fn callers(&self) -> usize {
        self.instances
    }

    fn seconds(&self) -> Vec<u64> {
        // During a lease; after it; when the token has ended.
        vec![1_000, 1_007, 1_007 + LIFE]
    }

    fn patience(&self) -> u64 {
        PATIENCE
    }

    /// A lease. Who waits for one wakes when it is over, and has time left to ask for a token.
    fn round(&self) -> u64 {
        5
    }

    fn may_begin(&self, caller: usize, world: &World<Self>) -> bool {
        world.is_next(caller)
    }

    fn is_read(&self, call: &Call) -> bool {
        call.target == "GetItem"
    }

    fn code(&self, _: usize, _: u8, now: u64, wire: Wire) -> Code {
        Box::pin(async move {
            let settings = [("AUTH0_SECRET", "auth0")];
            let tokens = Wire::function(&settings, |platform, source| {
                Tokens::new(
                    platform.http.clone(),
                    "https://auth0.invalid".parse().expect("a URL"),
                    "https://api.invalid/".to_owned(),
                    Arc::new(platform.secret(source, "AUTH0_SECRET")),
                    Some(platform.table.clone()),
                )
            });
            let Ok(token) = tokens.get(at(now)).await else {
                return "none".to_owned();
            };
            let first = token.expose_secret().to_owned();
            if wire.effect(&first).await.as_deref() != Some("rejected") {
                return first;
            }
            let other = tokens.replace(&token, at(now)).await;
            other.map_or("none".to_owned(), |token| token.expose_secret().to_owned())
        })
    }

    fn results(&self, call: &Call, _: usize, world: &World<Self>) -> Vec<(Reply, Seen)> {
        let seen = &world.seen;
        if let Some(number) = number(&call.target) {
            let accepted = (Reply::word("accepted"), seen.clone());
            let mut rejected = seen.clone();
            if seen.rejected.contains(&number) {
                return vec![(Reply::word("rejected"), rejected)];
            }
            if seen.rejected.len() == self.rejects {
                return vec![accepted];
            }
            rejected.rejected.push(number);
            return vec![accepted, (Reply::word("rejected"), rejected)];
        }
        let mut granted = seen.clone();
        let seconds = self.seconds();
        granted
            .granted
            .push(seconds[world.tick.min(seconds.len() - 1)]);
        let token = format!("token {}", granted.granted.len());
        let body = json!({ "access_token": token, "expires_in": LIFE }).to_string();
        vec![(Reply { status: 200, body }, granted)]
    }

    fn in_doubt(&self, seen: &mut Seen, _: Doubt, _: usize) {
        seen.doubts += 1;
    }

    fn stored(&self, seen: &mut Seen, items: &Items) {
        let stored = items.find("token#").and_then(|item| {
            let token = item["token"]["S"].as_str()?;
            number(token)
        });
        if let Some(stored) = stored {
            seen.went_back |= stored < seen.newest;
            seen.newest = seen.newest.max(stored);
        }
    }

    fn is_achieved(&self, world: &World<Self>) -> bool {
        let mut answers = world.callers.iter().map(|caller| caller.answer.as_deref());
        answers.all(|answer| answer.and_then(number).is_some())
    }

    fn promises() -> Vec<Property<Explored<Self>>> {
        vec![
            Property::always(ASKED_ONCE, |model: &Explored<Self>, world: &World<Self>| {
                let seen = &world.seen;
                // One for each life, and one in place of each that was rejected.
                let lives = 1 + usize::from(model.now(world) >= 1_000 + LIFE);
                seen.granted.len() <= lives + seen.rejected.len() + seen.doubts
            }),
            Property::always(NEVER_BACK, |_, world: &World<Self>| !world.seen.went_back),
            Property::always(SERVED, Explored::ends_well),
            Property::sometimes(
                "two instances have the same token",
                |_, world: &World<Self>| {
                    let answers = world.callers.iter().map(|caller| &caller.answer);
                    let have = answers.filter(|answer| answer.as_deref() == Some("token 1"));
                    have.count() > 1 && world.seen.granted.len() == 1
                },
            ),
        ]
    }
}
