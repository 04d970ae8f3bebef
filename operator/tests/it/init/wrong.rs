//! Wrong answers of a person.

use sandbox::{mailgun, twilio};

use super::{Desk, STRANGER};

#[tokio::test]
async fn each_wrong_answer_is_told_at_once_and_asked_again() {
    let desk = Desk::new("wrong").await;
    desk.scene
        .sandbox
        .mailgun
        .set_domain("other.example.com", "unverified", "invalid");
    let lines = [
        "7",
        "verification",
        "1switch",
        "a-name-of-twenty-five-let",
        "acme",
        "europe",
        "ap-south-2",
        "eu-west-1",
        "AC1",
        twilio::ACCOUNT_SID,
        "x",
        twilio::ACCOUNT_SID,
        twilio::AUTH_TOKEN,
        "wrong-key",
        mailgun::API_KEY,
        "acme.auth0.com",
        "https://acme.eu.auth0.com",
        "nobody",
        "@acme.example",
        "missing.example.com",
        "other.example.com",
        mailgun::DOMAIN,
        "15005550006",
        "+14155550100",
        "+15005550006",
    ];
    let output = desk.init(&[], &lines).await;
    let told: Vec<&str> = output
        .err
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Not accepted: "))
        .collect();
    let expected = [
        "7 is none of 1 to 5",
        "a stack's name begins with a letter",
        "24 at most",
        "this is no region of AWS",
        "this region of AWS has no Function URLs",
        "this is no Account SID",
        "Twilio ",
        "Mailgun rejects this API key",
        "must be https://host, without path",
        "a comma list of addresses",
        "the account has no such domain",
        "add them with priority 10: mxa.mailgun.org and mxb.mailgun.org",
        "must be a plus sign and 7 to 15 digits",
        "the account does not own this number; it owns ",
    ];
    assert_eq!(told.len(), expected.len(), "{output:?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.contains(expected), "{told}: {expected}");
    }
    assert_eq!(output.code, 0, "{output:?}");
    let desk = Desk::new("menu").await;
    let menu = r#"[{"digit":"1","label":"x","textt":"y","exit":true}]"#;
    let lines = [
        "5",
        "acme",
        "",
        "https://acme.eu.auth0.com",
        "",
        "https://api.acme.example/",
        "",
        "",
        "6",
        menu,
        "",
    ];
    let output = desk.init(&[], &lines).await;
    assert!(
        output.code == 0 && output.err.contains(r#"entry 1: unknown member "textt""#),
        "{output:?}"
    );
    let lines = [
        "2",
        "acme",
        "",
        "*=twillio",
        "*=twilio",
        "twilio:+15005550006",
        "auth1",
        "okta",
        "UK",
        "GB",
    ];
    let output = desk.init(&["--config-env", "codes"], &lines).await;
    for words in [
        "names twillio",
        "auth1 is none of",
        "the United Kingdom is GB",
    ] {
        assert!(output.err.contains(words), "{words}: {output:?}");
    }
    assert!(
        desk.written().contains("\"OktaHook=on\"") && output.code == 0,
        "{output:?}"
    );
    let lines = ["2", "", "", "", "", "", "-"];
    let output = desk.init(&["--config-env", "codes"], &lines).await;
    assert!(
        output.err.contains("AllowedCountries: GB -> (not set)"),
        "{output:?}"
    );
    assert!(output.err.contains("[auth0,okta] > "), "{output:?}");
    let lines = [
        "4",
        "3,4",
        "acme",
        "",
        "https://acme.okta.com",
        "",
        "Hi {name}",
        "Hi {firstName}",
        "",
        "415",
        "UK",
        "US",
        "",
    ];
    let output = desk.init(&["--config-env", "phone"], &lines).await;
    for words in [
        "numbers goes with company-phone",
        "unknown placeholder {name}",
        "the United Kingdom is GB",
    ] {
        assert!(output.err.contains(words), "{words}: {output:?}");
    }
    assert!(
        desk.written().contains("Greeting=") && desk.written().contains("Hi {firstName}"),
        "{}",
        desk.written()
    );
    assert_eq!(output.code, 0, "{output:?}");
}

#[tokio::test]
async fn an_answer_that_is_none_is_asked_again_and_its_rest_answers_nothing() {
    let desk = Desk::new("strange").await;
    let long = format!("{}Hi {{firstName}}", "x".repeat(16 * 1024));
    let lines = [
        "3",
        "acme",
        "",
        "https://acme.okta.com",
        "",
        &long,
        "Hi\u{1b}[D {firstName}",
        "Hello {firstName}",
        "",
    ];
    let output = desk.init(&[], &lines).await;
    for words in ["no answer is that long", "as arrow keys make it"] {
        assert!(output.err.contains(words), "{output:?}");
    }
    let written = desk.written();
    assert!(
        output.code == 0 && written.contains("Hello {firstName}"),
        "{written}: {output:?}"
    );
}

#[tokio::test]
async fn who_does_not_write_the_changes_keeps_the_answers() {
    let desk = Desk::new("kept").await;
    let first = ["2", "acme", "", "", "twilio:+15005550006", "", "GB", "n"];
    assert_eq!(desk.init(&[], &first).await.code, 0);
    let before = desk.written();
    let changed = ["2", "", "", "", "", "", "DK", "n"];
    let output = desk.init(&[], &changed).await;
    assert!(
        output.err.contains("AllowedCountries: GB -> DK"),
        "{output:?}"
    );
    assert_eq!(desk.written(), before);
    let again = ["", "", "", "", "", "", "", "y", "n"];
    let output = desk.init(&[], &again).await;
    assert!(output.err.contains("[DK] > "), "{output:?}");
    assert!(
        desk.written().contains("\"AllowedCountries=DK\""),
        "{output:?}"
    );
}

#[tokio::test]
async fn a_tenant_that_is_none_is_told_and_kept_if_the_person_insists() {
    let desk = Desk::new("tenant").await;
    desk.scene
        .sandbox
        .auth0
        .server()
        .faults()
        .always(Some(sandbox::scene::status(404)));
    let mut lines = STRANGER.to_vec();
    lines.insert(7, STRANGER[6]);
    let output = desk.init(&[], &lines).await;
    assert!(
        output
            .err
            .contains("is no tenant of Auth0. Give it again to keep it"),
        "{output:?}"
    );
    assert_eq!(output.code, 0, "{output:?}");
}
