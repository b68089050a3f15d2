//! Fanout: every binding, whatever the routing key.

use crate::binding_set::BindingSet;
use crate::route::Reached;

/// Routes to all of an exchange's bindings.
pub(crate) fn route<'t>(bindings: &'t BindingSet, reached: &mut Reached<'t, '_>) {
    reached.add_all(bindings);
}

#[cfg(test)]
mod tests {
    use crate::ExchangeKind;
    use crate::testing::{bound, queues};

    #[test]
    fn every_binding_whatever_the_key() {
        let topology = bound(ExchangeKind::Fanout, &[("", "1"), ("a", "2"), ("b", "2")]);
        assert_eq!(queues(&topology, "x", &["c", "d"]), "1 2");
        assert_eq!(queues(&topology, "x", &[""]), "1 2");
    }
}
