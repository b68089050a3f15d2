//! What went over the sockets of many connections, those that are gone too: it never falls.

use parking_lot::Mutex;

use super::sums::TrafficSums;

/// Traffic of all connections that ever were, of the broker or of a vhost.
#[derive(Debug, Default)]
pub struct TrafficTotals {
    /// Of connections that are gone.
    gone: Mutex<TrafficSums>,
    /// Of all, as the last tick found it.
    latest: Mutex<TrafficSums>,
}

impl TrafficTotals {
    /// A connection has gone. Invariant: nobody finds it among those that are there any more.
    pub(crate) fn add_gone(&self, traffic: TrafficSums) {
        *self.gone.lock() += traffic;
    }

    /// What connections moved that are gone.
    pub(super) fn gone(&self) -> TrafficSums {
        *self.gone.lock()
    }

    /// A look found `sum`. A connection that was just going may have been missed, but nothing falls for
    /// that: gives what is told from now on.
    pub(super) fn find(&self, sum: TrafficSums) -> TrafficSums {
        let mut latest = self.latest.lock();
        *latest = latest.max(sum);
        *latest
    }

    /// What the last tick found.
    pub fn get(&self) -> TrafficSums {
        *self.latest.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(received_bytes: u64) -> TrafficSums {
        TrafficSums {
            received_bytes,
            ..TrafficSums::default()
        }
    }

    #[test]
    fn what_was_moved_stays_counted() {
        let totals = TrafficTotals::default();
        assert_eq!(totals.find(bytes(10)), bytes(10));
        // It has gone, but is not counted as gone yet.
        assert_eq!(totals.find(totals.gone()), bytes(10));
        totals.add_gone(bytes(12));
        assert_eq!(totals.find(totals.gone()), bytes(12));
        assert_eq!(totals.get(), bytes(12));
    }
}
