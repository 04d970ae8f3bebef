//! Writes the programs' requests and the simulators' answers as lines of JSON. `.ci/sdk-check`
//! compares them with the providers' SDKs and documents. Active only if the environment variable
//! [`VARIABLE`] names a file.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    sync::OnceLock,
};

use serde_json::json;

use crate::wire::Exchange;

/// Names the file. All processes append to it.
const VARIABLE: &str = "SANDBOX_TRACE";

/// Appends an exchange without a fault.
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
    // One write keeps lines of several processes whole.
    file.write_all(format!("{line}\n").as_bytes())
        .unwrap_or_else(|error| panic!("{VARIABLE}: {error}"));
}
