//! Whose turn it is: the queue, then all others, then those for whom Okta failed before.

use std::time::Duration;

use serde_json::json;

use crate::scene::{
    CLEAN_MOBILE, REFUSED, Scene, answer, answer_for, failed, hire_a_settled_thousand, len, queue,
};

#[tokio::test]
async fn users_whom_okta_cannot_answer_for_come_after_all_others() {
    for queued in [false, true] {
        let scene = Scene::with(&[("MAX_PURCHASES_PER_RUN", Some("50"))]).await;
        let okta = &scene.sandbox.okta;
        let ids = okta.hire_many(13);
        let (broken, fine) = ids.split_at(6);
        if queued {
            queue(&scene, &ids).await;
        }
        let run = async || {
            answer_for(&scene, broken, 500, "");
            scene.run().await
        };
        let report = run().await;
        assert_eq!(failed(&report), broken[..5], "{report}");
        assert_eq!(
            (&report["complete"], &report["remaining"]),
            (&json!(false), &json!(8)),
            "{report}"
        );
        let report = run().await;
        assert_eq!(len(&report["purchased"]), fine.len(), "{report}");
        assert!(fine.iter().all(|id| scene.numbers_of(id).len() == 1));
        assert_eq!(failed(&report).len(), 6, "{report}");
        okta.server().faults().clear();
        let report = scene.run().await;
        assert_eq!(
            (len(&report["purchased"]), &report["complete"]),
            (6, &json!(true)),
            "{report}"
        );
        assert!(scene.queue().await.is_empty());
    }
}

#[tokio::test]
async fn those_who_come_last_take_turns() {
    let scene = Scene::with(&[("MAX_PURCHASES_PER_RUN", Some("50"))]).await;
    let ids = scene.sandbox.okta.hire_many(12);
    queue(&scene, &ids).await;
    let mut item = scene.items("number#new").await.pop().unwrap();
    for id in &ids {
        item[format!("u_{id}")]["M"]["refused_at"] = json!({ "N": "1" });
    }
    scene.sandbox.aws.put(item).await;
    let (broken, fine) = ids.split_at(6);
    answer_for(&scene, broken, 500, "");
    let report = scene.run().await;
    assert_eq!(failed(&report), broken[..5], "{report}");
    assert_eq!(
        (&report["complete"], &report["remaining"]),
        (&json!(false), &json!(7)),
        "{report}"
    );
    answer_for(&scene, broken, 500, "");
    let report = scene.run().await;
    assert_eq!(
        (failed(&report)[0], len(&report["purchased"])),
        (broken[5].as_str(), fine.len()),
        "{report}"
    );
}

/// When Okta answers nothing, nobody in particular is the reason.
#[tokio::test]
async fn an_outage_does_not_change_whose_turn_it_is() {
    let scene = Scene::new().await;
    let okta = &scene.sandbox.okta;
    let ids = okta.hire_many(6);
    queue(&scene, &ids).await;
    let before = scene.items("number#new").await;
    okta.server().faults().always(Some(answer(500, "")));
    let error = scene.try_run().await.unwrap_err();
    assert!(error.to_string().starts_with("okta_unavailable"), "{error}");
    assert_eq!(scene.items("number#new").await, before);
}

#[tokio::test]
async fn the_queue_is_served_while_okta_has_no_list() {
    let scene = Scene::new().await;
    let okta = &scene.sandbox.okta;
    let [ann, bob] = ["Ann", "Bob"].map(|name| okta.hire(name, CLEAN_MOBILE, ""));
    queue(&scene, std::slice::from_ref(&ann)).await;
    okta.server()
        .faults()
        .next_for("GET /api/v1/users?", answer(500, ""));
    let report = scene.run().await;
    assert_eq!(
        (
            &report["purchased"][0]["user"],
            len(&report["purchased"]),
            &report["complete"]
        ),
        (&json!(ann), 1, &json!(false)),
        "{report}"
    );
    assert_eq!(scene.run().await["purchased"][0]["user"], json!(bob));
}

/// Okta counts lists and single users apart.
#[tokio::test]
async fn the_queue_is_served_while_okta_limits_its_lists() {
    let scene = Scene::new().await;
    let okta = &scene.sandbox.okta;
    hire_a_settled_thousand(&scene);
    scene.run().await;
    let ann = okta.hire("Ann", CLEAN_MOBILE, "");
    okta.set_last_updated(&ann, Duration::ZERO);
    queue(&scene, std::slice::from_ref(&ann)).await;
    let faults = okta.server().faults();
    faults.next_for("filter=lastUpdated", answer(429, ""));
    let report = scene.run().await;
    assert_eq!(
        (&report["purchased"][0]["user"], &report["complete"]),
        (&json!(ann), &json!(false)),
        "{report}"
    );
    // The walk before is still valid: an instance that does not know the limit asks one question.
    scene.kill().await;
    okta.server().clear_exchanges();
    assert_eq!(scene.run().await["complete"], json!(true));
    let lists = okta.server().exchanges();
    let lists = lists.iter().filter(|list| list.target.contains("limit="));
    assert_eq!(lists.count(), 1);
}

/// A dry run cannot put them behind the others for the next run.
#[tokio::test]
async fn a_dry_run_goes_on_behind_those_whom_okta_refuses() {
    let scene = Scene::with(&[("DRY_RUN", Some("true"))]).await;
    let okta = &scene.sandbox.okta;
    let ids = okta.hire_many(8);
    let (bosses, fine) = ids.split_at(6);
    queue(&scene, bosses).await;
    let before = scene.items("number#new").await;
    for _ in 0..2 {
        answer_for(&scene, bosses, 403, REFUSED);
        let report = scene.run().await;
        assert_eq!(failed(&report), bosses, "{report}");
        assert_eq!(
            (len(&report["purchased"]), &report["complete"]),
            (fine.len(), &json!(true)),
            "{report}"
        );
    }
    assert_eq!(scene.items("number#new").await, before);
}
