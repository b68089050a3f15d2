//! The overview, the node, its health, and what it can do.

use rabbitmq_http_client::commons::SupportedProtocol;
use rabbitmq_http_client::error::Error;
use rabbitmq_http_client::responses::HealthCheckFailureDetails;

use crate::support::{broker, client};

const NODE: &str = "ferry@test";

#[tokio::test]
async fn the_overview_is_understood() {
    let broker = broker();
    let client = client(&broker);
    let overview = client.overview().await.unwrap();
    assert_eq!(overview.node, NODE);
    assert_eq!(overview.cluster_name, NODE);
    assert!(overview.object_totals.exchanges >= 7);
    let amqp = broker.amqp();
    let listeners = overview.listeners.iter();
    let mut listeners = listeners.map(|listener| (listener.protocol.as_str(), listener.port));
    assert!(listeners.any(|listener| listener == ("amqp", amqp.port().into())));
    assert!(client.server_version().await.unwrap().starts_with("4."));
    let user = client.current_user().await.unwrap();
    assert_eq!(user.name, "guest");
}

#[tokio::test]
async fn the_node_is_understood() {
    let broker = broker();
    let client = client(&broker);
    let nodes = client.list_nodes().await.unwrap();
    assert_eq!(nodes.len(), 1);
    let node = client.get_node_info(NODE).await.unwrap();
    assert_eq!(node.os_pid, broker.pid());
    assert!(node.rabbitmq_version().starts_with("4."));
    assert!(!node.has_memory_alarm_in_effect && !node.being_drained);
    assert!(client.get_node_info("nobody").await.is_err());
    let plugins = client.list_node_plugins(NODE).await.unwrap();
    assert!(plugins.contains("rabbitmq_management"));
    let memory = client.get_node_memory_footprint(NODE).await.unwrap();
    let memory = memory.breakdown.expect("memory is shared out");
    assert!(memory.total.rss > memory.code);
}

#[tokio::test]
async fn the_cluster_is_renamed() {
    let broker = broker();
    let client = client(&broker);
    client.set_cluster_name("fleet").await.unwrap();
    assert_eq!(client.get_cluster_name().await.unwrap().name, "fleet");
    let tags = serde_json::json!({ "region": "north" });
    let tags = tags.as_object().unwrap().clone();
    client.set_cluster_tags(tags.clone()).await.unwrap();
    assert_eq!(client.get_cluster_tags().await.unwrap().0, tags);
    let overview = client.overview().await.unwrap();
    assert_eq!(overview.cluster_name, "fleet");
    client.clear_cluster_tags().await.unwrap();
}

#[tokio::test]
async fn features_are_understood() {
    let broker = broker();
    let client = client(&broker);
    let flags = client.list_feature_flags().await.unwrap();
    assert!(flags.contains("khepri_db") && flags.contains("quorum_queue"));
    client.enable_feature_flag("khepri_db").await.unwrap();
    client.enable_all_stable_feature_flags().await.unwrap();
    assert!(client.enable_feature_flag("sails").await.is_err());
    let deprecated = client.list_all_deprecated_features().await.unwrap();
    assert!(deprecated.contains("global_qos"));
    client.list_deprecated_features_in_use().await.unwrap();
}

#[tokio::test]
async fn health_is_understood() {
    let broker = broker();
    let client = client(&broker);
    client.health_check_cluster_wide_alarms().await.unwrap();
    client.health_check_local_alarms().await.unwrap();
    let critical = client.health_check_if_node_is_quorum_critical().await;
    critical.unwrap();
    let port = broker.amqp().port();
    client.health_check_port_listener(port).await.unwrap();
    let amqp = client.health_check_protocol_listener(SupportedProtocol::AMQP);
    amqp.await.unwrap();
    match client.health_check_port_listener(1).await {
        Err(Error::HealthCheckFailed {
            details: HealthCheckFailureDetails::NoActivePortListener(details),
            ..
        }) => assert_eq!(details.inactive_port, 1),
        other => panic!("{other:?}"),
    }
    let mqtt = client.health_check_protocol_listener(SupportedProtocol::MQTT);
    match mqtt.await {
        Err(Error::HealthCheckFailed {
            details: HealthCheckFailureDetails::NoActiveProtocolListeners(details),
            ..
        }) => assert_eq!(details.inactive_protocols, ["mqtt"]),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn alarms_are_understood() {
    let options = ferrymq_tests::harness::Options::default();
    let broker = options
        .configuration("[memory]\nhigh_watermark = \"1MiB\"\n")
        .start();
    broker.wait_for_log("memory resource limit alarm set");
    match client(&broker).health_check_local_alarms().await {
        Err(Error::HealthCheckFailed {
            details: HealthCheckFailureDetails::AlarmCheck(details),
            ..
        }) => assert_eq!(details.alarms[0].resource, "memory"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_rest_is_understood() {
    let broker = broker();
    let client = client(&broker);
    let attempts = client.auth_attempts_statistics(NODE).await.unwrap();
    assert!(attempts.iter().any(|row| row.success_count > 0));
    client.rebalance_queue_leaders().await.unwrap();
    assert!(client.list_shovels().await.unwrap().is_empty());
    assert!(client.list_shovels_in("/").await.unwrap().is_empty());
    assert!(client.list_federation_links().await.unwrap().is_empty());
}
