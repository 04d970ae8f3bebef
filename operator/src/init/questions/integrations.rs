//! The integrations, and what each needs.

use super::{Look, Question, question};

/// Something that a stack can do. The order is that of the questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Integration {
    Verification,
    Gateway,
    CompanyPhone,
    Numbers,
    PhoneMenu,
}

const AUTH0_URL: Question = question(
    "Auth0Url",
    "The Auth0 tenant",
    "Auth0 Dashboard, Applications, any application, Settings, Domain; not a custom domain",
    "https://acme.eu.auth0.com",
    None,
)
.with(Look::Tenant);

const VERIFICATION: [Question; 4] = [
    AUTH0_URL,
    question(
        "MailSenders",
        "Who sends Auth0's mails: addresses, or @domains",
        "Auth0 Dashboard, Branding, Email Templates, From; several are separated by commas",
        "no-reply@acme.example",
        None,
    ),
    question(
        "RecipientDomain",
        "The Mailgun domain of the proxy e-mail addresses, such as acme+4512345678@sms.acme.example",
        "Mailgun, Sending, Domains; its MX records must lead to Mailgun",
        "sms.acme.example",
        None,
    )
    .with(Look::Domain),
    question(
        "TwilioNumber",
        "The number, or the SID of the Messaging Service, that sends the texts",
        "Twilio Console, Phone Numbers, Manage, Active numbers",
        "+15005550006",
        None,
    )
    .with(Look::Number),
];

const GATEWAY: [Question; 4] = [
    question(
        "SmsRoutes",
        "The providers by number prefix, in failover order: twilio, clickatell, plivo, vonage, aws",
        "your choice; * is every number, the longest prefix wins",
        "*=twilio or +57=plivo,clickatell;*=twilio,vonage",
        Some("*=twilio"),
    ),
    question(
        "SmsFrom",
        "The sender at each provider",
        "the providers' consoles; a number, a name or a Messaging Service; empty is the sender that the request names",
        "twilio:+15005550006,vonage:ACME",
        Some(""),
    ),
    question(
        "Callers",
        "Who sends the codes: auth0, okta, supabase",
        "several are separated by commas",
        "auth0",
        Some("auth0"),
    ),
    question(
        "AllowedCountries",
        "The countries that may be texted",
        "two letters each (ISO 3166); empty is the country of your number",
        "DK,SE",
        Some(""),
    ),
];

const COMPANY_PHONE: [Question; 4] = [
    question(
        "OktaUrl",
        "The Okta org, which knows the employees' phones",
        "the browser's address in Okta, without -admin",
        "https://acme.okta.com",
        None,
    )
    .with(Look::Org),
    question(
        "CompanyPhoneCountries",
        "The countries of the employees' mobile phones",
        "two letters each (ISO 3166); empty is the country of each company number",
        "US,DK",
        Some(""),
    ),
    question(
        "Greeting",
        "What a caller hears before the employee's phone rings",
        "your choice; empty is a greeting in the caller's language",
        "Please hold the line for {firstName}.",
        Some(""),
    ),
    question(
        "Voicemail",
        "Whether a caller who was not answered may leave a message: on or off",
        "your choice; its link is texted to the employee",
        "off",
        Some("off"),
    ),
];

const NUMBERS: [Question; 3] = [
    question(
        "AreaPrefixes",
        "The area codes in which numbers are bought for new employees, in this order",
        "your choice; a dry run comes before the first purchase",
        "415,628",
        None,
    ),
    question(
        "NumberCountry",
        "The country in which they are bought",
        "two letters (ISO 3166)",
        "US",
        Some("US"),
    ),
    question(
        "MaxNumbers",
        "How many numbers there may be at most",
        "your choice; it limits the monthly bill",
        "100",
        Some("100"),
    ),
];

const PHONE_MENU: [Question; 6] = [
    AUTH0_URL,
    question(
        "ApiAudience",
        "The identifier of the protected API",
        "Auth0 Dashboard, Applications, APIs; create one if there is none",
        "https://api.acme.example/",
        None,
    )
    .with(Look::Api),
    question(
        "LoginRealm",
        "The database connection that holds the callers; the PIN is the password",
        "Auth0 Dashboard, Authentication, Database",
        "Username-Password-Authentication",
        Some("Username-Password-Authentication"),
    )
    .with(Look::Connection),
    question(
        "ApiUrl",
        "The address of an API of your own that accepts Auth0's tokens",
        "empty is the built-in API, which reads accounts from the table",
        "https://api.acme.example",
        Some(""),
    ),
    question(
        "PinLength",
        "How many digits a PIN has",
        "your choice; 6 is better, if the PINs are still to be given out",
        "6",
        Some("4"),
    ),
    question(
        "IvrMenu",
        "The menu, as JSON",
        "docs/phone-menu.md; empty is balance on 1, payments on 2, exit on 9",
        r#"[{"digit":"9","label":"exit","exit":true}]"#,
        Some(""),
    ),
];

