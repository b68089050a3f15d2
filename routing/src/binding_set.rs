//! A persistent set of bindings in their order, small while it holds one: most do.

use std::sync::Arc;

use imbl::OrdSet;

use crate::Binding;

/// A persistent set of bindings.
#[derive(Debug, Clone, Default)]
pub(crate) enum BindingSet {
    #[default]
    Empty,
    One(Arc<Binding>),
    // Invariant: two or more.
    Many(OrdSet<Arc<Binding>>),
}

impl BindingSet {
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::One(_) => 1,
            Self::Many(set) => set.len(),
        }
    }

    /// The binding equal to this one.
    pub(crate) fn get(&self, binding: &Binding) -> Option<&Arc<Binding>> {
        match self {
            Self::Empty => None,
            Self::One(only) => (**only == *binding).then_some(only),
            Self::Many(set) => set.get(binding),
        }
    }

    /// Adds a binding that is not in the set.
    pub(crate) fn insert(&mut self, binding: Arc<Binding>) {
        *self = match std::mem::take(self) {
            Self::Empty => Self::One(binding),
            Self::One(only) => Self::Many(OrdSet::from_iter([only, binding])),
            Self::Many(mut set) => {
                set.insert(binding);
                Self::Many(set)
            }
        };
    }

    /// Removes a binding that is in the set.
    pub(crate) fn remove(&mut self, binding: &Binding) {
        *self = match std::mem::take(self) {
            Self::Empty | Self::One(_) => Self::Empty,
            Self::Many(mut set) => {
                set.remove(binding);
                match set.get_min() {
                    Some(only) if set.len() == 1 => Self::One(Arc::clone(only)),
                    _ => Self::Many(set),
                }
            }
        };
    }

    /// The bindings in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Binding>> {
        let (one, many) = match self {
            Self::Empty => (None, None),
            Self::One(only) => (Some(only), None),
            Self::Many(set) => (None, Some(set.iter())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}
