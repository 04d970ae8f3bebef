//! Builds the functions.

use std::{collections::BTreeMap, path::PathBuf, process::Stdio};

use serde_json::Value;
use tokio::process::Command;

use crate::template::{Template, root};

/// Builds every function of the template with the profile `dev`. Returns the paths of the binaries,
/// by name. Cargo's own messages go to standard error.
pub async fn build(template: &Template) -> Result<BTreeMap<String, PathBuf>, String> {
    let names: Vec<_> = template
        .functions
        .iter()
        .map(|function| function.name.as_str())
        .collect();
    build_functions(&names, "dev").await
}

/// Builds some functions with one of cargo's profiles (`dev`, `release`), with the same features as
/// a plain `cargo build` of all. So the results of such a build are reused.
pub async fn build_functions(
    names: &[&str],
    profile: &str,
) -> Result<BTreeMap<String, PathBuf>, String> {
    run(&[], names, profile).await
}

/// Builds one package of this workspace with a binary of the same name. Its dependencies have only
/// the features that the package asks for.
pub async fn build_alone(name: &str, profile: &str) -> Result<BTreeMap<String, PathBuf>, String> {
    run(&["--package", name], &[name], profile).await
}

fn arguments<'a>(selection: &[&'a str], names: &[&'a str], profile: &'a str) -> Vec<&'a str> {
    let bins = names.iter().flat_map(|name| ["--bin", *name]);
    [
        "build",
        "--profile",
        profile,
        "--message-format=json-render-diagnostics",
    ]
    .into_iter()
    .chain(selection.iter().copied())
    .chain(bins)
    .collect()
}

/// Builds binaries of the default members, which are the deployed functions, unless `selection`
/// names other packages. Selected packages share the features of their dependencies. If the
/// functions were named as packages, their dependencies would have the features of only a few of
/// them.
async fn run(
    selection: &[&str],
    names: &[&str],
    profile: &str,
) -> Result<BTreeMap<String, PathBuf>, String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the cargo that runs this says which one it is"
    )]
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut command = Command::new(&cargo);
    command
        .args(arguments(selection, names, profile))
        .current_dir(root());
    // The cargo that runs this program sets variables about the sandbox. ring's build script would
    // take them for a change and run again each time.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| {
            ["CARGO_PKG_", "CARGO_MANIFEST_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        }) {
            command.env_remove(name);
        }
    }
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{cargo}: {error}"))?
        // Not `output()`, because that captures standard error.
        .wait_with_output()
        .await
        .map_err(|error| format!("{cargo}: {error}"))?;
    if !output.status.success() {
        return Err("the functions do not build: see cargo's messages above".into());
    }
    let binaries: BTreeMap<_, _> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .filter_map(|artifact| {
            Some((
                artifact["target"]["name"].as_str()?.to_owned(),
                artifact["executable"].as_str()?.into(),
            ))
        })
        .collect();
    match names.iter().find(|name| !binaries.contains_key(**name)) {
        Some(name) => Err(format!("cargo built no binary {name}")),
        None => Ok(binaries),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_built_as_a_plain_build_builds_them() {
        // To select packages is to choose the features of what they depend on.
        let functions = arguments(&[], &["sms-gateway", "api-call"], "release");
        assert!(
            !functions
                .iter()
                .any(|argument| matches!(*argument, "--package" | "--workspace" | "--all")),
            "{functions:?}"
        );
        assert_eq!(
            functions[functions.len() - 4..],
            ["--bin", "sms-gateway", "--bin", "api-call"]
        );
        assert!(
            arguments(&["--package", "hello"], &["hello"], "dev")
                .windows(2)
                .any(|pair| pair == ["--package", "hello"])
        );
    }
}
