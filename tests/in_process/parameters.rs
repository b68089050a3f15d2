//! Runtime parameters: kept for others, or the broker's own.

use ferrymq_broker::clock;
use ferrymq_broker::policy::PolicyKind;
use ferrymq_tests::InProcess;
use serde_json::{Value as Json, json};

use crate::support::{channel, vhost};

fn set(broker: &InProcess, component: &str, name: &str, value: Json) -> Result<(), String> {
    let set = vhost(broker).set_parameter(component, name, value, "guest", clock::now());
    set.map(drop).map_err(|why| why.to_string())
}

fn get(broker: &InProcess, component: &str, name: &str) -> Option<Json> {
    let parameters = vhost(broker).parameters();
    parameters
        .get(&(component.to_owned(), name.to_owned()))
        .cloned()
}

#[test]
fn values_of_known_components_are_kept() {
    let mut broker = InProcess::start();
    let upstreams = json!([{"upstream": "a"}, {"upstream": "b"}]);
    set(&broker, "federation-upstream-set", "all", upstreams.clone()).unwrap();
    set(&broker, "shovel", "s", json!({"src-queue": "q"})).unwrap();
    set(&broker, "shovel", "s", json!({"src-queue": "r"})).unwrap();
    let cleared = vhost(&broker).clear_parameter("shovel", "none", "guest", clock::now());
    assert!(cleared.is_none());
    broker.restart();
    assert_eq!(
        get(&broker, "federation-upstream-set", "all"),
        Some(upstreams)
    );
    assert_eq!(get(&broker, "shovel", "s"), Some(json!({"src-queue": "r"})));
    let cleared = vhost(&broker).clear_parameter("shovel", "s", "guest", clock::now());
    assert!(cleared.is_some());
    broker.restart();
    assert_eq!(get(&broker, "shovel", "s"), None);
}

#[test]
fn unknown_components_and_policies_are_refused() {
    let broker = InProcess::start();
    let refused = set(&broker, "sails", "s", json!(1)).unwrap_err();
    assert_eq!(refused, "component sails not found");
    let policy = json!({"pattern": "", "definition": {"max-length": 1}});
    let refused = set(&broker, "policy", "p", policy).unwrap_err();
    assert_eq!(refused, "policies may not be set using this method");
}

#[test]
fn operator_policies_and_limits_are_parameters_too() {
    let broker = InProcess::start();
    let policy = json!({
        "pattern": "^q", "apply-to": "queues", "priority": 1, "definition": {"max-length": 1},
    });
    set(&broker, "operator_policy", "cap", policy.clone()).unwrap();
    assert_eq!(get(&broker, "operator_policy", "cap"), Some(policy));
    assert!(
        vhost(&broker)
            .policies()
            .get(PolicyKind::Operator, "cap")
            .is_some()
    );
    let channel = channel(&broker);
    channel.queue("q");
    channel.fill("q", &["a", "b"]);
    assert_eq!(channel.drain("q"), ["b"]);
    set(&broker, "vhost-limits", "limits", json!({"max-queues": 1})).unwrap();
    assert_eq!(
        get(&broker, "vhost-limits", "limits"),
        Some(json!({"max-queues": 1}))
    );
    assert_eq!(vhost(&broker).limits().max_queues.0, Some(1));
    let clear =
        |component, name| vhost(&broker).clear_parameter(component, name, "guest", clock::now());
    assert!(clear("vhost-limits", "limits").is_some());
    assert!(clear("operator_policy", "cap").is_some());
    assert!(vhost(&broker).parameters().is_empty());
}

#[test]
fn what_the_brokers_own_components_can_not_take_is_refused() {
    let broker = InProcess::start();
    for (component, name, value, refusal) in [
        (
            "vhost-limits",
            "limits",
            json!({"max-ships": 1}),
            "unknown field `max-ships`",
        ),
        (
            "vhost-limits",
            "others",
            json!({}),
            "expected the name 'limits'",
        ),
        (
            "operator_policy",
            "p",
            json!({"pattern": "a"}),
            "missing field `definition`",
        ),
        (
            "operator_policy",
            "p",
            json!({"pattern": "a", "definition": {"alternate-exchange": "e"}}),
            "alternate-exchange are not recognised policy settings",
        ),
    ] {
        let refused = set(&broker, component, name, value).unwrap_err();
        assert!(refused.contains(refusal), "{refused}");
    }
}

#[test]
fn global_parameters_are_kept() {
    let mut broker = InProcess::start();
    broker
        .broker()
        .set_global_parameter("cluster_name", json!("prod"));
    broker.broker().set_global_parameter("gone", json!(1));
    assert!(broker.broker().clear_global_parameter("gone").is_some());
    broker.restart();
    let parameter = |name| broker.broker().global_parameter(name);
    assert_eq!(parameter("cluster_name"), Some(json!("prod")));
    assert_eq!(parameter("gone"), None);
    assert_eq!(broker.broker().global_parameters().len(), 1);
}
