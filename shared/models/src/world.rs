//! What can happen next, and the states that result.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use stateright::{Checker, Model, Property};

use crate::fault::Fault;
use crate::table::{Engine, Items, Reply};
use crate::tape::{Call, Code, Player, Step, Tape, Wire};

mod end;

use end::Order;

/// A protocol to explore.
pub trait Protocol: Sized + Send + Sync + 'static {
    /// What has happened outside the table.
    type Seen: Debug + Clone + Default + PartialEq + Eq + Hash + Send + Sync;

    /// The number of callers. Each repeats its request, one instance after the other.
    fn callers(&self) -> usize;

    /// The seconds at which the clock may stand.
    fn seconds(&self) -> Vec<u64>;

    /// How long an instance begins effects: its time limit.
    fn patience(&self) -> u64;

    /// The time between two rounds of repeats in a fair end.
    fn round(&self) -> u64 {
        self.patience() + 10
    }

    /// True: the calls that an instance makes at the same time are served in one order. Their other
    /// orders are left out, because there would be too many.
    fn is_in_order(&self) -> bool {
        false
    }

    /// True for a call that changes nothing. Its loss has one form, and no instance ends right before
    /// it: these states are like others.
    fn is_read(&self, _call: &Call) -> bool {
        false
    }

    /// True: Lambda ends an instance at its time limit. Only a write that it has sent may come later.
    /// False: its later writes come late, too.
    fn is_ended_when_late(&self) -> bool {
        false
    }

    /// Whether a caller has a reason to begin now. Callers that are alike need not all be the first.
    fn may_begin(&self, _caller: usize, _world: &World<Self>) -> bool {
        true
    }

    /// What there is outside before the first step.
    fn beginning(&self) -> Self::Seen {
        Self::Seen::default()
    }

    /// What the table holds before the first step.
    fn stored_before(&self) -> Items {
        Items::default()
    }

    /// What people may do outside, whatever the instances do.
    fn happenings(&self, _world: &World<Self>) -> Vec<Self::Seen> {
        Vec::new()
    }

    /// The code of instance number `attempt` of `caller`.
    fn code(&self, caller: usize, attempt: u8, now: u64, wire: Wire) -> Code;

    /// The possible results of an effect; the first one is that of a working world.
    fn results(&self, call: &Call, caller: usize, world: &World<Self>) -> Vec<(Reply, Self::Seen)>;

    /// The caller whose instance has ended before anything else happens.
    fn first(&self) -> Option<usize> {
        None
    }

    /// Whether a caller repeats its request in a fair end.
    fn repairs(&self, _caller: usize) -> bool {
        true
    }

    /// Notes what went wrong in an instance of `caller`.
    fn in_doubt(&self, _seen: &mut Self::Seen, _what: Doubt, _caller: usize) {}

    /// Notes what the table holds after a call.
    fn stored(&self, _seen: &mut Self::Seen, _items: &Items) {}

    /// Notes the table's answer to a call of `caller` at second `now`. The answer may get lost.
    fn replied(&self, _: &mut Self::Seen, _call: &Call, _: &Reply, _caller: usize, _now: u64) {}

    /// Notes that TTL has deleted an item.
    fn deleted(&self, _seen: &mut Self::Seen, _name: &str) {}

    /// Notes the answer that a caller got.
    fn answered(&self, _seen: &mut Self::Seen, _caller: usize, _answer: &str) {}

    /// Whether a caller repeats its request after this answer. `None`: after a crash.
    fn repeats(&self, _answer: Option<&str>) -> bool {
        true
    }

    /// What a working world brings about in the end.
    fn is_achieved(&self, world: &World<Self>) -> bool;

    /// The promises.
    fn promises() -> Vec<Property<Explored<Self>>>;
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// The answer of an effect was lost.
    Answer,
    /// A write to the table, or its answer, was lost.
    Write,
    /// An instance ended in the middle.
    Crash,
    /// The time of an instance is over. What it still writes comes late.
    Late,
}

/// How much may go wrong.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Instances of each caller.
    pub attempts: u8,
    /// Requests or answers that are lost.
    pub losses: u8,
    /// Instances that end in the middle.
    pub crashes: u8,
}

/// An instance at work.
#[derive(Debug, PartialEq, Eq, Hash, Clone)]
pub struct Running {
    began: u64,
    tape: Tape,
}

