//! Proof that a vendor's signature covered a value.

use std::ops::Deref;

/// A value whose sender has been authenticated. Only the vendors' signature checks in this crate
/// can make one. All code that reads the meaning of a webhook takes one, so a function cannot read
/// a webhook before it is verified.
#[derive(Debug)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, without its wrapper.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
