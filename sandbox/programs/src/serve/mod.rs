//! `cargo sandbox`: all servers on fixed ports, commands to paste, and a running report of requests.

mod commands;
mod credentials;
mod relay;
mod settings;
mod terminal;

use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::Instant,
};

use clap::Args;
use sandbox::{
    OKTA_HOOK_SECRET, OKTA_HOOK_TOKEN, Ports, Sandbox, binaries,
    lambda::Lambda,
    own_settings::{self, Given, OwnSettings},
    page::{self, Page},
    report::Reports,
    template::Template,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{PageOptions, browser, demo};
use relay::Relays;
use settings::Sources;
use terminal::Log;
pub(crate) use terminal::on_one_line;

/// A country of each language, so that every language can be tried.
const COUNTRIES: &str = "AE,AT,BE,BR,CA,CH,CO,DE,DK,ES,FR,GB,IT,JP,MX,NL,NO,PL,PT,SE,US";

/// The options of the command line.
#[derive(Args)]
pub(crate) struct Options {
    /// Simulate an Auth0 tenant whose e-mail templates have no *Redirect To*; a page then shows the
    /// result of a link
    #[arg(long)]
    no_redirect_to: bool,
    /// How requests are shown
    #[arg(long, value_enum, value_name = "FORM", default_value_t)]
    log: Log,
    /// Also listen at this address of this machine, so that containers reach the sandbox; may be
    /// repeated
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<IpAddr>,
    #[command(flatten)]
    sources: Sources,
    #[command(flatten)]
    page: PageOptions,
}

/// Serves on these ports until SIGINT or SIGTERM. The error says why it could not start.
pub(crate) async fn run(options: Options, ports: Ports) -> Result<(), String> {
    let (mut interrupt, mut terminate) = (
        listen(SignalKind::interrupt())?,
        listen(SignalKind::terminate())?,
    );
    let mut stop = pin!(async {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
    });
    let started = tokio::select! {
        started = start(&options, ports) => started?,
        () = &mut stop => return Ok(()),
    };
    let sandbox = &started.sandbox;
    sandbox.auth0.set_redirect_to(!options.no_redirect_to);
    credentials::print_table(sandbox);
    credentials::print(sandbox, ports)?;
    commands::print_identity(sandbox, ports)?;
    commands::print_company_phone(sandbox);
    let length = started.own.value("ivr-validate", "PIN_LENGTH");
    commands::print_phone_menu(sandbox, commands::pin(length)).await?;
    tokio::select! {
        () = terminal::requests(started.reports, options.log) => {}
        () = terminal::watch(sandbox) => {}
        () = stop => {}
    }
    for lambda in started.lambdas {
        lambda.stop().await;
    }
    terminal::print_complaints(sandbox);
    drop(started.page);
    println!("\nStopped.");
    Ok(())
}

fn listen(kind: SignalKind) -> Result<Signal, String> {
    signal(kind).map_err(|error| format!("no signal handler: {error}"))
}

struct Started {
    sandbox: Arc<Sandbox>,
    page: Page,
    lambdas: Vec<Lambda>,
    own: OwnSettings,
    reports: Reports,
    _relays: Relays,
}

async fn start(options: &Options, ports: Ports) -> Result<Started, String> {
    let template = Template::read()?;
    let given = options.sources.read()?;
    own_settings::check(&template, &given)?;
    let binaries = build(&template).await?;
    let busy = |error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "{error}\nIs another sandbox running? Stop it, or take other ports: cargo sandbox --port {}",
            ports.base + 100
        ),
        _ => error.to_string(),
    };
    let mut sandbox = Sandbox::start_on(ports).await.map_err(busy)?;
    sandbox.aws.sweep();
    let sandbox = Arc::new(sandbox);
    let mut relays = Relays::default();
    for address in &options.listen {
        relays.open(*address, &sandbox).await?;
        println!("Whoever reaches {address} can use this sandbox.");
    }
    let reports = sandbox.reports();
    // The page comes first, so that it sees the functions start.
    let serving = page::Options {
        port: Some(ports.page()),
        files: options.page.page_files.clone(),
        demo: false,
    };
    let page = Page::open(Arc::clone(&sandbox), serving)
        .await
        .map_err(|error| {
            let port = ports.page();
            busy(io::Error::new(
                error.kind(),
                format!("port {port} (page): {error}"),
            ))
        })?;
    page.set_scenes(Arc::new(demo::Stories::new(binaries.clone())));
    println!("\nThe page: {}", page.url());
    if options.page.open {
        browser::open(&page.url());
    }
    let (own, lambdas) = functions(&sandbox, &binaries, &given).await?;
    let hook = sandbox.door("sms-gateway").url() + "/okta";
    sandbox
        .okta
        .add_inline_hook("Codes", &hook, OKTA_HOOK_TOKEN);
    Ok(Started {
        sandbox,
        page,
        lambdas,
        own,
        reports,
        _relays: relays,
    })
}

/// Builds the functions, and says so before and after.
async fn build(template: &Template) -> Result<BTreeMap<String, PathBuf>, String> {
    println!("{}", demo::building(template.functions.len()));
    let begun = Instant::now();
    let binaries = binaries::build(template).await?;
    println!("Built in {:.1} s.", begun.elapsed().as_secs_f64());
    Ok(binaries)
}

/// Starts the functions with settings of one's own. The error names every function that does not
/// start, with its own message.
async fn functions(
    sandbox: &Sandbox,
    binaries: &BTreeMap<String, PathBuf>,
    given: &[Given],
) -> Result<(OwnSettings, Vec<Lambda>), String> {
    let own = OwnSettings::of(sandbox, given)?;
    for note in &own.notes {
        println!("{note}");
    }
    let (mut lambdas, mut problems) = (Vec::new(), Vec::new());
    for (name, binary) in binaries {
        let set = own.function(name);
        for lambda in [
            run_function(sandbox, name, binary, &set).await,
            sandbox.run_recorded(name, binary, &set).await,
        ] {
            if let Err(reason) = lambda.wait_ready().await {
                let problem = format!("{name} does not start: {reason}");
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
            lambdas.push(lambda);
        }
    }
    if problems.is_empty() {
        return Ok((own, lambdas));
    }
    Err(problems.join("\n"))
}

async fn run_function(
    sandbox: &Sandbox,
    name: &str,
    binary: &Path,
    own: &[(&str, Option<&str>)],
) -> Lambda {
    let delivery = sandbox.door("delivery-status").url() + "/";
    // Off in the template, and worth seeing on the page.
    let switched_on = match name {
        "call-forward" => ("VOICEMAIL", Some("on")),
        "sms-gateway" => ("OKTA_HOOK_SECRET", Some(OKTA_HOOK_SECRET)),
        _ => ("DELIVERY_URL", Some(delivery.as_str())),
    };
    let usual = [
        ("DELIVERY_URL", Some(delivery.as_str())),
        ("LANGUAGES", Some("all")),
        ("ALLOWED_COUNTRIES", Some(COUNTRIES)),
        switched_on,
    ];
    sandbox
        .run_with(name, binary, 1, &[&usual, own].concat())
        .await
}
