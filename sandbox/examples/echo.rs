//! The smallest Lambda function: a custom runtime without any Lambda library, for the tests of the Runtime API.
//!
//! The event's `do` says what happens: `fail`, `hang`, `exit`, `env`; anything else is echoed. `REFUSE_TO_START` ends it before the first event.

use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "standard output is a function's log")]
#[expect(
    clippy::disallowed_methods,
    reason = "there is nobody else here to read the environment"
)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let api = format!(
        "http://{}/2018-06-01/runtime",
        std::env::var("AWS_LAMBDA_RUNTIME_API")?
    );
    let client = sandbox::wire::client();
    if let Ok(reason) = std::env::var("REFUSE_TO_START") {
        let report = json!({ "errorType": "Config", "errorMessage": reason });
        client
            .post(format!("{api}/init/error"))
            .json(&report)
            .send()
            .await?;
        return Err(reason.into());
    }
    loop {
        let next = client
            .get(format!("{api}/invocation/next"))
            .send()
            .await?
            .error_for_status()?;
        let id = next.headers()["lambda-runtime-aws-request-id"]
            .to_str()?
            .to_owned();
        let event: Value = next.json().await?;
        let order = event["do"]
            .as_str()
            .or_else(|| event["body"].as_str())
            .unwrap_or_default();
        println!("doing {order:?}");
        let (path, answer) = match order {
            "fail" => (
                "error",
                json!({ "errorType": "Oops", "errorMessage": "as told" }),
            ),
            "hang" => std::future::pending().await,
            "exit" => std::process::exit(3),
            "env" => ("response", std::env::vars().collect()),
            _ => ("response", event),
        };
        client
            .post(format!("{api}/invocation/{id}/{path}"))
            .json(&answer)
            .send()
            .await?;
    }
}
