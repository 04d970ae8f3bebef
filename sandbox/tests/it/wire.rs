//! Every fault does what the menu says, and nothing else.

use std::time::Duration;

use axum::{Extension, Router, routing::post};
use sandbox::wire::{Complaints, Exchange, Fault, Gate, Server, client};

async fn server() -> Server {
    let router = Router::new()
        .route(
            "/",
            post(|body: String| async move { format!("got {body}") }),
        )
        .fallback(|Extension(complaints): Extension<Complaints>| async move {
            complaints.add("unknown route");
        });
    Server::start("test", router).await.unwrap()
}

/// Status and body; `Err` when there was no whole answer.
async fn send(server: &Server) -> Result<(u16, String), reqwest::Error> {
    let answer = client()
        .post(server.url())
        .header("X-Sent", "1")
        .body("abc")
        .timeout(Duration::from_secs(10))
        .send()
        .await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

#[tokio::test]
async fn exchanges_are_recorded_but_for_the_warm_up() {
    let server = server().await;
    assert_eq!(send(&server).await.unwrap(), (200, "got abc".into()));
    assert_eq!(
        client().head(server.url()).send().await.unwrap().status(),
        200
    );
    client()
        .get(format!("{}/no?where", server.url()))
        .send()
        .await
        .unwrap();
    let exchanges = server.exchanges();
    let seen: Vec<_> = exchanges
        .iter()
        .map(|exchange| {
            (
                exchange.method.as_str(),
                exchange.target.as_str(),
                exchange.status,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [("POST", "/", Some(200)), ("GET", "/no?where", Some(200))]
    );
    assert_eq!(
        (&exchanges[0].request[..], &exchanges[0].response[..]),
        (&b"abc"[..], &b"got abc"[..])
    );
    assert!(
        exchanges[0]
            .headers
            .contains(&("x-sent".into(), "1".into()))
    );
    assert_eq!(
        (server.complaints(), server.complaints().len()),
        (vec!["unknown route".to_owned()], 0)
    );
}

#[tokio::test]
async fn a_fault_is_met_once_and_in_order() {
    /// What the client sees of a whole answer.
    type Seen = Option<(u16, &'static str)>;
    let menu: [(Fault, Seen, Option<u16>); 7] = [
        (
            Fault::Answer {
                status: 429,
                headers: vec![("retry-after".into(), "1".into())],
                body: "later".into(),
            },
            Some((429, "later")),
            Some(429),
        ),
        (
            Fault::Delay(Duration::from_millis(1)),
            Some((200, "got abc")),
            Some(200),
        ),
        (Fault::ResetBefore, None, None),
        (Fault::ResetAfter, None, None),
        (Fault::Truncate, None, Some(200)),
        (Fault::Garbage, Some((200, "<html>oops")), Some(200)),
        (
            Fault::Trickle(Duration::from_millis(1)),
            Some((200, "got abc")),
            Some(200),
        ),
    ];
    let server = server().await;
    for (fault, ..) in &menu {
        server.faults().next(fault.clone());
    }
    for (fault, seen, recorded) in &menu {
        let answer = send(&server).await.ok();
        assert_eq!(
            answer
                .as_ref()
                .map(|(status, body)| (*status, body.as_str())),
            *seen,
            "{fault:?}"
        );
        assert_eq!(
            server.exchanges().last().unwrap().status,
            *recorded,
            "{fault:?}"
        );
    }
    assert_eq!(
        (server.faults().pending(), send(&server).await.unwrap().0),
        (0, 200)
    );
    // only one of the two resets ran the handler
    let ran: Vec<_> = server.exchanges()[2..4]
        .iter()
        .map(|exchange| exchange.response.len())
        .collect();
    assert_eq!(ran, [0, 7]);
}

#[tokio::test]
async fn a_fault_can_wait_for_its_request() {
    let server = server().await;
    let get = |path: &str| client().get(server.url() + path).send();
    server.faults().next_for(
        "GET /a?b",
        Fault::Answer {
            status: 429,
            headers: vec![],
            body: String::new(),
        },
    );
    server.faults().next(Fault::Answer {
        status: 503,
        headers: vec![],
        body: String::new(),
    });
    assert_eq!(
        (
            send(&server).await.unwrap().0,
            send(&server).await.unwrap().0,
            server.faults().pending()
        ),
        (503, 200, 1)
    );
    assert_eq!(get("/a?b=c").await.unwrap().status(), 429);
    assert_eq!(
        (
            get("/a?b=c").await.unwrap().status().as_u16(),
            server.complaints().len()
        ),
        (200, 1)
    );
}

#[tokio::test]
async fn faults_can_last_and_be_cleared() {
    let server = server().await;
    server.faults().times(2, || Fault::Oversize(100_000));
    server.faults().always(Some(Fault::ResetBefore));
    assert_eq!(
        (
            send(&server).await.unwrap().1.len(),
            send(&server).await.unwrap().1.len()
        ),
        (100_000, 100_000)
    );
    assert!(send(&server).await.is_err() && send(&server).await.is_err());
    server.faults().clear();
    assert!(send(&server).await.is_ok());
}

#[tokio::test]
async fn a_hanging_request_ends_with_the_client() {
    let server = server().await;
    server.faults().next(Fault::Hang);
    let given_up = client()
        .post(server.url())
        .timeout(Duration::from_millis(50))
        .send()
        .await;
    assert!(given_up.unwrap_err().is_timeout());
    assert!(send(&server).await.is_ok());
}

#[tokio::test]
async fn a_gate_holds_requests_until_it_opens_also_those_whose_client_has_left() {
    let server = server().await;
    let gate = Gate::shut();
    server.faults().times(2, || Fault::Held(gate.clone()));
    let given_up = client()
        .post(server.url())
        .timeout(Duration::from_millis(50))
        .send()
        .await;
    assert!(given_up.unwrap_err().is_timeout());
    let opened = async {
        server.wait(|exchanges| exchanges.len() == 2).await;
        assert!(server.exchanges().iter().all(|one| one.status.is_none()));
        gate.open();
    };
    let (answer, ()) = tokio::join!(send(&server), opened);
    assert_eq!(answer.unwrap().0, 200);
    let all_ran = |exchanges: &[Exchange]| exchanges.iter().all(|one| one.status == Some(200));
    while !all_ran(&server.exchanges()) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn refused_means_nobody_listens_until_told() {
    let server = server().await;
    let kept_alive = client();
    assert!(kept_alive.post(server.url()).send().await.is_ok());
    server.faults().refuse(true);
    assert!(kept_alive.post(server.url()).send().await.is_err());
    assert!(send(&server).await.unwrap_err().is_connect());
    server.faults().refuse(false);
    assert!(kept_alive.post(server.url()).send().await.is_ok());
    assert_eq!(server.exchanges().len(), 2);
}

/// The handler has run, and its answer did not arrive.
#[tokio::test]
async fn an_answer_after_the_connections_were_dropped_is_recorded_without_a_status() {
    let server = server().await;
    assert!(send(&server).await.is_ok());
    let gate = Gate::shut();
    server.faults().next(Fault::Held(gate.clone()));
    let cut = async {
        server.wait(|exchanges| exchanges.len() == 2).await;
        server.faults().refuse(true);
        server.faults().refuse(false);
    };
    let (answer, ()) = tokio::join!(send(&server), cut);
    assert!(answer.is_err());
    gate.open();
    while server.exchanges()[1].response.is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(send(&server).await.is_ok());
    let statuses: Vec<_> = server.exchanges().iter().map(|one| one.status).collect();
    assert_eq!(statuses, [Some(200), None, Some(200)]);
}

#[tokio::test]
async fn a_handler_that_panics_is_a_complaint() {
    let router = Router::new().route("/", post(async || -> () { panic!("on purpose") }));
    let server = Server::start("test", router).await.unwrap();
    assert!(send(&server).await.is_err());
    assert_eq!(server.complaints(), ["the handler of POST / panicked"]);
}
