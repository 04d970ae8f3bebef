//! How a round plays the company's phones, the phone menu and the account API.

use futures_util::future::{join, join_all};
use sandbox::{COMPANY_NUMBER, IVR_NUMBER};

use super::world::{ACCOUNT, Forwarded, GUESSED, Menu, PIN, World};

impl World {
    /// A customer texts the company number. Twilio executes one answer. The other copies are retries
    /// whose answers do not arrive.
    pub(super) async fn forward(&self, from: &str, body: &str, copies: usize) {
        let answers = self.texts(from, COMPANY_NUMBER, body, copies).await;
        self.note(|asked| {
            asked.strangers.push(from.to_owned());
            asked.forwarded.push(Forwarded {
                body: body.to_owned(),
                answers,
            });
        });
    }

    /// Somebody texts a company number. Returns the answers to the other copies.
    pub(super) async fn texts(
        &self,
        from: &str,
        number: &str,
        body: &str,
        copies: usize,
    ) -> Vec<String> {
        let twilio = &self.sandbox.twilio;
        let params = twilio.inbound(from, number, body);
        let url = self.url("sms-forward");
        let lost = join_all((1..copies).map(|_| twilio.post_call(params.clone(), &url)));
        let (_, lost) = join(twilio.deliver(params.clone(), &url), lost).await;
        lost.into_iter().map(|(_, document)| document).collect()
    }

    /// A customer calls the company number.
    pub(super) async fn call(&self, from: &str, copies: usize) {
        let twilio = &self.sandbox.twilio;
        let sid = format!("CA{:032x}", fastrand::u128(..));
        let calls = (0..copies).map(|_| twilio.caller(from).sid(&sid).call(COMPANY_NUMBER));
        let calls = join_all(calls).await.into_iter().map(|call| {
            let dialled = call.dialled.into_iter();
            dialled.map(|dialled| dialled.number).collect()
        });
        self.note(|asked| {
            asked.strangers.push(from.to_owned());
            asked.calls.push(calls.collect());
        });
    }

    /// Another flow of Twilio asks for an account.
    pub(super) async fn account(&self) {
        let params = vec![("account_number".to_owned(), ACCOUNT.to_owned())];
        let url = self.url("api-call");
        let answer = self.sandbox.twilio.post_call(params, &url).await;
        self.note(|asked| asked.accounts.push(answer));
    }

    /// Somebody calls the phone menu.
    pub(super) async fn menu(&self, from: &str, is_right: bool) {
        let caller = self.sandbox.twilio.caller(from);
        let right = format!("{ACCOUNT}#");
        let wrong = format!("{GUESSED}#");
        let call = if is_right {
            caller.keys([right.as_str(), PIN, "1", "9"])
        } else {
            let [first, second, third] = ["0000", "1111", "1234"];
            let keys = [&*wrong, first, &*wrong, second, &*wrong, third];
            caller.keys(keys).hangs_up_after_keys()
        };
        let call = call.call(IVR_NUMBER).await;
        let said = call.documents.concat();
        self.note(|asked| {
            asked.strangers.push(from.to_owned());
            asked.menus.push(Menu { is_right, said });
        });
    }
}