impl Integration {
    pub(crate) const ALL: [Self; 5] = [
        Self::Verification,
        Self::Gateway,
        Self::CompanyPhone,
        Self::Numbers,
        Self::PhoneMenu,
    ];

    /// Its name in answers.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Verification => "verification",
            Self::Gateway => "gateway",
            Self::CompanyPhone => "company-phone",
            Self::Numbers => "numbers",
            Self::PhoneMenu => "phone-menu",
        }
    }

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Verification => "accounts verified by SMS (Auth0, Mailgun, Twilio)",
            Self::Gateway => "one-time codes through several SMS providers (Auth0, Okta, Supabase)",
            Self::CompanyPhone => {
                "calls and texts to company numbers reach employees (Okta, Twilio)"
            }
            Self::Numbers => "numbers are bought for new employees; goes with company-phone",
            Self::PhoneMenu => "phone menu with PIN, and a protected API (Auth0, Twilio)",
        }
    }

    /// The parameter that switches it on.
    pub(crate) fn switch(self) -> &'static str {
        match self {
            Self::Verification => "MailSenders",
            Self::Gateway => "SmsRoutes",
            Self::CompanyPhone => "OktaUrl",
            Self::Numbers => "AreaPrefixes",
            Self::PhoneMenu => "ApiAudience",
        }
    }

    pub(crate) fn questions(self) -> &'static [Question] {
        match self {
            Self::Verification => &VERIFICATION,
            Self::Gateway => &GATEWAY,
            Self::CompanyPhone => &COMPANY_PHONE,
            Self::Numbers => &NUMBERS,
            Self::PhoneMenu => &PHONE_MENU,
        }
    }

    /// Reads numbers or names that commas separate.
    pub(crate) fn read(text: &str) -> Result<Vec<Self>, String> {
        let mut chosen = Vec::new();
        for word in text
            .split([',', ' '])
            .map(str::trim)
            .filter(|word| !word.is_empty())
        {
            let number = word
                .parse::<usize>()
                .ok()
                .and_then(|number| number.checked_sub(1));
            let found = match number {
                Some(index) => Self::ALL.get(index).copied(),
                None => Self::ALL
                    .into_iter()
                    .find(|one| one.word() == word.to_ascii_lowercase()),
            };
            let names = Self::ALL.map(Self::word).join(", ");
            chosen.push(found.ok_or_else(|| format!("{word} is none of 1 to 5, {names}"))?);
        }
        if chosen.is_empty() {
            return Err("choose at least one".to_owned());
        }
        if chosen.contains(&Self::Numbers) && !chosen.contains(&Self::CompanyPhone) {
            return Err("numbers goes with company-phone: 3,4".to_owned());
        }
        Ok(Self::ALL
            .into_iter()
            .filter(|one| chosen.contains(one))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Template;

    #[test]
    fn each_integration_asks_at_most_eight_questions_about_parameters_of_the_template() {
        for integration in Integration::ALL {
            let questions = integration.questions();
            assert!(questions.len() <= 8);
            assert!(
                questions
                    .iter()
                    .any(|question| question.name == integration.switch())
            );
            for question in questions
                .iter()
                .filter(|question| question.name != "Callers")
            {
                let default = Template::own().default(question.name);
                assert!(default.is_some(), "{}", question.name);
                let texts = [question.what, question.place, question.example];
                assert!(
                    texts.iter().all(|text| !text.is_empty()),
                    "{}",
                    question.name
                );
            }
        }
    }

    #[test]
    fn integrations_are_chosen_by_number_or_name() {
        use Integration::{CompanyPhone, Numbers, Verification};
        assert_eq!(
            Integration::read("4, company-phone"),
            Ok(vec![CompanyPhone, Numbers])
        );
        assert_eq!(Integration::read("Verification"), Ok(vec![Verification]));
        for (text, words) in [
            ("", "at least one"),
            ("6", "none of 1 to 5"),
            ("0", "none of"),
            ("ivr", "ivr is none"),
            ("4", "goes with company-phone"),
        ] {
            assert!(
                Integration::read(text).unwrap_err().contains(words),
                "{text}"
            );
        }
    }
}
