//! The greeting, and the name in it.

/// The longest name that is spoken, in characters. Real names are shorter.
const NAME_LIMIT: usize = 60;

/// The greeting that the caller hears before the phone rings. The name is the user's own text: it
/// is shortened, and placeholders in it are not replaced.
pub(crate) fn fill(template: &str, first_name: Option<&str>) -> String {
    let name: String = first_name
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_whitespace() || !c.is_control())
        .collect();
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let name = if name.is_empty() { "your party" } else { &name };
    template.replace(
        "{firstName}",
        &name.chars().take(NAME_LIMIT).collect::<String>(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_stays_a_name() {
        let template = "Please wait, {firstName}.";
        for (name, spoken) in [
            (Some("Ann"), "Please wait, Ann."),
            (Some(" Ann\n\tMarie "), "Please wait, Ann Marie."),
            (Some("{firstName}"), "Please wait, {firstName}."),
            (Some("\u{1} \u{2}"), "Please wait, your party."),
            (None, "Please wait, your party."),
        ] {
            assert_eq!(fill(template, name), spoken);
        }
        assert_eq!(
            fill("{firstName}", Some(&"x".repeat(10_000))).len(),
            NAME_LIMIT
        );
    }
}
