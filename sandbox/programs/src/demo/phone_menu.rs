//! The scenes of `ivr-validate`: only a caller with the right PIN hears of an account.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;
use sandbox::{
    IVR_NUMBER, accounts,
    auth0::{API_AUDIENCE, CLIENT_CREDENTIALS},
    twilio::Call,
};

use super::{
    Checked, IVR, Story,
    calls::calls,
    print::{self, print_call, say},
};

/// The phone of the account's holder.
const CALLER: &str = "+4512345678";
/// A stranger who knows the number and not the PIN.
const STRANGER: &str = "+4522334455";
pub(super) const ACCOUNT: &str = "10042";
const PIN: &str = "2718";
/// Another account, its PIN and the phone of its owner.
const BESIDE: [&str; 3] = ["20042", "1618", "+4533445566"];
const REFUSED: &str = "We are sorry, this account number and PIN could not be accepted.";

impl Story {
    pub(super) async fn phone_menu(&mut self) -> Checked {
        self.open_accounts().await?;
        self.balance().await?;
        self.locked_out().await?;
        self.beside_the_owner().await?;
        self.studio().await?;
        self.one_token().await?;
        self.forged().await
    }

    /// Loads the accounts, and signs up the first holder.
    pub(super) async fn open_accounts(&mut self) -> Checked {
        let seeded = match accounts::seed() {
            Ok(accounts) => accounts,
            Err(why) => return self.fail("accounts.json can be read", &why, &"accounts"),
        };
        self.sandbox.load(&seeded).await;
        self.sandbox
            .auth0
            .sign_up_caller(ACCOUNT, PIN, "Ann", "ann@acme.example");
        Ok(())
    }

    pub(super) async fn balance(&mut self) -> Checked {
        self.title("Somebody calls the phone menu");
        let call = self.menu(CALLER, &["10042#", PIN, "1", "2", "9"]).await;
        self.tell(&[
            "asked_account",
            "asked_pin",
            "greeted",
            "told",
            "account",
            "told",
            "account",
            "exit",
        ])
        .await?;
        hears(CALLER, &call);
        let heard = call.heard.concat();
        let told = [
            "Welcome Ann.",
            "Your balance is 1234.50 EUR.",
            "Your last payment was 20.00 EUR on 2026-11-01.",
        ];
        self.check(
            "greeted by name, told the balance and the last payment",
            told.map(|words| heard.contains(words)),
            [true; 3],
        )?;
        let by_machine = self.sandbox.auth0.grants(CLIENT_CREDENTIALS, API_AUDIENCE);
        self.check(
            "the functions have asked Auth0 once for a token for the API, and share it",
            by_machine,
            1,
        )
    }

    /// A refusal takes time on purpose, so the five calls come at once.
    pub(super) async fn locked_out(&mut self) -> Checked {
        self.title("Somebody tries five PINs, and is locked out");
        self.begin(IVR, 6).await?;
        say(&format!(
            "{STRANGER} calls on five lines at once, and keys the account and a wrong PIN on each"
        ));
        let wrong = ["0000", "1111", "1234", "4321", "9999"];
        let tries = join_all(wrong.map(|pin| {
            self.sandbox
                .twilio
                .caller(STRANGER)
                .keys(["10042#", pin])
                .hangs_up_after_keys()
                .call(IVR_NUMBER)
        }));
        let heard: Vec<_> = tries
            .await
            .iter()
            .map(|call| call.heard.concat().contains(REFUSED))
            .collect();
        let outcomes = self.tell_together().await;
        self.check(
            "refused on all",
            (heard, outcomes.get("wrong_pin").copied()),
            (vec![true; 5], Some(5)),
        )?;
        say("Then the right PIN, and at the same time the account's owner calls");
        let right = self
            .sandbox
            .twilio
            .caller(STRANGER)
            .keys(["10042#", PIN])
            .hangs_up_after_keys();
        let owner = self
            .sandbox
            .twilio
            .caller(CALLER)
            .keys(["10042#", PIN, "9"]);
        let (right, owner) = tokio::join!(right.call(IVR_NUMBER), owner.call(IVR_NUMBER));
        let outcomes = self.tell_together().await;
        hears(STRANGER, &right);
        hears(CALLER, &owner);
        let locked = (
            right.heard.concat().contains(REFUSED),
            outcomes.get("locked").copied(),
        );
        self.check(
            "the right PIN is refused in the same words: locked",
            locked,
            (true, Some(1)),
        )?;
        self.check(
            "the owner still gets in",
            owner.heard.concat().contains("Welcome Ann."),
            true,
        )?;
        let auth0 = self
            .sandbox
            .auth0
            .user("ann@acme.example")
            .map(|user| self.sandbox.auth0.is_shut_out(&user));
        self.check(
            "Auth0 has seen too few to block the user",
            auth0,
            Some(false),
        )
    }

