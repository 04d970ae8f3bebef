//! The table at the moment of an upgrade: its items become those that another version would have
//! written.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sandbox::{Sandbox, template::root};
use serde_json::{Map, Value, json};

/// Records the items of this version: `RECORD_ITEMS=0.1 cargo test -p sandbox --test it upgrades`.
const RECORD: &str = "RECORD_ITEMS";
/// A time in an item is at most this far away, in seconds.
const NEAR: i64 = 400 * 24 * 3600;
/// A time is in seconds, or the number of a span of so many: those of limits of a minute, an hour, a
/// day.
const SPANS: [i64; 4] = [1, 5, 300, 7200];
/// A word with so many letters is an id.
const LONG: usize = 20;

/// What becomes of the items between the halves of a flow.
pub(crate) enum Upgrade {
    /// They are written to this file.
    Recorded(PathBuf),
    /// They become what the version that this file was recorded with would have written.
    From(PathBuf),
    /// They get an attribute that only a newer version knows: a rollback.
    Back,
}

/// The folder with a folder of recorded items for each version.
pub(crate) fn folder() -> PathBuf {
    root().join("sandbox/tests/it/upgrades")
}

/// The folders of the versions.
pub(crate) fn versions() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_dir()).collect()
}

/// The items of a recorded file, and the time of the recording.
pub(crate) fn read(path: &Path) -> (i64, Vec<Value>) {
    let text = fs::read_to_string(path).unwrap_or_else(|error| {
        panic!("{}: {error}; {RECORD} records it", path.display());
    });
    let recorded: Value = serde_json::from_str(&text).unwrap();
    let items = recorded["items"].as_array().unwrap().clone();
    (recorded["recorded_at"].as_i64().unwrap(), items)
}

/// The upgrades to this version, and the rollback from the next, for a flow.
pub(crate) fn upgrades(flow: &str) -> Vec<Upgrade> {
    let file = format!("{flow}.json");
    if let Some(version) = std::env::var_os(RECORD) {
        return vec![Upgrade::Recorded(folder().join(version).join(file))];
    }
    let versions = versions().into_iter();
    let recorded = versions.map(|version| Upgrade::From(version.join(&file)));
    recorded.chain([Upgrade::Back]).collect()
}

impl Upgrade {
    /// Replaces the items of the table.
    pub(crate) async fn happens(&self, sandbox: &Sandbox) {
        let aws = &sandbox.aws;
        let mut live = aws.items().await;
        assert!(!live.is_empty(), "the first half of the flow wrote nothing");
        live.sort_by_key(name);
        match self {
            Self::Recorded(path) => {
                for item in &mut live {
                    item.sort_all_objects();
                }
                let recorded = json!({ "recorded_at": sandbox::now().as_secs(), "items": live });
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                let text = serde_json::to_string_pretty(&recorded).unwrap();
                fs::write(path, text + "\n").unwrap();
            }
            Self::From(path) => {
                let (recorded_at, recorded) = read(path);
                let items = translated(&recorded, recorded_at, &live);
                for item in &live {
                    let [pk, sk] = ["pk", "sk"].map(|key| item[key]["S"].as_str().unwrap());
                    aws.delete(pk, sk).await;
                }
                for item in items {
                    aws.put(item).await;
                }
            }
            Self::Back => {
                for mut item in live {
                    item["of_a_newer_version"] = json!({ "M": { "stage": { "S": "unheard of" } } });
                    aws.put(item).await;
                }
            }
        }
    }
}

/// Of the key: what does not differ between two runs.
fn name(item: &Value) -> [String; 2] {
    ["pk", "sk"].map(|key| skeleton(item[key]["S"].as_str().unwrap()))
}

/// A text without what differs between two runs: ids, numbers, times.
fn skeleton(text: &str) -> String {
    // With what Base64 and UUIDs have.
    let is_inner = |c: char| c.is_ascii_alphanumeric() || "_-+/=".contains(c);
    let mut skeleton = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest
            .find(|c| is_inner(c) != is_inner(first))
            .unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        let is_id = run.len() >= LONG || run.contains(|c: char| c.is_ascii_digit());
        skeleton += if is_inner(first) && is_id { "*" } else { run };
        rest = after;
    }
    skeleton
}

