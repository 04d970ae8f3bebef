//! Text of strangers stays text in a search.

use sandbox::{COMPANY_NUMBER, Sandbox, scene::and};

use crate::{CALL, FORWARD, binary};

const PHONE: &str = "+4520304050";
#[tokio::test]
async fn a_called_number_that_is_more_than_a_number_is_not_searched_for() {
    let sandbox = Sandbox::start().await;
    sandbox.okta.hire("Ann", "+4521223344", COMPANY_NUMBER);
    for (function, path) in [(CALL, "/"), (FORWARD, "/")] {
        let lambda = sandbox.run(function, binary(function).await).await;
        lambda.wait_ready().await.unwrap();
        sandbox.okta.server().clear_exchanges();
        let url = sandbox.door(function).url() + path;
        let params = match function {
            CALL => sandbox.twilio.inbound_call(PHONE, COMPANY_NUMBER),
            _ => sandbox.twilio.inbound(PHONE, COMPANY_NUMBER, "Hello"),
        };
        for more in [
            "\" or profile.login pr or \"",
            "\\",
            "\"",
            " ",
            "%22",
            "*",
            "#",
            "\u{661}",
        ] {
            let number = format!("{COMPANY_NUMBER}{more}");
            sandbox
                .twilio
                .post_call(and(&params, &[("To", &number)]), &url)
                .await;
        }
        let asked = |exchange: &sandbox::wire::Exchange| exchange.target.contains("search=");
        let exchanges = sandbox.okta.server().exchanges();
        assert!(!exchanges.iter().any(asked), "{function}: {exchanges:#?}");
        let (status, _) = sandbox.twilio.post_call(params, &url).await;
        assert_eq!(status, 200);
        assert!(
            sandbox.okta.server().exchanges().iter().any(asked),
            "{function}"
        );
        lambda.stop().await;
    }
}
