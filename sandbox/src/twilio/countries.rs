//! The countries that the simulator knows.

/// The country of a number; empty if it is not known.
pub(super) fn country(number: &str) -> &'static str {
    [
        ("+1", "US"),
        ("+45", "DK"),
        ("+57", "CO"),
        ("+44", "GB"),
        ("+49", "DE"),
    ]
    .into_iter()
    .find(|(prefix, _)| number.starts_with(prefix))
    .map_or("", |(_, country)| country)
}

pub(super) fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Name and continent in the permissions, and the calling code.
pub(super) fn describe(country: &str) -> [&str; 3] {
    match country {
        "US" => ["United States/Canada", "NORTH_AMERICA", "+1"],
        "DK" => ["Denmark", "EUROPE", "+45"],
        "GB" => ["United Kingdom", "EUROPE", "+44"],
        "CO" => ["Colombia", "SOUTH_AMERICA", "+57"],
        _ => [country, "EUROPE", ""],
    }
}
