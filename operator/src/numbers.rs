//! `numbers`: the numbers at Twilio, their users in Okta, their stages in the ledger, and their
//! monthly prices.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use shared::platform::secrets::Secret;
use shared::rules::phone::E164;
use shared::vendors::okta::Access;
use shared::vendors::okta::users::Users;

use crate::connect::twilio::{Account, BOUGHT, address};
use crate::context::Context;
use crate::problem::Problem;
use crate::report::{BAD, DOUBTFUL, FAINT, GOOD, Report};
use crate::stack::Webhook;
use crate::table::{Items, text};

/// The list of numbers.
#[derive(Debug, Serialize)]
pub(crate) struct Numbers {
    #[serde(rename = "numbers")]
    ours: Vec<Entry>,
    /// Users whose company number is not in the account.
    strayed: Vec<Strayed>,
    /// How many numbers of the account do not belong to this stack.
    others: usize,
    /// The price of the listed numbers, without taxes. `None`: a price is not known.
    monthly: Option<f64>,
    currency: String,
}

#[derive(Debug, Serialize)]
struct Entry {
    number: String,
    #[serde(rename = "use")]
    role: &'static str,
    /// The users who have the number: Okta's id, and whether the user is active.
    users: Vec<Holder>,
    /// The number's stage in provision-numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<String>,
    /// True if the number was bought for a user, and no user has it.
    orphan: bool,
    monthly: Option<f64>,
}

#[derive(Debug, Clone, Serialize)]
struct Holder {
    id: String,
    active: bool,
}

#[derive(Debug, Serialize)]
struct Strayed {
    number: String,
    user: String,
}

/// Reads the list from Twilio, Okta and the table.
pub(crate) async fn list(context: &Context) -> Result<Numbers, Problem> {
    context.console.progress("reading Twilio");
    let account = Account::open(context).await?;
    let held = account
        .numbers()
        .await
        .map_err(|refusal| Problem::Failed(format!("Twilio: {refusal}")))?;
    let company = context.stack.get("CallForwardUrl").is_some();
    let holders = if company {
        holders(context).await?
    } else {
        HashMap::new()
    };
    let ledger = if company {
        ledger(context).await?
    } else {
        HashMap::new()
    };
    context.console.progress("reading prices");
    let (mut prices, mut currency) = (BTreeMap::new(), String::new());
    let mut entries = Vec::new();
    for resource in &held {
        let Some((number, role)) = role(context, resource, &holders) else {
            continue;
        };
        let country = number.region().unwrap_or_default();
        if !prices.contains_key(country) {
            let session = account.api.at(&context.urls.twilio_pricing_url);
            let answer = session
                .get(&format!("v1/PhoneNumbers/Countries/{country}"), &[])
                .await
                .unwrap_or_default();
            currency = answer["price_unit"]
                .as_str()
                .map_or(currency, str::to_ascii_uppercase);
            prices.insert(country, answer);
        }
        let users = holders.get(number.reveal()).cloned().unwrap_or_default();
        entries.push(Entry {
            number: number.reveal().to_owned(),
            role,
            orphan: role == COMPANY && users.is_empty(),
            stage: ledger.get(number.reveal()).cloned(),
            users,
            monthly: price(&prices[country], &number),
        });
    }
    let listed = |number: &str| held.iter().any(|held| held["phone_number"] == number);
    let strayed = holders.iter().filter(|(number, _)| !listed(number));
    let mut strayed: Vec<Strayed> = strayed
        .flat_map(|(number, holders)| {
            holders.iter().map(|holder| Strayed {
                number: number.clone(),
                user: holder.id.clone(),
            })
        })
        .collect();
    strayed.sort_by(|a, b| a.number.cmp(&b.number));
    entries.sort_by(|a, b| (a.role, &a.number).cmp(&(b.role, &b.number)));
    let monthly = entries.iter().map(|entry| entry.monthly).sum();
    Ok(Numbers {
        others: held.len() - entries.len(),
        ours: entries,
        strayed,
        monthly,
        currency,
    })
}

const COMPANY: &str = "company number";

