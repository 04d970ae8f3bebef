//! Conditions, samples and figures for tests.

use std::time::Duration;

use super::{conditions::Conditions, figures::Figures};
use crate::bench::{
    start::{Sample, Thawed},
    subjects::Kind,
};

pub(super) fn conditions() -> Conditions {
    Conditions {
        processor: "CPU".to_owned(),
        kernel: "linux".to_owned(),
        cores: 2,
        profile: "release".to_owned(),
        starts: 2,
        warm: 3,
        round_trip: Duration::from_millis(1),
        service: Duration::from_millis(4),
        memory: Some(128),
    }
}

/// Two starts; the first went on with three invocations.
pub(super) fn samples(unit: u64) -> Vec<Sample> {
    let time = |units| Duration::from_millis(unit * units);
    let first = Sample {
        init: time(4),
        cold: time(6),
        cpu: Some([time(3), time(2), time(3)]),
        warm: vec![time(3), time(1), time(2)],
        memory: Some(unit << 20),
        connections: 5,
        requests: [4, 3, 6],
        thawed: Some(Thawed {
            right: true,
            connections: 3,
            requests: 2,
        }),
    };
    let second = Sample {
        init: time(2),
        cold: time(10),
        warm: vec![],
        requests: [4, 4, 0],
        thawed: None,
        ..first.clone()
    };
    vec![first, second]
}

pub(super) fn figures() -> [Figures; 3] {
    let size = (2_000_000, Some(1_000_000));
    [
        Figures::new("hello", Kind::Hello, size, &samples(1)),
        Figures::new("sms-forward", Kind::Node, size, &samples(60)),
        Figures::new("sms-forward", Kind::Rust, size, &samples(2)),
    ]
}
