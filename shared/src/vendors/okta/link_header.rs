//! The `Link` header, which leads to the next page of a list.

/// The target of the link with the relation `next` in a `Link` field (RFC 8288). Its parameters may
/// be quoted in any way.
pub(super) fn next_link(field: &str) -> Option<&str> {
    let mut rest = field;
    while let Some((_, link)) = rest.split_once('<') {
        let (target, after) = link.split_once('>')?;
        let end = outside_quotes(after, ',');
        let mut parameters = &after[..end];
        while let Some(parameter) = parameters.strip_prefix([';', ' ', '\t']) {
            let end = outside_quotes(parameter, ';');
            if let Some((name, value)) = parameter[..end].split_once('=')
                && name.trim().eq_ignore_ascii_case("rel")
                && value
                    .trim_matches([' ', '\t', '"', '\''])
                    .split(' ')
                    .any(|relation| relation.eq_ignore_ascii_case("next"))
            {
                return Some(target.trim());
            }
            parameters = &parameter[end..];
        }
        rest = &after[end..];
    }
    None
}

/// The position where `separator` first stands outside double quotes, else the end.
fn outside_quotes(text: &str, separator: char) -> usize {
    let mut quoted = false;
    text.find(|c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
    .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_is_found_however_it_is_written() {
        for field in [
            r#"<https://a/?after=1&x=a,b>; rel="next""#,
            r#"<https://a/?limit=2>; rel="self", <https://a/?after=1&x=a,b>; rel="next""#,
            "<https://a/?after=1&x=a,b>;rel=next",
            "<https://a/?after=1&x=a,b> ; title=\"a, b; rel=self <x>\" ; REL='Next'",
            r#"<https://a/?limit=2>;rel=self,<https://a/?after=1&x=a,b>;rel="last next""#,
            r#"< https://a/?after=1&x=a,b >; type=x; rel = "next""#,
        ] {
            assert_eq!(
                next_link(field),
                Some("https://a/?after=1&x=a,b"),
                "{field}"
            );
        }
        for field in [
            "",
            "next",
            "<https://a>",
            r#"<https://a>; rel="self""#,
            r#"<https://a; rel="next""#,
            r#"<https://a>; title="rel=next""#,
            r#"<https://a>; rel="nextish"; x"#,
            r#"<>"<>;;;=""#,
        ] {
            assert_eq!(next_link(field), None, "{field}");
        }
    }
}
