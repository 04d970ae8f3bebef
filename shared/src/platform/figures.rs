//! Figures with dimensions of their own, beside the metrics of an answer. Each is a log line in
//! CloudWatch embedded metric format, because one line can name a dimension only once.

use serde_json::{Map, Value, json};

/// Some figures of one subject, such as a provider in a country.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    dimensions: Vec<(&'static str, String)>,
    values: Vec<(&'static str, &'static str, u64)>,
}

impl Figures {
    /// The subject: dimensions and their values. Every combination is a metric that costs money.
    pub fn of<const N: usize>(dimensions: [(&'static str, &str); N]) -> Self {
        Self {
            dimensions: dimensions
                .map(|(name, value)| (name, value.to_owned()))
                .to_vec(),
            values: Vec::new(),
        }
    }

    /// Adds a figure, if it is known. `unit` is a unit of CloudWatch, such as `Percent`.
    #[must_use]
    pub fn with(mut self, name: &'static str, unit: &'static str, value: Option<u64>) -> Self {
        self.values.extend(value.map(|value| (name, unit, value)));
        self
    }

    /// The log line; `None` without figures.
    pub(super) fn log_line(&self, function: &str, epoch_ms: u64) -> Option<String> {
        if self.values.is_empty() {
            return None;
        }
        let names: Vec<&str> = self.dimensions.iter().map(|(name, _)| *name).collect();
        let metrics = self.values.iter();
        let metrics: Vec<Value> = metrics
            .map(|(name, unit, _)| json!({ "Name": name, "Unit": unit }))
            .collect();
        let directive =
            json!({ "Namespace": "Switchboard", "Dimensions": [names], "Metrics": metrics });
        let mut line = Map::from_iter([
            ("level".to_owned(), json!("INFO")),
            ("function".to_owned(), json!(function)),
        ]);
        let dimensions = self.dimensions.iter();
        line.extend(dimensions.map(|(name, value)| ((*name).to_owned(), json!(value))));
        let values = self.values.iter();
        line.extend(values.map(|(name, _, value)| ((*name).to_owned(), json!(value))));
        let aws = json!({ "Timestamp": epoch_ms, "CloudWatchMetrics": [directive] });
        line.insert("_aws".to_owned(), aws);
        Some(Value::Object(line).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_name_their_dimensions() {
        let figures = Figures::of([("Provider", "twilio"), ("Country", "DK")])
            .with("DeliveryRate", "Percent", Some(97))
            .with("DeliverySeconds", "Seconds", None);
        let line: Value = serde_json::from_str(&figures.log_line("f", 7).unwrap()).unwrap();
        assert_eq!(
            (&line["Provider"], &line["Country"], &line["DeliveryRate"]),
            (&json!("twilio"), &json!("DK"), &json!(97))
        );
        assert_eq!(
            line["_aws"],
            json!({ "Timestamp": 7, "CloudWatchMetrics": [{
                "Namespace": "Switchboard",
                "Dimensions": [["Provider", "Country"]],
                "Metrics": [{ "Name": "DeliveryRate", "Unit": "Percent" }],
            }] })
        );
        let nothing = Figures::of([("Country", "DK")]).with("X", "Count", None);
        assert_eq!(nothing.log_line("f", 7), None);
    }
}
