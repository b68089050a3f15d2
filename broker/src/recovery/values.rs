//! What queues had seen published before the start; see `dedup.rs`.

use std::collections::HashMap;
use std::sync::Arc;

use ferrymq_store::{Durability, Store};

use crate::dedup::{self, ExchangeWindow, Owner, Slot, SlotChanges};
use crate::queue::arguments;
use crate::queue::shared::Work;
use crate::vhost::Snapshot;

/// The values that the store held, by whose they are.
#[derive(Default)]
pub(super) struct Values(HashMap<Owner, Vec<Slot>>);

impl Values {
    /// Takes a definition if it is a value; tells whether it is.
    pub(super) fn take(&mut self, key: &[u8], value: &[u8]) -> bool {
        let stored = dedup::stored(key, value);
        stored
            .map(|(owner, slot)| self.0.entry(owner).or_default().push(slot))
            .is_some()
    }

    /// Gives everybody their own, and forgets those of nobody.
    pub(super) fn restore<'a>(
        mut self,
        vhosts: impl Iterator<Item = (&'a str, &'a mut Snapshot)>,
        store: &Store,
    ) {
        let mut work = Work::default();
        for (name, snapshot) in vhosts {
            self.restore_exchanges(name, snapshot, &mut work);
            for queue in snapshot.queues.values() {
                let id = queue.durable.as_ref().map(|durable| durable.id);
                let slots = id.and_then(|id| self.0.remove(&Owner::Queue(id)));
                if let Some(slots) = slots {
                    queue.run(&mut work, |queue, effects| {
                        queue.restore_values(slots, effects);
                    });
                }
            }
        }
        for (owner, slots) in self.0 {
            let removed = slots.iter().map(|slot| slot.place).collect();
            let put = Vec::new();
            work.slots.push((owner, SlotChanges { removed, put }));
        }
        work.log_slots(store, Durability::Relaxed);
    }

    fn restore_exchanges(&mut self, vhost: &str, snapshot: &mut Snapshot, work: &mut Work) {
        for exchange in snapshot.topology.exchanges() {
            let Some(asked) = arguments::exchange_deduplication(&exchange.arguments) else {
                continue;
            };
            let owner = Owner::exchange(vhost, exchange.name.as_str());
            let slots = self.0.remove(&owner).unwrap_or_default();
            let (window, changes) = ExchangeWindow::recovered(&asked, owner, slots);
            if !changes.is_empty() {
                work.slots.push((owner, changes));
            }
            let name = exchange.name.clone();
            snapshot.windows.insert(name, Arc::new(window));
        }
    }
}
