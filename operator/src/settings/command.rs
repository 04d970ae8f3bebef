//! `check-config`.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;

use super::{Finding, Section, check, samconfig};
use crate::problem::Problem;
use crate::report::{BAD, FAINT, GOOD, Report};

/// Find mistakes in the settings of an environment before it is deployed
#[derive(clap::Args)]
#[command(long_about = "\
Find mistakes in the settings of an environment before it is deployed.

The command reads the section of samconfig.toml as the AWS SAM CLI does, and takes the defaults of template.yaml for the other parameters. \
It checks the template's limits and rules, the size of each function's variables, and runs the readers of the functions themselves: what \
would end a function's start is named here, with the parameter to change. It calls nobody and changes nothing.")]
#[command(after_help = "\
Examples:
  operator check-config                            the section `default`
  operator check-config --config-env prod
  operator check-config --config-env prod --set PinLength=6")]
pub(crate) struct Args {
    /// The environment: the first part of the section's name
    #[arg(long, value_name = "NAME", default_value = "default")]
    config_env: String,
    /// The file
    #[arg(long, value_name = "FILE", default_value = "samconfig.toml")]
    samconfig: PathBuf,
    /// A parameter in place of the file's; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = crate::cli::pair)]
    set: Vec<(String, String)>,
}

/// What was found.
#[derive(Serialize)]
pub(crate) struct Checked {
    environment: String,
    /// How many parameters the section sets.
    parameters: usize,
    findings: Vec<Finding>,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<Checked, Problem> {
    let Args {
        config_env: environment,
        samconfig: path,
        set,
    } = args;
    // Options alone can be checked too.
    let section = if set.is_empty() {
        samconfig::required(path, environment)?
    } else {
        samconfig::read(path, environment)?.unwrap_or_default()
    };
    Ok(examine(environment, &section, set))
}

/// Finds the mistakes in a section, with some parameters in place of its own.
pub(crate) fn examine(environment: &str, section: &Section, set: &[(String, String)]) -> Checked {
    let mut findings = Vec::new();
    for (name, lost) in &section.lost {
        let lost = crate::report::plain(lost);
        let why = if name.is_empty() {
            format!("`{lost}` is not Name=Value")
        } else {
            format!(
                "SAM drops `{lost}` after the value; put the whole value in quotation marks: \"{name}='...'\""
            )
        };
        findings.push(Finding::of(name, why));
    }
    for name in &section.twice {
        findings.push(Finding::of(
            name,
            "is given twice; the last one counts".to_owned(),
        ));
    }
    let mut values = section.parameters.clone();
    values.extend(set.iter().cloned());
    findings.extend(check(&values));
    Checked {
        environment: environment.to_owned(),
        parameters: values.len(),
        findings,
    }
}

impl Report for Checked {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for finding in &self.findings {
            let name = finding.parameter.as_deref().unwrap_or("parameters");
            write!(out, "{BAD}{name}{BAD:#}: {}", finding.problem)?;
            if !finding.functions.is_empty() {
                write!(out, " {FAINT}({}){FAINT:#}", finding.functions.join(", "))?;
            }
            writeln!(out)?;
        }
        let Self {
            environment,
            parameters,
            ..
        } = self;
        match self.findings.len() {
            0 => writeln!(
                out,
                "{GOOD}{environment}: {parameters} parameters, no mistake{GOOD:#}"
            ),
            1 => writeln!(out, "{environment}: 1 mistake"),
            count => writeln!(out, "{environment}: {count} mistakes"),
        }
    }

    fn is_fine(&self) -> bool {
        self.findings.is_empty()
    }
}