/// One caller.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Instances begun.
    pub attempts: u8,
    running: Option<Running>,
    /// The last answer; `None` before the first and after a crash.
    pub answer: Option<String>,
}

/// A state.
#[derive(Debug)]
pub struct World<P: Protocol> {
    /// The table.
    pub items: Items,
    /// The place of the clock among [`Protocol::seconds`].
    pub tick: usize,
    /// The callers.
    pub callers: Vec<Caller>,
    /// What has happened outside.
    pub seen: P::Seen,
    losses: u8,
    crashes: u8,
}

impl<P: Protocol> Clone for World<P> {
    fn clone(&self) -> Self {
        Self {
            items: self.items.clone(),
            callers: self.callers.clone(),
            seen: self.seen.clone(),
            ..*self
        }
    }
}

impl<P: Protocol> PartialEq for World<P> {
    fn eq(&self, other: &Self) -> bool {
        (self.tick, self.losses, self.crashes) == (other.tick, other.losses, other.crashes)
            && self.items == other.items
            && self.callers == other.callers
            && self.seen == other.seen
    }
}

impl<P: Protocol> Hash for World<P> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.tick, self.losses, self.crashes).hash(state);
        self.items.hash(state);
        self.callers.hash(state);
        self.seen.hash(state);
    }
}

impl<P: Protocol> World<P> {
    /// Whether it is a caller's turn to begin, among callers that are alike: each begins after the one
    /// before it. What is left out differs only in who is who.
    pub fn is_next(&self, caller: usize) -> bool {
        caller == 0 || self.callers[caller - 1].attempts > 0
    }

    /// True if no instance is at work.
    pub fn is_quiet(&self) -> bool {
        self.callers.iter().all(|caller| caller.running.is_none())
    }
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It is answered. An effect has the result with this number.
    Answered(usize),
    /// It has its effect, but the answer is lost.
    AnswerLost(usize),
    /// It is lost before it has an effect.
    RequestLost,
}

/// What happens next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// A caller's request starts an instance.
    Begin(usize),
    /// A call of a caller's instance, by its place among the waiting ones.
    Serve(usize, usize, Fate),
    /// A caller's instance ends in the middle.
    Crash(usize),
    /// Time passes.
    Tick,
    /// DynamoDB deletes an item by TTL.
    Delete(String),
    /// People do something outside: the happening with this number.
    Happen(usize),
}

/// A protocol with its bounds, for `stateright`.
#[derive(Debug)]
pub struct Explored<P: Protocol> {
    /// The protocol.
    pub protocol: P,
    bounds: Bounds,
    seconds: Vec<u64>,
    engine: Engine,
    player: Player,
    /// Whether a state ends well, by its digest.
    ends: Mutex<HashMap<u64, bool>>,
    is_deep: bool,
}

/// The figures of an exploration.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// Different states.
    pub states: usize,
    /// Steps between them.
    pub steps: usize,
    /// The longest way without a detour.
    pub depth: usize,
    /// The time that it took.
    pub time: Duration,
}

impl<P: Protocol> Explored<P> {
    /// A protocol within bounds.
    pub fn new(protocol: P, bounds: Bounds) -> Self {
        Self {
            seconds: protocol.seconds(),
            protocol,
            bounds,
            engine: Engine::default(),
            player: Player::default(),
            ends: Mutex::default(),
            is_deep: false,
        }
    }

    /// The same depth first: it needs the memory of one way and not of all that wait. The way to a
    /// broken promise is then not the shortest one.
    #[must_use]
    pub fn deep(mut self) -> Self {
        self.is_deep = true;
        self
    }

    /// The same in a world where this is wrong. A promise must break then: a model that always holds
    /// proves nothing.
    #[must_use]
    pub fn with(mut self, fault: Fault) -> Self {
        self.engine.faults.0.push(fault);
        self
    }

    /// The second at which the clock stands.
    pub fn now(&self, world: &World<P>) -> u64 {
        // After the last second of the model a fair end needs a few more.
        let last = self.seconds.len() - 1;
        let beyond = world.tick.saturating_sub(last) as u64;
        self.seconds[world.tick.min(last)] + beyond * self.protocol.round()
    }

