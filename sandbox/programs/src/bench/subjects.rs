//! The measured programs: the functions, a minimal function, and equivalents in Node.js.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use flate2::{Compression, write::DeflateEncoder};
use sandbox::{
    Sandbox,
    auth0::Signer,
    binaries,
    template::{Template, root},
    wire::client,
};
use serde_json::{Value, json};

use super::{
    announce,
    answers::{Answers, Service},
    start::{Program, Task},
    upstreams::Upstreams,
};

/// By name: the recorded event, and a text that only the right answer contains. Any other function
/// is measured with the event of its name, and answers [`DONE`].
const WORK: [(&str, &str, &str); 8] = [
    (
        "receive-confirmation-sms",
        "receive-confirmation-sms",
        "Thank you",
    ),
    ("sms-gateway", "sms-gateway", "provider"),
    ("call-forward", "call-forward", "<Dial"),
    ("sms-forward", "sms-forward", "<Message"),
    (
        "provision-numbers",
        "provision-numbers-hook",
        r#""statusCode":200"#,
    ),
    ("ivr-validate", "ivr-validate-voice", "<Gather"),
    ("api-call", "api-call", "1234.50"),
    ("secure-api", "secure-api", "1234.50"),
];
/// In the answer to a request that is not refused.
const DONE: &str = r#""statusCode":2"#;
/// The functions that have a Node.js handler, `peer/node/<name>`.
const PEERS: [&str; 2] = ["send-verification-sms", "sms-forward"];
/// Settings that differ from the sandbox's. An empty value means not set.
const SETTINGS: [(&str, &str); 4] = [
    ("MAX_MAIL_AGE_SECONDS", "3153600000"),
    ("PUBLIC_URL", ""),
    ("SMS_FROM", "twilio:+15005550006"),
    ("SMS_ROUTES", "*=twilio"),
];
/// The tenant in the links of the recorded mails.
const RECORDED_TENANT: &str = "http://host.docker.internal:4712";
/// Bytes of overhead in a zip file for each file, besides names and contents. The end of the zip
/// file has its own overhead.
const ZIP_ENTRY: u64 = 30 + 46;
const ZIP_END: u64 = 22;

/// The implementation of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The minimum: `lambda_runtime` alone.
    Hello,
    Rust,
    Node,
}

/// A measured program.
pub(super) struct Subject {
    /// The function's name.
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Size of the deployed files, bytes.
    pub(super) size: u64,
    /// Size of the zip file, bytes; `None` if its content differs from the deployed files.
    pub(super) zip: Option<u64>,
    pub(super) program: Program,
}

/// Prepares `hello`, then the functions of `names` or all of them, and their peers if wanted and
/// possible. Builds all binaries. The environment of each has its upstreams' URLs.
pub(super) async fn prepare(
    names: &[&str],
    profile: &str,
    peers: bool,
    upstreams: &Upstreams,
) -> Result<(Vec<Subject>, Answers), String> {
    let template = Template::read()?;
    let deployed = template
        .functions
        .iter()
        .map(|function| function.name.as_str());
    let chosen: Vec<_> = if names.is_empty() {
        deployed.collect()
    } else {
        names.to_vec()
    };
    if let Some(name) = chosen.iter().find(|name| template.function(name).is_none()) {
        return Err(format!("template.yaml has no {name}"));
    }
    announce(&[&chosen[..], &["hello"]].concat(), profile);
    let hello = binaries::build_alone("hello", profile).await?;
    let built = binaries::build_functions(&chosen, profile).await?;
    let node = if peers { node(&chosen)? } else { None };

    let sandbox = Sandbox::start().await;
    let tenant = upstreams.url(Service::Auth0);
    let token = sandbox.auth0.mint(
        json!({ "iss": format!("{tenant}/") }),
        json!({}),
        Signer::Current,
    );
    // Debug information is not deployed.
    let weighed = profile == "release";
    let greeting = Task {
        environment: BTreeMap::new(),
        event: b"{}".to_vec(),
        expected: "hello",
    };
    let mut subjects = vec![Subject::of_binary(
        "hello",
        Kind::Hello,
        &hello["hello"],
        greeting,
        weighed,
    )?];
    let mut secrets = BTreeMap::new();
    for name in chosen {
        let work = WORK.into_iter().find(|(known, ..)| *known == name);
        let (_, event, expected) = work.unwrap_or((name, name, DONE));
        let environment = environment(&sandbox, name, upstreams);
        let ids = environment
            .iter()
            .filter(|(name, _)| name.ends_with("_SECRET"))
            .map(|(_, id)| id.clone());
        secrets.extend(ids.filter_map(|id| Some((id.clone(), sandbox.aws.secret(&id)?))));
        let task = Task {
            environment,
            event: event_of(event, &token)?,
            expected,
        };
        if let Some(node) = node.as_ref().filter(|_| PEERS.contains(&name)) {
            subjects.push(node.subject(name, task.clone(), weighed)?);
        }
        subjects.push(Subject::of_binary(
            name,
            Kind::Rust,
            &built[name],
            task,
            weighed,
        )?);
    }
    let url = format!("{}/.well-known/jwks.json", sandbox.auth0.server().url());
    let jwks = client()
        .get(url)
        .send()
        .await
        .map_err(|error| error.to_string())?;
    let jwks = jwks.text().await.map_err(|error| error.to_string())?;
    let answers = Answers::new(&secrets, jwks, &tenant);
    Ok((subjects, answers))
}

