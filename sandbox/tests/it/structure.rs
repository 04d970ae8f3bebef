//! What holds for every function alike: its files, what may depend on what, and the variables it reads.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use sandbox::template::{Template, root};
use serde_json::Value;
use syn::visit::{self, Visit};

/// The floors of `shared`, the lowest first: each knows only those before it.
const FLOORS: [&str; 4] = ["platform", "rules", "vendors", "services"];

/// What Lambda itself sets. <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
const BY_LAMBDA: [&str; 6] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

/// The folders in `functions/`.
fn functions() -> Vec<String> {
    let entries = fs::read_dir(root().join("functions"))
        .unwrap()
        .map(Result::unwrap);
    let folders = entries.filter(|entry| entry.path().join("Cargo.toml").exists());
    let names: Vec<_> = folders
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert!(names.len() >= 2, "{names:?}");
    names
}

/// The Rust sources below a folder.
pub(crate) fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.clone(), fs::read_to_string(path).unwrap()));
        }
    }
    found
}

#[test]
fn every_function_is_deployed_tried_described_and_tested() {
    let (template, root) = (Template::read().unwrap(), root());
    let readme = fs::read_to_string(root.join("README.md")).unwrap_or_default();
    for name in functions() {
        assert!(
            template.function(&name).is_some(),
            "template.yaml has no resource with CodeUri functions/{name}"
        );
        assert!(
            root.join(format!("events/{name}.json")).exists(),
            "events/{name}.json is missing"
        );
        assert!(readme.contains(&name), "README.md says nothing of {name}");
        assert!(
            root.join(format!("functions/{name}/tests/it/main.rs"))
                .exists(),
            "functions/{name}/tests/it/main.rs is missing"
        );
    }
    for function in template.functions {
        assert!(
            functions().contains(&function.name),
            "template.yaml: {} has no folder in functions/",
            function.logical_id
        );
    }
}

#[test]
fn dependencies_point_one_way() {
    let cargo = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output();
    let metadata: Value = serde_json::from_slice(&cargo.unwrap().stdout).unwrap();
    let functions = functions();
    let mut seen = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        seen.insert(name.to_owned());
        let dependencies = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|dependency| dependency["path"].is_string());
        for dependency in dependencies {
            let (on, dev) = (
                dependency["name"].as_str().unwrap(),
                dependency["kind"] == "dev",
            );
            let may = match name {
                "sandbox" | "words" => false,
                "sandbox-programs" => on == "sandbox",
                "fuzz-properties" => true,
                // Its table evaluates expressions as the simulator of the load test does. Its instances
                // are functions.
                "models" => on != "operator" && !dev,
                "shared" => on == "words" || on == "sandbox" && dev,
                // Its `check-config` runs the functions' own readers of settings.
                "operator" if functions.iter().any(|one| one == on) => !dev,
                _ => on == "shared" || on == "words" || on == "sandbox" && dev,
            };
            assert!(
                may,
                "{name} must not depend on {on}{}",
                if dev { ", not even to be tested" } else { "" }
            );
        }
    }
    assert!(
        functions
            .iter()
            .map(String::as_str)
            .chain(["shared", "sandbox"])
            .all(|name| seen.contains(name)),
        "{seen:?}"
    );
}

