//! Forgetting how everything went. What was counted stays: totals never fall.

use super::statistics::Statistics;
use crate::broker::Broker;

/// Objects that forget before others may run.
const OBJECTS_AT_ONCE: usize = 256;

/// Empties all histories. Rates are 0 until the next tick, and samples begin anew.
pub async fn run(broker: &Broker) {
    let moments = broker.statistics().moments();
    let mut passed = Passed(0);
    for vhost in broker.vhosts().values() {
        let snapshot = std::sync::Arc::clone(&vhost.snapshot());
        for queue in snapshot.queues.values() {
            queue.history.forget(moments);
            passed.one().await;
        }
        for (_, exchange) in vhost.all_exchange_totals() {
            exchange.history.forget(moments);
            passed.one().await;
        }
        vhost.history.forget(moments);
        vhost.traffic_history.forget(moments);
        for (_, routed) in vhost.routed().flows.all() {
            routed.history.forget(moments);
            passed.one().await;
        }
    }
    for connection in broker.clients().all() {
        connection.history.forget(moments);
        for channel in connection.channels() {
            channel.history.forget(moments);
            for consumer in channel.consumers() {
                consumer.history.forget(moments);
                passed.one().await;
            }
            for flow in channel.flows.iter().flat_map(|flows| flows.all()) {
                flow.history.forget(moments);
                passed.one().await;
            }
            passed.one().await;
        }
        passed.one().await;
    }
    let Statistics {
        messages,
        churn,
        node,
        traffic_history,
        ..
    } = broker.statistics();
    messages.forget(moments);
    churn.forget(moments);
    node.forget(moments);
    traffic_history.forget(moments);
}

/// How many objects were looked at.
struct Passed(usize);

impl Passed {
    async fn one(&mut self) {
        self.0 += 1;
        if self.0.is_multiple_of(OBJECTS_AT_ONCE) {
            tokio::task::yield_now().await;
        }
    }
}
