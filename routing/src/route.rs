//! From an exchange to queues: over bindings between exchanges and over alternate exchanges.

pub(crate) mod trace;

use ferrymq_amqp::Properties;
use smallvec::SmallVec;

use crate::binding_set::BindingSet;
use crate::delay::delay;
use crate::distinct::Distinct;
use crate::topology::{Node, Topology};
use crate::{Destination, ExchangeName, QueueName};

/// What of a message decides where it goes.
#[derive(Debug, Clone, Copy)]
pub struct RouteInput<'a> {
    /// The published routing key, then those in the headers `CC` and `BCC`.
    pub routing_keys: &'a [&'a str],
    /// The message's properties, for exchanges that look at them.
    pub properties: Option<&'a Properties<'a>>,
    /// Any number, drawn anew for each message.
    pub random: u64,
    /// Its delay is over: no exchange keeps it back.
    pub is_due: bool,
}

/// Where a message goes. Meant to be used again and again: it keeps its allocation.
#[derive(Debug, Clone, Default)]
pub struct Routed {
    /// The queues, each once, in the order of their names.
    pub queues: Vec<QueueName>,
    /// Exchanges that keep the message until its delay is over.
    pub delaying: Vec<ExchangeName>,
    /// Exchanges that remember the message for queues to be bound.
    pub recording: Vec<ExchangeName>,
    /// Whether headers, properties or chance had a say. If not, every message with this exchange and these
    /// routing keys goes to the same queues, until the topology changes.
    pub depends_on_message: bool,
}

/// What has been reached on the way.
pub(crate) struct Reached<'t, 'r> {
    routed: &'r mut Routed,
    /// Exchanges to go on from.
    exchanges: SmallVec<[&'t ExchangeName; 8]>,
    /// Whether the exchange being asked has led anywhere.
    anywhere: bool,
    /// How often queues were added; within one time they differ.
    additions: usize,
}

impl Topology {
    /// Which queues a message published to `exchange` reaches: each once, whichever and however many ways
    /// lead there. No exchange is asked twice. A missing exchange leads nowhere.
    pub fn route(&self, exchange: &str, input: &RouteInput<'_>, routed: &mut Routed) {
        let mut reached = Reached::new(routed);
        if exchange.is_empty() {
            self.route_by_queue_name(input, &mut reached);
        } else {
            self.route_through_exchanges(exchange, input, &mut reached);
        }
        reached.finish();
    }

    fn route_through_exchanges<'t>(
        &'t self,
        first: &str,
        input: &RouteInput<'_>,
        reached: &mut Reached<'t, '_>,
    ) {
        let mut visited = Distinct::new();
        if let Some(node) = self.node(first) {
            visited.add(node);
        }
        let mut next = 0;
        while let Some(node) = visited.get(next) {
            next += 1;
            self.ask(node, input, reached);
            for exchange in reached.exchanges.drain(..) {
                if let Some(node) = self.node(exchange.as_str()) {
                    visited.add(node);
                }
            }
        }
    }

    /// Asks one exchange, and sends what it leads nowhere on to its alternate exchange.
    fn ask<'t>(&'t self, node: &'t Node, input: &RouteInput<'_>, reached: &mut Reached<'t, '_>) {
        reached.anywhere = false;
        let Node {
            exchange, outgoing, ..
        } = node;
        let delays = node.delays && !input.is_due;
        if delays {
            reached.decided_by_headers(input);
        }
        if exchange.name.is_default() {
            self.route_by_queue_name(input, reached);
        } else if delays && delay(input.properties).is_some() {
            reached.wait_at(&exchange.name);
        } else {
            node.matcher.route(exchange, outgoing, input, reached);
        }
        if !reached.anywhere {
            reached.exchanges.extend(node.alternate());
        }
    }

    /// The default exchange: every queue is bound to it by its name.
    fn route_by_queue_name<'t>(&'t self, input: &RouteInput<'_>, reached: &mut Reached<'t, '_>) {
        for key in input.routing_keys {
            if let Some(queue) = self.queue_name(key) {
                reached.add_queue(queue);
            }
        }
    }
}

impl<'t, 'r> Reached<'t, 'r> {
    fn new(routed: &'r mut Routed) -> Self {
        routed.queues.clear();
        routed.delaying.clear();
        routed.recording.clear();
        routed.depends_on_message = false;
        Self {
            routed,
            exchanges: SmallVec::new(),
            anywhere: false,
            additions: 0,
        }
    }

    /// Says that other messages with the same routing keys may go elsewhere.
    pub(crate) fn decided_by_message(&mut self) {
        self.routed.depends_on_message = true;
    }

    /// Says that other messages with the same routing keys may go elsewhere, because this one has headers.
    pub(crate) fn decided_by_headers(&mut self, input: &RouteInput<'_>) {
        let headers = input.properties.and_then(|properties| properties.headers());
        self.routed.depends_on_message |= headers.is_some();
    }

