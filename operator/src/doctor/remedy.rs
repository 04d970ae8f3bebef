//! Remedies: a command that works as it is printed, or what to do by hand.

use std::fs;

use toml_edit::DocumentMut;

use crate::cli::Programs;
use crate::stack::Stack;

/// The programs whose commands a remedy may name.
const PROGRAMS: [&str; 7] = [
    "operator",
    "aws",
    "sam",
    "auth0",
    "timedatectl",
    "sudo",
    "w32tm",
];

/// The option that chooses the section of `samconfig.toml` in this folder that deploys the stack.
/// Empty: the command needs none, or nobody can tell.
pub(super) fn config_env(stack: &Stack) -> String {
    let text = fs::read_to_string("samconfig.toml").unwrap_or_default();
    section(&text, stack.name().unwrap_or_default())
        .filter(|name| name != "default")
        .map_or_else(String::new, |name| format!(" --config-env {name}"))
}

/// The section that deploys a stack.
fn section(samconfig: &str, stack: &str) -> Option<String> {
    let document: DocumentMut = samconfig.parse().ok()?;
    let mut sections = document.iter();
    let found = sections.find(|(_, section)| {
        let parameters = section
            .get("deploy")
            .and_then(|deploy| deploy.get("parameters"));
        let name = parameters.and_then(|parameters| parameters.get("stack_name"));
        name.and_then(|name| name.as_str()) == Some(stack)
    });
    found.map(|(name, _)| name.to_owned())
}

/// What to do about a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remedy {
    /// The words for a person. Commands are in backquotes.
    pub(super) text: String,
    /// The commands among them, in order, as a shell takes them.
    pub(super) commands: Vec<String>,
}

impl Remedy {
    /// Reads the commands in a text. `operator` in a text also names the stack then, or its section of
    /// `samconfig.toml`, and commands of AWS the login: a command works as it is printed.
    pub(super) fn new(text: &str, programs: &Programs, config_env: &str) -> Self {
        let (mut shown, mut commands) = (String::new(), Vec::new());
        for (place, part) in text.split('`').enumerate() {
            let is_quoted = place % 2 == 1;
            let name = part.split(' ').next().unwrap_or_default();
            if !is_quoted {
                shown.push_str(part);
                continue;
            }
            let Programs {
                operator,
                aws_options,
            } = programs;
            let part = match (name, part.split_once(' ')) {
                // The section of the file says which stack it is.
                ("operator", Some((_, arguments @ ("deploy" | "check-config")))) => {
                    let bare = operator.split(" --").next().unwrap_or_default();
                    let login = if arguments == "deploy" {
                        aws_options
                    } else {
                        ""
                    };
                    format!("{bare} {arguments}{config_env}{login}")
                }
                ("operator", Some((_, arguments))) => format!("{operator} {arguments}"),
                // The command is for another region than the stack's.
                ("aws", Some(_)) if part.contains(" --region ") => {
                    let profile = aws_options.split(" --region ").next();
                    format!("{part}{}", profile.unwrap_or_default())
                }
                ("aws" | "sam", Some(_)) => format!("{part}{aws_options}"),
                _ => part.to_owned(),
            };
            shown.extend(["`", &part, "`"]);
            if PROGRAMS.contains(&name) && part.contains(' ') {
                commands.push(part);
            }
        }
        Self {
            text: shown,
            commands,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs() -> Programs {
        Programs {
            operator: "cargo operator --stack acme --region eu-west-1".to_owned(),
            aws_options: " --profile acme --region eu-west-1".to_owned(),
        }
    }

    #[test]
    fn a_command_is_for_the_stack_that_was_examined() {
        let remedy = Remedy::new(
            "make a key (Console). Then run `operator secrets set twilio`. Set `Words`",
            &programs(),
            "",
        );
        let command = "cargo operator --stack acme --region eu-west-1 secrets set twilio";
        assert_eq!(
            remedy.text,
            format!("make a key (Console). Then run `{command}`. Set `Words`")
        );
        assert_eq!(remedy.commands, [command]);
    }

    #[test]
    fn a_deployment_is_that_of_the_stack_s_section() {
        let samconfig = "[default.deploy.parameters]\nstack_name = \"other\"\n[prod.deploy.parameters]\nstack_name = \"acme\"\n";
        let section = section(samconfig, "acme").unwrap();
        assert_eq!(section, "prod");
        let text = "run `operator check-config`, then `operator deploy`";
        let remedy = Remedy::new(text, &programs(), " --config-env prod");
        assert_eq!(
            remedy.commands,
            [
                "cargo operator check-config --config-env prod",
                "cargo operator deploy --config-env prod --profile acme --region eu-west-1"
            ]
        );
    }

    #[test]
    fn a_command_for_another_region_keeps_it() {
        let text = "run `aws cloudformation deploy --region us-east-1`";
        let remedy = Remedy::new(text, &programs(), "");
        assert_eq!(
            remedy.commands,
            ["aws cloudformation deploy --region us-east-1 --profile acme"]
        );
    }
}
