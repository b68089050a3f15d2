//! All policies of a vhost, and which of them apply to what.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Policy, PolicyDefinition, PolicyKind};
use crate::queue::arguments::QueueType;

/// The policies that apply to a queue, and what they ask for together.
#[derive(Debug)]
pub struct Applied {
    /// The policy.
    pub policy: Option<Arc<Policy>>,
    /// The operator policy.
    pub operator: Option<Arc<Policy>>,
    /// What they ask for together.
    pub definition: PolicyDefinition,
}

/// The policies of a vhost at one moment.
#[derive(Debug, Default)]
pub struct Policies {
    user: Ranked,
    operator: Ranked,
    /// What has been combined so far.
    combined: Mutex<HashMap<Places, Arc<Applied>>>,
}

/// Where a policy and an operator policy stand among those of their kind.
type Places = (Option<usize>, Option<usize>);

/// Policies of one kind, the first that matches counts.
#[derive(Debug, Clone, Default)]
struct Ranked(Vec<Arc<Policy>>);

impl Policies {
    /// All of a kind, the one that counts more first.
    pub fn list(&self, kind: PolicyKind) -> &[Arc<Policy>] {
        &self.ranked(kind).0
    }

    /// The one with this name.
    pub fn get(&self, kind: PolicyKind, name: &str) -> Option<&Arc<Policy>> {
        self.list(kind).iter().find(|policy| &*policy.name == name)
    }

    /// The same, with `policy` in the place of the one with its name.
    pub fn with(&self, kind: PolicyKind, policy: Policy) -> Self {
        self.changed(kind, |ranked| {
            ranked.remove(&policy.name);
            ranked.add(Arc::new(policy));
        })
    }

    /// The same without the one with this name.
    pub fn without(&self, kind: PolicyKind, name: &str) -> Self {
        self.changed(kind, |ranked| ranked.remove(name))
    }

    /// What applies to the queue `name` of this type.
    pub fn for_queue(&self, name: &str, queue_type: QueueType) -> Option<Arc<Applied>> {
        let matches = |policy: &Arc<Policy>| policy.matches_queue(name, queue_type);
        let policy = self.user.0.iter().position(matches);
        let operator = self.operator.0.iter().position(matches);
        if policy.is_none() && operator.is_none() {
            return None;
        }
        let mut combined = self.combined.lock();
        let applied = combined.entry((policy, operator)).or_insert_with(|| {
            let policy = policy.map(|at| Arc::clone(&self.user.0[at]));
            let operator = operator.map(|at| Arc::clone(&self.operator.0[at]));
            Arc::new(Applied::new(policy, operator))
        });
        Some(Arc::clone(applied))
    }

    /// What applies to the exchange `name`. There is nothing that operator policies ask of exchanges.
    pub fn for_exchange(&self, name: &str) -> Option<&Arc<Policy>> {
        let mut policies = self.user.0.iter();
        policies.find(|policy| policy.matches_exchange(name))
    }

    fn ranked(&self, kind: PolicyKind) -> &Ranked {
        match kind {
            PolicyKind::User => &self.user,
            PolicyKind::Operator => &self.operator,
        }
    }

    fn changed(&self, kind: PolicyKind, change: impl FnOnce(&mut Ranked)) -> Self {
        let (mut user, mut operator) = (self.user.clone(), self.operator.clone());
        change(match kind {
            PolicyKind::User => &mut user,
            PolicyKind::Operator => &mut operator,
        });
        Self {
            user,
            operator,
            combined: Mutex::default(),
        }
    }
}

impl Ranked {
    fn add(&mut self, policy: Arc<Policy>) {
        fn rank(policy: &Policy) -> (Reverse<i64>, &str) {
            (Reverse(policy.priority), &policy.name)
        }
        let at = self.0.partition_point(|other| rank(other) < rank(&policy));
        self.0.insert(at, policy);
    }

    fn remove(&mut self, name: &str) {
        self.0.retain(|policy| &*policy.name != name);
    }
}

impl Applied {
    fn new(policy: Option<Arc<Policy>>, operator: Option<Arc<Policy>>) -> Self {
        let definition = PolicyDefinition::combined(
            policy.as_deref().map(|policy| &policy.definition),
            operator.as_deref().map(|policy| &policy.definition),
        );
        Self {
            policy,
            operator,
            definition,
        }
    }

    /// Do the same policies apply?
    pub fn is_same(&self, other: &Self) -> bool {
        let same = |a: &Option<Arc<Policy>>, b: &Option<Arc<Policy>>| match (a, b) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (a, b) => a.is_none() && b.is_none(),
        };
        same(&self.policy, &other.policy) && same(&self.operator, &other.operator)
    }
}
