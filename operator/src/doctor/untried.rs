//! What the doctor never tries: it would have to send, to call or to buy something, or nobody can be
//! asked. Each says how a person tries it.

use super::coverage::Check;

pub(super) const CHECKS: &[Check] = &[
    Check::untried(
        "verification.mail",
        "a mail that becomes an SMS, and the answer to it",
        |deployed| deployed.has("SendVerificationSmsUrl"),
        "sign up with a phone of your own. Then run `operator logs send-verification-sms`",
    ),
    Check::untried(
        "gateway.delivery",
        "a code that arrives at a phone, from each provider and sender",
        |deployed| deployed.has("SmsGatewayUrl"),
        "sign in with a phone of your own. Then run `operator deliveries`",
    ),
    Check::untried(
        "gateway.voice",
        "a code that is read out in a call",
        |deployed| deployed.has("SmsGatewayUrl") && deployed.has("VoiceProviders"),
        "ask for a call to a phone of your own. Then run `operator deliveries`",
    ),
    Check::untried(
        "supabase.hook",
        "whether Supabase calls WebhookUrl, and signs with the secret webhook",
        |deployed| deployed.has("WebhookUrl"),
        "in Supabase, compare the URL with the output WebhookUrl (Authentication, Hooks, Send SMS hook). Sign in with a phone of your own. \
         Then run `operator logs sms-gateway`",
    ),
    Check::untried(
        "generic.caller",
        "whether your identity provider calls GenericUrl, with the credential of the secret generic",
        |deployed| deployed.has("GenericUrl"),
        "compare the URL at your identity provider with the output GenericUrl. Sign in with a phone of your own. Then run `operator logs \
         sms-gateway`",
    ),
    Check::untried(
        "company_phone.call",
        "a call and a text to a company number that reach the employee",
        |deployed| deployed.has("CallForwardUrl"),
        "call and text a company number. Then run `operator logs call-forward` and `operator logs sms-forward`",
    ),
    Check::untried(
        "provision.purchase",
        "whether Twilio has numbers on sale with AreaPrefixes, and sells them to this account",
        |deployed| deployed.has("ProvisionNumbersUrl"),
        "set DryRun=true in samconfig.toml and run `operator deploy`. Then run `sam remote invoke ProvisionNumbers --stack-name STACK --event '{}'`, which says \
         what it would buy",
    ),
    Check::untried(
        "phone_menu.call",
        "a call to the phone menu",
        |deployed| deployed.has("IvrVoiceUrl"),
        "call the number of the phone menu. Then run `operator logs ivr-validate`",
    ),
    Check::untried(
        "phone_menu.other_ivr",
        "whether an IVR of another make calls IvrValidateUrl with the token of the secret ivr",
        |deployed| deployed.has("IvrValidateUrl") && deployed.uses("ivr"),
        "call the number of that IVR. Then run `operator logs ivr-validate`",
    ),
    Check::untried(
        "phone_menu.studio",
        "whether a Studio flow calls ApiCallUrl with the token of the secret studio",
        |deployed| deployed.has("ApiCallUrl") && deployed.uses("studio"),
        "call the number of the Studio flow. Then run `operator logs api-call`",
    ),
    Check::untried(
        "receipts.arrival",
        "whether the providers' delivery receipts arrive",
        |deployed| deployed.has("DeliveryStatusUrl"),
        "send a text to a phone of your own. Then run `operator logs delivery-status`",
    ),
    Check::untried(
        "receipts.clickatell",
        "the callback URL in Clickatell's portal, which no API tells",
        |deployed| deployed.has("DeliveryStatusUrl") && deployed.stack.routes_to("clickatell"),
        "run `operator connect clickatell`. Compare the URL that it shows with the portal's",
    ),
    Check::untried(
        "receipts.vonage",
        "whether Vonage signs its webhooks, which no API tells",
        |deployed| deployed.has("DeliveryStatusUrl") && deployed.stack.routes_to("vonage"),
        "run `operator connect vonage`. Compare what it says with Vonage's dashboard (API settings)",
    ),
    Check::untried(
        "alarms.email",
        "whether AlarmEmail has confirmed that it wants AWS's mails",
        |deployed| deployed.has("AlarmEmail"),
        "open the link in the mail of AWS Notifications. Without that mail, look at the subscription (AWS console, SNS, Subscriptions)",
    ),
];
