//! The events of the page: a bounded ring, and streams that read it.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::response::sse;
use futures_util::{Stream, StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::moment;
use crate::wire::lock;

/// The number of events that are kept for a page that comes back.
const KEPT: usize = 8_192;
/// The pause after which a silent stream sends a comment.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(15);

/// One event.
pub(super) struct Event {
    pub(super) id: u64,
    kind: &'static str,
    data: String,
}

/// The events of one run of the sandbox.
pub(super) struct Feed {
    kept: Mutex<VecDeque<Arc<Event>>>,
    newest: watch::Sender<u64>,
}

impl Feed {
    /// A feed without events. Its ids differ from those of an earlier run.
    pub(super) fn new() -> Self {
        let (newest, _) = watch::channel(moment() * 1_000);
        Self {
            kept: Mutex::default(),
            newest,
        }
    }

    /// The number of streams.
    pub(super) fn readers(&self) -> usize {
        self.newest.receiver_count()
    }

    /// The id of the newest event.
    pub(super) fn newest(&self) -> u64 {
        *self.newest.borrow()
    }

    pub(super) fn push(&self, kind: &'static str, data: &Value) {
        let data = data.to_string();
        let mut kept = lock(&self.kept);
        let id = self.newest() + 1;
        kept.push_back(Arc::new(Event { id, kind, data }));
        if kept.len() > KEPT {
            kept.pop_front();
        }
        self.newest.send_replace(id);
    }

    /// The events after this one; `None` if some of them are not kept, or never were.
    fn after(&self, id: u64) -> Option<Vec<Arc<Event>>> {
        let kept = lock(&self.kept);
        let oldest = kept.front().map_or(self.newest() + 1, |event| event.id);
        if id > self.newest() || id + 1 < oldest {
            return None;
        }
        Some(kept.iter().filter(|event| event.id > id).cloned().collect())
    }

    /// The events after this one and all later ones.
    pub(super) fn stream(
        self: &Arc<Self>,
        since: u64,
    ) -> impl Stream<Item = Result<sse::Event, Infallible>> + use<> {
        let start = Reader {
            feed: Arc::clone(self),
            changes: self.newest.subscribe(),
            since,
            ready: VecDeque::new(),
        };
        let retry = stream::once(async { Ok(sse::Event::default().retry(Duration::from_secs(1))) });
        retry.chain(stream::unfold(start, |mut reader| async move {
            let event = reader.next().await?;
            Some((Ok(event), reader))
        }))
    }
}

struct Reader {
    feed: Arc<Feed>,
    changes: watch::Receiver<u64>,
    since: u64,
    ready: VecDeque<Arc<Event>>,
}

impl Reader {
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.since = event.id;
                let sent = sse::Event::default().id(event.id.to_string());
                return Some(sent.event(event.kind).data(&event.data));
            }
            self.changes.borrow_and_update();
            let Some(events) = self.feed.after(self.since) else {
                self.since = self.feed.newest();
                let data = json!({ "at": moment(), "world": "main", "event": self.since });
                let sent = sse::Event::default().id(self.since.to_string());
                return Some(sent.event("reset").data(data.to_string()));
            };
            self.ready.extend(events);
            if self.ready.is_empty() {
                self.changes.changed().await.ok()?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_ring_is_bounded_and_a_gap_is_told() {
        let feed = Arc::new(Feed::new());
        let first = feed.newest();
        for n in 0..=KEPT {
            feed.push("text", &json!({ "n": n }));
        }
        assert_eq!(lock(&feed.kept).len(), KEPT);
        assert!(feed.after(first).is_none(), "the first one is gone");
        assert_eq!(feed.after(first + 1).map(|events| events.len()), Some(KEPT));
        assert!(feed.after(feed.newest() + 1).is_none(), "of another run");
        let mut stream = Box::pin(feed.stream(first)).skip(1);
        let reset = format!("{:?}", stream.next().await);
        assert!(reset.contains("reset"), "{reset}");
        feed.push("text", &json!({ "n": "later" }));
        let later = format!("{:?}", stream.next().await);
        assert!(later.contains("later"), "{later}");
    }
}
