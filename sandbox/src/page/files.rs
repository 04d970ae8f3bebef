//! The files of the page. They are part of the program, or are read from a folder while somebody
//! works on them.

use std::path::{Path, PathBuf};

use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};

use super::problem::Problem;

/// Embeds these files of `sandbox/page`.
macro_rules! files {
    ($($name:literal)*) => {
        &[$(($name, include_bytes!(concat!("../../page/", $name)).as_slice()),)*]
    };
}

const FILES: &[(&str, &[u8])] = files![
    "index.html"
    "style.css"
    "icon.svg"
    "main.js"
    "store.js"
    "elements.js"
    "phones.js"
    "calls.js"
    "speech.js"
    "mailbox.js"
    "people.js"
    "wire.js"
    "exchange.js"
    "table.js"
    "faults.js"
    "scenes.js"
    "numbers.js"
];

/// The file with this name; empty: the start.
pub(super) fn file(folder: Option<&PathBuf>, name: &str) -> Result<Response, Problem> {
    let name = if name.is_empty() { "index.html" } else { name };
    let unknown = || Problem::unknown("There is no such page. The start is at /.");
    let kind = kind(name).ok_or_else(unknown)?;
    let content = match folder {
        None => FILES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, content)| content.to_vec())
            .ok_or_else(unknown)?,
        Some(folder) => read(folder, name).ok_or_else(unknown)?,
    };
    Ok(([(header::CONTENT_TYPE, kind)], content).into_response())
}

/// Only a plain name: nothing leads out of the folder.
fn read(folder: &Path, name: &str) -> Option<Vec<u8>> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !name.chars().all(plain) || name.starts_with('.') {
        return None;
    }
    std::fs::read(folder.join(name)).ok()
}

fn kind(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::template::root;

    #[test]
    fn every_file_of_the_folder_is_embedded() {
        let folder = root().join("sandbox/page");
        let there: BTreeSet<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| kind(name).is_some() && name != "jsconfig.json")
            .collect();
        let embedded = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(there, embedded, "the list in sandbox/src/page/files.rs");
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let folder = root().join("sandbox/page");
        assert!(read(&folder, "index.html").is_some());
        for name in [
            "../Cargo.toml",
            "..%2fCargo.toml",
            "/etc/hosts.json",
            ".hidden.json",
            "a\\b.js",
            "\0.js",
        ] {
            assert!(read(&folder, name).is_none(), "{name}");
            assert!(file(None, name).is_err(), "{name}");
        }
    }
}
