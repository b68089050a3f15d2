//! A vhost's parameters, metadata and limits: set, cleared, and kept in the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ferrymq_amqp::AMQPValue;
use ferrymq_store::CommitPoint;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{Metadata, VHost};
use crate::clock::Timestamp;
use crate::definitions::Definition;
use crate::events::{Event, ParameterEvent};
use crate::json;
use crate::limits::VHostLimits;
use crate::parameters::{
    KEPT, LIMITS, OPERATOR_POLICY, POLICY, ParameterError, Parameters, VHOST_LIMITS,
};
use crate::policy::{PolicyKind, PolicyRequest};

impl VHost {
    /// All parameters but policies, by component and name: also those that are the broker's own.
    pub fn parameters(&self) -> Parameters<(String, String)> {
        let mut all = self.parameters.lock().clone();
        let mut add = |component: &str, name: &str, value: serde_json::Result<Json>| {
            let value = value.expect("text and numbers are JSON");
            all.insert((component.to_owned(), name.to_owned()), value);
        };
        for policy in self.policies.load().list(PolicyKind::Operator) {
            let request = serde_json::to_value(policy.request());
            add(OPERATOR_POLICY, &policy.name, request);
        }
        let limits = self.limits();
        if limits != VHostLimits::default() {
            add(VHOST_LIMITS, LIMITS, serde_json::to_value(limits));
        }
        all
    }

    /// Sets a parameter; gives the point at which it is on disk.
    ///
    /// # Errors
    /// When nobody reads such a parameter, or its component refuses the value.
    pub fn set_parameter(
        &self,
        component: &str,
        name: &str,
        value: Json,
        by: &str,
        now: Timestamp,
    ) -> Result<CommitPoint, ParameterError> {
        let bad = |why: String| ParameterError::BadValue {
            component: component.to_owned(),
            name: name.to_owned(),
            why,
        };
        match component {
            POLICY => Err(ParameterError::Policy),
            OPERATOR_POLICY => {
                let request = PolicyRequest::deserialize(value);
                let request = request.map_err(|why| bad(why.to_string()))?;
                Ok(self.set_policy(PolicyKind::Operator, name, request, by, now)?)
            }
            VHOST_LIMITS if name != LIMITS => Err(bad(format!("expected the name '{LIMITS}'"))),
            VHOST_LIMITS => {
                let limits = VHostLimits::deserialize(value);
                Ok(self.set_limits(limits.map_err(|why| bad(why.to_string()))?, by))
            }
            kept if KEPT.contains(&kept) => Ok(self.keep_parameter(component, name, value, by)),
            unknown => Err(ParameterError::UnknownComponent(unknown.to_owned())),
        }
    }

    /// Clears a parameter. `None`: there is none of this name.
    pub fn clear_parameter(
        &self,
        component: &str,
        name: &str,
        by: &str,
        now: Timestamp,
    ) -> Option<CommitPoint> {
        match component {
            OPERATOR_POLICY => return self.clear_policy(PolicyKind::Operator, name, by, now),
            VHOST_LIMITS if name == LIMITS && self.limits() != VHostLimits::default() => {
                return Some(self.set_limits(VHostLimits::default(), by));
            }
            _ => {}
        }
        let mut change = self.change();
        let place = (component.to_owned(), name.to_owned());
        let value = self.parameters.lock().remove(&place)?;
        change.remove(Definition::parameter(&self.name, component, name, value));
        let point = change.log_now();
        drop(change);
        self.events.record(|| {
            let event = self.parameter_event(component, name, None, by);
            Event::ParameterCleared(event)
        });
        Some(point)
    }

    fn keep_parameter(&self, component: &str, name: &str, value: Json, by: &str) -> CommitPoint {
        let shown = json::to_amqp(&value);
        let mut change = self.change();
        let kept = Definition::parameter(&self.name, component, name, value.clone());
        change.put(kept);
        let place = (component.to_owned(), name.to_owned());
        self.parameters.lock().insert(place, value);
        let point = change.log_now();
        drop(change);
        self.events.record(|| {
            let event = self.parameter_event(component, name, Some(shown), by);
            Event::ParameterSet(event)
        });
        point
    }

    pub(super) fn parameter_event(
        &self,
        component: &str,
        name: &str,
        value: Option<AMQPValue>,
        by: &str,
    ) -> Box<ParameterEvent> {
        Box::new(ParameterEvent {
            vhost: Some(Arc::clone(&self.name)),
            component: component.to_owned(),
            name: name.to_owned(),
            value,
            by: by.to_owned(),
        })
    }

    /// What is known about it.
    pub fn metadata(&self) -> Arc<Metadata> {
        self.metadata.load_full()
    }

    /// Changes what is known about it; gives the point at which that is on disk.
    pub fn set_metadata(&self, metadata: Metadata) -> CommitPoint {
        let mut change = self.change();
        self.traced.store(metadata.tracing, Ordering::Relaxed);
        self.metadata.store(Arc::new(metadata));
        change.put(self.definition());
        change.log_now()
    }

    /// How much there may be in it.
    pub fn limits(&self) -> VHostLimits {
        *self.limits.lock()
    }

    /// Limits how much there may be in it; what there is stays. Gives the point at which that is on
    /// disk.
    pub fn set_limits(&self, limits: VHostLimits, by: &str) -> CommitPoint {
        let mut change = self.change();
        *self.limits.lock() = limits;
        change.put(self.definition());
        let point = change.log_now();
        drop(change);
        let by = by.to_owned();
        self.events.record(|| limits.event(&self.name, by));
        point
    }

    /// What the log has of the vhost itself.
    pub(crate) fn definition(&self) -> Definition {
        Definition::VHost {
            name: self.name.to_string(),
            metadata: Metadata::clone(&self.metadata()),
            limits: self.limits(),
        }
    }
}

impl VHostLimits {
    /// What is told when they are set in `vhost`.
    pub(super) fn event(&self, vhost: &str, by: String) -> Event {
        let name = vhost.to_owned();
        match *self == Self::default() {
            true => Event::VHostLimitsCleared { name, by },
            false => Event::VHostLimitsSet {
                name,
                limits: self.table(),
                by,
            },
        }
    }
}
