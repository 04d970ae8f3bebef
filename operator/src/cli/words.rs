//! The command line of `words`.

use std::path::PathBuf;

use clap::Subcommand;
use words::Language;

#[derive(Subcommand)]
pub(crate) enum Words {
    /// List all texts as people get them, with usual values, their segments, and which are your own
    #[command(after_help = "\
Examples:
  operator --stack switchboard words list
  operator --stack switchboard words list da")]
    List {
        /// Only this language; else all languages of the stack
        #[arg(value_name = "LANGUAGE", value_parser = language)]
        language: Option<Language>,
    },
    /// Check a file of texts and store it in the table, in place of earlier texts of this language
    #[command(long_about = "\
Check a file of texts and store it in the table, in place of earlier texts of this language.

The file has the form of the files in the folder `words` (Project Fluent), with only the texts that you replace. The command checks each name, \
its variables and its syntax before it writes anything. The functions read the table if the parameter Words is `table`.")]
    #[command(after_help = "\
Example:
  operator --stack switchboard words set da my-danish.ftl")]
    Set {
        /// Tag of the language
        #[arg(value_name = "LANGUAGE", value_parser = language)]
        language: Language,
        /// File with texts
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Remove the texts of your own in this language from the table
    #[command(after_help = "\
Example:
  operator --stack switchboard words clear da")]
    Clear {
        /// Tag of the language
        #[arg(value_name = "LANGUAGE", value_parser = language)]
        language: Language,
    },
}

fn language(text: &str) -> Result<Language, String> {
    text.parse().map_err(|_| {
        let tags: Vec<&str> = Language::all().map(Language::tag).collect();
        format!("is not one of {}", tags.join(", "))
    })
}
