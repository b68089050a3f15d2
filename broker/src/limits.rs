//! How much there may be of what clients open and declare: of a vhost, of a user, of the whole broker.
//!
//! What is open is counted by tickets, which are taken when something opens and dropped when it
//! ends. What exists already stays when a limit is set below it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ferrymq_amqp::FieldTable;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::json;

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

impl VHostLimits {
    /// As an event shows them.
    pub(crate) fn table(&self) -> FieldTable {
        table(self)
    }
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

impl UserLimits {
    /// As an event shows them.
    pub(crate) fn table(&self) -> FieldTable {
        table(self)
    }
}

fn table(limits: &impl Serialize) -> FieldTable {
    match serde_json::to_value(limits) {
        Ok(Json::Object(entries)) => json::to_table(&entries),
        _ => FieldTable::default(),
    }
}

fn is_absent(limit: &Limit) -> bool {
    limit.0.is_none()
}

/// What the whole broker may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NodeLimits {
    /// Open connections.
    pub connections: Limit,
    /// Open channels, over all connections.
    pub channels: Limit,
    /// Consumers on one channel.
    pub consumers_per_channel: Limit,
    /// Vhosts.
    pub vhosts: Limit,
    /// Queues, over all vhosts.
    pub queues: Limit,
    /// Exchanges, over all vhosts.
    pub exchanges: Limit,
}

/// What is open: of the whole broker, of a vhost, or of a user.
#[derive(Debug, Default)]
pub struct Usage {
    /// Connections.
    pub connections: Arc<Counter>,
    /// Channels.
    pub channels: Arc<Counter>,
    /// Channels that have published something.
    pub publishers: Arc<Counter>,
    /// Consumers.
    pub consumers: Arc<Counter>,
}

/// What is declared, over all vhosts.
#[derive(Debug, Default)]
pub struct Declarations {
    limits: Mutex<NodeLimits>,
    queues: AtomicUsize,
    exchanges: AtomicUsize,
}

impl Declarations {
    /// None yet.
    pub fn new(limits: NodeLimits) -> Self {
        Self {
            limits: Mutex::new(limits),
            ..Self::default()
        }
    }

    /// From now on these hold. What there is stays.
    pub fn set_limits(&self, limits: NodeLimits) {
        *self.limits.lock() = limits;
    }

    /// How many queues there are.
    pub fn queues(&self) -> usize {
        self.queues.load(Ordering::Relaxed)
    }

    /// How many exchanges there are.
    pub fn exchanges(&self) -> usize {
        self.exchanges.load(Ordering::Relaxed)
    }

    /// May another queue be declared?
    ///
    /// # Errors
    /// When there are enough.
    pub fn check_queues(&self) -> Result<(), Reached> {
        self.limits.lock().queues.check(self.queues())
    }

    /// May another exchange be declared?
    ///
    /// # Errors
    /// When there are enough.
    pub fn check_exchanges(&self) -> Result<(), Reached> {
        self.limits.lock().exchanges.check(self.exchanges())
    }

    /// May there be so many more queues and exchanges?
    ///
    /// # Errors
    /// When there would be too many: of which, and as many as there may be.
    pub fn check_growth(
        &self,
        queues: usize,
        exchanges: usize,
    ) -> Result<(), (&'static str, Reached)> {
        let limits = *self.limits.lock();
        for (kind, limit, count, more) in [
            ("queue", limits.queues, &self.queues, queues),
            ("exchange", limits.exchanges, &self.exchanges, exchanges),
        ] {
            if more > 0 {
                let room = limit.check(count.load(Ordering::Relaxed) + more - 1);
                room.map_err(|reached| (kind, reached))?;
            }
        }
        Ok(())
    }

    /// A vhost had `before`, queues and exchanges, and has `after`.
    pub(crate) fn change(&self, before: (usize, usize), after: (usize, usize)) {
        for (count, before, after) in [
            (&self.queues, before.0, after.0),
            (&self.exchanges, before.1, after.1),
        ] {
            if before != after {
                count.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
            }
        }
    }
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

    /// Counts one more.
    pub fn take_any(self: &Arc<Self>) -> Ticket {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ticket(Arc::clone(self))
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
    fn declarations_are_counted_up_and_down() {
        let limits = NodeLimits {
            queues: Limit(Some(2)),
            ..NodeLimits::default()
        };
        let declared = Declarations::new(limits);
        declared.change((0, 0), (2, 7));
        assert_eq!(declared.check_queues(), Err(Reached(2)));
        assert!(declared.check_exchanges().is_ok());
        declared.change((2, 7), (1, 7));
        assert!(declared.check_queues().is_ok());
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
