//! A deployment as `sam deploy` makes it: a change set is made, looked at and executed.

use sandbox::{Sandbox, cloudformation::STACK_NAME, wire::client};
use serde_json::json;

/// The template of this repository, which is too large to be in a request.
const TEMPLATE: &str = include_str!("../../../template.yaml");
const BUCKET: &str = r#"{ "Resources": { "Packages": { "Type": "AWS::S3::Bucket" } }, "Outputs": { "Name": { "Value": { "Ref": "Packages" } } } }"#;
const GATEWAY: [(&str, &str); 2] = [("SmsRoutes", "*=twilio,vonage"), ("AllowedCountries", "DK")];

struct Scene {
    sandbox: Sandbox,
    template: String,
}

impl Scene {
    /// A sandbox with the template in a bucket.
    async fn new() -> Self {
        let sandbox = Sandbox::start().await;
        let mut scene = Self {
            sandbox,
            template: String::new(),
        };
        let packages = [("ChangeSetType", "CREATE"), ("TemplateBody", BUCKET)];
        scene
            .plan("packages", "first", &packages, &[])
            .await
            .unwrap();
        scene.execute("packages", "first").await.unwrap();
        let bucket = scene.sandbox.cloudformation.stack("packages").unwrap();
        let url = format!(
            "{}/{}/it",
            scene.sandbox.s3.server().url(),
            bucket.outputs["Name"]
        );
        let key = "AWS4-HMAC-SHA256 Credential=A/20261120/eu-west-1/s3/aws4_request";
        let put = client().put(&url).header("authorization", key);
        let answer = put.body(TEMPLATE).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        scene.template = url;
        scene
    }

    /// The answer to a request, or the refusal.
    async fn ask(&self, action: &str, fields: &[(&str, &str)]) -> Result<String, String> {
        let key = "AWS4-HMAC-SHA256 Credential=A/20261120/eu-west-1/cloudformation/aws4_request";
        let common = [("Action", action), ("Version", "2010-05-15")];
        let request = client()
            .post(self.sandbox.cloudformation.server().url())
            .header("authorization", key)
            .form(&[&common, fields].concat());
        let answer = request.send().await.unwrap();
        let is_good = answer.status() == 200;
        let text = answer.text().await.unwrap();
        if is_good { Ok(text) } else { Err(text) }
    }

    async fn plan(
        &self,
        stack: &str,
        set: &str,
        fields: &[(&str, &str)],
        parameters: &[(&str, &str)],
    ) -> Result<String, String> {
        let parameters: Vec<(String, String)> = parameters
            .iter()
            .enumerate()
            .flat_map(|(index, (name, value))| {
                let field = |part| format!("Parameters.member.{}.Parameter{part}", index + 1);
                [(field("Key"), *name), (field("Value"), *value)]
            })
            .map(|(field, value)| (field, value.to_owned()))
            .collect();
        let parameters = parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let named = [("StackName", stack), ("ChangeSetName", set)];
        let fields: Vec<_> = named
            .into_iter()
            .chain(fields.iter().copied())
            .chain(parameters)
            .collect();
        self.ask("CreateChangeSet", &fields).await
    }

