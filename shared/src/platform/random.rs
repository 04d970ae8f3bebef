//! Random numbers and names.

/// A random number from 0 to `bound - 1`.
pub fn random_below(bound: u64) -> u64 {
    getrandom::u64().unwrap_or_default() % bound
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
