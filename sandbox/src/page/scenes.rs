//! The scenes of the demo, played on the page. The program brings them.

use std::{
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{sync::Notify, task::JoinHandle};

use super::{
    App, Shared, moment,
    problem::{Input, Path, Problem},
    world::{Watched, World},
};
use crate::{Sandbox, wire::lock};

/// The pause between two steps that play by themselves.
const BREATH: Duration = Duration::from_millis(700);
/// The most lines of a run that are kept.
const MOST_LINES: usize = 500;

/// A scene.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    /// Its name in links.
    pub id: &'static str,
    /// What happens.
    pub title: &'static str,
    /// What it shows, in a sentence or two.
    pub text: &'static str,
    /// The functions that take part.
    pub shows: &'static [&'static str],
    /// How long it takes, seconds.
    pub seconds: u32,
}

/// A run of a scene, until its end.
pub type Run = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// The scenes that a program can play.
pub trait Scenes: Send + Sync {
    /// All scenes, in the order of the demo.
    fn list(&self) -> Vec<Scene>;

    /// Plays a scene. The error says which claim is not true.
    fn play(&self, id: &str, stage: Stage) -> Run;
}

/// What a line of a scene is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// The title of a part.
    Title,
    /// What happens.
    Say,
    /// A text that a phone received.
    Heard,
    /// What a caller hears.
    Hears,
    /// A claim that is true.
    Check,
    /// A claim that is not true.
    Fail,
    /// A request over the wire.
    Call,
}

impl Line {
    fn name(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Say => "say",
            Self::Heard => "heard",
            Self::Hears => "hears",
            Self::Check => "check",
            Self::Fail => "fail",
            Self::Call => "call",
        }
    }
}

/// Where a scene is played. Cheap to clone.
#[derive(Clone)]
pub struct Stage {
    app: Arc<App>,
    run: u64,
}

impl Stage {
    pub(super) fn new(app: &Arc<App>, run: u64) -> Self {
        Self {
            app: Arc::clone(app),
            run,
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.run
    }

    /// Shows what happens in the scene's sandbox.
    pub fn watch(&self, sandbox: &Arc<Sandbox>) {
        Watched::start(&self.app, sandbox, World::Scene);
    }

    /// Shows a line.
    pub fn tell(&self, line: Line, text: &str, phone: Option<&str>) {
        let ok = match line {
            Line::Check => Some(true),
            Line::Fail => Some(false),
            _ => None,
        };
        let mut theatre = lock(&self.app.theatre);
        let told = json!({
            "at": moment(), "world": "scene", "run": self.run, "n": theatre.told.len(), "kind": line.name(),
            "text": text, "phone": phone, "ok": ok,
        });
        if theatre.told.len() < MOST_LINES {
            theatre.told.push(told.clone());
        }
        if line == Line::Check
            && let Some(played) = &mut theatre.played
        {
            played.checks += 1;
        }
        drop(theatre);
        self.app.feed.push("told", &told);
    }

    /// Waits for a moment, or until somebody wants to go on.
    pub async fn pause(&self) {
        let (mode, next) = {
            let theatre = lock(&self.app.theatre);
            (theatre.mode, Arc::clone(&theatre.next))
        };
        match mode {
            Mode::Fast => return,
            Mode::Auto => return tokio::time::sleep(BREATH).await,
            Mode::Step => {}
        }
        self.app.set_run(self.run, |played| {
            played.state = "waiting";
            played.step += 1;
        });
        next.notified().await;
        self.app
            .set_run(self.run, |played| played.state = "playing");
    }
}

/// The stage of the page: the scenes, and the run.
#[derive(Default)]
pub(super) struct Theatre {
    pub(super) scenes: Option<Arc<dyn Scenes>>,
    pub(super) played: Option<Played>,
    pub(super) told: Vec<Value>,
    task: Option<JoinHandle<()>>,
    mode: Mode,
    next: Arc<Notify>,
    runs: u64,
}

/// A run.
pub(super) struct Played {
    run: u64,
    scene: String,
    state: &'static str,
    mode: &'static str,
    step: u32,
    checks: u32,
    error: Option<String>,
    begun: Instant,
    ms: Option<f64>,
}

impl Played {
    pub(super) fn wire(&self) -> Value {
        json!({
            "at": moment(), "world": "scene", "run": self.run, "scene": self.scene, "state": self.state, "step": self.step,
            "mode": self.mode, "checks": self.checks, "error": self.error, "ms": self.ms,
        })
    }

    pub(super) fn begins(&mut self) {
        self.state = "playing";
    }

