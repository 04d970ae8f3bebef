//! The library against published vectors, generated input, and the simulators over real HTTP.

mod auth0;
mod link;
mod messages;
mod secrets;
mod signatures;
mod table;
mod twiml;
