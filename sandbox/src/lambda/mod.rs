//! AWS Lambda for one function. It starts the real binary, speaks the Runtime API to it and keeps
//! its log.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>. Each process has its own
//! Runtime API, as each execution environment has. A process that exceeds the function's timeout is
//! killed and started again. A process whose Runtime API vanishes ends by itself, so no process
//! outlives the sandbox, even if the sandbox crashes.

mod error;
mod function;
mod instance;
mod invocations;
mod runtime_api;

pub use error::{InvokeError, PAYLOAD_LIMIT};
pub use function::Lambda;
pub(crate) use function::Launch;
pub(crate) use invocations::Core;
