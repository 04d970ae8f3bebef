//! Random identifiers that cannot be guessed, as the providers make them.

/// Lower-case hexadecimal text of `bytes` random bytes.
pub(crate) fn hex(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).expect("the system's random numbers");
    hex::encode(random)
}

/// A version 4 UUID.
pub(crate) fn uuid() -> String {
    let hex = hex(16);
    format!(
        "{}-{}-4{}-a{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..]
    )
}
