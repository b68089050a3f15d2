//! What a policy asks for: its definition, checked and parsed once.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::keys::{self, ALTERNATE_EXCHANGE, Combine, FEDERATION, Key};
use super::{PolicyError, PolicyKind};
use crate::queue::arguments::QueueType;
use crate::queue::options::{Options, Value};

/// Characters of a refused value that an error shows.
const SHOWN_CHARS: usize = 64;

/// The definition of a policy, or of a policy and an operator policy together.
#[derive(Debug, Clone, Default)]
pub struct PolicyDefinition {
    entries: Map<String, Json>,
    options: Options,
    alternate_exchange: Option<Arc<str>>,
}

impl PolicyDefinition {
    /// Checks and parses a definition from outside.
    ///
    /// # Errors
    /// When it is empty, has keys that no policy of its kind knows, or wrong values.
    pub fn parse(entries: Map<String, Json>, kind: PolicyKind) -> Result<Self, PolicyError> {
        if entries.is_empty() {
            return Err(PolicyError::Empty);
        }
        check_names(&entries, kind)?;
        for (name, value) in &entries {
            if let Some(key) = keys::find(name) {
                check_value(key, value)?;
            }
        }
        let federation = FEDERATION.iter().filter(|key| entries.contains_key(**key));
        if federation.count() > 1 {
            return Err(PolicyError::Federation);
        }
        let definition = Self::trusted(entries);
        match definition.options.retry_conflict() {
            Some((max, min)) => Err(PolicyError::RetryBounds { max, min }),
            None => Ok(definition),
        }
    }

    /// A definition that was checked when it was stored.
    pub fn trusted(entries: Map<String, Json>) -> Self {
        let mut options = Options::default();
        for (name, value) in &entries {
            options.set(name, Value::from(value));
        }
        let alternate = entries.get(ALTERNATE_EXCHANGE).and_then(Json::as_str);
        Self {
            alternate_exchange: alternate.map(Arc::from),
            options,
            entries,
        }
    }

    /// As it was given.
    pub fn entries(&self) -> &Map<String, Json> {
        &self.entries
    }

    /// What it asks of queues.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Where the exchanges that it applies to send what they can't route.
    pub fn alternate_exchange(&self) -> Option<&Arc<str>> {
        self.alternate_exchange.as_ref()
    }

    /// Do the exchanges that it applies to keep messages back that have a delay?
    pub fn delays_messages(&self) -> bool {
        let flag = self.entries.get(keys::DELAYED_MESSAGE);
        flag.and_then(Json::as_bool).unwrap_or(false)
    }

    /// Can it apply to queues of this type? One key that the type can't have is enough to prevent it.
    pub fn suits(&self, queue_type: QueueType) -> bool {
        let unsuitable = |key: &Key| key.unsupported.contains(&queue_type);
        !self
            .entries
            .keys()
            .any(|name| keys::find(name).is_some_and(unsuitable))
    }

    /// What a policy and an operator policy ask for together, key by key.
    pub fn combined(policy: Option<&Self>, operator: Option<&Self>) -> Self {
        let mut entries = policy.map_or_else(Map::new, |policy| policy.entries.clone());
        for (name, theirs) in operator.iter().flat_map(|operator| &operator.entries) {
            let combined = match (entries.get(name), keys::find(name)) {
                (Some(ours), Some(key)) => combine(key, ours, theirs),
                _ => theirs.clone(),
            };
            entries.insert(name.clone(), combined);
        }
        Self::trusted(entries)
    }
}

fn check_names(entries: &Map<String, Json>, kind: PolicyKind) -> Result<(), PolicyError> {
    let without = |is_known: &dyn Fn(&Key) -> bool| {
        let unknown = |name: &&String| !keys::find(name).is_some_and(is_known);
        let names: Vec<&str> = entries.keys().filter(unknown).map(String::as_str).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    if let Some(names) = without(&|_| true) {
        return Err(PolicyError::UnknownKeys(names));
    }
    match kind {
        PolicyKind::User => Ok(()),
        PolicyKind::Operator => match without(&|key| key.operator.is_some()) {
            Some(names) => Err(PolicyError::NotForOperators(names)),
            None => Ok(()),
        },
    }
}

fn check_value(key: &Key, value: &Json) -> Result<(), PolicyError> {
    match key.check.expected(Value::from(value)) {
        None => Ok(()),
        Some(expected) => Err(PolicyError::BadValue {
            key: key.name,
            what: key.what,
            value: shown(value),
            expected,
        }),
    }
}

/// The value that counts when both policies have the key.
fn combine(key: &Key, policy: &Json, operator: &Json) -> Json {
    let (Some(ours), Some(theirs)) = (policy.as_i64(), operator.as_i64()) else {
        return operator.clone();
    };
    match key.operator {
        Some(Combine::Smaller) => ours.min(theirs).into(),
        Some(Combine::Larger) => ours.max(theirs).into(),
        Some(Combine::Limit) => smaller_limit(ours, theirs).into(),
        Some(Combine::Operator) | None => operator.clone(),
    }
}

/// A negative limit is none, and none counts more than any.
pub(super) fn smaller_limit(a: i64, b: i64) -> i64 {
    match a < 0 || b < 0 {
        true => a.max(b),
        false => a.min(b),
    }
}

fn shown(value: &Json) -> String {
    let whole = value.to_string();
    match whole.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}...", &whole[..end]),
        None => whole,
    }
}
