//! A headless Chromium, driven over two pipes: each message is JSON and ends with a NUL.
//! <https://chromedevtools.github.io/devtools-protocol/>

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

/// Maximum time that anything takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// The names under which systems install the browser.
const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// The browser of this machine, if there is one.
pub(crate) fn installed() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .find(|program| program.is_file())
}

type Answers = Arc<Mutex<HashMap<u64, mpsc::Sender<Value>>>>;

/// A running browser. It ends when this is dropped.
pub(crate) struct Chrome {
    child: Child,
    folder: PathBuf,
    requests: Mutex<File>,
    answers: Answers,
    events: Arc<Mutex<Vec<Value>>>,
    next: AtomicU64,
}

impl Chrome {
    pub(crate) fn start(program: &Path) -> Self {
        static STARTED: AtomicU64 = AtomicU64::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("chrome-{}-{number}", std::process::id());
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let (requests, answers) = (folder.join("requests"), folder.join("answers"));
        let made = Command::new("mkfifo").args([&requests, &answers]).status();
        assert!(made.unwrap().success());
        // A shell opens the pipes as descriptors 3 and 4: the standard library cannot do that
        // without unsafe code.
        let mut child = Command::new("sh")
            .args([
                "-c",
                r#"requests=$1 answers=$2; shift 2; exec "$@" 3<"$requests" 4>"$answers""#,
                "sh",
            ])
            .args([&requests, &answers])
            .arg(program)
            .args([
                "--headless=new",
                "--remote-debugging-pipe",
                "--no-sandbox", // Chromium's own sandbox does not work for root in a container
                "--disable-dev-shm-usage",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-extensions",
                "--disable-sync",
                "--hide-scrollbars",
                "--mute-audio",
                "--no-default-browser-check",
                "--no-first-run",
                "--force-color-profile=srgb",
                "--window-size=1280,900",
            ])
            .arg(format!(
                "--user-data-dir={}",
                folder.join("profile").display()
            ))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Each opening waits for the other side.
        let (opened, opening) = mpsc::channel();
        thread::spawn(move || {
            let requests = File::options().write(true).open(requests);
            let _ = opened.send((requests, File::open(answers)));
        });
        let Ok((Ok(requests), Ok(pipe))) = opening.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            panic!("{} does not start", program.display());
        };
        let chrome = Self {
            child,
            folder,
            requests: Mutex::new(requests),
            answers: Arc::default(),
            events: Arc::default(),
            next: AtomicU64::new(1),
        };
        let (answers, events) = (Arc::clone(&chrome.answers), Arc::clone(&chrome.events));
        thread::spawn(move || {
            for message in BufReader::new(pipe).split(0) {
                let Ok(message) = message else { return };
                let message: Value = serde_json::from_slice(&message).unwrap_or_default();
                match message["id"].as_u64() {
                    Some(id) => {
                        let waiting = answers.lock().unwrap().remove(&id);
                        let _ = waiting.map(|waiting| waiting.send(message));
                    }
                    None => events.lock().unwrap().push(message),
                }
            }
        });
        chrome
    }

    fn call(&self, session: Option<&str>, method: &str, params: &Value) -> Value {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = mpsc::channel();
        self.answers.lock().unwrap().insert(id, answer);
        let mut request = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            request["sessionId"] = session.into();
        }
        let bytes = [request.to_string().as_bytes(), b"\0"].concat();
        self.requests.lock().unwrap().write_all(&bytes).unwrap();
        let answer = answered
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| panic!("{method} was not answered"));
        assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
        answer["result"].clone()
    }

    /// Opens a page in a profile of its own.
    pub(crate) fn open(&self, url: &str, width: u32) -> Tab<'_> {
        let profile = self.call(None, "Target.createBrowserContext", &json!({}));
        let target = self.call(
            None,
            "Target.createTarget",
            &json!({ "url": "about:blank", "browserContextId": profile["browserContextId"] }),
        );
        let attached = self.call(
            None,
            "Target.attachToTarget",
            &json!({ "targetId": target["targetId"], "flatten": true }),
        );
        let tab = Tab {
            chrome: self,
            session: attached["sessionId"].as_str().unwrap().to_owned(),
        };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            tab.call(&format!("{domain}.enable"), &json!({}));
        }
        tab.resize(width);
        // The answer comes when the new document is there.
        tab.call("Page.navigate", &json!({ "url": url }));
        tab.wait("document.readyState === 'complete'");
        tab
    }
}

impl Drop for Chrome {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A page in a browser.
pub(crate) struct Tab<'a> {
    chrome: &'a Chrome,
    session: String,
}

/// What a person can find: elements by their role and name.
const FIND: &str = include_str!("find.js");

