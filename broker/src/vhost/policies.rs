//! A vhost's policies: set and cleared, kept in the log, and told to all queues and exchanges that
//! they concern.
//!
//! A change is visible to new queues at once, because they are declared under the same lock that it
//! is made under. The queues that are there are told afterwards, one by one, without that lock.

use std::sync::Arc;

use arc_swap::Guard;
use ferrymq_routing::{Exchange, ExchangeName};
use ferrymq_store::CommitPoint;

use super::{Snapshot, VHost};
use crate::clock::Timestamp;
use crate::definitions::Definition;
use crate::events::{Event, PolicyEvent};
use crate::json;
use crate::policy::{Policies, Policy, PolicyError, PolicyKind, PolicyRequest};
use crate::queue::shared::Work;
use crate::queue::timeouts::MESSAGES_AT_ONCE;

/// What telling so many queues leaves to do is done before the next are told.
const QUEUES_AT_ONCE: usize = 1_000;

impl VHost {
    /// The policies that hold now.
    pub fn policies(&self) -> Guard<Arc<Policies>> {
        self.policies.load()
    }

    /// The policy that applies to the exchange `name`.
    pub fn exchange_policy(&self, name: &str) -> Option<Arc<Policy>> {
        self.policies.load().for_exchange(name).cloned()
    }

    /// Sets a policy on behalf of the user `by`, instead of the one with its name, and applies it. With
    /// very many queues it takes too long for a thread that serves connections. Gives the point at
    /// which the policy is on disk.
    ///
    /// # Errors
    /// When it can't apply to anything; the text names key and value.
    pub fn set_policy(
        &self,
        kind: PolicyKind,
        name: &str,
        request: PolicyRequest,
        by: &str,
        now: Timestamp,
    ) -> Result<CommitPoint, PolicyError> {
        let policy = Policy::parse(kind, name, request.clone())?;
        let event = policy.event(&self.name, by);
        let mut change = self.change();
        change.put(Definition::policy(&self.name, kind, name, request));
        let next = self.policies.load().with(kind, policy);
        self.policies.store(Arc::new(next));
        let point = change.log_now();
        drop(change);
        self.apply_policies(now);
        self.events.record(|| Event::PolicySet(Box::new(event)));
        Ok(point)
    }

    /// Clears a policy: what it applied to goes back to other policies or its arguments. `None`:
    /// there is none with this name.
    pub fn clear_policy(
        &self,
        kind: PolicyKind,
        name: &str,
        by: &str,
        now: Timestamp,
    ) -> Option<CommitPoint> {
        let mut change = self.change();
        let policy = Arc::clone(self.policies.load().get(kind, name)?);
        change.remove(Definition::policy(&self.name, kind, name, policy.request()));
        let next = self.policies.load().without(kind, name);
        self.policies.store(Arc::new(next));
        let point = change.log_now();
        drop(change);
        self.apply_policies(now);
        self.events.record(|| Event::PolicyCleared {
            vhost: Arc::clone(&self.name),
            name: name.to_owned(),
            by: by.to_owned(),
        });
        Some(point)
    }

    /// Tells everybody which policies apply now.
    ///
    /// Those who do so take turns, and each looks at the policies anew: the last one leaves
    /// everything as the latest policies want it.
    pub(super) fn apply_policies(&self, now: Timestamp) {
        let _applying = self.applying.lock();
        let policies = self.policies.load_full();
        let queues = self.snapshot.load().queues.clone();
        let mut rerouted = false;
        let mut work = Work::default();
        work.set_now(now);
        for (told, queue) in queues.values().enumerate() {
            let queue_type = queue.declared.arguments.queue_type;
            let applied = policies.for_queue(queue.name.as_str(), queue_type);
            let mut follows = queue.apply(applied, &self.defaults, &mut work);
            rerouted |= follows.rerouted;
            while follows.more {
                self.finish(&mut work);
                follows.more = queue.run(&mut work, |queue, effects| {
                    queue.enforce_limits_some(MESSAGES_AT_ONCE, effects)
                });
            }
            if told % QUEUES_AT_ONCE == 0 {
                self.finish(&mut work);
                work.dirty.wake();
            }
        }
        self.finish(&mut work);
        work.dirty.wake();
        let exchanges = self.snapshot.load().changed_exchanges(&policies);
        if rerouted || !exchanges.is_empty() {
            let mut change = self.change();
            for (exchange, wanted) in exchanges {
                wanted.apply(&mut change.next, &exchange);
                change.create_hidden_queues(&exchange);
            }
            // What a confirm stands for may have changed too, and is part of cached routes.
            change.publish();
        }
    }
}

impl Policy {
    pub(super) fn event(&self, vhost: &Arc<str>, by: &str) -> PolicyEvent {
        PolicyEvent {
            vhost: Arc::clone(vhost),
            name: self.name.to_string(),
            pattern: self.pattern.as_str().to_owned(),
            apply_to: self.apply_to.to_string(),
            definition: json::to_table(self.definition.entries()),
            priority: self.priority,
            by: by.to_owned(),
        }
    }
}

/// What policies want of an exchange.
#[derive(PartialEq, Eq)]
pub(super) struct Wanted {
    alternate: Option<ExchangeName>,
    delays: bool,
}

impl Wanted {
    pub(super) fn of(policies: &Policies, exchange: &Exchange) -> Self {
        let policy = policies.for_exchange(exchange.name.as_str());
        let definition = policy.map(|policy| &policy.definition);
        let alternate = definition.and_then(|definition| definition.alternate_exchange());
        let delays = definition.is_some_and(|definition| definition.delays_messages());
        Self {
            alternate: alternate.map(|alternate| ExchangeName::from(&**alternate)),
            delays: delays || exchange.delays(),
        }
    }

    pub(super) fn apply(self, snapshot: &mut Snapshot, exchange: &Exchange) {
        let name = exchange.name.as_str();
        snapshot.topology.set_policy_alternate(name, self.alternate);
        snapshot.topology.set_policy_delays(name, self.delays);
    }
}

impl Snapshot {
    /// Gives every exchange what `policies` want for it.
    pub(super) fn apply_policies(&mut self, policies: &Policies) {
        for (exchange, wanted) in self.changed_exchanges(policies) {
            wanted.apply(self, &exchange);
        }
    }

    fn changed_exchanges(&self, policies: &Policies) -> Vec<(Arc<Exchange>, Wanted)> {
        let topology = &self.topology;
        let exchanges = topology.exchanges();
        let wanted = exchanges.map(|exchange| (exchange, Wanted::of(policies, exchange)));
        let current = |name: &str| Wanted {
            alternate: topology.policy_alternate(name).cloned(),
            delays: topology.delays(name),
        };
        let changed =
            wanted.filter(|(exchange, wanted)| *wanted != current(exchange.name.as_str()));
        changed
            .map(|(exchange, wanted)| (Arc::clone(exchange), wanted))
            .collect()
    }
}
