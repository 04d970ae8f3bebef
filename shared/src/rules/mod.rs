//! Our own rules, which no vendor sets. A rule knows the platform and no vendor.

pub mod account;
pub mod delivery;
pub mod failover;
pub mod feedback;
pub mod html;
pub mod journal;
pub mod jwt;
pub mod kept;
pub mod limits;
pub mod link;
pub mod met;
pub mod original;
pub mod pending;
pub mod phone;
pub mod scoreboard;
pub mod sms;
pub mod verified;
pub mod voice;
pub mod words;
