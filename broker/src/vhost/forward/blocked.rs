//! Queues that keep dead letters which did not arrive: they want to hear when the topology has changed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::queue::shared::SharedQueue;

/// The queues of one vhost. A look at it when there are none is one load.
#[derive(Default)]
pub(in crate::vhost) struct Blocked {
    any: AtomicBool,
    /// By address, which the weak pointer keeps from being used again.
    queues: Mutex<BTreeMap<usize, Weak<SharedQueue>>>,
}

impl Blocked {
    /// Notes `queue`.
    pub(super) fn add(&self, queue: &Arc<SharedQueue>) {
        let mut queues = self.queues.lock();
        let address = Arc::as_ptr(queue).addr();
        queues.insert(address, Arc::downgrade(queue));
        self.any.store(true, Ordering::Release);
    }

    /// Takes them all.
    pub(in crate::vhost) fn take(&self) -> Vec<Arc<SharedQueue>> {
        if !self.any.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut queues = self.queues.lock();
        self.any.store(false, Ordering::Release);
        let queues = std::mem::take(&mut *queues);
        queues
            .into_values()
            .filter_map(|queue| queue.upgrade())
            .collect()
    }
}