impl Tab<'_> {
    fn call(&self, method: &str, params: &Value) -> Value {
        self.chrome.call(Some(&self.session), method, params)
    }

    /// Loads the page again, and waits until the new document is there: until then, an
    /// expression would meet the old one, or none.
    pub(crate) fn reload(&self) {
        let before = self.loads();
        self.call("Page.reload", &json!({}));
        let begun = Instant::now();
        while self.loads() == before {
            assert!(begun.elapsed() < PATIENCE, "the page is not loaded");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// How many documents were loaded so far.
    fn loads(&self) -> usize {
        let events = self.chrome.events.lock().unwrap();
        let ours = events
            .iter()
            .filter(|event| event["sessionId"] == self.session.as_str());
        ours.filter(|event| event["method"] == "Page.loadEventFired")
            .count()
    }

    pub(crate) fn resize(&self, width: u32) {
        self.call(
            "Emulation.setDeviceMetricsOverride",
            &json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500 }),
        );
    }

    /// Light or dark, as the person's system asks for it.
    pub(crate) fn prefer(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }, { "name": "prefers-reduced-motion", "value": "reduce" }]);
        self.call(
            "Emulation.setEmulatedMedia",
            &json!({ "features": features }),
        );
    }

    /// The value of an expression.
    pub(crate) fn eval(&self, expression: &str) -> Value {
        let answer = self.call(
            "Runtime.evaluate",
            &json!({ "expression": expression, "awaitPromise": true, "returnByValue": true }),
        );
        assert!(
            answer["exceptionDetails"].is_null(),
            "{expression:.300}: {}",
            answer["exceptionDetails"]
        );
        answer["result"]["value"].clone()
    }

    /// The value of an expression as soon as it is true.
    pub(crate) fn wait(&self, expression: &str) -> Value {
        let begun = Instant::now();
        loop {
            let value = self.eval(expression);
            let truth = match &value {
                Value::Null | Value::Bool(false) => false,
                Value::String(text) => !text.is_empty(),
                Value::Number(number) => number.as_f64() != Some(0.0),
                _ => true,
            };
            if truth {
                return value;
            }
            if begun.elapsed() > PATIENCE {
                let seen = self.eval("document.body.innerText.slice(0, 3000)");
                panic!(
                    "{expression:.300} is not true. The page says:\n{}\nThe browser says: {:#?}",
                    seen.as_str().unwrap_or_default(),
                    self.problems()
                );
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until a text is visible somewhere.
    pub(crate) fn reads(&self, text: &str) {
        self.wait(&format!(
            "document.body.innerText.includes({})",
            json!(text)
        ));
    }

    fn find(&self, within: &str, role: &str, name: &str) -> (f64, f64) {
        let find = format!(
            "({FIND})({}, {}, {})",
            json!(within),
            json!(role),
            json!(name)
        );
        let place = self.wait(&find);
        (place[0].as_f64().unwrap(), place[1].as_f64().unwrap())
    }

    /// Clicks with the mouse on an element with this role and name inside another one, as soon as
    /// there is one.
    pub(crate) fn click_in(&self, within: &str, role: &str, name: &str) {
        let (x, y) = self.find(within, role, name);
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            self.call(
                "Input.dispatchMouseEvent",
                &json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 }),
            );
        }
    }

    /// Types into a field.
    pub(crate) fn fill(&self, within: &str, name: &str, text: &str) {
        self.click_in(within, "textbox", name);
        self.eval("document.activeElement.select?.()");
        self.call("Input.insertText", &json!({ "text": text }));
    }

    /// Presses a key.
    pub(crate) fn press(&self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            self.call(
                "Input.dispatchKeyEvent",
                &json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": if key == "Enter" { 13 } else { 0 }, "text": if key == "Enter" && kind == "keyDown" { "\r" } else { "" } }),
            );
        }
    }

    /// A picture of the page, as PNG.
    pub(crate) fn shot(&self) -> Vec<u8> {
        let shot = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        let data = shot["data"].as_str().unwrap();
        BASE64_STANDARD.decode(data).unwrap()
    }

    /// Writes a picture of the page to `target/browser`.
    pub(crate) fn picture(&self, name: &str) {
        let shot = self.shot();
        fs::write(super::pictures().join(format!("{name}.png")), shot).unwrap();
    }

    /// Exceptions, errors of the console, and requests to other places.
    pub(crate) fn problems(&self) -> Vec<String> {
        let events = self.chrome.events.lock().unwrap();
        let ours = events
            .iter()
            .filter(|event| event["sessionId"] == self.session.as_str());
        ours.filter_map(|event| {
            let params = &event["params"];
            match event["method"].as_str()? {
                "Runtime.exceptionThrown" => Some(params["exceptionDetails"].to_string()),
                "Log.entryAdded" if params["entry"]["level"] == "error" => {
                    Some(params["entry"].to_string())
                }
                "Runtime.consoleAPICalled" if params["type"] == "error" => {
                    Some(params["args"].to_string())
                }
                "Network.requestWillBeSent" => {
                    let url = params["request"]["url"].as_str()?;
                    let inside = ["http://127.0.0.1:", "data:", "about:"];
                    (!inside.iter().any(|start| url.starts_with(start)))
                        .then(|| format!("a request to {url}"))
                }
                "Page.javascriptDialogOpening" => Some("a dialog".to_owned()),
                _ => None,
            }
        })
        .collect()
    }

    /// Panics if the page did anything wrong.
    pub(crate) fn was_clean(&self) {
        assert_eq!(self.problems(), [""; 0]);
    }
}
