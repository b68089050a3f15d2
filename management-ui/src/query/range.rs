//! `lengths_age=600&lengths_incr=5`: which part of a time series, in which steps.

use std::time::Duration;

use crate::refusal::Refusal;

/// Steps of one range.
const MAX_STEPS: u64 = 500;

/// So far back from now, in such steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    /// How far back.
    pub(crate) age: Duration,
    /// The time between two samples.
    pub(crate) step: Duration,
}

/// The ranges that a request asks for; `None`: only the latest rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Ranges {
    /// Of the numbers of messages in queues, and of churn.
    pub(crate) lengths: Option<Range>,
    /// Of `message_stats`.
    pub(crate) messages: Option<Range>,
    /// Of bytes received and sent.
    pub(crate) data: Option<Range>,
    /// Of a node's resources.
    pub(crate) node: Option<Range>,
}

impl Ranges {
    /// Reads them with `get`, which gives the value of a parameter.
    ///
    /// # Errors
    /// 400 when one has too many steps, or none.
    pub(super) fn parse<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Self, Refusal> {
        let range = |prefix: &str| {
            let age = get(&format!("{prefix}_age"));
            let step = get(&format!("{prefix}_incr"));
            match (age, step) {
                (Some(age), Some(step)) => Range::parse(age, step).map(Some),
                _ => Ok(None),
            }
        };
        Ok(Self {
            lengths: range("lengths")?,
            messages: range("msg_rates")?,
            data: range("data_rates")?,
            node: range("node_stats")?,
        })
    }
}

impl Range {
    fn parse(age: &str, step: &str) -> Result<Self, Refusal> {
        let seconds = |text: &str| text.parse::<u64>().ok();
        match (seconds(age), seconds(step)) {
            (Some(age), Some(step)) if step > 0 && age / step <= MAX_STEPS => Ok(Self {
                age: Duration::from_secs(age),
                step: Duration::from_secs(step),
            }),
            _ => Err(Refusal::bad_request(format!(
                "Invalid range parameters: age {age}, incr {step}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(age: &str, step: &str, accepted: bool) {
        assert_eq!(Range::parse(age, step).is_ok(), accepted, "{age} {step}");
    }

    #[test]
    fn a_range_has_at_most_500_steps() {
        check("60", "5", true);
        check("500", "1", true);
        check("6000", "1", false);
        check("60", "0", false);
        check("a", "1", false);
        check("-60", "5", false);
    }

    #[test]
    fn both_values_make_a_range() {
        let ranges = Ranges::parse(|name| (name == "lengths_age").then_some("60"));
        assert_eq!(ranges.unwrap(), Ranges::default());
    }
}
