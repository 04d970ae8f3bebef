//! The doctor where the functions have a domain of their own: each path must lead to its function.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use sandbox::binaries;
use sandbox::cloudformation::STACK_NAME;
use sandbox::wire::{Server, client};
use serde_json::Value;

use crate::scene::Scene;
use crate::stand_ins::StandIns;

/// Runs as built; the others answer each GET of theirs with 405.
const REAL: &str = "ivr-validate";
const ORIGIN: &str = "abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-west-1.on.aws";

/// What stands in front of the functions, as `CloudFront` or an HTTP API does.
struct Front {
    server: Server,
    /// Functions whose paths lead nowhere.
    lost: Arc<Mutex<BTreeSet<String>>>,
}

impl Front {
    /// `header`: what marks each answer of this front.
    async fn start(scene: &Scene, header: Option<&'static str>) -> Self {
        let functions = scene.sandbox.template().functions.iter();
        let doors: BTreeMap<String, String> = functions
            .map(|function| {
                let url = scene.sandbox.door(&function.name).url();
                (function.name.clone(), url)
            })
            .collect();
        let lost = Arc::new(Mutex::new(BTreeSet::new()));
        let is_lost = Arc::clone(&lost);
        let lead = async move |uri: Uri| {
            let mut headers = HeaderMap::new();
            if let Some(header) = header {
                headers.insert(header, HeaderValue::from_static("x"));
            }
            let function = uri.path().split('/').nth(1).unwrap_or_default();
            let is_lost = is_lost.lock().unwrap().contains(function);
            let Some(door) = doors.get(function).filter(|_| !is_lost) else {
                return (StatusCode::NOT_FOUND, headers);
            };
            let answer = client().get(format!("{door}{}", uri.path())).send().await;
            let status = answer.unwrap().status().as_u16();
            (StatusCode::from_u16(status).unwrap(), headers)
        };
        let routes = Router::new().fallback(lead);
        let server = Server::start("front", routes).await.unwrap();
        let front = Self { server, lost };
        front.deploy(scene);
        front
    }

    /// The stack with the parameter `Domain`.
    fn deploy(&self, scene: &Scene) {
        let url = self.server.url();
        let functions = scene.sandbox.template().functions.iter();
        let names: Vec<String> = functions.map(|function| function.name.clone()).collect();
        let sandbox = &scene.sandbox;
        sandbox.cloudformation.change_stack(STACK_NAME, |stack| {
            for name in &names {
                let door = sandbox.door(name).url();
                for output in stack.outputs.values_mut() {
                    if let Some(path) = output.strip_prefix(&door) {
                        let path = path.trim_end_matches('/');
                        *output = format!("{url}/{name}{path}");
                    }
                }
            }
            let own = [
                ("ProvisionNumbersUrl", "provision-numbers/okta"),
                ("DeliveryStatusUrl", "delivery-status"),
            ];
            for (output, path) in own {
                stack
                    .outputs
                    .insert(output.to_owned(), format!("{url}/{path}"));
            }
            let origin = format!("{ORIGIN},switchboard-SmsForward");
            stack.outputs.insert("SmsForwardOrigin".to_owned(), origin);
            let domain = url.trim_start_matches("http://").to_owned();
            stack.parameters.insert("Domain".to_owned(), domain);
        });
    }

    fn lose(&self, function: &str) {
        self.lost.lock().unwrap().insert(function.to_owned());
    }

    /// The paths that were asked for by GET.
    fn asked(&self) -> BTreeSet<String> {
        let exchanges = self.server.exchanges();
        let gets = exchanges.iter().filter(|asked| asked.method == "GET");
        gets.map(|asked| asked.target.clone()).collect()
    }
}

/// The findings about the functions' addresses.
async fn findings(scene: &Scene) -> Vec<Value> {
    let mut findings = scene.run(&["--json", "doctor"]).await.all_findings();
    findings.retain(|finding| finding["check"] == "functions");
    findings
}

