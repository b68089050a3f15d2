//! Vhosts: what they are, their policies and parameters.

use std::collections::HashSet;
use std::sync::Arc;

use ferrymq_broker::Broker;
use ferrymq_broker::limits::VHostLimits;
use ferrymq_broker::parameters::{self, Parameters};
use ferrymq_broker::policy::{Policy, PolicyKind, PolicyRequest};
use ferrymq_broker::queue::arguments::QueueType;
use ferrymq_broker::vhost::{Metadata, Snapshot, VHost, VHostBatch};
use serde::de::DeserializeOwned;

use super::contents::BindingKey;
use super::{Outcome, Planner};
use crate::definitions::document::{self, ParameterEntry, PolicyEntry, Section, VHostEntry};
use crate::definitions::{check, shape};

/// A vhost that objects are to be in.
pub(super) struct Target {
    /// `None`: it is new.
    existing: Option<Existing>,
    /// What is in it now.
    pub(super) snapshot: Arc<Snapshot>,
    metadata: Metadata,
    pub(super) limits: VHostLimits,
    /// The type of queues for which neither their declaration nor the vhost says.
    queue_type: QueueType,
    pub(super) batch: VHostBatch,
    pub(super) new_exchanges: HashSet<String>,
    pub(super) new_queues: HashSet<String>,
    /// Looked up when the first binding asks.
    pub(super) bindings: Option<HashSet<BindingKey>>,
}

/// A vhost as it is.
struct Existing {
    vhost: Arc<VHost>,
    parameters: Parameters<(String, String)>,
}

impl Target {
    fn new(name: &str, broker: &Broker) -> Self {
        let mut snapshot = Snapshot::default();
        if name == broker.config().default_vhost {
            snapshot.topology.add_event_exchange();
        }
        Self {
            existing: None,
            snapshot: Arc::new(snapshot),
            metadata: Metadata::default(),
            limits: VHostLimits::default(),
            queue_type: broker.config().default_queue_type,
            batch: VHostBatch::default(),
            new_exchanges: HashSet::new(),
            new_queues: HashSet::new(),
            bindings: None,
        }
    }

    pub(super) fn existing(vhost: &Arc<VHost>, broker: &Broker) -> Self {
        Self {
            metadata: Metadata::clone(&vhost.metadata()),
            limits: vhost.limits(),
            snapshot: Arc::clone(&vhost.snapshot()),
            existing: Some(Existing {
                vhost: Arc::clone(vhost),
                parameters: vhost.parameters(),
            }),
            ..Self::new(vhost.name(), broker)
        }
    }

    /// The type of queues whose declaration names none.
    pub(super) fn default_queue_type(&self) -> QueueType {
        self.metadata.default_queue_type.unwrap_or(self.queue_type)
    }

    /// What there is to do in it, if anything.
    pub(super) fn into_batch(self) -> Option<VHostBatch> {
        let concerned = self.existing.is_none() || !self.batch.is_empty();
        concerned.then_some(self.batch)
    }
}

impl Planner<'_> {
    pub(super) fn vhosts(&mut self, section: Section<VHostEntry>) {
        self.each(section, |planner, _, entry| planner.vhost(&entry));
    }

    fn vhost(&mut self, entry: &VHostEntry) -> Result<Outcome, String> {
        if entry.name.is_empty() {
            return Err("vhost name cannot be blank".to_owned());
        }
        let name = &entry.name;
        if self.target(name).is_err() {
            let target = Target::new(name, self.broker);
            self.targets.insert(name.clone(), target);
        }
        let target = self.target(name)?;
        let metadata = check::metadata(entry, &target.metadata)?;
        let before = target.existing.as_ref().map(|existing| {
            let vhost = &existing.vhost;
            shape::vhost(name, &vhost.metadata(), vhost.limits())
        });
        target.metadata = metadata;
        // Compat: exports have empty ones beside those among the parameters.
        let given = entry
            .limits
            .filter(|limits| *limits != VHostLimits::default());
        target.limits = given.unwrap_or(target.limits);
        let outcome = Outcome::of(before, shape::vhost(name, &target.metadata, target.limits));
        if outcome != Outcome::Unchanged {
            target.batch.metadata = Some(target.metadata.clone());
            target.batch.limits = given.or(target.batch.limits);
        }
        Ok(outcome)
    }

    pub(super) fn policies(&mut self, section: Section<PolicyEntry>) {
        self.each(section, |planner, place, entry| {
            let target = planner.target(&place.vhost)?;
            let policy = check::policy(entry)?;
            target.policy(&place.vhost, PolicyKind::User, policy)
        });
    }

    pub(super) fn parameters(&mut self, section: Section<ParameterEntry>) {
        self.each(section, |planner, place, entry| {
            let component = entry.component.clone();
            let outcome = planner
                .target(&place.vhost)?
                .parameter(&place.vhost, entry)?;
            if !parameters::is_known(&component) {
                let text = format!("{place}: nobody reads parameters of component '{component}'");
                planner.plan.warnings.push(text);
            }
            Ok(outcome)
        });
    }
}

impl Target {
    fn policy(&mut self, vhost: &str, kind: PolicyKind, policy: Policy) -> Result<Outcome, String> {
        let before = self.existing.as_ref().and_then(|existing| {
            let policies = existing.vhost.policies();
            let current = policies.get(kind, &policy.name);
            current.map(|current| shape::policy(vhost, current))
        });
        let outcome = Outcome::of(before, shape::policy(vhost, &policy));
        if outcome != Outcome::Unchanged {
            self.batch.policies.push((kind, policy));
        }
        Ok(outcome)
    }

    fn parameter(&mut self, vhost: &str, entry: ParameterEntry) -> Result<Outcome, String> {
        let ParameterEntry {
            component,
            name,
            value,
        } = entry;
        let place = (component, name);
        match (place.0.as_str(), place.1.as_str()) {
            (parameters::POLICY, _) => Err(parameters::ParameterError::Policy.to_string()),
            (parameters::OPERATOR_POLICY, name) => {
                let request: PolicyRequest = in_value(value)?;
                let policy = Policy::parse(PolicyKind::Operator, name, request);
                let policy = policy.map_err(|why| format!("value: {why}"))?;
                self.policy(vhost, PolicyKind::Operator, policy)
            }
            (parameters::VHOST_LIMITS, parameters::LIMITS) => {
                self.limits = in_value(value.clone())?;
                let outcome = Outcome::of(self.current(&place), value);
                if outcome != Outcome::Unchanged {
                    self.batch.limits = Some(self.limits);
                }
                Ok(outcome)
            }
            (parameters::VHOST_LIMITS, _) => Err(format!("name: must be '{}'", parameters::LIMITS)),
            _ => {
                let outcome = Outcome::of(self.current(&place), value.clone());
                if outcome != Outcome::Unchanged {
                    self.batch.parameters.push((place, value));
                }
                Ok(outcome)
            }
        }
    }

    fn current(&self, place: &(String, String)) -> Option<serde_json::Value> {
        let existing = self.existing.as_ref()?;
        existing.parameters.get(place).cloned()
    }
}

/// Reads a parameter's value.
fn in_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, String> {
    document::understand(value).map_err(|why| format!("value: {why}"))
}
