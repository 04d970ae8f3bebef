//! What must be true of the phone menu, of the account API and of their tokens.

use sandbox::auth0::{API_AUDIENCE, CLIENT_CREDENTIALS};

use crate::soak::world::{Asked, GUESSED_EMAIL, Menu, World};

/// `PIN_ATTEMPTS_ACCOUNT`.
const ATTEMPTS: u32 = 8;
/// `api-call` and `ivr-validate`, which need a token of the API, have two processes each.
const PROCESSES: usize = 4;

pub(super) fn judge(world: &World, asked: &Asked, broken: &mut Vec<String>) {
    let auth0 = &world.sandbox.auth0;
    let guesses = auth0.user(GUESSED_EMAIL);
    let guesses = guesses.map_or(0, |user| auth0.failed_logins(&user));
    let granted = auth0.grants(CLIENT_CREDENTIALS, API_AUDIENCE);
    let granted = usize::try_from(granted).unwrap_or(usize::MAX);
    menus(&asked.menus, world.is_calm, broken);
    accounts(&asked.accounts, world.is_calm, broken);
    attempts(guesses, broken);
    tokens(granted, asked.faults, asked.kills.len(), broken);
}

/// Only a caller with the right PIN is served. If nothing is broken, he is.
fn menus(menus: &[Menu], is_calm: bool, broken: &mut Vec<String>) {
    for menu in menus {
        let said = &menu.said;
        if !menu.is_right
            && ["Welcome Ann.", "Your balance"]
                .iter()
                .any(|word| said.contains(word))
        {
            broken.push("the phone menu served a caller with a wrong PIN".to_owned());
        }
        if said.contains("Ben") {
            broken.push("the phone menu told a caller of another account".to_owned());
        }
        let is_served = said.contains("Welcome Ann.") && said.contains("1234.50");
        if is_calm && menu.is_right && !is_served {
            broken.push(format!(
                "the phone menu did not serve a caller with the right PIN, and nothing was broken: {said}"
            ));
        }
    }
}

/// An answer of success holds the account. If nothing is broken, it is one.
fn accounts(answers: &[(u16, String)], is_calm: bool, broken: &mut Vec<String>) {
    for (status, body) in answers {
        let is_whole = body.contains("Ann Example") && body.contains("1234.50");
        if *status == 200 && !is_whole || *status != 200 && is_calm {
            broken.push(format!("api-call answered {status} about an account"));
        }
    }
}

/// Auth0 never sees more wrong PINs than strangers may try.
fn attempts(guesses: u32, broken: &mut Vec<String>) {
    if guesses > ATTEMPTS {
        broken.push(format!("{guesses} wrong PINs of one account reached Auth0"));
    }
}

/// The processes share one token. A fault may lose a grant, or hide it from each of the others, and a
/// killed process may have asked for it.
fn tokens(granted: usize, faults: usize, kills: usize, broken: &mut Vec<String>) {
    let most = 1 + PROCESSES * faults + kills;
    if granted > most {
        broken.push(format!(
            "Auth0 granted {granted} tokens of the API in one round, with {faults} faults and {kills} deaths"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(judge: impl Fn(&mut Vec<String>)) -> usize {
        let mut broken = vec![];
        judge(&mut broken);
        broken.len()
    }

    #[test]
    fn the_menu_serves_the_right_pin_only_and_always_if_nothing_is_broken() {
        let menu = |is_right, said: &str| Menu {
            is_right,
            said: said.to_owned(),
        };
        let served = "Welcome Ann. Your balance is 1234.50 EUR.";
        let noticed = |menu: Menu, is_calm| {
            let menus_of_round = [menu];
            judged(|broken| menus(&menus_of_round, is_calm, broken)) > 0
        };
        for is_calm in [true, false] {
            assert!(!noticed(menu(true, served), is_calm));
            assert!(!noticed(menu(false, "Welcome. We are sorry"), is_calm));
            assert!(noticed(menu(false, served), is_calm));
            assert!(noticed(menu(false, "Welcome Ben."), is_calm));
            assert!(noticed(menu(true, "Welcome Ben."), is_calm));
            assert_eq!(noticed(menu(true, "We are sorry"), is_calm), is_calm);
        }
    }

    #[test]
    fn an_account_is_told_whole_and_always_if_nothing_is_broken() {
        let noticed = |status, body: &str, is_calm| {
            judged(|broken| accounts(&[(status, body.to_owned())], is_calm, broken)) > 0
        };
        for is_calm in [true, false] {
            assert!(!noticed(200, "Ann Example 1234.50", is_calm));
            assert!(noticed(200, r#"{"found":false}"#, is_calm));
            assert_eq!(noticed(502, "", is_calm), is_calm);
        }
    }

    #[test]
    fn guesses_and_tokens_have_limits() {
        assert_eq!(judged(|broken| attempts(8, broken)), 0);
        assert_eq!(judged(|broken| attempts(9, broken)), 1);
        assert_eq!(judged(|broken| tokens(1, 0, 0, broken)), 0);
        assert_eq!(judged(|broken| tokens(2, 0, 0, broken)), 1);
        assert_eq!(judged(|broken| tokens(2, 0, 1, broken)), 0);
        assert_eq!(judged(|broken| tokens(5, 1, 0, broken)), 0);
        assert_eq!(judged(|broken| tokens(6, 1, 0, broken)), 1);
    }
}
