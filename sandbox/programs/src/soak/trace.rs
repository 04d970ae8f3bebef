//! What went over the wire in a round and what the functions wrote, in the order of time, for whoever
//! looks for the cause of a failure. Secrets are masked.

use std::{fmt::Write as _, io, path::PathBuf, time::Instant};

use sandbox::{template, wire::Exchange};
use serde_json::Value;

use super::{
    ledger, replies,
    world::{Asked, GUESSED_PIN, PIN, World},
};

/// The longest body that is written, in characters.
const LONGEST: usize = 4_000;
const HIDDEN: &str = "••••";

/// Writes `wire.txt`, `log.txt` and `broken.txt`. Returns their folder.
pub(super) fn write(world: &World, seed: u64, broken: &[String]) -> io::Result<PathBuf> {
    let secrets = world.note(|asked| Secrets::of(world, asked));
    let folder = template::root().join("target/soak").join(seed.to_string());
    std::fs::create_dir_all(&folder)?;
    let mut log = String::new();
    for (name, lambda) in &world.functions {
        for line in lambda.log().into_iter().chain(lambda.errors()) {
            let _ = writeln!(log, "{name}: {}", secrets.mask(&line));
        }
    }
    std::fs::write(folder.join("log.txt"), log)?;
    std::fs::write(folder.join("wire.txt"), wire(world, &secrets))?;
    std::fs::write(folder.join("broken.txt"), secrets.mask(&broken.join("\n")))?;
    Ok(folder)
}

fn wire(world: &World, secrets: &Secrets) -> String {
    let servers = world.sandbox.servers().into_iter();
    let mut all: Vec<_> = servers
        .flat_map(|(name, server)| server.exchanges().into_iter().map(move |one| (name, one)))
        .collect();
    all.sort_by_key(|(_, exchange)| exchange.started);
    let begun = all
        .first()
        .map_or_else(Instant::now, |(_, one)| one.started);
    let mut text = String::new();
    for (name, exchange) in &all {
        let status = exchange
            .status
            .map_or("no answer".to_owned(), |status| status.to_string());
        let target = exchange
            .headers
            .iter()
            .find(|(name, _)| name == "x-amz-target");
        let operation = target.map_or("", |(_, operation)| operation);
        let _ = writeln!(
            text,
            "{:9.3} s {name} {} {} {operation} -> {status} after {} ms",
            exchange.started.duration_since(begun).as_secs_f64(),
            exchange.method,
            secrets.mask(&exchange.target),
            exchange.took.as_millis(),
        );
        let (request, response) = secrets.bodies(exchange, operation);
        let _ = writeln!(text, "    > {request}\n    < {response}");
    }
    text
}

/// What must not be written, and what stands for it.
struct Secrets(Vec<(String, String)>);

impl Secrets {
    fn of(world: &World, asked: &Asked) -> Self {
        let aws = &world.sandbox.aws;
        let names = aws.secret_names();
        let values = names.iter().filter_map(|name| aws.secret(name));
        let values = values.flat_map(|secret| match secret {
            Value::Object(members) => members.into_iter().map(|(_, value)| value).collect(),
            other => vec![other],
        });
        let values = values.filter_map(|value| value.as_str().map(str::to_owned));
        let codes = asked.codes.iter().flat_map(|code| {
            let spelt: Vec<_> = code.digits.chars().map(String::from).collect();
            // In JSON, and in forms.
            let [plain, form, url] = [". ", ".+", ".%20"].map(|pause| spelt.join(pause));
            [code.digits.clone(), plain, form, url]
        });
        let insisted = asked.insistent.iter().flat_map(|phone| {
            let codes = (0..World::INSISTS).map(|at| World::insisted(phone, at));
            codes.collect::<Vec<_>>()
        });
        let tickets = replies::tickets(asked).cloned();
        let words = values
            .filter(|value| value.len() >= 8)
            .chain(codes)
            .chain(insisted)
            .chain(tickets);
        let hidden = words.map(|word| (word, HIDDEN.to_owned()));
        let masked = ledger::phones(asked).map(|phone| {
            let (country, last) = (&phone[1..3], &phone[phone.len() - 4..]);
            (phone[1..].to_owned(), format!("{country}{HIDDEN}{last}"))
        });
        let mut all: Vec<_> = masked.chain(hidden).collect();
        // A longer one may hold a shorter one.
        all.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
        all.dedup();
        Self(all)
    }

    /// Bodies without secrets. Whole bodies of secrets, keys and tokens are left out.
    fn bodies(&self, exchange: &Exchange, operation: &str) -> (String, String) {
        let is_secret = ["secretsmanager", "TrentService"]
            .iter()
            .any(|service| operation.starts_with(service));
        if is_secret || exchange.target.contains("/oauth") {
            return (HIDDEN.to_owned(), HIDDEN.to_owned());
        }
        let shown = |body: &[u8]| {
            let text = String::from_utf8_lossy(body).replace(['\n', '\r'], " ");
            self.mask(&text).chars().take(LONGEST).collect()
        };
        (shown(&exchange.request), shown(&exchange.response))
    }

    fn mask(&self, text: &str) -> String {
        let mut shown = text.to_owned();
        for (word, instead) in &self.0 {
            if shown.contains(word.as_str()) {
                shown = shown.replace(word.as_str(), instead);
            }
        }
        let mut whole = String::with_capacity(shown.len());
        let is_end = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        for word in shown.split_inclusive(is_end) {
            let bare = word.trim_end_matches(is_end);
            // PINs, and tokens in JSON Web Token's form.
            if [PIN, GUESSED_PIN].contains(&bare) || bare.starts_with("eyJ") {
                whole.push_str(HIDDEN);
                whole.push_str(&word[bare.len()..]);
            } else {
                whole.push_str(word);
            }
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_masked() {
        let secrets = Secrets(vec![
            ("4520123456".to_owned(), "45••••3456".to_owned()),
            ("271828".to_owned(), HIDDEN.to_owned()),
        ]);
        for (text, shown) in [
            ("To=%2B4520123456&Body=271828", "To=%2B45••••3456&Body=••••"),
            ("{\"pin\":\"2718\"}", "{\"pin\":\"••••\"}"),
            ("Digits=1618&a=16180", "Digits=••••&a=16180"),
            ("Bearer eyJhbGciOi.x-y_z.a b", "Bearer •••• b"),
        ] {
            assert_eq!(secrets.mask(text), shown);
        }
    }
}
