//! Services combine several of the floors below. A service may know all of them.

pub mod directory;
pub mod protected;
pub mod providers;
pub mod routes;
pub mod voice;
