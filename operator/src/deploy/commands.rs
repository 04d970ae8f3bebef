//! The commands that the steps run, and the one that continues.

use super::{Run, Step};

impl Run<'_> {
    /// The arguments of `sam build`.
    pub(super) fn build(&self) -> Vec<String> {
        let mut arguments = self.sam_command("build");
        // Otherwise it would compile for the template's default.
        if let Some(architecture) = self.section.parameters.get("Architecture") {
            let parameter = format!("Architecture={architecture}");
            arguments.extend(["--parameter-overrides".to_owned(), parameter]);
        }
        arguments
    }

    /// The arguments of `sam deploy`.
    pub(super) fn deploy(&self, more: &[&str]) -> Vec<String> {
        let mut arguments = self.sam_command("deploy");
        let own = [
            "--no-confirm-changeset",
            "--no-fail-on-empty-changeset",
            "--no-progressbar",
        ];
        let own = own.iter().chain(more);
        arguments.extend(own.map(|argument| (*argument).to_owned()));
        arguments.extend(self.options.iter().cloned());
        arguments
    }

    fn sam_command(&self, command: &str) -> Vec<String> {
        let file = std::path::absolute(&self.args.samconfig);
        let file = file.unwrap_or_else(|_| self.args.samconfig.clone());
        [
            command,
            "--config-file",
            &file.to_string_lossy(),
            "--config-env",
            &self.args.config_env,
        ]
        .map(str::to_owned)
        .into()
    }

    /// The command that continues at a step.
    pub(super) fn again(&self, step: Step) -> String {
        let command = self.args.command(&self.options);
        match self.args.place(step) {
            Some(place) => format!("{command} {place}"),
            None => command,
        }
    }
}
