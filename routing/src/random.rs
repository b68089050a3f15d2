//! Random: one binding, each equally likely.

use std::sync::Arc;

use crate::Binding;
use crate::ranked::Ranked;
use crate::route::{Reached, RouteInput};

/// All bindings, one unit of weight each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Random(Ranked<Arc<Binding>>);

impl Random {
    pub(crate) fn bind(&mut self, binding: &Arc<Binding>) {
        self.0.insert(Arc::clone(binding), 1);
    }

    pub(crate) fn unbind(&mut self, binding: &Arc<Binding>) {
        self.0.remove(binding);
    }

    pub(crate) fn route<'t>(&'t self, input: &RouteInput<'_>, reached: &mut Reached<'t, '_>) {
        reached.decided_by_message();
        // The high half of the product: every position is as likely as any other.
        let position = (u128::from(input.random) * u128::from(self.0.total())) >> 64;
        if let Some(binding) = self.0.find(position as u64) {
            reached.add(binding.destination());
        }
    }
}