/// The recorded items, as if they had been written in this run: with its ids and now.
fn translated(recorded: &[Value], recorded_at: i64, live: &[Value]) -> Vec<Value> {
    let mut rest: Vec<&Value> = live.iter().collect();
    let now = i64::try_from(sandbox::now().as_secs()).unwrap();
    let moment = Moment { recorded_at, now };
    let translate = |item: &Value| {
        let twin = rest.iter().position(|other| name(other) == name(item));
        let twin = twin.map_or(&Value::Null, |at| rest.remove(at));
        moment.entries(item, twin).into()
    };
    recorded.iter().map(translate).collect()
}

/// When items were recorded, and when they are played.
struct Moment {
    recorded_at: i64,
    now: i64,
}

impl Moment {
    /// The attributes of an item or a map. Their names may contain ids.
    fn entries(&self, recorded: &Value, live: &Value) -> Map<String, Value> {
        let none = Map::new();
        let live = live.as_object().unwrap_or(&none);
        let mut twins: Vec<_> = live.iter().collect();
        let recorded = recorded.as_object().unwrap().iter();
        recorded
            .map(|(name, value)| {
                let twin = twins
                    .iter()
                    .position(|(other, _)| *other == name)
                    .or_else(|| {
                        let mut others = twins.iter();
                        others.position(|(other, _)| skeleton(other) == skeleton(name))
                    });
                match twin.map(|at| twins.remove(at)) {
                    Some((twin, live)) => (twin.clone(), self.attribute(value, live)),
                    None => (name.clone(), self.attribute(value, &Value::Null)),
                }
            })
            .collect()
    }

    fn attribute(&self, recorded: &Value, live: &Value) -> Value {
        let (kind, value) = recorded.as_object().unwrap().iter().next().unwrap();
        let twin = &live[kind];
        let translated = match kind.as_str() {
            "N" => json!(self.number(value.as_str().unwrap())),
            "S" => match twin.as_str() {
                Some(twin) if skeleton(twin) == skeleton(value.as_str().unwrap()) => json!(twin),
                _ => value.clone(),
            },
            "M" => self.entries(value, twin).into(),
            "L" => {
                let empty = vec![];
                let twins = twin.as_array().unwrap_or(&empty);
                let values = value.as_array().unwrap().iter().enumerate();
                let twin = |at: usize| twins.get(at).unwrap_or(&Value::Null);
                values
                    .map(|(at, value)| self.attribute(value, twin(at)))
                    .collect()
            }
            // Ids only, or what was encrypted for an id.
            "SS" | "B" if !twin.is_null() => twin.clone(),
            _ => value.clone(),
        };
        json!({ kind: translated })
    }

    /// A time moves. Other numbers stay.
    fn number(&self, text: &str) -> String {
        let Ok(number) = text.parse::<i64>() else {
            return text.to_owned();
        };
        let is_near = |seconds: i64| (seconds - self.recorded_at).abs() < NEAR;
        if is_near(number / 1000) {
            return (number + (self.now - self.recorded_at) * 1000).to_string();
        }
        let mut spans = SPANS.into_iter();
        let span = spans.find(|span| is_near(number.saturating_mul(*span)));
        span.map_or(text.to_owned(), |span| {
            (number + self.now / span - self.recorded_at / span).to_string()
        })
    }
}

#[test]
fn a_recorded_item_becomes_one_of_this_run_with_its_own_format() {
    let now = i64::try_from(sandbox::now().as_secs()).unwrap();
    let recorded = json!({
        "pk": { "S": "sent#code#a1b2c3" }, "sk": { "S": "send" }, "stage": { "S": "sent" }, "expires_at": { "N": "1795001000" },
        "receipts": { "M": { "plivo 7": { "S": "failed" } } }, "newest": { "N": "5983333" }, "count": { "N": "27" },
    });
    let live = json!({
        "pk": { "S": "sent#code#f9" }, "sk": { "S": "send" }, "stage": { "S": "delivered" }, "expires_at": { "N": "1" },
        "receipts": { "M": { "plivo 8": { "S": "failed" } } }, "new": { "S": "unknown then" },
    });
    let expected = json!({
        "pk": { "S": "sent#code#f9" }, "sk": { "S": "send" }, "stage": { "S": "sent" }, "expires_at": { "N": (now + 1000).to_string() },
        "receipts": { "M": { "plivo 8": { "S": "failed" } } }, "newest": { "N": (now / 300).to_string() }, "count": { "N": "27" },
    });
    let translated = translated(&[recorded], 1_795_000_000, &[live]);
    assert_eq!(translated, [expected]);
}
