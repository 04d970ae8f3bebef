//! A mail that becomes one SMS: the journal's claim together with the pending request.

use std::collections::BTreeSet;

use shared::platform::table::{Item, Table, Unavailable};
use shared::rules::journal::{Entry, Stage};
use shared::rules::link::Kind;
use shared::rules::met::{Met, Repeat};
use shared::rules::pending::{self, Request};
use shared::rules::phone::E164;
use stateright::Property;

use crate::table::Reply;
use crate::tape::{Call, Code, Wire, at};
use crate::world::{Doubt, Explored, Protocol, World};

const PATIENCE: u64 = 30;
const LEASE: u64 = PATIENCE + 2;
/// How long a mail is remembered: longer than it can be posted.
const REMEMBERED: u64 = 100_000;

/// The README's first promise about mails.
pub const ONE_SMS: &str = "one mail becomes one SMS, unless Twilio's answer is lost";

/// The promise about lost mails.
pub const DELIVERED: &str = "a mail that a working provider can deliver is delivered";

/// One mail, posted by several callers at the same time and again.
#[derive(Debug)]
pub struct Mail {
    /// How many callers post the mail.
    pub posts: usize,
    /// True: a request is withdrawn while the failure is being stored. This loses mails.
    pub withdraws_at_once: bool,
}

/// What Twilio and the callers have seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    /// SMS that Twilio accepted.
    pub accepted: u8,
    /// Accepted SMS of which the table does not know: Twilio's answer was lost, the instance ended
    /// before it stored it, or the closing write was lost or late.
    pub unrecorded: u8,
    /// The callers whose instance has an accepted SMS and has not ended.
    open: BTreeSet<usize>,
}

/// The request of a mail.
pub fn request(mail: &str, slot: &str, owner: &str, mailed_at: u64, now: u64) -> Request {
    Request {
        id: mail.to_owned(),
        slot: slot.to_owned(),
        kind: Kind::Verification,
        link: "https://tenant.invalid/ticket".to_owned(),
        email: "a@b.invalid".to_owned(),
        mailed_at,
        created_at: now,
        expires_at: now + 50_000,
        code: None,
        language: None,
        added_by: owner.to_owned(),
    }
}

/// The number of all models.
pub fn phone() -> E164 {
    "+4520123456".parse().expect("a number")
}

impl Protocol for Mail {
    type Seen = Seen;

    fn callers(&self) -> usize {
        self.posts
    }

    fn seconds(&self) -> Vec<u64> {
        vec![1_000, 1_000 + LEASE + 8]
    }

    fn patience(&self) -> u64 {
        PATIENCE
    }

    fn code(&self, caller: usize, attempt: u8, now: u64, wire: Wire) -> Code {
        let owner = format!("post {caller}, instance {attempt}");
        let at_once = self.withdraws_at_once;
        Box::pin(async move {
            let post = Post {
                entry: Entry::new("sms#mail", owner.clone(), now + LEASE, now + REMEMBERED),
                request: request("mail", "slot", &owner, 900, now),
                table: wire.table(),
                wire,
                at_once,
            };
            post.deliver(now).await
        })
    }

    fn results(&self, _: &Call, caller: usize, world: &World<Self>) -> Vec<(Reply, Seen)> {
        let mut sent = world.seen.clone();
        sent.accepted += 1;
        sent.open.insert(caller);
        vec![
            (Reply::word("accepted"), sent),
            (Reply::word("unavailable"), world.seen.clone()),
        ]
    }

    fn in_doubt(&self, seen: &mut Seen, _: Doubt, caller: usize) {
        seen.unrecorded += u8::from(seen.open.remove(&caller));
    }

    fn answered(&self, seen: &mut Seen, caller: usize, _: &str) {
        seen.open.remove(&caller);
    }

    fn repeats(&self, answer: Option<&str>) -> bool {
        // Mailgun repeats until 200 or 406.
        !matches!(answer, Some("sent" | "duplicate"))
    }

    fn is_achieved(&self, world: &World<Self>) -> bool {
        world.seen.accepted > 0
    }

