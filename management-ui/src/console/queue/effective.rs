//! What a queue obeys: its own arguments, its policy and the operator's policy, and which of them counts.

use std::sync::Arc;
use std::time::Duration;

use ferrymq_broker::policy::{Policy, PolicyKind, merge};
use ferrymq_broker::queue::arguments::QueueType;
use ferrymq_broker::queue::options::Options;
use serde_json::{Map, Value};

use super::Head;
use crate::console::address::Address;
use crate::console::visit::Visit;
use crate::console::{format, queues};

/// All that a queue was asked for.
pub(super) struct Effective {
    pub(super) rows: Vec<Setting>,
    /// Policies that match its name, by kind.
    pub(super) kinds: [Matches; 2],
}

/// The policies of a kind that match, the one that applies first.
pub(super) struct Matches {
    pub(super) title: &'static str,
    /// What is said when there are none.
    pub(super) none: &'static str,
    pub(super) policies: Vec<Match>,
}

/// One thing that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// Without the `x-` of arguments.
    pub(super) name: String,
    pub(super) own: String,
    pub(super) policy: String,
    pub(super) operator: String,
    /// The value that counts, and whose it is.
    pub(super) value: String,
    pub(super) winner: &'static str,
}

/// A policy that matches.
pub(super) struct Match {
    pub(super) name: String,
    pub(super) to: String,
    pub(super) pattern: String,
    pub(super) priority: i64,
    pub(super) definition: String,
    /// Of those of its kind, the first alone counts.
    pub(super) applies: bool,
}

/// What was asked for, by who asked.
#[derive(Default)]
struct Asked {
    own: Map<String, Value>,
    policy: Map<String, Value>,
    operator: Map<String, Value>,
    /// What both policies ask for together.
    combined: Map<String, Value>,
}

impl Effective {
    /// Of the queue of a page.
    pub(super) fn of(visit: &Visit, head: &Head) -> Self {
        let queue_type = head.queue["type"].as_str().unwrap_or_default();
        let queue_type = queue_type.parse().unwrap_or(QueueType::Classic);
        let matching = |kind| {
            let vhost = visit.console.site.broker.vhost(&head.vhost);
            let policies = vhost.map(|vhost| vhost.policies().list(kind).to_vec());
            let mut policies = policies.unwrap_or_default();
            policies.retain(|policy| policy.matches_queue(&head.name, queue_type));
            policies
        };
        let (policies, operator) = (matching(PolicyKind::User), matching(PolicyKind::Operator));
        let definition = |policies: &[Arc<Policy>]| {
            let first = policies.first();
            first
                .map(|policy| policy.definition.entries().clone())
                .unwrap_or_default()
        };
        let asked = Asked {
            own: object(&head.queue["arguments"]),
            policy: definition(&policies),
            operator: definition(&operator),
            combined: object(&head.queue["effective_policy_definition"]),
        };
        Self {
            rows: asked.settings(queue_type),
            kinds: [
                Matches {
                    title: "Policies that match",
                    none: "No policy matches this queue.",
                    policies: matches(&policies, |name| queues::of_policy(&head.vhost, name)),
                },
                Matches {
                    title: "Operator policies that match",
                    none: "No operator policy matches this queue.",
                    policies: matches(&operator, |name| {
                        queues::of_operator_policy(&head.vhost, name)
                    }),
                },
            ],
        }
    }

    /// The value that counts, if anybody asked for it.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let row = self.rows.iter().find(|row| row.name == name);
        row.map(|row| row.value.as_str())
    }

    /// The same as a number that people read.
    pub(super) fn count(&self, name: &str) -> Option<String> {
        let value = self.value(name)?;
        Some(
            value
                .parse()
                .map_or_else(|_| value.to_owned(), format::count),
        )
    }

    /// The same of milliseconds.
    pub(super) fn span(&self, name: &str) -> Option<String> {
        let millis = self.value(name)?.parse().ok()?;
        Some(format::span(Duration::from_millis(millis)))
    }
}

