//! What an older version wrote is served by this one, and what a newer one writes is served by this
//! one. `docs/release.md` says what that means for changes.
//!
//! Each test plays the first half of a flow. Then the items of the table become those of the other
//! version, and new processes play the second half.

mod flows;
mod items;
