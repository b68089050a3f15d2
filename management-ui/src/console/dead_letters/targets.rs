//! Which queues dead letters can reach: from each queue's dead-letter exchange and routing key along the bindings.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use axum::http::StatusCode;
use serde_json::Value;

use crate::console::client::{Call, Problem};
use crate::console::copy_as::CopyAs;
use crate::console::visit::Visit;

/// More places that dead letters are sent to are not followed.
const MAX_DESTINATIONS: usize = 500;
/// More exchanges behind one are not followed.
const MAX_EXCHANGES: usize = 100;

/// What finds the queues that send dead letters somewhere.
const FILTERS: [&str; 4] = [
    "arguments.x-dead-letter-exchange:*",
    "effective_policy_definition.dead-letter-exchange:*",
    // The default exchange has no name, and so no value.
    "arguments.x-dead-letter-routing-key:*",
    "effective_policy_definition.dead-letter-routing-key:*",
];

/// A queue that dead letters can reach.
pub(super) struct Target {
    pub(super) vhost: String,
    pub(super) name: String,
    /// Messages that wait in it.
    pub(super) ready: u64,
    /// The queues whose dead letters they can be.
    pub(super) senders: Vec<String>,
}

/// All of them, the fullest first.
pub(super) struct Found {
    pub(super) targets: Vec<Target>,
    /// Were there too many places to follow?
    pub(super) is_cut: bool,
}

/// Where a queue sends its dead letters.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Destination {
    vhost: String,
    exchange: String,
    /// `None`: each message's own.
    routing_key: Option<String>,
}

/// Which queue sends what where, by argument or policy.
type Senders = BTreeMap<Destination, BTreeSet<String>>;

/// What scripts begin with that look for the same, and columns of a command.
pub(super) fn copy_as(visit: &Visit) -> CopyAs {
    let command = [
        "list_queues",
        "name",
        "arguments",
        "effective_policy_definition",
    ];
    CopyAs::new(visit, &list(visit, FILTERS[0]), visit.vhost(), &command)
}

/// Finds the queues that dead letters reach, of those that the visitor sees.
///
/// # Errors
/// What the API refuses.
pub(super) async fn find(visit: &Visit) -> Result<Found, Problem> {
    let senders = senders(visit).await?;
    let is_cut = senders.len() > MAX_DESTINATIONS;
    let mut reached: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for (destination, names) in senders.iter().take(MAX_DESTINATIONS) {
        for queue in reach(visit, destination).await? {
            let target = (destination.vhost.clone(), queue);
            reached
                .entry(target)
                .or_default()
                .extend(names.iter().cloned());
        }
    }
    let mut targets = Vec::new();
    for ((vhost, name), senders) in reached {
        if let Some(queue) = known(visit.get(&["queues", &vhost, &name]).await)? {
            targets.push(Target {
                ready: queue["messages_ready"].as_u64().unwrap_or_default(),
                senders: senders.into_iter().collect(),
                vhost,
                name,
            });
        }
    }
    targets.sort_by_key(|target| std::cmp::Reverse(target.ready));
    Ok(Found { targets, is_cut })
}

/// The queues that pass one of them, with what says where their dead letters go.
fn list(visit: &Visit, filter: &str) -> Call {
    let list = Call::get(&["queues"]).with("filter", filter).with(
        "columns",
        "vhost,name,arguments,effective_policy_definition",
    );
    match visit.vhost() {
        Some(vhost) => list.header("x-vhost", vhost),
        None => list,
    }
}

async fn senders(visit: &Visit) -> Result<Senders, Problem> {
    let mut senders = Senders::new();
    for filter in FILTERS {
        let queues = visit.call(list(visit, filter)).await?;
        for queue in queues.as_array().into_iter().flatten() {
            if let Some(destination) = destination(queue) {
                let name = queue["name"].as_str().unwrap_or_default().to_owned();
                senders.entry(destination).or_default().insert(name);
            }
        }
    }
    Ok(senders)
}

