//! Policies: what queues and exchanges are asked for by the pattern of their names, whoever declared
//! them.
//!
//! At most one policy and one operator policy apply to a queue: of those that match, the first by
//! priority, then by name. What both ask for is combined (`keys.rs`), then merged with the queue's
//! arguments (`merge.rs`). When policies change, `vhost/policies.rs` tells queues and exchanges.

mod definition;
mod keys;
mod merge;
mod policies;
mod schema;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::pattern::{BadPattern, Pattern};
use crate::queue::arguments::QueueType;

pub use definition::PolicyDefinition;
pub use merge::merge;
pub use policies::{Applied, Policies};
pub use schema::{KeyDescription, Subject, ValueDescription, schema};

/// Whose policy it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// A policy.
    User,
    /// An operator policy: it limits what policies and arguments ask for.
    Operator,
}

impl PolicyKind {
    /// As it stands in keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Operator => "operator",
        }
    }
}

/// What a policy applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum ApplyTo {
    /// Exchanges and queues.
    #[default]
    All,
    /// Queues of any type.
    Queues,
    /// Classic queues.
    ClassicQueues,
    /// Quorum queues.
    QuorumQueues,
    /// Streams.
    Streams,
    /// Exchanges.
    Exchanges,
}

/// A policy as people write it: in the HTTP API, in files of definitions, in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRequest {
    /// A regular expression, searched in names.
    pub pattern: String,
    /// What it applies to.
    #[serde(rename = "apply-to", default)]
    pub apply_to: ApplyTo,
    /// The higher one counts.
    #[serde(default)]
    pub priority: i64,
    /// What it asks for.
    pub definition: Map<String, Json>,
}

/// A policy of a vhost.
#[derive(Debug)]
pub struct Policy {
    /// Its name, of which there is one per vhost and kind.
    pub name: Arc<str>,
    /// Found in the names that it applies to.
    pub pattern: Pattern,
    /// What it applies to.
    pub apply_to: ApplyTo,
    /// The higher one counts.
    pub priority: i64,
    /// What it asks for.
    pub definition: PolicyDefinition,
}

/// Why a policy is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It has no name.
    #[error("a policy needs a name")]
    NoName,
    /// It asks for nothing.
    #[error("a policy's definition can't be empty")]
    Empty,
    /// Keys that no policy has.
    #[error("{0} are not recognised policy settings")]
    UnknownKeys(String),
    /// Keys that operator policies can't have.
    #[error("{0} are not recognised policy settings of operator policies")]
    NotForOperators(String),
    /// A value of the wrong type, or out of bounds.
    #[error("{value} is not a valid {what}: {key}: {expected}")]
    BadValue {
        /// The key.
        key: &'static str,
        /// What it is.
        what: &'static str,
        /// As it was given.
        value: String,
        /// What would do.
        expected: String,
    },
    /// More than one way to name upstreams.
    #[error(
        "cannot specify federation-upstream, federation-upstream-set and \
         federation-upstream-pattern together"
    )]
    Federation,
    /// The longest delay would be shorter than the shortest.
    #[error("{max} must not be less than {min}")]
    RetryBounds {
        /// The key of the longest.
        max: &'static str,
        /// The key of the shortest.
        min: &'static str,
    },
    /// Not something that policies apply to.
    #[error(
        "apply-to '{0}' unrecognised; should be one of: 'queues', 'classic_queues', \
         'quorum_queues', 'streams', 'exchanges', or 'all'"
    )]
    ApplyTo(String),
    /// The pattern is no regular expression.
    #[error(transparent)]
    Pattern(#[from] BadPattern),
}

impl ApplyTo {
    const NAMES: [(&str, Self); 6] = [
        ("all", Self::All),
        ("queues", Self::Queues),
        ("classic_queues", Self::ClassicQueues),
        ("quorum_queues", Self::QuorumQueues),
        ("streams", Self::Streams),
        ("exchanges", Self::Exchanges),
    ];