    /// A change set of this repository's template.
    async fn plan_ours(
        &self,
        stack: &str,
        set: &str,
        kind: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String, String> {
        let fields = [
            ("ChangeSetType", kind),
            ("TemplateURL", &self.template),
            ("Capabilities.member.1", "CAPABILITY_IAM"),
        ];
        self.plan(stack, set, &fields, parameters).await
    }

    async fn describe(&self, stack: &str, set: &str) -> String {
        let fields = [("StackName", stack), ("ChangeSetName", set)];
        self.ask("DescribeChangeSet", &fields).await.unwrap()
    }

    async fn execute(&self, stack: &str, set: &str) -> Result<String, String> {
        let fields = [("StackName", stack), ("ChangeSetName", set)];
        self.ask("ExecuteChangeSet", &fields).await
    }

    fn status(&self, stack: &str) -> Option<String> {
        let stack = self.sandbox.cloudformation.stack(stack);
        stack.map(|stack| stack.status)
    }
}

#[tokio::test]
async fn an_executed_change_set_makes_the_stack_with_its_secrets() {
    let scene = Scene::new().await;
    scene
        .plan_ours("acme", "first", "CREATE", &GATEWAY)
        .await
        .unwrap();
    assert_eq!(scene.status("acme").as_deref(), Some("REVIEW_IN_PROGRESS"));
    assert_eq!(scene.sandbox.aws.secret("acme/gateway"), None);
    let planned = scene.describe("acme", "first").await;
    assert!(
        planned.contains("<Action>Add</Action><LogicalResourceId>SmsGateway</LogicalResourceId>")
    );
    assert!(
        !planned.contains("CallForward"),
        "a function that is not wanted: {planned}"
    );

    scene.execute("acme", "first").await.unwrap();
    let stack = scene.sandbox.cloudformation.stack("acme").unwrap();
    assert_eq!(stack.status, "CREATE_COMPLETE");
    let gateway = scene.sandbox.door("sms-gateway").url() + "/";
    assert_eq!(stack.outputs["SmsGatewayUrl"], gateway);
    assert_eq!(stack.outputs["GatewaySecretName"], "acme/gateway");
    assert!(!stack.outputs.contains_key("CallForwardUrl"));
    assert_eq!(stack.parameters["AllowedCountries"], "DK");
    assert_eq!(stack.parameters["SmsPerHour"], "1000", "a default");
    assert_eq!(scene.sandbox.aws.secret("acme/gateway"), Some(json!({})));
    assert_eq!(scene.sandbox.aws.secret("acme/okta"), None);

    let events = scene
        .ask("DescribeStackEvents", &[("StackName", "acme")])
        .await
        .unwrap();
    let newest = events
        .find("<ResourceStatus>CREATE_COMPLETE</ResourceStatus>")
        .unwrap();
    assert!(
        newest < events.find("REVIEW_IN_PROGRESS").unwrap(),
        "the newest is the first"
    );
    assert!(events.contains("<LogicalResourceId>SmsGatewayRole</LogicalResourceId>"));
}

#[tokio::test]
async fn an_update_keeps_the_secrets_values_and_deletes_those_of_what_is_switched_off() {
    let scene = Scene::new().await;
    let both = [&GATEWAY[..], &[("OktaUrl", "https://acme.okta.com")]].concat();
    scene
        .plan_ours("acme", "first", "CREATE", &both)
        .await
        .unwrap();
    scene.execute("acme", "first").await.unwrap();
    let value = json!({ "bearer_token": "example-bearer-token" });
    scene.sandbox.aws.set_secret("acme/gateway", &value);

    scene
        .plan_ours("acme", "same", "UPDATE", &both)
        .await
        .unwrap();
    let same = scene.describe("acme", "same").await;
    assert!(same.contains("<Status>FAILED</Status>"), "{same}");
    assert!(same.contains("contain changes. Submit different"), "{same}");
    let refused = scene.execute("acme", "same").await.unwrap_err();
    assert!(refused.contains("InvalidChangeSetStatus"), "{refused}");

    scene
        .plan_ours("acme", "less", "UPDATE", &GATEWAY)
        .await
        .unwrap();
    let less = scene.describe("acme", "less").await;
    assert!(
        less.contains("<Action>Remove</Action><LogicalResourceId>CallForward</LogicalResourceId>")
    );
    scene.execute("acme", "less").await.unwrap();
    assert_eq!(scene.status("acme").as_deref(), Some("UPDATE_COMPLETE"));
    assert_eq!(scene.sandbox.aws.secret("acme/gateway"), Some(value));
    assert_eq!(scene.sandbox.aws.secret("acme/okta"), None);
}

#[tokio::test]
async fn what_cannot_be_deployed_is_refused_before_anything_exists() {
    let scene = Scene::new().await;
    let ours = async |kind, parameters: &[(&str, &str)]| {
        scene
            .plan_ours("acme", "first", kind, parameters)
            .await
            .unwrap_err()
    };
    let mail = [("MailSenders", "no-reply@acme.example")];
    for (refused, why) in [
        (ours("CREATE", &mail).await, "MailSenders needs Auth0Url"),
        (ours("CREATE", &[]).await, "Nothing is wanted"),
        (
            ours("CREATE", &[("SmsRoute", "*=twilio")]).await,
            "Parameters: [SmsRoute] do not exist in the template",
        ),
        (
            ours("CREATE", &[("SmsRoutes", "twilio")]).await,
            "Parameter SmsRoutes failed to satisfy constraint: prefix=provider",
        ),
        (
            ours("UPDATE", &GATEWAY).await,
            "Stack [acme] does not exist",
        ),
    ] {
        let is_validation = refused.contains("<Code>ValidationError</Code>");
        assert!(is_validation && refused.contains(why), "{why}: {refused}");
    }
    assert_eq!(scene.status("acme"), None);
    let exists = scene
        .plan_ours(STACK_NAME, "first", "CREATE", &GATEWAY)
        .await
        .unwrap_err();
    assert!(exists.contains("already exists"), "{exists}");
    let template = [
        ("ChangeSetType", "CREATE"),
        ("TemplateURL", scene.template.as_str()),
    ];
    let unacknowledged = scene
        .plan("acme", "first", &template, &GATEWAY)
        .await
        .unwrap_err();
    assert!(
        unacknowledged.contains("Requires capabilities : [CAPABILITY_IAM]"),
        "{unacknowledged}"
    );
    let nowhere = [
        ("ChangeSetType", "CREATE"),
        ("TemplateURL", "http://127.0.0.1/no/it"),
    ];
    let nowhere = scene
        .plan("acme", "first", &nowhere, &GATEWAY)
        .await
        .unwrap_err();
    assert!(
        nowhere.contains("The specified key does not exist"),
        "{nowhere}"
    );
}

#[tokio::test]
async fn a_resource_that_cannot_be_made_rolls_the_stack_back() {
    let scene = Scene::new().await;
    let why = "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [10].";
    scene
        .sandbox
        .cloudformation
        .break_resource(Some(("SmsGateway", why)));
    scene
        .plan_ours("acme", "first", "CREATE", &GATEWAY)
        .await
        .unwrap();
    scene.execute("acme", "first").await.unwrap();
    assert_eq!(scene.status("acme").as_deref(), Some("ROLLBACK_COMPLETE"));
    assert_eq!(scene.sandbox.aws.secret("acme/gateway"), None);
    let events = scene
        .ask("DescribeStackEvents", &[("StackName", "acme")])
        .await
        .unwrap();
    assert!(
        events.contains("UnreservedConcurrentExecution below"),
        "{events}"
    );
    let refused = scene
        .plan_ours("acme", "again", "UPDATE", &GATEWAY)
        .await
        .unwrap_err();
    assert!(
        refused.contains("is in ROLLBACK_COMPLETE state and can not be updated"),
        "{refused}"
    );
    scene.sandbox.cloudformation.break_resource(None);
}
