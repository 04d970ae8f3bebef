//! The settings of an environment: what `samconfig.toml` gives to `template.yaml`, and whether the
//! functions accept it (`check-config`).

mod check;
mod command;
mod evaluate;
mod functions;
mod overrides;
mod samconfig;
mod template;

pub(crate) use check::{Finding, check, check_one};
pub(crate) use command::{Args, examine, run};
pub(crate) use samconfig::{Section, read, required, write};
pub(crate) use template::Template;

use std::collections::BTreeMap;

/// Values of parameters, by name.
pub(crate) type Values = BTreeMap<String, String>;
