//! The greeting, and the name in it.

use crate::speech::Speaker;

/// The longest name that is spoken, in characters. Real names are shorter.
const NAME_LIMIT: usize = 60;

/// The greeting that the caller hears before the phone rings: `own`, with the name in the place of
/// `{firstName}`, or the catalogue's. The name is the user's own text: it is shortened, and
/// placeholders in it are not replaced.
pub(crate) fn greeting(own: Option<&str>, first_name: Option<&str>, speaker: &Speaker) -> String {
    let name = first_name.map(spoken).filter(|name| !name.is_empty());
    match (own, name) {
        (None, Some(name)) => speaker.with(&words::CONNECTING, &[("name", name.into())]),
        (None, None) => speaker.text(&words::CONNECTING_WITHOUT_NAME),
        (Some(own), name) => {
            let name = name.unwrap_or_else(|| speaker.text(&words::YOUR_PARTY));
            own.replace("{firstName}", &name)
        }
    }
}

/// A name as it is spoken: in one line, and not too long.
fn spoken(name: &str) -> String {
    let name = name
        .chars()
        .filter(|c| c.is_whitespace() || !c.is_control())
        .collect::<String>();
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    name.chars().take(NAME_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_stays_a_name() {
        for (name, said) in [
            ("Ann", "Ann"),
            (" Ann\n\tMarie ", "Ann Marie"),
            ("{firstName}", "{firstName}"),
            ("\u{1} \u{2}", ""),
        ] {
            assert_eq!(spoken(name), said);
        }
        assert_eq!(spoken(&"x".repeat(10_000)).len(), NAME_LIMIT);
    }
}
