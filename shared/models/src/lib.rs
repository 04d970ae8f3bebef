//! Models of the protocols. `docs/models.md` explains them.
//!
//! A model explores every interleaving of several instances of a protocol: crashes between any two
//! effects, lost requests and lost answers, leases that end, late writers, repeats by the caller,
//! and deletion by TTL. The model holds no copy of a condition. An instance is the real asynchronous
//! code of `shared`, which talks to DynamoDB's client. [`tape`] answers the client, [`table`] is the
//! table, [`world`] chooses what happens next, and `stateright` visits every choice.
//! [`fault`] lists what is wrong with a world in which a promise must break.

pub mod breaker;
pub mod budget;
pub mod code;
pub mod events;
pub mod fault;
pub mod mail;
pub mod purchase;
pub mod receipts;
pub mod reply;
pub mod table;
pub mod tape;
pub mod token;
pub mod world;

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher, Hash};

/// What a memory keeps in place of a long value: a tape or a whole table. The explorer tells states
/// apart in the same way. With ten million values, two have the same digest once in 300,000 runs.
fn digest(value: &impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(value)
}
