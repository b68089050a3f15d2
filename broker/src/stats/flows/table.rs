//! Flows by their ends.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;

/// Flows of one kind, each between what `K` names. Whoever counts finds or begins them, anybody reads them.
pub struct FlowTable<K, F>(Mutex<HashMap<K, Arc<F>, foldhash::fast::RandomState>>);

impl<K, F> Default for FlowTable<K, F> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash, F> FlowTable<K, F> {
    /// The flow of `ends`, or a new one, unless there is none to `begin`.
    pub(super) fn find(&self, ends: K, begin: impl FnOnce() -> Option<F>) -> Option<Arc<F>> {
        let mut flows = self.0.lock();
        if let Some(flow) = flows.get(&ends) {
            return Some(Arc::clone(flow));
        }
        let flow = Arc::new(begin()?);
        flows.insert(ends, Arc::clone(&flow));
        Some(flow)
    }

    /// The flow of `ends`, if anything passed.
    pub fn get(&self, ends: &K) -> Option<Arc<F>> {
        self.0.lock().get(ends).cloned()
    }

    /// All of them, in no order.
    pub fn all(&self) -> Vec<(K, Arc<F>)> {
        self.select(|_| true)
    }

    /// Those between ends that are wanted, in no order.
    pub fn select(&self, is_wanted: impl Fn(&K) -> bool) -> Vec<(K, Arc<F>)> {
        let flows = self.0.lock();
        let wanted = flows.iter().filter(|(ends, _)| is_wanted(ends));
        wanted
            .map(|(ends, flow)| (ends.clone(), Arc::clone(flow)))
            .collect()
    }

    /// Forgets those of whose ends one is gone.
    pub(super) fn retain(&self, is_there: impl Fn(&K) -> bool) {
        let mut flows = self.0.lock();
        flows.retain(|ends, _| is_there(ends));
        if flows.is_empty() {
            flows.shrink_to_fit();
        }
    }
}
