//! Delivery receipts: what becomes of a text that a provider took, and how the provider tells it.
//!
//! A text arrives at once, unless a test chooses another [`Fate`] for its number or for the next
//! text. Each simulator makes its own requests and signs them as the real provider does. This module
//! posts them, in the background and in order.

use std::{
    collections::{HashMap, VecDeque},
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::Notify;

use crate::wire::{client, lock};

/// Maximum time that a provider waits for an answer.
const TIME_TO_ANSWER: Duration = Duration::from_secs(15);
/// Pause before a repetition. The real providers wait for minutes.
const PAUSE: Duration = Duration::from_millis(50);

/// What a receipt says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The network has the text.
    OnItsWay,
    /// The phone has it.
    Delivered,
    /// It will not arrive. The code is the provider's.
    Failed(u32),
    /// It waited longer than its validity.
    Expired,
}

/// One receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Post {
    /// What it says.
    pub state: State,
    /// True if a stranger posts it, who knows the provider's form but not its key.
    pub forged: bool,
}

impl Post {
    /// The provider says so.
    pub fn genuine(state: State) -> Self {
        Self {
            state,
            forged: false,
        }
    }

    /// A stranger says so.
    pub fn forged(state: State) -> Self {
        Self {
            state,
            forged: true,
        }
    }
}

/// The receipts of a text, in the order of their arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    posts: Vec<Post>,
    late: bool,
}

impl Fate {
    fn of(states: &[State]) -> Self {
        let posts = states.iter().copied().map(Post::genuine);
        Self {
            posts: posts.collect(),
            late: false,
        }
    }

    /// The text arrives.
    pub fn delivered() -> Self {
        Self::of(&[State::OnItsWay, State::Delivered])
    }

    /// The text fails, with this code of the provider.
    pub fn failed(code: u32) -> Self {
        Self::of(&[State::OnItsWay, State::Failed(code)])
    }

    /// The text waits too long.
    pub fn expired() -> Self {
        Self::of(&[State::OnItsWay, State::Expired])
    }

    /// Nothing is heard of the text.
    pub fn never() -> Self {
        Self::of(&[])
    }

    /// These receipts arrive after the others.
    #[must_use]
    pub fn then(mut self, later: Self) -> Self {
        self.posts.extend(later.posts);
        self
    }

    /// The last receipt arrives twice.
    #[must_use]
    pub fn twice(mut self) -> Self {
        self.posts.extend(self.posts.last().copied());
        self
    }

    /// The last receipt arrives first.
    #[must_use]
    pub fn out_of_order(mut self) -> Self {
        self.posts.reverse();
        self
    }

    /// The receipts arrive when [`Receipts::release`] says so.
    #[must_use]
    pub fn late(mut self) -> Self {
        self.late = true;
        self
    }

    /// A stranger posts the receipts.
    #[must_use]
    pub fn forged(mut self) -> Self {
        self.posts.iter_mut().for_each(|post| post.forged = true);
        self
    }
}

/// The repetitions of a provider.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repeats {
    pub(crate) times: u64,
    /// True if an answer 5xx is a reason. No answer always is one.
    pub(crate) after_5xx: bool,
}

impl Repeats {
    /// Of a provider that repeats what was not answered with 2xx. The real ones do it for a day.
    pub(crate) const USUAL: Self = Self {
        times: 2,
        after_5xx: true,
    };
}

/// The receipts of one provider.
#[derive(Clone)]
pub struct Receipts(Arc<Shared>);

struct Shared {
    client: reqwest::Client,
    plan: Mutex<Plan>,
    posted: Notify,
}

struct Plan {
    usual: Fate,
    next: VecDeque<Fate>,
    numbers: HashMap<String, Fate>,
    late: Vec<(Vec<reqwest::Request>, Repeats)>,
    /// Number of texts whose receipts are being posted.
    under_way: usize,
    answers: Vec<u16>,
}

