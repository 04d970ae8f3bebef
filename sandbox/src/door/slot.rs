//! The place of a function behind its entries.

use std::sync::{Arc, Mutex, Weak};

use crate::lambda::Core;

/// The function behind a door: the one that was started last.
pub(super) type Slot = Arc<Mutex<Weak<Core>>>;
