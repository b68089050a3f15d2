//! What publishers send: where that is wanted, what they repeat is dropped; see `dedup.rs`.

use ferrymq_store::CommitPoint;

use super::{Pending, Route, VHost};
use crate::queue::shared::Work;

impl VHost {
    /// Like [`VHost::publish`], for messages that come from publishers: repeated ones are dropped, and safe
    /// when their originals are.
    #[inline]
    pub fn accept(&self, route: &Route, pending: &mut Pending, work: &mut Work) -> CommitPoint {
        match route.deduplicates() {
            false => self.publish(route, pending, work),
            true => self.accept_once(route, pending, work),
        }
    }

    fn accept_once(&self, route: &Route, pending: &mut Pending, work: &mut Work) -> CommitPoint {
        let store = self.paging.store();
        let entered = self.gate.enter();
        work.begin_deduplication();
        let mut point = self.publish(route, pending, work);
        let repeated = work.end_deduplication();
        // Behind the messages: a value is never remembered of a message that was lost.
        point = point.max(work.log_slots(store, route.durability()));
        drop(entered);
        if repeated && route.keeps_values() {
            self.gate.wait();
            point = point.max(store.barrier());
        }
        point
    }
}
