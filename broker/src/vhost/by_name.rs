//! The queues of a vhost by name: found at once, and there in the order of their names.

use std::ops::Index;
use std::sync::Arc;

use ferrymq_routing::QueueName;

use crate::queue::shared::SharedQueue;

/// A persistent value: cloning it costs nothing, and no change costs more because there are many.
///
/// Two maps, because publishers look queues up (among 100,000 in 0.35 µs by hash, in 0.85 µs in order), and
/// lists show them in order (sorting so many took 35 ms).
#[derive(Clone, Default)]
pub struct Queues {
    hashed: imbl::HashMap<QueueName, Arc<SharedQueue>>,
    // Invariant: the same.
    ordered: imbl::OrdMap<QueueName, Arc<SharedQueue>>,
}

impl Queues {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.hashed.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.hashed.is_empty()
    }

    /// The queue of this name.
    pub fn get(&self, name: impl AsRef<str>) -> Option<&Arc<SharedQueue>> {
        self.hashed.get(name.as_ref())
    }

    /// Whether there is a queue of this name.
    pub fn contains_key(&self, name: impl AsRef<str>) -> bool {
        self.hashed.contains_key(name.as_ref())
    }

    /// All names, in their order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &QueueName> + ExactSizeIterator {
        self.ordered.keys()
    }

    /// All queues, in the order of their names.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Arc<SharedQueue>> + ExactSizeIterator {
        self.ordered.values()
    }

    /// All names with their queues, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&QueueName, &Arc<SharedQueue>)> {
        self.ordered.iter()
    }

    pub(crate) fn insert(&mut self, name: QueueName, queue: Arc<SharedQueue>) {
        self.hashed.insert(name.clone(), Arc::clone(&queue));
        self.ordered.insert(name, queue);
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.hashed.remove(name);
        self.ordered.remove(name);
    }
}

impl Index<&str> for Queues {
    type Output = Arc<SharedQueue>;

    fn index(&self, name: &str) -> &Arc<SharedQueue> {
        &self.hashed[name]
    }
}
