//! Answers of a program: a file, and options.

use sandbox::twilio;
use serde_json::json;

use super::{Desk, set};

#[tokio::test]
async fn without_a_person_all_that_is_missing_is_listed_at_once() {
    let desk = Desk::new("given").await;
    let some = set(&[
        "Integrations=verification",
        "MailSenders=nobody",
        "TwilioNumbr=+15005550006",
    ]);
    let output = desk.init(&some, &[]).await;
    assert_eq!(output.code, 2, "{output:?}");
    for words in [
        "MailSenders: ",
        "Auth0Url is missing",
        "RecipientDomain is missing",
        "TwilioNumber is missing",
    ] {
        assert!(output.err.contains(words), "{words}: {output:?}");
    }
    assert_eq!(desk.written(), "");
    let answers = desk.folder.join("answers.json");
    let all = json!({
        "Integrations": "gateway", "StackName": "codes", "SmsFrom": "twilio:+15005550006", "AllowedCountries": "DK,SE",
        "CodeText": "Your code is {code}, it's good for 3 minutes", "Region": "eu-north-1",
    });
    std::fs::write(&answers, all.to_string()).unwrap();
    let run = async |more: &[&str]| {
        let fixed = [
            "--config-env",
            "prod",
            "--answers",
            answers.to_str().unwrap(),
        ];
        desk.init(&[&fixed, more].concat(), &[]).await
    };
    let output = run(&[]).await;
    assert_eq!(output.code, 0, "{output:?}");
    let (_, next) = output.out.split_once("\nNext:\n").unwrap();
    assert_eq!(
        next, "  cargo operator deploy --config-env prod\n",
        "deploy asks for the keys, so no other command is needed"
    );
    let before = desk.written();
    assert!(
        before.contains("region = \"eu-north-1\"") && before.contains("SmsRoutes=*=twilio"),
        "{before}"
    );
    assert_eq!(
        run(&[]).await.code,
        0,
        "nothing changes, so nothing is asked for"
    );
    assert_eq!(desk.written(), before);
    let other = ["--set", "AllowedCountries=DK"];
    let refused = run(&other).await;
    assert!(
        refused.code == 2 && refused.err.contains("AllowedCountries: DK,SE -> DK"),
        "{refused:?}"
    );
    assert_eq!(run(&[&other[..], &["--replace"]].concat()).await.code, 0);
    assert!(desk.written().contains("\"AllowedCountries=DK\""));
    let checked = desk.check(&["--config-env", "prod"]).await;
    assert_eq!(checked.code, 0, "{checked:?}");
}

#[tokio::test]
async fn a_secret_on_the_command_line_is_refused() {
    let desk = Desk::new("line").await;
    for name in [
        "TwilioAuthToken",
        "MailgunApiKey",
        "Auth0ManagementToken",
        "Auth0ClientSecret",
    ] {
        let answer = format!("{name}=example-secret-text");
        let output = desk.init(&set(&[&answer]), &[]).await;
        assert_eq!(output.code, 2, "{output:?}");
        assert!(
            output.err.contains("--answers") && !output.err.contains("example-secret"),
            "{output:?}"
        );
    }
}

