//! What a stack costs in a month when nothing happens. The figures are those of docs/operate.md,
//! *Costs*.

use super::questions::Integration;
use crate::settings::{Template, Values};

/// AWS Secrets Manager, a secret (<https://aws.amazon.com/secrets-manager/pricing/>). In cents, as
/// the others.
const SECRET: u32 = 40;
/// Amazon CloudWatch, a metric that an alarm watches, and a dashboard
/// (<https://aws.amazon.com/cloudwatch/pricing/>).
const ALARM: u32 = 10;
const DASHBOARD: u32 = 300;

/// Cents a month at AWS. With several integrations it is a bit less, since they share alarms.
pub(super) fn monthly(integrations: &[Integration], values: &Values) -> u32 {
    let stack = Template::own().stack(values);
    let secrets = stack.secrets().count();
    let alarms: u32 = integrations.iter().copied().map(alarms).sum();
    u32::try_from(secrets).unwrap_or_default() * SECRET + alarms * ALARM + DASHBOARD
}

/// The metrics that its alarms watch.
fn alarms(integration: Integration) -> u32 {
    match integration {
        Integration::Verification => 13,
        Integration::Gateway => 12,
        // That of bought numbers is included in the docs' figure.
        Integration::CompanyPhone => 21,
        Integration::Numbers => 0,
        Integration::PhoneMenu => 14,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_those_of_the_docs() {
        let docs =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operate.md"))
                .unwrap();
        let row = docs
            .lines()
            .find(|line| line.starts_with("| **together** |"))
            .unwrap();
        let sums: Vec<&str> = row
            .split('|')
            .map(|cell| cell.trim().trim_matches('*'))
            .collect();
        for (column, chosen) in [
            (3, &[Integration::Verification][..]),
            (4, &[Integration::Gateway]),
            (5, &[Integration::CompanyPhone, Integration::Numbers]),
            (6, &[Integration::PhoneMenu]),
        ] {
            let values: Values = chosen
                .iter()
                .map(|one| (one.switch().to_owned(), "x".to_owned()))
                .collect();
            let cents = monthly(chosen, &values);
            assert_eq!(
                sums[column],
                format!("${}.{:02}", cents / 100, cents % 100),
                "{chosen:?}"
            );
        }
    }
}