impl Asked {
    fn settings(&self, queue_type: QueueType) -> Vec<Setting> {
        let own = self
            .own
            .keys()
            .map(|name| name.trim_start_matches("x-").to_owned());
        let mut names: Vec<_> = own.chain(self.combined.keys().cloned()).collect();
        names.sort_unstable();
        names.dedup();
        let settings = names.into_iter();
        settings
            .map(|name| self.setting(name, queue_type))
            .collect()
    }

    fn setting(&self, name: String, queue_type: QueueType) -> Setting {
        let own = self
            .own
            .get(&format!("x-{name}"))
            .or_else(|| self.own.get(&name));
        let (policy, operator) = (self.policy.get(&name), self.operator.get(&name));
        let (value, winner) = match (own, self.combined.get(&name)) {
            (Some(own), None) => (Some(own), "argument"),
            (Some(own), Some(theirs)) if own_counts(&name, own, theirs, queue_type) => {
                (Some(own), "argument")
            }
            (_, theirs) if policy.is_some() && theirs == policy => (theirs, "policy"),
            (_, theirs) => (theirs, "operator policy"),
        };
        Setting {
            own: shown(own),
            policy: shown(policy),
            operator: shown(operator),
            value: shown(value),
            winner,
            name,
        }
    }
}

/// Does the argument count, and not what policies say? The broker's own rule tells.
fn own_counts(name: &str, own: &Value, theirs: &Value, queue_type: QueueType) -> bool {
    let options = |value: &Value| {
        let mut options = Options::default();
        options.set(name, value.into());
        options
    };
    let (own, theirs) = (options(own), options(theirs));
    merge(&own, &theirs, queue_type) == own
}

/// `page` leads to the policy of a name.
fn matches(policies: &[Arc<Policy>], page: impl Fn(&str) -> Address) -> Vec<Match> {
    let one = |(place, policy): (usize, &Arc<Policy>)| Match {
        name: policy.name.to_string(),
        to: page(&policy.name).to_string(),
        pattern: policy.pattern.as_str().to_owned(),
        priority: policy.priority,
        definition: Value::from(policy.definition.entries().clone()).to_string(),
        applies: place == 0,
    };
    policies.iter().enumerate().map(one).collect()
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(name: &str, [own, policy, operator, combined]: [Value; 4], expected: (&str, &str)) {
        let of = |name: &str, value: Value| {
            let entries = [(name.to_owned(), value)].into_iter();
            entries
                .filter(|(_, value)| !value.is_null())
                .collect::<Map<_, _>>()
        };
        let asked = Asked {
            own: of(&format!("x-{name}"), own),
            policy: of(name, policy),
            operator: of(name, operator),
            combined: of(name, combined),
        };
        let settings = asked.settings(QueueType::Classic);
        assert_eq!(settings.len(), 1);
        let setting = &settings[0];
        assert_eq!(
            (setting.value.as_str(), setting.winner),
            expected,
            "{setting:?}"
        );
    }

    #[test]
    fn what_counts_is_told() {
        let null = Value::Null;
        let own_only = [json!(5), null.clone(), null.clone(), null.clone()];
        check("max-length", own_only, ("5", "argument"));
        let smaller = [json!(5), json!(9), null.clone(), json!(9)];
        check("max-length", smaller, ("5", "argument"));
        let larger = [json!(50), json!(9), null.clone(), json!(9)];
        check("max-length", larger, ("9", "policy"));
        let operators = [json!(50), json!(9), json!(7), json!(7)];
        check("max-length", operators, ("7", "operator policy"));
        let names = [json!("a"), json!("b"), null.clone(), json!("b")];
        check("dead-letter-exchange", names, ("a", "argument"));
        let no_policy = [json!(3), null.clone(), null.clone(), null];
        check("max-priority", no_policy, ("3", "argument"));
    }
}
