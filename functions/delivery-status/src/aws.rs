//! The receipts of AWS End User Messaging. `EventBridge` invokes the function with each one.
//!
//! Only the stack's rule may invoke it so. A stranger comes over HTTP, and such an event has
//! `requestContext`.

use std::time::SystemTime;

use shared::platform::reply::{Failure, Reply};
use shared::services::providers::Name;
use shared::vendors::end_user_messaging::receipt;

use crate::App;

impl App {
    /// Records the receipt in an event. `None`: the event is not about a text.
    ///
    /// A failure is one of the invocation, so that Lambda tries the event again.
    pub(crate) async fn take_aws_event(
        &self,
        event: &str,
        now: SystemTime,
    ) -> Option<Result<Reply, Failure>> {
        let receipt = receipt::parse(event)?;
        let recorded = self.record_all(Name::Aws, &[receipt], now).await;
        Some(recorded.map_err(|refusal| Failure {
            status: refusal.status,
            outcome: refusal.outcome,
            cause: "the receipt could not be stored".to_owned(),
        }))
    }
}