#[tokio::test]
async fn each_wrong_answer_of_a_file_says_what_is_wrong_and_what_to_do() {
    let desk = Desk::new("file").await;
    let answers = desk.folder.join("answers.json");
    let all = json!({
        "Integrations": "phone-menu,company-phone", "Region": "europe", "Auth0Url": "acme.eu.auth0.com", "OktaUrl": "https://acme.okta.com",
        "ApiAudience": "https://api.acme.example/", "PinLength": 3, "Voicemail": "maybe", "Deploy": "perhaps",
    });
    std::fs::write(&answers, all.to_string()).unwrap();
    let output = desk
        .init(&["--answers", answers.to_str().unwrap()], &[])
        .await;
    assert_eq!(output.code, 2, "{output:?}");
    let lines: Vec<&str> = output.err.lines().skip(1).map(str::trim).collect();
    let expected = [
        "Deploy: this is neither y nor n",
        "Region: this is no region of AWS",
        "Voicemail: must be one of on, off",
        "Auth0Url: must be https://host, without path",
        "PinLength: must be at least 4 and at most 32",
    ];
    assert_eq!(lines.len(), expected.len(), "{output:?}");
    for (line, words) in lines.iter().zip(expected) {
        assert!(line.starts_with(words), "{line}: {words}");
        assert!(line.contains(". Example: "), "what to do: {line}");
    }
    assert_eq!(desk.written(), "");
    // What nobody asks about is told with the rest.
    let more = set(&[
        "SmsPerHour=many",
        "AllowedCountries=UK",
        "SmsRoutes=*=twilio",
    ]);
    let file = ["--answers", answers.to_str().unwrap()];
    let output = desk.init(&[&file, &more[..]].concat(), &[]).await;
    for words in [
        "Deploy: ",
        "SmsPerHour: must be a whole number",
        "AllowedCountries: ",
        "the United Kingdom is GB",
    ] {
        assert!(output.err.contains(words), "{words}: {output:?}");
    }
    assert_eq!(output.err.matches("PinLength: ").count(), 1, "{output:?}");
}

#[tokio::test]
async fn an_input_that_has_no_answers_says_how_to_give_them() {
    let desk = Desk::new("nobody").await;
    let output = desk.init_with(&[], &[("AWS_REGION", " ")], &[]).await;
    assert!(
        output.code == 2
            && output
                .err
                .contains("the input ended: run this at a terminal, or give the answers with --answers or --set"),
        "{output:?}"
    );
    // A variable without a value is no answer either.
    let output = desk
        .init_with(&set(&["Integrations=gateway"]), &[("AWS_REGION", " ")], &[])
        .await;
    assert_eq!(output.code, 0, "{output:?}");
    assert!(desk.written().contains("region = \"eu-west-1\""));
}

#[tokio::test]
async fn keys_in_the_environment_are_read_again_by_deploy_and_not_asked_for() {
    let desk = Desk::new("environment").await;
    let all = set(&[
        "Integrations=verification",
        "Auth0Url=https://acme.eu.auth0.com",
        "MailSenders=@acme.example",
        "RecipientDomain=sms.example.com",
        "TwilioNumber=+15005550006",
    ]);
    let keys = [
        ("TWILIO_ACCOUNT_SID", twilio::ACCOUNT_SID),
        ("TWILIO_AUTH_TOKEN", twilio::AUTH_TOKEN),
    ];
    let output = desk.init_with(&all, &keys, &[]).await;
    assert_eq!(output.code, 0, "{output:?}");
    assert!(
        output
            .out
            .ends_with("\n  cargo operator deploy --from-env\n"),
        "{output:?}"
    );
    let wrong = [keys[0], ("TWILIO_AUTH_TOKEN", "x")];
    let output = desk.init_with(&all, &wrong, &[]).await;
    assert!(
        output.code == 1
            && output
                .err
                .contains("TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN are set, but Twilio rejects"),
        "{output:?}"
    );
    let other = [&all[..], &["--set", "Deploy=y", "--json"]].concat();
    let output = desk.init_with(&other, &keys, &[]).await;
    assert!(
        output.code == 2 && output.out.contains("--json writes one document"),
        "{output:?}"
    );
}

#[tokio::test]
async fn a_folder_that_is_not_the_repositorys_is_told() {
    let desk = Desk::new("empty").await;
    std::fs::remove_file(desk.folder.join("template.yaml")).unwrap();
    let wishes = set(&["Integrations=gateway", "Deploy=y"]);
    let output = desk.init(&wishes, &[]).await;
    assert_eq!(output.code, 0, "{output:?}");
    assert!(
        output
            .out
            .contains("But this folder is not the repository's: it has no template.yaml"),
        "{output:?}"
    );
    assert!(desk.written().contains("SmsRoutes"));
}
