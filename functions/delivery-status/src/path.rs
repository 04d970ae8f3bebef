//! Which provider a path is for.

/// The provider's name in a path, and what follows it.
pub(crate) fn split(path: &str) -> (&str, Option<&str>) {
    let path = path.strip_prefix('/').unwrap_or(path);
    match path.split_once('/') {
        None => (path, None),
        Some((provider, rest)) => (provider, Some(rest).filter(|rest| !rest.is_empty())),
    }
}

/// True if what follows a provider's name is a path of this function itself.
pub(crate) fn is_path_of_ours(rest: &str) -> bool {
    let first = rest.split('/').next().unwrap_or_default();
    ["twilio", "plivo", "vonage", "clickatell", "used"].contains(&first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_provider_and_perhaps_more() {
        for (path, provider, rest) in [
            ("/twilio", "twilio", None),
            ("/twilio/", "twilio", None),
            ("/twilio/code-1", "twilio", Some("code-1")),
            ("/twilio/code-1/", "twilio", Some("code-1/")),
            ("/hooks/twilio/code-1", "hooks", Some("twilio/code-1")),
            ("twilio/code-1", "twilio", Some("code-1")),
            ("//twilio", "", Some("twilio")),
            ("/", "", None),
            ("", "", None),
        ] {
            assert_eq!(split(path), (provider, rest), "{path}");
        }
    }

    #[test]
    fn a_path_of_ours_begins_with_a_provider_or_with_used() {
        for rest in ["twilio", "plivo/code-1", "vonage/", "clickatell", "used"] {
            assert!(is_path_of_ours(rest), "{rest}");
        }
        for rest in ["", "code-12345678", "twilio2", "x/twilio", "/twilio"] {
            assert!(!is_path_of_ours(rest), "{rest}");
        }
    }
}