/// A function's variables as in the sandbox, with the URLs of our upstreams.
fn environment(
    sandbox: &Sandbox,
    function: &str,
    upstreams: &Upstreams,
) -> BTreeMap<String, String> {
    let mut environment = sandbox.env_for(function);
    for (name, value) in &mut environment {
        if let Some(service) = Service::of(name) {
            *value = upstreams.url(service);
        }
        if let Some((_, other)) = SETTINGS.iter().find(|(setting, _)| setting == name) {
            (*other).clone_into(value);
        }
    }
    if function == "send-verification-sms" {
        environment.insert("AUTH0_URL".to_owned(), RECORDED_TENANT.to_owned());
        // The recorded tenant has no server to ask for a user, so the function is measured without
        // keys.
        environment.remove("AUTH0_SECRET");
    }
    environment.insert(
        "EXTRA_CA_FILE".to_owned(),
        upstreams.authority().display().to_string(),
    );
    environment.retain(|_, value| !value.is_empty());
    environment
}

/// A recorded event with a token of our tenant.
fn event_of(name: &str, token: &str) -> Result<Vec<u8>, String> {
    let path = root().join(format!("events/{name}.json"));
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut event: Value =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    if name == "secure-api" {
        event["headers"]["authorization"] = format!("Bearer {token}").into();
    }
    Ok(event.to_string().into_bytes())
}

impl Subject {
    fn of_binary(
        name: &str,
        kind: Kind,
        binary: &Path,
        mut task: Task,
        weighed: bool,
    ) -> Result<Self, String> {
        let content = fs::read(binary).map_err(|error| format!("{}: {error}", binary.display()))?;
        let zip = weighed
            .then(|| zipped("bootstrap", &content))
            .transpose()
            .map_err(|error| error.to_string())?;
        for (name, value) in [
            ("AWS_LAMBDA_FUNCTION_NAME", name),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ] {
            task.environment
                .entry(name.to_owned())
                .or_insert_with(|| value.to_owned());
        }
        let program = Program {
            binary: binary.into(),
            arguments: vec![],
            folder: root(),
            task,
        };
        Ok(Self {
            name: name.to_owned(),
            kind,
            size: content.len() as u64,
            zip: zip.map(|zip| zip + ZIP_END),
            program,
        })
    }
}

/// Node.js and the installed handlers.
struct Node {
    binary: PathBuf,
    folder: PathBuf,
}

/// Installs the packages of the lock files. If this is impossible, prints the reason on standard
/// error and returns `None`.
fn node(functions: &[&str]) -> Result<Option<Node>, String> {
    let skipped = |why: &str| {
        eprintln!("without --peer node: {why}");
        Ok(None)
    };
    // The executable's own path. The command may be a shim that needs a shell's environment.
    let asked = Command::new("node")
        .args(["--print", "process.execPath"])
        .stderr(Stdio::null())
        .output();
    let Some(binary) = asked.ok().filter(|asked| asked.status.success()) else {
        return skipped("Node.js is not installed");
    };
    let binary = PathBuf::from(String::from_utf8_lossy(&binary.stdout).trim());
    let folder = root().join("sandbox/peer/node");
    for part in PEERS
        .into_iter()
        .filter(|peer| functions.contains(peer))
        .chain(["runtime"])
    {
        let (folder, lock) = (
            folder.join(part),
            folder.join(part).join("package-lock.json"),
        );
        let modified = |path: &Path| fs::metadata(path).and_then(|found| found.modified());
        let installed = modified(&folder.join("node_modules/.package-lock.json"));
        if installed.is_ok_and(|installed| modified(&lock).is_ok_and(|lock| installed >= lock)) {
            continue;
        }
        eprintln!("npm ci in {} ...", folder.display());
        let command = Command::new("npm")
            .args([
                "ci",
                "--omit=dev",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
            ])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
        if !command.is_ok_and(|status| status.success()) {
            return skipped(
                "npm ci failed (aws-lambda-ric is partly C++: it needs cmake, autoconf, automake, libtool and make)",
            );
        }
    }
    Ok(Some(Node { binary, folder }))
}

impl Node {
    fn subject(&self, name: &str, mut task: Task, weighed: bool) -> Result<Subject, String> {
        let folder = self.folder.join(name);
        let files = files(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let (mut size, mut zip) = (0, ZIP_END);
        for path in files {
            let content =
                fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            size += content.len() as u64;
            if weighed {
                let name = path
                    .strip_prefix(&folder)
                    .unwrap_or(&path)
                    .to_string_lossy();
                zip += zipped(&name, &content).map_err(|error| error.to_string())?;
            }
        }
        if let Some(authority) = task.environment.remove("EXTRA_CA_FILE") {
            task.environment
                .insert("NODE_EXTRA_CA_CERTS".to_owned(), authority);
        }
        task.environment
            .insert("LAMBDA_TASK_ROOT".to_owned(), folder.display().to_string());
        let client = self
            .folder
            .join("runtime/node_modules/aws-lambda-ric/bin/index.mjs");
        let arguments = vec![client.into(), "index.handler".into()];
        let program = Program {
            binary: self.binary.clone(),
            arguments,
            folder,
            task,
        };
        Ok(Subject {
            name: name.to_owned(),
            kind: Kind::Node,
            size,
            zip: weighed.then_some(zip),
            program,
        })
    }
}

/// All files below a folder.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            found.extend(files(&entry.path())?);
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Size of a file in a zip file, bytes.
fn zipped(name: &str, content: &[u8]) -> io::Result<u64> {
    let mut encoder = DeflateEncoder::new(Length(0), Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?.0 + ZIP_ENTRY + 2 * name.len() as u64)
}

/// Counts the written bytes.
struct Length(u64);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
