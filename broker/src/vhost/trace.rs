//! Where a message would go, and why, without one being published.

use ferrymq_amqp::content;
use ferrymq_amqp::{FieldTable, Properties};
use ferrymq_routing::Step;

use super::VHost;
use super::publish::input;
use crate::error::Error;

/// Where a message would go.
#[derive(Debug)]
pub struct Trace {
    /// The queues that it would reach, each once.
    pub queues: Vec<String>,
    /// Why.
    pub steps: Vec<Step>,
}

impl VHost {
    /// Where a message with this exchange, routing key and headers would go. Where chance decides, the next
    /// one may go elsewhere. Takes its time where an exchange has many bindings.
    ///
    /// # Errors
    /// 404 when the exchange is missing.
    pub fn trace(
        &self,
        exchange: &str,
        routing_key: &str,
        headers: &FieldTable,
    ) -> Result<Trace, Error> {
        let snapshot = self.snapshot.load_full();
        if snapshot.topology.exchange(exchange).is_none() {
            return Err(Error::no_exchange(exchange, &self.name));
        }
        let properties = content::with_only_headers(headers, None);
        let properties = Properties::parse(&properties).ok();
        let keys = [routing_key];
        let input = input(&keys, properties.as_ref());
        let route = snapshot.route(exchange, &input);
        Ok(Trace {
            queues: route.queues().map(str::to_owned).collect(),
            steps: snapshot.topology.trace(exchange, &input),
        })
    }
}
