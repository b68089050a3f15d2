//! `lengths_age=600&lengths_incr=5`: which part of a time series, in which steps.

use ferrymq_broker::stats::series::Range;

use crate::refusal::Refusal;

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
            let increment = get(&format!("{prefix}_incr"));
            match (age, increment) {
                (Some(age), Some(increment)) => parse(age, increment).map(Some),
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

/// Both are seconds.
fn parse(age: &str, increment: &str) -> Result<Range, Refusal> {
    let number = |text: &str| text.parse::<u64>().ok();
    let range = match (number(age), number(increment)) {
        (Some(age), Some(increment)) => Range::new(age, increment).ok(),
        _ => None,
    };
    range.ok_or_else(|| {
        Refusal::bad_request(format!(
            "Invalid range parameters: age {age}, incr {increment}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(age: &str, increment: &str, accepted: bool) {
        assert_eq!(parse(age, increment).is_ok(), accepted, "{age} {increment}");
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
