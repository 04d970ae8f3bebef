//! `doctor --watch`: one examination after another, until nothing is left to do.

use std::io::{self, Write};
use std::time::Duration;

use super::{DoctorArgs, Examination, Finding, examine};
use crate::context::Context;
use crate::problem::Problem;
use crate::report::{GOOD, Report as _};

/// Examines again and again. Of each examination after the first, only the difference is shown. Gives
/// the exit code: 0 when nothing is left to do. Each time the stack is read anew, because a
/// deployment may mend it.
pub(crate) async fn watch(
    read: impl AsyncFn() -> Result<Context, Problem>,
    args: &DoctorArgs,
    pause: Duration,
) -> u8 {
    let mut last: Option<Examination> = None;
    loop {
        let context = match read().await {
            Ok(context) => context,
            Err(problem) => {
                let code = crate::report::Console::new(false).fail(&problem);
                if last.is_none() {
                    return code;
                }
                tokio::time::sleep(pause).await;
                continue;
            }
        };
        match examine(&context, args).await {
            Ok(examination) => {
                context.console.end_progress();
                let is_read = show(last.as_ref(), &examination).is_ok();
                // If the reader has gone away (`| head`), nobody waits for more.
                if examination.is_fine() || !is_read {
                    return u8::from(!examination.is_fine());
                }
                last = Some(examination);
            }
            Err(problem) => {
                let code = context.console.fail(&problem);
                if last.is_none() {
                    return code;
                }
            }
        }
        tokio::time::sleep(pause).await;
    }
}

/// Shows what an examination found that the last one did not, and what is mended. If nothing has
/// changed, nothing is shown.
fn show(last: Option<&Examination>, now: &Examination) -> io::Result<()> {
    let mut out = anstream::stdout();
    let Some(last) = last else {
        return now.write(&mut out);
    };
    let is_new = |finding: &&Finding| !last.findings.contains(finding);
    let is_gone = |finding: &&Finding| !now.findings.contains(finding);
    let gone: Vec<&Finding> = last.findings.iter().filter(is_gone).collect();
    let new: Vec<&Finding> = now.findings.iter().filter(is_new).collect();
    if gone.is_empty() && new.is_empty() {
        return Ok(());
    }
    for finding in gone {
        writeln!(
            out,
            "{GOOD}mended{GOOD:#} {}: {}",
            finding.check, finding.what
        )?;
    }
    for finding in new {
        finding.write(&mut out)?;
    }
    now.write_verdict(&mut out)
}
