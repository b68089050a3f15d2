//! Who publishes where and who consumes what.

use super::Args;

/// The queues of a run, and how messages get into them.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) queues: Vec<String>,
    pub(super) exchange: String,
    /// The key of all bindings; without it each queue is bound by its own name.
    common_key: Option<String>,
    /// Whether every queue gets every message.
    pub(super) copies: bool,
}

impl Plan {
    pub(super) fn new(args: &Args) -> Self {
        let queues: Vec<_> = match args.queues.get() {
            1 => vec![args.queue.clone()],
            count => (0..count)
                .map(|index| format!("{}-{index}", args.queue))
                .collect(),
        };
        let fanout = !args.exchange.is_empty() && args.exchange_type == "fanout";
        Self {
            copies: fanout || args.routing_key.is_some(),
            common_key: args.routing_key.clone(),
            exchange: args.exchange.clone(),
            queues,
        }
    }

    /// The key that leads to a queue.
    pub(super) fn routing_key(&self, queue: usize) -> &str {
        self.common_key.as_deref().unwrap_or(&self.queues[queue])
    }

    /// How many different messages a producer sends in turn: one per queue, or one for all of them.
    pub(super) fn targets(&self) -> u64 {
        match self.copies {
            true => 1,
            false => self.queues.len() as u64,
        }
    }

    /// How many queues a message goes to.
    pub(super) fn copies_per_message(&self) -> u64 {
        self.queues.len() as u64 / self.targets()
    }

    /// How many of a producer's `sent` messages are for a queue: their sequences are 0 to this.
    pub(super) fn expected(&self, queue: usize, sent: u64) -> u64 {
        match self.copies {
            true => sent,
            false => {
                let targets = self.targets();
                sent / targets + u64::from((queue as u64) < sent % targets)
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(queues: usize, copies: bool) -> Plan {
        Plan {
            queues: (0..queues).map(|index| index.to_string()).collect(),
            exchange: String::new(),
            common_key: None,
            copies,
        }
    }

    #[test]
    fn spread_messages_add_up() {
        for sent in 0..50 {
            let plan = plan(7, false);
            let total: u64 = (0..7).map(|queue| plan.expected(queue, sent)).sum();
            assert_eq!(total, sent);
        }
        assert_eq!(plan(7, true).expected(6, 50), 50);
        assert_eq!(plan(7, true).copies_per_message(), 7);
    }

    #[test]
    fn every_queue_is_read() {
        for (queues, consumers) in [(1, 1), (1, 3), (5, 2), (5, 5), (5, 7), (2, 8)] {
            let plan = plan(queues, false);
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
}
