//! What a seed makes.

use super::*;

#[test]
fn a_seed_is_a_plan() {
    let written = |seed| format!("{:?}", steps(seed, 200));
    assert_eq!(written(7), written(7));
    assert_ne!(written(7), written(8));
    assert_eq!(fingerprint(&steps(7, 200)), fingerprint(&steps(7, 200)));
    assert_ne!(fingerprint(&steps(7, 200)), fingerprint(&steps(8, 200)));
}

/// What only happens in rounds that nobody plays is not tried.
#[test]
fn the_calm_rounds_and_the_others_have_every_kind_of_code() {
    for seed in [3, 2] {
        let all: Vec<_> = (0..8).flat_map(|at| steps(seed + 4 * at, 120)).collect();
        let is_there = |such: fn(&Step) -> bool| assert!(all.iter().any(such), "{seed}");
        is_there(|step| {
            matches!(
                step,
                Step::Code {
                    by: Channel::Call,
                    ..
                }
            )
        });
        is_there(|step| {
            matches!(
                step,
                Step::Code {
                    failing: [_],
                    then: Then::Nothing,
                    ..
                }
            )
        });
        is_there(|step| {
            matches!(
                step,
                Step::Code {
                    failing: [_, _],
                    then: Then::Nothing,
                    ..
                }
            )
        });
        is_there(|step| {
            matches!(
                step,
                Step::Code {
                    failing: [_],
                    then: Then::Newer(_),
                    ..
                }
            )
        });
        is_there(|step| {
            matches!(
                step,
                Step::Code {
                    then: Then::Used(_),
                    ..
                }
            )
        });
        is_there(|step| {
            matches!(
                step,
                Step::Code {
                    entrance: Entrance::Okta,
                    ..
                }
            )
        });
        is_there(|step| {
            matches!(
                step,
                Step::Code {
                    entrance: Entrance::Generic,
                    ..
                }
            )
        });
        is_there(|step| {
            matches!(
                step,
                Step::Code {
                    entrance: Entrance::Supabase,
                    ..
                }
            )
        });
        is_there(|step| {
            matches!(
                step,
                Step::Code {
                    entrance: Entrance::Cognito,
                    ..
                }
            )
        });
        is_there(|step| {
            matches!(
                step,
                Step::Code {
                    failing: ["AWS"],
                    ..
                }
            )
        });
        is_there(|step| matches!(step, Step::Insist { .. }));
        is_there(|step| matches!(step, Step::Forward { copies: 2.., .. }));
        is_there(|step| matches!(step, Step::Call { copies: 2.., .. }));
        is_there(|step| matches!(step, Step::Menu { is_right: true, .. }));
        is_there(|step| {
            matches!(
                step,
                Step::Menu {
                    is_right: false,
                    ..
                }
            )
        });
        is_there(|step| matches!(step, Step::Account));
        is_there(|step| matches!(step, Step::Talk(_)));
        is_there(|step| matches!(step, Step::Converse(_)));
        for is_released in [true, false] {
            let leave = |comes_back| {
                let is_one = |step: &Step| match step {
                    Step::Leave(plan) => {
                        (plan.is_released, plan.comes_back) == (is_released, comes_back)
                    }
                    _ => false,
                };
                assert!(all.iter().any(is_one), "{seed} {is_released} {comes_back}");
            };
            leave(true);
            leave(false);
        }
        is_there(|step| matches!(step, Step::Schedule { kill: None, .. }));
    }
}

#[test]
fn every_fourth_round_is_calm_and_the_others_are_not() {
    for seed in 0..8 {
        let troubles = steps(seed, 200)
            .iter()
            .filter(|step| step.is_trouble())
            .count();
        assert_eq!(troubles == 0, seed % 4 == 3, "{seed}");
    }
}

/// What is never drawn is not tried.
#[test]
fn every_kind_of_fault_is_drawn() {
    let all: Vec<_> = (0..200).flat_map(|seed| steps(seed, 120)).collect();
    let faults = |server: &str| -> Vec<&Fault> {
        let of_server = all.iter().filter_map(|step| match step {
            Step::Break {
                server: name,
                fault,
                ..
            } if *name == server => Some(fault),
            _ => None,
        });
        of_server.collect()
    };
    let is_whole: [fn(&Fault) -> bool; 8] = [
        |fault| matches!(fault, Fault::Answer { status: 500, .. }),
        |fault| matches!(fault, Fault::Delay(_)),
        |fault| matches!(fault, Fault::ResetBefore),
        |fault| matches!(fault, Fault::ResetAfter),
        |fault| matches!(fault, Fault::Hang),
        |fault| matches!(fault, Fault::Oversize(300_000)),
        |fault| matches!(fault, Fault::Oversize(5_000_000)),
        |fault| matches!(fault, Fault::Trickle(_)),
    ];
    for server in SERVERS {
        let faults = faults(server);
        for (at, kind) in is_whole.iter().enumerate() {
            assert!(faults.iter().any(|fault| kind(fault)), "{server} {at}");
        }
        let is_cut = |fault: &&Fault| matches!(fault, Fault::Truncate | Fault::Garbage);
        assert_eq!(faults.iter().any(is_cut), server != "Twilio", "{server}");
        let is_gone =
            |step: &Step| matches!(step, Step::Gone { server: name, .. } if *name == server);
        assert!(all.iter().any(is_gone), "{server}");
    }
    for known in &REFUSALS {
        let is_drawn =
            |step: &Step| matches!(step, Step::Refuse { refusal, .. } if *refusal == known);
        assert!(all.iter().any(is_drawn), "{known:?}");
    }
}

/// A request that hangs takes many seconds.
#[test]
fn a_fault_that_takes_long_meets_one_request() {
    let all = (0..200).flat_map(|seed| steps(seed, 120));
    for step in all {
        if let Step::Break {
            fault: Fault::Hang | Fault::Trickle(_),
            times,
            ..
        } = step
        {
            assert_eq!(times, 1);
        }
    }
}
