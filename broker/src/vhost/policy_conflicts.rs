//! Where policies are in each other's way: two that match the same with the same priority, and keys of a policy that an
//! operator policy overrides.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Snapshot, VHost};
use crate::policy::{Applied, Policies, Policy, PolicyKind};
use crate::queue::shared::SharedQueue;

/// Queues and exchanges that are looked at; of more only so many.
const MAX_EXAMINED: usize = 10_000;
/// Conflicts that are told of, those first that concern the most.
const MAX_TOLD: usize = 100;

/// What a vhost's policies don't agree about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conflicts {
    /// Those that concern the most first.
    pub found: Vec<Conflict>,
    /// Queues and exchanges that were looked at.
    pub examined: usize,
    /// All that there are.
    pub total: usize,
}

/// Two policies that match the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The one that does not have its way.
    pub policy: Arc<str>,
    /// The one that counts.
    pub counts: Arc<str>,
    /// What it overrides, as an operator policy; `None`: both are of a kind and have the same priority, so that the
    /// name decides.
    pub key: Option<String>,
    /// Queues and exchanges that both match.
    pub objects: usize,
    /// One of them.
    pub example: String,
}

/// What tells a conflict from others: its first three fields.
type Known = (Arc<str>, Arc<str>, Option<String>);
type Found = BTreeMap<Known, (usize, String)>;

impl VHost {
    /// Where policies of this kind are in the way of each other, or policies and operator policies. With very many queues it
    /// takes too long for a thread that serves connections.
    pub fn policy_conflicts(&self, kind: PolicyKind) -> Conflicts {
        search(&self.policies.load(), kind, &self.snapshot.load())
    }
}

/// The conflicts between `policies` of the kind, and between policies and operator policies.
pub(super) fn search(policies: &Policies, kind: PolicyKind, snapshot: &Snapshot) -> Conflicts {
    let mut found = Found::new();
    let mut examined = 0;
    for queue in snapshot.queues.values().take(MAX_EXAMINED) {
        examined += 1;
        look_at_queue(&mut found, policies, kind, queue);
    }
    let exchanges = snapshot.topology.exchanges();
    for exchange in exchanges.take(MAX_EXAMINED - examined) {
        examined += 1;
        let name = exchange.name.as_str();
        // There is nothing that operator policies ask of exchanges.
        if kind == PolicyKind::User {
            let matches = |policy: &Policy| policy.matches_exchange(name);
            note_ties(&mut found, policies.list(kind), name, matches);
        }
    }
    let mut found: Vec<_> = found.into_iter().map(Conflict::new).collect();
    found.sort_by_key(|conflict| Reverse(conflict.objects));
    found.truncate(MAX_TOLD);
    Conflicts {
        found,
        examined,
        total: snapshot.queues.len() + snapshot.topology.exchanges().count(),
    }
}

fn look_at_queue(found: &mut Found, policies: &Policies, kind: PolicyKind, queue: &SharedQueue) {
    let name = queue.name.as_str();
    let queue_type = queue.declared.arguments.queue_type;
    let matches = |policy: &Policy| policy.matches_queue(name, queue_type);
    note_ties(found, policies.list(kind), name, matches);
    if let Some(applied) = policies.for_queue(name, queue_type) {
        note_overridden(found, &applied, name);
    }
}

/// The first that matches counts; those that match with its priority might have been meant, too.
fn note_ties(
    found: &mut Found,
    policies: &[Arc<Policy>],
    name: &str,
    matches: impl Fn(&Policy) -> bool,
) {
    let mut matching = policies.iter().filter(|policy| matches(policy));
    let Some(first) = matching.next() else {
        return;
    };
    for other in matching.take_while(|other| other.priority == first.priority) {
        note(found, other, first, None, name);
    }
}

fn note_overridden(found: &mut Found, applied: &Applied, name: &str) {
    let (Some(policy), Some(operator)) = (&applied.policy, &applied.operator) else {
        return;
    };
    let counts = applied.definition.entries();
    for (key, value) in policy.definition.entries() {
        let is_asked = operator.definition.entries().contains_key(key);
        if is_asked && counts.get(key) != Some(value) {
            note(found, policy, operator, Some(key.clone()), name);
        }
    }
}

fn note(found: &mut Found, policy: &Policy, counts: &Policy, key: Option<String>, name: &str) {
    let known = (Arc::clone(&policy.name), Arc::clone(&counts.name), key);
    let (objects, _) = found.entry(known).or_insert_with(|| (0, name.to_owned()));
    *objects += 1;
}

impl Conflict {
    fn new(((policy, counts, key), (objects, example)): (Known, (usize, String))) -> Self {
        Self {
            policy,
            counts,
            key,
            objects,
            example,
        }
    }

    /// Has the policy with this name a part in it?
    pub(super) fn is_about(&self, name: &str) -> bool {
        *self.policy == *name || *self.counts == *name
    }
}
