//! Usual values of the variables, to show what a person gets.

use crate::{AGAIN_MINUTES, AGE_MINUTES, CONFIRM_WORDS, LABEL_BALANCE, Language, Message, Value};

impl Message {
    /// Usual values for the text's variables.
    pub fn example(&self, language: Language) -> Vec<(&'static str, Value<'static>)> {
        let value = |name: &&'static str| (*name, example(self, language, name));
        self.variables.iter().map(value).collect()
    }
}

fn example(message: &Message, language: Language, name: &str) -> Value<'static> {
    let counted = |of: &Message, name, number| of.text(language, &[(name, Value::count(number))]);
    match name {
        "again" => counted(&AGAIN_MINUTES, "minutes", 20).into(),
        "age" => counted(&AGE_MINUTES, "minutes", 20).into(),
        "amount" => format!("1234{}50", language.decimal()).into(),
        "caller" | "example" | "sender" => "+4512345678".into(),
        "code" if message.id.starts_with("several") => "4821".into(),
        "code" if message.id.starts_with("code-spoken") => "4. 8. 2. 1. 9. 3.".into(),
        "code" => "482193".into(),
        "currency" => "EUR".into(),
        "date" => "2026-11-01".into(),
        "digit" => "1".into(),
        "digits" => Value::count(4),
        "hours" => Value::count(3),
        "label" => LABEL_BALANCE.text(language, &[]).into(),
        "link" => "https://acme.eu.auth0.com/u/reset-verify?ticket=Zm9vYmFyYmF6".into(),
        "minutes" => Value::count(20),
        "recording" => "https://api.twilio.com/2010-04-01/Accounts/ACx/Recordings/REx.mp3".into(),
        "seconds" => "12".into(),
        "word" => {
            let words = CONFIRM_WORDS.text(language, &[]);
            let first = words.split(',').next().unwrap_or_default();
            first.trim().to_owned().into()
        }
        // A name, or another word of a person's own.
        _ => "Anna".into(),
    }
}
