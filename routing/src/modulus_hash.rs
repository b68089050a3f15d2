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
