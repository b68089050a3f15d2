//! Why a message goes where it goes, for whoever wonders. Much slower than routing.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Reached, RouteInput, Routed};
use crate::binding_set::BindingSet;
use crate::distinct::Distinct;
use crate::matcher::Matcher;
use crate::topology::{Node, Topology};
use crate::{Binding, Destination, ExchangeKind, ExchangeName, QueueName};

/// One reason why a message gets somewhere.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// This binding matches.
    Binding(Arc<Binding>),
    /// The default exchange knows a queue with this name.
    QueueName(QueueName),
    /// An exchange leads nowhere, and has an alternate one.
    Alternate {
        /// The exchange that leads nowhere.
        from: ExchangeName,
        /// The one that is asked instead.
        to: ExchangeName,
    },
    /// The message waits at this exchange until its delay is over.
    Delay(ExchangeName),
}

impl Topology {
    /// The steps that a message published to `exchange` takes, those from one exchange together, each exchange
    /// being asked once. Chance may decide differently for the next message.
    pub fn trace(&self, exchange: &str, input: &RouteInput<'_>) -> Vec<Step> {
        if exchange.is_empty() {
            let queues = input.routing_keys.iter();
            let queues = queues.filter_map(|key| self.queue_name(key));
            return queues.cloned().map(Step::QueueName).collect();
        }
        let mut steps = Vec::new();
        let mut visited = Distinct::new();
        if let Some(node) = self.node(exchange) {
            visited.add(node);
        }
        let mut next = 0;
        while let Some(node) = visited.get(next) {
            next += 1;
            let mut routed = Routed::default();
            let mut reached = Reached::new(&mut routed);
            self.ask(node, input, &mut reached);
            let (anywhere, exchanges) = (reached.anywhere, reached.exchanges);
            for exchange in &exchanges {
                if let Some(node) = self.node(exchange.as_str()) {
                    visited.add(node);
                }
            }
            match anywhere {
                true => node.explain(input, routed, &exchanges, &mut steps),
                false => steps.extend(node.alternate().map(|alternate| Step::Alternate {
                    from: node.exchange.name.clone(),
                    to: alternate.clone(),
                })),
            }
        }
        steps
    }
}

impl Node {
    /// Why the message went from here to these queues and exchanges.
    fn explain(
        &self,
        input: &RouteInput<'_>,
        routed: Routed,
        exchanges: &[&ExchangeName],
        steps: &mut Vec<Step>,
    ) {
        steps.extend(routed.delaying.into_iter().map(Step::Delay));
        if self.exchange.name.is_default() {
            steps.extend(routed.queues.into_iter().map(Step::QueueName));
            return;
        }
        let queues: HashSet<QueueName> = routed.queues.into_iter().collect();
        let exchanges: HashSet<&str> = exchanges.iter().map(|name| name.as_str()).collect();
        let leads_there = |binding: &&Arc<Binding>| match binding.destination() {
            Destination::Queue(name) => queues.contains(name),
            Destination::Exchange(name) => exchanges.contains(name.as_str()),
        };
        let bindings = self.outgoing.iter().filter(leads_there);
        let bindings = bindings.filter(|binding| self.matches_alone(binding, input));
        steps.extend(bindings.cloned().map(Step::Binding));
    }

    /// Does `binding` match whatever others there are? Where they decide together, it counts.
    fn matches_alone(&self, binding: &Arc<Binding>, input: &RouteInput<'_>) -> bool {
        match self.exchange.routes_as() {
            ExchangeKind::Direct | ExchangeKind::Topic | ExchangeKind::Headers => {}
            _ => return true,
        }
        let Ok(mut matcher) = Matcher::new(&self.exchange) else {
            return false;
        };
        let bound = matcher.bind(binding);
        // These kinds need no list of all bindings.
        let none = BindingSet::default();
        let mut routed = Routed::default();
        let mut reached = Reached::new(&mut routed);
        matcher.route(&self.exchange, &none, input, &mut reached);
        bound.is_ok() && reached.anywhere
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Exchange;
    use crate::testing::{bind, binding, table, text};

    fn topology() -> Topology {
        let mut topology = Topology::new();
        let alternate = Exchange {
            arguments: table(&[("alternate-exchange", text("x2"))]),
            ..Exchange::new("xt", ExchangeKind::Topic)
        };
        topology.declare_exchange(alternate).unwrap();
        let fanout = Exchange::new("x2", ExchangeKind::Fanout);
        topology.declare_exchange(fanout).unwrap();
        for (source, key, destination) in [
            ("xt", "a.*", "q1"),
            ("xt", "a.b", "q1"),
            ("xt", "b.#", "q2"),
            ("xt", "a.b", "x2"),
            ("x2", "", "q3"),
        ] {
            bind(&mut topology, binding(source, key, destination)).unwrap();
        }
        topology
    }

    fn check(exchange: &str, key: &str, expected: &str) {
        let input = RouteInput {
            routing_keys: &[key],
            properties: None,
            random: 0,
            is_due: false,
        };
        let steps = topology().trace(exchange, &input);
        let shown = steps.iter().map(|step| match step {
            Step::Binding(binding) => format!(
                "{}-{}>{}",
                binding.source(),
                binding.routing_key(),
                binding.destination().name()
            ),
            Step::QueueName(queue) => format!(">{queue}"),
            Step::Alternate { from, to } => format!("{from}|{to}"),
            Step::Delay(exchange) => format!("{exchange}..."),
        });
        let shown: Vec<_> = shown.collect();
        assert_eq!(shown.join(" "), expected, "{exchange} {key}");
    }

    #[test]
    fn every_step_has_its_reason() {
        check("xt", "a.c", "xt-a.*>q1");
        check("xt", "a.b", "xt-a.*>q1 xt-a.b>q1 xt-a.b>x2 x2->q3");
        check("xt", "c", "xt|x2 x2->q3");
        check("x2", "whatever", "x2->q3");
        check("", "q2", ">q2");
        check("", "nowhere", "");
        check("nowhere", "a", "");
    }
}
