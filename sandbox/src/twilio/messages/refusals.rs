//! The texts of the errors with which a message is refused.

pub(super) fn explain(code: u32, to: &str, from: &str) -> String {
    match code {
        20003 => "Authenticate".to_owned(),
        20429 => "Too Many Requests".to_owned(),
        21211 => format!("The 'To' number {to} is not a valid phone number."),
        21212 => format!(
            "The 'From' number {from} is not a valid phone number, shortcode, or alphanumeric sender ID."
        ),
        21266 => "'To' and 'From' number cannot be the same".to_owned(),
        21408 => format!(
            "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {to}."
        ),
        21602 => "Message body is required.".to_owned(),
        21603 => "A 'From' phone number is required.".to_owned(),
        21604 => "A 'To' phone number is required.".to_owned(),
        21606 => format!(
            "The From phone number {from} is not a valid, SMS-capable inbound phone number or short code for your account."
        ),
        21610 => "Attempt to send to unsubscribed recipient".to_owned(),
        21612 => {
            format!(
                "The 'To' phone number: {to}, is not currently reachable using the 'From' phone number: {from} via SMS."
            )
        }
        21614 => format!("'To' number: {to}, is not a valid mobile number"),
        21617 => "The concatenated message body exceeds the 1600 character limit.".to_owned(),
        21623 => "Number of media files exceeds allowed limit".to_owned(),
        21635 => format!("'To' number {to} cannot be a landline"),
        21703 => {
            "The Messaging Service does not have a phone number or short code associated with it."
                .to_owned()
        }
        21701 => "The Messaging Service does not exist.".to_owned(),
        _ => format!("Error {code}"),
    }
}
