//! The functions' own readers of settings. They end a function's start with the same problems.

use shared::platform::Platform;
use shared::platform::config::{Source, read_strictly};
use shared::platform::runtime::Function;

use super::Values;

/// Variables that Lambda itself sets, and values in place of those that only AWS knows.
const OF_LAMBDA: [(&str, &str); 3] = [
    ("AWS_REGION", "eu-west-1"),
    ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "example"),
];
/// The file is inside the package.
const UNREADABLE: &str = "EXTRA_CA_FILE";

/// What a function says about its variables. `None`: this program does not know the function.
pub(super) fn problems(function: &str, variables: &Values) -> Option<Vec<String>> {
    let reader: fn(&Values) -> Vec<String> = match function {
        "api-call" => of::<api_call::App>,
        "call-forward" => of::<call_forward::App>,
        "delivery-status" => of::<delivery_status::App>,
        "ivr-validate" => of::<ivr_validate::App>,
        "provision-numbers" => of::<provision_numbers::App>,
        "receive-confirmation-sms" => of::<receive_confirmation_sms::App>,
        "secure-api" => of::<secure_api::App>,
        "send-verification-sms" => of::<send_verification_sms::App>,
        "sms-forward" => of::<sms_forward::App>,
        "sms-gateway" => of::<sms_gateway::App>,
        _ => return None,
    };
    Some(reader(variables))
}

fn of<F: Function>(variables: &Values) -> Vec<String> {
    let lookup = |name: &str| {
        let lambda = OF_LAMBDA.iter().find(|(known, _)| *known == name);
        match lambda {
            Some((_, value)) => Some((*value).to_owned()),
            None if name == UNREADABLE => None,
            None => variables.get(name).cloned(),
        }
    };
    let reader = |source: &mut Source<'_>| {
        let platform = Platform::read(source);
        drop(F::read(&platform, source));
    };
    read_strictly(&lookup, reader).map_or_else(|problems| problems.0, |()| Vec::new())
}
