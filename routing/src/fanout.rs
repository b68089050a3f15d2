//! Fanout: every binding, whatever the routing key.

use crate::binding_set::BindingSet;
use crate::route::Reached;

/// Routes to all of an exchange's bindings.
pub(crate) fn route<'t>(bindings: &'t BindingSet, reached: &mut Reached<'t, '_>) {
    reached.add_all(bindings);
}
