//! What publishers send: where that is wanted, what they repeat is dropped; see `dedup.rs`.

use std::sync::Arc;

use ferrymq_routing::Exchange;
use ferrymq_store::{CommitPoint, Durability};

use super::{Change, Pending, Route, VHost};
use crate::dedup::{self, ExchangeWindow, Owner, Sifted};
use crate::queue::arguments;
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
        let now = work.now();
        let entered = self.gate.enter();
        let window = route.window();
        let sifted = window.map(|window| window.sift(&mut pending.messages, now));
        let sifted = sifted.unwrap_or_default();
        work.begin_deduplication();
        let mut point = match pending.messages.is_empty() {
            true => CommitPoint::ALWAYS,
            false => self.publish(route, pending, work),
        };
        let repeated = work.end_deduplication() || sifted.has_repeated();
        if let Some(window) = window {
            note_slots(window, &sifted, pending, work);
        }
        // Behind the messages: a value is never remembered of a message that was lost.
        point = point.max(work.log_slots(store, route.durability()));
        drop(entered);
        if !repeated {
            return point;
        }
        self.gate.wait();
        if let Some(window) = window {
            window.refuse_orphans(&sifted, &mut pending.refused, now);
        }
        match route.keeps_values() {
            true => point.max(store.barrier()),
            false => point,
        }
    }
}

fn note_slots(window: &ExchangeWindow, sifted: &Sifted, pending: &mut Pending, work: &mut Work) {
    let changes = window.settle(sifted, &mut pending.refused);
    if let Some(owner) = window.owner().filter(|_| !changes.is_empty()) {
        work.slots.push((owner, changes));
    }
}

impl Change<'_> {
    /// An exchange that was just declared may be one that drops what is repeated.
    pub(super) fn create_window(&mut self, exchange: &Exchange) {
        let Some(asked) = arguments::exchange_deduplication(&exchange.arguments) else {
            return;
        };
        let name = &exchange.name;
        let owner = || Owner::exchange(&self.vhost.name, name.as_str());
        let window = ExchangeWindow::new(&asked, exchange.durable.then(owner));
        self.next.windows.insert(name.clone(), Arc::new(window));
    }

    /// An exchange has gone, and what it has seen with it.
    pub(super) fn remove_window(&mut self, exchange: &Exchange) {
        let window = self.next.windows.remove(&exchange.name);
        if let Some(window) = window
            && let Some(owner) = window.owner()
        {
            let store = self.vhost.paging.store();
            dedup::log(store, owner, &window.places(), Durability::Relaxed);
        }
    }
}