/// The number's use, if it belongs to this stack.
fn role(
    context: &Context,
    resource: &Value,
    holders: &HashMap<String, Vec<Holder>>,
) -> Option<(E164, &'static str)> {
    let field = |name: &str| resource[name].as_str().unwrap_or_default();
    let number: E164 = field("phone_number").parse().ok()?;
    let leads_to = |webhook: Webhook, name: &str| {
        context
            .stack
            .webhook(webhook)
            .is_some_and(|url| address(&url) == address(field(name)))
    };
    let bought = field("friendly_name").starts_with(BOUGHT);
    let role = if bought
        || holders.contains_key(number.reveal())
        || leads_to(Webhook::Call, "voice_url")
    {
        COMPANY
    } else if leads_to(Webhook::Menu, "voice_url") {
        "phone menu"
    } else if context.stack.get("TwilioNumber") == Some(number.reveal())
        || leads_to(Webhook::Receive, "sms_url")
    {
        "verification texts"
    } else {
        return None;
    };
    Some((number, role))
}

/// The users by the company number in their profile.
async fn holders(context: &Context) -> Result<HashMap<String, Vec<Holder>>, Problem> {
    context.console.progress("reading Okta");
    let unreadable =
        |error: shared::vendors::okta::CallError| Problem::Failed(format!("Okta: {error}"));
    let id = context.secret("okta").await?.id;
    let users = Users::new(
        context.calls.client.clone(),
        context.okta_url()?,
        Access::Read,
        Secret::new(id, context.aws.secrets.clone()),
    );
    let (mut found, mut next) = (HashMap::new(), None);
    loop {
        let page = users
            .page(next.as_ref(), context.calls.now())
            .await
            .map_err(unreadable)?;
        for user in page.users {
            let Some(number) = user.primary_phone.as_deref().and_then(E164::from_written) else {
                continue;
            };
            let holders: &mut Vec<Holder> = found.entry(number.reveal().to_owned()).or_default();
            if !holders.iter().any(|holder| holder.id == user.id) {
                holders.push(Holder {
                    id: user.id,
                    active: user.status == shared::vendors::okta::user::Status::Active,
                });
            }
        }
        next = page.next;
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// The stages by number.
async fn ledger(context: &Context) -> Result<HashMap<String, String>, Problem> {
    let items = Items::of(context)?.scan(Some("number#")).await?;
    let staged = items.iter().filter(|item| !text(item, "number").is_empty());
    Ok(staged
        .map(|item| {
            (
                text(item, "number").to_owned(),
                crate::report::plain(text(item, "stage")),
            )
        })
        .collect())
}

/// The monthly price of a number. Twilio does not tell a number's type, but most countries have
/// only one type of such numbers.
pub(crate) fn price(prices: &Value, number: &E164) -> Option<f64> {
    let toll_free = ["800", "833", "844", "855", "866", "877", "888"];
    let is_toll_free = number
        .digits()
        .strip_prefix('1')
        .is_some_and(|rest| toll_free.iter().any(|code| rest.starts_with(code)));
    let of = |kind: &str| {
        let mut all = prices["phone_number_prices"].as_array()?.iter();
        all.find(|price| price["number_type"] == kind)?["current_price"]
            .as_str()?
            .parse()
            .ok()
    };
    let kinds = if is_toll_free {
        &["toll free"][..]
    } else {
        &["local", "mobile", "national"]
    };
    kinds.iter().find_map(|kind| of(kind))
}

impl Report for Numbers {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for Entry {
            number,
            role,
            users,
            stage,
            orphan,
            monthly,
        } in &self.ours
        {
            write!(out, "{GOOD}{number:<16}{GOOD:#} {role:<18}")?;
            match monthly {
                Some(price) => write!(out, " {price:>6.2} {}", self.currency)?,
                None => write!(out, "      ? {}", self.currency)?,
            }
            for Holder { id, active } in users {
                write!(out, "  {id}{}", if *active { "" } else { " (not active)" })?;
            }
            if users.len() > 1 {
                write!(out, "  {BAD}several users: none is served{BAD:#}")?;
            }
            if *orphan {
                write!(
                    out,
                    "  {DOUBTFUL}nobody's: release it at Twilio, or let ReleaseAfterDays do so{DOUBTFUL:#}"
                )?;
            }
            if let Some(stage) = stage {
                write!(out, "  {FAINT}{stage}{FAINT:#}")?;
            }
            writeln!(out)?;
        }
        for Strayed { number, user } in &self.strayed {
            writeln!(
                out,
                "{BAD}{number:<16}{BAD:#} primaryPhone of {user}, but not a number of the account"
            )?;
        }
        match self.monthly {
            Some(sum) => write!(
                out,
                "{} numbers, {sum:.2} {} a month, before taxes",
                self.ours.len(),
                self.currency
            )?,
            None => write!(out, "{} numbers; not every price is known", self.ours.len())?,
        }
        writeln!(out, "; {} others in the account", self.others)
    }
}
