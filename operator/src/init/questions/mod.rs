//! The questions, as data.

mod integrations;

pub(crate) use self::integrations::Integration;

/// What can be looked up for an answer, and how it is checked there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Look {
    Nothing,
    /// An Auth0 tenant, which answers.
    Tenant,
    /// An Okta org, which answers.
    Org,
    /// A number or messaging service of the Twilio account.
    Number,
    /// A domain of the Mailgun account, with its MX records.
    Domain,
    /// An API of the Auth0 tenant.
    Api,
    /// A database connection of the Auth0 tenant.
    Connection,
    /// A machine-to-machine application of the Auth0 tenant.
    Application,
}

/// A question.
#[derive(Debug)]
pub(crate) struct Question {
    /// The parameter, or another name for `--set` and `--answers`.
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// Where a person finds the answer.
    pub(crate) place: &'static str,
    pub(crate) example: &'static str,
    /// The answer of an empty line. `None`: there must be an answer.
    pub(crate) default: Option<&'static str>,
    pub(crate) look: Look,
    /// Not shown, not stored.
    pub(crate) is_secret: bool,
}

const fn question(
    name: &'static str,
    what: &'static str,
    place: &'static str,
    example: &'static str,
    default: Option<&'static str>,
) -> Question {
    Question {
        name,
        what,
        place,
        example,
        default,
        look: Look::Nothing,
        is_secret: false,
    }
}

impl Question {
    const fn with(self, look: Look) -> Self {
        Self { look, ..self }
    }

    const fn secret(self) -> Self {
        Self {
            is_secret: true,
            ..self
        }
    }
}

pub(crate) const INTEGRATIONS: Question = question(
    "Integrations",
    "What the stack shall do",
    "your choice; commas separate several. At the end you see what a month costs",
    "1,2 or verification,gateway",
    None,
);

pub(crate) const STACK_NAME: Question = question(
    "StackName",
    "The name of the stack",
    "your choice: letters, digits and hyphens; one stack for each environment",
    "switchboard",
    Some("switchboard"),
);

pub(crate) const REGION: Question = question(
    "Region",
    "The AWS region",
    "near your users; the AWS console shows it at the top right",
    "eu-west-1",
    Some("eu-west-1"),
);

pub(crate) const TWILIO_SID: Question = question(
    "TwilioAccountSid",
    "Twilio's Account SID, to look up your numbers; without one, press Enter",
    "Twilio Console, Account Info",
    "AC and 32 digits from 0 to 9 and a to f",
    Some(""),
);

pub(crate) const TWILIO_TOKEN: Question = question(
    "TwilioAuthToken",
    "Its Auth Token; if you deploy at the end, it goes into the stack's secret; no file holds it",
    "Twilio Console, Account Info, below the SID",
    "32 characters",
    None,
)
.secret();

pub(crate) const MAILGUN_KEY: Question = question(
    "MailgunApiKey",
    "Mailgun's API key, to look up your domains and the signing key; without one, press Enter; it is not stored",
    "Mailgun, Control Panel, API security",
    "a long random text",
    Some(""),
)
.secret();

pub(crate) const AUTH0_TOKEN: Question = question(
    "Auth0ManagementToken",
    "A token for Auth0's Management API, to look up what the tenant has; without one, press Enter; it is not stored",
    "Auth0 Dashboard, Applications, APIs, Auth0 Management API, API Explorer; it is good for a day",
    "a long random text; with the scopes read:resource_servers, read:connections and read:clients",
    Some(""),
)
.secret();

pub(crate) const AUTH0_APPLICATION: Question = question(
    "Auth0ClientId",
    "The machine-to-machine application with which the functions get tokens; without one, enter -",
    "Auth0 Dashboard, Applications, of the type Machine to Machine: Client ID",
    "32 letters and digits",
    Some(""),
);

pub(crate) const AUTH0_SECRET: Question = question(
    "Auth0ClientSecret",
    "Its Client Secret; if you deploy at the end, it goes into the stack's secret; no file holds it",
    "Auth0 Dashboard, the same application, below the Client ID",
    "64 characters",
    None,
)
.secret();

pub(crate) const CHANGE: Question = question("Change", "Write them", "", "y or n", Some("y"));

pub(crate) const DEPLOY: Question = question(
    "Deploy",
    "Run it now? Then the keys that you gave go into the stack's secrets. Later, it asks for them again",
    "your choice; it shows the changes to the stack before it makes them",
    "y or n",
    Some("y"),
);

/// All names of answers that are keys, or that are about this run. None of them is a parameter.
pub(crate) const OF_NO_SECTION: [&Question; 7] = [
    &TWILIO_SID,
    &TWILIO_TOKEN,
    &MAILGUN_KEY,
    &AUTH0_TOKEN,
    &AUTH0_APPLICATION,
    &AUTH0_SECRET,
    &DEPLOY,
];

/// Reads the answer of a question that is answered with y or n.
pub(crate) fn yes(answer: &str) -> Result<bool, String> {
    match answer.to_ascii_lowercase().as_str() {
        "y" | "yes" | "true" => Ok(true),
        "n" | "no" | "false" => Ok(false),
        _ => Err("this is neither y nor n".to_owned()),
    }
}