impl Receipts {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shared {
            client: client(),
            plan: Mutex::new(Plan {
                usual: Fate::delivered(),
                next: VecDeque::new(),
                numbers: HashMap::new(),
                late: vec![],
                under_way: 0,
                answers: vec![],
            }),
            posted: Notify::new(),
        }))
    }

    /// The fate of every text without one of its own.
    pub fn usually(&self, fate: Fate) {
        lock(&self.0.plan).usual = fate;
    }

    /// The fate of the next text that the provider takes, before that of its number.
    pub fn next(&self, fate: Fate) {
        lock(&self.0.plan).next.push_back(fate);
    }

    /// Forgets what [`Receipts::next`] planned.
    pub fn forget_next(&self) {
        lock(&self.0.plan).next.clear();
    }

    /// The fate of all later texts to this number (E.164).
    pub fn of(&self, number: &str, fate: Fate) {
        lock(&self.0.plan).numbers.insert(number.to_owned(), fate);
    }

    /// Posts the late receipts, and waits until all receipts are posted.
    pub async fn release(&self) {
        let late = std::mem::take(&mut lock(&self.0.plan).late);
        for (requests, repeats) in late {
            self.post_soon(requests, repeats);
        }
        self.posted().await;
    }

    /// Waits until all receipts except the late ones are posted and answered. A provider repeats an
    /// unanswered one a few times.
    pub async fn posted(&self) {
        loop {
            let mut posted = pin!(self.0.posted.notified());
            // A change after this line wakes the wait below.
            posted.as_mut().enable();
            if lock(&self.0.plan).under_way == 0 {
                return;
            }
            posted.await;
        }
    }

    /// The statuses of the answers, in order; 0 if there was no answer. A repetition counts.
    pub fn answers(&self) -> Vec<u16> {
        lock(&self.0.plan).answers.clone()
    }

    /// Posts the receipts of a text to this number (E.164), as it is planned. `requests` makes those
    /// of one receipt: none, or one for each part of a long text.
    pub(crate) fn tell(
        &self,
        number: &str,
        repeats: Repeats,
        requests: impl Fn(Post) -> Vec<reqwest::Request>,
    ) {
        let mut plan = lock(&self.0.plan);
        let own = plan.next.pop_front();
        let fate = own
            .or_else(|| plan.numbers.get(number).cloned())
            .unwrap_or_else(|| plan.usual.clone());
        let requests: Vec<_> = fate.posts.into_iter().flat_map(requests).collect();
        if fate.late {
            plan.late.push((requests, repeats));
            return;
        }
        drop(plan);
        self.post_soon(requests, repeats);
    }

    fn post_soon(&self, requests: Vec<reqwest::Request>, repeats: Repeats) {
        lock(&self.0.plan).under_way += 1;
        let receipts = self.clone();
        tokio::spawn(async move {
            for request in requests {
                receipts.post(request, repeats).await;
            }
            lock(&receipts.0.plan).under_way -= 1;
            receipts.0.posted.notify_waiters();
        });
    }

    /// Posts one request, with repetitions. Returns the status of the last answer.
    pub(crate) async fn post(&self, request: reqwest::Request, repeats: Repeats) -> u16 {
        let mut repeated = 0;
        loop {
            let mut attempt = request.try_clone().expect("the body is no stream");
            attempt.timeout_mut().get_or_insert(TIME_TO_ANSWER);
            let answer = self.0.client.execute(attempt).await;
            let status = answer.map_or(0, |answer| {
                // Lambda answers 200 for a function that failed.
                let has_failed = answer.headers().contains_key("x-amz-function-error");
                if has_failed {
                    500
                } else {
                    answer.status().as_u16()
                }
            });
            lock(&self.0.plan).answers.push(status);
            let again = status == 0 || repeats.after_5xx && status >= 500;
            if !again || repeated == repeats.times {
                return status;
            }
            repeated += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// The requests of a receipt: each is a POST of a form.
pub(crate) fn form(
    url: &str,
    params: &[(String, String)],
    headers: &[(&str, &str)],
) -> Option<reqwest::Request> {
    let request = client().post(url).form(params);
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    request.build().ok()
}

/// Parameters, as the functions that sign take them.
pub(crate) fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Server;
    use axum::{Router, http::StatusCode, routing::post};

    fn requests(url: &str) -> impl Fn(Post) -> Vec<reqwest::Request> {
        let url = url.to_owned();
        move |post| {
            let params = pairs(&[("is", &format!("{:?} {}", post.state, post.forged))]);
            form(&url, &params, &[]).into_iter().collect()
        }
    }

    fn bodies(hook: &Server) -> Vec<String> {
        let exchanges = hook.exchanges().into_iter();
        exchanges
            .map(|exchange| String::from_utf8_lossy(&exchange.request).into_owned())
            .collect()
    }

    #[tokio::test]
    async fn receipts_come_as_planned() {
        let router = Router::new().fallback(|| async {});
        let hook = Server::start("hook", router).await.unwrap();
        let (sent, arrived, failed) = (
            "is=OnItsWay+false",
            "is=Delivered+false",
            "is=Failed%283%29+false",
        );
        let plans: [(Fate, &[&str]); 8] = [
            (Fate::delivered(), &[sent, arrived]),
            (Fate::failed(3), &[sent, failed]),
            (Fate::expired(), &[sent, "is=Expired+false"]),
            (Fate::never(), &[]),
            (Fate::failed(3).twice(), &[sent, failed, failed]),
            (Fate::delivered().out_of_order(), &[arrived, sent]),
            (
                Fate::failed(3).then(Fate::delivered()),
                &[sent, failed, sent, arrived],
            ),
            (
                Fate::delivered().forged(),
                &["is=OnItsWay+true", "is=Delivered+true"],
            ),
        ];
        for (fate, expected) in plans {
            let receipts = Receipts::new();
            receipts.of("+4512345678", fate);
            receipts.tell("+4512345678", Repeats::USUAL, requests(&hook.url()));
            receipts.posted().await;
            assert_eq!(bodies(&hook), expected);
            assert_eq!(receipts.answers(), vec![200; expected.len()]);
            hook.clear_exchanges();
        }
    }

    #[tokio::test]
    async fn late_receipts_wait_until_they_are_released() {
        let router = Router::new().fallback(|| async {});
        let hook = Server::start("hook", router).await.unwrap();
        let receipts = Receipts::new();
        receipts.usually(Fate::never());
        receipts.next(Fate::delivered().late());
        for _ in 0..2 {
            receipts.tell("+4512345678", Repeats::USUAL, requests(&hook.url()));
        }
        receipts.posted().await;
        assert_eq!(bodies(&hook), [""; 0]);
        receipts.release().await;
        assert_eq!(bodies(&hook).len(), 2);
        receipts.release().await;
        assert_eq!(bodies(&hook).len(), 2, "once");
    }

    #[tokio::test]
    async fn an_unanswered_receipt_is_repeated_a_few_times() {
        let router = Router::new()
            .route("/503", post(|| async { StatusCode::SERVICE_UNAVAILABLE }))
            .route("/403", post(|| async { StatusCode::FORBIDDEN }));
        let hook = Server::start("hook", router).await.unwrap();
        let none = Repeats {
            times: 2,
            after_5xx: false,
        };
        for (path, repeats, answers) in [
            ("/503", Repeats::USUAL, &[503; 6][..]),
            ("/503", none, &[503; 2]),
            ("/403", Repeats::USUAL, &[403; 2]),
        ] {
            let receipts = Receipts::new();
            let url = format!("{}{path}", hook.url());
            receipts.tell("+4512345678", repeats, requests(&url));
            receipts.posted().await;
            assert_eq!(receipts.answers(), answers, "{path}");
        }
    }
}
