//! `POST /oauth/token`.

mod grant;
mod refusal;
mod request;
mod sign_in;
mod switches;

pub(super) use request::token;
