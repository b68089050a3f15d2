//! Who publishes where and who consumes what.

use super::Load;

/// The queues of a run, and how messages get into them.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) queues: Vec<String>,
    pub(super) exchange: String,
    /// The key of all messages.
    common_key: Option<String>,
    /// The keys of all queues' bindings; without them each queue has its own.
    binding_keys: Vec<String>,
    /// How many keys each queue has of its own.
    bindings: u32,
    is_topic: bool,
    pub(super) spread: Spread,
}

/// Which queues get a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spread {
    /// The one whose turn it is.
    InTurn,
    /// All.
    Copies,
    /// One that the broker chooses.
    Chosen,
    /// Nobody knows.
    Unknown,
}

impl Plan {
    pub(super) fn new(args: &Load) -> Self {
        let topology = &args.topology;
        let exchange = match topology.own_exchange() {
            true => format!("ferrymq-perf-{}", topology.kind()),
            false => topology.exchange.clone().unwrap_or_default(),
        };
        let is_hash = !exchange.is_empty() && topology.kind() == "x-consistent-hash";
        // The key of a binding to a consistent hash exchange is a weight.
        let weight = (is_hash && topology.binding_key.is_empty()).then(|| "1".to_owned());
        Self {
            queues: queues(args),
            spread: spread(args, &exchange),
            common_key: topology.routing_key.clone(),
            binding_keys: topology.binding_key.iter().cloned().chain(weight).collect(),
            bindings: topology.bindings,
            is_topic: topology.kind() == "topic",
            exchange,
        }
    }

    /// The key of a message to a queue. A queue's keys take turns, in each row of messages the next.
    pub(super) fn routing_key(&self, queue: usize, row: usize) -> String {
        if let Some(key) = &self.common_key {
            return key.clone();
        }
        let name = &self.queues[queue];
        let binding = row % self.key_period();
        match (self.bindings, self.is_topic) {
            (1, _) => name.clone(),
            (_, true) => format!("perf.{name}.{binding}.x"),
            (_, false) => format!("{name}.{binding}"),
        }
    }

    /// After how many rows keys repeat.
    pub(super) fn key_period(&self) -> usize {
        self.bindings.max(1) as usize
    }

    /// The keys that a queue is bound with.
    pub(super) fn binding_keys(&self, queue: usize) -> Vec<String> {
        if !self.binding_keys.is_empty() {
            return self.binding_keys.clone();
        }
        if let Some(key) = &self.common_key {
            return vec![key.clone()];
        }
        let name = &self.queues[queue];
        let own = |binding| match (self.bindings, self.is_topic) {
            (1, _) => name.clone(),
            (_, true) => format!("*.{name}.{binding}.#"),
            (_, false) => format!("{name}.{binding}"),
        };
        (0..self.bindings).map(own).collect()
    }

    /// How many different messages a producer sends in turn: one per queue, or one for all of them.
    pub(super) fn targets(&self) -> u64 {
        match self.spread {
            Spread::InTurn => self.queues.len() as u64,
            _ => 1,
        }
    }

    /// How many queues a message goes to.
    pub(super) fn copies_per_message(&self) -> u64 {
        match self.spread {
            Spread::Copies => self.queues.len() as u64,
            _ => 1,
        }
    }

    /// How many of a producer's `sent` messages are for a queue: their sequences are 0 to this. Where the
    /// broker chooses a queue, this is for all of them together.
    pub(super) fn expected(&self, queue: usize, sent: u64) -> u64 {
        let targets = self.targets();
        sent / targets + u64::from((queue as u64) < sent % targets)
    }

    /// The queues that one of `consumers` reads. No queue goes without as long as there are consumers.
    pub(super) fn queues_of(&self, consumer: usize, consumers: usize) -> Vec<usize> {
        let count = self.queues.len();
        if consumers >= count {
            return vec![consumer % count];
        }
        (consumer..count).step_by(consumers).collect()
    }
}

fn queues(args: &Load) -> Vec<String> {
    let topology = &args.topology;
    if let Some(pattern) = &topology.queue_pattern {
        return (topology.queue_from..=topology.queue_to)
            .map(|number| pattern.name(number))
            .collect();
    }
    match topology.queues.get() {
        1 => vec![topology.queue.clone()],
        count => (0..count)
            .map(|index| format!("{}-{index}", topology.queue))
            .collect(),
    }
}

fn spread(args: &Load, exchange: &str) -> Spread {
    let topology = &args.topology;
    if exchange.is_empty() {
        return Spread::InTurn;
    }
    let has_common_key = topology.routing_key.is_some() || !topology.binding_key.is_empty();
    match topology.kind() {
        "fanout" | "headers" => Spread::Copies,
        "x-consistent-hash" | "x-modulus-hash" | "x-random" | "x-local-random" => Spread::Chosen,
        _ if topology.random_routing_key => Spread::Unknown,
        _ if has_common_key => Spread::Copies,
        _ => Spread::InTurn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(queues: usize, spread: Spread) -> Plan {
        Plan {
            queues: (0..queues).map(|index| index.to_string()).collect(),
            exchange: String::new(),
            common_key: None,
            binding_keys: Vec::new(),
            bindings: 1,
            is_topic: false,
            spread,
        }
    }

    #[test]
    fn spread_messages_add_up() {
        for sent in 0..50 {
            let plan = plan(7, Spread::InTurn);
            let total: u64 = (0..7).map(|queue| plan.expected(queue, sent)).sum();
            assert_eq!(total, sent);
        }
        assert_eq!(plan(7, Spread::Copies).expected(6, 50), 50);
        assert_eq!(plan(7, Spread::Copies).copies_per_message(), 7);
        assert_eq!(plan(7, Spread::Chosen).expected(0, 50), 50);
    }

    #[test]
    fn every_queue_is_read() {
        for (queues, consumers) in [(1, 1), (1, 3), (5, 2), (5, 5), (5, 7), (2, 8)] {
            let plan = plan(queues, Spread::InTurn);
            let mut readers = vec![0; queues];
            for consumer in 0..consumers {
                for queue in plan.queues_of(consumer, consumers) {
                    readers[queue] += 1;
                }
            }
            assert!(
                !readers.contains(&0),
                "{queues} queues, {consumers} consumers"
            );
        }
    }

    #[test]
    fn keys_of_bindings_meet_those_of_messages() {
        let mut plan = plan(2, Spread::InTurn);
        assert_eq!(plan.binding_keys(1), ["1"]);
        assert_eq!(plan.routing_key(1, 9), "1");
        plan.bindings = 2;
        assert_eq!(plan.binding_keys(1), ["1.0", "1.1"]);
        assert_eq!(plan.routing_key(1, 9), "1.1");
        plan.is_topic = true;
        assert_eq!(plan.binding_keys(1), ["*.1.0.#", "*.1.1.#"]);
        assert_eq!(plan.routing_key(1, 9), "perf.1.1.x");
        plan.common_key = Some("k".to_owned());
        assert_eq!(plan.binding_keys(0), ["k"]);
        plan.binding_keys = vec!["#".to_owned()];
        assert_eq!(plan.binding_keys(0), ["#"]);
        assert_eq!(plan.routing_key(0, 0), "k");
    }
}