    /// If all callers shared one counter, eight wrong PINs would lock out everyone.
    pub(super) async fn beside_the_owner(&mut self) -> Checked {
        self.title("A guesser beside the owner");
        let [account, pin, owner] = BESIDE;
        self.sandbox
            .auth0
            .sign_up_caller(account, pin, "Ben", "ben@acme.example");
        self.begin(IVR, 8).await?;
        say(&format!(
            "{owner}, whose account {account} is, has called before"
        ));
        self.sandbox
            .twilio
            .caller(owner)
            .keys([account, pin, "9"])
            .call(IVR_NUMBER)
            .await;
        self.tell_together().await;
        say(&format!(
            "Somebody calls from eight numbers at once, and keys {account} and a wrong PIN each time"
        ));
        let guesses = join_all((0..8).map(|n| {
            let caller = self.sandbox.twilio.caller(&format!("+457000000{n}"));
            caller
                .keys([account, "0000"])
                .hangs_up_after_keys()
                .call(IVR_NUMBER)
        }));
        let heard: Vec<_> = guesses
            .await
            .iter()
            .map(|call| call.heard.concat().contains(REFUSED))
            .collect();
        let outcomes = self.tell_together().await;
        let tried = ["wrong_pin", "locked"].map(|outcome| outcomes.get(outcome).copied());
        self.check(
            "five are tried, the others refused unheard in the same words",
            (heard, tried),
            (vec![true; 8], [Some(5), Some(3)]),
        )?;
        say(&format!(
            "From a ninth number comes the right PIN, and at the same time {owner} calls"
        ));
        let right = self
            .sandbox
            .twilio
            .caller("+4570000009")
            .keys([account, pin])
            .hangs_up_after_keys();
        let owners = self.sandbox.twilio.caller(owner).keys([account, pin, "9"]);
        let (right, owners) = tokio::join!(right.call(IVR_NUMBER), owners.call(IVR_NUMBER));
        self.tell_together().await;
        hears("+4570000009", &right);
        hears(owner, &owners);
        self.check(
            "strangers are locked out",
            right.heard.concat().contains(REFUSED),
            true,
        )?;
        self.check(
            "the owner's phone still gets in",
            owners.heard.concat().contains("Welcome Ben."),
            true,
        )?;
        let auth0 = self
            .sandbox
            .auth0
            .user("ben@acme.example")
            .map(|user| self.sandbox.auth0.is_shut_out(&user));
        self.check(
            "Auth0 has seen too few to block the user",
            auth0,
            Some(false),
        )
    }

    /// Starts a function again, in this many processes. Calls meanwhile wait for them.
    pub(super) async fn begin(&mut self, name: &'static str, instances: usize) -> Checked {
        say(&format!("{instances} new instances of {name} start"));
        match self.launch(name, instances, &[]).await {
            Ok(()) => Ok(()),
            Err(reason) => self.fail("new instances start", &reason, &"started"),
        }
    }

    /// Calls the menu and presses these keys.
    async fn menu(&self, from: &str, keys: &[&str]) -> Call {
        say(&format!(
            "{from} calls {IVR_NUMBER}, keys the account number and the PIN, then {}",
            keys[2..].join(", ")
        ));
        self.sandbox
            .twilio
            .caller(from)
            .keys(keys.iter().copied())
            .call(IVR_NUMBER)
            .await
    }

    /// Like [`Story::tell`], for requests at the same time: prints the number of requests of each
    /// kind. Returns the number of requests with each outcome.
    pub(super) async fn tell_together(&mut self) -> BTreeMap<String, usize> {
        let (mut kinds, mut outcomes) = (Vec::<(_, Vec<Duration>)>::new(), BTreeMap::new());
        for call in calls(&self.sandbox) {
            if self.functions.contains_key(call.to) {
                *outcomes
                    .entry(self.next_outcome(call.to).await)
                    .or_default() += 1;
            }
            let kind = (call.route(), call.what(), call.exchange.status);
            let known = kinds
                .iter()
                .position(|(known, _)| *known == kind)
                .unwrap_or_else(|| {
                    kinds.push((kind, vec![]));
                    kinds.len() - 1
                });
            kinds[known].1.push(call.exchange.took);
        }
        for ((route, what, status), took) in kinds {
            let average = took.iter().sum::<Duration>() / u32::try_from(took.len()).unwrap_or(1);
            print_call(
                &route,
                &format!("{} × {what}", took.len()),
                status,
                average,
                None,
            );
        }
        say(&format!(
            "in the log: {}",
            outcomes
                .iter()
                .map(|(outcome, times)| format!("{times} × {outcome}"))
                .collect::<Vec<_>>()
                .join(", ")
        ));
        outcomes
    }
}

fn hears(who: &str, call: &Call) {
    for text in &call.heard {
        print::hears(who, text);
    }
}
