//! Direct: the binding key equals the routing key.

use std::sync::Arc;

use crate::binding_set::BindingSet;
use crate::route::{Reached, RouteInput};
use crate::{Binding, Map};

/// The bindings by their key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Direct(Map<Arc<str>, BindingSet>);

impl Direct {
    pub(crate) fn bind(&mut self, binding: &Arc<Binding>) {
        let set = self.0.entry(Arc::clone(binding.routing_key())).or_default();
        set.insert(Arc::clone(binding));
    }

    pub(crate) fn unbind(&mut self, binding: &Binding) {
        let key: &str = binding.routing_key();
        if let Some(set) = self.0.get_mut(key) {
            set.remove(binding);
            if set.is_empty() {
                self.0.remove(key);
            }
        }
    }

    pub(crate) fn route<'t>(&'t self, input: &RouteInput<'_>, reached: &mut Reached<'t, '_>) {
        for key in input.routing_keys {
            if let Some(set) = self.0.get(*key) {
                reached.add_all(set);
            }
        }
    }
}
