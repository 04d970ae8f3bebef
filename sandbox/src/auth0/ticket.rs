//! A ticket: its kind, its mail, and what happened to it.

use crate::mail::Mail;

/// The behaviour of a verification link when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPage {
    /// New Universal Login since 2022: a page with a form. The form must be posted with its state
    /// and cookies.
    Form,
    /// Classic: verifies at once and redirects.
    Redirect,
    /// A page without a form.
    Unconfirmable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Verification(LinkPage),
    Password,
}

impl Kind {
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Verification(LinkPage::Redirect) => "/lo/verify_email",
            Self::Verification(_) => "/u/email-verification",
            Self::Password => "/u/reset-verify",
        }
    }
}

/// A mail with a ticket link, as the mail provider gets it.
#[derive(Clone, Debug)]
pub struct TicketMail {
    /// The mail to the user's address.
    pub mail: Mail,
    /// The link in the mail.
    pub link: String,
    /// The link's ticket.
    pub ticket: String,
}

pub(super) struct Ticket {
    pub(super) user_id: String,
    pub(super) kind: Kind,
    pub(super) expired: bool,
    pub(super) used: bool,
    /// State and cookies of every form that was shown. Each form is a separate transaction.
    pub(super) forms: Vec<(String, [String; 2])>,
    pub(super) fetched: u32,
    pub(super) posted: u32,
}