    /// The message waits at `exchange`, instead of going on.
    fn wait_at(&mut self, exchange: &ExchangeName) {
        self.routed.delaying.push(exchange.clone());
        self.anywhere = true;
    }

    /// `exchange` remembers the message, wherever it goes.
    pub(crate) fn remember_at(&mut self, exchange: &ExchangeName) {
        self.routed.recording.push(exchange.clone());
    }

    /// Adds one destination.
    pub(crate) fn add(&mut self, destination: &'t Destination) {
        self.add_each(std::iter::once(destination));
    }

    /// Adds the destinations of all these bindings, which have one source.
    pub(crate) fn add_all(&mut self, bindings: &'t BindingSet) {
        self.add_each(bindings.iter().map(|binding| binding.destination()));
    }

    /// Adds destinations in their order; of equal ones in a row only the first.
    pub(crate) fn add_each(&mut self, destinations: impl Iterator<Item = &'t Destination>) {
        let mut last = None;
        for destination in destinations {
            if last == Some(destination) {
                continue;
            }
            last = Some(destination);
            match destination {
                Destination::Queue(queue) => self.routed.queues.push(queue.clone()),
                Destination::Exchange(exchange) => self.exchanges.push(exchange),
            }
        }
        if last.is_some() {
            self.anywhere = true;
            self.additions += 1;
        }
    }

    fn add_queue(&mut self, queue: &QueueName) {
        self.routed.queues.push(queue.clone());
        self.anywhere = true;
        self.additions += 1;
    }

