//! The list of the SMS providers that only send texts. Twilio, which does more, is not in it.

use std::io;

use serde_json::Value;

use crate::receipts::Receipts;
use crate::rights::Principals;
use crate::sms::Sent;
use crate::wire::Server;

/// Makes [`Providers`] from the list of simulators.
macro_rules! providers {
    ($($field:ident: $simulator:ty,)*) => {
        /// The simulators of the list. A [`Sandbox`](crate::Sandbox) is also one of these.
        pub struct Providers {
            $(#[doc = concat!("Simulator of ", stringify!($field), ", a texting provider.")]
            pub $field: $simulator,)*
        }

        /// The credentials that no function may write to its log, by provider.
        pub(crate) const NEVER_WRITTEN: &[&[&str]] =
            &[$(<$simulator as Simulator>::NEVER_WRITTEN),*];

        impl Providers {
            /// Starts all simulators, each `at` its port. The error names the provider and its
            /// port.
            pub(crate) async fn start(
                at: impl Fn(u16) -> Option<u16>,
            ) -> Result<Self, (&'static str, u16, io::Error)> {
                Ok(Self {
                    $($field: {
                        let (name, port) = (<$simulator>::NAME, <$simulator>::PORT);
                        let started = <$simulator>::start(at(port)).await;
                        started.map_err(|error| (name, port, error))?
                    },)*
                })
            }

            /// Tells each simulator which functions there are, and what their roles allow.
            pub(crate) fn know(&self, principals: impl Fn() -> Principals) {
                $(self.$field.know(principals());)*
            }

            /// The simulators one by one.
            pub fn providers(&self) -> Vec<Provider<'_>> {
                vec![$(Provider {
                    name: <$simulator>::NAME,
                    port: <$simulator>::PORT,
                    secret: <$simulator>::secret(),
                    own_variable: <$simulator>::VARIABLE,
                    server: self.$field.server(),
                    messages: self.$field.messages(),
                    receipts: self.$field.receipts(),
                },)*]
            }
        }
    };
}

providers! {
    clickatell: crate::clickatell::Clickatell,
    plivo: crate::plivo::Plivo,
    vonage: crate::vonage::Vonage,
    aws_sms: crate::end_user_messaging::EndUserMessaging,
}

/// What a sandbox has to know of a simulator.
pub(crate) trait Simulator {
    /// The provider's name. In small letters it names the secret, in capitals the variables.
    const NAME: &'static str;
    /// The port, counted from the sandbox's base.
    const PORT: u16;
    /// The credentials that no function may write to its log.
    const NEVER_WRITTEN: &'static [&'static str];

    /// The variable with the base URL, if it is not the provider's name with `_URL`.
    const VARIABLE: Option<&'static str> = None;

    /// The content of the secret that opens the account; null if the function's role opens it.
    fn secret() -> Value;

    /// Gets the functions with their roles' rights, if roles open the account.
    fn know(&self, _principals: Principals) {}
}

/// A simulator of the list.
pub struct Provider<'a> {
    /// The provider's name, such as `Plivo`.
    pub name: &'static str,
    /// The port, counted from the sandbox's base.
    pub port: u16,
    /// The content of the secret that opens the account; null if there is none.
    pub secret: Value,
    own_variable: Option<&'static str>,
    /// The server, with its exchanges, faults and complaints.
    pub server: &'a Server,
    /// All accepted texts, in order.
    pub messages: Vec<Sent>,
    /// The delivery receipts of these texts.
    pub receipts: Receipts,
}

impl Provider<'_> {
    /// The variable with the base URL.
    pub fn variable(&self) -> String {
        let usual = || format!("{}_URL", self.name.to_ascii_uppercase());
        self.own_variable.map_or_else(usual, str::to_owned)
    }
}
