//! How much there may be of what clients open and declare: of a vhost, of a user, of the whole broker.
//!
//! What is open is counted by tickets, which are taken when something opens and dropped when it
//! ends. What exists already stays when a limit is set below it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

/// A limit: none if it is absent or negative; zero allows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Limit(pub Option<i64>);

impl Limit {
    /// The limit, when there are already `count` and so may be no more.
    ///
    /// # Errors
    /// Then.
    pub fn check(self, count: usize) -> Result<(), Reached> {
        match self.0.map(usize::try_from) {
            Some(Ok(most)) if count >= most => Err(Reached(most)),
            _ => Ok(()),
        }
    }
}

/// A limit of so many is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached(pub usize);

/// What a vhost may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VHostLimits {
    /// Open connections.
    #[serde(default, skip_serializing_if = "is_absent")]
    pub max_connections: Limit,
    /// Queues.
    #[serde(default, skip_serializing_if = "is_absent")]
    pub max_queues: Limit,
}

/// What a user may open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct UserLimits {
    /// Connections.
    #[serde(default, skip_serializing_if = "is_absent")]
    pub max_connections: Limit,
    /// Channels, over all of its connections.
    #[serde(default, skip_serializing_if = "is_absent")]
    pub max_channels: Limit,
}

fn is_absent(limit: &Limit) -> bool {
    limit.0.is_none()
}

/// How many of something are open.
#[derive(Debug, Default)]
pub struct Counter(AtomicUsize);

/// Stands for one of what a [`Counter`] counts, until it is dropped.
#[derive(Debug)]
pub struct Ticket(Arc<Counter>);

impl Counter {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts one more, if `limit` allows it.
    ///
    /// # Errors
    /// When it does not.
    pub fn take(self: &Arc<Self>, limit: Limit) -> Result<Ticket, Reached> {
        let mut count = self.count();
        loop {
            limit.check(count)?;
            let next = count + 1;
            let taken =
                self.0
                    .compare_exchange_weak(count, next, Ordering::Relaxed, Ordering::Relaxed);
            match taken {
                Ok(_) => return Ok(Ticket(Arc::clone(self))),
                Err(current) => count = current,
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(limit: Option<i64>, count: usize, reached: bool) {
        assert_eq!(Limit(limit).check(count).is_err(), reached, "{limit:?}");
    }

    #[test]
    fn zero_allows_nothing_and_negative_everything() {
        check(Some(0), 0, true);
        check(Some(2), 1, false);
        check(Some(2), 2, true);
        check(Some(-1), usize::MAX, false);
        check(None, usize::MAX, false);
    }

    #[test]
    fn a_ticket_counts_until_it_is_dropped() {
        let counter = Arc::new(Counter::default());
        let one = Limit(Some(1));
        let ticket = counter.take(one).unwrap();
        assert_eq!(counter.take(one).unwrap_err(), Reached(1));
        drop(ticket);
        assert_eq!(counter.count(), 0);
        assert!(counter.take(one).is_ok());
    }

    #[test]
    fn absent_limits_are_not_written() {
        let limits = VHostLimits {
            max_queues: Limit(Some(5)),
            ..VHostLimits::default()
        };
        let text = serde_json::to_string(&limits).unwrap();
        assert_eq!(text, r#"{"max-queues":5}"#);
        assert_eq!(serde_json::from_str::<VHostLimits>(&text).unwrap(), limits);
        assert!(serde_json::from_str::<UserLimits>(&text).is_err());
    }
}