/// The code of a source, without its comments and tests.
fn code(text: &str) -> String {
    let code = text
        .split_once("#[cfg(test)]")
        .map_or(text, |(code, _)| code);
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn a_floor_uses_only_those_below_it() {
    let shared = root().join("shared/src");
    for (at, floor) in FLOORS.iter().enumerate() {
        let files = sources(&shared.join(floor));
        assert!(files.len() > 2, "{floor}");
        for (path, text) in files {
            for above in &FLOORS[at + 1..] {
                assert!(
                    !code(&text).contains(&format!("crate::{above}")),
                    "{} uses {above}, which is above {floor}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn no_vendor_knows_another() {
    let floor = root().join("shared/src/vendors");
    let vendor_of = |path: &Path| {
        let below = path.strip_prefix(&floor).unwrap().with_extension("");
        below.iter().next().unwrap().to_str().unwrap().to_owned()
    };
    let files = sources(&floor)
        .into_iter()
        .filter(|(path, _)| !path.ends_with("vendors/mod.rs"));
    let files: Vec<_> = files
        .map(|(path, text)| (vendor_of(&path), path, text))
        .collect();
    let vendors: BTreeSet<_> = files.iter().map(|(vendor, ..)| vendor.clone()).collect();
    assert!(vendors.len() > 5, "{vendors:?}");
    for (vendor, path, text) in files {
        for other in vendors.iter().filter(|other| **other != vendor) {
            // A word ends before it: `twilio::` in a path, not in a longer name.
            let path_to = format!("{other}::");
            let named = text
                .match_indices(&path_to)
                .any(|(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
            assert!(
                !named && !text.contains(&format!("vendors::{other};")),
                "{} names {other}",
                path.display()
            );
        }
    }
}

/// A function that reads settings.
struct Reader {
    path: String,
    /// The path without the file's own module, if that is private: callers outside its folder name
    /// the reader by the module around it.
    outside: Option<String>,
    /// `a::b::c` of every call `a::b::c(source...)`.
    calls: Vec<String>,
    /// Literals that are names of variables: capitals.
    variables: Vec<String>,
}

/// The path of what reads the settings of all SMS providers.
const PROVIDERS: &str = "Provider::read";

/// The functions with a `Source` among their parameters.
fn readers(folder: &Path, file: &Path, text: &str) -> Vec<Reader> {
    let module = file.strip_prefix(folder).unwrap().with_extension("");
    let module = module
        .iter()
        .map(|part| part.to_str().unwrap())
        .filter(|part| !["mod", "lib", "main"].contains(part));
    let module: Vec<String> = module.map(str::to_owned).collect();
    let private = is_private(file).then_some(module.len());
    let mut found = FileVisitor {
        path: module,
        readers: Vec::new(),
        vendors: Vec::new(),
    };
    let parsed = syn::parse_file(text).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    found.visit_file(&parsed);
    if let Some(depth) = private {
        for reader in &mut found.readers {
            let mut parts: Vec<&str> = reader.path.split("::").collect();
            parts.remove(depth - 1);
            reader.outside = Some(parts.join("::"));
        }
    }
    // A macro makes `Provider::read` from the list of providers.
    if !found.vendors.is_empty() {
        found.readers.push(Reader {
            path: PROVIDERS.to_owned(),
            outside: None,
            calls: Vec::new(),
            variables: found.vendors,
        });
    }
    found.readers
}

/// Whether the `mod.rs` beside a file declares it without `pub`.
fn is_private(file: &Path) -> bool {
    let name = file.file_stem().unwrap().to_str().unwrap();
    let declaration = format!("mod {name};");
    fs::read_to_string(file.with_file_name("mod.rs"))
        .is_ok_and(|around| around.lines().any(|line| line == declaration))
}

/// Collects the readers of a file.
struct FileVisitor {
    /// The modules, and the type, around what is visited.
    path: Vec<String>,
    readers: Vec<Reader>,
    /// The variables in what SMS providers say of themselves (`impl Vendor for ...`, `impl Entry for ...`).
    vendors: Vec<String>,
}

impl FileVisitor {
    fn function(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let takes_a_source = signature.inputs.iter().any(|input| match input {
            syn::FnArg::Typed(argument) => names_source(&argument.ty),
            syn::FnArg::Receiver(_) => false,
        });
        if takes_a_source {
            let mut reads = Reads::default();
            reads.visit_block(body);
            let name = signature.ident.to_string();
            let path: Vec<String> = self.path.iter().cloned().chain([name]).collect();
            self.readers.push(Reader {
                path: path.join("::"),
                outside: None,
                calls: reads.calls,
                variables: reads.variables,
            });
        }
    }

    fn within(&mut self, name: Option<String>, visit: impl FnOnce(&mut Self)) {
        let depth = self.path.len();
        self.path.extend(name);
        visit(self);
        self.path.truncate(depth);
    }
}

impl<'ast> Visit<'ast> for FileVisitor {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let name = module.ident.to_string();
        if name != "tests" {
            self.within(Some(name), |within| visit::visit_item_mod(within, module));
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let owner = match &*item.self_ty {
            syn::Type::Path(path) => path.path.segments.last(),
            _ => None,
        };
        let owner = owner.map(|segment| segment.ident.to_string());
        let of = item
            .trait_
            .as_ref()
            .and_then(|(path, _)| path.segments.last());
        if of.is_some_and(|segment| segment.ident == "Vendor" || segment.ident == "Entry") {
            let mut reads = Reads::default();
            reads.visit_item_impl(item);
            self.vendors.extend(reads.variables);
        }
        self.within(owner, |within| visit::visit_item_impl(within, item));
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
    }
}

/// `Source<'_>`, `&mut Source<'_>`, with or without a path before it.
fn names_source(argument: &syn::Type) -> bool {
    match argument {
        syn::Type::Reference(reference) => names_source(&reference.elem),
        syn::Type::Path(path) => path
            .path
            .segments
            .last()
            .is_some_and(|segment| segment.ident == "Source"),
        _ => false,
    }
}

/// What the body of a reader does with its source.
#[derive(Default)]
struct Reads {
    calls: Vec<String>,
    variables: Vec<String>,
}

impl<'ast> Visit<'ast> for Reads {
    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        let hands_on = call.args.iter().any(|argument| match argument {
            syn::Expr::Path(path) => path.path.is_ident("source"),
            _ => false,
        });
        if let (true, syn::Expr::Path(callee)) = (hands_on, &*call.func) {
            let segments = callee.path.segments.iter();
            let names: Vec<_> = segments.map(|segment| segment.ident.to_string()).collect();
            self.calls.push(names.join("::"));
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_lit_str(&mut self, literal: &'ast syn::LitStr) {
        let text = literal.value();
        let capitals =
            |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        if text.len() > 3 && text.bytes().all(capitals) {
            self.variables.push(text);
        }
    }
}

/// Every variable that `path` reads, itself or through what it calls: in its own package, else in `shared`.
fn read_by(path: &str, own: &[Reader], shared: &[Reader], found: &mut BTreeSet<String>) {
    let ends = format!("::{path}");
    let fits = |reader: &&Reader| {
        [Some(&reader.path), reader.outside.as_ref()]
            .into_iter()
            .flatten()
            .any(|known| known == path || known.ends_with(&ends))
    };
    if path == PROVIDERS {
        let all = shared.iter().filter(fits);
        found.extend(all.flat_map(|reader| reader.variables.iter().cloned()));
        return;
    }
    let reader = own
        .iter()
        .find(fits)
        .or_else(|| shared.iter().find(fits))
        .unwrap_or_else(|| panic!("no reader {path}"));
    found.extend(reader.variables.iter().cloned());
    for call in &reader.calls {
        read_by(call, own, shared, found);
    }
}

/// What the code reads, by package.
struct Sources {
    shared: Vec<Reader>,
    functions: BTreeMap<String, Vec<Reader>>,
}

impl Sources {
    fn read() -> Self {
        let all = |folder: &str| -> Vec<Reader> {
            let folder = root().join(folder);
            sources(&folder)
                .iter()
                .flat_map(|(file, text)| readers(&folder, file, text))
                .collect()
        };
        let functions = functions()
            .into_iter()
            .map(|name| (name.clone(), all(&format!("functions/{name}/src"))));
        Self {
            shared: all("shared/src"),
            functions: functions.collect(),
        }
    }

    /// The variables that a function reads and Lambda does not set.
    fn variables(&self, function: &str) -> BTreeSet<String> {
        let mut read = BTreeSet::new();
        read_by(
            "App::read",
            &self.functions[function],
            &self.shared,
            &mut read,
        );
        // Every main's.
        for path in ["runtime::telemetry", "Platform::read"] {
            read_by(path, &[], &self.shared, &mut read);
        }
        read.retain(|variable| !BY_LAMBDA.contains(&variable.as_str()));
        read
    }
}

/// Where the variables of a template and those that the code reads are not the same.
fn differences(template: &Template, sources: &Sources) -> Vec<String> {
    let mut findings = Vec::new();
    for name in sources.functions.keys() {
        let Some(function) = template.function(name) else {
            findings.push(format!("template.yaml does not have {name}"));
            continue;
        };
        let (read, declared) = (
            sources.variables(name),
            function
                .environment
                .keys()
                .cloned()
                .collect::<BTreeSet<_>>(),
        );
        let undeclared = read.difference(&declared).map(|variable| {
            format!("{name} reads {variable}, which template.yaml does not declare")
        });
        findings.extend(undeclared);
        let unread = declared.difference(&read).map(|variable| {
            format!("{name} does not read {variable}, which template.yaml declares")
        });
        findings.extend(unread);
    }
    findings
}

#[test]
fn what_is_read_is_declared_and_what_is_declared_is_read() {
    let sources = Sources::read();
    assert_eq!(differences(&Template::read().unwrap(), &sources), [""; 0]);
    let counts: BTreeMap<_, _> = sources
        .functions
        .keys()
        .map(|name| (name, sources.variables(name).len()))
        .collect();
    assert!(counts.values().all(|count| *count > 5), "{counts:?}");
}

#[test]
fn seeded_mistakes_in_variables_are_found() {
    let (right, sources) = (template_text(), Sources::read());
    let seeded = |old: &str, new: &str| {
        assert!(right.contains(old), "template.yaml no longer has {old:?}");
        differences(
            &Template::parse(&right.replacen(old, new, 1)).unwrap(),
            &sources,
        )
    };
    let (mailgun, nobody) = (
        "          MAILGUN_SECRET: !Sub ${AWS::StackName}/mailgun\n",
        "          NOBODY_READS_THIS: one\n",
    );
    let missing =
        "send-verification-sms reads MAILGUN_SECRET, which template.yaml does not declare";
    let unread =
        "send-verification-sms does not read NOBODY_READS_THIS, which template.yaml declares";
    assert_eq!(seeded(mailgun, ""), [missing]);
    assert_eq!(seeded(mailgun, &format!("{mailgun}{nobody}")), [unread]);
    assert_eq!(seeded(mailgun, nobody), [missing, unread]);
    let everywhere = seeded("        LOG_LEVEL: !Ref LogLevel\n", "");
    assert_eq!(everywhere.len(), functions().len());
    assert!(
        everywhere
            .iter()
            .all(|finding| finding.contains(" reads LOG_LEVEL, ")),
        "{everywhere:?}"
    );
    let elsewhere = seeded(
        "CodeUri: functions/api-call",
        "CodeUri: functions/secure-api",
    );
    assert!(
        elsewhere.contains(&"template.yaml does not have api-call".to_owned()),
        "{elsewhere:?}"
    );
}

fn template_text() -> String {
    fs::read_to_string(root().join("template.yaml")).unwrap()
}

/// Of the namespace `Switchboard`: the metrics in a template's alarms and dashboard.
fn watched(template: &str) -> BTreeSet<&str> {
    let namespaces = ["Namespace: Switchboard", "{Switchboard,Function,Stack}"].into_iter();
    let after = namespaces.flat_map(|namespace| template.split(namespace).skip(1));
    let named = after.map(|rest| {
        rest.split_once("MetricName")
            .unwrap()
            .1
            .trim_start_matches([':', '=', ' ', '\\', '"'])
    });
    named
        .map(|rest| &rest[..rest.find(|c: char| !c.is_alphanumeric()).unwrap()])
        .collect()
}

#[test]
fn what_is_counted_is_watched_and_what_is_watched_is_counted() {
    let template = template_text();
    let code = sources(&root().join("shared/src"))
        .into_iter()
        .chain(sources(&root().join("functions")));
    let code = code
        .filter(|(path, _)| path.iter().all(|part| part != "tests"))
        .map(|(_, text)| text)
        .collect::<String>();
    let counted = code.split(".metric(").skip(1);
    let counted = counted
        .filter_map(|rest| rest.trim_start().strip_prefix('"'))
        .map(|rest| rest.split_once('"').unwrap().0);
    let counted: BTreeSet<&str> = counted.chain(["Requests", "Failed"]).collect(); // these two by every answer itself
    assert_eq!(watched(&template), counted);
    let functions = functions();
    for rest in template.split("{ Name: Function, Value: ").skip(1) {
        let name = rest.split_once(' ').unwrap().0;
        assert!(
            functions.iter().any(|function| function == name),
            "template.yaml watches {name}, which is no function"
        );
    }
}
