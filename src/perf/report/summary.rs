//! Everything about a load that was measured.

use std::time::Duration;

use super::{Counts, Latencies, Thresholds, rate};
use crate::perf::verify::Verdict;
use crate::perf::{Load, Outcome, clock};

/// The figures of a load, once it is over.
pub(crate) struct Summary {
    /// Where the measured time starts, where all is published and confirmed, and where all is received.
    pub(crate) start: Counts,
    pub(crate) published: Counts,
    pub(crate) end: Counts,
    /// When consuming began: with everything else, or after publishing.
    pub(crate) consuming_since: u64,
    /// When the last message went out, and when the last came in.
    pub(crate) last_sent: u64,
    pub(crate) last_received: u64,
    pub(crate) latencies: Latencies,
    pub(crate) nacked: u64,
    pub(crate) returned: u64,
    pub(crate) redelivered: u64,
    pub(crate) requeued: u64,
    pub(crate) unsent: u64,
    pub(crate) interrupted: bool,
    pub(crate) resident_bytes: Option<u64>,
    /// `None` when nothing could be verified.
    pub(crate) verdict: Option<Verdict>,
    /// Whether there were producers, confirms, consumers.
    pub(crate) has_producers: bool,
    pub(crate) has_confirms: bool,
    pub(crate) has_consumers: bool,
}

impl Summary {
    pub(crate) fn elapsed(&self) -> Duration {
        let end = self.last_sent.max(self.last_received);
        clock::between(self.start.time, end)
    }

    pub(crate) fn sent(&self) -> u64 {
        self.end.sent - self.start.sent
    }

    pub(crate) fn received(&self) -> u64 {
        self.end.received - self.start.received
    }

    pub(crate) fn confirmed(&self) -> u64 {
        self.end.confirmed - self.start.confirmed
    }

    pub(crate) fn sent_rate(&self) -> u64 {
        rate(self.sent(), clock::between(self.start.time, self.last_sent))
    }

    pub(crate) fn received_rate(&self) -> u64 {
        let since = self.consuming_since.max(self.start.time);
        rate(self.received(), clock::between(since, self.last_received))
    }

    pub(crate) fn confirmed_rate(&self) -> u64 {
        let confirmed = self.published.confirmed - self.start.confirmed;
        rate(
            confirmed,
            clock::between(self.start.time, self.published.time),
        )
    }

    /// Nanoseconds of the broker's processor time per published message, or per consumed one.
    pub(crate) fn processor_per_message(&self) -> Option<f64> {
        let used = self.end.processor?.checked_sub(self.start.processor?)?;
        let messages = match self.sent() {
            0 => self.received(),
            sent => sent,
        };
        (messages > 0).then(|| used.as_nanos() as f64 / messages as f64)
    }

    /// Whether the broker kept its word.
    pub(crate) fn is_clean(&self) -> bool {
        self.nacked == 0
            && self.returned == 0
            && self.verdict.is_none_or(|verdict| verdict.is_clean())
    }

    /// What was demanded and not reached, in words.
    pub(crate) fn missed(&self, args: &Load) -> Vec<String> {
        let thresholds = Thresholds::from(args);
        let mut rates = Vec::new();
        if self.has_producers {
            rates.push(("sent", self.sent_rate()));
        }
        if self.has_consumers {
            rates.push(("received", self.received_rate()));
        }
        let mut missed = thresholds.miss_rate(&rates);
        let latencies = &self.latencies;
        missed.extend(thresholds.miss_latency(&latencies.end_to_end, &latencies.confirm));
        missed
    }

    pub(crate) fn outcome(&self, missed: &[String]) -> Outcome {
        match (self.is_clean(), missed.is_empty()) {
            (false, _) => Outcome::Broken,
            (true, false) => Outcome::Missed,
            (true, true) => Outcome::Fine,
        }
    }
}
