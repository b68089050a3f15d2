//! Modulus hash: destinations in order, the hash of the routing keys modulo their number picks one.

use std::sync::Arc;

use crate::ranked::Ranked;
use crate::route::{Reached, RouteInput};
use crate::{Binding, Destination, Map, hash};

/// The distinct destinations.
#[derive(Debug, Clone, Default)]
pub(crate) struct ModulusHash {
    sorted: Ranked<Destination>,
    /// How many bindings lead to each.
    bindings: Map<Destination, usize>,
}

impl ModulusHash {
    pub(crate) fn bind(&mut self, binding: &Arc<Binding>) {
        let destination = binding.destination();
        let bindings = self.bindings.entry(destination.clone()).or_default();
        *bindings += 1;
        if *bindings == 1 {
            self.sorted.insert(destination.clone(), 1);
        }
    }

    pub(crate) fn unbind(&mut self, binding: &Binding) {
        let destination = binding.destination();
        let Some(bindings) = self.bindings.get_mut(destination) else {
            return;
        };
        *bindings -= 1;
        if *bindings == 0 {
            self.bindings.remove(destination);
            self.sorted.remove(destination);
        }
    }

    pub(crate) fn route<'t>(&'t self, input: &RouteInput<'_>, reached: &mut Reached<'t, '_>) {
        let hash = hash::routing_keys(input.routing_keys);
        let position = hash.checked_rem(self.sorted.total());
        if let Some(destination) = position.and_then(|position| self.sorted.find(position)) {
            reached.add(destination);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::ExchangeKind;
    use crate::testing::{binding, bound, queues};

    const BINDINGS: [(&str, &str); 5] = [("", "1"), ("a", "2"), ("b", "2"), ("c", "3"), ("", "4")];

    #[test]
    fn always_one_destination_whatever_the_binding_key() {
        let topology = bound(ExchangeKind::ModulusHash, &BINDINGS);
        let reached: BTreeSet<_> = (0..100)
            .map(|key| queues(&topology, "x", &[&key.to_string()]))
            .collect();
        assert!(reached.iter().map(String::as_str).eq(["1", "2", "3", "4"]));
        assert_eq!(queues(&topology, "x", &["a", "b", "c"]).len(), 1);
    }

    #[test]
    fn the_order_of_binding_does_not_matter() {
        let mut reversed = BINDINGS;
        reversed.reverse();
        let [a, b] =
            [BINDINGS, reversed].map(|bindings| bound(ExchangeKind::ModulusHash, &bindings));
        for key in ["a", "b", "c", "d"] {
            assert_eq!(queues(&a, "x", &[key]), queues(&b, "x", &[key]));
        }
    }

    #[test]
    fn a_destination_counts_until_its_last_binding_goes() {
        let mut topology = bound(ExchangeKind::ModulusHash, &[("a", "2"), ("b", "2")]);
        topology.unbind(&binding("x", "a", "2"));
        assert_eq!(queues(&topology, "x", &["k"]), "2");
        topology.unbind(&binding("x", "b", "2"));
        assert_eq!(queues(&topology, "x", &["k"]), "");
    }
}
