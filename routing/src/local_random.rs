//! Local random: one queue of this node, each equally likely. One node has all queues, so that only the
//! bindings differ from [`Random`](crate::random::Random)'s: queues, and no keys.

use crate::{Binding, Destination, Error};

/// Whether a binding may be made. That the queue is a classic one is for the broker to see.
pub(crate) fn check(binding: &Binding) -> Result<(), Error> {
    if !binding.routing_key().is_empty() {
        return Err(Error::KeyNotEmpty(binding.routing_key().to_string()));
    }
    match binding.destination() {
        Destination::Queue(_) => Ok(()),
        Destination::Exchange(_) => Err(Error::NotAQueue(binding.source().clone())),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{bind, binding, bound, joined, routed};
    use crate::{Error, Exchange, ExchangeKind};

    #[test]
    fn one_queue_by_chance() {
        let topology = bound(ExchangeKind::LocalRandom, &[("", "1"), ("", "2")]);
        let reached = |random| joined(&routed(&topology, "x", &["k"], &[0, 0], random).queues);
        assert_eq!(reached(0), "1");
        assert_eq!(reached(u64::MAX), "2");
    }

    #[test]
    fn only_queues_and_no_keys_are_bound() {
        let mut topology = bound(ExchangeKind::LocalRandom, &[]);
        topology
            .declare_exchange(Exchange::new("xother", ExchangeKind::Fanout))
            .unwrap();
        let mut check = |key, destination| bind(&mut topology, binding("x", key, destination));
        assert_eq!(check("k", "q"), Err(Error::KeyNotEmpty("k".into())));
        assert_eq!(check("", "xother"), Err(Error::NotAQueue("x".into())));
        assert_eq!(check("", "q"), Ok(true));
        assert_eq!(topology.bindings().count(), 1);
    }
}
