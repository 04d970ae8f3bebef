//! What several of the floors below make together. A service may know all of them.

pub mod directory;
pub mod protected;
pub mod providers;
