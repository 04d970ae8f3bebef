//! The receipts of AWS End User Messaging. `EventBridge` invokes the function with each one.
//!
//! Only the stack's rule may invoke it so. A stranger comes over HTTP, and such an event has
//! `requestContext`.

use std::time::SystemTime;

use shared::platform::reply::{Failure, Reply};
use shared::rules::voice::Channel;
use shared::services::providers::Name;
use shared::vendors::end_user_messaging::receipt;

use crate::App;

impl App {
    /// Records the receipt in an event. `None`: the event is about neither a text nor a call.
    ///
    /// A failure is one of the invocation, so that Lambda tries the event again.
    pub(crate) async fn take_aws_event(
        &self,
        event: &str,
        now: SystemTime,
    ) -> Option<Result<Reply, Failure>> {
        let (channel, receipt) = receipt::parse(event)?;
        let provider = match channel {
            Channel::Sms => Name::Aws,
            Channel::Voice => Name::AwsVoice,
        };
        let recorded = self.record_all(provider, &[receipt], now).await;
        Some(recorded.map_err(|refusal| Failure {
            status: refusal.status,
            outcome: refusal.outcome,
            cause: "the receipt could not be stored".to_owned(),
        }))
    }
}
