//! Settings: lists, menus, mappings and patterns in variables.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;
use shared::platform::Platform;
use shared::platform::config::{self, Problems};
use shared::platform::runtime::Function;
use shared::rules::phone::E164;
use shared::services::routes::Routes;

use crate::line;

/// Reads a function's settings.
type Reader = fn(&dyn Fn(&str) -> Option<String>) -> Result<(), Problems>;

/// Variables with a form of their own, and a function that reads them.
const SETTINGS: [(&str, &str, Reader); 25] = [
    ("ALLOWED_COUNTRIES", "SmsGateway", read::<sms_gateway::App>),
    ("API_PATH", "ApiCall", read::<api_call::App>),
    (
        "AREA_PREFIXES",
        "ProvisionNumbers",
        read::<provision_numbers::App>,
    ),
    (
        "AUTH0_URL",
        "SendVerificationSms",
        read::<send_verification_sms::App>,
    ),
    ("CODE_TEXT", "SmsGateway", read::<sms_gateway::App>),
    ("COGNITO_POOLS", "SmsGateway", read::<sms_gateway::App>),
    ("COGNITO_TEXTS", "SmsGateway", read::<sms_gateway::App>),
    (
        "CORRECT_SMS_RESPONSE",
        "ReceiveConfirmationSms",
        read::<receive_confirmation_sms::App>,
    ),
    (
        "COUNTRY_LANGUAGES",
        "IvrValidate",
        read::<ivr_validate::App>,
    ),
    ("FAILOVER_KEY_ARN", "SmsGateway", read::<sms_gateway::App>),
    ("GENERIC_MAPPING", "SmsGateway", read::<sms_gateway::App>),
    (
        "GENERIC_SIGNATURE_HEADER",
        "SmsGateway",
        read::<sms_gateway::App>,
    ),
    ("GREETING", "CallForward", read::<call_forward::App>),
    ("IVR_LANGUAGES", "IvrValidate", read::<ivr_validate::App>),
    ("IVR_MENU", "IvrValidate", read::<ivr_validate::App>),
    ("IVR_VOICE", "IvrValidate", read::<ivr_validate::App>),
    ("LANGUAGES", "IvrValidate", read::<ivr_validate::App>),
    (
        "LINK_HOSTS",
        "SendVerificationSms",
        read::<send_verification_sms::App>,
    ),
    (
        "MAIL_SENDERS",
        "SendVerificationSms",
        read::<send_verification_sms::App>,
    ),
    ("PUBLIC_URL", "SmsForward", read::<sms_forward::App>),
    (
        "RECIPIENT_PATTERN",
        "SendVerificationSms",
        read::<send_verification_sms::App>,
    ),
    (
        "RECIPIENT_PREFIX",
        "SendVerificationSms",
        read::<send_verification_sms::App>,
    ),
    ("SMS_FROM", "SmsGateway", read::<sms_gateway::App>),
    ("SMS_ROUTES", "SmsGateway", read::<sms_gateway::App>),
    (
        "VOICE_PROVIDERS",
        "DeliveryStatus",
        read::<delivery_status::App>,
    ),
];

/// Numbers whose routes are compared.
const NUMBERS: [&str; 4] = [
    "+573001234567",
    "+12025550123",
    "+4520123456",
    "+18095551234",
];

static ENVIRONMENT: LazyLock<BTreeMap<String, BTreeMap<String, String>>> = LazyLock::new(|| {
    let recorded = include_str!("../../../events/env.json");
    serde_json::from_str(recorded).expect("events/env.json has variables by function")
});

/// Any value of a setting is either read or refused with what is wrong. The first line of the input
/// is the variable's name, the rest its value.
pub fn setting(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (name, value) = line(&text);
    let Some((name, function, read)) = SETTINGS.iter().find(|(known, ..)| *known == name) else {
        return;
    };
    let lookup = |wanted: &str| match wanted {
        wanted if wanted == *name => Some(value.to_owned()),
        "AWS_REGION" => Some("eu-west-1".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("example".to_owned()),
        _ => ENVIRONMENT[*function].get(wanted).cloned(),
    };
    if let Err(Problems(problems)) = read(&lookup) {
        assert!(!problems.is_empty());
        // The log of a deployment holds these lines.
        let length: usize = problems.iter().map(String::len).sum();
        assert!(length <= 2_000 + 500 * (1 + value.len()), "{length}");
    } else if *name == "SMS_ROUTES" {
        routes(value);
    } else if *name == "GENERIC_MAPPING" {
        let mapping: Value = serde_json::from_str(value).expect("a mapping is JSON");
        assert!(mapping["recipient"].is_string(), "{value}");
    }
}

/// Reads the settings of a function as its start does.
fn read<F: Function>(lookup: &dyn Fn(&str) -> Option<String>) -> Result<(), Problems> {
    config::read(lookup, |source| {
        let platform = Platform::read(source);
        F::read(&platform, source);
    })
}

/// The providers of a number are those of the longest prefix, as a second reader sees them.
fn routes(value: &str) {
    let lookup = |name: &str| (name == "SMS_ROUTES").then(|| value.to_owned());
    let routes = config::read(&lookup, Routes::read).expect("they were read before");
    for number in NUMBERS {
        let entries = value.split(';').filter_map(|entry| entry.split_once('='));
        let entries = entries.map(|(prefix, names)| (prefix.trim().replace('*', "+"), names));
        let entries = entries.filter(|(prefix, _)| number.starts_with(prefix));
        let longest = entries.max_by_key(|(prefix, _)| prefix.len());
        let expected: Vec<&str> = longest
            .iter()
            .flat_map(|(_, names)| names.split(','))
            .map(str::trim)
            .collect();
        let number: E164 = number.parse().expect("a number");
        let found: Vec<&str> = routes
            .find(&number)
            .iter()
            .map(|name| name.word())
            .collect();
        assert_eq!(found, expected, "{value}");
    }
}
