//! What a connection has counted since its last round, on its way to the totals.

use std::sync::Arc;

use super::totals::Passed;
use super::{Activity, BrokerTotals, ExchangeTotals, Kind, Sizes, Totals};
use crate::queue::arguments::QueueType;
use crate::vhost::Route;

/// Counts of one connection that are not in the totals yet.
#[derive(Default)]
pub struct Tally {
    publishing: Activity,
    consuming: [Activity; QueueType::ALL.len()],
    sizes: Sizes,
    exchange: Option<Arc<ExchangeTotals>>,
    passed: Passed,
    any: bool,
}

impl Tally {
    /// Counts `kind`, so many times, of what concerns no queue.
    #[inline]
    pub fn publishing(&mut self, kind: Kind, count: u64) {
        self.publishing[kind] += count;
        self.any = true;
    }

    /// Counts `kind`, so many times, of what happens between a queue of this type and a consumer.
    #[inline]
    pub fn consuming(&mut self, queue_type: QueueType, kind: Kind, count: u64) {
        self.consuming[queue_type as usize][kind] += count;
        self.any = true;
    }

    /// Counts a published message with a body of so many bytes.
    #[inline]
    pub fn size(&mut self, body_bytes: u64) {
        self.sizes.add(body_bytes);
    }

    /// Counts `count` messages that were published to the exchange of `route`, and went along that.
    pub(crate) fn exchange(&mut self, route: &Route, count: u64) {
        let Some(exchange) = route.totals() else {
            return;
        };
        let same = |last: &Arc<ExchangeTotals>| Arc::ptr_eq(last, exchange);
        if !self.exchange.as_ref().is_some_and(same) {
            self.flush_exchange();
            self.exchange = Some(Arc::clone(exchange));
        }
        self.passed.published += count;
        self.passed.routed += count * route.reached() as u64;
        if route.is_unroutable() {
            self.passed.unroutable += count;
        }
    }

    /// Adds everything to the totals, of the whole broker and of the vhost. Tells whether there was
    /// anything.
    #[inline]
    pub fn flush(&mut self, broker: &BrokerTotals, vhost: &Totals) -> bool {
        self.any && self.flush_now(broker, vhost)
    }

    fn flush_now(&mut self, broker: &BrokerTotals, vhost: &Totals) -> bool {
        self.any = false;
        let publishing = std::mem::take(&mut self.publishing);
        if !publishing.is_zero() {
            broker.publishing.add(&publishing);
            vhost.add(&publishing);
            broker.sizes.add(&std::mem::take(&mut self.sizes));
        }
        for queue_type in QueueType::ALL {
            let consuming = std::mem::take(&mut self.consuming[queue_type as usize]);
            if !consuming.is_zero() {
                broker.consuming.of(queue_type).add(&consuming);
                vhost.add(&consuming);
            }
        }
        self.flush_exchange();
        true
    }

    fn flush_exchange(&mut self) {
        let passed = std::mem::take(&mut self.passed);
        if passed.published > 0
            && let Some(exchange) = &self.exchange
        {
            exchange.add(&passed);
        }
    }
}
