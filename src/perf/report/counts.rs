//! Counters and latencies, taken at a moment.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::perf::clock;
use crate::perf::progress::{Progress, histogram};

/// The counters at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) time: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) confirmed: u64,
    pub(crate) processor: Option<Duration>,
}

impl Counts {
    /// The counters now; what the broker used must be asked for.
    pub(crate) fn now(progress: &Progress) -> Self {
        Self {
            time: clock::now(),
            sent: progress.sent.get(),
            received: progress.received.get(),
            confirmed: progress.confirmed.get(),
            processor: None,
        }
    }
}

/// From publish to delivery, and from publish to confirm.
pub(crate) struct Latencies {
    pub(crate) end_to_end: Histogram<u64>,
    pub(crate) confirm: Histogram<u64>,
}

impl Latencies {
    pub(crate) fn none() -> Self {
        Self {
            end_to_end: histogram(),
            confirm: histogram(),
        }
    }

    /// Those since the last time somebody took them.
    pub(crate) fn take(progress: &Progress) -> Self {
        Self {
            end_to_end: progress.latency.take(),
            confirm: progress.confirm_latency.take(),
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.end_to_end += &other.end_to_end;
        self.confirm += &other.confirm;
    }
}
