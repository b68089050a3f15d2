//! How far back charts go, and how far apart their samples are.

use std::time::Duration;

/// A span that pages offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) label: &'static str,
    pub(crate) seconds: u64,
    step_seconds: u64,
}

/// All of them. Their steps are those in which the broker keeps samples for so long.
pub(crate) const RANGES: [Range; 5] = [
    range("1 min", 60, 5),
    range("10 min", 600, 5),
    range("1 h", 3_600, 60),
    range("8 h", 28_800, 60),
    range("24 h", 86_400, 600),
];

const fn range(label: &'static str, seconds: u64, step_seconds: u64) -> Range {
    Range {
        label,
        seconds,
        step_seconds,
    }
}

impl Range {
    /// What a page's `range=600` means: ten minutes, too, when it is missing or none of ours.
    pub(crate) fn parse(text: Option<&str>) -> Self {
        let seconds = text.and_then(|text| text.parse().ok());
        let mut known = RANGES.into_iter();
        known
            .find(|range| Some(range.seconds) == seconds)
            .unwrap_or(RANGES[1])
    }

    /// How far apart samples are if they are taken every `interval`. Closer, one would be shown as several.
    pub(crate) fn step_seconds(self, interval: Duration) -> u64 {
        self.step_seconds
            .next_multiple_of(interval.as_secs().max(1))
    }

    /// What to ask the API for, so that its answer has the samples of any chart.
    pub(crate) fn query(self, interval: Duration) -> String {
        let (age, step) = (self.seconds, self.step_seconds(interval));
        let families = ["lengths", "msg_rates", "data_rates", "node_stats"];
        let pairs = families.map(|family| format!("{family}_age={age}&{family}_incr={step}"));
        pairs.join("&")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;

    #[test]
    fn ten_minutes_unless_something_else_is_asked_for() {
        let check = |text, seconds| assert_eq!(Range::parse(text).seconds, seconds, "{text:?}");
        check(None, 600);
        check(Some("60"), 60);
        check(Some("86400"), 86_400);
        check(Some("61"), 600);
        check(Some("day"), 600);
    }

    #[test]
    fn the_api_accepts_every_range() {
        for interval in [1, 5, 7, 3_600].map(Duration::from_secs) {
            for range in RANGES {
                let query = Query::parse(&range.query(interval)).expect("ranges");
                let ranges = query.view.ranges;
                assert!(ranges.lengths.is_some() && ranges.messages.is_some());
                assert!(ranges.data.is_some() && ranges.node.is_some());
                assert_eq!(range.step_seconds(interval) % interval.as_secs(), 0);
            }
        }
    }
}
