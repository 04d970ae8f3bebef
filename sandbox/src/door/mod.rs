//! The entries to a function: its Function URL, and the Invoke API of `cargo lambda invoke`.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>, payload format 2.0.

mod entries;
mod event;
mod function_url;
mod invoke_api;
mod response;
mod slot;

pub(crate) use entries::Door;
pub(crate) use invoke_api::invoke_api;
