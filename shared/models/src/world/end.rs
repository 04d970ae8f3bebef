//! What a working world brings about from any state on.

use super::{Explored, Fate, Protocol, World};
use crate::digest;

/// Whose call is answered next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Order {
    /// That of the first caller whose instance makes one: one instance after the other.
    Rising,
    /// That of the last one.
    Falling,
    /// One call of each in turn.
    InTurn,
}

const ORDERS: [Order; 3] = [Order::Rising, Order::Falling, Order::InTurn];
/// All instances together make fewer calls. One that makes more never ends.
const MOST: usize = 400;
/// So often the callers repeat their requests.
const REPEATS: usize = 3;

impl<P: Protocol> Explored<P> {
    /// True if a working world brings about what it should, in each of the orders: all instances at
    /// work end, then the callers repeat their requests until it is done.
    pub fn ends_well(&self, world: &World<P>) -> bool {
        let mut orders = ORDERS.into_iter();
        orders.all(|order| self.ends_well_in(order, world.clone()))
    }

    /// What comes after a state depends on the state only. So the states on the way end as this one.
    fn ends_well_in(&self, order: Order, mut world: World<P>) -> bool {
        let ends = || self.ends.lock().expect("no thread has panicked");
        let (mut way, mut turn) = (Vec::new(), 0);
        let well = loop {
            let here = (&world.items, world.tick, &world.callers, &world.seen);
            let here = digest(&(order, turn, here));
            let known = ends().get(&here).copied();
            if let Some(known) = known {
                break known;
            }
            way.push(here);
            if way.len() > MOST || !self.go_on(&mut world, order, &mut turn) {
                break self.is_repaired(order, world);
            }
        };
        ends().extend(way.into_iter().map(|passed| (passed, well)));
        well
    }

    fn is_repaired(&self, order: Order, mut world: World<P>) -> bool {
        for _ in 0..REPEATS {
            if self.protocol.is_achieved(&world) {
                return true;
            }
            world.tick += 1;
            for caller in 0..world.callers.len() {
                if world.callers[caller].running.is_none() && self.protocol.repairs(caller) {
                    self.begin(&mut world, caller);
                }
            }
            self.finish(&mut world, order);
        }
        self.protocol.is_achieved(&world)
    }

    /// Answers all calls of the instances at work.
    pub(super) fn finish(&self, world: &mut World<P>, order: Order) {
        let mut turn = 0;
        for _ in 0..MOST {
            if !self.go_on(world, order, &mut turn) {
                break;
            }
        }
    }

    /// Answers the next call. False: all instances have ended or sleep.
    fn go_on(&self, world: &mut World<P>, order: Order, turn: &mut usize) -> bool {
        let all = world.callers.len();
        let callers = (0..all).map(|place| match order {
            Order::Rising => place,
            Order::Falling => all - 1 - place,
            Order::InTurn => (*turn + place) % all,
        });
        let next = { callers }.find_map(|caller| {
            let call = self.calls(caller, world).into_iter().next()?;
            let sleeps_on = call.is_sleep() && !self.may_wake(caller, world);
            (!sleeps_on).then_some((caller, call))
        });
        let Some((caller, call)) = next else {
            return false;
        };
        let late = call.is_effect() && !call.is_sleep() && self.is_late(caller, world);
        let fate = if late {
            Fate::RequestLost
        } else {
            Fate::Answered(0)
        };
        self.serve(world, caller, 0, fate);
        if order == Order::InTurn {
            *turn = (caller + 1) % all;
        }
        true
    }
}
