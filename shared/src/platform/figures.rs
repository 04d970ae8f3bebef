//! Figures with dimensions of their own, beside the metrics of an answer. Each is a log line in
//! CloudWatch embedded metric format, because one line can name a dimension only once.

use serde_json::{Map, Value, json};

/// Who writes a log line: the dimensions that all metrics have. Two stacks in one region of one
/// account write into the same namespace, so without the stack their metrics would add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The function.
    pub function: &'static str,
    /// Its stack, from `STACK`. Without a stack, metrics are by function only.
    pub stack: Option<String>,
}

impl Origin {
    /// The dimension `Stack`, if there is one.
    pub(super) fn stack_dimension(&self) -> Option<(&'static str, &str)> {
        Some(("Stack", self.stack.as_deref()?))
    }
}

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
    pub(super) fn log_line(&self, origin: &Origin, epoch_ms: u64) -> Option<String> {
        if self.values.is_empty() {
            return None;
        }
        let own = self
            .dimensions
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let dimensions: Vec<(&str, &str)> = own.chain(origin.stack_dimension()).collect();
        let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
        let metrics = self.values.iter();
        let metrics: Vec<Value> = metrics
            .map(|(name, unit, _)| json!({ "Name": name, "Unit": unit }))
            .collect();
        let directive =
            json!({ "Namespace": "Switchboard", "Dimensions": [names], "Metrics": metrics });
        let mut line = Map::from_iter([
            ("level".to_owned(), json!("INFO")),
            ("function".to_owned(), json!(origin.function)),
        ]);
        let dimensions = dimensions.into_iter();
        line.extend(dimensions.map(|(name, value)| (name.to_owned(), json!(value))));
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

    const ALONE: Origin = Origin {
        function: "f",
        stack: None,
    };

    #[test]
    fn figures_of_a_stack_have_it_as_a_dimension() {
        let origin = Origin {
            stack: Some("switchboard-dev".to_owned()),
            ..ALONE
        };
        let figures = Figures::of([("Country", "DK")]).with("X", "Count", Some(1));
        let line: Value = serde_json::from_str(&figures.log_line(&origin, 7).unwrap()).unwrap();
        assert_eq!(line["Stack"], "switchboard-dev");
        assert_eq!(
            line["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
            json!([["Country", "Stack"]])
        );
    }

    #[test]
    fn figures_name_their_dimensions() {
        let figures = Figures::of([("Provider", "twilio"), ("Country", "DK")])
            .with("DeliveryRate", "Percent", Some(97))
            .with("DeliverySeconds", "Seconds", None);
        let line: Value = serde_json::from_str(&figures.log_line(&ALONE, 7).unwrap()).unwrap();
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
        assert_eq!(nothing.log_line(&ALONE, 7), None);
    }
}
