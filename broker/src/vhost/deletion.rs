//! The end of a vhost: everything in it goes, from memory and from the log.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ferrymq_store::Durability;

use super::{Snapshot, VHost, end_queue};
use crate::clock::Timestamp;
use crate::dedup;
use crate::definitions::{self, Change, Definition};
use crate::policy::PolicyKind;
use crate::queue::Queue;
use crate::queue::shared::Work;

/// Changes that are one record of the log, at most.
const CHANGES_AT_ONCE: usize = 1_000;

impl VHost {
    /// Removes all that is in it. From now on nothing that is declared in it is kept, or found; who
    /// is still connected is about to be told.
    ///
    /// Its own definition stays for whoever deletes it: everything else needs it at a start.
    pub(crate) fn delete(&self, now: Timestamp) {
        let snapshot = self.empty();
        for changes in self.contents(&snapshot).chunks(CHANGES_AT_ONCE) {
            definitions::log(self.paging.store(), changes);
        }
        let mut work = Work::default();
        work.set_now(now);
        for queue in snapshot.all_queues() {
            end_queue(queue, &mut work);
        }
        self.finish(&mut work);
        work.dirty.wake();
        Self::end_hidden_queues(snapshot.hidden.values().cloned().collect());
        for window in snapshot.windows.values() {
            if let Some(owner) = window.owner() {
                let store = self.paging.store();
                dedup::log(store, owner, &window.places(), Durability::Relaxed);
            }
        }
    }

    /// Leaves nothing in it, and nothing that could be put there; gives what there was.
    fn empty(&self) -> Snapshot {
        let mut change = self.change();
        change.last.deleted = true;
        let before = change.next.clone();
        self.declared.change(before.sizes(), (0, 0));
        self.snapshot.store(Arc::default());
        self.generation.fetch_add(1, Ordering::Release);
        before
    }

    /// Everything that the log has of it.
    fn contents(&self, snapshot: &Snapshot) -> Vec<Change> {
        let name = &self.name;
        let mut gone = Vec::new();
        let bindings = snapshot.topology.bindings();
        for binding in bindings.filter(|binding| snapshot.is_durable(binding)) {
            gone.push(Definition::binding(name, binding, 0));
        }
        let exchanges = snapshot.topology.exchanges();
        for exchange in exchanges.filter(|exchange| exchange.durable) {
            gone.push(Definition::exchange(name, exchange));
        }
        for (exchange, hidden) in &snapshot.hidden {
            for (purpose, queue) in hidden.queues() {
                if let Some(durable) = &queue.durable {
                    let id = durable.id;
                    gone.push(Definition::exchange_queue(name, exchange, purpose, id));
                }
            }
        }
        for queue in snapshot.queues.values() {
            if let Some(durable) = &queue.durable {
                let declared = &queue.declared;
                gone.push(Definition::queue(name, &queue.name, durable.id, declared));
                if queue.inspect(Queue::is_paused) {
                    gone.push(Definition::paused_queue(name, &queue.name));
                }
            }
        }
        for (exchange, hidden) in &snapshot.hidden {
            gone.extend(hidden.definitions(name, exchange));
        }
        for kind in [PolicyKind::User, PolicyKind::Operator] {
            for policy in self.policies.load().list(kind) {
                gone.push(Definition::policy(
                    name,
                    kind,
                    &policy.name,
                    policy.request(),
                ));
            }
        }
        for ((component, parameter), value) in mem::take(&mut *self.parameters.lock()) {
            gone.push(Definition::parameter(name, &component, &parameter, value));
        }
        gone.iter().map(Change::remove).collect()
    }
}
