//! A stranger's mails. Mailgun receives and signs them like all mails. Its signature does not
//! identify the sender.

use super::state::Mailgun;
use crate::mail::Mail;

/// The stranger's own domain. The stranger can sign any mail for it.
const DOMAIN: &str = "evil.example";

/// What a stranger pretends. The link in each mail is the stranger's too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgery {
    /// Nothing. The mail is from the stranger's domain and has its signature.
    OwnName,
    /// To be Auth0, in the From header, without a signature. Mailgun's verdict is that the mail has
    /// no good signature.
    Unsigned,
    /// To be Auth0, with a good signature of the stranger's domain.
    SignedElsewhere,
    /// To be Auth0, with a good signature of the stranger's domain and an imitated signature of
    /// Auth0's sender. Mailgun's verdict is for one of the two.
    SignedTwice,
}

impl Forgery {
    /// All forgeries.
    pub const ALL: [Self; 4] = [
        Self::OwnName,
        Self::Unsigned,
        Self::SignedElsewhere,
        Self::SignedTwice,
    ];
}

impl Mailgun {
    /// A stranger's mail to this address, with this link.
    pub fn forged(&self, recipient: &str, link: &str, forgery: Forgery) -> Mail {
        let html = format!(
            "<p>Please verify your email address:</p><p><a href=\"{link}\">VERIFY YOUR ACCOUNT</a></p>"
        );
        let mail = Mail {
            sender: format!("bounce@{DOMAIN}"),
            ..Mail::new(recipient, "Verify your email", &html)
        };
        match forgery {
            Forgery::OwnName => Mail {
                from: format!("Acme <no-reply@{DOMAIN}>"),
                ..mail
            }
            .signed_by(DOMAIN),
            Forgery::Unsigned => Mail {
                headers: vec![("X-Mailgun-Dkim-Check-Result".to_owned(), "Fail".to_owned())],
                ..mail
            },
            Forgery::SignedElsewhere => mail.signed_by(DOMAIN),
            Forgery::SignedTwice => mail.signed_by(DOMAIN).signed_by("acme.example"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_forged_mail_arrives_like_an_honest_one() {
        let mailgun = Mailgun::start(None).await.unwrap();
        for forgery in Forgery::ALL {
            let mail = mailgun.forged(
                "acme+4512345678@sms.example.com",
                "https://acme.example/?ticket=x",
                forgery,
            );
            let fields = mailgun.fields(&mail, 1_800_000_000);
            let all = |name: &str| {
                fields
                    .iter()
                    .filter(|(key, _)| key == name)
                    .map(|(_, value)| value.as_str())
                    .collect::<Vec<_>>()
            };
            assert_eq!(
                all("signature"),
                [mailgun.sign("1800000000", all("token")[0])],
                "{forgery:?}"
            );
            assert_eq!(
                all("from")[0].contains("acme.example"),
                forgery != Forgery::OwnName
            );
            let theirs = all("Dkim-Signature")
                .iter()
                .filter(|signature| signature.contains("d=evil.example"))
                .count();
            assert_eq!(theirs, usize::from(forgery != Forgery::Unsigned));
            assert_eq!(
                all("X-Mailgun-Dkim-Check-Result").contains(&"Pass"),
                forgery != Forgery::Unsigned
            );
        }
    }
}
