//! The requests over the wire.

use sandbox::{
    Sandbox, plivo, twilio,
    wire::{Exchange, Server},
};

use super::{
    API, CALL, DELIVERY, FLOW, FORWARD, GATEWAY, IVR, PROVISION, RECEIVE, SEND,
    print::{masked, print_call},
};

/// One request over the wire.
pub(super) struct Call {
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    pub(super) exchange: Exchange,
}

/// The requests since the last call, in order.
pub(super) fn calls(sandbox: &Sandbox) -> Vec<Call> {
    let mut servers: Vec<(_, _, &Server)> = vec![
        ("Mailgun", SEND, sandbox.door(SEND)),
        ("Twilio", RECEIVE, sandbox.door(RECEIVE)),
        ("Auth0", GATEWAY, sandbox.door(GATEWAY)),
        ("Twilio", CALL, sandbox.door(CALL)),
        ("Twilio", FORWARD, sandbox.door(FORWARD)),
        ("Okta", PROVISION, sandbox.door(PROVISION)),
        ("Twilio", IVR, sandbox.door(IVR)),
        ("Studio", FLOW, sandbox.door(FLOW)),
        ("", API, sandbox.door(API)),
        ("", DELIVERY, sandbox.door(DELIVERY)),
        ("", "Okta", sandbox.okta.server()),
        ("", "Twilio", sandbox.twilio.server()),
        ("", "Auth0", sandbox.auth0.server()),
        ("", "DynamoDB", sandbox.aws.dynamodb()),
        ("", "Secrets Manager", sandbox.aws.secrets()),
    ];
    let providers = sandbox.providers();
    servers.extend(
        providers
            .iter()
            .map(|provider| ("", provider.name, provider.server)),
    );
    let mut calls = Vec::new();
    for (from, to, server) in servers {
        calls.extend(server.exchanges().into_iter().map(|exchange| Call {
            from: if to == DELIVERY {
                reporter(&exchange)
            } else {
                from
            },
            to,
            exchange,
        }));
        server.clear_exchanges();
    }
    calls.sort_by_key(|call| call.exchange.started);
    calls
}

/// Who made this request to `delivery-status`.
fn reporter(exchange: &Exchange) -> &'static str {
    let first = exchange.target.split(['/', '?']).nth(1);
    match first.unwrap_or_default() {
        _ if exchange.status == Some(403) => "a stranger",
        "twilio" => "Twilio",
        "plivo" => "Plivo",
        "vonage" => "Vonage",
        "clickatell" => "Clickatell",
        _ => "Auth0",
    }
}

impl Call {
    pub(super) fn print(&self, outcome: Option<&String>) {
        print_call(
            &self.route(),
            &self.what(),
            self.exchange.status,
            self.exchange.took,
            outcome,
        );
    }

    /// Requests of the functions are indented below the request to them.
    pub(super) fn route(&self) -> String {
        if self.from.is_empty() {
            format!("    → {}", self.to)
        } else {
            format!("{} → {}", self.from, self.to)
        }
    }

    pub(super) fn what(&self) -> String {
        let exchange = &self.exchange;
        let operation = exchange
            .headers
            .iter()
            .find(|(name, _)| name == "x-amz-target")
            .and_then(|(_, target)| target.split('.').nth(1));
        let unmet = exchange.status == Some(400)
            && String::from_utf8_lossy(&exchange.response).contains("ConditionalCheckFailed");
        match operation {
            Some(operation) if unmet => format!("{operation}, condition not met"),
            Some(operation) => operation.to_owned(),
            None => {
                // The account in a path and the text before a ticket are not interesting.
                let accounts = [twilio::ACCOUNT_SID, plivo::AUTH_ID];
                let after =
                    |account: &str| exchange.target.rsplit_once(account).map(|(_, rest)| rest);
                let target = accounts
                    .into_iter()
                    .find_map(after)
                    .unwrap_or(&exchange.target);
                let (path, query) = target.split_once('?').unwrap_or((target, ""));
                let ticket = query
                    .find("ticket=")
                    .map_or(String::new(), |at| format!("?{}", &query[at..]));
                masked(&format!("{} {path}{ticket}", exchange.method))
            }
        }
    }
}
