//! Writes down what the functions asked of AWS, as lines of JSON, and whether their roles allowed it
//! here. `.ci/thirdparty/iam` lets another simulator of IAM judge the same calls. Active only if the
//! environment variable [`VARIABLE`] names a file.

use std::{
    collections::BTreeSet,
    fs::{File, OpenOptions},
    io::Write as _,
    sync::{Mutex, OnceLock},
};

use serde_json::{Value, json};

use crate::wire::lock;

/// Names the file. All processes append to it.
const VARIABLE: &str = "SANDBOX_AWS_CALLS";

struct Record {
    file: File,
    /// The lines that this process has written.
    written: Mutex<BTreeSet<String>>,
}

fn record() -> Option<&'static Record> {
    static RECORD: OnceLock<Option<Record>> = OnceLock::new();
    let open = || {
        let name = std::env::var_os(VARIABLE).filter(|name| !name.is_empty())?;
        let file = OpenOptions::new().create(true).append(true).open(&name);
        let file = file.unwrap_or_else(|error| panic!("{VARIABLE}={}: {error}", name.display()));
        let written = Mutex::default();
        Some(Record { file, written })
    };
    RECORD.get_or_init(open).as_ref()
}

/// Writes a function's action on a resource, once for each process. `about` are more members: the
/// partition key, the secret, the key of KMS.
pub(crate) fn write(function: &str, action: &str, allowed: bool, about: Value) {
    let Some(Record { file, written }) = record() else {
        return;
    };
    let mut line = json!({ "function": function, "action": action, "allowed": allowed });
    if let (Some(line), Value::Object(about)) = (line.as_object_mut(), about) {
        line.extend(about);
    }
    let line = format!("{line}\n");
    let is_new = lock(written).insert(line.clone());
    if is_new {
        // One write keeps lines of several processes whole.
        let mut file = file;
        file.write_all(line.as_bytes())
            .unwrap_or_else(|error| panic!("{VARIABLE}: {error}"));
    }
}
