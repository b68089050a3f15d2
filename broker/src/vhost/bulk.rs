//! Many declarations in one change of a vhost: all of them hold, or none. `broker/bulk.rs` puts the
//! changes of several vhosts into one record of the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ferrymq_routing::{Binding, Exchange};
use ferrymq_store::CommitPoint;
use serde_json::Value as Json;

use super::queues::log_relaxed;
use super::{Change, Metadata, VHost};
use crate::clock::Timestamp;
use crate::definitions::{self, Definition};
use crate::error::Error;
use crate::events::Event;
use crate::json;
use crate::limits::{Reached, VHostLimits};
use crate::policy::{Policy, PolicyKind};
use crate::queue::arguments::Declared;
use crate::queue::shared::{SharedQueue, Work};
use crate::stats::count_one;

/// After so many queues what telling them leaves to do is done.
const QUEUES_AT_ONCE: usize = 1_000;

/// What is to be in a vhost. Exchanges, queues and bindings that are there already stay as they are;
/// all else is set.
#[derive(Debug, Default)]
pub struct VHostBatch {
    /// What is known about it.
    pub metadata: Option<Metadata>,
    /// How much there may be in it.
    pub limits: Option<VHostLimits>,
    /// Policies of both kinds.
    pub policies: Vec<(PolicyKind, Policy)>,
    /// Parameters that are kept for others, by component and name.
    pub parameters: Vec<((String, String), Json)>,
    /// Exchanges.
    pub exchanges: Vec<Exchange>,
    /// Queues, never exclusive ones.
    pub queues: Vec<(String, Declared)>,
    /// Bindings.
    pub bindings: Vec<Binding>,
}

impl VHostBatch {
    /// Is there nothing in it?
    pub fn is_empty(&self) -> bool {
        self.metadata.is_none()
            && self.limits.is_none()
            && self.policies.is_empty()
            && self.parameters.is_empty()
            && self.exchanges.is_empty()
            && self.queues.is_empty()
            && self.bindings.is_empty()
    }
}

/// A change that was found to be possible. Nobody else changes the vhost until it is dropped, and then
/// it never happened, or committed.
pub(crate) struct Prepared<'a> {
    change: Change<'a>,
    metadata: Option<Metadata>,
    limits: Option<VHostLimits>,
    parameters: Vec<((String, String), Json)>,
    rest: Unfinished,
}

/// What is left to do when nothing is locked any more.
pub(crate) struct Unfinished {
    /// What there is to tell.
    pub(crate) events: Vec<Event>,
    policies_changed: bool,
    queues: Vec<Arc<SharedQueue>>,
    bindings: Vec<Arc<Binding>>,
}

