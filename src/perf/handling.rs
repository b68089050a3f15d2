//! Consumers that take their time: so long per message, so many per second.

use std::thread;
use std::time::Duration;

use super::args::Consuming;
use super::clock;
use super::schedule::{Schedule, Step};

/// How a consumer is slowed down.
pub(super) struct Handling {
    latency: Duration,
    schedule: Option<Schedule>,
    handled: u64,
}

impl Handling {
    /// `None` for a consumer that is not.
    pub(super) fn new(consuming: &Consuming) -> Option<Self> {
        let rate = consuming.consumer_rate;
        let slow = consuming.consumer_latency.is_some() || rate.is_some();
        slow.then(|| Self {
            latency: consuming.consumer_latency.unwrap_or_default(),
            schedule: rate.and_then(|rate| Schedule::new(vec![Step::forever(rate)], clock::now())),
            handled: 0,
        })
    }

    /// Waits until the next message may be handled, and tells when that is.
    pub(super) fn begin(&mut self) -> u64 {
        let now = clock::now();
        let Some(schedule) = &mut self.schedule else {
            return now;
        };
        let due = schedule.due_time(self.handled);
        if due < now {
            // Time without messages can't be made up for: the limit is a rate, not a number.
            schedule.restart(now);
            self.handled = 0;
        }
        self.handled += 1;
        thread::sleep(clock::between(now, due));
        clock::now()
    }

    /// Spends the time that a message takes.
    pub(super) fn work(&self) {
        thread::sleep(self.latency);
    }
}
