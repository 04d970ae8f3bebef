//! Commands as a person types them.

use super::Cli;

/// How a person calls the programs for a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Programs {
    /// `operator --stack switchboard`.
    pub(crate) operator: String,
    /// What follows a command of `aws` or `sam`: ` --profile acme`.
    pub(crate) aws_options: String,
}

/// A value as one word of a shell.
pub(crate) fn quoted(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/:=,+@".contains(&byte);
    if !value.is_empty() && value.bytes().all(is_plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', "'\\''"))
    }
}

impl Cli {
    /// How a person calls this program, and those of AWS, for the same stack.
    pub(crate) fn programs(&self, is_cargo: bool) -> Programs {
        let outputs = self.outputs.as_ref().map(|path| path.display().to_string());
        let stack = self.stack.as_deref().filter(|_| outputs.is_none());
        let mut words = vec![
            if is_cargo {
                "cargo operator"
            } else {
                "operator"
            }
            .to_owned(),
        ];
        for (option, value) in [
            ("--stack", stack),
            ("--outputs", outputs.as_deref()),
            ("--profile", self.profile.as_deref()),
            ("--region", self.region.as_deref()),
        ] {
            words.extend(value.map(|value| format!("{option} {}", quoted(value))));
        }
        words.extend(
            self.parameter
                .iter()
                .map(|(name, value)| format!("--parameter {}", quoted(&format!("{name}={value}")))),
        );
        let login = [("profile", &self.profile), ("region", &self.region)];
        let login = login.map(|(option, value)| {
            let value = value.as_deref().map(quoted);
            value.map_or_else(String::new, |value| format!(" --{option} {value}"))
        });
        Programs {
            operator: words.join(" "),
            aws_options: login.concat(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn a_printed_command_is_for_the_same_stack() {
        for (arguments, operator, aws) in [
            (vec!["--stack", "a b"], "operator --stack 'a b'", ""),
            (
                vec![
                    "--outputs",
                    "s.json",
                    "--region",
                    "eu-west-1",
                    "--parameter",
                    "A=it's",
                ],
                r"operator --outputs s.json --region eu-west-1 --parameter 'A=it'\''s'",
                " --region eu-west-1",
            ),
        ] {
            let words = [vec!["operator"], arguments, vec!["doctor"]].concat();
            let programs = Cli::parse_from(words).programs(false);
            assert_eq!(
                (&*programs.operator, &*programs.aws_options),
                (operator, aws)
            );
        }
    }
}
