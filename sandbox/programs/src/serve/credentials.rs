//! The URLs of the servers and the credentials of the simulators, for code of one's own.

use std::{fs, path::PathBuf};

use sandbox::{Ports, Sandbox, auth0, mailgun, okta, twilio, wire::Server};

/// Prints the URL of every server.
pub(super) fn print_table(sandbox: &Sandbox) {
    println!();
    for (name, server) in sandbox.servers() {
        println!("  {name:<26}{}/", server.url());
    }
}

/// Prints the credentials for the simulators, as names and values of environment variables. The AWS
/// SDKs read theirs by these names.
pub(super) fn print(sandbox: &Sandbox, ports: Ports) -> Result<(), String> {
    println!("\nFor code of your own:");
    for (name, value) in all(sandbox) {
        println!("  {name}={}", on_one_line(&name, &value, ports)?);
    }
    Ok(())
}

fn all(sandbox: &Sandbox) -> Vec<(String, String)> {
    let url = |server: &Server| server.url();
    let fixed = [
        ("TWILIO_URL", url(sandbox.twilio.server())),
        ("TWILIO_ACCOUNT_SID", twilio::ACCOUNT_SID.to_owned()),
        ("TWILIO_AUTH_TOKEN", twilio::AUTH_TOKEN.to_owned()),
        ("TWILIO_API_KEY", twilio::API_KEY_SID.to_owned()),
        ("TWILIO_API_SECRET", twilio::API_KEY_SECRET.to_owned()),
        ("TWILIO_NUMBER", twilio::NUMBER.to_owned()),
        ("MAILGUN_URL", url(sandbox.mailgun.server())),
        ("MAILGUN_API_KEY", mailgun::API_KEY.to_owned()),
        ("MAILGUN_DOMAIN", mailgun::DOMAIN.to_owned()),
        ("AUTH0_URL", url(sandbox.auth0.server())),
        ("AUTH0_CLIENT_ID", auth0::CLIENT_ID.to_owned()),
        ("AUTH0_CLIENT_SECRET", auth0::CLIENT_SECRET.to_owned()),
        ("AUTH0_LOGIN_CLIENT_ID", auth0::LOGIN_CLIENT_ID.to_owned()),
        (
            "AUTH0_LOGIN_CLIENT_SECRET",
            auth0::LOGIN_CLIENT_SECRET.to_owned(),
        ),
        ("AUTH0_MANAGEMENT_TOKEN", auth0::MANAGEMENT_TOKEN.to_owned()),
        ("OKTA_URL", url(sandbox.okta.server())),
        ("OKTA_API_TOKEN", okta::API_TOKEN.to_owned()),
        (
            "AWS_ENDPOINT_URL_CLOUDFORMATION",
            url(sandbox.cloudformation.server()),
        ),
        (
            "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER",
            url(sandbox.cognito.server()),
        ),
        ("AWS_ENDPOINT_URL_DYNAMODB", url(sandbox.aws.dynamodb())),
        (
            "AWS_ENDPOINT_URL_SECRETS_MANAGER",
            url(sandbox.aws.secrets()),
        ),
        ("AWS_ENDPOINT_URL_KMS", url(sandbox.aws.kms())),
        ("AWS_ENDPOINT_URL_LAMBDA", url(sandbox.invoke_api())),
        (
            "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
            url(sandbox.aws.log_server()),
        ),
        ("AWS_ENDPOINT_URL_S3", url(sandbox.s3.server())),
        ("AWS_REGION", "eu-west-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "sandbox".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "sandbox".to_owned()),
    ];
    let fixed = fixed.map(|(name, value)| (name.to_owned(), value));
    let providers = sandbox.providers().into_iter().flat_map(|provider| {
        let url = (provider.variable(), provider.server.url());
        let keys = provider.secret.as_object().into_iter().flatten();
        let keys = keys.map(|(key, value)| {
            let name = format!("{}_{key}", provider.name).to_ascii_uppercase();
            (name, value.as_str().unwrap_or_default().to_owned())
        });
        std::iter::once(url)
            .chain(keys.collect::<Vec<_>>())
            .collect::<Vec<_>>()
    });
    fixed.into_iter().chain(providers).collect()
}

/// A value for a shell. One of several lines, such as a private key, goes into a file.
fn on_one_line(name: &str, value: &str, ports: Ports) -> Result<String, String> {
    if !value.trim_end().contains('\n') {
        return Ok(value.to_owned());
    }
    let file = file(ports, &format!("{}.txt", name.to_ascii_lowercase()))?;
    fs::write(&file, value).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(format!("\"$(cat '{}')\"", file.display()))
}

/// A file of this sandbox. It is beside the program, in Cargo's target folder, and has the port in
/// its name. So two sandboxes at once have different files.
pub(super) fn file(ports: Ports, name: &str) -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|error| format!("this program: {error}"))?;
    Ok(program.with_file_name(format!("sandbox-{}-{name}", ports.base)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without one of them, the operator would ask the real AWS. It does not use KMS.
    #[tokio::test]
    async fn the_docs_set_the_endpoint_of_each_service_of_aws() {
        let sandbox = Sandbox::start().await;
        let page = sandbox::template::root().join("docs/deploy.md");
        let page = fs::read_to_string(page).unwrap();
        let (_, block) = page
            .split_once("export SWITCHBOARD_STACK=switchboard AWS_REGION")
            .unwrap();
        let (block, _) = block.split_once("```").unwrap();
        let printed = all(&sandbox).into_iter().map(|(name, _)| name);
        let printed =
            printed.filter(|name| name.starts_with("AWS_ENDPOINT_URL_") && !name.ends_with("_KMS"));
        let mut count = 0;
        for name in printed {
            assert!(
                block.contains(&format!(" {name}=http://127.0.0.1:47")),
                "{name}"
            );
            count += 1;
        }
        assert_eq!(block.matches("AWS_ENDPOINT_URL_").count(), count);
        assert_eq!(count, 8);
    }

    #[test]
    fn a_value_of_several_lines_is_in_a_file_of_this_sandbox() {
        let ports = Ports { base: 65_001 };
        assert_eq!(on_one_line("A", "b c", ports).unwrap(), "b c");
        let shown = on_one_line("A_KEY", "one\ntwo\n", ports).unwrap();
        let path = file(ports, "a_key.txt").unwrap();
        assert_eq!(shown, format!("\"$(cat '{}')\"", path.display()));
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        fs::remove_file(&path).unwrap();
        assert_ne!(file(Ports::USUAL, "a_key.txt").unwrap(), path);
    }
}
