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