impl VHost {
    /// Begins to declare what `batch` holds, on behalf of the user `by`.
    ///
    /// # Errors
    /// When an end of a binding is missing, a limit would be passed, or an exchange or binding can't be.
    pub(crate) fn prepare(&self, batch: VHostBatch, by: &str) -> Result<Prepared<'_>, Error> {
        let mut change = self.change_in_the_name_of(by.into());
        let before = change.next.sizes();
        let mut rest = Unfinished {
            events: Vec::new(),
            policies_changed: !batch.policies.is_empty(),
            queues: Vec::new(),
            bindings: Vec::new(),
        };
        if batch.metadata.is_some() || batch.limits.is_some() {
            let metadata = batch.metadata.clone();
            change.put(Definition::VHost {
                name: self.name.to_string(),
                metadata: metadata.unwrap_or_else(|| Metadata::clone(&self.metadata())),
                limits: batch.limits.unwrap_or_else(|| self.limits()),
            });
        }
        change.set_policies(batch.policies, by);
        for ((component, name), value) in &batch.parameters {
            let value = value.clone();
            change.put(Definition::parameter(&self.name, component, name, value));
        }
        for exchange in batch.exchanges {
            let name = exchange.name.clone();
            if change.next.topology.exchange(name.as_str()).is_none() {
                let created = change.create_exchange(exchange);
                created.map_err(|why| self.invalid_exchange(name.as_str(), &why))?;
            }
        }
        for (name, declared) in batch.queues {
            if !change.next.queues.contains_key(name.as_str()) {
                rest.queues
                    .push(change.create_queue(name.into(), declared, None));
            }
        }
        for binding in batch.bindings {
            rest.bindings.extend(change.create_binding(binding, None)?);
        }
        let limits = batch.limits.unwrap_or_else(|| self.limits());
        self.check_growth(&limits, before.0, change.next.sizes().0)?;
        Ok(Prepared {
            change,
            metadata: batch.metadata,
            limits: batch.limits,
            parameters: batch.parameters,
            rest,
        })
    }

    fn check_growth(&self, limits: &VHostLimits, before: usize, after: usize) -> Result<(), Error> {
        if after == before {
            return Ok(());
        }
        let room = limits.max_queues.check(after - 1);
        room.map_err(|Reached(most)| {
            Error::PreconditionFailed(format!(
                "cannot declare {} queues in vhost '{}': it has {before}, and its limit is {most}",
                after - before,
                self.name
            ))
        })
    }

    /// Does what committing left to do.
    pub(crate) fn settle(&self, rest: &Unfinished, now: Timestamp) {
        let mut work = Work::default();
        work.set_now(now);
        for (told, queue) in rest.queues.iter().enumerate() {
            count_one(&self.broker_totals.churn.queues_created);
            queue.run(&mut work, |queue, effects| queue.renew(effects.now));
            log_relaxed(queue);
            if told % QUEUES_AT_ONCE == 0 {
                self.finish(&mut work);
            }
        }
        for binding in &rest.bindings {
            self.replay(binding, &mut work);
        }
        self.finish(&mut work);
        work.dirty.wake();
        if rest.policies_changed {
            self.apply_policies(now);
        }
    }

    /// It was made to be declared into, and that failed: it does not count any more.
    pub(crate) fn abandon(&self) {
        self.declared.change(self.snapshot().sizes(), (0, 0));
    }
}

impl Change<'_> {
    fn set_policies(&mut self, policies: Vec<(PolicyKind, Policy)>, by: &str) {
        let vhost = self.vhost;
        for (kind, policy) in policies {
            let request = policy.request();
            self.put(Definition::policy(&vhost.name, kind, &policy.name, request));
            self.note(|_| Event::PolicySet(Box::new(policy.event(&vhost.name, by))));
            self.policies = Some(Arc::new(self.policies().with(kind, policy)));
        }
    }
}

impl Prepared<'_> {
    /// How many queues and exchanges it adds.
    pub(crate) fn growth(&self) -> (usize, usize) {
        let before = self.change.vhost.snapshot().sizes();
        let after = self.change.next.sizes();
        (after.0 - before.0, after.1 - before.1)
    }

    /// What the log is to know before the change is committed.
    pub(crate) fn take_log(&mut self) -> Vec<definitions::Change> {
        std::mem::take(&mut self.change.log)
    }

    /// Makes the change visible; its log is on disk at `point`.
    pub(crate) fn commit(mut self, point: CommitPoint, by: &str) -> Unfinished {
        let vhost = self.change.vhost;
        self.change.last.on_disk = point;
        if let Some(metadata) = self.metadata {
            vhost.traced.store(metadata.tracing, Ordering::Relaxed);
            vhost.metadata.store(Arc::new(metadata));
        }
        if let Some(limits) = self.limits {
            *vhost.limits.lock() = limits;
            self.change.note(|by| limits.event(&vhost.name, by));
        }
        for ((component, name), value) in self.parameters {
            self.change.note(|_| {
                let value = json::to_amqp(&value);
                let event = vhost.parameter_event(&component, &name, Some(value), by);
                Event::ParameterSet(event)
            });
            vhost.parameters.lock().insert((component, name), value);
        }
        let (_, events) = self.change.publish_quietly();
        Unfinished {
            events,
            ..self.rest
        }
    }
}
