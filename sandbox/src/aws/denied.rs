//! The refusal of what a role does not allow.

pub(super) fn denied(function: &str, what: &str) -> String {
    format!(
        "User: arn:aws:sts::000000000000:assumed-role/{function}/{function} is not authorized to perform: {what} because no identity-based \
         policy allows the action"
    )
}
