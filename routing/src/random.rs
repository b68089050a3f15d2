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

#[cfg(test)]
mod tests {
    use crate::ExchangeKind;
    use crate::testing::{bound, joined, routed};

    #[track_caller]
    fn check(random: u64, expected: &str) {
        let bindings = [("", "1"), ("a", "2"), ("b", "2"), ("", "3")];
        let routed = routed(
            &bound(ExchangeKind::Random, &bindings),
            "x",
            &["k"],
            &[0, 0],
            random,
        );
        assert_eq!(joined(&routed.queues), expected, "{random}");
        assert!(routed.depends_on_message);
    }

    #[test]
    fn one_binding_by_chance() {
        check(0, "1");
        check(u64::MAX / 4, "1");
        check(u64::MAX / 4 + 1, "2");
        check(u64::MAX / 4 * 3, "2");
        check(u64::MAX / 4 * 3 + 3, "3");
        check(u64::MAX, "3");
    }

    #[test]
    fn nothing_bound_nothing_drawn() {
        let topology = bound(ExchangeKind::Random, &[]);
        assert!(routed(&topology, "x", &["k"], &[0, 0], 7).queues.is_empty());
    }
}