    fn promises() -> Vec<Property<Explored<Self>>> {
        vec![
            Property::always(ONE_SMS, |_, world: &World<Self>| {
                world.seen.accepted <= 1 + world.seen.unrecorded
            }),
            Property::always(
                "a post is answered with 200 only if the SMS was accepted",
                |_, world: &World<Self>| {
                    let ended = |answer: &Option<String>| {
                        matches!(answer.as_deref(), Some("sent" | "duplicate"))
                    };
                    let is_said = world.callers.iter().any(|caller| ended(&caller.answer));
                    !is_said || world.seen.accepted > 0
                },
            ),
            Property::always(
                "after a text that Twilio accepted, the request waits",
                |_, world: &World<Self>| {
                    let waits = || {
                        let item = world.items.get("pending#+4520123456 / pending");
                        item.is_some_and(|item| item.get("r_slot").is_some())
                    };
                    world.seen.accepted == 0 || !world.is_quiet() || waits()
                },
            ),
            Property::always(DELIVERED, Explored::ends_well),
            Property::sometimes(
                "a lost answer becomes a second SMS",
                |_, world: &World<Self>| world.seen.accepted > 1,
            ),
        ]
    }
}

/// One instance at work on the mail.
struct Post {
    entry: Entry,
    request: Request,
    table: Table,
    wire: Wire,
    at_once: bool,
}

impl Post {
    async fn deliver(&self, now: u64) -> String {
        let phone = phone();
        for _ in 0..3 {
            let claim = self.entry.claim(at(now));
            let updates = vec![claim, pending::add(&phone, &self.request)];
            let Ok(refusals) = self.table.update_all(updates).await else {
                return "unavailable".to_owned();
            };
            let seen = match refusals.as_deref() {
                None => return self.send(Stage::Failed).await,
                Some([Some(seen), ..]) => seen.clone(),
                Some(_) => return "duplicate".to_owned(),
            };
            let met = self
                .entry
                .met(&seen, at(now), Repeat::AfterFailureOrUnknown);
            match met {
                Met::Ours => return self.send(Stage::Failed).await,
                Met::Wait => return "in progress".to_owned(),
                Met::Ended(_) => return "duplicate".to_owned(),
                Met::Again(stage) => {
                    if let Some(answer) = self.again(&seen, stage).await {
                        return answer;
                    }
                }
            }
        }
        "in progress".to_owned()
    }

    /// `None`: another instance was faster.
    async fn again(&self, seen: &Item, stage: Stage) -> Option<String> {
        let store = if stage == Stage::Unknown {
            pending::renew(&phone(), &self.request)
        } else {
            pending::add(&phone(), &self.request)
        };
        let updates = vec![self.entry.claim_again(seen), store];
        let Ok(refusals) = self.table.update_all(updates).await else {
            return Some("unavailable".to_owned());
        };
        match refusals.as_deref() {
            None => Some(self.send(stage).await),
            Some([Some(_), ..]) => None,
            Some(_) => Some("duplicate".to_owned()),
        }
    }

    async fn send(&self, on_failure: Stage) -> String {
        let (stage, answer) = match self.wire.effect("Twilio").await.as_deref() {
            Some("accepted") => {
                let sent = Stage::Sent {
                    sid: Some("id".to_owned()),
                    provider: None,
                    sender: None,
                };
                (sent, "sent")
            }
            Some(_) => (on_failure, "unavailable"),
            None => (Stage::Unknown, "unknown"),
        };
        let settled = self.entry.settle(&self.table, &stage);
        let withdrawn = async {
            if stage == Stage::Failed {
                pending::withdraw(&self.table, &phone(), &self.request).await?;
            }
            Ok::<(), Unavailable>(())
        };
        // As the function's `closing_writes`.
        let _: Result<(), Unavailable> = if self.at_once {
            let (settled, withdrawn) = tokio::join!(settled, withdrawn);
            settled.and(withdrawn)
        } else {
            match settled.await {
                Ok(()) => withdrawn.await,
                error => error,
            }
        };
        answer.to_owned()
    }
}
