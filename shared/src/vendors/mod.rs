//! A vendor's wire format: signatures, fields, errors. A vendor's module knows the rules and the
//! platform, and no other vendor.

pub mod auth0;
pub mod clickatell;
pub mod cognito;
pub mod end_user_messaging;
pub mod mailgun;
pub mod okta;
pub mod plivo;
pub mod twilio;
pub mod vonage;

#[cfg(test)]
mod tests {
    use crate::platform::bearer;
    use crate::platform::layout::check;

    #[test]
    fn a_person_is_asked_for_the_keys_that_are_read() {
        check::<super::auth0::Credentials>();
        check::<super::mailgun::Credentials>();
        check::<super::okta::Credentials>();
        check::<super::twilio::Credentials>();
        check::<bearer::Token>();
    }
}
