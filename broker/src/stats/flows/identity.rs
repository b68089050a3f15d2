//! Which of the things that had a name, and not which name.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, Weak};

/// Something shared, found by its address, which nothing else gets as long as this is kept.
pub struct Identity<T>(Weak<T>);

impl<T> Identity<T> {
    /// That of `shared`.
    pub fn of(shared: &Arc<T>) -> Self {
        Self(Arc::downgrade(shared))
    }

    /// The thing itself, if anybody still has it.
    pub fn get(&self) -> Option<Arc<T>> {
        self.0.upgrade()
    }

    /// Is it the one that stands in a name's place now?
    pub fn is(&self, current: Option<&Arc<T>>) -> bool {
        current.is_some_and(|current| std::ptr::eq(self.0.as_ptr(), Arc::as_ptr(current)))
    }
}

impl<T> Clone for Identity<T> {
    fn clone(&self) -> Self {
        Self(Weak::clone(&self.0))
    }
}

impl<T> PartialEq for Identity<T> {
    fn eq(&self, other: &Self) -> bool {
        Weak::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Eq for Identity<T> {}

impl<T> Hash for Identity<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_ptr().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_is_not_the_same_thing() {
        let (first, second) = (Arc::new("q"), Arc::new("q"));
        let identity = Identity::of(&first);
        assert!(identity == Identity::of(&first) && identity != Identity::of(&second));
        assert!(identity.is(Some(&first)) && !identity.is(Some(&second)) && !identity.is(None));
        drop(first);
        assert_eq!(identity.get(), None);
    }
}
