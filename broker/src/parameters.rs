//! Runtime parameters: JSON values that components keep with the broker. Those of a vhost have a
//! component and a name, those of the whole broker a name.
//!
//! Some components are the broker's own, and their values are not just kept: see `vhost/parameters.rs`.

use std::collections::BTreeMap;

use ferrymq_store::CommitPoint;
use serde_json::Value as Json;

use crate::broker::Broker;
use crate::definitions::{self, Change, Definition};
use crate::policy::PolicyError;

/// Components whose values are kept for those who run them.
pub(crate) const KEPT: [&str; 5] = [
    "shovel",
    "federation-upstream",
    "federation-upstream-set",
    "federation",
    "mqtt",
];
/// The component of policies, which are set by other functions.
pub const POLICY: &str = "policy";
/// The component of operator policies, by their names.
pub const OPERATOR_POLICY: &str = "operator_policy";
/// The component of a vhost's limits.
pub const VHOST_LIMITS: &str = "vhost-limits";
/// The only name of a vhost's limits.
pub const LIMITS: &str = "limits";

/// Does anybody read parameters of `component`?
pub fn is_known(component: &str) -> bool {
    [OPERATOR_POLICY, VHOST_LIMITS].contains(&component) || KEPT.contains(&component)
}

/// Values by their names.
pub type Parameters<K> = BTreeMap<K, Json>;

/// Why a parameter is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// Nobody would read it.
    #[error("component {0} not found")]
    UnknownComponent(String),
    /// Policies have functions of their own.
    #[error("policies may not be set using this method")]
    Policy,
    /// The value is not one that the component takes.
    #[error("invalid value of {component} '{name}': {why}")]
    BadValue {
        /// The component.
        component: String,
        /// The parameter.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// It is an operator policy, and refused as such.
    #[error(transparent)]
    OperatorPolicy(#[from] PolicyError),
}

impl Broker {
    /// A parameter of the whole broker.
    pub fn global_parameter(&self, name: &str) -> Option<Json> {
        self.parameters.lock().get(name).cloned()
    }

    /// All parameters of the whole broker.
    pub fn global_parameters(&self) -> Parameters<String> {
        self.parameters.lock().clone()
    }

    /// Sets a parameter of the whole broker; gives the point at which it is on disk.
    pub fn set_global_parameter(&self, name: &str, value: Json) -> CommitPoint {
        let mut parameters = self.parameters.lock();
        let definition = Definition::GlobalParameter {
            name: name.to_owned(),
            value: value.clone(),
        };
        let point = definitions::log(self.store(), &[Change::put(&definition)]);
        parameters.insert(name.to_owned(), value);
        point
    }

    /// Clears a parameter of the whole broker. `None`: there is none with this name.
    pub fn clear_global_parameter(&self, name: &str) -> Option<CommitPoint> {
        let mut parameters = self.parameters.lock();
        let value = parameters.remove(name)?;
        let definition = Definition::GlobalParameter {
            name: name.to_owned(),
            value,
        };
        Some(definitions::log(
            self.store(),
            &[Change::remove(&definition)],
        ))
    }
}
