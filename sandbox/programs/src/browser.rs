//! The user's browser.

use std::process::{Command, Stdio};

/// Opens the page, and says so if that is not possible.
pub(crate) fn open(url: &str) {
    let opened = openers()
        .iter()
        .any(|(program, arguments)| starts(program, arguments, url));
    if !opened {
        println!("No browser could be started here. Open {url} yourself.");
    }
}

/// The programs of the usual systems that open a page.
fn openers() -> &'static [(&'static str, &'static [&'static str])] {
    if cfg!(target_os = "macos") {
        &[("open", &[])]
    } else if cfg!(windows) {
        &[("cmd", &["/C", "start", ""])]
    } else {
        &[("xdg-open", &[]), ("wslview", &[])]
    }
}

fn starts(program: &str, arguments: &[&str], url: &str) -> bool {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // The browser may run as long as the program; nobody waits for it.
    command.spawn().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_opener_is_noticed() {
        assert!(!starts(
            "no-such-opener-of-pages",
            &[],
            "http://127.0.0.1:1/"
        ));
    }
}
