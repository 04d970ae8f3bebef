//! The page in a real browser: what people do, by mouse and keyboard.
//!
//! Without a Chromium on this machine the tests are skipped, and say so. `.ci/run` sets
//! `BROWSER_TESTS=required`, which makes a missing browser a failure. Pictures of the page are in
//! `target/browser` afterwards.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accessibility;
mod chrome;
mod film;
mod program;
mod story;

use std::{
    io::Write as _,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrome::Chrome;
use program::Program;

/// A browser and a sandbox.
struct Stage {
    chrome: Chrome,
    program: Program,
    /// One test after the other: a browser and ten functions fill a small machine.
    _turn: MutexGuard<'static, ()>,
}

impl Stage {
    /// `None`: there is no browser, and the test is skipped.
    fn open() -> Option<Self> {
        static TURN: Mutex<()> = Mutex::new(());
        let Some(program) = chrome::installed() else {
            skip("there is no Chromium on this machine");
            return None;
        };
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Self {
            chrome: Chrome::start(&program),
            program: Program::start(),
            _turn: turn,
        })
    }
}

/// Says why a test is skipped, or fails where that is not allowed.
fn skip(reason: &str) {
    let required = std::env::var_os("BROWSER_TESTS").is_some_and(|value| value == "required");
    assert!(!required, "BROWSER_TESTS=required, and {reason}");
    // Past the capture of the test's output.
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

/// The root of the repository.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder of the pictures. `docs/page.png` and `docs/scene.png` are two of them, written with
/// `WRITE_PICTURES=1`.
fn pictures() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../browser");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Copies a picture into the docs, if that is wanted.
fn publish(name: &str) {
    if std::env::var_os("WRITE_PICTURES").is_some() {
        let name = format!("{name}.png");
        std::fs::copy(pictures().join(&name), root().join("docs").join(&name)).unwrap();
    }
}