    /// Leaves each queue once.
    fn finish(self) {
        let queues = &mut self.routed.queues;
        if self.additions > 1 && queues.len() > 1 {
            queues.sort_unstable();
            queues.dedup();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{bind, binding, bound, queues, routed, table, text};
    use crate::{Exchange, ExchangeKind, Topology};

    /// Fanout exchanges with what they are bound to: `xa: xb q1, xb:`.
    fn fanouts(bindings: &str) -> Topology {
        let mut topology = Topology::new();
        let lines: Vec<_> = bindings
            .split(',')
            .map(|line| line.split_once(':').unwrap())
            .collect();
        for (name, _) in &lines {
            let exchange = Exchange::new(name.trim(), ExchangeKind::Fanout);
            topology.declare_exchange(exchange).unwrap();
        }
        for (name, destinations) in lines {
            for destination in destinations.split_whitespace() {
                bind(&mut topology, binding(name.trim(), "", destination)).unwrap();
            }
        }
        topology
    }

    #[track_caller]
    fn check(bindings: &str, expected: &str) {
        assert_eq!(
            queues(&fanouts(bindings), "xa", &["k"]),
            expected,
            "{bindings}"
        );
    }

    #[test]
    fn exchanges_lead_on_to_exchanges() {
        check("xa: q1 xb, xb: q2 xc, xc: q3", "q1 q2 q3");
        check("xa:, xb: q2", "");
    }

    #[test]
    fn cycles_end() {
        check("xa: xa q1", "q1");
        check("xa: xb, xb: xa q1", "q1");
        check("xa: xb xc, xb: xa xc, xc: xa xb q1", "q1");
    }

    #[test]
    fn a_queue_is_reached_once() {
        check("xa: q1 xb xc, xb: q1 q2, xc: q2 q1", "q1 q2");
    }

    #[test]
    fn the_next_exchange_routes_by_the_same_key() {
        let mut topology = bound(ExchangeKind::Direct, &[("a", "q1"), ("b", "q2")]);
        topology
            .declare_exchange(Exchange::new("xt", ExchangeKind::Topic))
            .unwrap();
        topology.bind(binding("xt", "#", "x")).unwrap();
        assert_eq!(queues(&topology, "xt", &["a"]), "q1");
        assert_eq!(queues(&topology, "xt", &["b", "a"]), "q1 q2");
    }

    #[test]
    fn many_exchanges() {
        let names: Vec<_> = (0..200).map(|number| format!("x{number}")).collect();
        let mut lines = vec![format!("xa: {}", names.join(" "))];
        lines.extend(names.iter().map(|name| format!("{name}: xa x7 q{name}")));
        assert_eq!(
            queues(&fanouts(&lines.join(",")), "xa", &["k"])
                .split(' ')
                .count(),
            200
        );
    }

    #[test]
    fn the_default_exchange_knows_queues_by_name() {
        let mut topology = Topology::new();
        topology.add_queue("a".into());
        topology.add_queue("b".into());
        assert_eq!(queues(&topology, "", &["a"]), "a");
        assert_eq!(queues(&topology, "", &["c"]), "");
        assert_eq!(queues(&topology, "", &["b", "a", "c", "b"]), "a b");
        topology.remove_queue("a");
        assert_eq!(queues(&topology, "", &["a"]), "");
    }

    #[test]
    fn a_missing_exchange_leads_nowhere() {
        assert_eq!(queues(&Topology::new(), "missing", &["k"]), "");
    }

    #[test]
    fn what_depends_on_the_message() {
        let check = |kind, expected| {
            let topology = bound(kind, &[]);
            assert_eq!(
                routed(&topology, "x", &["k"], &[0, 0], 0).depends_on_message,
                expected
            );
        };
        check(ExchangeKind::Direct, false);
        check(ExchangeKind::Fanout, false);
        check(ExchangeKind::Topic, false);
        check(ExchangeKind::Headers, true);
        check(ExchangeKind::ConsistentHash, false);
        check(ExchangeKind::ModulusHash, false);
        check(ExchangeKind::Random, true);
        check(ExchangeKind::LocalRandom, true);
        check(ExchangeKind::RecentHistory, false);
    }

    #[test]
    fn the_result_of_the_last_message_is_forgotten() {
        let topology = bound(ExchangeKind::Headers, &[("", "q")]);
        let mut routed = routed(&topology, "x", &["k"], &[0, 0], 0);
        let input = super::RouteInput {
            routing_keys: &["k"],
            properties: None,
            random: 0,
            is_due: false,
        };
        topology.route("amq.direct", &input, &mut routed);
        assert!(routed.queues.is_empty() && !routed.depends_on_message);
    }

    /// Direct exchanges with one queue for their own name as key, each with an alternate exchange.
    fn alternates(exchanges: &[(&str, &str)]) -> Topology {
        let mut topology = Topology::new();
        for (name, alternate) in exchanges {
            let arguments = table(&[("alternate-exchange", text(alternate))]);
            let exchange = Exchange {
                arguments,
                ..Exchange::new(*name, ExchangeKind::Direct)
            };
            topology.declare_exchange(exchange).unwrap();
            bind(&mut topology, binding(name, name, &format!("q{name}"))).unwrap();
        }
        topology
    }

    #[test]
    fn the_alternate_exchange_gets_what_leads_nowhere() {
        let topology = alternates(&[("xa", "xb"), ("xb", "xc"), ("xc", "missing")]);
        assert_eq!(queues(&topology, "xa", &["xa"]), "qxa");
        assert_eq!(queues(&topology, "xa", &["xb"]), "qxb");
        assert_eq!(
            queues(&topology, "xa", &["xc"]),
            "qxc",
            "chains are followed"
        );
        assert_eq!(
            queues(&topology, "xa", &["none"]),
            "",
            "a missing one is ignored"
        );
        assert_eq!(
            queues(&topology, "xa", &["xa", "xb"]),
            "qxa",
            "anything is enough"
        );
    }

    #[test]
    fn alternate_exchanges_in_a_loop() {
        let topology = alternates(&[("xa", "xb"), ("xb", "xa")]);
        assert_eq!(queues(&topology, "xa", &["none"]), "");
        assert_eq!(queues(&topology, "xa", &["xb"]), "qxb");
        assert_eq!(queues(&alternates(&[("xa", "xa")]), "xa", &["none"]), "");
    }

    #[test]
    fn the_default_exchange_as_an_alternate() {
        let mut topology = alternates(&[("xa", "")]);
        topology.add_queue("direct".into());
        assert_eq!(queues(&topology, "xa", &["direct"]), "direct");
    }

    #[test]
    fn reaching_an_exchange_is_somewhere() {
        let mut topology = alternates(&[("xa", "xb"), ("xb", "none")]);
        topology
            .declare_exchange(Exchange::new("xdead", ExchangeKind::Fanout))
            .unwrap();
        topology.bind(binding("xa", "xb", "xdead")).unwrap();
        assert_eq!(
            queues(&topology, "xa", &["xb"]),
            "",
            "though it leads nowhere"
        );
        topology.set_policy_alternate("xdead", Some("xb".into()));
        assert_eq!(
            queues(&topology, "xa", &["xb"]),
            "qxb",
            "unless it has its own alternate"
        );
    }

    #[test]
    fn the_argument_counts_before_the_policy() {
        let mut topology = alternates(&[("xa", "xb"), ("xb", "missing"), ("xc", "missing")]);
        topology.set_policy_alternate("xa", Some("xc".into()));
        assert_eq!(queues(&topology, "xa", &["xc"]), "");
        topology.set_policy_alternate("amq.direct", Some("xc".into()));
        assert_eq!(queues(&topology, "amq.direct", &["xc"]), "qxc");
        topology.set_policy_alternate("amq.direct", None);
        assert_eq!(queues(&topology, "amq.direct", &["xc"]), "");
    }
}