/// Where a queue sends its dead letters; an argument wins over the policy.
fn destination(queue: &Value) -> Option<Destination> {
    let setting = |name: &str| {
        let own = queue["arguments"][format!("x-{name}")].as_str();
        own.or_else(|| queue["effective_policy_definition"][name].as_str())
    };
    Some(Destination {
        vhost: queue["vhost"].as_str()?.to_owned(),
        exchange: setting("dead-letter-exchange")?.to_owned(),
        routing_key: setting("dead-letter-routing-key").map(str::to_owned),
    })
}

/// The queues that what is sent there can reach.
async fn reach(visit: &Visit, to: &Destination) -> Result<BTreeSet<String>, Problem> {
    match (to.exchange.as_str(), &to.routing_key) {
        ("", Some(queue)) => Ok(BTreeSet::from([queue.clone()])),
        // Each message's own key names a queue: that can be any.
        ("", None) => Ok(BTreeSet::new()),
        (exchange, Some(key)) => traced(visit, &to.vhost, exchange, key).await,
        (exchange, None) => bound(visit, &to.vhost, exchange).await,
    }
}

/// The queues that one routing key leads to.
async fn traced(
    visit: &Visit,
    vhost: &str,
    exchange: &str,
    key: &str,
) -> Result<BTreeSet<String>, Problem> {
    let route = Call::get(&["exchanges", vhost, exchange, "route"]).with("routing_key", key);
    let route = known(visit.call(route).await)?.unwrap_or_default();
    let queues = route["queues"].as_array().into_iter().flatten();
    let queues = queues.filter_map(Value::as_str);
    Ok(queues.map(str::to_owned).collect())
}

/// All queues that are bound to an exchange, directly or behind others, whatever the routing key.
async fn bound(visit: &Visit, vhost: &str, exchange: &str) -> Result<BTreeSet<String>, Problem> {
    let mut queues = BTreeSet::new();
    let mut seen = HashSet::from([exchange.to_owned()]);
    let mut next = VecDeque::from([exchange.to_owned()]);
    while let Some(exchange) = next.pop_front() {
        let list = ["exchanges", vhost, &exchange, "bindings", "source"];
        let bindings = known(visit.get(&list).await)?.unwrap_or_default();
        for binding in bindings.as_array().into_iter().flatten() {
            let name = binding["destination"].as_str().unwrap_or_default();
            if binding["destination_type"] == "queue" {
                queues.insert(name.to_owned());
            } else if seen.len() < MAX_EXCHANGES && seen.insert(name.to_owned()) {
                next.push_back(name.to_owned());
            }
        }
    }
    Ok(queues)
}

/// What is missing, or not for the visitor, is not there.
fn known(answer: Result<Value, Problem>) -> Result<Option<Value>, Problem> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(problem) => match problem.status {
            StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => Ok(None),
            _ => Err(problem),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(arguments: Value, policy: Value, expected: Option<(&str, Option<&str>)>) {
        let queue = json!({
            "vhost": "/",
            "name": "q",
            "arguments": arguments,
            "effective_policy_definition": policy,
        });
        let found = destination(&queue);
        let found = found.map(|found| (found.exchange, found.routing_key));
        let expected = expected.map(|(to, key)| (to.to_owned(), key.map(str::to_owned)));
        assert_eq!(found, expected, "{queue}");
    }

    #[test]
    fn an_argument_wins() {
        check(json!({}), json!({}), None);
        let own = json!({ "x-dead-letter-exchange": "a" });
        let policy = json!({ "dead-letter-exchange": "b", "dead-letter-routing-key": "k" });
        check(own, policy.clone(), Some(("a", Some("k"))));
        check(json!({}), policy, Some(("b", Some("k"))));
        let key = json!({ "x-dead-letter-routing-key": "k" });
        check(key, json!({}), None);
    }
}