    /// Visits every state. The names of the broken promises with the way to each, and the figures.
    pub fn explore(self) -> (Vec<(&'static str, String)>, Figures) {
        let is_deep = self.is_deep;
        let checker = self.checker().threads(2);
        if is_deep {
            found(Instant::now(), &checker.spawn_dfs().join())
        } else {
            found(Instant::now(), &checker.spawn_bfs().join())
        }
    }

    fn step(&self, caller: usize, world: &World<P>) -> Option<Step> {
        let state = &world.callers[caller];
        let running = state.running.as_ref()?;
        let (attempt, began) = (state.attempts, running.began);
        Some(
            self.player
                .step((caller, attempt, began), &running.tape, |wire| {
                    self.protocol.code(caller, attempt, began, wire)
                }),
        )
    }

    fn calls(&self, caller: usize, world: &World<P>) -> Vec<Call> {
        match self.step(caller, world) {
            Some(Step::Waiting(calls)) => calls,
            _ => Vec::new(),
        }
    }

    fn is_late(&self, caller: usize, world: &World<P>) -> bool {
        let running = world.callers[caller].running.as_ref();
        running.is_some_and(|running| self.now(world) >= running.began + self.protocol.patience())
    }

    /// True if Lambda has ended the instance. What is left of it is the write that it has sent.
    fn is_gone(&self, caller: usize, world: &World<P>) -> bool {
        self.protocol.is_ended_when_late() && self.is_late(caller, world)
    }

    /// True if the clock has gone on since the instance of a caller fell asleep.
    fn may_wake(&self, caller: usize, world: &World<P>) -> bool {
        let Some(running) = &world.callers[caller].running else {
            return false;
        };
        let woke = running.tape.iter().rev().find(|(call, _)| call.is_sleep());
        let woke = woke.and_then(|(_, answer)| answer.as_ref()?.body.parse().ok());
        self.now(world) > woke.unwrap_or(running.began)
    }

    fn results(&self, call: &Call, caller: usize, world: &World<P>) -> Vec<(Reply, P::Seen)> {
        let results = self.protocol.results(call, caller, world);
        self.engine.faults.results(results)
    }

    fn begin(&self, world: &mut World<P>, caller: usize) {
        let began = self.now(world);
        let state = &mut world.callers[caller];
        state.attempts += 1;
        state.answer = None;
        state.running = Some(Running {
            began,
            tape: Tape::new(),
        });
        self.end(world, caller);
    }

    fn serve(&self, world: &mut World<P>, caller: usize, place: usize, fate: Fate) {
        let mut calls = self.calls(caller, world);
        let call = calls.swap_remove(place);
        let answer = match fate {
            Fate::RequestLost => None,
            _ if call.is_sleep() => Some(Reply::word(&self.now(world).to_string())),
            Fate::Answered(result) | Fate::AnswerLost(result) if call.is_effect() => {
                let (answer, seen) = self.results(&call, caller, world).swap_remove(result);
                world.seen = seen;
                Some(self.engine.faults.read(answer))
            }
            Fate::Answered(_) | Fate::AnswerLost(_) => {
                let now = self.now(world);
                let (items, seen) = (&mut world.items, &mut world.seen);
                let reply = self.engine.serve(items, &call.target, &call.body);
                self.protocol.stored(seen, items);
                self.protocol.replied(seen, &call, &reply, caller, now);
                Some(self.engine.faults.read(reply))
            }
        };
        let answer = answer.filter(|_| matches!(fate, Fate::Answered(_)));
        let is_gone = self.is_gone(caller, world);
        let is_free = is_gone || call.is_effect() && self.is_late(caller, world);
        if answer.is_none() && !is_free {
            world.losses += 1;
        }
        if answer.is_none() {
            let what = if call.is_effect() {
                Doubt::Answer
            } else {
                Doubt::Write
            };
            self.protocol.in_doubt(&mut world.seen, what, caller);
        }
        if is_gone {
            world.callers[caller].running = None;
            return;
        }
        if let Some(running) = &mut world.callers[caller].running {
            running.tape.push((call, answer));
        }
        self.end(world, caller);
    }

    /// Takes the answer of an instance that has ended. Its tape is forgotten.
    fn end(&self, world: &mut World<P>, caller: usize) {
        if let Some(Step::Ended(answer)) = self.step(caller, world) {
            self.protocol.answered(&mut world.seen, caller, &answer);
            let state = &mut world.callers[caller];
            (state.running, state.answer) = (None, Some(answer));
        }
    }
}

fn found<P: Protocol>(
    started: Instant,
    checker: &impl Checker<Explored<P>>,
) -> (Vec<(&'static str, String)>, Figures) {
    let found = checker
        .discoveries()
        .into_iter()
        .map(|(name, path)| (name, format!("{:#?}", path.into_actions())));
    let figures = Figures {
        states: checker.unique_state_count(),
        steps: checker.state_count(),
        depth: checker.max_depth(),
        time: started.elapsed(),
    };
    (found.collect(), figures)
}

impl<P: Protocol> Model for Explored<P> {
    type State = World<P>;
    type Action = Action;

    fn init_states(&self) -> Vec<World<P>> {
        let mut world = World {
            items: self.protocol.stored_before(),
            tick: 0,
            callers: vec![Caller::default(); self.protocol.callers()],
            seen: self.protocol.beginning(),
            losses: 0,
            crashes: 0,
        };
        if let Some(caller) = self.protocol.first() {
            self.begin(&mut world, caller);
            self.finish(&mut world, Order::Rising);
        }
        vec![world]
    }

    fn actions(&self, world: &World<P>, actions: &mut Vec<Action>) {
        for (number, caller) in world.callers.iter().enumerate() {
            if caller.running.is_none() {
                let may = caller.attempts == 0 || self.protocol.repeats(caller.answer.as_deref());
                let may = may && self.protocol.may_begin(number, world);
                if may && caller.attempts < self.bounds.attempts {
                    actions.push(Action::Begin(number));
                }
                continue;
            }
            let calls = self.calls(number, world);
            if self.is_gone(number, world) {
                actions.push(Action::Serve(number, 0, Fate::Answered(0)));
                actions.push(Action::Serve(number, 0, Fate::RequestLost));
                continue;
            }
            let only_reads = calls.iter().all(|call| self.protocol.is_read(call));
            if world.crashes < self.bounds.crashes && (calls.is_empty() || !only_reads) {
                actions.push(Action::Crash(number));
            }
            let served = if self.protocol.is_in_order() {
                1
            } else {
                calls.len()
            };
            for (place, call) in calls.iter().enumerate().take(served) {
                if call.is_sleep() {
                    if self.may_wake(number, world) {
                        actions.push(Action::Serve(number, place, Fate::Answered(0)));
                    }
                    continue;
                }
                if call.is_effect() && self.is_late(number, world) {
                    // Its time is over. So it does not begin.
                    actions.push(Action::Serve(number, place, Fate::RequestLost));
                    continue;
                }
                let results = if call.is_effect() {
                    self.results(call, number, world).len()
                } else {
                    1
                };
                let may_lose = world.losses < self.bounds.losses;
                for result in 0..results {
                    actions.push(Action::Serve(number, place, Fate::Answered(result)));
                    if may_lose && !self.protocol.is_read(call) {
                        actions.push(Action::Serve(number, place, Fate::AnswerLost(result)));
                    }
                }
                if may_lose {
                    actions.push(Action::Serve(number, place, Fate::RequestLost));
                }
            }
        }
        if world.tick + 1 < self.seconds.len() {
            actions.push(Action::Tick);
        }
        let over = world.items.expired(self.now(world));
        actions.extend(over.into_iter().map(Action::Delete));
        let happenings = self.protocol.happenings(world).len();
        actions.extend((0..happenings).map(Action::Happen));
    }

    fn next_state(&self, world: &World<P>, action: Action) -> Option<World<P>> {
        let mut world = world.clone();
        match action {
            Action::Begin(caller) => self.begin(&mut world, caller),
            Action::Serve(caller, place, fate) => self.serve(&mut world, caller, place, fate),
            Action::Crash(caller) => {
                world.crashes += 1;
                world.callers[caller].running = None;
                self.protocol
                    .in_doubt(&mut world.seen, Doubt::Crash, caller);
            }
            Action::Tick => {
                world.tick += 1;
                for caller in 0..world.callers.len() {
                    if self.is_late(caller, &world) {
                        self.protocol.in_doubt(&mut world.seen, Doubt::Late, caller);
                    }
                    let calls = self.calls(caller, &world);
                    let is_write = |call: &Call| !call.is_effect() && !self.protocol.is_read(call);
                    if self.is_gone(caller, &world) && !calls.first().is_some_and(is_write) {
                        world.callers[caller].running = None;
                    }
                }
            }
            Action::Delete(name) => {
                world.items.delete(&name);
                self.protocol.deleted(&mut world.seen, &name);
            }
            Action::Happen(number) => {
                let happened = self.protocol.happenings(&world).swap_remove(number);
                world.seen = happened;
            }
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        P::promises()
    }
}
