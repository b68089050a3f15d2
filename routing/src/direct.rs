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

#[cfg(test)]
mod tests {
    use crate::ExchangeKind;
    use crate::testing::{bind, binding, binding_with, bound, queues, text};

    #[track_caller]
    fn check(keys: &[&str], expected: &str) {
        let bindings = [("a", "1"), ("a", "2"), ("b", "2"), ("", "3"), ("#", "4")];
        let topology = bound(ExchangeKind::Direct, &bindings);
        assert_eq!(queues(&topology, "x", keys), expected, "{keys:?}");
    }

    #[test]
    fn keys_are_equal_or_not() {
        check(&["a"], "1 2");
        check(&["b"], "2");
        check(&["A"], "");
        check(&[""], "3");
        check(&["#"], "4");
        check(&[], "");
    }

    #[test]
    fn several_keys_reach_the_union() {
        check(&["a", "b"], "1 2");
        check(&["c", "b", "b"], "2");
    }

    #[test]
    fn a_binding_stays_when_one_with_other_arguments_goes() {
        let mut topology = bound(ExchangeKind::Direct, &[("a", "q")]);
        let second = binding_with("x", "a", "q", &[("n", text("1"))]);
        assert_eq!(bind(&mut topology, second.clone()), Ok(true));
        assert_eq!(queues(&topology, "x", &["a"]), "q");
        topology.unbind(&binding("x", "a", "q"));
        assert_eq!(queues(&topology, "x", &["a"]), "q");
        topology.unbind(&second);
        assert_eq!(queues(&topology, "x", &["a"]), "");
    }
}
