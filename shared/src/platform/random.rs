//! Random numbers and names.

use std::cell::Cell;

thread_local! {
    static SEED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// From now on this thread's numbers follow from `seed`. Only the models call this: their code runs
/// many times and must do the same each time.
pub fn follow(seed: u64) {
    SEED.set(Some(seed));
}

/// A random number from 0 to `bound - 1`.
pub fn random_below(bound: u64) -> u64 {
    let number = match SEED.get() {
        None => getrandom::u64().unwrap_or_default(),
        Some(seed) => {
            // Knuth's generator.
            let next = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            SEED.set(Some(next));
            next
        }
    };
    number % bound
}

/// A new name for one invocation's claims. After a lost answer the invocation recognises its own
/// claim by it.
pub fn owner_id() -> String {
    format!(
        "{:016x}{:016x}",
        random_below(u64::MAX),
        random_below(u64::MAX)
    )
}
