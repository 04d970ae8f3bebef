//! Each promise about the numbers of employees who leave, broken once.

use super::*;
use crate::soak::leavers::Plan;

const MOBILE: &str = "+4523101234";

fn leaver(is_released: bool, came_back: Option<Instant>) -> Leaver {
    Leaver {
        id: "00u1".to_owned(),
        plan: Plan {
            name: "Leaver1".to_owned(),
            mobile: MOBILE.to_owned(),
            customer: "+4542101234".to_owned(),
            is_released,
            is_known: false,
            comes_back: came_back.is_some(),
        },
        number: Some("+14155550101".to_owned()),
        left: Instant::now(),
        rang: vec![],
        came_back,
    }
}

#[test]
fn a_number_that_is_released_while_a_text_is_under_way_is_no_broken_promise() {
    let refused = |number: &str| {
        format!(
            "21606 The From phone number {number} is not a valid, SMS-capable inbound phone number or short code for your account."
        )
    };
    let excused =
        |complaint: &str, is_released| was_under_way(complaint, &[leaver(is_released, None)]);
    assert!(excused(&refused("+14155550101"), true));
    assert!(!excused(&refused("+14155550101"), false));
    assert!(!excused(&refused("+14155550100"), true));
    assert!(!excused(
        "21211 Invalid 'To' Phone Number: +14155550101",
        true
    ));
}

/// Kept, and released.
type Numbers = (usize, usize);
/// Whether the number is to be released, when its employee came back, what is allowed, and what must
/// be if nothing is broken.
type Case = (bool, Option<Instant>, &'static [Numbers], Numbers);

#[test]
fn how_many_numbers_somebody_has_who_left() {
    let back = Some(Instant::now());
    let cases: [Case; 4] = [
        (true, None, &[(0, 0), (1, 0), (0, 1)], (0, 1)),
        (false, None, &[(0, 0), (1, 0)], (1, 0)),
        (true, back, &[(0, 0), (1, 0), (0, 1), (1, 1)], (1, 1)),
        (false, back, &[(0, 0), (1, 0)], (1, 0)),
    ];
    for (is_released, back, allowed, calm) in cases {
        let leaver = leaver(is_released, back);
        for kept in 0..3 {
            for released in 0..3 {
                let is_right = |is_calm| numbers(&leaver, kept, released, is_calm).is_none();
                let what = format!("{is_released} {kept} {released}");
                assert_eq!(
                    is_right(false),
                    allowed.contains(&(kept, released)),
                    "{what}"
                );
                assert!(
                    !is_right(true) || allowed.contains(&(kept, released)),
                    "{what}"
                );
            }
        }
        assert_eq!(numbers(&leaver, calm.0, calm.1, true), None);
        assert!(
            numbers(&leaver, 1 - calm.0, 0, true).is_some(),
            "{leaver:?}"
        );
        let late = Leaver {
            number: None,
            ..leaver
        };
        assert!(numbers(&late, calm.0, 0, true).is_some(), "{late:?}");
    }
}

#[test]
fn a_number_is_released_only_after_okta_has_said_that_its_employee_is_gone() {
    let is_noticed = |leaver: &Leaver, after: u64, known: Option<&str>| {
        let begun = leaver.left + Duration::from_secs(after);
        release(leaver, Some(begun), |_| known.map(str::to_owned)).is_some()
    };
    let gone = leaver(true, None);
    assert!(!is_noticed(&gone, 1, Some(GONE)));
    assert!(is_noticed(&gone, 1, Some("ACTIVE")) && is_noticed(&gone, 1, None));
    let back = leaver(true, Some(gone.left));
    assert!(!is_noticed(&back, 1, Some(GONE)));
    assert!(is_noticed(&back, 20, Some(GONE)));
    let early = Instant::now();
    let gone = leaver(true, None);
    assert!(release(&gone, Some(early), |_| Some(GONE.to_owned())).is_some());
}

#[test]
fn a_number_is_bought_only_for_somebody_who_is_active() {
    let leaver = leaver(true, None);
    assert_eq!(purchase(&leaver, Some("ACTIVE")), None);
    assert!(purchase(&leaver, Some(GONE)).is_some() && purchase(&leaver, None).is_some());
}

#[test]
fn a_number_of_somebody_who_left_reaches_nobody() {
    let is_noticed = |reached: &[&str], is_known| {
        let reached: Vec<_> = reached.iter().map(ToString::to_string).collect();
        let mut broken = vec![];
        after("Late", &reached, MOBILE, is_known, &mut broken);
        !broken.is_empty()
    };
    assert!(!is_noticed(&[], false) && !is_noticed(&[], true));
    assert!(is_noticed(&[MOBILE], false));
    // For a minute.
    assert!(!is_noticed(&[MOBILE], true));
    assert!(is_noticed(&[MOBILE, MOBILE], true) && is_noticed(&["+4599999999"], true));
}

fn exchange(
    (method, target): (&str, &str),
    started: Instant,
    request: &str,
    response: &str,
) -> Exchange {
    Exchange {
        started,
        took: Duration::from_millis(10),
        method: method.to_owned(),
        target: target.to_owned(),
        headers: vec![],
        request: request.as_bytes().to_vec().into(),
        status: Some(200),
        response: response.as_bytes().to_vec().into(),
    }
}

#[test]
fn the_wire_tells_what_was_known() {
    let now = Instant::now();
    let at = |seconds| now + Duration::from_secs(seconds);
    let read = |seconds, status: &str| {
        let user = serde_json::json!({ "status": status }).to_string();
        exchange(("GET", "/api/v1/users/00u1"), at(seconds), "", &user)
    };
    let numbers = "/2010-04-01/Accounts/AC1/IncomingPhoneNumbers";
    let buy = ("POST", &*format!("{numbers}.json"));
    let give_back = ("DELETE", &*format!("{numbers}/PN1.json"));
    let wire = Wire {
        okta: vec![read(1, "ACTIVE"), read(5, GONE), read(9, "ACTIVE")],
        twilio: vec![
            exchange(buy, at(2), "FriendlyName=switchboard%3A00u1", ""),
            exchange(buy, at(3), "FriendlyName=switchboard%3A00u2", ""),
            exchange(give_back, at(6), "", ""),
            exchange(give_back, at(7), "", ""),
        ],
    };
    assert_eq!(wire.purchases("00u1").collect::<Vec<_>>(), [at(2)]);
    assert_eq!(wire.release("PN1"), Some(at(6)));
    for (before, status) in [
        (0, None),
        (1, None),
        (2, Some("ACTIVE")),
        (6, Some(GONE)),
        (10, Some("ACTIVE")),
    ] {
        assert_eq!(
            wire.status("00u1", at(before)).as_deref(),
            status,
            "{before}"
        );
    }
}