    /// The names of all of them in definitions.
    pub const TEXTS: &[&str] = &{
        let mut texts = [""; Self::NAMES.len()];
        let mut at = 0;
        while at < texts.len() {
            texts[at] = Self::NAMES[at].0;
            at += 1;
        }
        texts
    };

    /// Its name in definitions.
    pub fn as_str(self) -> &'static str {
        let named = Self::NAMES.iter().find(|(_, named)| *named == self);
        named.map_or("all", |(name, _)| name)
    }

    fn contains_queues(self, queue_type: QueueType) -> bool {
        match self {
            Self::All | Self::Queues => true,
            Self::ClassicQueues => queue_type == QueueType::Classic,
            Self::QuorumQueues => queue_type == QueueType::Quorum,
            Self::Streams => queue_type == QueueType::Stream,
            Self::Exchanges => false,
        }
    }

    fn contains_exchanges(self) -> bool {
        matches!(self, Self::All | Self::Exchanges)
    }
}

impl FromStr for ApplyTo {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let named = Self::NAMES.iter().find(|(name, _)| *name == text);
        match named {
            Some((_, apply_to)) => Ok(*apply_to),
            None => Err(PolicyError::ApplyTo(text.to_owned())),
        }
    }
}

impl TryFrom<String> for ApplyTo {
    type Error = PolicyError;

    fn try_from(text: String) -> Result<Self, PolicyError> {
        text.parse()
    }
}

impl From<ApplyTo> for &'static str {
    fn from(apply_to: ApplyTo) -> Self {
        apply_to.as_str()
    }
}

impl fmt::Display for ApplyTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Policy {
    /// Checks and parses a policy from outside.
    ///
    /// # Errors
    /// When its pattern or definition is wrong; the text names key and value.
    pub fn parse(
        kind: PolicyKind,
        name: &str,
        request: PolicyRequest,
    ) -> Result<Self, PolicyError> {
        if name.is_empty() {
            return Err(PolicyError::NoName);
        }
        Ok(Self {
            name: name.into(),
            pattern: Pattern::parse(&request.pattern)?,
            apply_to: request.apply_to,
            priority: request.priority,
            definition: PolicyDefinition::parse(request.definition, kind)?,
        })
    }

    /// A policy that somebody thinks about: it may ask for nothing yet.
    ///
    /// # Errors
    /// As [`Policy::parse`].
    pub fn draft(
        kind: PolicyKind,
        name: &str,
        request: PolicyRequest,
    ) -> Result<Self, PolicyError> {
        if !request.definition.is_empty() {
            return Self::parse(kind, name, request);
        }
        Ok(Self {
            name: name.into(),
            pattern: Pattern::parse(&request.pattern)?,
            apply_to: request.apply_to,
            priority: request.priority,
            definition: PolicyDefinition::default(),
        })
    }

    /// A policy that was checked when it was stored.
    pub fn trusted(name: &str, request: PolicyRequest) -> Self {
        Self {
            name: name.into(),
            pattern: Pattern::trusted(&request.pattern),
            apply_to: request.apply_to,
            priority: request.priority,
            definition: PolicyDefinition::trusted(request.definition),
        }
    }

    /// As it was given.
    pub fn request(&self) -> PolicyRequest {
        PolicyRequest {
            pattern: self.pattern.as_str().to_owned(),
            apply_to: self.apply_to,
            priority: self.priority,
            definition: self.definition.entries().clone(),
        }
    }

    /// Could it apply to the queue `name` of this type?
    pub fn matches_queue(&self, name: &str, queue_type: QueueType) -> bool {
        self.apply_to.contains_queues(queue_type)
            && self.definition.suits(queue_type)
            && self.pattern.is_match(name)
    }

    pub(crate) fn matches_exchange(&self, name: &str) -> bool {
        self.apply_to.contains_exchanges() && self.pattern.is_match(name)
    }
}

#[cfg(test)]
mod tests;
