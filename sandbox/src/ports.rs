//! The fixed ports of a sandbox.

use std::io;

/// The fixed ports of a sandbox.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// The port of the Invoke API. The Function URLs follow it (+1 to +9, and more from +30). Then
    /// come Twilio (+10), Mailgun (+11), Auth0 (+12), Okta (+16), `DynamoDB` (+20), Secrets Manager
    /// (+21), `CloudFormation` (+22), KMS (+23), Cognito (+24), the page (+25), S3 (+26),
    /// `CloudWatch Logs` (+28), and the simulators of [`providers`](crate::providers) (+13, +14 ...).
    pub base: u16,
}

impl Ports {
    /// The default ports of `cargo sandbox`.
    pub const USUAL: Self = Self { base: 4700 };

    /// The port of the Function URL of a function, by its place in `template.yaml`.
    pub fn function(self, place: usize) -> u16 {
        self.base + Self::door(place)
    }

    /// The first nine follow the Invoke API. The servers are behind them.
    pub(crate) fn door(place: usize) -> u16 {
        (1..10).chain(30..).nth(place).unwrap_or_default()
    }

    /// The port of `DynamoDB`.
    pub fn dynamodb(self) -> u16 {
        self.base + Self::DYNAMODB
    }

    /// The port of the page.
    pub fn page(self) -> u16 {
        self.base + Self::PAGE
    }

    const PAGE: u16 = 25;
    pub(crate) const TWILIO: u16 = 10;
    pub(crate) const MAILGUN: u16 = 11;
    pub(crate) const AUTH0: u16 = 12;
    pub(crate) const OKTA: u16 = 16;
    pub(crate) const DYNAMODB: u16 = 20;
    pub(crate) const SECRETS: u16 = 21;
    pub(crate) const CLOUDFORMATION: u16 = 22;
    pub(crate) const KMS: u16 = 23;
    pub(crate) const COGNITO: u16 = 24;
    pub(crate) const S3: u16 = 26;
    pub(crate) const LOGS: u16 = 28;
}

/// Adds the port and its server to an error.
pub(crate) fn busy(whose: &str, port: u16, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("port {port} ({whose}): {error}"))
}
