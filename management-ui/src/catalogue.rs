//! Queues and exchanges of a vhost by name. The order is kept while the vhost stands still, so that a page of
//! a long list costs no more than one of a short list.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use ferrymq_broker::queue::shared::SharedQueue;
use ferrymq_broker::routing::Exchange;
use ferrymq_broker::vhost::VHost;
use parking_lot::Mutex;

use crate::http::Site;
use crate::list::Rows;

/// Sorting so many takes long enough to disturb others.
const MAX_SORTED_AT_ONCE: usize = 2_000;

/// The orders of all vhosts.
#[derive(Default)]
pub(crate) struct Catalogue {
    queues: Orders<Arc<SharedQueue>>,
    exchanges: Orders<ExchangeRow>,
}

/// An exchange, which does not know its vhost.
#[derive(Clone)]
pub(crate) struct ExchangeRow {
    /// Where it is.
    pub(crate) vhost: Arc<str>,
    /// The exchange.
    pub(crate) exchange: Arc<Exchange>,
}

type Orders<R> = Mutex<HashMap<Arc<str>, Order<R>>>;

/// What a vhost had, by name, at one moment.
struct Order<R> {
    vhost: Weak<VHost>,
    generation: u64,
    rows: Arc<[R]>,
}

impl Site {
    /// All queues of these vhosts, by name within each.
    pub(crate) async fn queues(&self, vhosts: Vec<Arc<VHost>>) -> Rows<Arc<SharedQueue>> {
        self.ordered(vhosts, |site| &site.catalogue.queues, sorted_queues)
            .await
    }

    /// All exchanges of these vhosts, by name within each.
    pub(crate) async fn exchanges(&self, vhosts: Vec<Arc<VHost>>) -> Rows<ExchangeRow> {
        self.ordered(vhosts, |site| &site.catalogue.exchanges, sorted_exchanges)
            .await
    }

    async fn ordered<R: Send + Sync + 'static>(
        &self,
        vhosts: Vec<Arc<VHost>>,
        orders: fn(&Self) -> &Orders<R>,
        sorted: fn(&VHost) -> Vec<R>,
    ) -> Rows<R> {
        let mut parts = Vec::with_capacity(vhosts.len());
        for vhost in vhosts {
            if let Some(rows) = kept(orders(self), &vhost) {
                parts.push(rows);
                continue;
            }
            let snapshot = vhost.snapshot();
            let count = snapshot.queues.len() + snapshot.topology.exchange_count();
            drop(snapshot);
            if count <= MAX_SORTED_AT_ONCE {
                parts.push(keep(orders(self), &vhost, sorted));
                continue;
            }
            let site = self.clone();
            let work = move || keep(orders(&site), &vhost, sorted);
            let work = tokio::task::spawn_blocking(work);
            parts.push(work.await.expect("sorting does not panic"));
        }
        parts.into_iter().collect()
    }
}

/// The order, if nothing in the vhost has changed since.
fn kept<R>(orders: &Orders<R>, vhost: &Arc<VHost>) -> Option<Arc<[R]>> {
    let orders = orders.lock();
    let order = orders.get(vhost.name())?;
    let same = order.generation == vhost.generation().0 && order.is_of(vhost);
    same.then(|| Arc::clone(&order.rows))
}

/// Finds the order, and keeps it. Vhosts that are gone are forgotten.
fn keep<R>(orders: &Orders<R>, vhost: &Arc<VHost>, sorted: fn(&VHost) -> Vec<R>) -> Arc<[R]> {
    // Before the look at the vhost: what changes in between is found out the next time.
    let generation = vhost.generation().0;
    let rows: Arc<[R]> = sorted(vhost).into();
    let order = Order {
        vhost: Arc::downgrade(vhost),
        generation,
        rows: Arc::clone(&rows),
    };
    let mut orders = orders.lock();
    orders.retain(|_, order| order.vhost.strong_count() > 0);
    orders.insert(Arc::clone(vhost.name()), order);
    rows
}

impl<R> Order<R> {
    fn is_of(&self, vhost: &Arc<VHost>) -> bool {
        std::ptr::eq(self.vhost.as_ptr(), Arc::as_ptr(vhost))
    }
}

fn sorted_queues(vhost: &VHost) -> Vec<Arc<SharedQueue>> {
    let snapshot = vhost.snapshot();
    // Beside their names, which are then looked at without a look into the queue.
    let named = snapshot.queues.iter();
    let mut named: Vec<_> = named
        .map(|(name, queue)| (name.clone(), Arc::clone(queue)))
        .collect();
    named.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    named.into_iter().map(|(_, queue)| queue).collect()
}

fn sorted_exchanges(vhost: &VHost) -> Vec<ExchangeRow> {
    let snapshot = vhost.snapshot();
    let rows = snapshot.topology.exchanges().map(|exchange| ExchangeRow {
        vhost: Arc::clone(vhost.name()),
        exchange: Arc::clone(exchange),
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_unstable_by(|a, b| a.exchange.name.cmp(&b.exchange.name));
    rows
}
