//! `parameter_overrides` of `samconfig.toml`, as the AWS SAM CLI reads and splits it
//! (`samcli/cli/types.py`, `CfnParameterOverridesType`): at blanks, and at quotation marks.

use std::sync::LazyLock;

use regex::Regex;

const KEY: &str = r#"([A-Za-z0-9\\"']+)"#;
const VALUE: &str = r#"("(?:\\.|[^"\\]+)*"|'(?:\\.|[^'\\]+)*'|(?:\\.|[^ "\\]+)+)"#;

/// The two forms. SAM uses the first one that it finds in a text.
static FORMS: LazyLock<[Regex; 2]> = LazyLock::new(|| {
    let form = |text: &str| Regex::new(text).expect("a pattern that a test uses");
    [
        form(&format!("ParameterKey={KEY},ParameterValue={VALUE}")),
        form(&format!(" {KEY}={VALUE}")),
    ]
});

/// What SAM reads from a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parsed {
    pub(super) pairs: Vec<(String, String)>,
    /// What SAM drops without a word, each with the name before it.
    pub(super) lost: Vec<(String, String)>,
}

/// Reads a text of one or more `Name=Value`.
pub(super) fn parse(text: &str) -> Parsed {
    let text = format!(" {}", text.trim());
    let mut parsed = Parsed::default();
    let Some(form) = FORMS.iter().find(|form| form.is_match(&text)) else {
        if !text.trim().is_empty() {
            parsed.lost.push((String::new(), text.trim().to_owned()));
        }
        return parsed;
    };
    let (mut end, mut before) = (0, String::new());
    for found in form.captures_iter(&text) {
        let (whole, key, value) = (&found[0], unquoted(&found[1]), unquoted(&found[2]));
        let start = found.get(0).map_or(end, |whole| whole.start());
        lose(&mut parsed, &before, &text[end..start]);
        end = start + whole.len();
        before.clone_from(&key);
        parsed.pairs.push((key, value));
    }
    lose(&mut parsed, &before, &text[end..]);
    parsed
}

fn lose(parsed: &mut Parsed, before: &str, lost: &str) {
    if !lost.trim().is_empty() {
        parsed
            .lost
            .push((before.to_owned(), lost.trim().to_owned()));
    }
}

fn unquoted(text: &str) -> String {
    let inner = ['"', '\''].into_iter().find_map(|mark| {
        text.strip_prefix(mark)
            .and_then(|rest| rest.strip_suffix(mark))
    });
    let text = inner.unwrap_or(text);
    text.replace("\\ ", " ")
        .replace("\\\"", "\"")
        .replace("\\'", "'")
}

/// `Name=Value` as SAM reads it back. `None`: SAM has no way to write this value.
pub(super) fn written(name: &str, value: &str) -> Option<String> {
    let ways = [
        format!("{name}={value}"),
        format!("{name}=\"{}\"", value.replace('"', "\\\"")),
        format!("{name}='{}'", value.replace('\'', "\\'")),
    ];
    let means = |way: &String| {
        let Parsed { pairs, lost } = parse(way);
        lost.is_empty() && pairs == [(name.to_owned(), value.to_owned())]
    };
    ways.into_iter().find(means)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_text_is_split_as_sam_splits_it() {
        let all =
            parse(r#"A=1 B="two words" C='it is' ParameterX=7 D=a\ b SmsRoutes=*=twilio;+1=x"#);
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "it is"),
            ("ParameterX", "7"),
            ("D", "a b"),
            ("SmsRoutes", "*=twilio;+1=x"),
        ];
        assert_eq!(all.pairs, expected.map(|(name, value)| pair(name, value)));
        assert!(all.lost.is_empty());
        let long = parse("ParameterKey=A,ParameterValue=1 ParameterKey=B,ParameterValue=\"x y\"");
        assert_eq!(long.pairs, [pair("A", "1"), pair("B", "x y")]);
    }

    #[test]
    fn what_sam_drops_is_found() {
        let cut = parse("RegSmsBody=Reply YES to confirm");
        assert_eq!(cut.pairs, [pair("RegSmsBody", "Reply")]);
        assert_eq!(cut.lost, [pair("RegSmsBody", "YES to confirm")]);
        let json = parse(r#"IvrMenu=[{"digit":"1"}]"#);
        assert_eq!(json.pairs, [pair("IvrMenu", "[{")]);
        assert_eq!(json.lost.len(), 1);
        assert_eq!(parse("nothing").lost, [pair("", "nothing")]);
    }

    #[test]
    fn what_is_written_is_read_back() {
        for value in [
            "",
            "1",
            "two words",
            "it's",
            r#"{"a":"b c"}"#,
            r"^acme\+(?P<phone>\d+)@",
            "x=y",
            "\n",
            r#"'"'"#,
        ] {
            let text = written("Name", value).unwrap();
            assert_eq!(parse(&text).pairs, [pair("Name", value)], "{text}");
        }
        assert_eq!(written("Name", "1").unwrap(), "Name=1");
        assert_eq!(written("Name", r#"a\"b "#), None);
    }
}
