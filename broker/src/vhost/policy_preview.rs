//! What a policy would change, before it is set.

use std::sync::Arc;

use ferrymq_routing::Exchange;
use serde_json::{Map, Value as Json};

use super::VHost;
use super::policy_conflicts::{self, Conflicts};
use crate::policy::{Applied, Policies, Policy, PolicyKind};
use crate::queue::shared::SharedQueue;

/// What a policy would mean.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyPreview {
    /// Everything that it matches or changes, in the order of names.
    pub effects: Vec<Effect>,
    /// Other policies that would be in its way, or it in theirs.
    pub conflicts: Conflicts,
}

/// What a policy would mean for a queue or an exchange.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// Its name.
    pub name: String,
    /// `classic`, `quorum`, `stream`, or `exchange`.
    pub kind: &'static str,
    /// Could the policy apply to it?
    pub matches: bool,
    /// What applies now.
    pub before: InForce,
    /// What would.
    pub after: InForce,
}

/// What applies to a queue or an exchange.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InForce {
    /// The policy of the kind that is asked about.
    pub policy: Option<Arc<str>>,
    /// What policies of both kinds ask for together.
    pub definition: Map<String, Json>,
}

/// A policy that is thought about, among the others.
struct Draft<'a> {
    kind: PolicyKind,
    policy: &'a Policy,
    before: &'a Policies,
    after: &'a Policies,
}

impl VHost {
    /// What setting `policy`, instead of the one with its name, would mean. With very many queues it takes too long for a thread that serves connections.
    pub fn preview_policy(&self, kind: PolicyKind, policy: Policy) -> PolicyPreview {
        let name = Arc::clone(&policy.name);
        let before = self.policies.load_full();
        let after = before.with(kind, policy);
        let draft = Draft {
            kind,
            policy: after.get(kind, &name).expect("it was just put there"),
            before: &before,
            after: &after,
        };
        let snapshot = self.snapshot.load_full();
        let queues = snapshot.queues.values();
        let queues = queues.filter_map(|queue| draft.for_queue(queue));
        let exchanges = snapshot.topology.exchanges();
        let exchanges = exchanges.filter_map(|exchange| draft.for_exchange(exchange));
        let mut effects: Vec<_> = queues.chain(exchanges).collect();
        effects.sort_unstable_by(|a, b| (&a.name, a.kind).cmp(&(&b.name, b.kind)));
        let mut conflicts = policy_conflicts::search(&after, kind, &snapshot);
        let concerns = |conflict: &super::Conflict| conflict.is_about(&name);
        conflicts.found.retain(concerns);
        PolicyPreview { effects, conflicts }
    }
}

impl Draft<'_> {
    fn for_queue(&self, queue: &SharedQueue) -> Option<Effect> {
        let name = queue.name.as_str();
        let queue_type = queue.declared.arguments.queue_type;
        let matches = self.policy.matches_queue(name, queue_type);
        let before = self.before.for_queue(name, queue_type);
        let after = self.after.for_queue(name, queue_type);
        let is_same = match (&before, &after) {
            (Some(before), Some(after)) => before.is_same(after),
            (before, after) => before.is_none() && after.is_none(),
        };
        (matches || !is_same).then(|| Effect {
            name: name.to_owned(),
            kind: queue_type.as_str(),
            matches,
            before: InForce::on_queue(before.as_deref(), self.kind),
            after: InForce::on_queue(after.as_deref(), self.kind),
        })
    }

    /// There is nothing that operator policies ask of exchanges.
    fn for_exchange(&self, exchange: &Exchange) -> Option<Effect> {
        if self.kind == PolicyKind::Operator {
            return None;
        }
        let name = exchange.name.as_str();
        let matches = self.policy.matches_exchange(name);
        let (before, after) = (
            self.before.for_exchange(name),
            self.after.for_exchange(name),
        );
        let is_same = match (before, after) {
            (Some(before), Some(after)) => Arc::ptr_eq(before, after),
            (before, after) => before.is_none() && after.is_none(),
        };
        (matches || !is_same).then(|| Effect {
            name: name.to_owned(),
            kind: "exchange",
            matches,
            before: InForce::on_exchange(before),
            after: InForce::on_exchange(after),
        })
    }
}

impl Effect {
    /// Would anything be different?
    pub fn is_change(&self) -> bool {
        self.before != self.after
    }
}

impl InForce {
    fn on_queue(applied: Option<&Applied>, kind: PolicyKind) -> Self {
        let Some(applied) = applied else {
            return Self::default();
        };
        let policy = match kind {
            PolicyKind::User => &applied.policy,
            PolicyKind::Operator => &applied.operator,
        };
        Self {
            policy: policy.as_ref().map(|policy| Arc::clone(&policy.name)),
            definition: applied.definition.entries().clone(),
        }
    }

    fn on_exchange(policy: Option<&Arc<Policy>>) -> Self {
        let Some(policy) = policy else {
            return Self::default();
        };
        Self {
            policy: Some(Arc::clone(&policy.name)),
            definition: policy.definition.entries().clone(),
        }
    }
}
