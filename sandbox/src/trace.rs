//! What our programs send, and what the simulators answer, as lines of JSON: `.ci/sdk-check` compares them with the providers' SDKs and
//! documents. Only while the environment variable [`VARIABLE`] names a file.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    sync::OnceLock,
};

use serde_json::json;

use crate::wire::Exchange;

/// Names the file, to which every process adds.
const VARIABLE: &str = "SANDBOX_TRACE";

/// Adds an exchange that nothing spoiled.
pub(crate) fn write(server: &str, exchange: &Exchange) {
    static FILE: OnceLock<Option<File>> = OnceLock::new();
    let file = FILE.get_or_init(|| {
        let name = std::env::var_os(VARIABLE).filter(|name| !name.is_empty())?;
        let file = OpenOptions::new().create(true).append(true).open(&name);
        Some(file.unwrap_or_else(|error| panic!("{VARIABLE}={}: {error}", name.display())))
    });
    let Some(mut file) = file.as_ref() else {
        return;
    };
    let line = json!({
        "server": server,
        "method": exchange.method,
        "target": exchange.target,
        "headers": exchange.headers,
        "body": String::from_utf8_lossy(&exchange.request),
        "status": exchange.status,
        "answer": String::from_utf8_lossy(&exchange.response),
    });
    // in one piece, so that lines of several processes stay whole
    file.write_all(format!("{line}\n").as_bytes())
        .unwrap_or_else(|error| panic!("{VARIABLE}: {error}"));
}
