//! The page: the sandbox in a browser.
//!
//! A page is a server of its own on 127.0.0.1. It serves the files of `sandbox/page` and an API,
//! which `/api/openapi.json` describes. It hears of everything that happens in its sandbox through
//! the sandbox's tap. It keeps a bounded number of events, texts, calls, mails and exchanges.

mod body;
mod calls;
mod exchange;
mod faults;
mod feed;
mod files;
mod guard;
mod journal;
mod lines;
mod mails;
mod numbers;
mod openapi;
mod people;
mod phones;
mod prices;
mod problem;
mod routes;
mod scenes;
mod state;
mod table;
mod texts;
mod wire;
mod world;

pub use scenes::{Line, Run, Scene, Scenes, Stage};

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::Ipv4Addr,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock},
};

use axum::extract::State;
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{Sandbox, wire::lock};
use faults::Faults;
use feed::Feed;
use journal::Journal;
use lines::Lines;
use people::Login;
use phones::Phone;
use problem::Problem;
use scenes::Theatre;
use world::{Watched, World};

/// The state as handlers get it.
type Shared = State<Arc<App>>;

/// How a page is served.
#[derive(Default)]
pub struct Options {
    /// The port; `None`: a free one.
    pub port: Option<u16>,
    /// The folder of the page's files; `None`: the files in this program.
    pub files: Option<PathBuf>,
    /// True while `cargo demo` plays: the page starts no scenes.
    pub demo: bool,
}

/// A running page. Dropping it stops it.
pub struct Page {
    app: Arc<App>,
    port: u16,
    serving: JoinHandle<()>,
}

/// The state of a page.
pub(crate) struct App {
    sandbox: Arc<Sandbox>,
    feed: Arc<Feed>,
    journal: Mutex<Journal>,
    faults: Faults,
    phones: Mutex<Vec<Phone>>,
    logins: Mutex<Vec<Login>>,
    theatre: Mutex<Theatre>,
    lines: Arc<Lines>,
    main: OnceLock<Arc<Watched>>,
    /// The prefixes of the table's items.
    owners: BTreeMap<String, BTreeSet<String>>,
    files: Option<PathBuf>,
    demo: bool,
    started: u64,
}

impl Page {
    /// Serves a page for this sandbox. Functions that start later are shown with their starts.
    pub async fn open(sandbox: Arc<Sandbox>, options: Options) -> io::Result<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, options.port.unwrap_or_default())).await?;
        let port = listener.local_addr()?.port();
        let app = Arc::new_cyclic(|app| App {
            owners: table::owners(&sandbox),
            sandbox: Arc::clone(&sandbox),
            feed: Arc::new(Feed::new()),
            journal: Mutex::default(),
            faults: Faults::default(),
            phones: Mutex::new(Phone::first(options.demo)),
            logins: Mutex::default(),
            theatre: Mutex::default(),
            lines: Arc::new(Lines::new(app)),
            main: OnceLock::new(),
            files: options.files,
            demo: options.demo,
            started: moment(),
        });
        let _ = app.main.set(Watched::start(&app, &sandbox, World::Main));
        if !options.demo {
            for phone in lock(&app.phones).iter() {
                app.plug_in(phone);
            }
        }
        let router = routes::router(&app, port);
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { app, port, serving })
    }

    /// `http://127.0.0.1:PORT/`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// The scenes that the page can play.
    pub fn set_scenes(&self, scenes: Arc<dyn Scenes>) {
        lock(&self.app.theatre).scenes = Some(scenes);
    }

    /// Begins a run of all scenes, for the demo.
    pub fn begin_demo(&self) -> Stage {
        let run = lock(&self.app.theatre).begin("demo", false);
        self.app.set_run(run, scenes::Played::begins);
        Stage::new(&self.app, run)
    }

    /// Ends the run of the demo.
    pub fn end_demo(&self, stage: &Stage, result: Result<(), String>) {
        self.app.run_ended(stage.number(), result);
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl App {
    fn lines(&self) -> Arc<Lines> {
        Arc::clone(&self.lines)
    }

    /// Looks for changes soon.
    fn nudge(&self) {
        if let Some(main) = self.main.get() {
            main.changed.notify_one();
        }
    }

    /// The URL of a server, without a trailing slash.
    fn url_of(&self, name: &str) -> Result<String, Problem> {
        let mut servers = self.sandbox.servers().into_iter();
        let found = servers.find(|(known, _)| *known == name);
        found
            .map(|(_, server)| server.url())
            .ok_or_else(|| Problem::unknown("This server is gone."))
    }
}

/// Milliseconds since the epoch.
fn moment() -> u64 {
    u64::try_from(crate::now().as_millis()).unwrap_or_default()
}

/// What a server is.
fn server_kind(name: &str) -> &'static str {
    match name {
        "Auth0" | "Okta" | "Cognito" => "identity",
        "DynamoDB" | "Secrets Manager" | "KMS" | "CloudFormation" | "S3" => "aws",
        "Invoke API" => "edge",
        "AWS" => "provider",
        _ if integration(name) != Value::Null => "function",
        _ => "provider",
    }
}

/// The integration of a function; null if the name is none of a function.
fn integration(name: &str) -> Value {
    let integration = match name {
        "send-verification-sms" | "receive-confirmation-sms" => "verification",
        "sms-gateway" | "delivery-status" => "gateway",
        "call-forward" | "sms-forward" | "provision-numbers" => "company phone",
        "ivr-validate" | "api-call" | "secure-api" => "phone menu",
        _ => return Value::Null,
    };
    integration.into()
}