    fn is_over(&self) -> bool {
        ["passed", "failed", "stopped"].contains(&self.state)
    }
}

impl Theatre {
    pub(super) fn list(&self) -> Vec<Value> {
        let scenes = self.scenes.iter().flat_map(|scenes| scenes.list());
        scenes
            .map(|scene| {
                json!({
                    "id": scene.id, "title": scene.title, "text": scene.text, "shows": scene.shows, "seconds": scene.seconds,
                })
            })
            .collect()
    }

    /// Begins a run. Returns its number.
    pub(super) fn begin(&mut self, scene: &str, mode: Mode) -> u64 {
        self.runs += 1;
        self.told.clear();
        self.mode = mode;
        self.next = Arc::default();
        self.played = Some(Played {
            run: self.runs,
            scene: scene.to_owned(),
            state: "starting",
            mode: mode.name(),
            step: 0,
            checks: 0,
            error: None,
            begun: Instant::now(),
            ms: None,
        });
        self.runs
    }

    fn is_busy(&self) -> bool {
        self.played.as_ref().is_some_and(|played| !played.is_over())
    }
}

impl App {
    pub(super) fn set_run(&self, run: u64, change: impl FnOnce(&mut Played)) {
        let mut theatre = lock(&self.theatre);
        let Some(played) = theatre.played.as_mut().filter(|played| played.run == run) else {
            return;
        };
        if played.is_over() {
            return;
        }
        change(played);
        let event = played.wire();
        drop(theatre);
        self.feed.push("scene", &event);
    }

    pub(super) fn run_ended(&self, run: u64, result: Result<(), String>) {
        self.set_run(run, |played| {
            played.ms = Some(played.begun.elapsed().as_secs_f64() * 1_000.0);
            played.state = if result.is_ok() { "passed" } else { "failed" };
            played.error = result.err();
        });
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct How {
    #[serde(default)]
    mode: Mode,
}

/// How a run goes on after a step.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
    #[default]
    Auto,
    Step,
    /// Without pauses: nobody looks.
    Fast,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Step => "step",
            Self::Fast => "fast",
        }
    }
}

/// `POST /api/scenes/{id}`: plays a scene.
pub(super) async fn play(
    State(app): Shared,
    Path(id): Path<String>,
    Input(How { mode }): Input<How>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let mut theatre = lock(&app.theatre);
    if theatre.is_busy() {
        return Err(Problem::conflict(
            "A scene is being played. Stop it first, or wait for its end.",
        ));
    }
    let scenes = theatre.scenes.clone();
    let known = scenes.filter(|scenes| scenes.list().iter().any(|scene| scene.id == id));
    let Some(scenes) = known else {
        return Err(Problem::unknown("There is no such scene."));
    };
    let run = theatre.begin(&id, mode);
    let wire = theatre
        .played
        .as_ref()
        .map(Played::wire)
        .unwrap_or_default();
    let stage = Stage::new(&app, run);
    let playing = Arc::clone(&app);
    theatre.task = Some(tokio::spawn(async move {
        playing.set_run(run, Played::begins);
        let result = scenes.play(&id, stage).await;
        playing.run_ended(run, result);
    }));
    drop(theatre);
    app.feed.push("scene", &wire);
    Ok((StatusCode::ACCEPTED, Json(wire)))
}

/// What `next` and `stop` say if nothing is played.
fn no_run() -> Problem {
    Problem::conflict("No scene is being played. POST /api/scenes/{id} plays one.")
}

/// `POST /api/scenes/next`: goes on.
pub(super) async fn next(State(app): Shared) -> Result<StatusCode, Problem> {
    let theatre = lock(&app.theatre);
    if !theatre.is_busy() {
        return Err(no_run());
    }
    theatre.next.notify_one();
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/scenes/mode`: step by step, by itself, or without pauses.
pub(super) async fn mode(State(app): Shared, Input(How { mode }): Input<How>) -> StatusCode {
    let mut theatre = lock(&app.theatre);
    theatre.mode = mode;
    let next = Arc::clone(&theatre.next);
    let run = theatre.runs;
    drop(theatre);
    app.set_run(run, |played| {
        played.mode = mode.name();
    });
    if mode != Mode::Step {
        next.notify_waiters();
    }
    StatusCode::NO_CONTENT
}

/// `DELETE /api/scenes/run`: stops the scene.
pub(super) async fn stop(State(app): Shared) -> Result<StatusCode, Problem> {
    let (task, run) = {
        let mut theatre = lock(&app.theatre);
        if !theatre.is_busy() {
            return Err(no_run());
        }
        (theatre.task.take(), theatre.runs)
    };
    if let Some(task) = task {
        task.abort();
        let _ = task.await;
    }
    app.set_run(run, |played| {
        played.ms = Some(played.begun.elapsed().as_secs_f64() * 1_000.0);
        played.state = "stopped";
    });
    Ok(StatusCode::NO_CONTENT)
}
