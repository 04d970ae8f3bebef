//! Random numbers and names.

/// A random number from 0 to `bound - 1`.
pub fn random_below(bound: u64) -> u64 {
    #[cfg(feature = "models")]
    if let Some(number) = followed::next() {
        return number % bound;
    }
    getrandom::u64().unwrap_or_default() % bound
}

#[cfg(feature = "models")]
pub use followed::follow;

/// The models run the same code many times, and it must do the same each time. No function has this.
#[cfg(feature = "models")]
mod followed {
    use std::cell::Cell;

    thread_local! {
        static SEED: Cell<Option<u64>> = const { Cell::new(None) };
    }

    /// From now on this thread's numbers follow from `seed`.
    pub fn follow(seed: u64) {
        SEED.set(Some(seed));
    }

    /// The next number of Knuth's generator.
    pub(super) fn next() -> Option<u64> {
        let seed = SEED.get()?;
        let next = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        SEED.set(Some(next));
        Some(next)
    }
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
