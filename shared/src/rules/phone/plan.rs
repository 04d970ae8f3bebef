//! A line of the table of possible numbers.

/// Some of the numbers that begin with a calling code, or with a calling code and the digit 0.
pub(super) struct Plan {
    /// The calling code, or the code and the digit 0.
    pub(super) prefix: u16,
    /// The possible next digits, as bits.
    pub(super) next: u16,
    /// The possible lengths of the whole number, as bits.
    pub(super) lengths: u16,
}

impl Plan {
    /// Numbers with this prefix, one of these next digits and one of these lengths.
    pub(super) const fn new(prefix: u16, next: &str, lengths: &[u8]) -> Self {
        let (mut plan, mut at) = (
            Self {
                prefix,
                next: 0,
                lengths: 0,
            },
            0,
        );
        while at < next.len() {
            plan.next |= 1 << (next.as_bytes()[at] - b'0');
            at += 1;
        }
        at = 0;
        while at < lengths.len() {
            plan.lengths |= 1 << lengths[at];
            at += 1;
        }
        plan
    }
}