#[tokio::test]
async fn every_function_of_a_domain_is_asked_under_its_own_path() {
    let scene = Scene::healthy().await;
    let front = Front::start(&scene, None).await;
    let built = binaries::build_functions(&[REAL], "dev").await.unwrap();
    scene.sandbox.door(REAL).faults().clear();
    let public = format!("{}/{REAL}", front.server.url());
    let settings = [("PUBLIC_URL", Some(public.as_str()))];
    let (sandbox, binary) = (&scene.sandbox, &built[REAL]);
    let lambda = sandbox.run_with(REAL, binary, 1, &settings).await;
    lambda.wait_ready().await.unwrap();
    assert_eq!(findings(&scene).await, [Value::Null; 0]);
    let asked = front.asked();
    for function in &scene.sandbox.template().functions {
        let name = &function.name;
        let own = asked.iter().filter(|path| {
            let parts = path.split('/').nth(1);
            parts == Some(name)
        });
        assert_eq!(own.count(), 1, "{name}: {asked:?}");
    }
    lambda.stop().await;
}

#[tokio::test]
async fn a_path_of_a_domain_that_leads_nowhere_is_mended_by_the_printed_command() {
    for (header, template) in [
        (None, "docs/domain/cloudfront.yaml --region us-east-1"),
        (Some("apigw-requestid"), "docs/domain/http-api.yaml"),
    ] {
        let scene = Scene::healthy().await;
        let front = Front::start(&scene, header).await;
        front.lose("sms-forward");
        let findings_now = findings(&scene).await;
        let [finding] = &findings_now[..] else {
            panic!("{findings_now:#?}")
        };
        assert_eq!(finding["severity"], "fault", "{finding:#}");
        let what = format!(
            "{}/sms-forward does not lead to sms-forward: the answer is 404",
            front.server.url()
        );
        assert_eq!(finding["what"], what);
        // What the template of the domain gets is a parameter that it has.
        let yaml = template.split(' ').next().unwrap();
        let yaml = format!("{}/../{yaml}", env!("CARGO_MANIFEST_DIR"));
        let yaml = std::fs::read_to_string(yaml).unwrap();
        assert!(yaml.contains("\n  SmsForwardOrigin: "), "{yaml}");

        let programs = StandIns::new(&["aws"]);
        let command = finding["commands"][0].as_str().unwrap();
        let ran = scene.shell_in(programs.folder(), command, "").await;
        assert_eq!(ran.code, 0, "{command}: {ran:?}");
        let call = format!(
            "cloudformation deploy --stack-name switchboard-domain --template-file {template} --parameter-overrides \
             SmsForwardOrigin={ORIGIN},switchboard-SmsForward"
        );
        assert_eq!(programs.calls("aws"), [call]);
        front.lost.lock().unwrap().clear();
        assert_eq!(findings(&scene).await, [Value::Null; 0]);
    }
}

#[tokio::test]
async fn a_domain_that_does_not_answer_is_one_finding_that_names_its_record() {
    let scene = Scene::healthy().await;
    let front = Front::start(&scene, None).await;
    front.server.faults().refuse(true);
    let findings = findings(&scene).await;
    let [finding] = &findings[..] else {
        panic!("{findings:#?}")
    };
    assert_eq!(finding["severity"], "risk");
    let domain = front.server.url();
    let domain = domain.trim_start_matches("http://");
    let remedy = finding["remedy"].as_str().unwrap();
    let words = format!("the record of {domain} at your DNS provider");
    assert!(remedy.contains(&words), "{remedy}");
}

/// Without a domain, a Function URL of AWS answers a path that its function does not have.
#[tokio::test]
async fn a_404_at_a_function_url_is_the_functions_own() {
    let scene = Scene::healthy().await;
    let door = scene.sandbox.door("ivr-validate");
    door.faults().always(Some(sandbox::scene::status(404)));
    assert_eq!(findings(&scene).await, [Value::Null; 0]);
}
